"""Timestamps, as stored and as returned.

Contains conversions of stored values to RFC 3339, and of times to headers. The clock is in ``context``.
"""

import re
from datetime import datetime, timezone
from email.utils import format_datetime
from functools import lru_cache

_FINAL_ZEROS = re.compile(r"\.?0+(?=Z|[+-]\d\d:\d\d$)")
_RFC3339 = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$")


@lru_cache(maxsize=200_000)
def answered(stored: str) -> str | None:
    """A stored timestamp as it is returned; a time that was never set is null, whatever the schema says."""
    text = rfc3339(stored)
    return None if text[:10] in ("0001-01-01", "0000-12-31") and _is_never(text) else text


def _is_never(text: str) -> bool:
    """Whether a time is the first instant of the year 1 in UTC, which is Go's zero time."""
    match = _RFC3339.match(text)
    if match is None or match[2]:
        return False
    # replace the year by one that Python supports, with the same position in the Gregorian cycle
    local = datetime.fromisoformat("2001" + match[1][4:] if match[1].startswith("0001") else "2000" + match[1][4:])
    offset = datetime.strptime((match[3] or "Z"), "%z").utcoffset()
    assert offset is not None
    return local - offset == datetime(2001, 1, 1)


@lru_cache(maxsize=200_000)
def rfc3339(stored: str) -> str:
    """A stored timestamp as it is returned: with its own offset, but without a space separator and trailing zeros."""
    if len(stored) > 10 and stored[10] == " ":
        stored = stored[:10] + "T" + stored[11:]
    if "." in stored:
        stored = _FINAL_ZEROS.sub("", stored)
    return stored[:-6] + "Z" if stored.endswith("+00:00") else stored


def parse_moment(text: str) -> datetime:
    """Parses an RFC 3339 text with any number of fraction digits; without an offset it is UTC.

    Raises ValueError if the text is invalid. datetime.fromisoformat accepts fewer formats on older Pythons.
    """
    match = _RFC3339.match(rfc3339(text))
    if match is None:
        raise ValueError(f"{text!r} is not a timestamp")
    whole, fraction, offset = match.groups()
    moment = datetime.fromisoformat(whole + (offset.replace("Z", "+00:00") if offset else "+00:00"))
    return moment.replace(microsecond=int(f"{fraction or '0':0<6.6}"))


@lru_cache(maxsize=200_000)
def unix_seconds(stored: str) -> int:
    """Seconds since 1970 of a stored timestamp; image URLs contain them."""
    return int(parse_moment(stored).replace(microsecond=0).timestamp())


def http_date(moment: datetime) -> str:
    """A time in the format of the Date header: GMT, whole seconds."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return format_datetime(aware.astimezone(timezone.utc), usegmt=True)
