"""Quiet hours, in which nothing is sent: ``22:00-07:00``, or with a time zone ``22:00-07:00 Europe/Berlin``."""

import re
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_FORM: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})(?:\s+(\S+))?\Z")


@dataclass(frozen=True)
class QuietHours:
    """From a time of the day until another, which can be on the next day; `zone` None is that of the machine."""

    begin: time
    end: time
    zone: tzinfo | None = None

    def contain(self, moment: datetime) -> bool:
        """Whether a moment, which has a zone, is quiet."""
        local = moment.astimezone(self.zone).time()
        if self.begin <= self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end


def quiet_hours(text: str) -> QuietHours:
    """Parses quiet hours.

    Raises:
        ValueError: says what is wrong.
    """
    match = _FORM.match(text.strip())
    try:
        if match is None:
            raise ValueError
        begin, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    except ValueError:
        raise ValueError("quiet hours look like 22:00-07:00, or 22:00-07:00 Europe/Berlin") from None
    if begin == end:
        raise ValueError("quiet hours must not begin and end at the same time")
    try:
        return QuietHours(begin, end, ZoneInfo(match[5]) if match[5] else None)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"the time zone {match[5]} is unknown to this machine") from None
