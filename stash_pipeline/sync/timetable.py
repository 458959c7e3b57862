"""When sweeps are due, in the time zone of their instance: pure functions, without Dagster and the database."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

from stash_pipeline.instances import Instance
from stash_pipeline.settings import WEEKDAYS, Settings, Weekday

_HOUR_MINUTES: Final = 60
_DAY_MINUTES: Final = 24 * 60
_WEEK_DAYS: Final = 7
_MISSED_SWEEP_WITHIN: Final = timedelta(hours=20)
_RETRY_AFTER: Final = timedelta(hours=1)
# a time zone can be a day ahead, and can have skipped a day in its history
_MARGIN_DAYS: Final = 2


@dataclass(frozen=True)
class Timetable:
    """When one instance is read in full.

    Attributes:
        zone: of the sweep; None is the zone of the machine.
        sweep_hour: in that zone.
    """

    zone: tzinfo | None = None
    sweep_weekday: Weekday = "sunday"
    sweep_hour: int = 4


def timetable_of(instance: Instance, settings: Settings) -> Timetable:
    """The timetable of an instance.

    Raises:
        UserError: if this machine does not have its time zone.
    """
    return Timetable(instance.zone(), settings.sweep_weekday, settings.sweep_hour)


def cron_of(minutes: int) -> str:
    """The cron schedule, in UTC, for a period in minutes; `settings` allows only periods that have one."""
    if minutes == _DAY_MINUTES:
        return "0 0 * * *"
    if minutes > _HOUR_MINUTES:
        return f"0 */{minutes // _HOUR_MINUTES} * * *"
    return "0 * * * *" if minutes == _HOUR_MINUTES else f"*/{minutes} * * * *"


def sweep_due(
    timetable: Timetable, moment: datetime, since: datetime, succeeded: datetime | None, tried: datetime | None
) -> bool:
    """Whether the last due sweep must still run: it is due now, the machine was off, or it failed.

    Args:
        since: when the instance was registered. succeeded, tried: when its last successful and its last sweep started.
    """
    sweep = last_sweep(timetable, moment)
    return (
        since < sweep <= moment <= sweep + _MISSED_SWEEP_WITHIN
        and (succeeded is None or succeeded < sweep)
        and (tried is None or tried < max(sweep, moment - _RETRY_AFTER))
    )


def last_sweep(timetable: Timetable, moment: datetime) -> datetime:
    """The last time, up to this one, at which a sweep was due."""
    return max(sweep for sweep in _sweeps(timetable, moment) if sweep <= moment)


def next_sweep(timetable: Timetable, after: datetime) -> datetime:
    """The first time after this one at which a sweep is due."""
    return min(sweep for sweep in _sweeps(timetable, after) if sweep > after)


def _sweeps(timetable: Timetable, around: datetime) -> list[datetime]:
    """The sweeps of the weeks before and after a time."""
    today = around.astimezone(timetable.zone).date()
    weekday = WEEKDAYS.index(timetable.sweep_weekday)
    days = range(-_WEEK_DAYS - _MARGIN_DAYS, _WEEK_DAYS + _MARGIN_DAYS + 1)
    dates = (today + timedelta(days=day) for day in days)
    return [_sweep_on(timetable, day) for day in dates if day.weekday() == weekday]


def _sweep_on(timetable: Timetable, day: date) -> datetime:
    """The time of the sweep on a day of the zone.

    If the hour exists twice, the first one counts. If it is skipped, the time is as long after midnight as usual.
    """
    at = datetime.combine(day, time(timetable.sweep_hour))
    return at.replace(tzinfo=timetable.zone).astimezone(timezone.utc)
