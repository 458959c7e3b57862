"""What every back end of the search answers. Each has a subclass of :class:`Suite` with a fixture ``backend``.

Asserts on documents and their order, never on scores.
"""

import datetime
import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.search.backend import IndexState, SearchBackend, SearchIndexLockedError, SearchReader
from stash_pipeline.search.documents import FACETS, Document
from stash_pipeline.search.folding import query_tokens
from stash_pipeline.search.request import (
    SORT_KEYS,
    AllOf,
    AnyOf,
    Between,
    Condition,
    Exists,
    Not,
    OneOf,
    SearchRequest,
    SearchResults,
    Sort,
    Word,
)
from stash_pipeline_tests.search import library, oracle
from stash_pipeline_tests.search.conditions import Conditions

FIVE_FACETS = ("entity", "studio", "performer", "tag", "year")
MANY = 400
"""Documents of the generated library."""


@cache
def generated_library() -> tuple[Document, ...]:
    """The documents of the generated library."""
    return tuple(library.documents(MANY, seed=5))


def id_of(number: int) -> UUID:
    """A readable id."""
    return UUID(int=number)


def scene(number: int, title: str = "", **fields: Any) -> Document:
    """A scene with an id of that number."""
    return Document(**{"id": id_of(number), "entity": "scenes", "revision": 1, "title": title, **fields})


def words(text: str, match: Any = "typos", field: str | None = None) -> AllOf:
    """What a person who types these words asks for."""
    return AllOf(tuple(Word((token,), match, field) for token in query_tokens(text)))


def phrase(text: str, match: Any = "exact", field: str | None = None) -> Word:
    """These words next to each other."""
    return Word(tuple(query_tokens(text)), match, field)


def fill(backend: SearchBackend, documents: Iterable[Document], revision: int = 1, rebuild: bool = True) -> None:
    """Writes documents to the index."""
    with backend.writer(rebuild=rebuild) as writer:
        writer.put(documents)
        writer.commit(IndexState(revision, f"token {revision}", backend.version))


def numbers(results: SearchResults) -> list[int]:
    """The numbers of the ids, in order."""
    return [hit.id.int for hit in results.hits]


def pages(reader: SearchReader, request: SearchRequest) -> Iterable[SearchResults]:
    """All pages, the first one first."""
    while True:
        results = reader.search(request)
        yield results
        if results.next is None:
            return
        request = replace(request, after=results.next)


