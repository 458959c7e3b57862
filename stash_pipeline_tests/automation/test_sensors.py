"""The sensors request a refresh for what changed on a server, and nothing else."""

import time
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.definitions import build_defs, defs
from stash_pipeline.home_names import home_name
from stash_pipeline.instances import edit_instance
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.process_leases import PROCESS_TAG
from stash_pipeline.runtime.supervisor import serving
from stash_pipeline.settings import get_settings, load_settings, settings_in_use
from stash_pipeline.simulator.faults import Fault
from stash_pipeline.sync import server_probe as asking
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.removal import archive_instance
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline_tests.automation.sensor_ticks import MODE, REASON, REQUESTED_BY, Eager, Sensor, unreachable
from stash_pipeline_tests.automation.servers import Counting, Server, registered, run_of
from stash_pipeline_tests.ports import free_port

# -- what is asked for ---------------------------------------------------------------------------------------


def test_a_change_requests_a_run_of_that_instance_only(changes: Sensor, servers: dict[str, Server]) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    assert changes.skipped() == "nothing changed on attic, home"
    servers["attic"].change()
    found = changes.requested()
    assert list(found) == ["attic"]
    request = found["attic"]
    assert request.run_key is None
    assert request.run_config == {"ops": {"sync_instance": {"config": {"mode": "changes"}}}}
    assert request.tags[REASON] == "+1 tags"
    assert request.tags[MODE] == "changes" and request.tags[REQUESTED_BY] == "changes_sensor"
    assert request.tags["dagster/partition"] == "attic"
    # once it has been refreshed
    servers["attic"].refreshed()
    assert changes.skipped() == "nothing changed on attic, home"


def test_requested_runs_can_be_launched(changes: Sensor, servers: dict[str, Server]) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    servers["home"].edit()
    request = changes.requested()["home"]
    assert request.tags[REASON] == "scenes edited"
    job = defs.get_repository_def().get_job("refresh")
    run = changes.dagster.create_run_for_job(job, run_config=dict(request.run_config), tags=dict(request.tags))
    assert run.tags["dagster/partition"] == "home"


def test_a_tick_probes_every_server_once(changes: Sensor, servers: dict[str, Server]) -> None:
    for number in range(1, 4):
        changes.tick()
        assert [server.requests for server in servers.values()] == [number, number]


def test_a_new_instance_is_requested(changes: Sensor, servers: dict[str, Server], warehouse: str, home: Path) -> None:
    with registered(warehouse, home, "new", refreshed=False) as server:
        data = changes.tick()
        (request,) = data.run_requests or []
        assert (request.partition_key, request.tags[REASON], request.tags[MODE]) == ("new", "never read", "changes")
        # its partition was not there yet
        (added,) = data.dynamic_partitions_requests or []
        assert list(added.partition_keys) == ["new"]
        assert server.requests == 1


def test_an_unreachable_new_server_gets_no_run(changes: Sensor, warehouse: str, home: Path) -> None:
    unreachable(warehouse, home)
    assert "cabin is asked again in 10 s: http://127.0.0.1:" in changes.skipped()


def test_another_server_release_requests_a_run(changes: Sensor, servers: dict[str, Server]) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    servers["home"].counting.__dict__.update(Counting([Fault("422", next=1)]).__dict__)
    assert changes.requested()["home"].tags[REASON] == "another release"


