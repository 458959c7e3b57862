"""The order of hits: what the server sorts by, where a page continues, and what is compared here.

A server sorts by three fields at most, and compares numbers. Orders of more, and long titles, are completed here: hits
that are equal for the server are read together and sorted in full.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from stash_pipeline.search.documents import Document
from stash_pipeline.search.request import SORT_FIELDS, Sort
from stash_pipeline.search.typesense.codes import code
from stash_pipeline.search.typesense.conditions import all_of, any_of
from stash_pipeline.search.typesense.schema import (
    ID_FIELDS,
    TITLE_FIELDS,
    bounded,
    id_numbers,
    number,
    title_length,
    title_numbers,
    title_of,
)

MOST_FIELDS: Final = 3


@dataclass(frozen=True)
class _Key:
    """One key of the full order.

    Attributes:
        fields: numbers of the index that compare like it. present: the mark of documents that have it; None if all do.
        value: of a document, in full. numbers: of such a value.
    """

    fields: tuple[str, ...]
    descending: bool
    present: str | None
    value: Callable[[Document], Any]
    numbers: Callable[[Any], tuple[int, ...]]
    exact: bool = True


def _numeric(key: str, descending: bool) -> _Key:
    name = SORT_FIELDS[key]

    def value(document: Document) -> int | None:
        stored = getattr(document, name)
        return None if stored is None else bounded(number(stored))

    return _Key((f"n_{name}",), descending, name, value, lambda stored: (int(stored),))


def _key(sort: Sort) -> _Key:
    if sort.key == "title":
        return _Key(
            TITLE_FIELDS,
            sort.descending,
            TITLE_FIELDS[0],
            lambda document: title_of(document) or None,
            lambda title: title_numbers(str(title)),
            exact=False,
        )
    return _numeric(sort.key, sort.descending)


_TITLE_LENGTH: Final = _Key(("title_words",), False, None, title_length, lambda length: (int(length),))
_ID: Final = _Key(
    ID_FIELDS, False, None, lambda document: document.id.hex, lambda digits: id_numbers(UUID(str(digits)))
)


class Order:
    """The order of the hits of one class of relevance.

    Args:
        sorts: of the request. words: whether the condition has words.
    """

    def __init__(self, sorts: Sequence[Sort], words: bool) -> None:
        first = sorts[0].key if sorts else "relevance"
        others = [_key(sort) for sort in sorts if sort.key != "relevance"]
        if first == "relevance" and not others and words:
            others = [_TITLE_LENGTH]
        self._keys = [*others, _ID]
        chain = [(name, key) for key in self._keys for name in key.fields]
        self._native: list[tuple[str, _Key]] = []
        for name, key in chain[:MOST_FIELDS]:
            self._native.append((name, key))
            if not key.exact and name == key.fields[-1]:
                # what follows is compared only among equal titles, of which the server knows the beginning
                break
        self.sort_by = ",".join(f"{name}:{'desc' if key.descending else 'asc'}" for name, key in self._native)

    # --- here -------------------------------------------------------------------------------------------------

    def values(self, document: Document) -> tuple[Any, ...]:
        """The place of a document: the value of every key."""
        return tuple(key.value(document) for key in self._keys)

    def numbers(self, values: Sequence[Any]) -> tuple[int | None, ...]:
        """What the server compares of a place."""
        numbers: list[int | None] = []
        for key, value in zip(self._keys, values, strict=True):
            numbers += [None] * len(key.fields) if value is None else key.numbers(value)
        return tuple(numbers[: len(self._native)])

    def compare(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """What sorts places in full: missing values come last."""
        return tuple(
            (True, _Missing()) if value is None else (False, _Reversed(value) if key.descending else value)
            for key, value in zip(self._keys, values, strict=True)
        )

    def checked(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """A place that came from outside.

        Raises:
            ValueError: if it is none of this order.
        """
        if len(values) != len(self._keys):
            raise ValueError
        for key, value in zip(self._keys, values, strict=True):
            if value is None and key.present is not None:
                continue
            if not isinstance(value, int if len(key.fields) == 1 else str) or isinstance(value, bool):
                raise ValueError
            if any(abs(number) > 2**62 for number in key.numbers(value)):
                raise ValueError
        return tuple(values)

    # --- on the server ----------------------------------------------------------------------------------------

    def after(self, numbers: Sequence[int | None]) -> str:
        """The filter of what the server sorts after a place."""
        following = ""
        for (name, key), value in reversed(list(zip(self._native, numbers, strict=True))):
            beyond = [] if value is None else [f"{name}:{'<' if key.descending else '>'}{value}"]
            if value is not None and key.present is not None:
                beyond.append(f"has:!=[{code(key.present)}]")
            if following:
                beyond.append(all_of([_equal(name, key, value), following]))
            following = any_of(beyond)
        return following

    def equal(self, numbers: Sequence[int | None]) -> str:
        """The filter of what the server cannot tell from a place."""
        return all_of(_equal(name, key, value) for (name, key), value in zip(self._native, numbers, strict=True))


def _equal(name: str, key: _Key, value: int | None) -> str:
    return f"has:!=[{code(key.present or '')}]" if value is None else f"{name}:={value}"


class _Missing:
    """A missing value, which equals every other one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Missing)

    def __lt__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class _Reversed:
    """Sorts the other way round."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.value == other.value)

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)

    __hash__ = None  # type: ignore[assignment]
