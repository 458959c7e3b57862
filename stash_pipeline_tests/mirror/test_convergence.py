"""The mirror converges, however a sync is split into requests, and whatever fails or changes during it."""

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import IncompleteListingError, StashError
from stash_pipeline.stash.pagination import page_reader
from stash_pipeline.sync import run as mirror_module
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.events import statements
from stash_pipeline_tests.mirror.working import Hook, MakeMirror, Mirror, generated, new_mirror, row_versions

pytestmark = pytest.mark.faults


def refused(text: str = "down") -> httpx.Response:
    return httpx.Response(503, text=text)


def failing_after(requests: int) -> Hook:
    """Answers a number of requests, and then fails."""

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        return refused() if number > requests else None

    return hook


def requests_needed(server: Mirror, **settings: Any) -> int:
    """The number of requests of a full sync, measured with another mirror of the same library."""
    twin = new_mirror(server.database_url, server.settings.home, server.stash.library, server.stash.release.name)
    twin.read(**settings)
    assert twin.transport is not None
    return twin.transport.requests


def raw_is_consistent(server: Mirror) -> None:
    """Every committed document has a known revision, and a ledger entry that names its run."""
    with connect(server.database_url) as connection:
        for kind in BY_NAME:
            row = connection.execute(
                f"SELECT count(*) FROM raw.{kind} r JOIN ops.instances i ON i.id = r.instance_id\n"
                "WHERE r.instance_id = %s AND (r.revision > i.revision OR NOT EXISTS\n"
                "    (SELECT FROM ops.sync_runs s WHERE s.id = r.run_id AND s.instance_id = r.instance_id))",
                [server.instance.id],
            ).fetchone()
            assert row == (0,), kind


# --- page sizes and requests in flight ------------------------------------------------------------------


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_page_size_and_concurrency_make_no_difference(warehouse: str, home: Path, release: str) -> None:
    server = new_mirror(warehouse, home, generated(40, seed=2), release)
    server.refresh(page_size=1000, requests_in_flight=1)
    assert not server.differences()
    before = row_versions(warehouse, server.instance.id)
    for page_size, in_flight in ((1, 1), (1, 5), (7, 2), (7, 5), (1000, 2)):
        read, _ = server.refresh(page_size=page_size, requests_in_flight=in_flight)
        assert all(change.complete for change in read.changes.values())
        assert row_versions(warehouse, server.instance.id) == before, (page_size, in_flight)


@pytest.mark.parametrize(("page_size", "in_flight"), [(1, 5), (7, 2), (39, 3), (40, 1), (41, 5)])
def test_first_syncs_with_any_page_size_are_complete(
    warehouse: str, home: Path, page_size: int, in_flight: int
) -> None:
    server = new_mirror(warehouse, home, generated(40, seed=2))
    server.sql("DELETE FROM scene_markers", "DELETE FROM scenes WHERE id IN (1, 2, 3, 17, 40)")
    server.read(page_size=page_size, requests_in_flight=in_flight)
    for kind in ("scenes", "images", "tags", "files"):
        table = {"scenes": "scenes", "images": "images", "tags": "tags", "files": "files"}[kind]
        wanted = {row[0] for row in server.stash.library.tuples(f"SELECT id FROM {table}")}
        assert server.live_ids(kind) == wanted, kind


def test_listings_in_small_parts_are_complete(warehouse: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_reader, "LISTING_SIZE", 3)
    for release in ("v0.20.2", "v0.30.1"):
        server = new_mirror(warehouse, home, generated(40, seed=2), release)
        server.refresh(page_size=5)
        assert not server.differences()


