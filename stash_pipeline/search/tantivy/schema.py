"""The fields of the index, and what of a document goes into each.

Texts are folded here; the tokenizer of tantivy only splits at blanks. Tantivy compares neither texts nor numbers of
128 bits, so ids and titles are also there as numbers of 64 bits, in the order in which hits are listed.

The state of the index is one more document, so that it is written by the same commit. It has no field that a search
looks at, except by :data:`STATE_TERM`, which every search excludes.
"""

import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import tantivy

from stash_pipeline.search.documents import (
    DOCUMENTS_VERSION,
    DURATIONS,
    RATINGS,
    RESOLUTIONS,
    TEXT_WEIGHTS,
    Document,
    facet_values,
)
from stash_pipeline.search.folding import FOLDING_VERSION, tokens
from stash_pipeline.search.stored import to_json

INDEX_VERSION: Final = 1
"""Of this module; another one means a rebuild."""

TEXTS: Final = tuple(TEXT_WEIGHTS)
KEYWORDS: Final = (
    "id",
    "entity",
    "studio_id",
    "studio_ids",
    "performer_ids",
    "tag_ids",
    "all_tag_ids",
    "marker_tag_ids",
    "own_marker_tag_ids",
    "group_ids",
    "scene_id",
    "genders",
    "video_codecs",
    "stash_box",
)
"""Fields whose values are compared whole, as texts."""
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

# facets that are neither a keyword nor a number of the document, by ordinals of their values
CLASSES: Final = ("year", "resolution", "duration", "rating", "played")

TITLE_PARTS: Final = 4
"""Of eight bytes each. Titles that agree in all of them are compared in full."""

ID_PARTS: Final = ("id_high", "id_low")
LONGEST_SHAPE: Final = 12
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
    for name in KEYWORDS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in NUMBERS:
        builder.add_integer_field(name, fast=True)
    for name in CLASSES:
        builder.add_unsigned_field(f"class_{name}", fast=True)
    for name in (*ID_PARTS, *(f"title_{part}" for part in range(TITLE_PARTS))):
        builder.add_unsigned_field(name, fast=True)
    builder.add_text_field("present", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("shape", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("stored", stored=True)
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
    start = sort_title(title).encode("utf-8", "replace")[: 8 * TITLE_PARTS]
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
_CLASS_ORDINALS: Final = {
    facet: {name: place for place, name in enumerate(names)} for facet, names in _CLASS_NAMES.items()
}


def class_ordinal(facet: str, name: str) -> int:
    """The number that stands for a value of one of ``CLASSES``."""
    return int(name) if facet == "year" else _CLASS_ORDINALS[facet][name]


def class_name(facet: str, ordinal: int) -> str:
    """The value of one of ``CLASSES`` that a number stands for."""
    return f"{ordinal:04}" if facet == "year" else _CLASS_NAMES[facet][ordinal]


def to_index(document: Document) -> tantivy.Document:
    """What the index gets of a document."""
    made = tantivy.Document()
    add_text, add_integer, add_unsigned = made.add_text, made.add_integer, made.add_unsigned
    for name in TEXTS:
        value = getattr(document, name)
        if not value:
            continue
        add_text("present", name)
        if type(value) is str:
            # most of these are met once: no room in the cache for them
            add_text(name, " ".join(tokens(value)))
        else:
            for one in value:
                add_text(name, folded(one))
    for name in KEYWORDS:
        value = getattr(document, name)
        if value is None:
            continue
        if type(value) is tuple:
            for one in value:
                add_text(name, one.hex if type(one) is UUID else one)
        else:
            add_text(name, value.hex if type(value) is UUID else value)
    for name in NUMBERS:
        value = getattr(document, name)
        if value is None:
            continue
        if type(value) is tuple:
            for one in value:
                add_integer(name, one)
        else:
            add_integer(name, number(value))
    for name in CLASSES:
        for one in facet_values(document, name):
            add_unsigned(f"class_{name}", class_ordinal(name, one))
    for name, part in zip(ID_PARTS, id_parts(document.id), strict=True):
        add_unsigned(name, part)
    for place, part in enumerate(title_parts(document.title)):
        add_unsigned(f"title_{place}", part)
    add_text("shape", str(min(len(tokens(document.title)), LONGEST_SHAPE)))
    made.add_bytes("stored", to_json(document))
    return made
