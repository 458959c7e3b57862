"""The embedded index answers what every back end answers."""

from pathlib import Path

import pytest

from stash_pipeline.search.documents import FACETS
from stash_pipeline.search.request import AllOf, AnyOf, SearchRequest
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline_tests.search import library, oracle
from stash_pipeline_tests.search.suite import Suite, fill, words


class TestTantivy(Suite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> TantivyBackend:
        return TantivyBackend(tmp_path / "search")


def test_facets_of_several_segments_are_exact(tmp_path: Path) -> None:
    documents = list(library.documents(600, seed=8))
    backend = TantivyBackend(tmp_path / "search")
    for start in range(0, 600, 150):
        # a segment each
        fill(backend, documents[start : start + 150], rebuild=start == 0)
    reader = backend.reader()
    for condition in (AllOf(()), AnyOf("entity", ("scenes",)), words("beach", "exact")):
        matching = [document for document in documents if oracle.matches(document, condition)]
        for limit in (1, 2, 5):
            found = reader.search(SearchRequest(condition, facets=FACETS, facet_limit=limit)).facets
            assert found == {name: oracle.facet(matching, name, limit) for name in FACETS}
