"""The fields of the index, and what of a document goes into each.

Texts are folded here; the tokenizer of tantivy only splits at blanks. Tantivy compares neither texts nor numbers of
128 bits, so ids and titles are also there as numbers of 64 bits, in the order in which hits are listed.

Facets of ids count numbers that stand for the ids (:class:`FacetIds`): tantivy counts small numbers several times
faster than texts.

The state of the index is one more document, so that it is written by the same commit. It has no field that a search
looks at, except by :data:`STATE_TERM`, which every search excludes.
"""

import datetime
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final
from uuid import UUID

import tantivy

from stash_pipeline.search.documents import (
    DOCUMENTS_VERSION,
    DURATIONS,
    IDS,
    RATINGS,
    RESOLUTIONS,
    TEXT_WEIGHTS,
    Document,
)
from stash_pipeline.search.folding import FOLDING_VERSION, tokens
from stash_pipeline.search.stored import to_json

INDEX_VERSION: Final = 3
"""Of this module; another one means a rebuild."""

TEXTS: Final = tuple(TEXT_WEIGHTS)
KEYWORDS: Final = (
    "id",
    "entity",
    *IDS,
    "genders",
    "video_codecs",
    "stash_box",
)
"""Fields whose values are compared whole, as texts."""
FEW_VALUES: Final = ("entity", "genders", "video_codecs", "stash_box")
"""Those of them that are facets as they are."""
NUMBERS: Final = (
    "revision",
    "instance_ids",
    "date",
    "height",
    "duration",
    "size",
    "rating",
    "plays",
    "o_count",
    "organized",
    "favorite",
    "has_markers",
    "seconds",
    "created_at",
    "updated_at",
)
"""Fields whose values are compared as numbers: truth values are 0 and 1, times milliseconds since 1970."""
SELDOM_DIFFERENT: Final = ("instance_ids", "organized", "favorite", "has_markers")
"""Those of them with few values, whose documents are listed by value: to compare all values costs much more."""

# facets that are neither a keyword nor a number of the document, by ordinals of their values
CLASSES: Final = ("year", "resolution", "duration", "rating", "played")

# fields of facets of ids, by the numbers that stand for the ids
FACETS_OF_IDS: Final = ("studio_ids", "performer_ids", "all_tag_ids")

TITLE_PARTS: Final = 4
"""Of eight bytes each. Titles that agree in all of them are compared in full."""

ANY_TEXT: Final = "any_text"
"""Has the words of all texts: which documents match a word is known by it alone."""

ID_PARTS: Final = ("id_high", "id_low")
LONGEST_SHAPE: Final = 12
COUNTED: Final = "revision"
"""A field with one value in every document but the state."""
STATE_TERM: Final = ("present", "state")

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_EPOCH_DAY: Final = _EPOCH.date().toordinal()
_DAY: Final = 86_400_000
_MILLISECOND: Final = datetime.timedelta(milliseconds=1)


