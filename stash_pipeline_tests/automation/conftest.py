"""One database and one Dagster instance per module, reset for each test; and sensors with two servers."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import get_settings, load_settings, settings_in_use
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.automation.sensor_ticks import Sensor
from stash_pipeline_tests.automation.servers import Server, registered
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import no_waiting

Shared = tuple[str, dg.DagsterInstance]


@pytest.fixture(scope="session")
def _template(_with_dagster: str) -> str:
    return _with_dagster


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with no_waiting():
        yield


@pytest.fixture(scope="module")
def _shared(
    postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Shared]:
    name = request.module.__name__.rpartition(".")[2]
    url = create_database(postgres, name, _template)
    home = tmp_path_factory.mktemp(name)
    with settings_in_use(load_settings(home=home)), dagster_instance(home, url) as opened:
        yield url, opened
    drop_database(postgres, name)


@pytest.fixture
def warehouse(_shared: Shared) -> str:
    """The URL of the database, without any instance."""
    url, _ = _shared
    with connect(url) as connection:
        connection.execute("DELETE FROM ops.instances")
    return url


@pytest.fixture
def dagster(_shared: Shared, warehouse: str) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance without runs and partitions, and settings of this process that use it."""
    _, instance = _shared
    with settings_in_use(get_settings().with_database(warehouse)):
        sync_partitions(instance, [])
        for run in instance.get_runs():
            instance.delete_run(run.run_id)
        yield instance


@pytest.fixture
def changes(dagster: dg.DagsterInstance) -> Sensor:
    """The sensor that asks the servers."""
    return Sensor("changes_sensor", dagster)


@pytest.fixture
def servers(warehouse: str, home: Path) -> Iterator[dict[str, Server]]:
    """Two refreshed servers."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(registered(warehouse, home, name)) for name in ("home", "attic")}
