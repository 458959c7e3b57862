"""Fixtures of the tests of the published views: two servers whose libraries overlap, with all layers."""

from stash_pipeline_tests.catalog.conftest import _no_waiting, _with_catalog, home, servers, warehouse

__all__ = ["_no_waiting", "_with_catalog", "home", "servers", "warehouse"]
