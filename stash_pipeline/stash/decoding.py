"""Decodes responses into values of the expected types.

Covers JSON as servers write it, and :class:`Part`, which knows its path in the response: a value of another type is an
error with that path. Documents are read field by field in ``documents.py``.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stash_pipeline.stash.errors import LimitExceededError, UnexpectedResponseError, shortened

LARGEST: Final = 2**31 - 1
"""The largest GraphQL Int."""

_ESCAPES: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_TEXT_LENGTH: Final = 200
_DEPTH: Final = 1024
"""Maximum nesting that the decoder accepts."""


def loads(body: bytes, what: str = "The answer") -> Any:
    """Decodes JSON, even if it contains bytes of a file name that are not UTF-8, or lone surrogates.

    Raises:
        ValueError: if ``body`` is not JSON. LimitExceededError: if it is nested too deeply.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _check_depth(error, what)
    repaired = _ESCAPES.sub(_paired, body.decode("utf-8", "replace").encode())
    try:
        return orjson.loads(repaired)
    except orjson.JSONDecodeError as error:
        _check_depth(error, what)
        # without the document, which may be long and contain anything
        raise ValueError(error.msg) from None


def _paired(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match[1] else match[0]


def _check_depth(error: orjson.JSONDecodeError, what: str) -> None:
    # the wording depends on the release of orjson
    if "depth" in error.msg or "ecursion" in error.msg:
        raise LimitExceededError(f"{what} nested more than {_DEPTH:,} levels deep; is it a Stash server?") from None


@dataclass(frozen=True)
class Part:
    """A value inside a response.

    Attributes:
        source: who answered what, as the beginning of a sentence. path: of the value inside ``data``.
    """

    value: Any
    source: str
    path: str = ""

    def unexpected(self, expected: str) -> UnexpectedResponseError:
        """The error for an unexpected value."""
        place = shortened(self.path, _TEXT_LENGTH) or "the top"
        return UnexpectedResponseError(
            f"{self.source} with {_described(self.value)} at {place}, where {expected} was expected."
        )

    def _at(self, value: Any, name: str | int) -> "Part":
        return Part(value, self.source, f"{self.path}/{name}" if self.path else str(name))

    def object(self) -> dict[str, Any]:
        """The value, if it is an object."""
        if not isinstance(self.value, dict):
            raise self.unexpected("an object")
        return self.value

    def get(self, name: str) -> "Part":
        """A member of the object; null if it has no member of that name."""
        return self._at(self.object().get(name), name)

    def items(self) -> list["Part"]:
        """The elements of the list."""
        if not isinstance(self.value, list):
            raise self.unexpected("a list")
        return [self._at(value, number) for number, value in enumerate(self.value)]

    def text(self, longest: int = _TEXT_LENGTH) -> str:
        """The value, if it is a text."""
        if not isinstance(self.value, str):
            raise self.unexpected("a text")
        if len(self.value) > longest:
            raise self.unexpected(f"a text of at most {longest:,} characters")
        return self.value

    def text_or_none(self, longest: int = _TEXT_LENGTH) -> str | None:
        """The text, or None for null."""
        return None if self.value is None else self.text(longest)

    def number(self, least: int = 0, most: int = LARGEST) -> int:
        """The value, if it is a whole number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.unexpected("a whole number")
        if not least <= self.value <= most:
            raise self.unexpected(f"a number from {least:,} to {most:,}")
        return self.value

    def id(self) -> int:
        """The value, if it is an id: a text of digits, as a GraphQL ID is sent."""
        text = self.value
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise self.unexpected("an id")
        digits = str(text) if isinstance(text, int) else text
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
            raise self.unexpected("an id")
        return int(digits)


_KINDS: Final = ((bool, "true or false"), (int, "a number"), (float, "a number"), (str, "a text"), (list, "a list"))


def _described(value: Any) -> str:
    """The type of a value, for error messages. The value itself may contain anything."""
    if value is None:
        return "null"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "an object")
