"""The sensor compares servers without runs, and launches a reconcile only if something differs."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.assets.resources import StashClients, WarehouseResource
from stash_pipeline.automation.reconciles import Comparisons, reconciles_due
from stash_pipeline.definitions import defs
from stash_pipeline.instances import edit_instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.settings import get_settings, load_settings
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.automation.servers import Server, registered, run_of
from stash_pipeline_tests.ports import free_port

PLAY = "UPDATE scenes SET resume_time = coalesce(resume_time, 0) + 1 WHERE id = 1"
"""Sets no timestamp."""

WHY, MODE, ASKED_BY = "stash_pipeline/reason", "stash_pipeline/mode", "stash_pipeline/requested_by"


class Reconciles:
    """The sensor with one synced server, and a clock that a test moves."""

    def __init__(self, dagster: dg.DagsterInstance, server: Server) -> None:
        self.dagster = dagster
        self.server = server
        self.cursor: str | None = None
        self.ahead = timedelta()
        self.comparisons = Comparisons()
        self.warehouse = WarehouseResource(get_settings)
        self.requests: list[dg.RunRequest] = []

    def tick(self) -> str:
        """The message of a tick; its requests are in `requests`."""
        context = dg.build_sensor_context(instance=self.dagster, cursor=self.cursor)
        result = reconciles_due(
            context,
            self.warehouse,
            StashClients(),
            LAYERS,
            lambda: datetime.now(timezone.utc) + self.ahead,
            self.comparisons,
        )
        if isinstance(result, dg.SkipReason):
            self.requests = []
            return result.skip_message or ""
        self.cursor = result.cursor
        self.requests = list(result.run_requests or [])
        reason = result.skip_reason
        return str(reason.skip_message if isinstance(reason, dg.SkipReason) else reason)

    def later(self, **time: float) -> "Reconciles":
        """Moves the clock."""
        self.ahead += timedelta(**time)
        return self

    def sync(self, mode: str = "reconcile") -> None:
        """What the requested run does to raw."""
        settings, instance = get_settings(), self.server.instance
        run_sync(settings, settings.database() or "", instance, list(BY_NAME), mode=mode)  # type: ignore[arg-type]

    def silently_changed(self) -> None:
        self.server.stash.library.execute(PLAY)

    def outcome(self) -> str | None:
        with connect(get_settings().database() or "") as connection:
            row = connection.execute("SELECT outcome FROM ops.cadence").fetchone()
        return row[0] if row else None


@pytest.fixture
def sensor(dagster: dg.DagsterInstance, warehouse: str, home: Path) -> Iterator[Reconciles]:
    """The sensor with one instance, which was synced once."""
    with ExitStack() as stack:
        server = stack.enter_context(registered(warehouse, home, "home", lane="graphql"))
        sync_partitions(dagster, ["home"])
        made = Reconciles(dagster, server)
        made.sync("changes")
        yield made


def test_nothing_differs_so_nothing_is_launched(sensor: Reconciles) -> None:
    said = sensor.tick()
    assert said.startswith("home is compared again at ") and "a comparison by graphql takes" in said
    assert not sensor.requests and sensor.outcome() == "equal"
    sent = sensor.server.requests
    assert sensor.tick() == said, "it is not due"
    assert sensor.server.requests == sent
    assert sensor.later(hours=1).tick() != said
    assert sensor.server.requests > sent


def test_a_clock_that_is_set_back_is_not_waited_for(sensor: Reconciles) -> None:
    sensor.silently_changed()
    sensor.later(days=1).tick()
    assert sensor.requests
    sensor.tick()
    assert "home still differs after its last run; retrying at" in sensor.later(days=-1).tick()
    sensor.later(minutes=11).tick()
    assert sensor.requests


def test_a_silent_change_launches_a_reconcile(sensor: Reconciles) -> None:
    sensor.silently_changed()
    sensor.tick()
    (request,) = sensor.requests
    assert request.partition_key == "home" and request.run_key is None
    assert request.run_config == {"ops": {"sync_instance": {"config": {"mode": "reconcile"}}}}
    tags = {WHY: "scenes differ by one", MODE: "reconcile", ASKED_BY: "reconcile_sensor", "dagster/priority": "0"}
    assert {name: request.tags[name] for name in tags} == tags
    sensor.sync()
    assert "home is compared again at " in sensor.tick() and not sensor.requests


def test_a_difference_of_a_failed_run_is_requested_again_later(sensor: Reconciles) -> None:
    sensor.silently_changed()
    sensor.tick()
    assert sensor.requests
    assert "home still differs after its last run; retrying at" in sensor.later(seconds=30).tick()
    assert not sensor.requests
    sensor.later(minutes=10).tick()
    assert [request.tags[WHY] for request in sensor.requests] == ["scenes differ by one"]


def test_a_difference_is_not_lost_while_another_run_is_in_progress(sensor: Reconciles) -> None:
    run = run_of(sensor.dagster, "home", dg.DagsterRunStatus.STARTED)
    sensor.silently_changed()
    assert "home is being synced" in sensor.tick() and not sensor.requests
    sensor.dagster.report_run_canceled(run)
    sensor.later(seconds=6).tick()
    assert len(sensor.requests) == 1


def test_a_difference_that_another_run_applied_is_compared_again(sensor: Reconciles) -> None:
    run = run_of(sensor.dagster, "home", dg.DagsterRunStatus.STARTED)
    sensor.server.edit()
    sensor.tick()
    assert sensor.outcome() == "differs"
    sensor.sync("changes")
    sensor.dagster.report_run_canceled(run)
    sensor.later(seconds=6).tick()
    assert not sensor.requests and sensor.outcome() == "equal"


def test_a_difference_that_reconciles_do_not_remove_is_not_requested_endlessly(sensor: Reconciles) -> None:
    for _ in range(2):
        sensor.sync("reconcile")
    sensor.silently_changed()
    sensor.later(hours=1).tick()
    assert sensor.requests, "the first request is for the difference"
    with connect(get_settings().database() or "") as connection:
        connection.execute("UPDATE ops.cadence SET compared_at = now() + interval '62 min'")
    assert "still differs" in sensor.later(minutes=2).tick() and not sensor.requests


def test_an_instance_without_a_run_for_long_gets_one(sensor: Reconciles) -> None:
    sensor.tick()
    sensor.later(seconds=31).tick()
    assert not sensor.requests
    with connect(get_settings().database() or "") as connection:
        connection.execute("UPDATE ops.sync_runs SET finished_at = finished_at - interval '3 hours'")
    sensor.later(seconds=31).tick()
    assert [request.tags[WHY] for request in sensor.requests] == ["no run for 3 h"]


def test_where_a_comparison_takes_long_the_run_is_launched_when_it_is_due(sensor: Reconciles) -> None:
    sensor.tick()
    with connect(get_settings().database() or "") as connection:
        connection.execute("UPDATE ops.cadence SET seconds = 25")
    said = sensor.later(seconds=31).tick()
    assert "home is reconciled again at" in said and not sensor.requests
    sent = sensor.server.requests
    sensor.later(minutes=45).tick()
    assert [request.tags[WHY] for request in sensor.requests] == ["scheduled"] and sensor.server.requests == sent
    sensor.later(minutes=5).tick()
    assert not sensor.requests, "it was requested a moment ago"


def test_what_stops_a_comparison_is_shown_by_one_run_an_hour(sensor: Reconciles) -> None:
    sensor.server.stash.library.execute("UPDATE scenes SET created_at = '2001-01-01T00:00:00Z', title = 'another'")
    sensor.tick()
    said = json.loads(sensor.cursor or "")["sentence"]
    assert "home cannot be compared: " in said and "--accept-removals" in said
    assert [request.tags[WHY] for request in sensor.requests] == ["the comparison stopped"]
    for _ in range(3):
        sensor.later(minutes=15).tick()
        assert not sensor.requests
    sensor.later(minutes=20).tick()
    assert len(sensor.requests) == 1


def test_a_server_that_does_not_respond_gets_no_run(sensor: Reconciles, warehouse: str, home: Path) -> None:
    with connect(warehouse) as connection:
        edit_instance(connection, "home", home=home, url=f"http://127.0.0.1:{free_port()}")
    assert "60 s after the last time: the last comparison failed" in sensor.tick() and not sensor.requests
    assert sensor.outcome() == "failed"
    sensor.later(hours=2).tick()
    assert not sensor.requests


def test_instances_that_cannot_be_compared_are_left_out(sensor: Reconciles, warehouse: str, home: Path) -> None:
    with registered(warehouse, home, "new", refreshed=False) as new:
        assert "new was never read completely" in sensor.tick()
        assert new.requests == 0
    sync_partitions(sensor.dagster, [])
    sensor.silently_changed()
    assert "home has no partition yet" in sensor.later(hours=1).tick()
    with connect(warehouse) as connection:
        for name in ("home", "new"):
            edit_instance(connection, name, home=home, enabled=False)
    assert sensor.later(hours=1).tick() == "There is no enabled instance."


def test_a_tick_without_the_database_is_skipped_with_a_reason(sensor: Reconciles) -> None:
    gone = load_settings(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    sensor.warehouse = WarehouseResource(lambda: gone)
    assert sensor.tick().startswith("The database cannot be reached")


def test_a_cursor_of_another_version_is_ignored(sensor: Reconciles) -> None:
    sensor.cursor = '{"x": 7}'
    assert "home is compared again" in sensor.tick()
    sensor.cursor = "no JSON"
    assert "home is compared again" in sensor.tick()


def test_the_sensor_is_on_by_default_and_launches_its_job() -> None:
    sensor = defs.resolve_sensor_def("reconcile_sensor")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING and sensor.job_name == "reconcile"
    assert "reconcile_schedule" not in {schedule.name for schedule in defs.get_repository_def().schedule_defs}
