"""Proposes how a query may have been meant, when it finds little: "did you mean".

Words are compared with those of the names in the index. A proposal is made only if it finds more.
"""

import threading
from dataclasses import dataclass
from typing import Final

from stash_pipeline.search.backend import IndexState, SearchReader
from stash_pipeline.search.folding import query_tokens
from stash_pipeline.search.query.tree import Words

_SHORTEST: Final = 3
"""The fewest letters of a word that is corrected."""
_LETTERS_PER_ERROR: Final = 3
_MOST_ERRORS: Final = 3


@dataclass(frozen=True)
class Suggestion:
    """A query that finds more.

    Attributes:
        query: to be typed instead.
        total: how many documents it finds.
    """

    query: str
    total: int


class Speller:
    """Finds words of the index that are written similarly. Words are read once per state of the index."""

    def __init__(self, reader: SearchReader) -> None:
        self._reader = reader
        self._state: IndexState | None = None
        self._counts: dict[str, int] = {}
        self._words: list[str] = []
        self._reading = threading.Lock()

    def nearest(self, token: str) -> str | None:
        """The word with the fewest errors, of those the most frequent; the token itself if it is a word."""
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        words, counts = self._vocabulary()
        if token in counts:
            return token
        if len(token) < _SHORTEST or any(sign.isdigit() for sign in token):
            return None
        errors = min(max(1, len(token) // _LETTERS_PER_ERROR), _MOST_ERRORS)
        matches = extract(token, words, scorer=OSA.distance, score_cutoff=errors, limit=None)
        # a shared first letter decides between equals, as typing errors are rare there
        best = min(
            matches, key=lambda match: (match[1], match[0][0] != token[0], -counts[match[0]], match[0]), default=None
        )
        return None if best is None else best[0]

    def _vocabulary(self) -> tuple[list[str], dict[str, int]]:
        with self._reading:
            state = self._reader.state()
            if state != self._state:
                self._counts = dict(self._reader.vocabulary())
                self._words = [word for word in self._counts if len(word) >= _SHORTEST]
                self._state = state
            return self._words, self._counts


def corrected(query: str, words: tuple[Words, ...], speller: Speller) -> str | None:
    """The query with the nearest known words instead of unknown ones; None if all are known, or nothing is near."""
    replaced = query
    for typed in sorted(words, key=lambda word: -word.place.start):
        tokens = query_tokens(typed.text)
        nearest = [speller.nearest(token) or token for token in tokens]
        if nearest != tokens and not typed.prefix:
            text = " ".join(nearest)
            shown = f'"{text}"' if typed.quoted or len(nearest) > 1 else text
            replaced = replaced[: typed.place.start] + shown + replaced[typed.place.end :]
    return None if replaced == query else replaced
