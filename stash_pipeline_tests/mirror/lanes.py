"""Servers with snapshots, and the lane of a run."""

from pathlib import Path
from typing import Any

from stash_pipeline.instances import Instance, edit_instance, get_instance
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.working import Mirror, generated, new_mirror


def with_backups(warehouse: str, home: Path, backups: Backups, lane: str = "auto", **settings: Any) -> Mirror:
    """A mirror of a server with these backups."""
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


def lane_and_reason(server: Mirror, read: SyncResult) -> tuple[str, str]:
    with connect(server.database_url) as connection:
        row = connection.execute("SELECT lane, lane_reason FROM ops.sync_runs WHERE id = %s", [read.run_id]).fetchone()
    assert row is not None
    assert row == (read.lane, read.lane_reason)
    return row[0], row[1]


def leftovers(server: Mirror) -> list[Path]:
    folder = server.settings.home / "snapshots"
    return list(folder.iterdir()) if folder.exists() else []
