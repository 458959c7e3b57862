"""Errors of queries, which point at the character."""

import difflib
from collections.abc import Iterable
from typing import Final

from stash_pipeline.errors import UserError

_SHOWN: Final = 72
"""Characters of a long query around the place."""


class QueryError(UserError):
    """The query is not understood.

    The text is a sentence, the query, and a line that marks the place.

    Attributes:
        sentence: what is wrong, and what to do.
        query: as it was typed.
        start: the first character that is meant.
        end: after the last one.
    """

    def __init__(self, sentence: str, query: str, start: int, end: int) -> None:
        self.sentence = sentence
        self.query = query
        self.start = max(0, min(start, len(query)))
        self.end = max(self.start, min(end, len(query)))
        super().__init__(f"{sentence}\n{_marked(query, self.start, self.end)}")


def _marked(query: str, start: int, end: int) -> str:
    """The part of the query around a place, and below it a line that marks the place."""
    first = max(0, min(start - _SHOWN // 2, len(query) - _SHOWN))
    part = query[first : first + _SHOWN]
    shown = "".join(sign if sign.isprintable() else "·" if sign.strip() else " " for sign in part)
    before = "…" if first else ""
    after = "…" if first + _SHOWN < len(query) else ""
    marks = max(1, min(end, first + _SHOWN) - start)
    return f"  {before}{shown}{after}\n  {' ' * (len(before) + start - first)}{'^' * marks}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the nearest of the known words; empty if none is near."""
    nearest = difflib.get_close_matches(word.casefold(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {nearest[0]}?" if nearest else ""
