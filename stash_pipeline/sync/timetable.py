"""When something is due: pure functions of a moment and an instance. Knows neither Dagster nor the database.

A reconcile is due for all instances at the same moments, which are those of a cron schedule. A sweep is due by the
clocks of the instance's own time zone.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

from stash_pipeline.instances import Instance
from stash_pipeline.settings import WEEKDAYS, Settings, Weekday

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HOUR_MINUTES: Final = 60
_DAY_MINUTES: Final = 24 * 60
_WEEK_DAYS: Final = 7
_MADE_GOOD_WITHIN: Final = timedelta(hours=20)
_TRIED_AGAIN_AFTER: Final = timedelta(hours=1)
# on both sides of a moment: a zone may be a day ahead, and once in its history leave one out
_MARGIN_DAYS: Final = 2


@dataclass(frozen=True)
class Timetable:
    """When one instance is read without anything having been seen to change.

    Attributes:
        zone: of the sweep; None is the zone of the machine.
        sweep_hour: by the clocks of that zone.
    """

    zone: tzinfo | None = None
    reconcile_minutes: int = 60
    sweep_weekday: Weekday = "sunday"
    sweep_hour: int = 4


def timetable_of(instance: Instance, settings: Settings) -> Timetable:
    """The timetable of an instance.

    Raises:
        UserError: if this machine does not know its time zone.
    """
    return Timetable(instance.zone(), settings.reconcile_minutes, settings.sweep_weekday, settings.sweep_hour)


def cron_of(minutes: int) -> str:
    """The cron schedule, in UTC, of what is done every so many minutes; `settings` has those that there is one for."""
    if minutes == _DAY_MINUTES:
        return "0 0 * * *"
    if minutes > _HOUR_MINUTES:
        return f"0 */{minutes // _HOUR_MINUTES} * * *"
    return "0 * * * *" if minutes == _HOUR_MINUTES else f"*/{minutes} * * * *"


def next_reconcile(timetable: Timetable, after: datetime) -> datetime:
    """The first moment after this one in which a reconcile is due."""
    period = timedelta(minutes=timetable.reconcile_minutes)
    after = after.astimezone(timezone.utc)
    return after + period - (after - _EPOCH) % period


def sweep_wanted(
    timetable: Timetable, moment: datetime, since: datetime, succeeded: datetime | None, tried: datetime | None
) -> bool:
    """Whether the newest sweep that was due is still to be made: it is its turn, the machine was off, or it failed.

    Args:
        since: when the instance was registered. succeeded, tried: when its last good sweep, and its last one, began.
    """
    sweep = last_sweep(timetable, moment)
    return (
        since < sweep <= moment <= sweep + _MADE_GOOD_WITHIN
        and (succeeded is None or succeeded < sweep)
        and (tried is None or tried < max(sweep, moment - _TRIED_AGAIN_AFTER))
    )


def last_sweep(timetable: Timetable, moment: datetime) -> datetime:
    """The newest moment, up to this one, in which a sweep was due."""
    return max(sweep for sweep in _sweeps(timetable, moment) if sweep <= moment)


def next_sweep(timetable: Timetable, after: datetime) -> datetime:
    """The first moment after this one in which a sweep is due."""
    return min(sweep for sweep in _sweeps(timetable, after) if sweep > after)


def next_due(timetable: Timetable, after: datetime) -> tuple[datetime, datetime]:
    """When the next reconcile and the next sweep are due."""
    return next_reconcile(timetable, after), next_sweep(timetable, after)


def _sweeps(timetable: Timetable, around: datetime) -> list[datetime]:
    """The sweeps of the week before a moment and of the week after it."""
    here = around.astimezone(timetable.zone).date()
    wanted = WEEKDAYS.index(timetable.sweep_weekday)
    days = range(-_WEEK_DAYS - _MARGIN_DAYS, _WEEK_DAYS + _MARGIN_DAYS + 1)
    dates = (here + timedelta(days=day) for day in days)
    return [_sweep_on(timetable, day) for day in dates if day.weekday() == wanted]


def _sweep_on(timetable: Timetable, day: date) -> datetime:
    """The moment of the sweep on a day of the zone.

    An hour that exists twice counts the first time; of one that is left out comes the moment that is as far from
    the midnight before.
    """
    at = datetime.combine(day, time(timetable.sweep_hour))
    return at.replace(tzinfo=timetable.zone).astimezone(timezone.utc)
