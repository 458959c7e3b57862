"""Finds the records that a name in a query means, in the index itself: by name or alias, whatever the case."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from stash_pipeline.search.backend import IndexState, SearchReader
from stash_pipeline.search.documents import Document
from stash_pipeline.search.folding import begins_pairs, fold, query_tokens
from stash_pipeline.search.request import AllOf, AnyOf, Condition, Fuzziness, OneOf, SearchRequest, Word

MOST_RECORDS: Final = 5_000
"""The most records that one name may mean."""

_PAGE: Final = 1_000
_SIMILAR: Final = 3
_MOST_CACHED: Final = 10_000
_NAME_FIELDS: Final = ("title", "aliases", "disambiguation")


class TooManyNamesError(Exception):
    """A name means more than ``MOST_RECORDS`` records."""


class Names:
    """Looks names up through a reader. Answers are kept for as long as the index does not change."""

    def __init__(self, reader: SearchReader) -> None:
        self._reader = reader
        self._state: IndexState | None = None
        self._cache: dict[tuple[str, str, bool, bool], tuple[UUID, ...]] = {}

    def ids(self, entity: str, name: str, *, prefix: bool = False, exact: bool = False) -> tuple[UUID, ...]:
        """The records of an entity with a name, sorted.

        Those whose name or alias is equal; without any, and unless it must be ``exact``, those with all words in one of
        their names. With ``prefix``, the name can go on, or else the last word.

        Raises:
            TooManyNamesError: if there are too many.
        """
        state = self._reader.state()
        if state != self._state:
            self._state = state
            self._cache.clear()
        key = (entity, fold(name), prefix, exact)
        if key not in self._cache:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[key] = tuple(sorted(self._look_up(*key)))
        return self._cache[key]

    def similar(self, entity: str, name: str) -> tuple[str, ...]:
        """Names of records that are written similarly, the most similar first."""
        words = tuple(_in_names((token,), "typos") for token in query_tokens(name))
        if not words:
            return ()
        for matching in (AllOf(words), OneOf(words)):
            condition = AllOf((AnyOf("entity", (entity,)), matching))
            results = self._reader.search(SearchRequest(condition, limit=_SIMILAR, count=False))
            if results.hits:
                return tuple(dict.fromkeys(hit.document.title for hit in results.hits))
        return ()

    def _look_up(self, entity: str, name: str, prefix: bool, exact: bool) -> set[UUID]:
        tokens = tuple(query_tokens(name))
        if not tokens:
            return set()
        *whole, last = tokens
        equal: set[UUID] = set()
        with_all: set[UUID] = set()
        conditions = [_in_names((token,), "exact") for token in sorted(set(whole))]
        conditions.append(_in_names((last,), "prefix" if prefix or begins_pairs(last) else "exact"))
        for document in self._documents(entity, AllOf(tuple(conditions))):
            names = _names(document)
            if any(known.startswith(name) if prefix else known == name for known in names):
                equal.add(document.id)
            elif any(_has_words(known, whole, last, prefix) for known in names):
                with_all.add(document.id)
        return equal or (set() if exact else with_all)

    def _documents(self, entity: str, condition: Condition) -> Iterator[Document]:
        after: str | None = None
        read = 0
        while True:
            of_entity = AllOf((AnyOf("entity", (entity,)), condition))
            request = SearchRequest(of_entity, limit=_PAGE, after=after, count=False)
            results = self._reader.search(request)
            yield from (hit.document for hit in results.hits)
            read += len(results.hits)
            after = results.next
            if after is None:
                return
            if read >= MOST_RECORDS:
                raise TooManyNamesError


def _has_words(name: str, whole: list[str], last: str, prefix: bool) -> bool:
    tokens = set(query_tokens(name))
    ends = any(token.startswith(last) for token in tokens) if prefix or begins_pairs(last) else last in tokens
    return ends and tokens.issuperset(whole)


def _in_names(tokens: tuple[str, ...], match: Fuzziness) -> Condition:
    return OneOf(tuple(Word(tokens, match, field) for field in _NAME_FIELDS))


def _names(document: Document) -> set[str]:
    """The folded names: also with the disambiguation behind."""
    names = {document.title, *document.aliases}
    if document.disambiguation:
        names.add(f"{document.title} {document.disambiguation}")
    return {fold(name) for name in names}
