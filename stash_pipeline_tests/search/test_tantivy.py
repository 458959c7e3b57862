"""The embedded index answers what every back end answers."""

from pathlib import Path

import pytest

from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline_tests.search.suite import Suite


class TestTantivy(Suite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> TantivyBackend:
        return TantivyBackend(tmp_path / "search")