class Suite:
    """The tests that every back end passes.

    Attributes:
        conditions: random conditions that are compared with a look at every document.
    """

    conditions = 150

    @pytest.fixture
    def backend(self) -> SearchBackend:
        """An empty back end."""
        raise NotImplementedError

    @pytest.fixture
    def library(self, backend: SearchBackend) -> list[Document]:
        """The documents of a generated library, which the index has."""
        documents = list(generated_library())
        fill(backend, documents)
        return documents

    def found(self, backend: SearchBackend, condition: Condition, **fields: Any) -> list[int]:
        """Numbers of the documents that match, in order."""
        reader = backend.reader()
        try:
            return numbers(reader.search(SearchRequest(condition, **{"limit": 1_000, **fields})))
        finally:
            reader.close()

    # --- words ------------------------------------------------------------------------------------------------

    def test_all_words_must_be_there_in_any_field_and_order(self, backend: SearchBackend) -> None:
        fill(
            backend,
            [
                scene(1, "Golden Harbour", people=("Anna Quillby",)),
                scene(2, "Harbour"),
                scene(3, "Evening", details="A golden morning.", tags=("Harbour",)),
            ],
        )
        assert set(self.found(backend, words("harbour golden"))) == {1, 3}
        assert self.found(backend, words("quillby golden")) == [1]
        assert self.found(backend, words("golden castle")) == []

    @pytest.mark.parametrize(
        "field",
        ["title", "code", "details", "disambiguation"],
    )
    def test_words_of_one_field_are_not_looked_for_in_others(self, backend: SearchBackend, field: str) -> None:
        fill(backend, [scene(1, **{field: "violin"}), scene(2, studios=("Violin Films",), title="x")])
        assert self.found(backend, words("violin", field=field)) == [1]
        assert self.found(backend, words("violin", field="studios")) == [2]

    def test_exact_above_beginning_above_one_error_above_two(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Letterbos"), scene(2, "Ledterbos"), scene(3, "Letterboxes"), scene(4, "Letterbox")])
        assert self.found(backend, words("letterbox")) == [4, 3, 1, 2]

    def test_names_rank_above_aliases_and_titles_above_details(self, backend: SearchBackend) -> None:
        fill(
            backend,
            [
                scene(1, "Other", details="marigold"),
                scene(2, "Someone", entity="performers", aliases=("Marigold",)),
                scene(3, "Marigold", entity="performers"),
            ],
        )
        assert self.found(backend, words("marigold")) == [3, 2, 1]

    def test_the_title_that_is_what_was_typed_comes_first(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "The castle on the hill at night"), scene(2, "Castle"), scene(3, "Castle hill")])
        assert self.found(backend, words("castle"))[0] == 2
        assert self.found(backend, words("hill castle"))[0] == 3

    @pytest.mark.parametrize(
        "typed",
        ["lighthouse", "lighthuose", "ighthouse", "lihgthuose", "lghthous", "lightjouse", "llighthouse", "lighth"],
    )
    def test_words_are_found_with_errors(self, backend: SearchBackend, typed: str) -> None:
        fill(backend, [scene(1, "Lighthouse"), scene(2, "Market")])
        assert self.found(backend, words(typed)) == [1]

    @pytest.mark.parametrize(
        ("title", "typed"),
        [("Sun", "sin"), ("Road", "raod x"), ("Market", "amkret"), ("1080p", "1081p"), ("ABC-123", "ABC-124")],
    )
    def test_short_words_and_numbers_are_not_found_with_errors(
        self, backend: SearchBackend, title: str, typed: str
    ) -> None:
        fill(backend, [scene(1, title)])
        assert self.found(backend, words(typed)) == []

    def test_exact_words_and_beginnings_have_no_errors(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Harbour"), scene(2, "Harbours"), scene(3, "Harbor")])
        assert self.found(backend, words("harbour", "exact")) == [1]
        assert set(self.found(backend, words("harbour", "prefix"))) == {1, 2}

    def test_phrases_are_words_next_to_each_other_in_one_value(self, backend: SearchBackend) -> None:
        fill(
            backend,
            [
                scene(1, "Blue Lake Morning"),
                scene(2, "Lake Blue"),
                scene(3, "Blue Big Lake"),
                scene(4, "x", aliases=("Very Blue", "Lake House")),
                scene(5, "y", studios=("Blue Lake",)),
            ],
        )
        assert set(self.found(backend, phrase("blue lake"))) == {1, 5}
        assert self.found(backend, phrase("blue lake", field="studios")) == [5]
        assert set(self.found(backend, phrase("blue la", "prefix"))) == {1, 5}
        assert self.found(backend, phrase("blue la")) == []

    @pytest.mark.parametrize(
        ("title", "typed"),
        [
            ("Café Façade", "cafe facade"),
            ("Cafe Facade", "CAFÉ façade"),
            ("Łódź Smørrebrød Straße", "lodz smorrebrod strasse"),
            ("Blue_Lake.Morning", "blue lake morning"),
            ("ABC-123", "abc123"),
            ("東京の夜", "東京"),
            ("東京の夜", "夜"),
        ],
    )
    def test_texts_are_compared_folded(self, backend: SearchBackend, title: str, typed: str) -> None:
        fill(backend, [scene(1, title), scene(2, "Other")])
        assert self.found(backend, words(typed)) == [1]

    def test_matching_words_of_the_index_are_told(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Harbour"), scene(2, "Harbours"), scene(3, "Market")])
        results = backend.reader().search(SearchRequest(words("harbour")))
        assert set(results.terms["harbour"]) == {"harbour", "harbours"}

    def test_the_vocabulary_has_words_of_names(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Harbour", details="Unknown"), scene(2, "Harbour", people=("Hanna Quill",))])
        reader = backend.reader()
        assert reader.vocabulary("ha") == [("harbour", 2), ("hanna", 1)]
        assert reader.vocabulary("ha", limit=1) == [("harbour", 2)]
        assert "unknown" not in dict(reader.vocabulary())

    # --- filters ----------------------------------------------------------------------------------------------

    def test_filters_find_what_a_look_at_every_document_finds(
        self, backend: SearchBackend, library: list[Document]
    ) -> None:
        conditions = Conditions(library, random.Random(3), with_errors=False)
        reader = backend.reader()
        for _ in range(self.conditions):
            condition = conditions.any()
            results = reader.search(SearchRequest(condition, limit=1_000))
            expected = {document.id for document in library if oracle.matches(document, condition)}
            assert {hit.id for hit in results.hits} == expected, condition
            assert results.total == len(expected)

    def test_bounds_are_part_of_a_range_and_missing_values_are_not(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, rating=20), scene(2, rating=21), scene(3, rating=0), scene(4)])
        assert set(self.found(backend, Between("rating", 20, 21))) == {1, 2}
        assert set(self.found(backend, Between("rating", None, 20))) == {1, 3}
        assert set(self.found(backend, Between("rating", None, None))) == {1, 2, 3}
        assert self.found(backend, Between("rating", 22, 10)) == []
        assert set(self.found(backend, Between("rating", -(10**30), 10**30))) == {1, 2, 3}
        assert self.found(backend, Not(Exists("rating"))) == [4]

    def test_days_before_1970_are_in_order(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, date=datetime.date(1969, 12, 31)), scene(2, date=datetime.date(1970, 1, 1))])
        assert self.found(backend, Between("date", None, -1)) == [1]
        assert self.found(backend, Between("date", 0, 0)) == [2]

    def test_empty_conditions(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1), scene(2)])
        assert self.found(backend, AllOf(())) == [1, 2]
        assert self.found(backend, OneOf(())) == []
        assert self.found(backend, AnyOf("performer_ids", ())) == []
        assert self.found(backend, Not(AllOf(()))) == []
        assert self.found(backend, AllOf((Not(OneOf(())),))) == [1, 2]

    def test_many_ids_are_a_filter(self, backend: SearchBackend) -> None:
        fill(backend, [scene(number) for number in range(1, 301)])
        wanted = tuple(id_of(number) for number in range(1, 5_000, 2))
        assert self.found(backend, AnyOf("id", wanted)) == list(range(1, 301, 2))

    # --- order and pages --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("key", [key for key in SORT_KEYS if key != "relevance"])
    def test_sorted_pages_are_all_documents_in_order(
        self, backend: SearchBackend, library: list[Document], key: str, descending: bool
    ) -> None:
        sorts = (Sort(key, descending),)
        request = SearchRequest(AllOf(()), sort=sorts, limit=61)
        found = [hit.id for page in pages(backend.reader(), request) for hit in page.hits]
        assert found == oracle.in_order(library, sorts)

    def test_several_keys_decide_one_after_the_other(self, backend: SearchBackend, library: list[Document]) -> None:
        sorts = (Sort("resolution", True), Sort("title", False), Sort("rating", True))
        request = SearchRequest(Exists("height"), sort=sorts, limit=37)
        found = [hit.id for page in pages(backend.reader(), request) for hit in page.hits]
        assert found == oracle.in_order([document for document in library if document.height], sorts)

    def test_long_titles_are_compared_to_their_end(self, backend: SearchBackend) -> None:
        start = "a title that is much longer than what is compared at once "
        documents = [scene(number, f"{start}{(number * 7) % 10}") for number in range(1, 10)]
        fill(backend, [*documents, scene(20, start), scene(21, f"{start}{7}")])
        every = [*documents, scene(20, start), scene(21, f"{start}{7}")]
        for sorts in ((Sort("title", False),), (Sort("title", True), Sort("date"))):
            request = SearchRequest(AllOf(()), sort=sorts, limit=2)
            found = [hit.id for page in pages(backend.reader(), request) for hit in page.hits]
            assert found == oracle.in_order(every, sorts)

    def test_pages_by_relevance_have_every_document_once(self, backend: SearchBackend) -> None:
        documents = [scene(number, "Harbour" if number % 3 else "Harbour night") for number in range(1, 200)]
        fill(backend, reversed(documents))
        whole = self.found(backend, words("harbour"))
        found = [
            number
            for page in pages(backend.reader(), SearchRequest(words("harbour"), limit=7))
            for number in numbers(page)
        ]
        assert found == whole
        assert sorted(found) == list(range(1, 200))
        short = [number for number in found if number % 3]
        assert short == sorted(short), "equal hits are in the order of their ids"

    @pytest.mark.parametrize("sort", [Sort(), Sort("title", False), Sort("rating"), Sort("date", False)])
    def test_a_page_goes_on_where_the_last_one_ended_while_documents_change(
        self, backend: SearchBackend, sort: Sort
    ) -> None:
        def made(number: int) -> Document:
            return scene(number, f"Harbour {number % 5}", rating=number % 4 or None)

        stays = [made(number) for number in range(100, 200)]
        fill(backend, [*stays, *(made(number) for number in range(200, 230))])
        reader = backend.reader()
        request = SearchRequest(words("harbour"), sort=(sort,), limit=30)
        first = reader.search(request)
        with backend.writer() as writer:
            writer.delete(id_of(number) for number in range(200, 230))
            writer.put(made(number) for number in (*range(1, 100), *range(300, 400)))
            writer.commit(IndexState(2, "b", backend.version))
        found = numbers(first)
        assert first.next is not None
        for page in pages(backend.reader(), replace(request, after=first.next)):
            found += numbers(page)
        staying = [number for number in found if 100 <= number < 200]
        assert sorted(staying) == list(range(100, 200))
        assert len(found) == len(set(found))
        assert not set(found[30:]) & set(range(200, 230))

    def test_the_last_page_has_no_next(self, backend: SearchBackend) -> None:
        fill(backend, [scene(number) for number in range(1, 5)])
        reader = backend.reader()
        assert reader.search(SearchRequest(AllOf(()), limit=4)).next is None
        assert reader.search(SearchRequest(AllOf(()), limit=3)).next is not None
        assert reader.search(SearchRequest(words("nothing"), limit=3)).hits == ()

    @pytest.mark.parametrize("after", ["", "x", "ﬀ", "WzFd", "bnVsbA", "A" * 5_000])
    def test_a_page_of_another_search_is_refused(self, backend: SearchBackend, after: str) -> None:
        fill(backend, [scene(1), scene(2)])
        reader = backend.reader()
        of_title = reader.search(SearchRequest(AllOf(()), sort=(Sort("title"),), limit=1)).next
        for wrong, sort in ((after, Sort()), (after, Sort("date")), (of_title, Sort()), (of_title, Sort("date"))):
            with pytest.raises(UserError):
                reader.search(SearchRequest(AllOf(()), sort=(sort,), after=wrong))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"limit": 0},
            {"limit": 1_001},
            {"sort": (Sort("colour"),)},
            {"sort": ()},
            {"sort": (Sort(), Sort("date"))},
            {"facets": ("colour",)},
            {"condition": Word(("x",), field="rating")},
            {"condition": AnyOf("title", ("x",))},
            {"condition": Between("title", 1, 2)},
            {"condition": Exists("colour")},
        ],
    )
    def test_a_wrong_request_gets_a_sentence(self, backend: SearchBackend, wrong: dict[str, Any]) -> None:
        fill(backend, [scene(1)])
        with pytest.raises(UserError):
            backend.reader().search(SearchRequest(**{"condition": AllOf(()), **wrong}))

    # --- facets -----------------------------------------------------------------------------------------------

    def test_facets_count_what_matches(self, backend: SearchBackend, library: list[Document]) -> None:
        reader = backend.reader()
        for condition in (AllOf(()), words("beach", "exact"), AnyOf("entity", ("scenes",)), words("nothing", "exact")):
            matching = [document for document in library if oracle.matches(document, condition)]
            for limit in (1, 3, 10, 1_000):
                facets = reader.search(SearchRequest(condition, limit=1, facets=FACETS, facet_limit=limit)).facets
                assert facets == {name: oracle.facet(matching, name, limit) for name in FACETS}

    # --- writing ----------------------------------------------------------------------------------------------

    def test_hits_are_the_whole_documents(self, backend: SearchBackend, library: list[Document]) -> None:
        by_id = {document.id: document for document in library}
        hits = backend.reader().search(SearchRequest(AllOf(()), limit=1_000)).hits
        assert {hit.id: hit.document for hit in hits} == by_id
        some = [*list(by_id)[:5], id_of(1)]
        assert backend.reader().documents(some) == {id: by_id[id] for id in some[:5]}
        assert backend.reader().documents([]) == {}

    def test_documents_are_replaced_and_removed(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Harbour"), scene(2, "Castle"), scene(3, "Island"), scene(3, "Bridge")])
        with backend.writer() as writer:
            assert writer.put([scene(1, "Market"), scene(1, "Meadow"), scene(4, "Orchard")]) == 3
            writer.delete([id_of(2), id_of(99)])
            writer.commit(IndexState(2, "b", backend.version))
        reader = backend.reader()
        titles = {hit.id.int: hit.document.title for hit in reader.search(SearchRequest(AllOf(()))).hits}
        assert titles == {1: "Meadow", 3: "Bridge", 4: "Orchard"}
        assert self.found(backend, words("harbour")) == self.found(backend, words("castle")) == []
        assert reader.state() == IndexState(2, "b", backend.version, 3)

    def test_nothing_is_visible_before_the_commit_or_without_it(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Harbour")])
        with backend.writer() as writer:
            writer.put([scene(2, "Harbour")])
            writer.delete([id_of(1)])
            assert self.found(backend, words("harbour")) == [1]
        with pytest.raises(ZeroDivisionError), backend.writer(rebuild=True) as writer:
            writer.put([scene(3, "Harbour")])
            raise ZeroDivisionError
        assert self.found(backend, words("harbour")) == [1]
        assert backend.state() == IndexState(1, "token 1", backend.version, 1)

    def test_a_writer_can_commit_several_times(self, backend: SearchBackend) -> None:
        with backend.writer(rebuild=True) as writer:
            for number in (1, 2, 3):
                writer.put([scene(number), scene(1, "changed")])
                writer.commit(IndexState(number, "t", backend.version))
                assert backend.state() == IndexState(number, "t", backend.version, number)
        assert self.found(backend, words("changed")) == [1]

    def test_a_reader_follows_the_index_also_through_a_rebuild(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Harbour")])
        reader = backend.reader()
        with backend.writer(rebuild=True) as writer:
            writer.put([scene(2, "Harbour")])
            assert numbers(reader.search(SearchRequest(words("harbour")))) == [1]
            assert reader.state().revision == 1
            writer.commit(IndexState(2, "b", backend.version))
        assert numbers(reader.search(SearchRequest(words("harbour")))) == [2]
        assert reader.search(SearchRequest(words("harbour"))).revision == 2
        fill(backend, [scene(3, "Harbour")], 3, rebuild=False)
        assert set(numbers(reader.search(SearchRequest(words("harbour"))))) == {2, 3}
        reader.close()

    def test_there_is_one_writer(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1)])
        with backend.writer(), pytest.raises(SearchIndexLockedError):
            backend.writer(wait_seconds=0.1)
        with backend.writer():
            pass

    def test_an_index_without_documents_has_a_state(self, backend: SearchBackend) -> None:
        assert backend.state() is None
        fill(backend, [])
        assert backend.state() == IndexState(1, "token 1", backend.version, 0)
        assert self.found(backend, AllOf(())) == []
        facets = backend.reader().search(SearchRequest(AllOf(()), facets=FACETS)).facets
        assert facets == dict.fromkeys(FACETS, ())

    # --- hostile input ----------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "text", ["*", "(", "a OR b", "\\", '"', ".*", "[a-z]+", "':=", "\ud800", "\0", "x" * 3_000, "-", ""]
    )
    def test_tokens_are_data(self, backend: SearchBackend, text: str) -> None:
        fill(backend, [scene(1, "Harbour", stash_box="none"), scene(2, "b")])
        for match in ("exact", "prefix", "typos"):
            if text:
                assert self.found(backend, Word((text,), match)) == []
                assert self.found(backend, Word(("harbour", text), match)) == []
        assert self.found(backend, AnyOf("stash_box", (text,))) == []

    def test_a_word_without_tokens_finds_nothing(self, backend: SearchBackend) -> None:
        fill(backend, [scene(1, "Harbour")])
        assert self.found(backend, Word(())) == []
