"""The schedules, which launch runs at fixed times while the daemon runs, whether or not a change was detected.

Every tick of a schedule launches runs, so its cron expression is its real frequency. A sensor (`sweeps`) launches what
depends on the time zone of each instance.
"""

from typing import Final

import dagster as dg

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.tags import REASON_TAG, REQUESTED_BY_TAG
from stash_pipeline.automation.jobs import RECONCILE, STASH_BOXES, maintain
from stash_pipeline.automation.run_requests import connection_of_tick, request, unfinished
from stash_pipeline.automation.timetables import timetables_of
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.partitions import BOXES, partition_drift
from stash_pipeline.stashbox_registry import list_endpoints
from stash_pipeline.sync.timetable import cron_of, last_sweep

_RECONCILE: Final = "reconcile_schedule"

# at a quiet hour, and not on the full hour, when other jobs start
maintenance_schedule = dg.ScheduleDefinition(
    name="maintenance_schedule",
    job=maintain,
    cron_schedule="17 4 * * *",
    description="Removes old runs, ticks and logs once a day.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def reconcile_schedule(minutes: int, layers: Layers) -> dg.ScheduleDefinition:
    """The schedule that reconciles every instance at an interval."""

    @dg.schedule(
        name=_RECONCILE,
        job_name=RECONCILE,
        cron_schedule=cron_of(minutes),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Compares every enabled instance with its server's listings every "
        "STASH_PIPELINE_RECONCILE_MINUTES, to find changes that the sensor cannot detect. The runs wait in the queue.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        moment = context.scheduled_execution_time
        try:
            with connection_of_tick(warehouse) as connection:
                timetables, messages = timetables_of(connection, warehouse.settings)
        except UserError as error:
            return dg.SkipReason(str(error))
        # a sweep starts with a reconcile, so it is not launched twice
        due = [instance.name for instance, timetable in timetables if last_sweep(timetable, moment) != moment]
        busy = unfinished(context.instance) if due else set()
        # instances_sensor may not have added the partition yet
        missing, _ = partition_drift(context.instance, due)
        requests = []
        for name in due:
            if name in busy:
                messages.append(f"{name} is being synced")
            elif name in missing:
                messages.append(f"{name} has no partition yet")
            else:
                # each of several requests of a tick needs a key, which is used within the tick only
                requests.append(request(layers, name, "reconcile", ["scheduled"], _RECONCILE, run_key=name))
        return requests or dg.SkipReason("; ".join(messages) or "No instance is due.")

    return schedule


def stashbox_schedule(minutes: int) -> dg.ScheduleDefinition:
    """The schedule that reads every enabled stash-box at an interval."""

    @dg.schedule(
        name="stash_boxes_schedule",
        job_name=STASH_BOXES,
        cron_schedule=cron_of(minutes),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Asks every enabled stash-box what is due every STASH_PIPELINE_STASHBOX_MINUTES. Does nothing "
        "until a box is registered.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        try:
            with connection_of_tick(warehouse) as connection:
                names = [endpoint.name for endpoint in list_endpoints(connection, enabled_only=True)]
        except UserError as error:
            return dg.SkipReason(str(error))
        if not names:
            return dg.SkipReason("No stash-box is enabled.")
        missing, _ = partition_drift(context.instance, names, BOXES)
        busy = unfinished(context.instance)
        tags = {REASON_TAG: "scheduled", REQUESTED_BY_TAG: "stash_boxes_schedule"}
        requests = [
            dg.RunRequest(run_key=None, partition_key=name, tags=tags)
            for name in names
            if name not in missing and name not in busy
        ]
        return requests or dg.SkipReason("Every enabled stash-box is being read, or has no partition yet.")

    return schedule
