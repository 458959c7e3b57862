"""Dates of a stash-box, with their precision: a year, a month or a day.

``release_date`` and ``birth_date`` keep the precision. Their deprecated predecessors, which Stash reads, are padded: a
``date`` of 2015-01-01 may mean 2015.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Precision = Literal["year", "month", "day"]

_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MIDNIGHT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[ T]00:00:00(?:\.0+)?(?:Z|[+-]00:?00)?")
_DATES: Final = ("release_date", "production_date", "date", "birth_date", "death_date")
_ACCURACY: Final[Mapping[str, Precision]] = {"YEAR": "year", "MONTH": "month", "DAY": "day"}


@dataclass(frozen=True)
class FuzzyDate:
    """A date that is known to the year, to the month or to the day; ``text`` is as long as its precision."""

    text: str
    precision: Precision

    def __str__(self) -> str:
        return self.text


def fuzzy_date(text: Any, *, padded: bool = False) -> FuzzyDate | None:
    """Parses a date; None if it is none.

    Args:
        padded: an unknown month or day is written as 01, so that 01 shows no precision.
    """
    match = _DATE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    year, month, day = match.groups()
    if padded and day == "01":
        day = None
        month = None if month == "01" else month
    if day is not None:
        return FuzzyDate(f"{year}-{month}-{day}", "day")
    return FuzzyDate(year, "year") if month is None else FuzzyDate(f"{year}-{month}", "month")


def release_date(scene: Mapping[str, Any]) -> FuzzyDate | None:
    """When a scene was released, from its document."""
    return fuzzy_date(scene.get("release_date")) or fuzzy_date(scene.get("date"), padded=True)


def birth_date(performer: Mapping[str, Any]) -> FuzzyDate | None:
    """When a performer was born, from its document."""
    date = fuzzy_date(performer.get("birth_date"))
    former = performer.get("birthdate")
    if date is not None or not isinstance(former, dict):
        return date
    padded = fuzzy_date(former.get("date"))
    precision = _ACCURACY.get(str(former.get("accuracy")), "year")
    return FuzzyDate(padded.text[: {"year": 4, "month": 7, "day": 10}[precision]], precision) if padded else None


def normalise_dates(value: Any) -> None:
    """Removes midnight from the dates of a document, in place: ThePornDB sends ``1990-02-03 00:00:00``."""
    if isinstance(value, list):
        for element in value:
            normalise_dates(element)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name in _DATES and isinstance(member, str):
                match = _MIDNIGHT.fullmatch(member)
                if match:
                    value[name] = match[1]
            elif isinstance(member, dict | list):
                normalise_dates(member)
