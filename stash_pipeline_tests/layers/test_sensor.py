"""The sensor of shared layers: it requests what no refresh took along, and retries failures less and less often."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.assets.resources import WAREHOUSE, WarehouseResource
from stash_pipeline.automation.shared_layers import NAME, layers_due
from stash_pipeline.instances import add_instance
from stash_pipeline.layers import Layers
from stash_pipeline.runtime.supervisor import serving
from stash_pipeline.settings import get_settings, load_settings, settings_in_use
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.layer import shared
from stash_pipeline.warehouse.layers.shared import follow, record_failure, states
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline_tests.automation.servers import registered, run_of
from stash_pipeline_tests.layers.definitions import MODULE, defs
from stash_pipeline_tests.layers.sample import (
    SAMPLE,
    TAG_NAMES,
    contents,
    create_tables,
    expected,
    fail_with,
    of_version,
)
from stash_pipeline_tests.ports import free_port


class Sensor:
    """The sensor, which keeps its cursor between ticks."""

    def __init__(self, dagster: dg.DagsterInstance) -> None:
        self.dagster = dagster
        self.cursor: str | None = None
        self.now = time.time()

    def tick(self, layers: Layers = SAMPLE) -> dg.SensorResult:
        context = dg.build_sensor_context(instance=self.dagster, cursor=self.cursor)
        result = layers_due(context, WarehouseResource(get_settings), layers, self.now)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def requested(self, layers: Layers = SAMPLE) -> tuple[set[str], str]:
        """The requested layers, and the reason."""
        (request,) = self.tick(layers).run_requests or []
        assert request.asset_selection and request.partition_key is None
        assert {key.asset_key for key in request.asset_check_keys or []} <= set(request.asset_selection)
        return {key.path[0] for key in request.asset_selection}, request.tags["stash_pipeline/reason"]

    def skipped(self) -> str:
        result = self.tick()
        assert not result.run_requests
        return str(result.skip_reason.skip_message if result.skip_reason else "")


@pytest.fixture
def sensor(dagster: dg.DagsterInstance) -> Sensor:
    return Sensor(dagster)


@pytest.fixture
def connection(warehouse: str) -> Iterator[Connection]:
    with connect(warehouse) as opened:
        yield opened


def follow_all(connection: Connection) -> None:
    for layer in shared(SAMPLE):
        follow(connection, layer, SAMPLE)


@pytest.fixture
def mirrored(connection: Connection) -> None:
    """An object of an instance in the log."""
    connection.execute("INSERT INTO ops.object_log (instance_id, entity, id, revision) VALUES (1, 'tags', 1, 1)")
    connection.execute("UPDATE ops.object_log_head SET revision = 1")


@pytest.mark.usefixtures("mirrored")
def test_a_new_layer_is_built_with_its_readers(sensor: Sensor, connection: Connection) -> None:
    assert sensor.requested() == ({"tag_names", "letters"}, "tag_names was never built, letters was never built")
    follow_all(connection)
    assert sensor.skipped() == "All shared layers are current."


def test_nothing_is_built_before_an_instance_was_mirrored(sensor: Sensor, connection: Connection, home: Path) -> None:
    unbuilt = "layer tag_names is built when an instance has been mirrored"
    assert unbuilt in sensor.skipped()
    added = add_instance(connection, "home", "http://127.0.0.1:9", home=home)
    assert unbuilt in sensor.skipped() and unbuilt in sensor.skipped()
    connection.execute(
        "INSERT INTO ops.object_log (instance_id, entity, id, revision)\n"
        "SELECT %s, 'tags', 1, revision FROM ops.object_log_head",
        [added.id],
    )
    assert "layer tag_names is built by the first sync" in sensor.skipped()
    assert sensor.requested() == ({"tag_names", "letters"}, "tag_names was never built, letters was never built")


def test_the_sensor_leaves_a_change_to_its_refresh_for_one_tick(
    sensor: Sensor, connection: Connection, home: Path
) -> None:
    follow_all(connection)
    assert sensor.skipped() == "All shared layers are current."
    added = add_instance(connection, "home", "http://127.0.0.1:9", home=home)
    assert "by the sync that made the change" in sensor.skipped()
    assert sensor.requested()[1].startswith("tag_names is 1 revisions behind")
    follow_all(connection)
    remove_instance(connection, added.id)
    assert "by the sync that made the change" in sensor.skipped()
    assert sensor.requested()[0] == {"tag_names", "letters"}


def test_a_new_layer_version_requests_a_run(sensor: Sensor, connection: Connection) -> None:
    follow_all(connection)
    names, why = sensor.requested(of_version("2"))
    assert names == {"tag_names", "letters"} and why.startswith("tag_names is of another version")


def test_a_failing_layer_is_retried_with_growing_delays(sensor: Sensor, connection: Connection) -> None:
    follow_all(connection)

    def failed(at: float) -> None:
        record_failure(connection, TAG_NAMES, "It failed.")
        connection.execute("UPDATE ops.shared_layers SET failed_at = to_timestamp(%s) WHERE error IS NOT NULL", [at])

    for pause in (60, 120, 240, 480, 960, 1920, 3600, 3600):
        failed(sensor.now)
        sensor.now += pause - 5
        assert sensor.skipped().endswith("layer tag_names is retried in 0:00:05: It failed.")
        sensor.now += 6
        assert sensor.requested() == ({"tag_names"}, "tag_names failed")
    follow_all(connection)
    assert sensor.skipped() == "All shared layers are current."
    failed(sensor.now)
    assert "retried in 0:01:00" in sensor.skipped()


def test_a_layer_is_not_requested_while_a_source_waits_for_its_retry(
    sensor: Sensor, connection: Connection, home: Path
) -> None:
    follow_all(connection)
    add_instance(connection, "home", "http://127.0.0.1:9", home=home)
    record_failure(connection, TAG_NAMES, "It failed.")
    sensor.skipped()
    assert "layer letters waits for layer tag_names" in sensor.skipped()


@pytest.mark.usefixtures("mirrored")
def test_the_sensor_requests_nothing_during_a_run(
    sensor: Sensor, dagster: dg.DagsterInstance, connection: Connection
) -> None:
    run = run_of(dagster, "", dg.DagsterRunStatus.QUEUED, "follow")
    assert sensor.skipped() == "A run of the job follow is in progress."
    dagster.delete_run(run.run_id)
    assert sensor.requested()[0] == {"tag_names", "letters"}


@pytest.mark.usefixtures("mirrored")
def test_a_cursor_of_another_version_is_ignored(sensor: Sensor, connection: Connection) -> None:
    sensor.cursor = '{"tag_names": {"failures": "many"}}'
    assert sensor.requested()[0] == {"tag_names", "letters"}


def test_a_tick_without_the_database_is_skipped_with_a_reason(dagster: dg.DagsterInstance) -> None:
    gone = load_settings(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    result = layers_due(dg.build_sensor_context(instance=dagster), WarehouseResource(lambda: gone), SAMPLE, 0.0)
    assert isinstance(result, dg.SkipReason)
    assert (result.skip_message or "").startswith("The database cannot be reached")


@pytest.mark.usefixtures("mirrored")
def test_requested_layer_runs_can_be_launched(dagster: dg.DagsterInstance) -> None:
    found = defs.resolve_sensor_def(NAME)
    assert found.default_status is dg.DefaultSensorStatus.RUNNING and found.job_name == "follow"
    context = dg.build_sensor_context(
        instance=dagster,
        instance_ref=dagster.get_ref(),
        repository_def=defs.get_repository_def(),
        resources={WAREHOUSE: WarehouseResource(get_settings)},
    )
    (request,) = found.evaluate_tick(context).run_requests or []
    job = defs.resolve_job_def("follow")
    result = job.execute_in_process(asset_selection=list(request.asset_selection or []), instance=dagster)
    assert result.success and len(result.get_asset_materialization_events()) == 3


# -- with a daemon -------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_two_instances_and_a_failing_layer_converge_automatically(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Dagster's processes load the definitions of the tests
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with (
        open_warehouse(load_settings(home=home, changes_seconds=5, reconcile_share_percent=0)) as ready,
        ExitStack() as stack,
    ):
        url = ready.database() or ""
        connection = stack.enter_context(connect(url))
        create_tables(connection)
        servers = [stack.enter_context(registered(url, home, name, refreshed=False)) for name in ("home", "attic")]
        stack.enter_context(settings_in_use(ready))
        stack.enter_context(serving(ready, free_port(), module=MODULE))

        def wait_until(done: object) -> None:
            end = time.monotonic() + 120
            assert callable(done)
            while not done():
                assert time.monotonic() < end, (states(connection, SAMPLE), contents(connection))
                time.sleep(0.3)

        def names() -> set[str]:
            return {row[0] for row in contents(connection)["tag_names.names"]}

        wait_until(lambda: len({row[0] for row in contents(connection)["tag_names.members"]}) == 2)
        for server in servers:
            server.change()
        wait_until(lambda: "tag 1 of the test" in names())
        fail_with(connection, "not now")
        servers[0].change()
        wait_until(lambda: states(connection, SAMPLE)[0].error is not None)
        # the mirror itself goes on
        wait_until(lambda: connection.execute("SELECT 1 FROM stash.tags WHERE name = 'tag 2 of the test'").fetchone())
        # the run of the change has failed in the layer, and will not follow it any more
        wait_until(
            lambda: (
                not connection.execute(
                    "SELECT 1 FROM dagster.runs WHERE pipeline_name = 'refresh'\n"
                    "AND status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
                ).fetchone()
            )
        )
        mended = connection.execute("SELECT now() AT TIME ZONE 'UTC'").fetchone()
        fail_with(connection, None)
        wait_until(lambda: "tag 2 of the test" in names())
        wait_until(lambda: all(state.current for state in states(connection, SAMPLE)))
        assert contents(connection) == expected(connection)
        failed = connection.execute(
            "SELECT count(*) FROM dagster.runs WHERE status = 'FAILURE' AND pipeline_name = 'refresh'"
        ).fetchone()
        assert failed == (0,)
        # a run commits the rows of a layer before Dagster records that the run succeeded. On a slow machine, the change
        # may be seen twice: then a second refresh can be faster than the sensor's run
        wait_until(
            lambda: connection.execute(
                "SELECT 1 FROM dagster.runs WHERE status = 'SUCCESS'\n"
                "AND (pipeline_name = 'follow' OR create_timestamp > %s)",
                mended,
            ).fetchone()
        )
