"""Converts JSON values of a server into values that their columns can hold.

Covers single values. Relations are in ``relations.py``, whole objects in ``documents.py``.
"""

import calendar
import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

_TIME = re.compile(
    r"(?!0000)(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"(Z|[+-](0\d|1[0-4]):[0-5]\d)\Z",
    re.ASCII,
)
_UTC_SECONDS = len("2026-01-01T00:00:00Z")
_DAYS_OF_400_YEARS = 146_097
_INT4 = 2**31
INT8 = 2**63

_SURROGATE = re.compile("[\ud800-\udfff]")

_DEEPEST = 200
"""Maximum nesting of a JSON value. The JSON libraries accept slightly more."""

_SHOWN = 200
"""Characters to keep of a value that cannot be stored."""


class InvalidValueError(ValueError):
    """A value that its column cannot hold."""


class InvalidRelationError(InvalidValueError):
    """A relation that violates the server's schema. The message continues a sentence that begins with its path."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A list without the elements and values that its table cannot hold, and an excerpt of the elements concerned."""

    values: list[Any]
    refused: str


def json_type(value: Any) -> str:
    """The type of a JSON value, as error messages name it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


def excerpt(value: Any) -> str:
    """An excerpt of a value that cannot be stored."""
    try:
        return repr(value[:_SHOWN] if isinstance(value, str) else value)[:_SHOWN]
    except RecursionError:
        return "a value that is nested too deeply"


def as_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    raise InvalidValueError


def _as_integer(limit: int) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not -limit <= value < limit:
            raise InvalidValueError
        return value

    return convert


def _as_float(value: Any) -> Any:
    if type(value) is int and -INT8 <= value < INT8:
        return value
    if type(value) is not float:
        raise InvalidValueError
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _as_boolean(value: Any) -> Any:
    if type(value) is not bool:
        raise InvalidValueError
    return value


def as_time(value: Any) -> Any:
    """A timestamp in the server's own spelling; rejected if Postgres could not read it."""
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidValueError
    day = match[3]
    if day > "28" and int(day) > calendar.monthrange(int(match[1]), int(match[2]))[1]:
        raise InvalidValueError
    return value


def in_order_of_time(times: list[str]) -> list[str]:
    """Timestamps in the server's spelling, in chronological order."""
    if all(len(time) == _UTC_SECONDS and time.endswith("Z") for time in times):
        return sorted(times)
    return sorted(times, key=_moment)


def _moment(time: str) -> tuple[int, str, str]:
    """Seconds, their fraction, and the original text."""
    date, clock, rest = time[:10], time[11:19], time[19:]
    year, month, day = (int(part) for part in date.split("-"))
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    fraction = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    offset = rest[len(fraction) :]
    utc_offset_minutes = 0 if offset in ("", "Z") else int(offset[0] + "1") * (int(offset[1:3]) * 60 + int(offset[4:6]))
    # a text can have the year 0, which is a leap year like 400
    days = datetime.date(year or 400, month, day).toordinal() - (0 if year else _DAYS_OF_400_YEARS)
    return ((days * 24 + hours) * 60 + minutes - utc_offset_minutes) * 60 + seconds, fraction.rstrip("0"), time


def as_json(value: Any) -> Any:
    """A JSON value of any form, unless it is nested too deeply to be serialized."""
    if value and isinstance(value, dict | list):
        level = [value]
        for _ in range(_DEEPEST):
            level = [
                inner
                for outer in level
                for inner in (outer.values() if isinstance(outer, dict) else outer)
                if isinstance(inner, dict | list)
            ]
            if not level:
                return value
        raise InvalidValueError
    return value


def as_id(value: Any) -> int:
    """An id. Stash sends ids as strings."""
    # Python rejects integers with thousands of digits
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        number = int(value)
    elif type(value) is int:
        number = value
    else:
        raise InvalidValueError
    if not 0 <= number < INT8:
        raise InvalidValueError
    return number


COLUMN_READERS: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "partial_date": as_text,
    "integer": _as_integer(_INT4),
    "bigint": _as_integer(INT8),
    "double precision": _as_float,
    "boolean": _as_boolean,
    "timestamptz": as_time,
    "jsonb": as_json,
}


def without_surrogates(text: str) -> str:
    """A text with U+FFFD in place of each lone surrogate, as Go does it."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
