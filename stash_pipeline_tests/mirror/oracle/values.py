"""Values of the tables, converted from GraphQL values."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from stash_pipeline_tests.mirror.oracle.shapes import Json


@dataclass(frozen=True)
class Moment:
    """An instant in whole microseconds; finer ones are rounded, in either direction."""

    microseconds: int
    slack: int = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moment):
            return NotImplemented
        return abs(self.microseconds - other.microseconds) <= max(self.slack, other.slack)

    def __hash__(self) -> int:  # pragma: no cover
        raise TypeError("rounded moments have no hash")


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(100_000)
def moment(text: str | None) -> Moment | None:
    """The instant of an RFC 3339 text."""
    if text is None:
        return None
    match = _RFC3339.fullmatch(text)
    assert match is not None, f"the server sent {text!r} as a time"
    clock, fraction, zone = match.groups()
    offset = 0
    if zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        offset = sign * (int(zone[1:3]) * 60 + int(zone[4:6]))
    seconds = datetime.fromisoformat(clock + "+00:00") - _EPOCH - timedelta(minutes=offset)
    digits = (fraction or "").ljust(6, "0")
    return Moment(seconds // timedelta(microseconds=1) + int(digits[:6]), 1 if len(digits) > 6 else 0)


@lru_cache(100_000)
def found_moment(value: datetime) -> Moment:
    """The instant of a database value."""
    return Moment((value - _EPOCH) // timedelta(microseconds=1))


def partial_date(text: str | None) -> tuple[date | None, str | None]:
    """First day and precision of "2024", "2024-05" or "2024-05-17"; None for an invalid date."""
    if text is None:
        return None, None
    match = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", text)
    if match is None:
        return None, None
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    try:
        first = date(year, month or 1, day or 1)
    except ValueError:
        return None, None
    return first, "day" if day is not None else "month" if month is not None else "year"


@lru_cache(100_000)
def relative(url: str | None, prefix: str = "") -> str | None:
    """The part of a URL that is kept: the path, and whether it is the default picture."""
    if url is None:
        return None
    parts = urlsplit(url)
    path = parts.path
    if prefix and path.startswith(prefix + "/"):
        path = path[len(prefix) :]
    return path + ("?default=true" if "default=true" in re.split("[?&]", parts.query) else "")


def signed(digits: str) -> int:
    """16 hex digits as a signed 64-bit integer."""
    return int.from_bytes(bytes.fromhex(digits), "big", signed=True)


def id_of(value: Json | None) -> int | None:
    """The id of an object, if there is one."""
    return None if value is None else int(value["id"])


def number_of(value: Any) -> int | None:
    """A number, in whatever form it was sent."""
    return None if value is None else int(value)


def map_of(value: Any) -> Any:
    """A JSON value; an empty one counts as none."""
    return value or None


def reference(o: Json, name: str) -> int | None:
    """The id of an object: sent as an object since v0.29, as a number before."""
    return id_of(o[name]) if name in o else number_of(o[f"{name}_id"])


def urls_of(o: Json) -> list[str]:
    """``urls``; in releases without it, the result of Stash's own migration of the single columns."""
    if "urls" in o:
        return list(o["urls"] or [])
    found = [o["url"]] if o.get("url") else []
    for name, site in (("twitter", "https://www.twitter.com/"), ("instagram", "https://www.instagram.com/")):
        value = o.get(name)
        if value:
            # LIKE 'http%://%', which does not mind upper case
            found.append(value if re.match("http.*://", value, re.IGNORECASE | re.DOTALL) else site + value)
    return found
