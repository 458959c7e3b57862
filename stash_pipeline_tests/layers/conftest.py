"""A database with the tables of the sample layers, and a Dagster instance."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import load_settings, settings_in_use
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.layers.sample import create_tables
from stash_pipeline_tests.mirror.working import no_waiting


@pytest.fixture(scope="session")
def _template(_with_dagster: str) -> str:
    return _with_dagster


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with no_waiting():
        yield


@pytest.fixture
def warehouse(database_url: str) -> str:
    """The URL of the database."""
    with connect(database_url) as connection:
        create_tables(connection)
    return database_url


@pytest.fixture
def dagster(warehouse: str, home: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance, and settings of this process that use the database."""
    with settings_in_use(load_settings(home=home).with_database(warehouse)), dagster_instance(home, warehouse) as made:
        yield made
