"""The schedules: what runs by itself while the daemon does, whether or not a change was seen.

Instances are data, so there is no schedule per instance: two schedules tick every five minutes, and ``due`` says which
instances have their turn in a tick.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import dagster as dg

from stash_pipeline.automation.due import (
    TICK_MINUTES,
    Timetable,
    next_reconcile,
    next_sweep,
    reconcile_due,
    sweep_due,
    sweep_missed,
    timetable_of,
)
from stash_pipeline.automation.jobs import maintain, refresh
from stash_pipeline.automation.requests import request, unfinished, warehouse
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, list_instances
from stash_pipeline.partitions import out_of_step
from stash_pipeline.settings import get_settings
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.refresh import Mode

_EVERY_TICK: Final = f"*/{TICK_MINUTES} * * * *"

Turns = list[tuple[Instance, Timetable]]

# At a quiet hour, and not at the full one, when whatever else there is starts.
maintenance_schedule = dg.ScheduleDefinition(
    name="maintenance_schedule",
    job=maintain,
    cron_schedule="17 4 * * *",
    description="Once a day: removes old runs, ticks and logs, so that they stay small.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.schedule(
    name="reconcile_schedule",
    job=refresh,
    cron_schedule=_EVERY_TICK,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compares every enabled instance with its server's listings, every STASH_PIPELINE_RECONCILE_MINUTES "
    "and each instance at minutes of its own. Finds what the sensor cannot see.",
)
def reconcile_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Asks for nothing where the sweep of the week is due as well."""
    tick = context.scheduled_execution_time

    def wanted(_connection: Connection, turns: Turns) -> dict[str, str]:
        return {
            instance.name: "its turn"
            for instance, timetable in turns
            if reconcile_due(timetable, tick) and not sweep_due(timetable, tick)
        }

    return _requests(context, "reconcile", wanted, next_reconcile)


@dg.schedule(
    name="sweep_schedule",
    job=refresh,
    cron_schedule=_EVERY_TICK,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reads every enabled instance whole once a week, at STASH_PIPELINE_SWEEP_HOUR of "
    "STASH_PIPELINE_SWEEP_WEEKDAY in the instance's time zone. A sweep that was missed is made good within the day.",
)
def sweep_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Dagster itself makes no missed tick of a schedule good."""
    tick = context.scheduled_execution_time

    def wanted(connection: Connection, turns: Turns) -> dict[str, str]:
        found = {instance.name: "its turn" for instance, timetable in turns if sweep_due(timetable, tick)}
        before = _sweeps(connection)
        for instance, timetable in turns:
            if instance.name not in found and sweep_missed(timetable, tick, *before[instance.id]):
                found[instance.name] = "missed at its turn"
        return found

    return _requests(context, "sweep", wanted, next_sweep)


def _requests(
    context: dg.ScheduleEvaluationContext,
    mode: Mode,
    wanted: Callable[[Connection, Turns], Mapping[str, str]],
    next_turn: Callable[[Timetable, datetime], datetime],
) -> list[dg.RunRequest] | dg.SkipReason:
    """What a tick asks for; a sentence if that is nothing."""
    try:
        with warehouse() as connection:
            turns, said = _turns(connection)
            found = wanted(connection, turns)
    except UserError as error:
        return dg.SkipReason(str(error))
    requests = []
    if found:
        busy = unfinished(context.instance)
        # the sensor that keeps the partitions in step has not come to it yet
        missing, _ = out_of_step(context.instance, list(found))
        for name, why in found.items():
            if name in busy:
                said.append(f"{name} is being refreshed")
            elif name in missing:
                said.append(f"{name} has no partition yet")
            else:
                # of several requests of a tick each needs a key; it counts within the tick only
                requests.append(request(name, mode, [why], f"{mode}_schedule", run_key=name))
    if requests:
        return requests
    if turns:
        upcoming = [
            (next_turn(timetable, context.scheduled_execution_time), instance.name) for instance, timetable in turns
        ]
        moment, name = min(upcoming)
        said.append(f"the next one is due on {name} at {moment.astimezone():%Y-%m-%d %H:%M %Z}")
    return dg.SkipReason("; ".join(said) or "There is no enabled instance.")


def _turns(connection: Connection) -> tuple[Turns, list[str]]:
    """The timetables of the enabled instances, and a sentence about each that has none."""
    turns: Turns = []
    said = []
    for instance in list_instances(connection, enabled_only=True):
        try:
            turns.append((instance, timetable_of(instance, get_settings())))
        except UserError as error:
            said.append(f"{instance.name} has no turn: {error}")
    return turns, said


def _sweeps(connection: Connection) -> dict[int, tuple[datetime, datetime | None, datetime | None]]:
    """Per instance: when it was registered, and when its last good sweep, and its last one, began."""
    rows = connection.execute(
        "SELECT i.id, i.created_at, max(r.started_at) FILTER (WHERE r.status = 'succeeded'), max(r.started_at)\n"
        "FROM ops.instances i LEFT JOIN ops.sync_runs r ON r.instance_id = i.id AND r.mode = 'sweep'\n"
        # a sweep of some kinds is none; of one that failed it is not known which it would have read
        "    AND (r.status <> 'succeeded' OR r.entities ?& %s)\n"
        "GROUP BY i.id",
        [list(BY_NAME)],
    )
    return {instance_id: (created, succeeded, tried) for instance_id, created, succeeded, tried in rows}
