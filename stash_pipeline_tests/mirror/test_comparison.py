"""A comparison without a run finds what a reconcile would change, and writes nothing but its own result."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.retries import NO_RETRIES
from stash_pipeline.sync.cadence_records import Cadence, cadences
from stash_pipeline.sync.comparison import Comparison, compare
from stash_pipeline.warehouse.connect import connect, instance_lock
from stash_pipeline_tests.mirror.histories import furnished
from stash_pipeline_tests.mirror.lanes import again, in_lane, leftovers, with_backups
from stash_pipeline_tests.mirror.library_events import EVENTS, NothingToDoError, happen
from stash_pipeline_tests.mirror.working import URL, MakeMirror, Mirror, SimulatorTransport, row_versions

PLAY = "UPDATE scenes SET resume_time = coalesce(resume_time, 0) + 1 WHERE id = (SELECT min(id) FROM scenes)"
"""Sets no timestamp."""


def compared(server: Mirror) -> Comparison:
    def client(*_: Any) -> StashClient:
        server.transport = SimulatorTransport(server.stash, server.hook)
        return StashClient(URL, transport=server.transport, retries=NO_RETRIES)

    found = compare(server.settings, server.database_url, again(server), open_client=client)
    assert found is not None
    return found


def refuse(number: int, payload: dict[str, Any]) -> NoReturn:
    raise httpx.ConnectError("refused")


def cadence(server: Mirror) -> Cadence:
    with connect(server.database_url) as connection:
        return cadences(connection, 60)[server.instance.id]


@pytest.fixture(params=["graphql", "snapshot"])
def server(request: pytest.FixtureRequest, warehouse: str, home: Path) -> Mirror:
    """A synced server, whose lane is the parameter."""
    made = with_backups(warehouse, home, Backups(), lane=request.param)
    made.refresh(mode="changes")
    return made


def test_a_comparison_of_an_equal_server_writes_nothing_else(server: Mirror) -> None:
    before, state = row_versions(server.database_url, server.instance.id), server.state()
    assert compared(server) == Comparison("equal")
    assert (row_versions(server.database_url, server.instance.id), server.state()) == (before, state)
    assert server.scalar("SELECT count(*) FROM ops.sync_runs WHERE instance_id = %s", [server.instance.id]) == 1
    known = cadence(server)
    assert known.outcome == "equal" and known.equal_at == known.compared_at is not None
    assert known.compared.lane == server.instance.lane
    assert (known.compared.blocked is None) == (server.instance.lane == "graphql")
    assert not leftovers(server)


def test_a_silent_change_is_found_until_a_reconcile_applies_it(server: Mirror) -> None:
    server.sql(PLAY)
    assert compared(server) == Comparison("differs", "scenes differ by one")
    assert compared(server).outcome == "differs", "a comparison applies nothing"
    assert cadence(server).outcome == "differs"
    server.refresh(mode="reconcile")
    assert cadence(server).outcome is None, "the reconcile is newer"
    assert compared(server) == Comparison("equal")
    assert not server.differences()


def test_a_removed_object_is_a_difference(server: Mirror) -> None:
    server.sql("DELETE FROM scene_markers WHERE id = (SELECT max(id) FROM scene_markers)")
    assert compared(server) == Comparison("differs", "scene_markers differ by one")


@pytest.mark.integration
def test_comparisons_in_both_lanes_agree_with_reconciles(warehouse: str, home: Path) -> None:
    rng = random.Random(7)
    server, clock = furnished(warehouse, home, "v0.30.1", scenes=20)
    server.stash = SimulatedStash(server.stash.library, clock=server.stash.clock, backups=Backups())
    server.refresh(mode="sweep")
    able = sorted(name for name in EVENTS if EVENTS[name].possible("v0.30.1"))
    for name in rng.sample(able, 3):
        clock.forward(minutes=10)
        with suppress(NothingToDoError):
            happen(server.stash, name, rng.randrange(100))
        clock.forward(hours=1)
        found = {compared(in_lane(server, lane)).outcome for lane in ("graphql", "snapshot")}
        read, _ = server.refresh(mode="reconcile", lane="snapshot")
        changed = any(stats.changed for stats in read.changes.values())
        assert found == {"differs" if changed else "equal"}, name
        assert {compared(in_lane(server, lane)).outcome for lane in ("graphql", "snapshot")} == {"equal"}, name


def test_an_equal_snapshot_is_not_read_again(warehouse: str, home: Path) -> None:
    server = with_backups(warehouse, home, Backups(), lane="snapshot")
    server.refresh(mode="changes")
    # a sync of one entity moves the revision past the snapshot that was read
    server.sql("UPDATE tags SET name = name || 'x' WHERE id = 1")
    server.read(["tags"], mode="sweep", lane="graphql")
    assert compared(server).outcome == "equal"
    read, _ = server.refresh(mode="reconcile")
    assert server.scalar("SELECT unchanged FROM raw.pages WHERE run_id = %s AND lane = 'snapshot'", [read.run_id])
    server.sql(PLAY)
    assert compared(server).outcome == "differs"
    server.refresh(mode="reconcile")
    assert not server.differences()


def test_what_a_run_would_stop_at_stops_the_comparison(server: Mirror) -> None:
    server.sql("UPDATE scenes SET created_at = '2001-01-01T00:00:00Z', title = 'another'")
    found = compared(server)
    assert found.outcome == "stopped" and "--accept-removals" in (found.detail or "")
    known = cadence(server)
    assert (known.outcome, known.compared.failures) == ("stopped", 1)


def test_a_server_that_fails_is_compared_later(mirrored: MakeMirror) -> None:
    server = mirrored()
    server.hook = refuse
    assert compared(server).outcome == "failed"
    assert compared(server).outcome == "failed"
    assert cadence(server).compared.failures == 2
    server.hook = None
    assert compared(server).outcome == "equal"
    assert cadence(server).compared.failures == 0


def test_a_comparison_waits_for_no_run(mirrored: MakeMirror) -> None:
    server = mirrored()
    with instance_lock(server.database_url, server.instance.id, server.instance.name):
        assert compare(server.settings, server.database_url, server.instance) is None
    assert cadence(server).compared_at is None


def test_an_unusable_snapshot_is_remembered(warehouse: str, home: Path) -> None:
    server = with_backups(warehouse, home, Backups(dirty=True))
    server.read(lane="graphql")
    assert compared(server).outcome == "equal"
    assert "is incomplete" in (again(server).snapshot_error or "")
    assert cadence(server).compared.lane == "graphql"
