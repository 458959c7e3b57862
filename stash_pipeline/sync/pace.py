"""Says now and then how many requests of a reading are done, and how long the rest takes at the pace so far."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 60.0
"""Between two sentences: each is an event in Dagster's storage."""


class Pace:
    """The pace of one part of a reading.

    Args:
        say: gets the sentences. what: is read. requests: that are expected.
    """

    def __init__(
        self, say: Callable[[str], object], what: str, requests: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._what = what
        self._expected = requests
        self._clock = clock
        self._started = self._reported = clock()
        self._done = 0

    def advance(self) -> None:
        """A request was answered."""
        self._done += 1
        now = self._clock()
        left = self._expected - self._done
        if left > 0 and now - self._reported >= EVERY_SECONDS:
            self._reported = now
            self._say(
                f"{self._what}: {self._done:,} of about {self._expected:,} requests are done; the rest takes "
                f"{duration(left * (now - self._started) / self._done)}."
            )


def duration(seconds: float) -> str:
    """A number of seconds in words, to the minute."""
    if seconds < 60:
        return "less than a minute"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"
