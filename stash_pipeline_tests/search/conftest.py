"""Fixtures of the tests of the search: those of the catalog, and servers with documents."""

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline_tests.catalog.conftest import _no_waiting, _with_catalog, home, warehouse
from stash_pipeline_tests.catalog.working import same_servers
from stash_pipeline_tests.conftest import create_database
from stash_pipeline_tests.mirror.working import stop_looking
from stash_pipeline_tests.search.working import follow_search

__all__ = ["_no_waiting", "_with_catalog", "home", "warehouse"]


@pytest.fixture(scope="session")
def _with_documents(
    postgres: str, _with_catalog: list[Instance], tmp_path_factory: pytest.TempPathFactory
) -> list[Instance]:
    """The instances of the database ``with_documents``, to copy."""
    url = create_database(postgres, "with_documents", "with_catalog")
    follow_search(same_servers(url, tmp_path_factory.mktemp("home"), _with_catalog))
    stop_looking()
    return _with_catalog
