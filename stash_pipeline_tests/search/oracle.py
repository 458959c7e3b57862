"""Answers searches by looking at every document: what a back end must answer. Knows no typos and no relevance."""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from stash_pipeline.search.documents import TEXT_WEIGHTS, Document, facet_values
from stash_pipeline.search.folding import tokens
from stash_pipeline.search.request import AllOf, AnyOf, Between, Condition, Exists, Not, OneOf, Sort, Word

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_SORTED_BY = {"resolution": "height", "created": "created_at", "updated": "updated_at"}

_tokens = lru_cache(maxsize=None)(lambda text: tuple(tokens(text)))


def matches(document: Document, condition: Condition) -> bool:
    """Whether a document matches."""
    match condition:
        case AllOf(parts):
            return all(matches(document, part) for part in parts)
        case OneOf(parts):
            return any(matches(document, part) for part in parts)
        case Not(part):
            return not matches(document, part)
        case Exists(field):
            return getattr(document, field) not in (None, "", ())
        case AnyOf(field, values):
            return any(one in values for one in _values(document, field))
        case Between(field, low, high):
            return any(
                (low is None or one >= low) and (high is None or one <= high)
                for one in map(as_number, _values(document, field))
            )
        case Word():
            return _has_word(document, condition)


def _has_word(document: Document, word: Word) -> bool:
    assert word.match != "typos"
    fields = TEXT_WEIGHTS if word.field is None else (word.field,)
    return any(_is_in(_tokens(text), word) for field in fields for text in _values(document, field))


def _is_in(found: Sequence[str], word: Word) -> bool:
    length = len(word.tokens)
    *before, last = word.tokens
    for start in range(len(found) - length + 1):
        *here, end = found[start : start + length]
        if here == before and (end.startswith(last) if word.match == "prefix" else end == last):
            return True
    return False


def _values(document: Document, field: str) -> tuple[Any, ...]:
    value = getattr(document, field)
    if isinstance(value, tuple):
        return value
    return () if value is None or value == "" else (value,)


def as_number(value: Any) -> int:
    """A value as ranges compare it."""
    if isinstance(value, datetime.datetime):
        return (value - _EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(value, datetime.date):
        return (value - _EPOCH.date()).days * 86_400_000
    return int(value)


def in_order(documents: Iterable[Document], sorts: Sequence[Sort]) -> list[UUID]:
    """The ids in the order of sorts that are not by relevance."""
    found = sorted(documents, key=lambda document: document.id)
    for sort in reversed(sorts):
        keyed = [(_sort_key(document, sort), document) for document in found]
        valued = [one for one in keyed if one[0] not in (None, "")]
        valued.sort(key=lambda one: one[0], reverse=sort.descending)
        found = [document for _, document in [*valued, *(one for one in keyed if one[0] in (None, ""))]]
    return [document.id for document in found]


def _sort_key(document: Document, sort: Sort) -> Any:
    if sort.key == "title":
        return " ".join(_tokens(document.title))
    return getattr(document, _SORTED_BY.get(sort.key, sort.key))


def facet(documents: Iterable[Document], name: str, limit: int) -> tuple[tuple[str, int], ...]:
    """The most frequent values of a facet."""
    counts = Counter(value for document in documents for value in facet_values(document, name))
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:limit])