def test_a_long_list_of_reasons_is_truncated(
    changes: Sensor, servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    monkeypatch.setattr(asking, "change_reasons", lambda before, now: ["a reason"] * 50)
    assert [len(request.tags[REASON]) for request in changes.requested().values()] == [200, 200]


def test_a_server_is_asked_at_every_tick_only_while_its_answers_are_fast(
    dagster: dg.DagsterInstance, servers: dict[str, Server], warehouse: str
) -> None:
    def every() -> list[tuple[str, float, str]]:
        with connect(warehouse) as connection:
            return connection.execute(
                "SELECT i.name, c.asked_every, c.asked_reason FROM ops.cadence c\n"
                "JOIN ops.instances i ON i.id = c.instance_id ORDER BY 1"
            ).fetchall()

    sensor = Eager("changes_sensor", dagster)
    sync_partitions(dagster, ["home", "attic"])
    sensor.skipped()
    assert sensor.answered(attic=8.0, home=45.0)
    servers["attic"].counting.seen = servers["home"].counting.seen = 0
    assert sensor.skipped() == "nothing changed on attic"
    assert sensor.intervals.startswith("every 5 s: attic (8 ms); every 30 s: home (45 ms)")
    assert (servers["attic"].requests, servers["home"].requests) == (1, 0)
    (fast, slow) = every()
    assert fast[:2] == ("attic", 5.0) and slow[:2] == ("home", 30.0)
    assert "its answers take" in fast[2] and "its answers take" in slow[2]
    # its interval is over
    sensor.interval_is_over("home")
    assert sensor.skipped() == "nothing changed on attic, home"
    sensor.answered(attic=1000.0, home=1.0)
    sensor.interval_is_over("home")
    sensor.skipped()
    assert [row[:2] for row in every()] == [("attic", 30.0), ("home", 5.0)]


# -- what is not asked for -----------------------------------------------------------------------------------


def test_a_failed_run_is_requested_again_later(changes: Sensor, servers: dict[str, Server]) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    servers["home"].change()
    assert list(changes.requested()) == ["home"]
    run = run_of(changes.dagster, "home", dg.DagsterRunStatus.STARTED)
    assert changes.skipped() == "nothing changed on attic; home changed and is being synced"
    changes.dagster.report_run_failed(run)
    assert "nothing changed on attic; home still differs after its last run; retrying in" in changes.skipped()
    # also when more has changed meanwhile
    servers["home"].change()
    changes.later(540)
    assert "retrying in" in changes.skipped()
    changes.later(61)
    assert changes.requested()["home"].tags[REASON] == "+2 tags"


def test_a_change_after_a_successful_run_is_requested_at_once(changes: Sensor, servers: dict[str, Server]) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    for _ in range(3):
        servers["home"].change()
        assert list(changes.requested()) == ["home"]
        servers["home"].refreshed()


@pytest.mark.parametrize("status", ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_an_instance_with_an_unfinished_run_gets_no_request(
    changes: Sensor, servers: dict[str, Server], status: str
) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    run_of(changes.dagster, "home", dg.DagsterRunStatus[status])
    for server in servers.values():
        server.change()
    assert list(changes.requested()) == ["attic"]
    assert changes.kept(servers["home"])["requested_at"] == 0
    changes.later(601)
    assert list(changes.requested()) == ["attic"]
    (run,) = changes.dagster.get_runs(dg.RunsFilter(tags={"test": "yes"}))
    changes.dagster.report_run_canceled(run)
    assert list(changes.requested()) == ["home"]


def test_a_run_of_a_killed_process_does_not_block_requests(changes: Sensor, servers: dict[str, Server]) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    run = run_of(changes.dagster, "home", dg.DagsterRunStatus.STARTED)
    changes.dagster.add_run_tags(run.run_id, {PROCESS_TAG: f"{home_name(get_settings().home)}/killed"})
    servers["home"].change()
    assert list(changes.requested()) == ["home"]


def test_removed_and_disabled_instances_are_not_probed(
    changes: Sensor, servers: dict[str, Server], warehouse: str, home: Path
) -> None:
    changes.tick()
    with connect(warehouse) as connection:
        archive_instance(connection, servers["home"].instance.id)
        edit_instance(connection, "attic", home=home, enabled=False)
    for server in servers.values():
        server.change()
    assert changes.skipped() == "There is no enabled instance."
    assert [server.requests for server in servers.values()] == [1, 1]
    assert changes.cursor == "{}"


# -- the partitions ------------------------------------------------------------------------------------------


def test_the_sensor_syncs_partitions_with_the_registry(dagster: dg.DagsterInstance, warehouse: str, home: Path) -> None:
    sensor = Sensor("instances_sensor", dagster)
    for name in ("home", "attic"):
        unreachable(warehouse, home, name)
    sync_partitions(dagster, ["home", "gone"])
    data = sensor.tick()
    assert data.skip_message == "added attic; removed gone"
    add, delete = data.dynamic_partitions_requests or []
    assert isinstance(add, dg.AddDynamicPartitionsRequest) and list(add.partition_keys) == ["attic"]
    assert isinstance(delete, dg.DeleteDynamicPartitionsRequest) and list(delete.partition_keys) == ["gone"]
    sync_partitions(dagster, ["home", "attic"])
    assert sensor.skipped() == "The partitions match the registries."


def test_sensors_are_on_by_default_and_their_interval_is_a_setting() -> None:
    definitions = build_defs(load_settings(changes_seconds=7))
    sensors = {sensor.name: sensor for sensor in definitions.get_repository_def().sensor_defs}
    assert set(sensors) == {
        "changes_sensor",
        "instances_sensor",
        "notifications_sensor",
        "reconcile_sensor",
        "shared_layers_sensor",
        "sweep_sensor",
    }
    for sensor in sensors.values():
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING and sensor.description
    assert sensors["changes_sensor"].minimum_interval_seconds == 4, (
        "at every look of the daemon, for servers with fast answers"
    )
    only_usual = build_defs(load_settings(changes_seconds=7, fast_answer_milliseconds=0))
    assert only_usual.resolve_sensor_def("changes_sensor").minimum_interval_seconds == 7
    assert sensors["changes_sensor"].job_name == "refresh"


# -- with a daemon -------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_a_change_on_a_server_reaches_the_tables_automatically(home: Path) -> None:
    # the live process would read the server by itself when it connects
    settings = load_settings(home=home, changes_seconds=5, live=False)
    with open_warehouse(settings) as ready, ExitStack() as stack:
        url = ready.database() or ""
        server = stack.enter_context(registered(url, home, "home", refreshed=False))
        stack.enter_context(settings_in_use(ready))
        stack.enter_context(serving(ready, free_port()))

        def wait_for(sql: str) -> None:
            end = time.monotonic() + 120
            with connect(url) as connection:
                while connection.execute(sql).fetchone() in (None, (0,)):
                    assert time.monotonic() < end, sql
                    time.sleep(0.2)

        wait_for("SELECT count(*) FROM ops.instances WHERE probe_query IS NOT NULL")
        server.change()
        wait_for("SELECT count(*) FROM stash.tags WHERE name = 'tag 1 of the test'")
        # the sensor of the shared layers may start a run as well, which builds them
        refreshes = "FROM dagster.runs AS r WHERE r.pipeline_name = 'refresh'"
        wait_for(f"SELECT count(*) {refreshes} AND r.status = 'SUCCESS' HAVING count(*) = 2")
        with connect(url) as connection:
            tags = connection.execute(
                "SELECT value FROM dagster.run_tags\n"
                f"WHERE key = %s AND run_id IN (SELECT r.run_id {refreshes}) ORDER BY id",
                [REASON],
            ).fetchall()
        assert tags == [("never read",), ("+1 tags",)]
