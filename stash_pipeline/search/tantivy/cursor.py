"""Writes where a page ended, as text that a caller hands back for the next page."""

import base64
import binascii
from typing import Any
from uuid import UUID

import orjson

from stash_pipeline.errors import UserError
from stash_pipeline.search.request import Sort


def write_relevance(score: float, id: UUID, seen: int) -> str:
    """After a hit with a score, and so many before it."""
    return _written(["relevance", score, id.hex, seen])


def write_fields(sorts: tuple[Sort, ...], values: list[Any], id: UUID) -> str:
    """After a hit with these values of the sorts."""
    return _written(["fields", _named(sorts), values, id.hex])


def read_relevance(text: str) -> tuple[float, UUID, int]:
    """The score, the id and the number of hits before.

    Raises:
        UserError: if the text is of no page of such a search.
    """
    match _read(text):
        case ["relevance", float(score), str(id), int(seen)] if seen >= 0:
            return score, _id(id), min(seen, 10_000_000)
    raise _wrong()


def read_fields(text: str, sorts: tuple[Sort, ...]) -> tuple[list[Any], UUID]:
    """The values and the id.

    Raises:
        UserError: if the text is of no page of a search with this order.
    """
    match _read(text):
        case ["fields", names, list(values), str(id)] if names == _named(sorts) and len(values) == len(sorts):
            for value, sort in zip(values, sorts, strict=True):
                if not isinstance(value, str if sort.key == "title" else (int, type(None))):
                    raise _wrong()
                if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
                    raise _wrong()
            return values, _id(id)
    raise _wrong()


def _named(sorts: tuple[Sort, ...]) -> list[str]:
    return [f"{'-' if sort.descending else ''}{sort.key}" for sort in sorts]


def _written(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _read(text: str) -> Any:
    try:
        return orjson.loads(base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise _wrong() from None


def _id(text: str) -> UUID:
    try:
        return UUID(hex=text)
    except ValueError:
        raise _wrong() from None


def _wrong() -> UserError:
    return UserError("The page to continue after belongs to another search or order; begin with the first page.")
