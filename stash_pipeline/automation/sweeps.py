"""The sensor that has every instance read whole once a week.

A sensor and no schedule: the hour is one of the instance's own time zone, which is data, and a sweep that was missed is
made good, which Dagster does not do for a schedule. A schedule would tick every few minutes and nearly always skip.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

import dagster as dg

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.jobs import SWEEP
from stash_pipeline.automation.run_requests import connection_of_tick, request, unfinished
from stash_pipeline.automation.turns import Turns, turns_of
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.partitions import partition_drift
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.timetable import last_sweep, next_sweep, sweep_wanted
from stash_pipeline.warehouse.connect import Connection

_SWEEP: Final = "sweep_sensor"
_LOOK_SECONDS: Final = 300
_IN_TIME: Final = timedelta(minutes=30)


def sweep_sensor(layers: Layers) -> dg.SensorDefinition:
    """The sensor that asks for the sweeps that are due and were not made."""

    @dg.sensor(
        name=_SWEEP,
        job_name=SWEEP,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has every enabled instance read whole once a week, at STASH_PIPELINE_SWEEP_HOUR of "
        "STASH_PIPELINE_SWEEP_WEEKDAY in the instance's time zone. A sweep that was missed is made good within the "
        "day. The interval is how often it looks at the clock; a tick without a sweep says when the next one is due.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.SensorResult | dg.SkipReason:
        return sweeps_due(context, warehouse, layers, datetime.now(timezone.utc))

    return sensor


def sweeps_due(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, layers: Layers, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """What a tick at this moment asks for; a sentence if that is nothing."""
    try:
        with connection_of_tick(warehouse) as connection:
            turns, said = turns_of(connection, warehouse.settings)
            before = _sweeps(connection)
    except UserError as error:
        return dg.SkipReason(str(error))
    asked = _read(context.cursor)
    wanted = {}
    for instance, timetable in turns:
        since, succeeded, tried = before[instance.id]
        # a run that failed before its sweep began left nothing but this
        tries = [moment for moment in (tried, asked.get(instance.uuid)) if moment is not None]
        if sweep_wanted(timetable, now, since, succeeded, max(tries, default=None)):
            late = now - last_sweep(timetable, now) > _IN_TIME
            wanted[instance.name] = (instance.uuid, "missed at its turn" if late else "its turn")
    busy = unfinished(context.instance) if wanted else set()
    # the sensor that keeps the partitions in step has not come to it yet
    missing, _ = partition_drift(context.instance, list(wanted)) if wanted else ([], [])
    requests = []
    for name, (uuid, why) in wanted.items():
        if name in busy:
            said.append(f"{name} is being refreshed")
        elif name in missing:
            said.append(f"{name} has no partition yet")
        else:
            requests.append(request(layers, name, "sweep", [why], _SWEEP))
            asked[uuid] = now
    known = {instance.uuid for instance, _ in turns}
    cursor = json.dumps({uuid: moment.isoformat() for uuid, moment in asked.items() if uuid in known})
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    return dg.SensorResult(skip_reason=_sentence(said, turns, now), cursor=cursor)


def _sentence(said: list[str], turns: Turns, now: datetime) -> str:
    if turns:
        moment, name = min((next_sweep(timetable, now), instance.name) for instance, timetable in turns)
        said = [*said, f"the next one is due on {name} at {moment.astimezone():%Y-%m-%d %H:%M %Z}"]
    return "; ".join(said) or "There is no enabled instance."


def _read(cursor: str | None) -> dict[str, datetime]:
    try:
        return {uuid: datetime.fromisoformat(moment) for uuid, moment in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        # of another version of this program
        return {}


def _sweeps(connection: Connection) -> Mapping[int, tuple[datetime, datetime | None, datetime | None]]:
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
