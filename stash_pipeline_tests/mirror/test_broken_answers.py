"""Invalid or incomplete responses of a server remove nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.instances import edit_instance
from stash_pipeline.simulator.http import encode
from stash_pipeline.stash.errors import IncompleteListingError, InvalidResponseError, StashError
from stash_pipeline.stash.schema import INTROSPECTION
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.working import (
    URL,
    MakeMirror,
    Mirror,
    generated,
    last_run,
    new_mirror,
    row_versions,
    run_command,
)

pytestmark = pytest.mark.faults


@pytest.fixture
def server(warehouse: str, home: Path) -> Mirror:
    return new_mirror(warehouse, home, generated(60, seed=3))


def answering(server: Mirror, change: Callable[[dict[str, Any]], None], kind: str = "scenes") -> None:
    """Passes the objects of an entity through a function."""

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        answer = server.stash.engine.answer(server.stash.context(URL), payload["query"], payload["variables"], None)
        for found in (answer.body.get("data") or {}).values():
            for one in found.get(kind) or [] if isinstance(found, dict) else []:
                change(one)
        return httpx.Response(200, content=encode(answer.body), headers={"Content-Type": "application/json"})

    server.hook = hook


@pytest.mark.parametrize("value", [None, "none", 0, [None], [{}], [{"id": "abc"}]])
@pytest.mark.parametrize("field", ["tags", "files"])
def test_a_response_without_the_list_of_scenes_ends_the_sync_and_removes_nothing(
    server: Mirror, field: str, value: Any
) -> None:
    server.refresh()
    before = server.state()

    def change(one: dict[str, Any]) -> None:
        if field in one:
            one[field] = value

    answering(server, change)
    with pytest.raises(InvalidResponseError, match=rf"scenes violate the server's own schema.*{field}"):
        server.read(["scenes"], mode="sweep")
    assert last_run(server)["status"] == "failed"
    server.transform()
    assert server.state() == before
    # listings show tags of none, and files of few
    server.read(["scenes"], mode="reconcile")
    server.transform()
    assert server.state() == before
    server.hook = None
    server.refresh()
    assert not server.differences()


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_a_broken_object_stays_unchanged_and_is_reported(mirrored: MakeMirror, release: str) -> None:
    server = mirrored(30, release, seed=3)
    before = server.state()

    def change(one: dict[str, Any]) -> None:
        if one.get("id") == "3" and "tags" in one:
            one["tags"] = [{"id": None}]
        one["details"] = "seen"

    answering(server, change)
    read, _ = server.refresh()
    assert read.changes["scenes"].failures == ["3: tags[0] has no usable id."]
    assert read.changes["scenes"].failed == 1
    assert last_run(server)["entities"]["scenes"]["failures"] == ["3: tags[0] has no usable id."]
    assert not any(change.removed for change in read.changes.values())
    rows = {one["id"]: one["details"] for one in map(json.loads, server.state()["scenes"])}
    assert rows.pop(3) != "seen" and set(rows.values()) == {"seen"}
    for table, found in before.items():
        if table != "scenes":
            assert server.state()[table] == found, table
    # an answer that is the same is not passed over
    answering(server, lambda one: one.update(details="seen"))
    server.refresh()
    server.hook = None
    server.refresh()
    assert not server.differences()
    assert server.state() == before


def test_a_schema_with_a_scalar_instead_of_a_list_ends_the_sync(server: Mirror) -> None:
    server.refresh()
    before = row_versions(server.database_url, server.instance.id)

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if payload["query"] != INTROSPECTION:
            return None
        body = server.stash.execute(INTROSPECTION)
        (scene,) = [one for one in body["data"]["__schema"]["types"] if one["name"] == "Scene"]
        (tags,) = [one for one in scene["fields"] if one["name"] == "tags"]
        tags["type"] = {"kind": "SCALAR", "name": "String", "ofType": None}
        return httpx.Response(200, content=encode(body), headers={"Content-Type": "application/json"})

    server.hook = hook
    with pytest.raises(InvalidResponseError, match=r"Scene\.tags is not a list"):
        server.read()
    assert row_versions(server.database_url, server.instance.id) == before


@pytest.mark.parametrize("release", ["v0.20.2", "v0.22.1", "v0.30.1"])
def test_two_objects_with_one_id_end_the_sync_before_it_removes(mirrored: MakeMirror, release: str) -> None:
    server = mirrored(20, release, seed=3)

    def change(one: dict[str, Any]) -> None:
        if one.get("id") == "3":
            one["id"] = "2"

    answering(server, change, "tags")
    with pytest.raises(IncompleteListingError, match="nothing was removed"):
        server.read(["tags"])
    assert not server.dead_ids("tags")


NO_ANSWERS: list[tuple[Any, str]] = [
    (None, "findTags"),
    ("text", "findTags"),
    ({"count": 5, "tags": None}, "tags is null"),
    ({"count": 5, "tags": [None]}, r"tags\[0\] is null"),
    ({"count": 5, "tags": [{}]}, "no usable id"),
    ({"count": None, "tags": []}, "count is null"),
    ({"count": 2**31, "tags": []}, "count is out of range"),
    ({"count": -1, "tags": []}, "count is out of range"),
    ({"tags": []}, "count is null"),
]


@pytest.mark.parametrize(("found", "sentence"), NO_ANSWERS)
def test_an_invalid_response_is_reported_with_its_path(server: Mirror, found: Any, sentence: str) -> None:
    server.refresh()

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if "findTags" not in payload["query"] or "Probe" in payload["query"]:
            return None
        content = encode({"data": {"findTags": found}})
        return httpx.Response(200, content=content, headers={"Content-Type": "application/json"})

    server.hook = hook
    with pytest.raises(StashError, match=sentence):
        server.read(["tags"])
    assert not server.dead_ids("tags")


def at(server: Mirror, url: str) -> None:
    with connect(server.database_url) as connection:
        server.instance = edit_instance(connection, server.instance.name, home=server.settings.home, url=url)


def test_syncing_a_missing_id_sets_the_exit_code(
    server: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with server.stash.running() as running:
        at(server, running.url)
        arguments = ("sync", server.instance.name, "--entity", "tags", "--id")
        assert run_command(server, monkeypatch, *arguments, "1") == 0
        capsys.readouterr()
        assert run_command(server, monkeypatch, *arguments, "2", "--id", "99999") == 1
        assert "99999: the server has no such object." in capsys.readouterr().err
    assert server.live_ids("tags") == {1, 2}


def test_errors_name_the_instance_once(
    server: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refresh()
    server.stash.library = generated(60, seed=4)
    with server.stash.running() as running:
        at(server, running.url)
        capsys.readouterr()
        assert run_command(server, monkeypatch, "sync", server.instance.name) == 1
    said = capsys.readouterr().err
    assert "--accept-removals" in said and said.count(f"{server.instance.name}: ") == 1
