"""Values of JSON as a server sends them, and what their columns can hold of them.

Here: single values. Not here: relations (``relations.py``), and whole objects (``documents.py``).
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
"""Levels of nesting in a value of free form: what reads and writes JSON here takes a few more."""

_SHOWN = 200
"""Characters of a value that are kept where it cannot be."""


class InvalidValueError(ValueError):
    """A value that its column cannot hold."""


class InvalidRelationError(InvalidValueError):
    """A relation that is not what the server's schema says; the message goes on where its path ends."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A list without the elements that its table cannot hold, and what those were."""

    values: list[Any]
    refused: str


def kind_of(value: Any) -> str:
    """How errors call a value of JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


def shown(value: Any) -> str:
    """The beginning of a value that cannot be kept."""
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
    """A timestamp, kept in the server's own spelling; refused if Postgres could not read it."""
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidValueError
    day = match[3]
    if day > "28" and int(day) > calendar.monthrange(int(match[1]), int(match[2]))[1]:
        raise InvalidValueError
    return value


def in_order_of_time(times: list[str]) -> list[str]:
    """Timestamps as the server spells them, in the order of the moments that they mean."""
    if all(len(time) == _UTC_SECONDS and time.endswith("Z") for time in times):
        return sorted(times)
    return sorted(times, key=_moment)


def _moment(time: str) -> tuple[int, str, str]:
    """Seconds, their fraction, and the spelling."""
    date, clock, rest = time[:10], time[11:19], time[19:]
    year, month, day = (int(part) for part in date.split("-"))
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    fraction = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    offset = rest[len(fraction) :]
    ahead = 0 if offset in ("", "Z") else int(offset[0] + "1") * (int(offset[1:3]) * 60 + int(offset[4:6]))
    # the year 0, which a text may have, is a leap year as 400 is
    days = datetime.date(year or 400, month, day).toordinal() - (0 if year else _DAYS_OF_400_YEARS)
    return ((days * 24 + hours) * 60 + minutes - ahead) * 60 + seconds, fraction.rstrip("0"), time


def as_json(value: Any) -> Any:
    """A value of free form, unless it is nested so deeply that it could not be written."""
    if value and isinstance(value, dict | list):
        level = [value]
        for _ in range(_DEEPEST):
            level = [
                inner
                for one in level
                for inner in (one.values() if isinstance(one, dict) else one)
                if isinstance(inner, dict | list)
            ]
            if not level:
                return value
        raise InvalidValueError
    return value


def as_id(value: Any) -> int:
    """An id: Stash sends integers as strings."""
    # Python refuses to read numbers of thousands of digits
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
    """A text with U+FFFD for each half of a surrogate pair, as the server's own language has it."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
