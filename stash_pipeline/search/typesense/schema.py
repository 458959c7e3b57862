"""The collections of an index in Typesense, and a document as a row of them.

- The documents: for each group of text fields the codes of its tokens, of neighbouring tokens and of short beginnings;
  fields of filters as strings, of ranges and orders as numbers, of facets; and the whole document as JSON, so that
  results need no database.
- The words: each token. Readers load them and compare typed words with them as the other back end does, because the
  server's own search for typing errors does not promise to find all of them, and does not tell which words it found.
- The states: which revision a collection of documents holds.
"""

import datetime
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from stash_pipeline.search.documents import (
    COLUMNS,
    DOCUMENTS_VERSION,
    FACETS,
    IDS,
    TEXT_WEIGHTS,
    Document,
    facet_values,
)
from stash_pipeline.search.folding import FOLDING_VERSION, tokens
from stash_pipeline.search.stored import from_json, to_json
from stash_pipeline.search.typesense.codes import beginning, code, gram

SCHEMA_VERSION: Final = 1
"""Of this module; an index of another version is rebuilt."""

VERSION: Final = f"{DOCUMENTS_VERSION}.{FOLDING_VERSION}.{SCHEMA_VERSION}"

GROUPS: Final = (
    ("title", "code"),
    ("aliases", "disambiguation"),
    ("people", "studios", "files", "groups"),
    tuple(
        field
        for field in TEXT_WEIGHTS
        if field not in ("title", "code", "aliases", "disambiguation", "people", "studios", "files", "groups")
    ),
)
"""Text fields by rank. A group is indexed together with all before it, so that one filter asks for all of them."""

LAST_GROUP: Final = len(GROUPS) - 1
KEYWORDS: Final = (
    "entity",
    "instance_ids",
    *IDS,
    "genders",
    "video_codecs",
    "stash_box",
    "organized",
    "favorite",
    "has_markers",
)
"""Fields that are compared as a whole."""

FLAGS: Final = ("organized", "favorite", "has_markers")

NUMBERS: Final = (
    "revision",
    "date",
    "height",
    "duration",
    "size",
    "rating",
    "plays",
    "o_count",
    "seconds",
    "created_at",
    "updated_at",
)
"""Fields of which ranges are asked."""

NAMES: Final = ("title", "aliases", "people", "studios", "tags")
"""The fields whose tokens are the vocabulary of suggestions."""

SHORT: Final = 2
"""Beginnings up to this length have a code of their own; for longer ones, the words are looked up."""

LONGEST_GRAM: Final = 3
"""A phrase of more tokens is looked for by its parts of so many."""

_MANY_WORDS: Final = 12
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_DAY: Final = 86_400_000
_MILLISECOND: Final = datetime.timedelta(milliseconds=1)
_LIMIT: Final = 2**61
ID_FIELDS: Final = ("id_1", "id_2", "id_3")
TITLE_FIELDS: Final = ("title_1", "title_2")


def _strings(name: str, facet: bool = False) -> dict[str, Any]:
    return {"name": name, "type": "string[]", "facet": facet}


def documents_schema(name: str) -> dict[str, Any]:
    """The collection of documents."""
    return {
        "name": name,
        "fields": [
            *(_strings(f"w_{group}") for group in range(len(GROUPS))),
            *(_strings(f"t_{field}") for field in TEXT_WEIGHTS),
            *(_strings(f"k_{field}") for field in KEYWORDS),
            *(_strings(f"f_{facet}", facet=True) for facet in FACETS),
            _strings("names", facet=True),
            _strings("has"),
            {"name": "key", "type": "string"},
            *({"name": f"n_{field}", "type": "int64", "optional": True} for field in NUMBERS),
            *({"name": field, "type": "int64"} for field in ID_FIELDS),
            *({"name": field, "type": "int64", "optional": True} for field in TITLE_FIELDS),
            {"name": "title_words", "type": "int64"},
            {"name": "document", "type": "string", "index": False, "optional": True},
        ],
    }


def words_schema(name: str) -> dict[str, Any]:
    """The collection of tokens."""
    return {
        "name": name,
        "fields": [
            {"name": "length", "type": "int32"},
            {"name": "word", "type": "string", "index": False, "optional": True},
        ],
    }


def states_schema(name: str) -> dict[str, Any]:
    """The collection of states."""
    return {
        "name": name,
        "fields": [
            {"name": "revision", "type": "int64"},
            {"name": "state", "type": "string", "index": False, "optional": True},
        ],
    }


