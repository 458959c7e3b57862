"""Writes conditions as ``filter_by`` of Typesense.

Every part is negated where it stands, because the filter syntax negates single comparisons only, and of strings only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from stash_pipeline.search.documents import COLUMNS, TEXT_WEIGHTS
from stash_pipeline.search.request import AllOf, AnyOf, Between, Condition, Exists, Not, OneOf, Word
from stash_pipeline.search.typesense.codes import NOTHING, beginning, code, gram
from stash_pipeline.search.typesense.schema import (
    FLAGS,
    KEYWORDS,
    LAST_GROUP,
    LONGEST_GRAM,
    NUMBERS,
    SHORT,
    bounded,
    value_code,
)
from stash_pipeline.search.vocabulary import PREFIX, PREFIX_TYPO

ANY_MATCH: Final = PREFIX_TYPO

_LAST_INSTANCE: Final = 500
"""Ids of instances are small; a list has no ranges that could be negated."""

ALL: Final = "title_words:>=0"
NONE: Final = "title_words:<0"

MOST_OPERATIONS: Final = 100
"""Comparisons and operators that a server takes from release 27 on, unless ``--filter-by-max-ops`` says otherwise."""


def words_in(condition: Condition, negated: bool = False) -> Iterator[tuple[Word, bool]]:
    """Every word of a condition, and whether it is below :class:`Not`."""
    match condition:
        case Word():
            yield condition, negated
        case AllOf(parts) | OneOf(parts):
            for part in parts:
                yield from words_in(part, negated)
        case Not(part):
            yield from words_in(part, True)


def split(condition: Condition) -> tuple[list[Condition], list[Condition]]:
    """The parts of a condition that must all match: those with words that count for the relevance, and the others."""
    if isinstance(condition, AllOf):
        parts = [split(part) for part in condition.parts]
        return [inner for ranked, _ in parts for inner in ranked], [inner for _, others in parts for inner in others]
    ranked = any(not negated for _, negated in words_in(condition))
    return ([condition], []) if ranked else ([], [condition])


@dataclass(frozen=True)
class FilterWriter:
    """Writes filters.

    Attributes:
        expansions: for each word of a condition, the words of the index that its last token stands for, and how each
            matches.
    """

    expansions: Mapping[Word, Mapping[str, int]]

    def write(
        self, condition: Condition, level: int = ANY_MATCH, group: int = LAST_GROUP, negative: bool = False
    ) -> str:
        """The filter of a condition.

        Args:
            level: words match up to this level. group: words without a field are looked for up to this group of fields.
            negative: write the opposite.
        """
        match condition:
            case Word():
                return self._word(condition, level, group, negative)
            case AnyOf():
                return _any_of(condition, negative)
            case Between():
                return _between(condition, negative)
            case Exists():
                if condition.field not in COLUMNS:
                    raise ValueError(f"Documents have no field {condition.field!r}.")
                return f"has:{'!=' if negative else '='}{_quoted([condition.field])}"
            case AllOf(parts):
                written = [self.write(part, level, group, negative) for part in parts]
                return any_of(written) if negative else all_of(written)
            case OneOf(parts):
                written = [self.write(part, level, group, negative) for part in parts]
                return all_of(written) if negative else any_of(written)
            case Not(part):
                # what must not match has no rank
                return self.write(part, ANY_MATCH, LAST_GROUP, not negative)

    def _word(self, word: Word, level: int, group: int, negative: bool) -> str:
        if word.field is not None and word.field not in TEXT_WEIGHTS:
            raise ValueError(f"The field {word.field!r} of documents is no text.")
        name = f"w_{group}" if word.field is None else f"t_{word.field}"
        ends = [other for other, match in self.expansions[word].items() if match <= level]
        if not word.tokens or not ends:
            return ALL if negative else NONE
        *before, last = word.tokens
        if not before:
            if level >= PREFIX and word.match != "exact" and len(last) <= SHORT:
                # one code instead of very many
                ends = [other for other in ends if not other.startswith(last) or other == last]
                return _compared(name, [*map(code, ends), beginning(last)], negative)
            return _compared(name, map(code, ends), negative)
        parts = []
        size = min(LONGEST_GRAM, len(word.tokens))
        for at in range(len(word.tokens) - size + 1):
            part = word.tokens[at : at + size]
            others = ends if at + size == len(word.tokens) else [part[-1]]
            parts.append(_compared(name, [gram((*part[:-1], other)) for other in others], negative))
        return any_of(parts) if negative else all_of(parts)


def _compared(name: str, codes: Iterable[str], negative: bool) -> str:
    return f"{name}:{'!=' if negative else '='}[{','.join(dict.fromkeys(codes))}]"


def _quoted(values: Iterable[str]) -> str:
    return "[" + ",".join(dict.fromkeys(code(value) for value in values)) + "]"


def _any_of(condition: AnyOf, negative: bool) -> str:
    name = condition.field
    if name == "id":
        codes = [value_code(UUID(str(value))) for value in condition.values if _is_id(value)]
        return _compared("key", codes or [NOTHING], negative)
    if name in FLAGS:
        return _compared(f"k_{name}", [value_code(bool(value)) for value in condition.values] or [NOTHING], negative)
    if name in KEYWORDS:
        return _compared(f"k_{name}", [value_code(value) for value in condition.values] or [NOTHING], negative)
    if name in NUMBERS:
        numbers = [int(value) for value in condition.values if isinstance(value, int)]
        parts = [_between(Between(name, value, value), negative) for value in numbers]
        return all_of(parts) if negative else any_of(parts)
    raise ValueError(f"The field {name!r} of documents cannot be compared with values.")


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


def _between(condition: Between, negative: bool) -> str:
    if condition.field in FLAGS:
        first, last = condition.low or 0, 1 if condition.high is None else condition.high
        flags = tuple(bool(number) for number in (0, 1) if first <= number <= last)
        return _any_of(AnyOf(condition.field, flags), negative)
    if condition.field == "instance_ids":
        first = max(condition.low or 0, 0)
        last = min(_LAST_INSTANCE if condition.high is None else condition.high, _LAST_INSTANCE)
        return _any_of(AnyOf(condition.field, tuple(range(first, last + 1))), negative)
    if condition.field not in NUMBERS:
        raise ValueError(f"The field {condition.field!r} of documents is no number.")
    name = f"n_{condition.field}"
    low = None if condition.low is None else bounded(condition.low)
    high = None if condition.high is None else bounded(condition.high)
    if not negative:
        parts = [f"{name}:>={low}"] if low is not None else []
        parts += [f"{name}:<={high}"] if high is not None else []
        return all_of(parts) if parts else f"has:={_quoted([condition.field])}"
    parts = [f"{name}:<{low}"] if low is not None else []
    parts += [f"{name}:>{high}"] if high is not None else []
    return any_of([*parts, f"has:!={_quoted([condition.field])}"])


def all_of(parts: Iterable[str]) -> str:
    """All filters at once."""
    filters = list(dict.fromkeys(part for part in parts if part != ALL))
    if NONE in filters:
        return NONE
    return _joined(filters, " && ") or ALL


def any_of(parts: Iterable[str]) -> str:
    """At least one of the filters."""
    filters = list(dict.fromkeys(part for part in parts if part != NONE))
    if ALL in filters:
        return ALL
    return _joined(filters, " || ") or NONE


def _joined(parts: list[str], operator: str) -> str:
    return parts[0] if len(parts) == 1 else "(" + operator.join(parts) + ")" if parts else ""


def operations(filter_by: str) -> int:
    """How many comparisons and operators a filter has, as the server counts them."""
    return 2 * (filter_by.count("&&") + filter_by.count("||")) + 1
