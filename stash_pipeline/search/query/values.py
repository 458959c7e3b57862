"""Values of numeric fields: numbers, lengths of time, sizes, dates, resolutions. A text is an interval, or invalid."""

import re
from calendar import isleap, monthrange
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from stash_pipeline.search.documents import RESOLUTIONS

_LARGEST: Final = 2**62
"""Larger values mean the same: more than anything."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Interval(NamedTuple):
    """What a value stands for: ``2019`` is a year of milliseconds.

    Attributes:
        low: the first number; None is open.
        high: the last number.
        point: whether comparisons mean ``low`` alone: more than ``20m`` is more than 20:00. Otherwise they mean the
            whole: after ``2019`` is 2020.
    """

    low: int | None
    high: int | None
    point: bool = False


# --- numbers ------------------------------------------------------------------------------------------------

_NUMBER: Final = re.compile(r"[0-9]+")


def number(text: str, now: datetime) -> Interval | None:
    """A whole number."""
    if not _NUMBER.fullmatch(text):
        return None
    value = min(int(text), _LARGEST)
    return Interval(value, value)


# --- lengths of time ----------------------------------------------------------------------------------------

_CLOCK: Final = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{1,2})")
_UNITS: Final = {"h": 3_600_000, "m": 60_000, "s": 1000}
_LENGTH: Final = re.compile(r"(?:([0-9]{1,9}(?:\.[0-9]{1,6})?)(h|m(?:in)?|s(?:ec)?))")
_LENGTHS: Final = re.compile(rf"(?:{_LENGTH.pattern})+")


def length(text: str, now: datetime) -> Interval | None:
    """``90s``, ``20m``, ``1h30m``, ``1.5h``, ``mm:ss`` or ``h:mm:ss``, in milliseconds; as precise as its last unit."""
    text = text.casefold()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        low = (hours * 3600 + minutes * 60 + seconds) * 1000
        return Interval(low, low + 999, point=True)
    if not _LENGTHS.fullmatch(text):
        return None
    parts = [match.group(1, 2) for match in _LENGTH.finditer(text)]
    low = round(sum(float(value) * _UNITS[unit[0]] for value, unit in parts))
    return Interval(low, low + _step(parts[-1][0], _UNITS[parts[-1][1][0]]) - 1, point=True)


def _step(value: str, unit: int) -> int:
    """The size of the last digit that was given."""
    return max(1, unit // 10 ** len(value.partition(".")[2]))


# --- sizes --------------------------------------------------------------------------------------------------

_BYTES: Final = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([kmgt]?b|[kmgt])")


def size(text: str, now: datetime) -> Interval | None:
    """``700mb``, ``1.5gb``, in bytes; units are powers of 1,000, as the program shows them."""
    match = _SIZE.fullmatch(text.casefold())
    if not match:
        return None
    unit = _BYTES[match[2] if match[2].endswith("b") else f"{match[2]}b"]
    low = round(float(match[1]) * unit)
    return Interval(low, low + _step(match[1], unit) - 1, point=True)


# --- dates --------------------------------------------------------------------------------------------------

_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_AGO: Final = re.compile(r"([0-9]{1,5})(h|d|w|mo|y)")
_DAYS: Final = {"h": 1 / 24, "d": 1, "w": 7, "mo": 30, "y": 365}


def milliseconds(moment: datetime) -> int:
    """Since 1970 in UTC."""
    return (moment - _EPOCH) // _MILLISECOND


def day(text: str, now: datetime) -> Interval | None:
    """A year, month or day of a date without time: ``7d`` is the day seven days ago."""
    if ago := _moment_ago(text, now):
        midnight = ago.replace(hour=0, minute=0, second=0, microsecond=0)
        return Interval(milliseconds(midnight), None, point=True)
    return _period(text, now)


def moment(text: str, now: datetime) -> Interval | None:
    """A year, month or day in UTC, or the time since a moment: ``12h``, ``7d``, ``2w``, ``6mo``, ``1y`` ago."""
    if ago := _moment_ago(text, now):
        return Interval(milliseconds(ago), None, point=True)
    return _period(text, now)


def year(text: str, now: datetime) -> Interval | None:
    """A year."""
    return _period(text, now) if _NUMBER.fullmatch(text) and len(text) == 4 else None


def _period(text: str, now: datetime) -> Interval | None:
    words = {"today": now, "yesterday": now - timedelta(days=1)}
    if text.casefold() in words:
        text = words[text.casefold()].strftime("%Y-%m-%d")
    match = _DATE.fullmatch(text)
    if not match:
        return None
    of_year, of_month, of_day = (int(part) if part else None for part in match.groups())
    try:
        first = datetime(of_year or 0, of_month or 1, of_day or 1, tzinfo=timezone.utc)
    except ValueError:
        return None
    days = 1 if of_day else monthrange(first.year, first.month)[1] if of_month else 366 if isleap(first.year) else 365
    low = milliseconds(first)
    return Interval(low, low + days * 86_400_000 - 1)


def _moment_ago(text: str, now: datetime) -> datetime | None:
    match = _AGO.fullmatch(text.casefold())
    if not match:
        return None
    try:
        return now - timedelta(days=int(match[1]) * _DAYS[match[2]])
    except OverflowError:
        return datetime.min.replace(tzinfo=timezone.utc)


# --- resolutions --------------------------------------------------------------------------------------------

_HEIGHTS: Final = dict(RESOLUTIONS)
_ALSO: Final = {
    "hd": "720p",
    "fhd": "1080p",
    "fullhd": "1080p",
    "2k": "1440p",
    "qhd": "1440p",
    "uhd": "4k",
    "2160p": "4k",
}
_PIXELS: Final = re.compile(r"([0-9]{1,5})(?:p|px)?")


def resolution(text: str, now: datetime) -> Interval | None:
    """A class such as ``1080p`` or ``4k``, from its height up to the next class; or a height in pixels."""
    text = text.casefold()
    name = _ALSO.get(text, text)
    if name not in _HEIGHTS:
        name = f"{name}p" if f"{name}p" in _HEIGHTS else name
    if name in _HEIGHTS:
        low = _HEIGHTS[name]
        above = [height for height in _HEIGHTS.values() if height > low]
        return Interval(low, min(above) - 1 if above else None)
    match = _PIXELS.fullmatch(text)
    return Interval(int(match[1]), int(match[1])) if match else None
