"""Invalid relations from a server remove nothing, whether by GraphQL or by a database copy."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.instances import edit_instance
from stash_pipeline.simulator.http import encode
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import IncompleteListingError, InvalidResponseError, StashError
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.stash.schema import INTROSPECTION
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.sync.run import mirror as mirror_server
from stash_pipeline.sync.safeguards import SuspiciousServerError
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.test_lanes import again, lane_and_reason
from stash_pipeline_tests.mirror.working import (
    URL,
    MakeMirror,
    Mirror,
    SimulatorTransport,
    generated,
    new_mirror,
    row_versions,
    run_command,
)

pytestmark = pytest.mark.faults

KINDS = [
    "tags",
    "studios",
    "performers",
    "groups",
    "images",
    "galleries",
    "scenes",
    "scene_markers",
    "files",
    "folders",
]


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


def last_run(server: Mirror) -> dict[str, Any]:
    with connect(server.database_url) as connection:
        row = connection.execute(
            "SELECT status, error, entities FROM ops.sync_runs WHERE instance_id = %s ORDER BY id DESC LIMIT 1",
            [server.instance.id],
        ).fetchone()
    assert row is not None
    return {"status": row[0], "error": row[1], "entities": row[2]}


# --- answers ----------------------------------------------------------------------------------------------


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
    with pytest.raises(InvalidResponseError, match=rf"scenes are not what the server's own schema says.*{field}"):
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


# --- relations that shrink --------------------------------------------------------------------------------


SHRINKING = [
    ("DELETE FROM scenes_tags", r"\d+ of \d+ tags of scenes would be removed"),
    ("DELETE FROM performers_scenes", r"of \d+ performers of scenes would be removed"),
    ("UPDATE scenes SET studio_id = NULL", r"of \d+ studio of scenes would be removed"),
]


@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
@pytest.mark.parametrize(("statement", "sentence"), SHRINKING)
def test_an_emptied_relation_stops_the_run_before_it_writes(
    warehouse: str, home: Path, lane: Any, statement: str, sentence: str
) -> None:
    server = new_mirror(warehouse, home, generated(150, seed=3))
    server.refresh(lane=lane)
    server.sql(statement)
    state, before = server.state(), row_versions(warehouse, server.instance.id)
    with pytest.raises(SuspiciousServerError, match=sentence):
        server.read(lane=lane)
    server.transform()
    assert server.state() == state and row_versions(warehouse, server.instance.id) == before
    run = last_run(server)
    assert run["status"] == "failed" and "--accept-removals" in run["error"]
    assert not any(change["updated"] or change["removed"] for change in run["entities"].values())
    server.refresh(lane=lane, accept_removals=True)
    assert not server.differences()
    server.refresh(lane=lane)
    assert not server.differences()


@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
def test_emptied_relations_are_applied_if_edits_explain_them(warehouse: str, home: Path, lane: Any) -> None:
    server = new_mirror(warehouse, home, generated(150, seed=3))
    server.refresh(lane=lane)
    # a tag that most scenes have is destroyed: that is one object, and explains what referred to it
    server.sql("INSERT OR IGNORE INTO scenes_tags (scene_id, tag_id) SELECT id, 2 FROM scenes")
    server.refresh(lane=lane)
    assert not server.differences()
    server.sql(
        "DELETE FROM scenes_tags WHERE tag_id = 2",
        "UPDATE scene_markers SET primary_tag_id = 1 WHERE primary_tag_id = 2",
        "DELETE FROM tags WHERE id = 2",
        # and a few elements here and there
        "DELETE FROM scene_urls WHERE scene_id < 20",
    )
    read, _ = server.refresh(lane=lane)
    assert read.changes["scenes"].updated >= 100 and read.changes["tags"].removed == 1
    assert not server.differences()


def test_documents_that_are_held_back_and_read_again_count_once(warehouse: str, home: Path) -> None:
    from stash_pipeline.stash.documents import finish
    from stash_pipeline.sync.held_back import HeldBack
    from stash_pipeline.sync.safeguards import Safeguards

    with connect(warehouse) as connection:
        held = HeldBack(Safeguards(connection, 0, "none"))
        before = {1: {"id": 1, "tags": list(range(40))}}
        for _ in range(5):
            after = {"id": 1, "tags": [1]}
            held.forget("scenes", [1])
            assert held.keep("scenes", [finish(after, 1)], before, {1: after}) == []
        assert [one.id for one in held.release({})["scenes"]] == [1]
        assert not held.any("scenes") and held.release({}) == {}


# --- copies -----------------------------------------------------------------------------------------------


class OtherFiles(SimulatorTransport):
    """A server whose copies are modified on their way, or not available."""

    def __init__(
        self,
        stash: SimulatedStash,
        statements: tuple[str, ...] = (),
        answer: Callable[[], httpx.Response] | None = None,
        told: str = "",
    ) -> None:
        super().__init__(stash)
        self.statements = statements
        self.answer = answer
        self.copies = 0
        self.told = told

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if b"backupDatabase(" in request.read():
            self.copies += 1
            if self.told:
                body = {"errors": [{"message": self.told}], "data": None}
                return httpx.Response(200, content=encode(body), headers={"Content-Type": "application/json"})
        return super().handle_request(request)

    def _file(self, request: httpx.Request) -> httpx.Response:
        if self.answer:
            return self.answer()
        found = super()._file(request)
        database = sqlite3.connect(":memory:", isolation_level=None)
        database.deserialize(found.read())  # type: ignore[attr-defined,unused-ignore]
        for statement in self.statements:
            database.executescript(statement)
        content = database.serialize()  # type: ignore[attr-defined,unused-ignore]
        database.close()
        return httpx.Response(200, headers={"Content-Length": str(len(content))}, stream=httpx.ByteStream(content))


def read_with(
    server: Mirror, transport: OtherFiles, lane: Any = "auto", mode: Any = "sweep", **more: Any
) -> SyncResult:
    client = StashClient(URL, transport=transport, **more)
    instance = again(server)
    found = mirror_server(
        server.settings, server.database_url, instance, list(BY_NAME), mode=mode, client=client, lane=lane
    )
    server.transform()
    return found


WITHOUT_KEYS = """
PRAGMA writable_schema = ON;
CREATE TABLE others AS SELECT * FROM tags;
PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;
DROP TABLE tags; ALTER TABLE others RENAME TO tags;
UPDATE tags SET id = CASE id % 2 WHEN 0 THEN NULL ELSE 'x' || id END WHERE id < 9;
"""

SPOILED = [
    (WITHOUT_KEYS, "the ids of tags"),
    ("PRAGMA foreign_keys = OFF; DELETE FROM tags WHERE id = 2;", "disagrees with the server, which counts "),
    ("PRAGMA foreign_keys = OFF; UPDATE scenes SET id = -id WHERE id = 2;", "disagrees with the server, which counts "),
]


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "deserialize"), reason="Python 3.11 makes databases of bytes")
@pytest.mark.parametrize(("statements", "sentence"), SPOILED)
def test_a_copy_that_lost_objects_is_not_written(server: Mirror, statements: str, sentence: str) -> None:
    server.refresh(lane="snapshot")
    server.sql("UPDATE studios SET name = name || '!'")
    before = row_versions(server.database_url, server.instance.id)
    with pytest.raises(SnapshotError, match=sentence):
        read_with(server, OtherFiles(server.stash, (statements,)), "snapshot")
    assert row_versions(server.database_url, server.instance.id) == before
    # what was rolled back is not said to have been written
    counts = last_run(server)["entities"]
    assert not any(change["updated"] or change["removed"] for change in counts.values())
    read = read_with(server, OtherFiles(server.stash, (statements,)))
    assert read.lane == "graphql" and sentence in read.lane_reason
    assert not server.differences()


JOINS = [
    ("scenes_tags", "scene_id", "tag_id", "scenes", "tags"),
    ("performers_scenes", "scene_id", "performer_id", "scenes", "performers"),
    ("scenes_files", "scene_id", "file_id", "scenes", "files"),
    ("images_tags", "image_id", "tag_id", "images", "tags"),
    ("galleries_tags", "gallery_id", "tag_id", "galleries", "tags"),
    ("performers_tags", "performer_id", "tag_id", "performers", "tags"),
    ("galleries_images", "image_id", "gallery_id", "images", "galleries"),
]


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "deserialize"), reason="Python 3.11 makes databases of bytes")
@pytest.mark.parametrize("value", ["NULL", "'abc'", "-5", "1.5", "x'00'"])
def test_a_list_element_without_usable_id_in_a_copy_breaks_its_object(server: Mirror, value: str) -> None:
    server.refresh(lane="snapshot")
    before = server.state()
    statements, owners = ["PRAGMA foreign_keys = OFF;"], []
    for table, owner, column, kind, name in JOINS:
        ((identifier,),) = server.stash.library.tuples(f"SELECT max({owner}) FROM {table}")
        # the table's own columns may not hold it
        statements.append(
            f"CREATE TABLE spoiled AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE spoiled RENAME TO {table};"
            f"UPDATE {table} SET {column} = {value} WHERE {owner} = {identifier};"
        )
        owners.append((kind, identifier, name))
    read = read_with(server, OtherFiles(server.stash, tuple(statements)), "snapshot")
    for kind, identifier, name in owners:
        assert any(
            line.startswith(f"{identifier}: ") and "a usable id" in line for line in read.changes[kind].failures
        ), (kind, identifier, name)
    assert server.state() == before


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "deserialize"), reason="Python 3.11 makes databases of bytes")
def test_lone_surrogates_in_copies_are_replaced(server: Mirror) -> None:
    statement = 'UPDATE saved_filters SET object_filter = \'{"odd": "a\\ud800b"}\' WHERE id = 1;'
    read_with(server, OtherFiles(server.stash, (statement,)), "snapshot")
    found = server.scalar(
        "SELECT document->'object_filter'->>'odd' FROM raw.saved_filters WHERE instance_id = %s AND id = 1",
        [server.instance.id],
    )
    assert found == "a\ufffdb"


# --- copies that cannot be had ----------------------------------------------------------------------------


def closed() -> httpx.Response:
    raise httpx.ReadError("Connection reset by peer")


def late() -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


PAGE = "<!DOCTYPE html><title>Log in</title>"
REFUSALS: dict[str, Callable[[], httpx.Response]] = {
    "401": lambda: httpx.Response(401, text=PAGE),
    "403": lambda: httpx.Response(403, text=PAGE),
    "302": lambda: httpx.Response(302, headers={"Location": "https://auth.example/"}),
    "404": lambda: httpx.Response(404),
    "500": lambda: httpx.Response(500, text="failed"),
    "a page": lambda: httpx.Response(
        200, headers={"Content-Length": str(len(PAGE))}, stream=httpx.ByteStream(PAGE.encode())
    ),
    "a page of no length": lambda: httpx.Response(200, stream=httpx.ByteStream(PAGE.encode())),
    "compressed": lambda: httpx.Response(
        200, headers={"Content-Encoding": "br", "Content-Length": "4"}, content=b"aaaa"
    ),
    "closed": closed,
    "late": late,
}


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted download is resumed at once."""
    monkeypatch.setattr(RetryPolicy, "pause", lambda *_: 0.001)


