"""The embedded index answers what every back end answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.search.documents import FACETS, Document
from stash_pipeline.search.request import (
    AllOf,
    AnyOf,
    Between,
    Condition,
    Hit,
    Not,
    OneOf,
    SearchRequest,
    SearchResults,
    Word,
)
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.search.tantivy.reader import TantivyReader
from stash_pipeline_tests.search import library, oracle
from stash_pipeline_tests.search.suite import Suite, fill, generated_library, words


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> TantivyBackend:
    """An index with the generated library, for tests that only read."""
    backend = TantivyBackend(tmp_path_factory.mktemp("filled") / "search")
    fill(backend, generated_library())
    return backend


class TestTantivy(Suite):
    @pytest.fixture
    def backend(self, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
        if "library" in request.fixturenames:
            return request.getfixturevalue("filled")
        return TantivyBackend(tmp_path / "search")

    @pytest.fixture
    def library(self) -> list[Document]:
        return list(generated_library())


@pytest.mark.parametrize("by_two_threads", [False, True])
def test_facets_of_several_segments_are_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_two_threads: bool
) -> None:
    if by_two_threads:
        monkeypatch.setattr("stash_pipeline.search.tantivy.facets._MANY", 0)
    documents = list(library.documents(600, seed=8))
    backend = TantivyBackend(tmp_path / "search")
    for start in range(0, 600, 150):
        # a segment each
        fill(backend, documents[start : start + 150], rebuild=start == 0)
    reader = backend.reader()
    for condition in (AllOf(()), AnyOf("entity", ("scenes",)), words("beach", "exact")):
        matching = [document for document in documents if oracle.matches(document, condition)]
        for limit in (1, 2, 5):
            results = reader.search(SearchRequest(condition, facets=FACETS, facet_limit=limit))
            assert results.total == len(matching)
            assert results.facets == {name: oracle.facet(matching, name, limit) for name in FACETS}


RANKED: Sequence[Condition] = (
    *(words(word, match) for word in ("beach", "summer", "be", "lake", "violni") for match in ("typos", "prefix")),
    words("beach summer"),
    words("beach summer night"),
    words("beach", "exact"),
    AllOf((words("beach"), words("beach"))),
    Word(("beach",), "typos", "details"),
    Word(("beach",), "typos", "title"),
    Word(("summer", "ni"), "prefix"),
    AllOf((Word(("lake",)), AnyOf("entity", ("scenes",)), Not(Word(("night",))))),
    AllOf((OneOf((Word(("lake",)), Word(("summer",)))), Word(("beach",)))),
    AllOf((OneOf((AnyOf("entity", ("scenes",)), Between("rating", 50, None))), Word(("beach",)))),
    OneOf((Word(("lake",)), AnyOf("entity", ("tags",)))),
    Not(Word(("beach",))),
    Between("rating", 50, None),
    AllOf(()),
)


@pytest.mark.parametrize("limit", [1, 7, 60])
def test_small_pages_are_those_of_one_that_has_everything(
    ranked: TantivyReader, all_ranked: Sequence[SearchResults], limit: int
) -> None:
    for condition, everything in zip(RANKED, all_ranked, strict=True):
        hits: list[Hit] = []
        after = None
        while len(hits) < 20 * limit:
            page = ranked.search(SearchRequest(condition, limit=limit, after=after))
            assert page.total == everything.total == len(everything.hits), condition
            hits += page.hits
            if (after := page.next) is None:
                break
        assert hits == list(everything.hits[: len(hits)]), condition
        assert after is not None or len(hits) == everything.total, condition


@pytest.fixture(scope="module")
def all_ranked(ranked: TantivyReader) -> Sequence[SearchResults]:
    """For each condition, a page that not even all documents fill: it is made by ranking them all."""
    return [ranked.search(SearchRequest(condition, limit=1_000)) for condition in RANKED]


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> TantivyReader:
    backend = TantivyBackend(tmp_path_factory.mktemp("ranked") / "search")
    documents = list(library.documents(900, seed=9))
    fill(backend, documents[:600])
    fill(backend, documents[500:], rebuild=False)
    return backend.reader()
