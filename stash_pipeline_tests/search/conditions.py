"""Random conditions on a library, for tests that compare back ends with each other, and with an oracle."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stash_pipeline.search.documents import COLUMNS, TEXT_WEIGHTS, Document
from stash_pipeline.search.folding import tokens
from stash_pipeline.search.request import AllOf, AnyOf, Between, Condition, Exists, Fuzziness, Not, OneOf, Word
from stash_pipeline_tests.search.oracle import as_number

KINDS: Final[tuple[Fuzziness, ...]] = ("exact", "prefix", "typos")
NUMBERS: Final = ("height", "duration", "size", "rating", "plays", "o_count", "seconds")
RANGES: Final = (*NUMBERS, "date", "created_at", "instance_ids", "organized")
LISTS: Final = (
    "instance_ids", "studio_ids", "performer_ids", "tag_ids", "all_tag_ids", "marker_tag_ids", "own_marker_tag_ids",
    "genders", "video_codecs",
)  # fmt: skip
SINGLE: Final = ("id", "entity", "studio_id", "scene_id", "stash_box", "organized", "favorite", "has_markers")


@dataclass
class Conditions:
    """Makes conditions that find something, mostly.

    Attributes:
        with_errors: whether words have errors, and are to be found in spite of some; an oracle does not know that.
    """

    documents: Sequence[Document]
    random: random.Random
    with_errors: bool = True

    def any(self, depth: int = 2) -> Condition:
        """A condition."""
        choices: list[Callable[[], Condition]] = [self.word, self.word, self.any_of, self.between, self.exists]
        if not depth or self.random.random() < 0.3:
            return self.random.choice(choices)()
        parts = tuple(self.any(depth - 1) for _ in range(self.random.choice((0, 1, 2, 2, 3))))
        made: Condition = self.random.choice((AllOf, AllOf, OneOf))(parts)
        return Not(made) if self.random.random() < 0.25 else made

    def word(self) -> Word:
        """Words of some document, perhaps with an error or not complete."""
        document = self.random.choice(self.documents)
        field = self.random.choice([name for name in TEXT_WEIGHTS if getattr(document, name)] or ["title"])
        value = getattr(document, field)
        texts = value if isinstance(value, tuple) else (value,)
        found = tokens(self.random.choice(texts)) or ["nothing"]
        size = self.random.choice((1, 1, 1, 2, 3))
        start = self.random.randrange(max(1, len(found) - size + 1))
        chosen = found[start : start + size]
        named = field if self.random.random() < 0.3 else None
        if self.with_errors:
            chosen[-1] = self._mistyped(chosen[-1])
            return Word(tuple(chosen), self.random.choice(KINDS), named)
        kind = self.random.choice(KINDS[:2])
        if kind == "prefix":
            chosen[-1] = chosen[-1][: self.random.randint(1, len(chosen[-1]))]
        return Word(tuple(chosen), kind, named)

    def _mistyped(self, token: str) -> str:
        place = self.random.randrange(len(token))
        match self.random.randrange(6):
            case 0:
                return token[: place + 1]
            case 1:
                return token[:place] + token[place + 1 :] or token
            case 2:
                return token[:place] + "e" + token[place:]
            case 3:
                return token[:place] + token[place : place + 2][::-1] + token[place + 2 :]
        return token

    def any_of(self) -> AnyOf:
        """Values of some documents."""
        field = self.random.choice((*LISTS, *SINGLE))
        values: list[Any] = []
        for document in self.random.sample(list(self.documents), 3):
            value = getattr(document, field)
            values += value if isinstance(value, tuple) else [] if value is None else [value]
        return AnyOf(field, tuple(values[: self.random.randrange(4)]))

    def between(self) -> Between:
        """A range of numbers or moments, perhaps open or empty."""
        field = self.random.choice(RANGES)
        values = [getattr(one, field) for one in self.documents]
        flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
        there = [as_number(one) for one in flat if one is not None] or [0]
        low, high = self.random.choice([*there, None]), self.random.choice([*there, None])
        return Between(field, low, high)

    def exists(self) -> Exists:
        """A field that has a value."""
        names = [
            name
            for name in COLUMNS
            if name in TEXT_WEIGHTS or name in (*NUMBERS, *LISTS, "date", "studio_id", "scene_id")
        ]
        return Exists(self.random.choice(names))
