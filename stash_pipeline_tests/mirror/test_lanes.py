"""Both lanes read the same library the same way, whatever the release; and each where it should."""

from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from stash_pipeline.instances import Instance, edit_instance, get_instance
from stash_pipeline.simulator.copies import Backups
from stash_pipeline.simulator.releases import find_release
from stash_pipeline.simulator.server import SimulatedStash, known_releases
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.snapshot.database import UnusableSnapshot
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.lane_comparison import compare_lanes
from stash_pipeline.warehouse.mirror import Mirrored
from stash_pipeline_tests.mirror.events import EVENTS, statements
from stash_pipeline_tests.mirror.histories import furnished, what_changed
from stash_pipeline_tests.mirror.library_events import happen
from stash_pipeline_tests.mirror.working import URL, Mirror, SimulatorTransport, generated, new_mirror, row_versions

READABLE = [release for release in known_releases() if release >= "v0.20" and release < "v0.31"]


def one_per_schema(releases: list[str]) -> list[ParameterSet]:
    """The first release of each version of the database's schema, and that can be asked for files; others in soak."""
    seen: set[tuple[int, bool]] = set()
    found = []
    for name in releases:
        release = find_release(name)
        key = release.database_schema, release.since(29)
        found.append(pytest.param(name, marks=[pytest.mark.soak] if key in seen else []))
        seen.add(key)
    return found


def with_backups(warehouse: str, home: Path, backups: Backups, lane: str = "auto", **settings: Any) -> Mirror:
    """A mirror of a server that makes copies like that."""
    server = new_mirror(warehouse, home, generated(20, seed=4), **settings)
    server.stash = SimulatedStash(server.stash.library, backups=backups)
    return in_lane(server, lane)


def in_lane(server: Mirror, lane: Any) -> Mirror:
    with connect(server.database_url) as connection:
        server.instance = edit_instance(connection, server.instance.name, home=server.settings.home, lane=lane)
    return server


def again(server: Mirror) -> Instance:
    """The instance as it is registered now."""
    with connect(server.database_url) as connection:
        server.instance = get_instance(connection, server.instance.name)
    return server.instance


def told(server: Mirror, read: Mirrored) -> tuple[str, str]:
    with connect(server.database_url) as connection:
        row = connection.execute("SELECT lane, lane_reason FROM ops.sync_runs WHERE id = %s", [read.run_id]).fetchone()
    assert row is not None
    assert row == (read.lane, read.lane_reason)
    return row[0], row[1]


def leftovers(server: Mirror) -> list[Path]:
    folder = server.settings.home / "snapshots"
    return list(folder.iterdir()) if folder.exists() else []


# --- the same ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", one_per_schema(READABLE))
def test_a_copy_gives_the_documents_of_the_answers(home: Path, warehouse: str, release: str) -> None:
    server, _ = furnished(warehouse, home, release, scenes=25)
    for number, event in enumerate(EVENTS):
        server.sql(*statements(event, number))
    client = StashClient(URL, transport=SimulatorTransport(server.stash, server.hook))
    found = compare_lanes(server.settings, server.instance, client)
    assert not found.lines
    assert found.documents["scenes"] and found.documents["files"] and found.documents["galleries"]
    assert not leftovers(server)


@pytest.mark.parametrize("release", ["v0.20.2", "v0.28.1", "v0.30.1"])
def test_changing_the_lane_writes_nothing(home: Path, warehouse: str, release: str) -> None:
    server, _ = furnished(warehouse, home, release, scenes=15)
    first, _ = server.refresh(lane="graphql")
    usual, _ = server.refresh(mode="sweep", lane="graphql")
    before = row_versions(warehouse, server.instance.id)
    read, _ = server.refresh(mode="reconcile", lane="snapshot")
    assert read.lane == "snapshot"
    assert not what_changed(read)
    assert row_versions(warehouse, server.instance.id) == before
    fetched = {kind: change.fetched for kind, change in first.changes.items()}
    assert {kind: change.fetched for kind, change in read.changes.items()} == fetched
    read, _ = server.refresh(mode="sweep", lane="graphql")
    assert not what_changed(read)
    # what the answers were is still known
    known = {kind: change.known for kind, change in usual.changes.items()}
    assert {kind: change.known for kind, change in read.changes.items()} == known


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_a_mirror_by_copies_follows_whatever_happens(home: Path, warehouse: str, release: str) -> None:
    server, clock = furnished(warehouse, home, release, scenes=15)
    server.refresh(mode="changes", lane="auto")
    assert not server.differences()
    for number, event in enumerate(EVENTS):
        server.sql(*statements(event, number))
        clock.forward(minutes=1)
    for mode in ("reconcile", "sweep"):
        happen(server.stash, "a tag is created", 1)
        read, _ = server.refresh(mode=mode, lane="auto", accept_removals=True)
        assert read.lane == "snapshot"
        assert not server.differences()
    clock.forward(hours=1)
    happen(server.stash, "a scene is edited", 1)
    read, _ = server.refresh(mode="changes")
    assert read.lane == "graphql" and read.changes["scenes"].fetched <= 2
    assert not server.differences()


