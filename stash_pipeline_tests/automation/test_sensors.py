"""The sensors request a refresh for what changed on a server, and nothing else."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from stash_pipeline.assets.resources import WAREHOUSE, WarehouseResource
from stash_pipeline.automation.servers import server_reachable
from stash_pipeline.definitions import build_defs, defs
from stash_pipeline.home_names import home_name
from stash_pipeline.instances import Instance, add_instance, edit_instance, get_instance
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.process_leases import PROCESS_TAG
from stash_pipeline.runtime.supervisor import serving
from stash_pipeline.settings import get_settings, load_settings, settings_in_use
from stash_pipeline.simulator.faults import Fault
from stash_pipeline.sync import server_probe as asking
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.removal import archive_instance
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline_tests.automation.servers import Counting, Server, registered, run_of
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.stash.hostile import hang, hostile

KEY = "eyJhbGciOiJIUzI1NiJ9.not-a-real-key"

WHY, MODE, ASKED_BY = "stash_pipeline/reason", "stash_pipeline/mode", "stash_pipeline/requested_by"


class Sensor:
    """A sensor of the definitions, which passes its cursor from tick to tick."""

    def __init__(self, name: str, dagster: dg.DagsterInstance) -> None:
        self.name = name
        self.dagster = dagster
        self.cursor: str | None = None
        self.intervals = ""

    def interval_is_over(self) -> None:
        """Makes every server due that is not waited for, whatever its interval."""
        with suppress(ValueError, TypeError, AttributeError):
            kept = json.loads(self.cursor or "{}")
            for one in kept.values():
                one["asked_at"] = 0.0
            self.cursor = json.dumps(kept)

    def tick(self) -> SensorExecutionData:
        self.interval_is_over()
        context = dg.build_sensor_context(
            instance=self.dagster,
            instance_ref=self.dagster.get_ref(),
            cursor=self.cursor,
            repository_def=defs.get_repository_def(),
            resources={WAREHOUSE: WarehouseResource(get_settings)},
        )
        data = defs.resolve_sensor_def(self.name).evaluate_tick(context)
        self.cursor = data.cursor
        assert KEY not in repr(data)
        return data

    def skipped(self) -> str:
        """The reason of a tick that requests nothing."""
        data = self.tick()
        assert not data.run_requests, data.run_requests
        assert data.skip_message
        self.intervals = data.skip_message.partition(". Asked ")[2]
        return data.skip_message.partition(". Asked ")[0]

    def requested(self) -> dict[str | None, dg.RunRequest]:
        """The requests of a tick, by partition."""
        data = self.tick()
        found = {request.partition_key: request for request in data.run_requests or []}
        assert found and len(found) == len(data.run_requests or []), data.skip_message
        return found

    def later(self, seconds: float) -> None:
        """Advances the time in the cursor."""
        kept = json.loads(self.cursor or "{}")
        for one in kept.values():
            one["not_before"] -= seconds
            one["requested_at"] -= seconds
        self.cursor = json.dumps(kept)

    def kept(self, server: Server) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cursor or "{}")[server.instance.uuid]
        return found


class Eager(Sensor):
    """A sensor whose ticks come while intervals last, as the daemon's do."""

    def interval_is_over(self, name: str = "") -> None:
        """Does nothing before a tick."""
        if name:
            self._change(name, asked_at=0.0)

    def answered(self, **milliseconds: float) -> bool:
        """As if all answers of these servers had taken so long, and had come just now."""
        for name, value in milliseconds.items():
            self._change(name, milliseconds=[value] * 5, asked_at=time.time())
        return True

    def _change(self, name: str, **values: Any) -> None:
        kept = json.loads(self.cursor or "{}")
        with connect(get_settings().database() or "") as connection:
            kept[get_instance(connection, name).uuid].update(values)
        self.cursor = json.dumps(kept)


@pytest.fixture
def changes(dagster: dg.DagsterInstance) -> Sensor:
    return Sensor("changes_sensor", dagster)