# --- failures -------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_a_failed_first_sync_leaves_raw_consistent_and_the_next_one_converges(
    warehouse: str, home: Path, release: str
) -> None:
    server = new_mirror(warehouse, home, generated(40, seed=2), release)
    needed = requests_needed(server, page_size=9)
    for requests in (0, 1, 2, 3, needed // 3, needed // 2, needed - 3, needed - 1):
        server.hook = failing_after(requests)
        with pytest.raises(StashError):
            server.read(page_size=9)
        raw_is_consistent(server)
        if requests > 1:
            server.transform()
        assert all(not server.dead_ids(kind) for kind in ("scenes", "tags", "files"))
    server.hook = None
    server.refresh(page_size=9)
    assert not server.differences()
    assert (
        server.scalar(
            "SELECT count(*) FROM ops.sync_runs WHERE instance_id = %s AND status = 'running'", [server.instance.id]
        )
        == 0
    )


@pytest.mark.faults
@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_a_failed_later_sync_tombstones_no_existing_object(mirrored: MakeMirror, release: str) -> None:
    server = mirrored(40, release, seed=2)
    server.sql(*statements("a scene is destroyed with its markers", 1), *statements("objects are created", 1))
    gone = {8, 9}
    needed = requests_needed(server, page_size=9, requests_in_flight=3)
    for requests in (3, needed // 3, needed // 2, needed - 2):
        server.hook = failing_after(requests)
        with pytest.raises(StashError):
            server.refresh(page_size=9, requests_in_flight=3)
        raw_is_consistent(server)
        assert server.dead_ids("scenes") <= gone
        assert not server.dead_ids("tags") and not server.dead_ids("performers")
        server.transform()
    server.hook = None
    server.refresh()
    assert server.dead_ids("scenes") == gone
    assert not server.differences()


@pytest.mark.parametrize("release", ["v0.20.2", "v0.28", "v0.30.1"])
def test_a_partially_read_entity_is_not_tombstoned(mirrored: MakeMirror, release: str) -> None:
    server = mirrored(40, release, seed=2)

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        variables = json.dumps(payload.get("variables"))
        late = "findScenes" in payload["query"] and ('"value": 2' in variables or '"page": 2' in variables)
        return refused() if late else None

    server.hook = hook
    with pytest.raises(StashError):
        server.read(page_size=4, requests_in_flight=1)
    for kind in BY_NAME:
        assert not server.dead_ids(kind), kind


def test_sporadically_failing_requests_are_retried(warehouse: str, home: Path) -> None:
    rng = random.Random(4)

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        roll = rng.random()
        if roll < 0.03:
            return refused()
        if roll < 0.06:
            return httpx.Response(200, text="<html>a proxy speaks</html>")
        if roll < 0.08:
            raise httpx.ReadTimeout("slow")
        if roll < 0.1:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        if roll < 0.12:
            return httpx.Response(200, json={"errors": [{"message": "database is locked"}], "data": None})
        return None

    server = new_mirror(warehouse, home, generated(40, seed=2), hook=hook)
    server.refresh(page_size=9)
    assert not server.differences()


@pytest.mark.parametrize(
    ("release", "query"),
    [
        ("v0.20.2", "findScenes"), ("v0.20.2", "findMovies"), ("v0.30.1", "findScenes"), ("v0.30.1", "findPerformers"),
        ("v0.30.1", "findFiles"),
    ],
)  # fmt: skip
def test_an_object_deleted_during_a_response_does_not_end_the_sync(
    warehouse: str, home: Path, release: str, query: str
) -> None:
    """Nested fields are read in their own transactions: a tag destroyed in between fails the whole response."""
    spoiled: list[int] = []

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if query in payload["query"] and "created_at" in payload["query"] and not spoiled:
            spoiled.append(number)
            error = {"message": "tag with id 6 not found", "path": [query, "x", 0, "tags"]}
            return httpx.Response(200, json={"errors": [error], "data": None})
        return None

    server = new_mirror(warehouse, home, generated(40, seed=2), release, hook=hook)
    server.refresh()
    assert spoiled
    assert not server.differences()


def test_a_failing_database_leaves_a_failed_run_and_no_partial_writes(
    warehouse: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_mirror(warehouse, home, generated(40, seed=2))
    real = mirror_module.RawLoader._load_documents
    calls: list[str] = []

    def broken(self: Any, entity: str, *arguments: Any) -> None:
        calls.append(entity)
        real(self, entity, *arguments)
        if entity == "scenes":
            raise RuntimeError("the disk is full")

    monkeypatch.setattr(mirror_module.RawLoader, "_load_documents", broken)
    with pytest.raises(RuntimeError, match="disk is full"):
        server.read()
    assert not server.live_ids("scenes")
    error = "SELECT error FROM ops.sync_runs WHERE instance_id = %s ORDER BY id DESC LIMIT 1"
    assert server.scalar(error, [server.instance.id]) == "the disk is full"
    monkeypatch.undo()
    server.refresh()
    assert not server.differences()


def test_a_failed_transformation_changes_nothing(mirrored: MakeMirror, monkeypatch: pytest.MonkeyPatch) -> None:
    from stash_pipeline.warehouse.entities.transform import _Run

    server = mirrored(40, seed=2)
    before = server.state()
    server.sql(*statements("a tag is destroyed", 1), *statements("objects are created", 2))
    server.read()
    real = _Run._move_dangling

    def broken(self: Any) -> None:
        real(self)
        raise RuntimeError("killed")

    monkeypatch.setattr(_Run, "_move_dangling", broken)
    with pytest.raises(RuntimeError):
        server.transform()
    assert server.state() == before
    monkeypatch.undo()
    server.transform()
    assert not server.differences()


# --- a library that changes while it is read ------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("release", ["v0.20.2", "v0.28", "v0.30.1"])
def test_changes_during_a_sync_are_neither_lost_nor_an_error(
    mirrored: MakeMirror, release: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_reader, "LISTING_SIZE", 4)
    rng = random.Random(seed)
    server = mirrored(40, release, seed=2)
    made: list[int] = []
    scenes, tags, performers = (
        {row[0] for row in server.stash.library.tuples(f"SELECT id FROM {table}")}
        for table in ("scenes", "tags", "performers")
    )
    marked = {row[0] for row in server.stash.library.tuples("SELECT primary_tag_id FROM scene_markers")}
    chances = {"v0.20.2": 0.05}

    def hook(number: int, payload: dict[str, Any]) -> None:
        # the first three are about the server itself
        if number <= 3 or rng.random() > chances.get(release, 0.5) or len(made) > 15:
            return
        made.append(number)
        if rng.random() < 0.5:
            server.sql(*statements("objects are created", 1000 * seed + number))
        else:
            victim = rng.choice(sorted(scenes))
            scenes.discard(victim)
            server.sql(
                f"DELETE FROM scene_markers WHERE scene_id = {victim}", f"DELETE FROM scenes WHERE id = {victim}"
            )
            unmarked = sorted(tags - marked)
            if unmarked:
                tags.discard(unmarked[0])
                server.sql(f"DELETE FROM tags WHERE id = {unmarked[0]}")
            if performers:
                performer = performers.pop()
                server.sql(f"DELETE FROM performers WHERE id = {performer}")

    server.hook = hook
    server.refresh(page_size=3, requests_in_flight=1)
    server.hook = None
    # nothing that was there all the time is tombstoned
    assert not server.dead_ids("scenes") & scenes
    assert not server.dead_ids("tags") & tags
    assert not server.dead_ids("performers") & performers
    server.refresh()
    assert not server.differences()


def test_a_listing_whose_parts_shift_does_not_tombstone_skipped_objects(
    mirrored: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One object is destroyed before the edge of a part and one created: the count matches, but an id is missed."""
    monkeypatch.setattr(page_reader, "LISTING_SIZE", 4)
    server = mirrored(100, seed=2)
    assert len(server.live_ids("performers")) == 10
    there = server.live_ids("performers") - {2}
    changed: list[int] = []

    def hook(number: int, payload: dict[str, Any]) -> None:
        page = (payload.get("variables") or {}).get("filter", {}).get("page")
        if "findPerformers" in payload["query"] and page == 2 and not changed:
            changed.append(number)
            server.sql(
                "DELETE FROM performers WHERE id = 2",
                "INSERT INTO performers (name, created_at, updated_at)"
                " VALUES ('new one', '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z')",
            )

    server.hook = hook
    with suppress(IncompleteListingError):
        server.refresh(["performers"], requests_in_flight=1)
    assert changed
    assert not server.dead_ids("performers") & there
    server.hook = None
    server.refresh()
    assert not server.differences()


def test_a_server_whose_count_never_matches_is_not_trusted(mirrored: MakeMirror) -> None:
    server = mirrored(40, seed=2)
    real = server.stash.engine.answer

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if "findTags(" in payload["query"] and "$filter" in payload["query"] and "count" in payload["query"]:
            answer = real(server.stash.context(), payload["query"], payload["variables"], None).body
            answer["data"]["findTags"]["tags"].pop()
            return httpx.Response(200, json=answer)
        return None

    server.hook = hook
    with pytest.raises(IncompleteListingError, match="nothing was removed"):
        server.read(["tags"])
    assert not server.dead_ids("tags")


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_a_response_that_silently_omits_objects_is_not_considered_complete(mirrored: MakeMirror, release: str) -> None:
    """The server reports the number of scenes; a truncated page must not count as the last one."""
    server = mirrored(40, release, seed=2)
    real = server.stash.engine.answer

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if "findScenes" in payload["query"] and "created_at" in payload["query"]:
            answer = real(server.stash.context(), payload["query"], payload["variables"], None).body
            del answer["data"]["findScenes"]["scenes"][5:]
            return httpx.Response(200, json=answer)
        return None

    server.hook = hook
    with suppress(StashError):
        server.read(["scenes"], page_size=10)
    assert not server.dead_ids("scenes")