def test_a_copy_that_is_the_last_one_is_not_read_again_as_long_as_nothing_was_written(
    home: Path, warehouse: str
) -> None:
    server = with_backups(warehouse, home, Backups(), "snapshot")
    first, _ = server.refresh(mode="sweep")
    spoil = (
        "UPDATE raw.tags SET document = document || '{\"name\": \"wrong\"}', hash = 'wrong', revision = revision + %s\n"
        "WHERE instance_id = %s AND id = 1"
    )
    with connect(warehouse) as connection:
        connection.execute(spoil, [0, server.instance.id])
    again, _ = server.refresh(mode="sweep")
    assert not what_changed(again), "it was compared though the copy is known"
    fetched = {kind: change.fetched for kind, change in first.changes.items()}
    assert {kind: change.fetched for kind, change in again.changes.items()} == fetched
    with connect(warehouse) as connection:
        connection.execute("UPDATE ops.instances SET revision = revision + 1 WHERE id = %s", [server.instance.id])
        connection.execute(spoil, [1, server.instance.id])
    again, _ = server.refresh(mode="sweep")
    assert what_changed(again) == {"tags": (0, 1, 0)}
    assert not server.differences()


# --- which lane -------------------------------------------------------------------------------------------


def test_auto_takes_the_copy_where_everything_is_read(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups())
    first, _ = server.refresh(mode="changes")
    assert told(server, first)[0] == "snapshot"
    assert told(server, server.refresh(mode="changes")[0])[0] == "graphql"
    assert told(server, server.refresh(mode="reconcile")[0])[0] == "snapshot"
    assert told(server, server.refresh(["tags"], mode="sweep")[0])[0] == "graphql"
    rows = server.scalar(
        "SELECT array_agg(bytes ORDER BY id) FROM raw.pages WHERE instance_id = %s AND lane = 'snapshot'",
        [server.instance.id],
    )
    assert len(rows) == 2 and first.copy is not None and rows[0] == first.copy.size
    known = again(server)
    assert known.snapshot_bytes and known.snapshot_seconds is not None and known.snapshot_trouble is None
    assert told(in_lane(server, "graphql"), server.refresh(mode="sweep")[0]) == ("graphql", "as configured")
    assert not server.differences() and not leftovers(server)


@pytest.mark.parametrize(
    ("backups", "reason"),
    [
        (Backups(offered=False), "does not offer copies"),
        (Backups(forbidden=True), "makes no copy of its database"),
        (Backups(dirty=True), "never finished"),
        (Backups(version=80), "schema version 80"),
    ],
)
def test_without_a_usable_copy_auto_reads_the_answers_and_says_why(
    home: Path, warehouse: str, backups: Backups, reason: str
) -> None:
    server = with_backups(warehouse, home, backups)
    read, _ = server.refresh(mode="sweep")
    lane, why = told(server, read)
    assert lane == "graphql" and reason in why
    assert not server.differences() and not leftovers(server)
    # once is enough, until the sweep of the week
    again(server)
    read, _ = server.refresh(mode="reconcile")
    lane, why = told(server, read)
    assert lane == "graphql" and reason in why
    with pytest.raises(UnusableSnapshot, match=reason):
        server.refresh(mode="sweep", lane="snapshot")
    server.stash = SimulatedStash(server.stash.library)
    again(server)
    assert server.refresh(mode="sweep")[0].lane == "snapshot"
    assert again(server).snapshot_trouble is None


