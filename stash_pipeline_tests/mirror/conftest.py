"""Fixtures of the tests of the mirror: a database per module, and waiting that does not wait."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import no_waiting


@pytest.fixture(scope="module")
def warehouse(postgres: str, _template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database that the tests of a module share; each registers instances of its own."""
    name = request.module.__name__.rpartition(".")[2]
    yield create_database(postgres, name, _template)
    drop_database(postgres, name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the settings."""
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with no_waiting():
        yield
