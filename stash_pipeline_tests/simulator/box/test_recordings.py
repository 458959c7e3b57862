"""The simulator answers as real boxes did: the same status, content type and value.

The recordings are of boxes of four releases with the tables of ``sample``, whose phash distance was 3. Lists are
compared without their order, except groups of a lookup and lists with an order; tests of the names begin with ordered.
"""

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline_tests import recordings
from stash_pipeline_tests.http_client import http_client
from stash_pipeline_tests.simulator.box.sample import change, sample

FOLDER = Path(recordings.__file__).parent / "box"
RELEASES = ("v0.6.17", "v0.7.9", "v0.8.4", "v0.10.2")
PHASES = ("before", "after")
KEYS = {"good": "key", "bad": "nonsense", None: None}


@cache
def _recorded(release: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"{release}.json.gz").read_bytes()))
    return found


@pytest.fixture(scope="module", params=[(release, phase) for release in RELEASES for phase in PHASES], ids="/".join)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Any], httpx.Client]]:
    release, phase = request.param
    recorded = _recorded(release)
    box = sample()
    if phase == "after":
        change(box)
    server = SimulatedStashBox(box.box, release=release, api_key="key", phash_distance=recorded["phash_distance"])
    with server.running() as running, http_client(base_url=running.url, timeout=60) as client:
        yield recorded["answers"][phase], client


def _comparable(value: Any, ordered: bool, under: str = "") -> Any:
    if isinstance(value, str):
        return re.sub(r"http://127.0.0.1:\d+", "BASE", value)
    if isinstance(value, dict):
        return {name: _comparable(one, ordered, name) for name, one in value.items() if name != "api_key"}
    if not isinstance(value, list):
        return value
    items = [_comparable(one, ordered, under) for one in value]
    if ordered or under == "path" or (items and isinstance(items[0], list)):
        return items
    return sorted(items, key=lambda one: json.dumps(one, sort_keys=True))


def _differences(answers: dict[str, Any], client: httpx.Client) -> dict[str, Any]:
    different = {}
    for name, recorded in answers.items():
        key = KEYS[recorded["key"]]
        response = client.post(
            "",
            json={"query": recorded["query"], "variables": recorded["variables"]},
            headers={"ApiKey": key} if key else {},
        )
        is_json = (response.headers.get("content-type") or "").endswith("json")
        body = _comparable(response.json() if is_json else response.text, name.startswith("ordered"))
        answered = [response.status_code, response.headers.get("content-type"), body]
        expected = [recorded["status"], recorded["content_type"], recorded["body"]]
        if answered != expected:
            different[name] = (expected, answered)
    return different


def test_every_answer_is_that_of_the_real_box(served: tuple[dict[str, Any], httpx.Client]) -> None:
    answers, client = served
    assert len(answers) > 140
    assert _differences(answers, client) == {}


def test_the_recordings_differ_where_releases_differ() -> None:
    old, new = (_recorded(release)["answers"]["before"] for release in ("v0.6.17", "v0.10.2"))
    dates = [one["scene0"]["body"]["data"]["findScene"]["date"] for one in (old, new)]
    assert dates == ["2015-01-01", "2015"]
    assert [one["badkey"]["status"] for one in (old, new)] == [500, 401]
