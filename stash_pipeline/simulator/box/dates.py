"""Dates of a box, which are YYYY, YYYY-MM or YYYY-MM-DD.

Contains the texts of the fields that have dates, deprecated ones included.
"""

from datetime import date
from typing import Any

_ACCURACY = {4: "YEAR", 7: "MONTH", 10: "DAY"}


def padded(text: str | None) -> str | None:
    """A date with what is unknown as 01, as deprecated fields have it; None if it is none."""
    if text is None or len(text) not in _ACCURACY:
        return None
    return text + "-01-01"[: 10 - len(text)] if len(text) == 7 else (text + "-01-01")[:10]


def fuzzy(text: str | None) -> dict[str, Any] | None:
    """A date and its accuracy."""
    day = padded(text)
    return None if day is None or text is None else {"date": day, "accuracy": _ACCURACY[len(text)]}


def age(born: str | None, died: str | None, today: date) -> int | None:
    """The age today, or at death."""
    first = padded(born)
    if first is None:
        return None
    start = date.fromisoformat(first)
    last = padded(died)
    end = date.fromisoformat(last) if last else today
    return end.year - start.year - (end.timetuple().tm_yday < start.timetuple().tm_yday)
