"""Fixtures of the tests of the catalog: those of the mirror."""

from stash_pipeline_tests.mirror.conftest import _no_waiting, home, warehouse

__all__ = ["_no_waiting", "home", "warehouse"]
