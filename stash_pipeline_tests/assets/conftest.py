"""A Dagster instance with a migrated database, shared by the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.definitions import defs
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import load_settings, settings_in_use
from stash_pipeline_tests.assets.running import Assets
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import no_waiting


@pytest.fixture(scope="session")
def _template(_with_dagster: str) -> str:
    return _with_dagster


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with no_waiting():
        yield


@pytest.fixture(scope="session")
def graph() -> Assets:
    """The assets of the definitions."""
    return {spec.key: spec for spec in defs.resolve_all_asset_specs()}


@pytest.fixture(scope="session")
def specs(graph: Assets) -> Assets:
    """Without what lies on the servers."""
    return {key: spec for key, spec in graph.items() if key.path[0] not in ("stash_server", "stash_box_server")}


@pytest.fixture(scope="module")
def graph_database(postgres: str, _template: str) -> Iterator[str]:
    yield create_database(postgres, "graph", _template)
    drop_database(postgres, "graph")


@pytest.fixture(scope="module")
def graph_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graph")


@pytest.fixture
def dagster(graph_database: str, graph_home: Path) -> Iterator[dg.DagsterInstance]:
    settings = load_settings(home=graph_home).with_database(graph_database)
    with settings_in_use(settings), dagster_instance(graph_home, graph_database) as opened:
        yield opened