def test_a_newer_database_than_any_that_is_known_is_read_by_its_answers(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.31.0")
    read, _ = server.refresh(mode="sweep", lane="auto")
    assert read.lane == "graphql" and "schema version 76" in read.lane_reason
    assert not server.differences()


def test_a_copy_that_is_too_large_or_takes_too_long_is_not_taken_again(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups(blobs=100), snapshot_max_mb=1)
    read, _ = server.refresh(mode="sweep")
    assert read.lane == "graphql" and "more than the limit" in read.lane_reason
    assert (again(server).snapshot_bytes or 0) > 1_000_000
    read, _ = server.refresh(mode="sweep")
    assert read.lane == "graphql" and "SNAPSHOT_MAX_MB" in read.lane_reason
    # who asks for it gets it
    assert server.refresh(mode="sweep", lane="snapshot")[0].lane == "snapshot"
    server = with_backups(warehouse, home, Backups(seconds=0.3), snapshot_max_seconds=0.2)
    assert server.refresh(mode="sweep")[0].lane == "snapshot"
    again(server)
    read, _ = server.refresh(mode="sweep")
    assert read.lane == "graphql" and "SNAPSHOT_MAX_SECONDS" in read.lane_reason


# --- what is not trusted ----------------------------------------------------------------------------------


def test_a_library_that_lost_its_mind_is_not_followed_by_its_copy_either(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups(), "snapshot")
    server.refresh(mode="sweep")
    before = row_versions(warehouse, server.instance.id)
    server.stash.library = generated(20, seed=9)
    with pytest.raises(Exception, match="--accept-removals"):
        server.refresh(mode="sweep")
    assert row_versions(warehouse, server.instance.id) == before
    assert not leftovers(server)
    server.refresh(mode="sweep", accept_removals=True)
    assert not server.differences()


def test_nothing_of_a_copy_that_is_damaged_in_the_middle_is_written(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = with_backups(warehouse, home, Backups(), "snapshot")
    server.refresh(mode="sweep")
    server.sql("UPDATE tags SET name = name || ' changed'", "DELETE FROM scene_markers WHERE id = 1")
    before = row_versions(warehouse, server.instance.id)
    # the tags come long before
    server.sql("ALTER TABLE scene_markers RENAME COLUMN end_seconds TO moments")
    with pytest.raises(StashError, match="not what its version says"):
        server.refresh(mode="sweep")
    assert row_versions(warehouse, server.instance.id) == before
    server.sql("ALTER TABLE scene_markers RENAME COLUMN moments TO end_seconds")
    server.refresh(mode="sweep")
    assert not server.differences()


def test_the_file_is_private_and_what_a_killed_run_left_is_removed(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stash_pipeline.warehouse import snapshot_reading

    server = with_backups(warehouse, home, Backups(), "snapshot")
    folder = server.settings.home / "snapshots"
    folder.mkdir(parents=True)
    (folder / f"{server.instance.uuid}.sqlite").write_text("half of a copy")
    seen: list[tuple[int, int]] = []
    load = snapshot_reading._load

    def look(*arguments: Any) -> None:
        seen.extend((path.stat().st_mode & 0o777, path.stat().st_size) for path in leftovers(server))
        load(*arguments)

    monkeypatch.setattr(snapshot_reading, "_load", look)
    server.refresh(mode="sweep")
    assert [mode for mode, _ in seen] == [0o600] and seen[0][1] > 100_000
    assert not leftovers(server)


# --- what updated_at would have missed --------------------------------------------------------------------


def test_changes_without_a_stamp_are_counted_by_their_cause(home: Path, warehouse: str) -> None:
    server, clock = furnished(warehouse, home, "v0.30.1", scenes=15)
    server.refresh(mode="sweep", lane="auto")
    clock.forward(hours=1)
    happen(server.stash, "a scene is played", 1)
    happen(server.stash, "a scene is edited", 2)
    read, _ = server.refresh(mode="reconcile", lane="auto")
    change = read.changes["scenes"]
    assert change.updated == 2 and change.unstamped == 1
    assert set(change.causes) == {"last_played_at", "play_count", "play_history"}
