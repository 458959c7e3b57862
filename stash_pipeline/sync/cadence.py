"""How often a server is asked for changes and compared: pure functions of what was measured, without a database.

Two rules: a server is asked more often if its answers take little time, and compared as often as a share of the time
allows. The share is kept by a balance in seconds. It grows with the time up to an allowance, every comparison and
reconcile is taken from it, and a comparison waits until the balance covers it. A comparison that finds nothing is paced
by its own cost, so that the allowance remains for those that find something and cost more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final, Literal

from stash_pipeline.settings import Settings

FAST_SECONDS: Final = 5
"""How often a server is asked whose answers are fast; Dagster's daemon does not evaluate sensors more often."""

TICK_SECONDS: Final = FAST_SECONDS - 1
"""The interval of a sensor that ticks whenever the daemon looks. One of 5 s would often miss that by milliseconds, and
tick every 10 s."""

SECOND_TICK_SECONDS: Final = 2 * FAST_SECONDS - 1
"""The same every other time."""

ANSWERS: Final = 5
"""Of the last answers, the median counts."""

_SLOW_FACTOR: Final = 2.0
"""A server that is asked often may take this many times longer, so that it does not change to and fro."""

LONGEST_COMPARISON: Final = 20.0
"""Seconds. What takes longer is a run at once: it would block other runs of the instance while no run shows why."""

_GROWTH: Final = 0.2
"""Weight of a comparison that took longer than usual."""

_FIRST_RETRY: Final = 60.0


@dataclass(frozen=True)
class Asking:
    """How often a server is asked for changes, and why.

    Attributes:
        basis: what the interval is based on, without the figures that change with every answer.
    """

    seconds: float
    reason: str
    basis: Literal["settings", "nothing", "answers"]


def asking(milliseconds: Sequence[float], settings: Settings, before: float | None = None) -> Asking:
    """The interval for a server.

    Args:
        milliseconds: that its last answers took. before: the previous interval.
    """
    usual, limit = settings.changes_seconds, settings.fast_answer_milliseconds
    if not limit or usual <= FAST_SECONDS:
        return Asking(usual, "as configured", "settings")
    if not milliseconds:
        return Asking(usual, "no answer was measured yet", "nothing")
    typical = median(milliseconds[-ANSWERS:])
    most = limit * _SLOW_FACTOR if before == FAST_SECONDS else limit
    if typical < most:
        return Asking(FAST_SECONDS, f"its answers take {typical:.0f} ms, less than {most:g} ms", "answers")
    return Asking(usual, f"its answers take {typical:.0f} ms, not less than {most:g} ms", "answers")


@dataclass(frozen=True)
class Compared:
    """What is known of the comparisons of one instance.

    Attributes:
        at: when it was last compared or read completely; None if it never was.
        seconds: that a comparison takes which finds nothing. blocked: of these, how long the server cannot write.
        lane: of the last comparison.
        balance: seconds left at `balance_at`. spent: seconds of reconciles since then.
        failures: comparisons that failed since the last one that did not.
    """

    at: datetime | None = None
    seconds: float | None = None
    blocked: float | None = None
    lane: str | None = None
    balance: float | None = None
    balance_at: datetime | None = None
    spent: float = 0.0
    failures: int = 0


@dataclass(frozen=True)
class Due:
    """When an instance is compared next.

    Attributes:
        at: the time; `every` is the interval in seconds that led to it.
        by: whether it is compared without a run first, or a run does it.
    """

    at: datetime
    every: float
    reason: str
    by: Literal["comparison", "run"]


def allowance(settings: Settings) -> float:
    """The greatest balance, in seconds: the share of the longest interval."""
    return settings.reconcile_share_percent / 100 * settings.reconcile_minutes * 60


def balance(compared: Compared, settings: Settings, now: datetime) -> float:
    """The seconds that may be spent now."""
    full = allowance(settings)
    if not full:
        return 0.0
    if compared.balance is None or compared.balance_at is None:
        return full - compared.spent
    grown = settings.reconcile_share_percent / 100 * max((now - compared.balance_at).total_seconds(), 0.0)
    return min(compared.balance + grown, full) - compared.spent


def typical_seconds(before: float | None, seconds: float) -> float:
    """What a comparison takes, after another one: shorter ones count at once, because others had to wait."""
    if before is None or seconds < before:
        return seconds
    return before + _GROWTH * (seconds - before)


def due(compared: Compared, settings: Settings, now: datetime) -> Due:
    """When an instance is compared next, and why then."""
    longest = settings.reconcile_minutes * 60.0
    shortest = min(float(settings.reconcile_seconds), longest)
    share = settings.reconcile_share_percent / 100
    by: Literal["comparison", "run"] = "comparison"
    if (compared.seconds or 0.0) > LONGEST_COMPARISON:
        by = "run"
    if compared.at is None:
        return Due(now, shortest, "it was never compared", by)
    if not share:
        return Due(compared.at + timedelta(seconds=longest), longest, "as configured", by)
    if compared.failures:
        pause = min(_FIRST_RETRY * 2 ** min(compared.failures - 1, 10), longest)
        return Due(compared.at + timedelta(seconds=pause), pause, "the last comparison failed", by)
    seconds = compared.seconds or 0.0
    interval = min(max(seconds / share, shortest), longest)
    at, reason = compared.at + timedelta(seconds=interval), _reason(compared, settings, interval, shortest, longest)
    missing = seconds - balance(compared, settings, at)
    if missing > 0 and interval < longest:
        at = min(at + timedelta(seconds=missing / share), compared.at + timedelta(seconds=longest))
        interval = (at - compared.at).total_seconds()
        percent = f"{settings.reconcile_share_percent:g} %"
        reason = f"what was spent lately is more than {percent} of the time; {_cost(compared)}"
    return Due(at, interval, reason, by)


def _reason(compared: Compared, settings: Settings, interval: float, shortest: float, longest: float) -> str:
    if compared.seconds is None:
        return _cost(compared)
    cost, percent = _cost(compared), f"{settings.reconcile_share_percent:g} %"
    if interval <= shortest:
        return f"{cost}, less than {percent} of the shortest interval"
    if interval >= longest:
        return f"{cost}, which is {percent} or more of the longest interval"
    return f"{cost}, {percent} of the time"


def _cost(compared: Compared) -> str:
    if compared.seconds is None:
        return "no comparison was measured yet"
    how = f" by {compared.lane}" if compared.lane else ""
    blocked = f" ({compared.blocked:.2f} s of them the server cannot write)" if compared.blocked else ""
    return f"a comparison{how} takes {compared.seconds:.2f} s{blocked}"
