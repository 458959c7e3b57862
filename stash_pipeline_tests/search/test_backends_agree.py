"""Both back ends answer the same requests with the same documents, facets, words and orders."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from stash_pipeline.search.backend import IndexState, SearchBackend, SearchReader
from stash_pipeline.search.documents import FACETS, Document
from stash_pipeline.search.folding import tokens
from stash_pipeline.search.request import SORT_KEYS, AllOf, Condition, SearchRequest, Sort
from stash_pipeline.search.tantivy.backend import TantivyBackend
from stash_pipeline.search.typesense.backend import TypesenseBackend
from stash_pipeline.search.typesense.client import Connection
from stash_pipeline_tests.search.conditions import Conditions
from stash_pipeline_tests.search.library import changed, documents
from stash_pipeline_tests.search.typesense_server import KEY, running

SIZE = 120
Readers = tuple[SearchReader, SearchReader]


@pytest.fixture(scope="module")
def library() -> list[Document]:
    return list(documents(SIZE, seed=7))


@pytest.fixture(scope="module")
def readers(library: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    with running() as server:
        home = tmp_path_factory.mktemp("search")
        backends: tuple[SearchBackend, SearchBackend] = (
            TantivyBackend(home / "index"),
            TypesenseBackend(Connection(server.url, KEY), home),
        )
        half = len(library) // 2
        late = changed(library, 0.3, seed=3)
        for backend in backends:
            state = IndexState(1, "token", backend.version, half)
            with backend.writer(rebuild=True) as writer:
                writer.put(library[:half])
                writer.commit(state)
            with backend.writer() as writer:
                writer.delete([one.id for one in library[:10]])
                writer.put(library[half:])
                writer.put(late)
                writer.commit(replace(state, revision=2))
        yield backends[0].reader(), backends[1].reader()


def _all(reader: SearchReader, condition: Condition, sort: tuple[Sort, ...], limit: int) -> list[UUID]:
    found: list[UUID] = []
    after = None
    while True:
        results = reader.search(SearchRequest(condition, sort=sort, limit=limit, after=after))
        found += [hit.id for hit in results.hits]
        after = results.next
        if after is None:
            return found


@pytest.mark.parametrize("seed", range(50))
def test_a_condition_finds_the_same_documents(readers: Readers, library: list[Document], seed: int) -> None:
    condition = Conditions(library, random.Random(seed)).any()
    first, second = (reader.search(SearchRequest(condition, limit=1000)) for reader in readers)
    assert {hit.id for hit in first.hits} == {hit.id for hit in second.hits}
    assert first.total == second.total == len(second.hits)
    # the embedded index may also name words that no document has any more
    assert first.terms.keys() == second.terms.keys()
    assert all(set(second.terms[token]) <= set(found) for token, found in first.terms.items())
    assert {hit.id: hit.document for hit in first.hits} == {hit.id: hit.document for hit in second.hits}


@pytest.mark.parametrize("seed", range(5))
def test_facets_have_the_same_counts(readers: Readers, library: list[Document], seed: int) -> None:
    condition = Conditions(library, random.Random(seed)).any(1)
    request = SearchRequest(condition, facets=FACETS, facet_limit=4)
    first, second = (reader.search(request).facets for reader in readers)
    assert dict(first) == dict(second)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("key", [key for key in SORT_KEYS if key != "relevance"])
def test_pages_are_in_the_same_order(readers: Readers, key: str, descending: bool) -> None:
    sort = (Sort(key, descending),)
    first, second = (_all(reader, AllOf(()), sort, 23) for reader in readers)
    assert first == second


def test_orders_of_several_keys_are_the_same(readers: Readers) -> None:
    sort = (Sort("resolution"), Sort("rating", False), Sort("title"))
    first, second = (_all(reader, AllOf(()), sort, 17) for reader in readers)
    assert first == second


@pytest.mark.parametrize("seed", range(6))
def test_pages_by_relevance_repeat_and_skip_nothing(readers: Readers, library: list[Document], seed: int) -> None:
    condition = Conditions(library, random.Random(seed)).word()
    first, second = (_all(reader, condition, (Sort(),), 7) for reader in readers)
    assert len(second) == len(set(second))
    assert set(first) == set(second)


def test_the_vocabulary_has_the_words_of_names(readers: Readers) -> None:
    found = _hits(readers[1], AllOf(()))
    names = ("title", "aliases", "people", "studios", "tags")
    counts: Counter[str] = Counter()
    for document in found:
        texts = [text for name in names for text in _texts(getattr(document, name))]
        counts.update({token for text in texts for token in tokens(text)})
    assert dict(readers[1].vocabulary()) == counts
    # the embedded index forgets words of documents that are gone only when its files are merged
    assert counts.keys() <= dict(readers[0].vocabulary()).keys()


def test_the_vocabulary_is_in_the_order_of_frequency(readers: Readers) -> None:
    everything = readers[1].vocabulary("b")
    assert everything == sorted(everything, key=lambda one: (-one[1], one[0]))
    assert readers[1].vocabulary("b", 3) == everything[:3]


def _hits(reader: SearchReader, condition: Condition) -> list[Document]:
    return [hit.document for hit in reader.search(SearchRequest(condition, limit=1000)).hits]


def _texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


def test_documents_are_read_by_their_ids(readers: Readers, library: list[Document]) -> None:
    ids = [one.id for one in library[8:14]]
    first, second = (reader.documents(ids) for reader in readers)
    assert first == second
    assert len(second) == 4
