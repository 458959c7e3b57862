"""Fixtures of the tests of the catalog: those of the mirror, and a catalog of two servers."""

from collections.abc import Iterator

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline_tests.catalog.working import Servers, new_servers, same_servers
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.conftest import _no_waiting, home, warehouse
from stash_pipeline_tests.mirror.working import stop_looking

__all__ = ["_no_waiting", "home", "warehouse"]

_ORIGINAL = "with_catalog"
_COPY = "with_catalog_copy"

# of the process: several packages import the fixture, and each makes one of its own
_originals: dict[str, list[Instance]] = {}


@pytest.fixture(scope="session")
def _with_catalog(postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> list[Instance]:
    """The instances of a database to copy."""
    if postgres not in _originals:
        made = new_servers(create_database(postgres, _ORIGINAL, _template), tmp_path_factory.mktemp("home"))
        made.follow()
        stop_looking()
        _originals[postgres] = [server.instance for server in made.servers]
    return _originals[postgres]


@pytest.fixture(scope="module")
def servers(
    postgres: str, _with_catalog: list[Instance], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Two servers with a catalog, in a database that the tests of a module share.

    It is a copy, which takes a fraction of the time of reading, matching and cataloging.
    """
    url = create_database(postgres, _COPY, _ORIGINAL)
    yield same_servers(url, tmp_path_factory.mktemp("home"), _with_catalog)
    stop_looking()
    drop_database(postgres, _COPY)
