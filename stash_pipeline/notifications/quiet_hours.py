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
    found = _FORM.match(text.strip())
    try:
        if found is None:
            raise ValueError
        begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    except ValueError:
        raise ValueError("quiet hours look like 22:00-07:00, or 22:00-07:00 Europe/Berlin") from None
    if begin == end:
        raise ValueError("quiet hours must not begin and end at the same time")
    try:
        return QuietHours(begin, end, ZoneInfo(found[5]) if found[5] else None)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"the time zone {found[5]} is unknown to this machine") from None