@pytest.fixture
def servers(warehouse: str, home: Path) -> Iterator[dict[str, Server]]:
    """Two refreshed servers."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(registered(warehouse, home, name)) for name in ("home", "attic")}


def unreachable(warehouse: str, home: Path, name: str = "cabin") -> str:
    with connect(warehouse) as connection:
        return add_instance(connection, name, f"http://127.0.0.1:{free_port()}", home=home).uuid


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
    assert request.tags[WHY] == "+1 tags"
    assert request.tags[MODE] == "changes" and request.tags[ASKED_BY] == "changes_sensor"
    assert request.tags["dagster/partition"] == "attic"
    # once it has been refreshed
    servers["attic"].refreshed()
    assert changes.skipped() == "nothing changed on attic, home"


def test_requested_runs_can_be_launched(changes: Sensor, servers: dict[str, Server]) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    servers["home"].edit()
    request = changes.requested()["home"]
    assert request.tags[WHY] == "scenes edited"
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
        assert (request.partition_key, request.tags[WHY], request.tags[MODE]) == ("new", "never read", "changes")
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
    assert changes.requested()["home"].tags[WHY] == "another release"


def test_a_long_list_of_reasons_is_truncated(
    changes: Sensor, servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    monkeypatch.setattr(asking, "change_reasons", lambda before, now: ["a reason"] * 50)
    assert [len(request.tags[WHY]) for request in changes.requested().values()] == [200, 200]


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
    assert changes.requested()["home"].tags[WHY] == "+2 tags"


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


# -- what goes wrong -----------------------------------------------------------------------------------------


def test_an_unreachable_server_does_not_block_others_and_is_probed_less_often(
    changes: Sensor, servers: dict[str, Server], warehouse: str, home: Path
) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    uuid = unreachable(warehouse, home)
    servers["home"].change()
    assert list(changes.requested()) == ["home"]
    servers["home"].refreshed()
    for wait in (10, 20, 40, 80, 160, 320, 600, 600):
        kept = json.loads(changes.cursor or "{}")[uuid]
        assert kept["not_before"] - time.time() == pytest.approx(wait, abs=5)
        said = changes.skipped()
        assert "cabin is asked again in" in said and "refuses connections" in said
        assert "nothing changed on attic" in said
        changes.later(wait)
        said = changes.skipped()
        assert f"cabin is asked again in {min(wait * 2, 600)} s: http://127.0.0.1:" in said
        assert "refuses connections" in said


def test_a_server_that_is_back_is_probed_as_before(changes: Sensor, servers: dict[str, Server]) -> None:
    servers["home"].counting.__dict__.update(Counting([Fault("5xx", next=1)]).__dict__)
    assert "home is asked again in 10 s" in changes.skipped()
    assert changes.kept(servers["home"])["failures"] == 1
    changes.later(11)
    assert changes.skipped() == "nothing changed on attic, home"
    assert changes.kept(servers["home"])["failures"] == 0


def test_a_hanging_server_does_not_prolong_the_tick(
    changes: Sensor, servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TOTAL_SECONDS", 0.5)
    servers["home"].stash.latency = 2
    started = time.monotonic()
    assert "nothing changed on attic; home is asked again in 10 s: It did not respond" in changes.skipped()
    assert time.monotonic() - started < 1.5


def test_many_hanging_servers_do_not_exceed_the_time_limit_of_a_tick(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TOTAL_SECONDS", 1.0)
    with hostile(hang) as url:
        requested = [
            asking.Question(Instance(n, f"hangs {n}", f"hangs-{n}", url, None, None, 0, True, None, 0))
            for n in range(150)
        ]
        for _ in range(2):
            found = asking.ask(load_settings(home=home), requested)
            assert len(found) == 150 and all(one.error for one in found.values())
            # those whose turn did not come are no worse off than before
            assert {one.asked for one in found.values()} == {True, False}
            assert sum(1 for thread in threading.enumerate() if thread.name == "probe") <= 64


def test_an_instance_that_was_not_reached_is_probed_by_the_next_tick(
    changes: Sensor, servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TOTAL_SECONDS", 0.0)
    assert "home was not asked because other servers took too long" in changes.skipped()
    assert changes.kept(servers["home"])["failures"] == 0 and servers["home"].requests == 0
    monkeypatch.undo()
    assert changes.skipped() == "nothing changed on attic, home"


def test_a_missing_key_is_reported_and_checked_again_by_the_next_tick(
    changes: Sensor, warehouse: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registered(warehouse, home, "home", api_key=KEY) as server:
        with connect(warehouse) as connection:
            edit_instance(connection, "home", home=home, api_key_env="STASH_KEY")
        assert "home cannot be asked: The variable" in changes.skipped()
        assert server.requests == 0
        monkeypatch.setenv("STASH_KEY", KEY)
        assert changes.skipped() == "nothing changed on home"


def test_dagster_stores_no_api_key(changes: Sensor, warehouse: str, home: Path) -> None:
    with registered(warehouse, home, "home", api_key=KEY) as server:
        sync_partitions(changes.dagster, ["home"])
        assert changes.skipped() == "nothing changed on home"
        server.change()
        changes.requested()
        # the client that is kept would still have the key that was good
        with connect(warehouse) as connection:
            edit_instance(connection, "home", home=home, api_key=KEY + "-not")
        assert "the API key is missing, wrong" in changes.skipped()
        assert KEY not in (changes.cursor or "")


def test_a_cursor_of_another_version_is_ignored(changes: Sensor, servers: dict[str, Server]) -> None:
    for cursor in ("7", "[]", "{", '{"a": 1}', '{"a": {"failures": "many"}}'):
        changes.cursor = cursor
        assert changes.skipped() == "nothing changed on attic, home"


@pytest.mark.parametrize("name", ["changes_sensor", "instances_sensor"])
def test_a_tick_without_the_database_is_skipped_with_a_reason(name: str, dagster: dg.DagsterInstance) -> None:
    with settings_in_use(load_settings(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/x")):
        assert "The database cannot be reached" in Sensor(name, dagster).skipped()


# -- what the page says of it --------------------------------------------------------------------------------


def reported(data: SensorExecutionData) -> list[dg.AssetCheckEvaluation]:
    """What a tick reports about the servers."""
    found = [event for event in data.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {(event.asset_key.to_user_string(), event.check_name) for event in found} <= {
        ("raw/pages", "server_reachable")
    }
    return found


def test_an_unreachable_server_fails_its_check_once_and_passes_when_it_is_back(
    changes: Sensor, servers: dict[str, Server]
) -> None:
    (first,) = reported(changes.tick())
    assert first.passed and first.description == "All servers respond (2)."
    assert reported(changes.tick()) == []
    servers["home"].counting.__dict__.update(Counting([Fault("5xx", next=2)]).__dict__)
    (failed,) = reported(changes.tick())
    assert not failed.passed and failed.severity is dg.AssetCheckSeverity.WARN
    assert failed.description is not None and failed.description.startswith("No response from home. http://127.0.0.1:")
    assert failed.metadata["answering"].value == 1 and failed.metadata["silent"].value == 1
    said = str(failed.metadata["instance home"].value)
    assert "answered 5" in said and "`stash-pipeline instances edit home --url URL`" in said
    assert "`stash-pipeline instances disable home`" in said
    assert reported(changes.tick()) == [], "it is not asked yet"
    changes.later(11)
    assert reported(changes.tick()) == [], "the page says so already"
    changes.later(21)
    (back,) = reported(changes.tick())
    assert back.passed


def test_the_check_is_reported_again_after_a_refresh(changes: Sensor, servers: dict[str, Server]) -> None:
    changes.tick()
    servers["attic"].change()
    servers["attic"].refreshed()
    (again,) = reported(changes.tick())
    assert again.passed


def test_a_disabled_unreachable_server_is_no_longer_reported(
    changes: Sensor, servers: dict[str, Server], warehouse: str, home: Path
) -> None:
    unreachable(warehouse, home)
    assert not reported(changes.tick())[0].passed
    with connect(warehouse) as connection:
        edit_instance(connection, "cabin", home=home, enabled=False)
    (after,) = reported(changes.tick())
    assert after.passed and after.description == "All servers respond (2)."


def test_servers_can_be_probed_on_demand(
    servers: dict[str, Server], dagster: dg.DagsterInstance, warehouse: str, home: Path
) -> None:
    unreachable(warehouse, home)
    result: Any = server_reachable(warehouse=WarehouseResource(get_settings))
    assert not result.passed and "refuses connections" in str(result.metadata["instance cabin"].value)
    with connect(warehouse) as connection:
        edit_instance(connection, "cabin", home=home, enabled=False)
    result = server_reachable(warehouse=WarehouseResource(get_settings))
    assert result.passed


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
    settings = load_settings(home=home, changes_seconds=5)
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
                [WHY],
            ).fetchall()
        assert tags == [("never read",), ("+1 tags",)]
