"""Dates of birth and release, which may lack a day or a month."""

import re
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

Comparison: TypeAlias = Literal["day", "month", "year", "near", "contradicts", "unknown"]

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")


class PartialDate(NamedTuple):
    """A year, and a month and a day where they are known."""

    year: int
    month: int | None = None
    day: int | None = None


@lru_cache(maxsize=50_000)
def parse_date(text: str | None) -> PartialDate | None:
    """``1990``, ``1990-05`` or ``1990-05-03``; None for what is no date. Month and day may be ``00`` for unknown."""
    match = _DATE.fullmatch((text or "").strip())
    if not match:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    if not year or not month:
        return PartialDate(year) if year and not day else None
    try:
        date(year, month, day or 1)
    except ValueError:
        return None
    return PartialDate(year, month, day or None)


def compare_dates(left: PartialDate | None, right: PartialDate | None) -> Comparison:
    """How precisely two dates agree, or that they contradict each other.

    1 January stands for a year of which no more is known: it agrees with its year and contradicts others. Dates that
    differ by one day (time zones) or have day and month swapped are *near*: neither agreement nor contradiction.
    """
    if left is None or right is None:
        return "unknown"
    if left.year != right.year:
        return "near" if _one_day_apart(left, right) else "contradicts"
    if left.month is None or right.month is None or _placeholder(left) or _placeholder(right):
        return "year"
    if left.month == right.month:
        if left.day is None or right.day is None:
            return "month"
        if left.day == right.day:
            return "day"
    return "near" if _one_day_apart(left, right) or _swapped(left, right) else "contradicts"


def _placeholder(value: PartialDate) -> bool:
    return value.month == 1 and value.day == 1


def _one_day_apart(left: PartialDate, right: PartialDate) -> bool:
    if not (left.month and left.day and right.month and right.day):
        return False
    if _placeholder(left) or _placeholder(right):
        return False
    days = date(left.year, left.month, left.day) - date(right.year, right.month, right.day)
    return abs(days.days) == 1


def _swapped(left: PartialDate, right: PartialDate) -> bool:
    return left.day is not None and (left.month, left.day) == (right.day, right.month)
