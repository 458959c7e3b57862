"""Answers searches on a Typesense server.

A search is two requests: one reads the state (and the words, if they have changed), one has all its searches. Relevance
is a ladder of classes: how words match, then in which fields; each class is a filter that excludes the classes before
it. So a page continues at a place that no other document can move.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson

from stash_pipeline.errors import UserError
from stash_pipeline.search.backend import IndexState, SearchIndexMissingError
from stash_pipeline.search.documents import TEXT_WEIGHTS, Document
from stash_pipeline.search.request import AllOf, Condition, Hit, SearchRequest, SearchResults, Sort, Word, check_request
from stash_pipeline.search.typesense.client import TypesenseMissingObjectError, TypesenseServer
from stash_pipeline.search.typesense.codes import code, decoded
from stash_pipeline.search.typesense.conditions import (
    ALL,
    MOST_OPERATIONS,
    FilterWriter,
    all_of,
    any_of,
    operations,
    split,
    words_in,
)
from stash_pipeline.search.typesense.names import Names
from stash_pipeline.search.typesense.order import Order
from stash_pipeline.search.typesense.schema import GROUPS, LAST_GROUP, document_of
from stash_pipeline.search.typesense.states import state_of
from stash_pipeline.search.vocabulary import EXACT, PREFIX, Vocabulary

PAGE: Final = 250
"""Hits per request that every server allows."""

_MANY_VALUES: Final = 1_000_000
_HIGHEST_SCORE: Final = 100
_CLASSES_TOGETHER: Final = 4
"""Mostly the first ones fill a page; the others are asked only if they do not."""
_FOR_A_PLACE: Final = 20
"""Operations that the place of a page adds to a filter."""
_FACETS_OF_IDS: Final = ("studio", "performer", "tag")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Index:
    """One state of the index: the collection behind the alias, and its words."""

    collection: str
    state: IndexState
    words: Vocabulary


class TypesenseReader:
    """Answers searches; see :class:`stash_pipeline.search.backend.SearchReader`."""

    def __init__(self, server: TypesenseServer, names: Names) -> None:
        self._server = server
        self._names = names
        self._index: _Index | None = None

    def close(self) -> None:
        """Releases what it holds; the connection belongs to the back end."""
        self._index = None

    def state(self) -> IndexState:
        """What the index holds now."""
        return self._current(with_words=False)[1]

    # --- the current index ------------------------------------------------------------------------------------

    def _current(self, with_words: bool = True) -> tuple[str, IndexState]:
        collection = self._names.current(self._server)
        if collection is None:
            raise SearchIndexMissingError(
                "There is no search index on the Typesense server; "
                "sync an instance, or run `stash-pipeline rebuild search`."
            )
        stored = state_of(self._server, self._names, collection)
        if stored is None:
            raise SearchIndexMissingError(
                "The search index on the Typesense server is incomplete; run `stash-pipeline rebuild search`."
            )
        if with_words and (
            self._index is None or self._index.collection != collection or self._index.state != stored.state
        ):
            self._index = _Index(collection, stored.state, self._load_words(collection))
        return collection, stored.state

    def _load_words(self, collection: str) -> Vocabulary:
        everywhere = (1 << len(TEXT_WEIGHTS)) - 1
        words = self._server.rows(self._names.words(collection), "word")
        return Vocabulary({row["word"]: everywhere for row in words})

    def _with_index(self, answer: Callable[[_Index], _Result]) -> _Result:
        """Answers from the current index; again if a rebuild removed it meanwhile."""
        self._current()
        for _ in range(2):
            assert self._index is not None
            try:
                return answer(self._index)
            except TypesenseMissingObjectError:
                before = self._index.collection
                self._index = None
                self._current()
                if self._names.current(self._server) == before:
                    raise
        assert self._index is not None
        return answer(self._index)

    # --- searches ---------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResults:
        """Answers a request, from one state of the index."""
        check_request(request)
        return self._with_index(lambda index: _Search(self._server, index, request).results())

    def documents(self, ids: Sequence[UUID]) -> dict[UUID, Document]:
        """The documents with these ids, as the index has them."""
        return self._with_index(lambda index: fetch_documents(self._server, index.collection, ids))

    def vocabulary(self, prefix: str = "", limit: int | None = None) -> list[tuple[str, int]]:
        """Tokens of names, with the number of documents: the most frequent first."""
        return self._with_index(lambda index: self._vocabulary(index, prefix, limit))

    def _vocabulary(self, index: _Index, prefix: str, limit: int | None) -> list[tuple[str, int]]:
        # codes of long tokens are hashes: their texts are among the words
        texts = {code(word): word for word in index.words.fields}
        search = _search(index.collection, ALL, per_page=0, facet_by="names", max_facet_values=_MANY_VALUES)
        counts = self._server.search([search])[0]["facet_counts"][0]["counts"]
        words = [(texts.get(bucket["value"]) or decoded(bucket["value"]), int(bucket["count"])) for bucket in counts]
        words = sorted(
            ((word, count) for word, count in words if word.startswith(prefix)), key=lambda pair: (-pair[1], pair[0])
        )
        return words if limit is None else words[:limit]


def _search(collection: str, filter_by: str, **more: Any) -> dict[str, Any]:
    """A search without text: filters decide. The strategy makes facets exact from release 27 on."""
    return {
        "collection": collection,
        "q": "*",
        "filter_by": filter_by,
        "include_fields": "document",
        "facet_strategy": "exhaustive",
        **more,
    }


def fetch_documents(server: TypesenseServer, collection: str, ids: Sequence[UUID]) -> dict[UUID, Document]:
    """Documents of a collection, by their ids; those that are not there are left out."""
    searches = []
    unique = list(dict.fromkeys(ids))
    for start in range(0, len(unique), PAGE):
        keys = ",".join(id.hex for id in unique[start : start + PAGE])
        searches.append(_search(collection, f"key:=[{keys}]", per_page=PAGE))
    documents = [document_of(hit["document"]) for result in server.search(searches) for hit in result["hits"]]
    by_id = {document.id: document for document in documents}
    return {id: by_id[id] for id in unique if id in by_id}


@dataclass(frozen=True)
class _Place:
    """Where a page continues: what the server compares of it, and what compares it in full."""

    numbers: tuple[int | None, ...]
    full: tuple[Any, ...]


class _Search:
    """One request on one state of the index."""

    def __init__(self, server: TypesenseServer, index: _Index, request: SearchRequest) -> None:
        self._server = server
        self._index = index
        self._request = request
        self._expansions, self._terms = _matches(request.condition, index.words)
        self._writer = FilterWriter(self._expansions)
        try:
            self._everything = self._writer.write(request.condition)
        except ValueError as error:
            raise UserError(str(error)) from None
        self._order = Order(request.sort, words=any(not negated for _, negated in words_in(request.condition)))

    def results(self) -> SearchResults:
        request = self._request
        everything = self._everything
        counts = [_search(self._index.collection, everything, per_page=0)] if request.count else []
        for facet in request.facets:
            counts.append(
                _search(
                    self._index.collection,
                    everything,
                    per_page=0,
                    facet_by=f"f_{facet}",
                    max_facet_values=max(request.facet_limit + 1, 50),
                )
            )
        hits, following, counted = self._page(counts)
        total = int(counted[0]["found"]) if request.count else None
        facets = {
            facet: self._facet(facet, counts[place], counted[place])
            for place, facet in enumerate(request.facets, start=1 if request.count else 0)
        }
        return SearchResults(
            hits=tuple(hits),
            total=total,
            next=following,
            facets=facets,
            terms=self._terms,
            revision=self._index.state.revision,
        )

    # --- hits -------------------------------------------------------------------------------------------------

    def _classes(self) -> list[tuple[int, str]]:
        """The classes of relevance, best first: a rank, and a filter that excludes the classes before it."""
        condition = self._request.condition
        words = [word for word, negated in words_in(condition) if not negated]
        write = self._writer.write
        first = self._request.sort[0] if self._request.sort else Sort()
        if first.key != "relevance" or not words:
            return [(0, self._everything)]
        ranked, others = split(condition)
        typed, filters = AllOf(tuple(ranked)), write(AllOf(tuple(others)))
        levels = sorted({match for word in words for match in self._expansions[word].values()} | {EXACT})
        groups = range(LAST_GROUP + 1) if any(word.field is None for word in words) else (LAST_GROUP,)
        classes = []
        for place, level in enumerate(levels):
            for group in groups:
                parts = [write(typed, level, group), filters]
                if place:
                    parts.append(write(typed, levels[place - 1], LAST_GROUP, negative=True))
                if group != groups[0]:
                    parts.append(write(typed, level, group - 1, negative=True))
                classes.append((level * len(GROUPS) + group, all_of(parts)))
        if max(operations(filter_by) for _, filter_by in classes) > MOST_OPERATIONS - _FOR_A_PLACE:
            return [(0, self._everything)]
        return classes if first.descending else classes[::-1]

    def _page(self, counts: list[dict[str, Any]]) -> tuple[list[Hit], str | None, list[dict[str, Any]]]:
        """The hits, the place after them, and the answers to ``counts``, which go into the first request."""
        limit = self._request.limit
        classes = self._classes()
        place, start = self._start(classes)
        after = "" if start is None else any_of([self._order.after(start.numbers), self._order.equal(start.numbers)])
        counted: list[dict[str, Any]] | None = None
        ranked: list[tuple[int, Document]] = []
        while place < len(classes) and len(ranked) <= limit:
            searches = [
                _search(
                    self._index.collection,
                    all_of([filter_by, after]) if after and number == place else filter_by,
                    per_page=min(PAGE, limit + 3 - len(ranked)),
                    sort_by=self._order.sort_by,
                )
                for number, (_, filter_by) in enumerate(classes)
                if place <= number < place + _CLASSES_TOGETHER
            ]
            answers = self._server.search([*searches, *(counts if counted is None else [])])
            counted = answers[len(searches) :] if counted is None else counted
            place, after = self._collect(place, searches, answers, ranked, start, limit)
            start = None
        counted = self._server.search(counts) if counted is None else counted
        ranks = [rank for rank, _ in classes]
        hits = [
            Hit(document.id, float(_HIGHEST_SCORE - ranks[number]) if len(classes) > 1 else 0.0, document)
            for number, document in ranked[:limit]
        ]
        if len(ranked) <= limit:
            return hits, None, counted
        number, last = ranked[limit - 1]
        return hits, _write_cursor(self._request.sort, ranks[number], self._order.values(last)), counted

    def _start(self, classes: list[tuple[int, str]]) -> tuple[int, "_Place | None"]:
        """The class to begin with, and the place in it."""
        if self._request.after is None:
            return 0, None
        try:
            rank, cursor_values = _read_cursor(self._request.sort, self._request.after)
            values = self._order.checked(cursor_values)
        except (ValueError, TypeError):
            raise UserError(
                "The page to continue after belongs to another search or order; begin with the first page."
            ) from None
        ascending = len(classes) > 1 and classes[0][0] > classes[-1][0]
        for number, (class_rank, _) in enumerate(classes):
            if class_rank == rank:
                return number, _Place(self._order.numbers(values), self._order.compare(values))
            if (class_rank < rank) if ascending else (class_rank > rank):
                # the index has no such matches any more
                return number, None
        return len(classes), None

    def _collect(
        self,
        place: int,
        searches: list[dict[str, Any]],
        answers: list[dict[str, Any]],
        ranked: list[tuple[int, Document]],
        start: "_Place | None",
        limit: int,
    ) -> tuple[int, str]:
        """Adds hits in their order; returns the class to go on with, and the filter of what follows in it."""
        for number, (search, answer) in enumerate(zip(searches, answers[: len(searches)], strict=True), start=place):
            documents = [document_of(hit["document"]) for hit in answer["hits"]]
            complete = len(documents) >= int(answer["found"])
            if not complete:
                documents = self._without_last_equals(search, documents)
            documents.sort(key=lambda document: self._order.compare(self._order.values(document)))
            for document in documents:
                if number > place or start is None or self._order.compare(self._order.values(document)) > start.full:
                    ranked.append((number, document))
            if len(ranked) > limit:
                break
            if not complete:
                return number, self._order.after(self._order.numbers(self._order.values(documents[-1])))
        return place + len(searches), ""

    def _without_last_equals(self, search: dict[str, Any], documents: list[Document]) -> list[Document]:
        """The documents of an incomplete answer without those at its end that the server cannot tell apart.

        The server compares three numbers, so which of these come first is decided here, with all of them at hand.
        """
        numbers = [self._order.numbers(self._order.values(document)) for document in documents]
        distinct = [document for document, compared in zip(documents, numbers, strict=True) if compared != numbers[-1]]
        return distinct or self._all_equal(search, numbers[-1])

    def _all_equal(self, search: dict[str, Any], numbers: tuple[int | None, ...]) -> list[Document]:
        filter_by = all_of([search["filter_by"], self._order.equal(numbers)])
        documents: list[Document] = []
        page = 1
        while True:
            more = {"filter_by": filter_by, "per_page": PAGE, "page": page}
            answer = self._server.search([{**search, **more}])[0]
            documents += [document_of(hit["document"]) for hit in answer["hits"]]
            if not answer["hits"] or len(documents) >= int(answer["found"]):
                return documents
            page += 1

    # --- facets -----------------------------------------------------------------------------------------------

    def _facet(self, facet: str, search: dict[str, Any], answer: dict[str, Any]) -> tuple[tuple[str, int], ...]:
        limit = self._request.facet_limit
        counts = answer["facet_counts"][0]["counts"]
        if len(counts) >= search["max_facet_values"] and counts[-1]["count"] >= counts[limit - 1]["count"]:
            # the server breaks ties as it likes: all of them are needed
            search = {**search, "max_facet_values": _MANY_VALUES}
            counts = self._server.search([search])[0]["facet_counts"][0]["counts"]
        values = [(_facet_value(facet, bucket["value"]), int(bucket["count"])) for bucket in counts if bucket["count"]]
        return tuple(sorted(values, key=lambda pair: (-pair[1], pair[0]))[:limit])


def _facet_value(facet: str, value: str) -> str:
    """A value as requests name it; ids are indexed without hyphens."""
    return str(UUID(value)) if facet in _FACETS_OF_IDS else decoded(value)


def _matches(
    condition: Condition, vocabulary: Vocabulary
) -> tuple[dict[Word, Mapping[str, int]], dict[str, tuple[str, ...]]]:
    """For each word, which words of the index its last token stands for; and these by token of the request."""
    expansions: dict[Word, Mapping[str, int]] = {}
    terms: dict[str, dict[str, None]] = {}

    def note(token: str, words: Iterable[str]) -> None:
        terms.setdefault(token, {}).update(dict.fromkeys(words))

    for word, _ in words_in(condition):
        *before, last = word.tokens or ("",)
        if before or word.match != "typos":
            matches = {last: EXACT} if last in vocabulary.fields else {}
            if word.match != "exact" and last:
                matches.update(dict.fromkeys(vocabulary.continued(last), PREFIX))
        else:
            matches = vocabulary.matches(last) if last else {}
        expansions[word] = matches
        for token in before:
            note(token, [token] if token in vocabulary.fields else [])
        if last:
            note(last, matches)
    return expansions, {token: tuple(words) for token, words in terms.items()}


def _write_cursor(sorts: tuple[Sort, ...], rank: int, values: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_named(sorts), rank, *values])).decode().rstrip("=")


def _read_cursor(sorts: tuple[Sort, ...], text: str) -> tuple[int, list[Any]]:
    encoded = text.encode() + b"=" * (-len(text) % 4)
    names, rank, *values = orjson.loads(base64.b64decode(encoded, altchars=b"-_", validate=True))
    if names != _named(sorts) or not isinstance(rank, int):
        raise ValueError
    return rank, values


def _named(sorts: tuple[Sort, ...]) -> list[str]:
    return [f"{'-' if sort.descending else ''}{sort.key}" for sort in sorts]
