"""Turns documents into JSON and back, for back ends that store the whole document."""

import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import orjson

from stash_pipeline.search.documents import COLUMNS, Document

_IDS: Final = ("id", "studio_id", "scene_id")
_LISTS_OF_IDS: Final = (
    "studio_ids", "performer_ids", "tag_ids", "all_tag_ids", "marker_tag_ids", "own_marker_tag_ids", "group_ids",
)  # fmt: skip
_TIMES: Final = ("created_at", "updated_at")
_values_of: Final = attrgetter(*COLUMNS)


def to_json(document: Document) -> bytes:
    """The document without its empty fields."""
    fields = {name: value for name, value in zip(COLUMNS, _values_of(document), strict=True) if value or value == 0}
    return orjson.dumps(fields)


def from_json(text: bytes) -> Document:
    """The document that :func:`to_json` wrote. Fields that this version does not know are ignored.

    Raises:
        ValueError: if the text is none.
    """
    return from_fields(orjson.loads(text))


def from_fields(fields: dict[str, Any]) -> Document:
    """The document with these values, as JSON has them."""
    values: dict[str, Any] = {
        name: tuple(value) if type(value) is list else value for name, value in fields.items() if name in _KNOWN
    }
    for name in _IDS:
        if name in values:
            values[name] = UUID(values[name])
    for name in _LISTS_OF_IDS:
        if name in values:
            values[name] = tuple(UUID(identifier) for identifier in values[name])
    if "date" in values:
        values["date"] = datetime.date.fromisoformat(values["date"])
    for name in _TIMES:
        if name in values:
            # Python 3.10 reads no fractions of other lengths than three and six, which orjson does not write
            values[name] = datetime.datetime.fromisoformat(values[name])
    return Document(**values)


_KNOWN: Final = frozenset(COLUMNS)
