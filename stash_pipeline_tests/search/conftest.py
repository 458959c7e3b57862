"""Fixtures of the tests of the search: those of the catalog."""

from stash_pipeline_tests.catalog.conftest import _no_waiting, _with_catalog, home, warehouse

__all__ = ["_no_waiting", "_with_catalog", "home", "warehouse"]
