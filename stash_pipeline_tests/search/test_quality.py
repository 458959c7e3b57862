"""People find what they mean, with the faults of typing. The figures of large libraries are in ``benchmarks``."""

from collections.abc import Iterator

import pytest

from stash_pipeline.search.backend import IndexState, SearchReader
from stash_pipeline.search.documents import Document
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline_tests.search import library, truth

FLOOR = 0.97
FLOOR_OF_A_KIND = 0.93


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return list(library.documents(4_000, seed=31))


@pytest.fixture(scope="module")
def reader(documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchReader]:
    backend = TantivyBackend(tmp_path_factory.mktemp("quality") / "search")
    with backend.writer(rebuild=True) as writer:
        writer.put(documents)
        writer.commit(IndexState(1, "a", backend.version))
    reader = backend.reader()
    yield reader
    reader.close()


def test_what_is_meant_is_among_the_first_five(reader: SearchReader, documents: list[Document]) -> None:
    success = truth.success(reader, list(truth.queries(documents, 400, seed=32)))
    assert set(success) == {*truth.KINDS, "all"}
    assert success["all"] >= FLOOR, success
    assert min(success.values()) >= FLOOR_OF_A_KIND, success


def test_the_truth_has_the_faults_that_it_names(documents: list[Document]) -> None:
    titles = {document.id: document.title for document in documents}
    for typed in truth.queries(documents, 200, seed=33):
        assert typed.meant
        words = [title.casefold().split() for id in typed.meant if (title := titles[id])]
        same = any(set(typed.text.split()) <= set(one) for one in words)
        if typed.kind in ("one typo", "two typos", "first letter missing"):
            assert not same, typed
        if typed.kind == "exact":
            assert typed.text


def test_documents_of_a_seed_are_the_same_and_those_of_others_are_not() -> None:
    first = list(library.documents(400, seed=1))
    assert first == list(library.documents(400, seed=1))
    assert len({document.id for document in first}) == 400
    assert not {document.id for document in first} & {document.id for document in library.documents(400, seed=2)}


def test_words_are_spread_as_in_real_libraries() -> None:
    documents = list(library.documents(5_000))
    shares = {
        entity: sum(document.entity == entity for document in documents) / 5_000
        for entity in ("scenes", "scene_markers")
    }
    assert 0.75 < sum(shares.values()) < 0.85
    titled = [set(document.title.casefold().split()) for document in documents]
    assert sum(library.COMMON[0] in words for words in titled) / 5_000 > 0.2
