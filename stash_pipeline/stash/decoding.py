"""From an answer's text to values of the types that they are due to have.

Here: JSON as servers write it, and :class:`Part`, which knows where in the answer it is; whatever is of another
type is an error with that place. Not here: documents (``documents.py``), which are read field by field.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stash_pipeline.stash.errors import LimitExceededError, UnexpectedResponseError, shortened

LARGEST: Final = 2**31 - 1
"""Of numbers: GraphQL's Int."""

_ESCAPES: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_TEXT_LENGTH: Final = 200
_DEPTH: Final = 1024
"""Levels that the decoder follows."""


def loads(body: bytes, what: str = "The answer") -> Any:
    """JSON, also where a server passed on a file name's bytes that are not UTF-8, or half a surrogate pair.

    Raises:
        ValueError: if it is no JSON. LimitExceededError: if it is nested too deep.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _check_depth(error, what)
    mended = _ESCAPES.sub(_paired, body.decode("utf-8", "replace").encode())
    try:
        return orjson.loads(mended)
    except orjson.JSONDecodeError as error:
        _check_depth(error, what)
        # without the text, which may be long and hold anything
        raise ValueError(error.msg) from None


def _paired(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match[1] else match[0]


def _check_depth(error: orjson.JSONDecodeError, what: str) -> None:
    # as it is said by one release and by another
    if "depth" in error.msg or "ecursion" in error.msg:
        raise LimitExceededError(f"{what} nested more than {_DEPTH:,} deep; is that a Stash server?") from None


@dataclass(frozen=True)
class Part:
    """A value inside an answer.

    Attributes:
        source: who answered what, as the beginning of a sentence. path: of the value inside ``data``.
    """

    value: Any
    source: str
    path: str = ""

    def wrong(self, due: str) -> UnexpectedResponseError:
        """The error: something else was due here."""
        where = shortened(self.path, _TEXT_LENGTH) or "the top"
        return UnexpectedResponseError(f"{self.source} with {_described(self.value)} at {where}, where {due} was due.")

    def _at(self, value: Any, name: str | int) -> "Part":
        return Part(value, self.source, f"{self.path}/{name}" if self.path else str(name))

    def object(self) -> dict[str, Any]:
        """The value, which is an object."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self.value

    def get(self, name: str) -> "Part":
        """A member of the object; null where it has none of that name."""
        return self._at(self.object().get(name), name)

    def items(self) -> list["Part"]:
        """The members of the list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return [self._at(value, number) for number, value in enumerate(self.value)]

    def text(self, longest: int = _TEXT_LENGTH) -> str:
        """The value, which is a text."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        if len(self.value) > longest:
            raise self.wrong(f"one of at most {longest:,} characters")
        return self.value

    def text_or_none(self, longest: int = _TEXT_LENGTH) -> str | None:
        """The text, or None for null."""
        return None if self.value is None else self.text(longest)

    def number(self, least: int = 0, most: int = LARGEST) -> int:
        """The value, which is a whole number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong("a whole number")
        if not least <= self.value <= most:
            raise self.wrong(f"a number from {least:,} to {most:,}")
        return self.value

    def id(self) -> int:
        """The value, which is an id: a text of digits, as GraphQL's ID is sent."""
        text = self.value
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise self.wrong("an id")
        digits = str(text) if isinstance(text, int) else text
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
            raise self.wrong("an id")
        return int(digits)


_KINDS: Final = ((bool, "true or false"), (int, "a number"), (float, "a number"), (str, "a text"), (list, "a list"))


def _described(value: Any) -> str:
    """What kind of value it is; the value itself may hold anything."""
    if value is None:
        return "null"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "an object")
