"""When something is due: pure functions of a moment and an instance. Knows neither Dagster nor the database.

The schedules tick every five minutes and ask which instances are due in that tick. Instances are spread over the hour
by their uuid, so that they do not all begin at once.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from uuid import UUID

from stash_pipeline.instances import Instance
from stash_pipeline.settings import WEEKDAYS, Settings, Weekday

TICK_MINUTES: Final = 5
TICK: Final = timedelta(minutes=TICK_MINUTES)
_HOUR_MINUTES: Final = 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
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

    uuid: str
    zone: tzinfo | None = None
    reconcile_minutes: int = 60
    sweep_weekday: Weekday = "sunday"
    sweep_hour: int = 4

    @property
    def offset(self) -> timedelta:
        """How long after the full hour it is this instance's turn: a multiple of the tick below an hour."""
        slots = _HOUR_MINUTES // TICK_MINUTES
        return UUID(self.uuid).int % slots * TICK

    @property
    def period(self) -> timedelta:
        """From one reconcile to the next, in whole ticks."""
        return -(-self.reconcile_minutes // TICK_MINUTES) * TICK


def timetable_of(instance: Instance, settings: Settings) -> Timetable:
    """The timetable of an instance.

    Raises:
        UserError: if this machine does not know its time zone.
    """
    return Timetable(
        instance.uuid, instance.zone(), settings.reconcile_minutes, settings.sweep_weekday, settings.sweep_hour
    )


def tick_of(moment: datetime) -> datetime:
    """The tick that a moment belongs to: the one before it, or at it."""
    moment = moment.astimezone(timezone.utc)
    return moment - (moment - _EPOCH) % TICK


def reconcile_due(timetable: Timetable, moment: datetime) -> bool:
    """Whether a reconcile is due in the tick of this moment."""
    return not (tick_of(moment) - _EPOCH - timetable.offset) % timetable.period


def next_reconcile(timetable: Timetable, after: datetime) -> datetime:
    """The next tick, after that of this moment, in which a reconcile is due."""
    tick = tick_of(after)
    return tick + timetable.period - (tick - _EPOCH - timetable.offset) % timetable.period


def sweep_due(timetable: Timetable, moment: datetime) -> bool:
    """Whether the week's sweep is due in the tick of this moment."""
    return last_sweep(timetable, moment) == tick_of(moment)


def sweep_missed(
    timetable: Timetable, moment: datetime, since: datetime, succeeded: datetime | None, tried: datetime | None
) -> bool:
    """Whether the last sweep is to be made good: the machine was off at its hour, or the server did not answer.

    Args:
        since: when the instance was registered. succeeded, tried: when its last good sweep, and its last one, began.
    """
    sweep = last_sweep(timetable, moment)
    return (
        since < sweep < moment <= sweep + _MADE_GOOD_WITHIN
        and (succeeded is None or succeeded < sweep)
        and (tried is None or tried < moment - _TRIED_AGAIN_AFTER)
    )


def last_sweep(timetable: Timetable, moment: datetime) -> datetime:
    """The newest tick, up to that of this moment, in which a sweep was due."""
    tick = tick_of(moment)
    return max(sweep for sweep in _sweeps(timetable, tick) if sweep <= tick)


def next_sweep(timetable: Timetable, after: datetime) -> datetime:
    """The next tick, after that of this moment, in which a sweep is due."""
    tick = tick_of(after)
    return min(sweep for sweep in _sweeps(timetable, tick) if sweep > tick)


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
    """The tick of the sweep on a day of the zone.

    An hour that exists twice counts the first time; of one that is left out comes the moment that is as far from
    the midnight before.
    """
    at = datetime.combine(day, time(timetable.sweep_hour)) + timetable.offset
    moment = at.replace(tzinfo=timetable.zone).astimezone(timezone.utc)
    # zones of the past were off by odd minutes
    return tick_of(moment)
