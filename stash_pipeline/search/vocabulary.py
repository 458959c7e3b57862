"""The words of an index, and which of them a typed word may mean.

Tantivy can match a word with errors by itself, but then does not tell which words of the index it found; the ranking
and highlights need them. All words are in memory, one set per state of the index. Candidates share most letters with
the typed word, which a comparison of bit masks finds; their distance is then measured.
"""

import sys
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from stash_pipeline.search.documents import TEXT_WEIGHTS
from stash_pipeline.search.folding import LONGEST_TOKEN

EXACT, PREFIX, ONE_TYPO, TWO_TYPOS, PREFIX_TYPO = range(5)
"""How a word of the index matches, best first."""

SHORTEST_WITH_TYPO: Final = 4
SHORTEST_WITH_TWO: Final = 7
"""Letters of the intended word. Two missing ones make it as short as five."""
SHORTEST_BEGINNING: Final = 5
"""Letters from which a beginning may have an error, if no word begins with it as it is."""

TEXTS: Final = tuple(TEXT_WEIGHTS)
NAMES: Final = ("title", "aliases", "people", "studios", "tags")


@dataclass
class Vocabulary:
    """All words of an index.

    Attributes:
        fields: of each word, the fields that it is in: one bit per position in ``TEXTS``.
        names: in how many documents a word is at least, counting the fields of names only.
    """

    fields: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, words: Iterable[tuple[str, int]]) -> None:
        """Adds the words of a field, with the numbers of their documents."""
        bit = 1 << TEXTS.index(name)
        fields, names = self.fields, self.names
        known = fields.get
        if name in NAMES:
            for word, count in words:
                fields[word] = known(word, 0) | bit
                if count > names.get(word, 0):
                    names[word] = count
        else:
            for word, _ in words:
                fields[word] = known(word, 0) | bit

    @cached_property
    def words(self) -> list[str]:
        """All words in order."""
        return sorted(self.fields)

    @cached_property
    def frequent(self) -> list[tuple[str, int]]:
        """The words of names, the most frequent first."""
        return sorted(self.names.items(), key=lambda entry: (-entry[1], entry[0]))

    def continued(self, beginning: str) -> list[str]:
        """The words that begin so, other than the beginning itself."""
        start = bisect_left(self.words, beginning)
        end = bisect_left(self.words, beginning + chr(sys.maxunicode), start)
        return [word for word in self.words[start:end] if word != beginning]

    def matches(self, word: str) -> dict[str, int]:
        """The words of the index that a typed word may mean, and how each matches."""
        matches = dict.fromkeys(self.continued(word), PREFIX)
        if word in self.fields:
            matches[word] = EXACT
        begun = bool(matches)
        if len(word) >= SHORTEST_WITH_TYPO - 1 and word.isalpha():
            for other, errors in self._spelling.near(word):
                matches.setdefault(other, ONE_TYPO if errors == 1 else TWO_TYPOS)
            if not begun and len(word) >= SHORTEST_BEGINNING:
                for other in self._spelling.beginnings_near(word):
                    matches.setdefault(other, PREFIX_TYPO)
        return matches

    @cached_property
    def _spelling(self) -> "_Spelling":
        return _Spelling(self.words)


class _Spelling:
    """Compares a typed word with all words in which errors are allowed."""

    def __init__(self, words: list[str]) -> None:
        self.words = [word for word in words if len(word) >= SHORTEST_WITH_TYPO and word.isalpha()]
        self.lengths = np.array([len(word) for word in self.words], dtype=np.int16)
        self.allowed = np.where(self.lengths >= SHORTEST_WITH_TWO, 2, 1)
        characters = np.array(self.words or [""], dtype=f"U{LONGEST_TOKEN}").view(np.uint32)
        self.letters = _masks(characters.reshape(-1, LONGEST_TOKEN))[: len(self.words)]

    def near(self, word: str) -> list[tuple[str, int]]:
        """The words in which the typed one has errors, with their number: a swap of neighbours is one."""
        mask = _mask(word)
        apart = np.abs(self.lengths - len(word))
        # one error changes at most two letters of the mask
        differing = np.bitwise_count(self.letters ^ mask)
        chosen = np.flatnonzero((apart <= self.allowed) & (differing <= 2 * self.allowed))
        candidates = [self.words[place] for place in chosen]
        if not candidates:
            return []
        distances = cdist([word], candidates, scorer=OSA.distance, score_cutoff=2, dtype=np.uint8)[0]
        allowed = self.allowed[chosen]
        close = np.flatnonzero((distances > 0) & (distances <= allowed))
        return [(candidates[place], int(distances[place])) for place in close]

    def beginnings_near(self, word: str) -> list[str]:
        """The longer words whose beginning the typed one is, with one error."""
        mask = _mask(word)
        # the letters of the typed word are in the other one, but for the one that is wrong
        chosen = np.flatnonzero((self.lengths > len(word)) & (np.bitwise_count(mask & ~self.letters) <= 1))
        candidates = [self.words[place] for place in chosen]
        longer: dict[str, None] = {}
        for length in (len(word) - 1, len(word), len(word) + 1):
            if not candidates:
                break
            starts = [candidate[:length] for candidate in candidates]
            distances = cdist([word], starts, scorer=OSA.distance, score_cutoff=1, dtype=np.uint8)[0]
            longer.update(dict.fromkeys(candidates[place] for place in np.flatnonzero(distances <= 1)))
        return list(longer)


def _mask(word: str) -> np.uint64:
    mask = 0
    for character in word:
        mask |= 1 << (ord(character) & 63)
    return np.uint64(mask)


def _masks(
    characters: "np.ndarray[tuple[int, int], np.dtype[np.uint32]]",
) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """One bit per letter of each word; rows are padded with zeros."""
    masks = np.zeros(len(characters), dtype=np.uint64)
    for column in characters.T:
        bits = np.left_shift(np.uint64(1), (column & 63).astype(np.uint64))
        masks |= np.where(column > 0, bits, np.uint64(0))
    return masks
