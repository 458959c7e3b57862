"""Invalid snapshots, and servers that send none, remove nothing."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.simulator.http import encode
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.sync.run import run_sync as mirror_server
from stash_pipeline_tests.mirror.lanes import again, lane_and_reason
from stash_pipeline_tests.mirror.working import (
    URL,
    Mirror,
    SimulatorTransport,
    generated,
    last_run,
    new_mirror,
    row_versions,
)

pytestmark = pytest.mark.faults


@pytest.fixture
def server(warehouse: str, home: Path) -> Mirror:
    return new_mirror(warehouse, home, generated(60, seed=3))


class OtherFiles(SimulatorTransport):
    """A server whose snapshots are modified on their way, or not available."""

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
        self.snapshots = 0
        self.told = told

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if b"backupDatabase(" in request.read():
            self.snapshots += 1
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
    assert lane == "graphql" and "the snapshot failed" in reason and refusing.snapshots == 1
    assert not server.differences()
    # the next runs do not try, the sweep of the week does
    assert again(server).snapshot_error
    refusing = OtherFiles(server.stash, answer=REFUSALS[how])
    read = read_with(server, refusing, mode="reconcile")
    assert refusing.snapshots == 0 and "a sweep tries again" in read.lane_reason
    read_with(server, refusing, mode="sweep")
    assert refusing.snapshots == 1 and again(server).snapshot_error
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
        return httpx.Response(503) if gone.snapshots and "Mirror" in payload["query"] else None

    gone.hook = down
    with pytest.raises(StashError):
        read_with(server, gone)
    assert again(server).snapshot_error is None
