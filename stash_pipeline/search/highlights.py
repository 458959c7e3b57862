"""Finds in the texts of a document what matched a search."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stash_pipeline.search.documents import TEXT_WEIGHTS, Document
from stash_pipeline.search.folding import spans, tokens
from stash_pipeline.search.request import AllOf, Condition, Not, OneOf, Word

CONTEXT: Final = 60
"""Characters around the first match of a long text."""


@dataclass(frozen=True)
class Highlight:
    """A text of a document with what matched.

    Attributes:
        field: of the document.
        text: the whole text; of long ones the part around the first match.
        ranges: the characters that matched, from and to, in order and apart from each other.
    """

    field: str
    text: str
    ranges: tuple[tuple[int, int], ...]


def matched_tokens(condition: Condition, terms: Mapping[str, Collection[str]]) -> frozenset[str]:
    """The tokens that a search looked for, with those of the index that matched them."""
    return frozenset(token for typed in _typed(condition) for token in (typed, *terms.get(typed, ())))


def highlights(document: Document, matched: Collection[str]) -> tuple[Highlight, ...]:
    """The texts of a document that have some of the tokens, those of the greatest weight first."""
    result = []
    for field in sorted(TEXT_WEIGHTS, key=lambda name: -TEXT_WEIGHTS[name]):
        value = getattr(document, field)
        for text in (value,) if isinstance(value, str) else value:
            if text and not matched_nothing(text, matched):
                result.append(_cut(Highlight(field, text, _ranges(text, matched))))
    return tuple(result)


def matched_nothing(text: str, matched: Collection[str]) -> bool:
    """Whether none of the tokens is in a text."""
    return not any(token in matched for token in tokens(text))


def _ranges(text: str, matched: Collection[str]) -> tuple[tuple[int, int], ...]:
    ranges: list[tuple[int, int]] = []
    for token, start, end in spans(text):
        if token not in matched:
            continue
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
        else:
            ranges.append((start, end))
    return tuple(ranges)


def _cut(highlight: Highlight) -> Highlight:
    """The part around the first match, at blanks where there are some."""
    first, last = highlight.ranges[0]
    if len(highlight.text) <= 3 * CONTEXT:
        return highlight
    start = max(0, first - CONTEXT)
    end = min(len(highlight.text), last + 2 * CONTEXT)
    if start:
        start = highlight.text.find(" ", start, first) + 1 or start
    if end < len(highlight.text):
        blank = highlight.text.rfind(" ", last, end)
        end = blank if blank > 0 else end
    before, after = "…" if start else "", "…" if end < len(highlight.text) else ""
    moved = len(before) - start
    ranges = tuple((low + moved, high + moved) for low, high in highlight.ranges if high <= end)
    return Highlight(highlight.field, f"{before}{highlight.text[start:end]}{after}", ranges)


def _typed(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Word):
        yield from condition.tokens
    elif isinstance(condition, AllOf | OneOf):
        for part in condition.parts:
            yield from _typed(part)
    elif isinstance(condition, Not):
        return