@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize("how", REFUSALS)
def test_auto_falls_back_to_graphql_in_the_same_run_and_remembers_it(server: Mirror, how: str) -> None:
    refusing = OtherFiles(server.stash, answer=REFUSALS[how])
    read = read_with(server, refusing, mode="changes")
    lane, reason = lane_and_reason(server, read)
    assert lane == "graphql" and "the snapshot failed" in reason and refusing.copies == 1
    assert not server.differences()
    # the next runs do not try, the sweep of the week does
    assert again(server).snapshot_error
    refusing = OtherFiles(server.stash, answer=REFUSALS[how])
    read = read_with(server, refusing, mode="reconcile")
    assert refusing.copies == 0 and "a sweep tries again" in read.lane_reason
    read_with(server, refusing, mode="sweep")
    assert refusing.copies == 1 and again(server).snapshot_error
    with pytest.raises(StashError):
        read_with(server, refusing, "snapshot")
    assert read_with(server, OtherFiles(server.stash), mode="sweep").lane == "snapshot"
    assert again(server).snapshot_error is None


def test_no_api_key_from_copy_errors_is_stored(server: Mirror) -> None:
    key = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LWtleQ.abcdef"
    read = read_with(server, OtherFiles(server.stash, told=f"cannot back up for {key}"), api_key=key)
    assert read.lane == "graphql" and key not in read.lane_reason and "***" in read.lane_reason
    trouble = again(server).snapshot_error
    assert trouble and key not in trouble


def test_an_unreachable_server_is_not_reported_as_a_copy_problem(server: Mirror) -> None:
    gone = OtherFiles(server.stash, answer=closed)

    def down(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        return httpx.Response(503) if gone.copies and "Mirror" in payload["query"] else None

    gone.hook = down
    with pytest.raises(StashError):
        read_with(server, gone)
    assert again(server).snapshot_error is None


# --- at the command line ----------------------------------------------------------------------------------


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
