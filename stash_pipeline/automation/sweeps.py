"""The sensor that sweeps every instance once a week.

It is a sensor instead of a schedule because the hour depends on the instance's time zone, which is data, and because
missed sweeps are made up, which Dagster does not do for a schedule. A schedule would tick every few minutes and nearly
always skip.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

import dagster as dg

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.jobs import SWEEP
from stash_pipeline.automation.run_requests import connection_of_tick, request, unfinished
from stash_pipeline.automation.timetables import Timetables, timetables_of
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.partitions import partition_drift
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.timetable import last_sweep, next_sweep, sweep_due
from stash_pipeline.warehouse.connect import Connection

_SWEEP: Final = "sweep_sensor"
_LOOK_SECONDS: Final = 300
_IN_TIME: Final = timedelta(minutes=30)


def sweep_sensor(layers: Layers) -> dg.SensorDefinition:
    """The sensor that launches sweeps that are due."""

    @dg.sensor(
        name=_SWEEP,
        job_name=SWEEP,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sweeps every enabled instance once a week, at STASH_PIPELINE_SWEEP_HOUR on "
        "STASH_PIPELINE_SWEEP_WEEKDAY in the instance's time zone. A missed sweep is made up within the day. The "
        "interval is how often the sensor checks the time; a tick without a sweep says when the next one is due.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.SensorResult | dg.SkipReason:
        return sweeps_due(context, warehouse, layers, datetime.now(timezone.utc))

    return sensor


def sweeps_due(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, layers: Layers, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """The run requests of a tick, or a skip reason."""
    try:
        with connection_of_tick(warehouse) as connection:
            timetables, messages = timetables_of(connection, warehouse.settings)
            before = _sweeps(connection)
    except UserError as error:
        return dg.SkipReason(str(error))
    requested = _read(context.cursor)
    due = {}
    for instance, timetable in timetables:
        since, succeeded, tried = before[instance.id]
        # a run that failed before its sweep started left only the request
        attempts = [moment for moment in (tried, requested.get(instance.uuid)) if moment is not None]
        if sweep_due(timetable, now, since, succeeded, max(attempts, default=None)):
            late = now - last_sweep(timetable, now) > _IN_TIME
            due[instance.name] = (instance.uuid, "missed sweep" if late else "scheduled")
    busy = unfinished(context.instance) if due else set()
    # instances_sensor may not have added the partition yet
    missing, _ = partition_drift(context.instance, list(due)) if due else ([], [])
    requests = []
    for name, (uuid, reason) in due.items():
        if name in busy:
            messages.append(f"{name} is being synced")
        elif name in missing:
            messages.append(f"{name} has no partition yet")
        else:
            requests.append(request(layers, name, "sweep", [reason], _SWEEP))
            requested[uuid] = now
    uuids = {instance.uuid for instance, _ in timetables}
    cursor = json.dumps({uuid: moment.isoformat() for uuid, moment in requested.items() if uuid in uuids})
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    return dg.SensorResult(skip_reason=_sentence(messages, timetables, now), cursor=cursor)


def _sentence(messages: list[str], timetables: Timetables, now: datetime) -> str:
    if timetables:
        moment, name = min((next_sweep(timetable, now), instance.name) for instance, timetable in timetables)
        messages = [*messages, f"the next sweep is due on {name} at {moment.astimezone():%Y-%m-%d %H:%M %Z}"]
    return "; ".join(messages) or "There is no enabled instance."


def _read(cursor: str | None) -> dict[str, datetime]:
    try:
        return {uuid: datetime.fromisoformat(moment) for uuid, moment in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        # written by another version of this program
        return {}


def _sweeps(connection: Connection) -> Mapping[int, tuple[datetime, datetime | None, datetime | None]]:
    """Per instance: when it was registered, and when its last successful sweep and its last sweep started."""
    rows = connection.execute(
        "SELECT i.id, i.created_at, max(r.started_at) FILTER (WHERE r.status = 'succeeded'), max(r.started_at)\n"
        "FROM ops.instances i LEFT JOIN ops.sync_runs r ON r.instance_id = i.id AND r.mode = 'sweep'\n"
        # a sweep of some entities does not count; a failed sweep does, because its entities are unknown
        "    AND (r.status <> 'succeeded' OR r.entities ?& %s)\n"
        "GROUP BY i.id",
        [list(BY_NAME)],
    )
    return {instance_id: (created, succeeded, tried) for instance_id, created, succeeded, tried in rows}
