"""Limits the requests to a stash-box for every thread and every process on this database.

The state is in the endpoint's row of ``ops.stashbox_endpoints``. One UPDATE reserves the next slot and counts it; the
slots of an endpoint are a minute divided by its rate apart, so that there are no bursts. Whoever reserved a slot sleeps
until then. A process that dies meanwhile loses its slot, and nobody else's.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

import psycopg

from stash_pipeline.stashbox.errors import (
    BudgetExhaustedError,
    EndpointDisabledError,
    RequestCancelledError,
    StashBoxPausedError,
)
from stash_pipeline.warehouse.connect import Connection, connect

LONGEST_WAIT: Final = 120.0
"""Seconds of a pause that a request waits for; a longer one ends the caller, who comes back later."""

# what is further away is from a clock that was wrong
_SLOT: Final = (
    "greatest(now(), CASE WHEN e.next_slot < now() + interval '1 day' THEN e.next_slot END,\n"
    "    CASE WHEN e.paused_until < now() + interval '1 day' THEN e.paused_until END)"
)
_DAY: Final = f"({_SLOT} AT TIME ZONE 'UTC')::date"
_INTERVAL: Final = "make_interval(secs => 60.0 / e.requests_per_minute)"
_USED: Final = f"CASE WHEN e.requests_day = {_DAY} THEN e.requests_used ELSE 0 END"
_PAUSED: Final = (
    "coalesce(e.paused_until > now() + make_interval(secs => %(wait)s) AND e.paused_until < now() + interval '1 day',\n"
    "    false)"
)

_RESERVE: Final = f"""
UPDATE ops.stashbox_endpoints AS e
SET next_slot = {_SLOT} + {_INTERVAL}, requests_day = {_DAY},
    requests_used = CASE WHEN e.requests_day = {_DAY} THEN e.requests_used + %(count)s ELSE 1 END
WHERE e.id = %(id)s AND (e.enabled OR %(disabled)s) AND NOT {_PAUSED}
    AND (e.requests_per_day IS NULL OR {_USED} + %(count)s <= e.requests_per_day)
RETURNING e.next_slot - {_INTERVAL}, extract(epoch FROM e.next_slot - {_INTERVAL} - clock_timestamp())::float8"""

_WHY: Final = f"""
SELECT e.name, e.enabled OR %(disabled)s, CASE WHEN {_PAUSED} THEN e.paused_until END, e.requests_per_day, {_DAY}
FROM ops.stashbox_endpoints AS e WHERE e.id = %(id)s"""

_PAUSE: Final = """
UPDATE ops.stashbox_endpoints AS e
SET paused_until = greatest(
    CASE WHEN e.paused_until < now() + interval '1 day' THEN e.paused_until END, now() + make_interval(secs => %(s)s))
WHERE e.id = %(id)s"""

_IS_PAUSED: Final = "SELECT coalesce(paused_until > now(), false) FROM ops.stashbox_endpoints WHERE id = %(id)s"


@dataclass(frozen=True)
class Slot:
    """When a request may be sent: by the database's clock, and how many seconds from now."""

    at: datetime
    seconds: float


@dataclass(frozen=True)
class BudgetUse:
    """The requests of one endpoint today (UTC); ``left`` is None if they are not limited."""

    used: int
    left: int | None


class RequestLimiter:
    """The limiter of one endpoint. It has a connection of its own, opened at the first request.

    Args:
        even_if_disabled: for a test of an endpoint.
        longest_wait: seconds of a pause that a request waits for.
    """

    def __init__(
        self,
        database_url: str,
        endpoint_id: int,
        *,
        even_if_disabled: bool = False,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self._database_url = database_url
        self._parameters = {"id": endpoint_id, "disabled": even_if_disabled, "wait": longest_wait}
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    def acquire(self) -> datetime:
        """Waits for the next slot, and returns it.

        Raises:
            BudgetExhaustedError: if all requests of the day are used. StashBoxPausedError: if the box asked for a pause
                that is too long to wait for. EndpointDisabledError: if the endpoint was disabled or removed.
            RequestCancelledError: after :meth:`cancel`.
        """
        slot = self.reserve()
        while slot.seconds > 0:
            self.sleep(slot.seconds)
            # while this request waited, the box may have asked another one for a pause
            if not self._row(_IS_PAUSED)[0]:
                break
            slot = self.reserve(count=0)
        return slot.at

    def reserve(self, *, count: int = 1) -> Slot:
        """Reserves the next slot without waiting for it.

        Args:
            count: 0 for a request that has been counted.

        Raises:
            StashBoxError: as :meth:`acquire`.
        """
        if self._cancelled.is_set():
            raise RequestCancelledError("The request was cancelled before its turn.")
        row = self._execute(_RESERVE, count=count)
        return Slot(row[0], row[1]) if row else self._refused()

    def _refused(self) -> Slot:
        row = self._execute(_WHY)
        if row is None or not row[1]:
            name = f"The stash-box {row[0]} was disabled" if row else "The stash-box was removed"
            raise EndpointDisabledError(f"{name}; no request was sent.")
        name, _, paused_until, per_day, day = row
        if paused_until is not None:
            raise StashBoxPausedError(
                f"{name} asked for no requests until {paused_until:%Y-%m-%d %H:%M:%S} UTC.", paused_until
            )
        renews = renewal(day)
        raise BudgetExhaustedError(
            f"The {per_day:,} requests per day of {name} are used; there are new ones at {renews:%Y-%m-%d %H:%M} UTC. "
            f"`stash-pipeline boxes edit {name} --requests-per-day N` changes the number.",
            renews,
        )

    def pause(self, seconds: float) -> None:
        """Lets no thread and no process send a request to the endpoint for so long."""
        self._execute(_PAUSE, fetch=False, s=seconds)

    def sleep(self, seconds: float) -> None:
        """Waits.

        Raises:
            RequestCancelledError: after :meth:`cancel`.
        """
        if self._cancelled.wait(seconds):
            raise RequestCancelledError("The request was cancelled while it waited for its turn.")

    def cancel(self) -> None:
        """Ends all waiting, in every thread."""
        self._cancelled.set()

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _row(self, statement: str) -> Any:
        row = self._execute(statement)
        if row is None:
            raise EndpointDisabledError("The stash-box was removed; no request was sent.")
        return row

    def _execute(self, statement: str, *, fetch: bool = True, **more: Any) -> Any:
        parameters = {**self._parameters, **more}
        with self._lock:
            for last in (False, True):
                if self._connection is None:
                    self._connection = connect(self._database_url)
                try:
                    cursor = self._connection.execute(statement, parameters)
                    return cursor.fetchone() if fetch else None
                except psycopg.OperationalError:
                    # the database was restarted
                    with suppress(psycopg.Error):
                        self._connection.close()
                    self._connection = None
                    if last:
                        raise
        raise AssertionError("unreachable")


def renewal(day: date) -> datetime:
    """When the requests after those of a day become available."""
    return datetime.combine(day + timedelta(days=1), time(), timezone.utc)


def budget_use(connection: Connection, endpoint_id: int) -> BudgetUse:
    """How many requests of today are used, and left."""
    row = connection.execute(
        "SELECT CASE WHEN requests_day = (now() AT TIME ZONE 'UTC')::date THEN requests_used ELSE 0 END, "
        "requests_per_day FROM ops.stashbox_endpoints WHERE id = %s",
        [endpoint_id],
    ).fetchone()
    used, per_day = row or (0, None)
    return BudgetUse(used, None if per_day is None else max(per_day - used, 0))
