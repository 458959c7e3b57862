"""Converts stored values as the server does before it sends them by GraphQL.

The rules are those of its SQLite driver and of Go's formats, for every value that a database can contain.
"""

import base64
import calendar
import re
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from stash_pipeline.stash.json_values import InvalidValueError

_USUAL = re.compile(
    r"(?!0000|0001-01-01)\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{0,8}[1-9])?(?:Z|[+-](?:0[1-9]|1[0-4]):[0-5]\d)\Z",
    re.ASCII,
)
_DAY = re.compile(r"(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])\Z", re.ASCII)
_STORED = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?([+-]\d\d:\d\d)?)?)?Z?\Z",
    re.ASCII,
)
_ZERO = "0001-01-01T00:00:00Z"
"""How the server's driver reads an invalid time."""

_NEVER = re.compile(r"(000[01])-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:Z|([+-])(\d\d):(\d\d))\Z", re.ASCII)
_FIRST_DAY = 366
"""Days from the first of the year 0 to the first of the year 1."""

_UNSIGNED = 2**64
"""Integers from here on are read from JSON as floating-point numbers."""

_MILLISECONDS_FROM = 1e12
"""Greater integers are milliseconds since 1970, others are seconds."""


usual_time = _USUAL.match
"""Whether a text is a time in the common form, which is sent unchanged."""


def time_text(stored: Any) -> str:
    """A stored timestamp as GraphQL sends it: RFC 3339, with its stored offset."""
    if type(stored) is str:
        if _USUAL.match(stored):
            return stored
        return _unusual_time(stored)
    if type(stored) is int:
        seconds = stored / 1000 if abs(stored) > _MILLISECONDS_FROM else stored
        try:
            moment = datetime.fromtimestamp(seconds, timezone.utc)
        except (ValueError, OverflowError, OSError):
            raise InvalidValueError from None
        return _with_fraction(moment.strftime("%Y-%m-%dT%H:%M:%S"), f"{moment.microsecond:06}") + "Z"
    raise InvalidValueError


def set_time(stored: Any) -> str | None:
    """A stored timestamp, as above; None if it was never set, which GraphQL sends as null."""
    text = time_text(stored)
    return None if text.startswith("000") and _is_never(text) else text


def _is_never(text: str) -> bool:
    """Whether a time is the first second of the year 1 in UTC, which is Go's zero time."""
    match = _NEVER.match(text)
    if match is None:
        return False
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    sign, hours, minutes = match.groups()[6:]
    utc_offset_minutes = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    # the year 0 is a leap year
    days = (_FIRST_DAY if year else 0) + (datetime(2001 if year else 2000, month, day).timetuple().tm_yday - 1)
    return ((days * 24 + hour) * 60 + minute - utc_offset_minutes) * 60 + second == _FIRST_DAY * 24 * 60 * 60


def _unusual_time(stored: str) -> str:
    match = _STORED.match(stored)
    if match is None:
        return _ZERO
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if not (
        1 <= int(month) <= 12
        and 1 <= int(day) <= calendar.monthrange(max(int(year), 1), int(month))[1]
        and int(hour or 0) < 24
        and int(minute or 0) < 60
        and int(second or 0) < 60
    ):
        return _ZERO
    text = _with_fraction(f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}", fraction or "")
    return text + (offset if offset and offset[1:] != "00:00" else "Z")


def _with_fraction(text: str, fraction: str) -> str:
    fraction = fraction[:9].rstrip("0")
    return f"{text}.{fraction}" if fraction else text


def date_text(stored: Any, precision: Any = None) -> str:
    """A stored date with the precision that it was entered with; an invalid date becomes 0001-01-01.

    Args:
        precision: None or 0 for days, 1 for months, 2 for years.
    """
    text = stored if type(stored) is str and _DAY.match(stored) else time_text(stored)[:10]
    return text[:7] if precision == 1 else text[:4] if precision == 2 else text


def old_date_text(stored: Any) -> str | None:
    """A stored date before v0.22, whose migration removed empty dates."""
    text = date_text(stored)
    return None if text == _ZERO[:10] else text


def number(stored: Any) -> Any:
    """A stored number as JSON: whole numbers without a fraction."""
    if type(stored) is float and stored.is_integer() and abs(stored) < 2**53:
        return int(stored)
    if type(stored) in (int, float):
        return stored
    raise InvalidValueError


def boolean(stored: Any) -> bool:
    """A stored boolean."""
    return bool(stored > 0)


INT4 = 2**31


def whole(stored: Any) -> int:
    """A stored 32-bit integer."""
    if type(stored) is not int or not -INT4 <= stored < INT4:
        raise InvalidValueError
    return stored


def big(stored: Any) -> int:
    """A stored 64-bit integer."""
    if type(stored) is not int:
        raise InvalidValueError
    return stored


def text(stored: Any) -> str:
    """A stored text."""
    if type(stored) is str:
        return stored
    if type(stored) is bytes:
        return stored.decode("utf-8", "replace")
    raise InvalidValueError


def fingerprint(stored: Any) -> str:
    """A stored fingerprint; integers are perceptual hashes, shown as unsigned hexadecimal numbers."""
    return f"{stored & 0xFFFFFFFFFFFFFFFF:x}" if type(stored) is int else text(stored)


def json_value(stored: Any) -> Any:
    """A value of any type as the server writes it into JSON; bytes become base64."""
    if type(stored) is bytes:
        return base64.b64encode(stored).decode()
    return json_number(stored) if type(stored) is float else stored


def json_number(stored: float) -> float | int:
    """A floating-point number after a round trip through JSON: whole numbers in the integer range lose the fraction.

    Numbers beyond 2**53 are written with their shortest digits, padded with zeros.
    """
    if stored.is_integer():
        integer = int(Decimal(repr(stored)))
        if -(_UNSIGNED // 2) <= integer < _UNSIGNED:
            return integer
    return stored
