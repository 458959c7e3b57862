"""What people type, and which document they mean: the truth of the quality figures.

A person remembers words of a title or name, as many as tell the document from all but a few others by their titles
alone, and types them with one of the faults of ``KINDS``. Documents with equal titles cannot be told from each other by
what is typed, so any of them counts as found; for an alias, any document that has it. Nothing else is excused: words
that errors turn into other words, words of other documents in other fields, the commonest words.
"""

import random
import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from stash_pipeline.search.backend import SearchReader
from stash_pipeline.search.documents import Document
from stash_pipeline.search.folding import query_tokens, tokens
from stash_pipeline.search.request import AllOf, SearchRequest, Word

KINDS = (
    "exact",
    "prefix",
    "one typo",
    "two typos",
    "swapped words",
    "alias",
    "accent",
    "first letter missing",
)
FIRST = 5
"""Hits that a person looks at."""
_TELLING = 5
"""So few other documents may have all the words that a person types."""
_LONGEST = 8
"""Words of a title that anyone would remember; longer ones are names of files."""
_SHORT, _LONG = 4, 7


@dataclass(frozen=True)
class Typed:
    """What is typed, and the documents that answer it."""

    kind: str
    text: str
    meant: frozenset[UUID]


def queries(documents: Sequence[Document], count: int, seed: int) -> Iterator[Typed]:
    """So many queries, of each kind as many as of the others."""
    people = _People(documents, random.Random(f"queries {seed}"))
    for number in range(count):
        yield people.type(KINDS[number % len(KINDS)])


def found(reader: SearchReader, typed: Typed) -> bool:
    """Whether one of the first hits is meant."""
    condition = AllOf(tuple(Word((token,)) for token in query_tokens(typed.text)))
    hits = reader.search(SearchRequest(condition, limit=FIRST, count=False)).hits
    return any(hit.id in typed.meant for hit in hits)


def success(reader: SearchReader, asked: Sequence[Typed]) -> dict[str, float]:
    """The share of queries that are answered within the first hits, by kind and of all."""
    results: dict[str, list[bool]] = defaultdict(list)
    for typed in asked:
        answer = found(reader, typed)
        results[typed.kind].append(answer)
        results["all"].append(answer)
    return {kind: sum(answers) / len(answers) for kind, answers in results.items()}


class _People:
    def __init__(self, documents: Sequence[Document], draw: random.Random) -> None:
        self.draw = draw
        self.by_title: dict[tuple[str, ...], set[UUID]] = defaultdict(set)
        self.by_alias: dict[tuple[str, ...], set[UUID]] = defaultdict(set)
        self.with_word: dict[str, set[UUID]] = defaultdict(set)
        self.titled: list[Document] = []
        self.aliased: list[Document] = []
        self.accented: list[Document] = []
        for document in documents:
            title = tuple(tokens(document.title))
            self.by_title[title].add(document.id)
            for word in title:
                self.with_word[word].add(document.id)
            if document.entity == "performers" and document.aliases:
                self.aliased.append(document)
                for alias in document.aliases:
                    self.by_alias[tuple(tokens(alias))].add(document.id)
            if 0 < len(title) <= _LONGEST and document.title.replace(" ", "").isalnum():
                self.titled.append(document)
                latin = all(ord(character) < 0x250 for character in document.title)
                if latin and not document.title.isascii():
                    self.accented.append(document)

    def type(self, kind: str) -> Typed:
        """One query of a kind."""
        faults: dict[str, Callable[[list[str]], list[str] | None]] = {
            "exact": lambda words: words,
            "prefix": self._half_a_word,
            "one typo": lambda words: self._with_errors(words, 1, _SHORT),
            "two typos": lambda words: self._with_errors(words, 2, _LONG),
            "swapped words": self._swapped,
            "accent": lambda words: words,
            "first letter missing": self._headless,
        }
        while True:
            if kind == "alias":
                document = self.draw.choice(self.aliased)
                words = tokens(self.draw.choice(document.aliases))
                meant = self.by_alias[tuple(words)] | self.by_title.get(tuple(words), set())
                return Typed(kind, " ".join(words), frozenset(meant))
            document = self.draw.choice(self.accented if kind == "accent" else self.titled)
            typed = faults[kind](self._remembered(tokens(document.title)))
            if typed is not None:
                meant = self.by_title[tuple(tokens(document.title))]
                return Typed(kind, " ".join(typed), frozenset(meant))

    def _remembered(self, title: list[str]) -> list[str]:
        """Some words of a title in their order: as many as tell it from most others, or all."""
        order = self.draw.sample(range(len(title)), len(title))
        same = self.by_title[tuple(title)]
        left: set[UUID] | None = None
        for count, place in enumerate(order, start=1):
            having = self.with_word[title[place]]
            left = having if left is None else left & having
            if count >= min(2, len(title)) and len(left - same) < _TELLING:
                return [title[place] for place in sorted(order[:count])]
        return title

    def _place(self, words: list[str], shortest: int) -> int | None:
        """A word that an error may be in."""
        places = [
            place for place, word in enumerate(words) if len(word) >= shortest and word.isascii() and word.isalpha()
        ]
        return self.draw.choice(places) if places else None

    def _half_a_word(self, words: list[str]) -> list[str] | None:
        last = words[-1]
        if len(last) < _SHORT or not last.isascii():
            return None
        return [*words[:-1], last[: self.draw.randint(max(3, len(last) // 2), len(last) - 1)]]

    def _with_errors(self, words: list[str], errors: int, shortest: int) -> list[str] | None:
        place = self._place(words, shortest)
        if place is None:
            return None
        word = words[place]
        while word == words[place]:
            for _ in range(errors):
                word = self._with_error(word)
        return [*words[:place], word, *words[place + 1 :]]

    def _with_error(self, word: str) -> str:
        at = self.draw.randrange(len(word))
        letter = self.draw.choice(string.ascii_lowercase)
        match self.draw.choice(("other", "more", "less", "swap")):
            case "other":
                return word[:at] + letter + word[at + 1 :]
            case "more":
                return word[:at] + letter + word[at:]
            case "less":
                return word[:at] + word[at + 1 :]
            case _:
                return word[:at] + word[at : at + 2][::-1] + word[at + 2 :]

    def _swapped(self, words: list[str]) -> list[str] | None:
        if len(words) < 2:
            return None
        first, second = self.draw.sample(range(len(words)), 2)
        swapped = list(words)
        swapped[first], swapped[second] = words[second], words[first]
        return swapped

    def _headless(self, words: list[str]) -> list[str] | None:
        place = self._place(words, _SHORT)
        if place is None:
            return None
        return [*words[:place], words[place][1:], *words[place + 1 :]]