def build_schema() -> tantivy.Schema:
    """The schema of the index."""
    builder = tantivy.SchemaBuilder()
    for name in TEXTS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    builder.add_text_field(ANY_TEXT, tokenizer_name="whitespace", index_option="basic")
    for name in KEYWORDS:
        # several ids are one text, which costs less than a value each
        split = "raw" if name in FEW_VALUES else "whitespace"
        builder.add_text_field(name, tokenizer_name=split, index_option="basic", fast=name in FEW_VALUES)
    for name in NUMBERS:
        builder.add_integer_field(name, fast=True, indexed=name in SELDOM_DIFFERENT)
    for name in CLASSES:
        builder.add_unsigned_field(f"class_{name}", fast=True)
    for name in FACETS_OF_IDS:
        builder.add_unsigned_field(f"number_{name}", fast=True)
    for name in (*ID_PARTS, *(f"title_{part}" for part in range(TITLE_PARTS))):
        builder.add_unsigned_field(name, fast=True)
    builder.add_text_field("present", tokenizer_name="whitespace", index_option="basic")
    builder.add_text_field("shape", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("stored", stored=True)
    builder.add_bytes_field("facet_ids", stored=True)
    return builder.build()


VERSION: Final = f"{DOCUMENTS_VERSION}.{FOLDING_VERSION}.{INDEX_VERSION}"
"""Of everything that decides what is in the index."""


@lru_cache(maxsize=100_000)
def folded(text: str) -> str:
    """The tokens of a text, for the tokenizer that splits at blanks."""
    return " ".join(tokens(text))


def sort_title(title: str) -> str:
    """What titles are sorted by."""
    return folded(title)


def title_parts(title: str) -> list[int]:
    """The first bytes of a title as numbers that are in the order of titles. Empty without a title."""
    return _parts(sort_title(title))


def _parts(folded_title: str) -> list[int]:
    start = folded_title.encode("utf-8", "replace")[: 8 * TITLE_PARTS]
    if not start:
        return []
    start = start.ljust(8 * TITLE_PARTS, b"\0")
    return [int.from_bytes(start[part : part + 8], "big") for part in range(0, 8 * TITLE_PARTS, 8)]


def id_parts(id: UUID) -> tuple[int, int]:
    """An id as two numbers."""
    return id.int >> 64, id.int & 0xFFFF_FFFF_FFFF_FFFF


def number(value: object) -> int:
    """A value of one of ``NUMBERS`` as the index has it."""
    if isinstance(value, datetime.datetime):
        return (value - _EPOCH) // _MILLISECOND
    if isinstance(value, datetime.date):
        return (value.toordinal() - _EPOCH_DAY) * _DAY
    return int(value)  # type: ignore[call-overload]


_CLASS_NAMES: Final = {
    "resolution": tuple(name for name, _ in RESOLUTIONS),
    "duration": tuple(name for name, _ in DURATIONS),
    "rating": tuple(name for name, _ in RATINGS),
    "played": ("false", "true"),
}
_CLASS_STARTS: Final = tuple(
    (f"class_{name}", [start for _, start in classes])
    for name, classes in (("resolution", RESOLUTIONS), ("duration", DURATIONS), ("rating", RATINGS))
)
_classed_of: Final = attrgetter("height", "duration", "rating")


def class_name(facet: str, ordinal: int) -> str:
    """The value of one of ``CLASSES`` that a number stands for."""
    return f"{ordinal:04}" if facet == "year" else _CLASS_NAMES[facet][ordinal]


class FacetIds:
    """The ids that facets count, each with a number of its own within its field, from 0. Lies beside the state."""

    def __init__(self, stored: Sequence[bytes]) -> None:
        """Args:
        stored: what :func:`stored_facet_ids` made.
        """
        self._ids = dict(zip(FACETS_OF_IDS, map(bytes, stored), strict=True))

    def id(self, field: str, number: int) -> UUID:
        """The id that a number stands for."""
        return UUID(bytes=self._ids[field][16 * number : 16 * number + 16])

    def numbers(self) -> "FacetNumbers":
        """The same the other way round, to be added to."""
        numbers = no_facet_numbers()
        for field, ids in self._ids.items():
            for place in range(0, len(ids), 16):
                numbers[field][ids[place : place + 16].hex()]
        return numbers


class _Numbers(dict[str, int]):
    def __missing__(self, id: str) -> int:
        number = self[id] = len(self)
        return number


FacetNumbers = Mapping[str, _Numbers]
"""By field and hexadecimal id, the number that stands for it: the next one for an id that has none yet."""


def no_facet_numbers() -> FacetNumbers:
    """Those of an empty index."""
    return {field: _Numbers() for field in FACETS_OF_IDS}


def stored_facet_ids(numbers: FacetNumbers) -> list[bytes]:
    """The ids in the order of their numbers, for :class:`FacetIds`."""
    return [bytes.fromhex("".join(numbers[field])) for field in FACETS_OF_IDS]


def to_index(document: Document, numbers: FacetNumbers) -> tantivy.Document:
    """What the index gets of a document."""
    entry = tantivy.Document()
    add_text, add_integer, add_unsigned = entry.add_text, entry.add_integer, entry.add_unsigned
    present: list[str] = []
    texts: list[str] = []
    words: list[str] = []
    for name, value in zip(TEXTS, _texts_of(document), strict=True):
        if not value:
            continue
        present.append(name)
        if type(value) is str:
            # most of these are met once: no room in the cache for them
            value_tokens = tokens(value)
            texts.append(" ".join(value_tokens))
            add_text(name, texts[-1])
            if name == "title":
                words = value_tokens
        else:
            for text in value:
                texts.append(folded(text))
                add_text(name, texts[-1])
    add_text(ANY_TEXT, " ".join(texts))
    for name, value in zip(KEYWORDS, _keywords_of(document), strict=True):
        if value is None or value == ():
            continue
        present.append(name)
        if name in FEW_VALUES:
            for keyword in value if type(value) is tuple else (value,):
                add_text(name, keyword)
        elif type(value) is tuple:
            ids = [identifier.hex for identifier in value]
            add_text(name, " ".join(ids))
            if name in numbers:
                # a text is looked up faster than an id
                known, field = numbers[name], f"number_{name}"
                for id in ids:
                    add_unsigned(field, known[id])
        else:
            add_text(name, value.hex)
    add_text("present", " ".join(present))
    for name, value in zip(NUMBERS, _numbers_of(document), strict=True):
        if value is None:
            continue
        if type(value) is tuple:
            for integer in value:
                add_integer(name, integer)
        else:
            add_integer(name, value if type(value) is int else number(value))
    if document.date is not None:
        add_unsigned("class_year", document.date.year)
    if document.plays is not None:
        add_unsigned("class_played", bool(document.plays))
    for (field, starts), value in zip(_CLASS_STARTS, _classed_of(document), strict=True):
        if value is not None:
            add_unsigned(field, max(bisect_right(starts, value) - 1, 0))
    for name, part in zip(ID_PARTS, id_parts(document.id), strict=True):
        add_unsigned(name, part)
    for place, part in enumerate(_parts(" ".join(words))):
        add_unsigned(f"title_{place}", part)
    add_text("shape", str(min(len(words), LONGEST_SHAPE)))
    entry.add_bytes("stored", to_json(document))
    return entry


_texts_of: Final = attrgetter(*TEXTS)
_keywords_of: Final = attrgetter(*KEYWORDS)
_numbers_of: Final = attrgetter(*NUMBERS)
