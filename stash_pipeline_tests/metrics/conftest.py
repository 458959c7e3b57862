"""Fixtures of the tests of metrics: two servers with everything that is made of them."""

from stash_pipeline_tests.catalog.conftest import _with_catalog, servers
from stash_pipeline_tests.mirror.conftest import _no_waiting, warehouse

__all__ = ["_no_waiting", "_with_catalog", "servers", "warehouse"]
