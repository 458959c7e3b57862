"""The stand-in of Typesense answers as the real server did."""

import json
from pathlib import Path

import pytest

from stash_pipeline_tests.search.typesense_cases import cases, record
from stash_pipeline_tests.search.typesense_server import KEY, running

RECORDED = json.loads((Path(__file__).parent / "recorded" / "typesense-0.24.1.json").read_text())


@pytest.fixture(scope="module")
def answers() -> list[object]:
    with running() as server:
        return list(record(server.url, KEY))


def test_every_request_was_recorded() -> None:
    assert [(one["method"], one["path"]) for one in RECORDED][:-3] == [case[:2] for case in cases()]


@pytest.mark.parametrize("number", range(len(RECORDED)))
def test_the_stand_in_answers_as_release_0_24_1(answers: list[dict[str, object]], number: int) -> None:
    assert _comparable(answers[number]) == _comparable(RECORDED[number])


def _comparable(value: object) -> object:
    """An answer without what the real server takes from its JSON library, and without the order of equal facets."""
    if isinstance(value, dict):
        kept = {name: _comparable(one) for name, one in value.items()}
        if str(kept.get("error", "")).startswith("Bad JSON"):
            kept["error"] = "Bad JSON"
        if "counts" in kept:
            kept["counts"] = sorted(kept["counts"], key=json.dumps)  # type: ignore[call-overload]
        return kept
    return [_comparable(one) for one in value] if isinstance(value, list) else value
