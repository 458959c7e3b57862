"""Each lane is used where it should be, and a snapshot is not trusted."""

from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline_tests.mirror.histories import furnished
from stash_pipeline_tests.mirror.lanes import again, in_lane, lane_and_reason, leftovers, with_backups
from stash_pipeline_tests.mirror.working import generated, row_versions


def test_auto_uses_the_copy_for_full_syncs(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups())
    first, _ = server.refresh(mode="changes")
    assert lane_and_reason(server, first)[0] == "snapshot"
    assert lane_and_reason(server, server.refresh(mode="changes")[0])[0] == "graphql"
    assert lane_and_reason(server, server.refresh(mode="reconcile")[0])[0] == "snapshot"
    assert lane_and_reason(server, server.refresh(["tags"], mode="sweep")[0])[0] == "graphql"
    rows = server.scalar(
        "SELECT array_agg(bytes ORDER BY id) FROM raw.pages WHERE instance_id = %s AND lane = 'snapshot'",
        [server.instance.id],
    )
    assert len(rows) == 2 and first.snapshot is not None and rows[0] == first.snapshot.size
    known = again(server)
    assert known.snapshot_bytes and known.snapshot_seconds is not None and known.snapshot_error is None
    assert lane_and_reason(in_lane(server, "graphql"), server.refresh(mode="sweep")[0]) == ("graphql", "as configured")
    assert not server.differences() and not leftovers(server)


@pytest.mark.parametrize(
    ("backups", "reason"),
    [
        (Backups(offered=False), "does not offer snapshots"),
        (Backups(forbidden=True), "cannot create a snapshot of its database"),
        (Backups(dirty=True), "is incomplete"),
        (Backups(version=80), "schema version 80"),
    ],
)
def test_auto_falls_back_to_graphql_with_a_reason(home: Path, warehouse: str, backups: Backups, reason: str) -> None:
    server = with_backups(warehouse, home, backups)
    read, _ = server.refresh(mode="sweep")
    lane, why = lane_and_reason(server, read)
    assert lane == "graphql" and reason in why
    assert not server.differences() and not leftovers(server)
    # once is enough, until the sweep of the week
    again(server)
    read, _ = server.refresh(mode="reconcile")
    lane, why = lane_and_reason(server, read)
    assert lane == "graphql" and reason in why
    with pytest.raises(SnapshotError, match=reason):
        server.refresh(mode="sweep", lane="snapshot")
    server.stash = SimulatedStash(server.stash.library)
    again(server)
    assert server.refresh(mode="sweep")[0].lane == "snapshot"
    assert again(server).snapshot_error is None


def test_an_unknown_schema_version_is_read_by_graphql(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.31.0")
    read, _ = server.refresh(mode="sweep", lane="auto")
    assert read.lane == "graphql" and "schema version 76" in read.lane_reason
    assert not server.differences()


def test_a_copy_that_is_too_large_or_too_slow_is_not_requested_again(home: Path, warehouse: str) -> None:
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


def test_safeguards_stop_the_snapshot_lane_too(home: Path, warehouse: str) -> None:
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


def test_a_copy_damaged_in_the_middle_is_not_written(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = with_backups(warehouse, home, Backups(), "snapshot")
    server.refresh(mode="sweep")
    server.sql("UPDATE tags SET name = name || ' changed'", "DELETE FROM scene_markers WHERE id = 1")
    before = row_versions(warehouse, server.instance.id)
    # the tags come long before
    server.sql("ALTER TABLE groups_relations RENAME COLUMN order_index TO place")
    with pytest.raises(StashError, match="does not match its version"):
        server.refresh(mode="sweep")
    assert row_versions(warehouse, server.instance.id) == before
    server.sql("ALTER TABLE groups_relations RENAME COLUMN place TO order_index")
    server.refresh(mode="sweep")
    assert not server.differences()


def test_the_copy_is_private_and_leftovers_of_killed_runs_are_removed(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stash_pipeline.sync.snapshot_reading import SnapshotReading

    server = with_backups(warehouse, home, Backups(), "snapshot")
    folder = server.settings.home / "snapshots"
    folder.mkdir(parents=True)
    (folder / f"{server.instance.uuid}.sqlite").write_text("half of a snapshot")
    seen: list[tuple[int, int]] = []
    load = SnapshotReading._load

    def look(*arguments: Any) -> None:
        seen.extend((path.stat().st_mode & 0o777, path.stat().st_size) for path in leftovers(server))
        load(*arguments)

    monkeypatch.setattr(SnapshotReading, "_load", look)
    server.refresh(mode="sweep")
    assert [mode for mode, _ in seen] == [0o600] and seen[0][1] > 100_000
    assert not leftovers(server)


def test_any_run_removes_leftover_copies_of_killed_runs(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups(), "graphql")
    folder = server.settings.home / "snapshots"
    folder.mkdir(parents=True)
    for name in (server.instance.uuid, "00000000-0000-0000-0000-000000000000"):
        (folder / f"{name}.sqlite").write_text("half of a snapshot")
    server.read(mode="changes")
    assert not leftovers(server)