def bounded(value: int) -> int:
    """A number that the server can hold: one outside of int64 in a filter ends some of its releases."""
    return max(-_LIMIT, min(_LIMIT, value))


# --- documents ----------------------------------------------------------------------------------------------


def id_numbers(id: UUID) -> tuple[int, int, int]:
    """An id as numbers that sort like it."""
    return id.int >> 68, (id.int >> 8) & (2**60 - 1), id.int & 255


def title_numbers(title: str) -> tuple[int, int]:
    """The first characters of a title as numbers that sort like them."""
    start = title.encode("utf-8", "replace")[:14].ljust(14, b"\0")
    return int.from_bytes(start[:7], "big"), int.from_bytes(start[7:], "big")


def _codes(lists: Iterable[list[str]]) -> set[str]:
    """What is looked for in one text field."""
    codes: set[str] = set()
    for text in lists:
        codes.update(map(code, text))
        for size in range(2, LONGEST_GRAM + 1):
            codes.update(gram(tuple(text[at : at + size])) for at in range(len(text) - size + 1))
        codes.update(beginning(token[:size]) for token in text for size in range(1, SHORT + 1) if len(token) > size)
    return codes


def number(value: object) -> int:
    """A number, date or time as ranges compare it: of times, milliseconds since 1970 in UTC."""
    if isinstance(value, datetime.datetime):
        return (value - _EPOCH) // _MILLISECOND
    if isinstance(value, datetime.date):
        return (value.toordinal() - _EPOCH.toordinal()) * _DAY
    return int(value)  # type: ignore[call-overload]


def value_code(value: object) -> str:
    """The code of a value that is compared as a whole."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.hex if isinstance(value, UUID) else code(str(value))


def _facet_code(facet: str, value: str) -> str:
    return value.replace("-", "") if facet in ("studio", "performer", "tag") else code(value)


def title_of(document: Document) -> str:
    """What the sort key ``title`` compares; a document without it comes last."""
    return " ".join(tokens(document.title))


def title_length(document: Document) -> int:
    """Of equally relevant hits, short titles come first."""
    return min(len(tokens(document.title)) or _MANY_WORDS, _MANY_WORDS)


def _values(document: Document, field: str) -> tuple[Any, ...]:
    value = getattr(document, field)
    return value if isinstance(value, tuple) else () if value is None or value == "" else (value,)


def words_of(document: Document) -> set[str]:
    """The tokens of a document."""
    return {token for field in TEXT_WEIGHTS for text in _values(document, field) for token in tokens(text)}


def row_of(document: Document) -> tuple[dict[str, Any], set[str]]:
    """A document as the collection has it, and its tokens."""
    lists = {field: [tokens(text) for text in _values(document, field)] for field in TEXT_WEIGHTS}
    codes = {field: _codes(texts) for field, texts in lists.items()}
    row: dict[str, Any] = {"id": str(document.id), "key": document.id.hex}
    together: set[str] = set()
    for group, fields in enumerate(GROUPS):
        together = together.union(*(codes[field] for field in fields))
        row[f"w_{group}"] = sorted(together)
    for field in TEXT_WEIGHTS:
        row[f"t_{field}"] = sorted(codes[field])
    for field in KEYWORDS:
        row[f"k_{field}"] = [value_code(value) for value in _values(document, field)]
    for facet in FACETS:
        row[f"f_{facet}"] = [_facet_code(facet, value) for value in facet_values(document, facet)]
    row["names"] = sorted({code(token) for field in NAMES for texts in lists[field] for token in texts})
    row["has"] = [code(field) for field in COLUMNS if _values(document, field)]
    for field in NUMBERS:
        value = getattr(document, field)
        if value is not None:
            row[f"n_{field}"] = bounded(number(value))
    row.update(zip(ID_FIELDS, id_numbers(document.id), strict=True))
    title = title_of(document)
    if title:
        row.update(zip(TITLE_FIELDS, title_numbers(title), strict=True))
        row["has"].append(code(TITLE_FIELDS[0]))
    row["title_words"] = title_length(document)
    row["document"] = to_json(document).decode()
    return row, {token for texts in lists.values() for text in texts for token in text}


def document_of(row: dict[str, Any]) -> Document:
    """The document of a row."""
    return from_json(row["document"].encode())


# --- words --------------------------------------------------------------------------------------------------


def word_row(word: str) -> dict[str, Any]:
    """A token as the collection of words has it."""
    return {"id": code(word), "word": word, "length": len(word)}
