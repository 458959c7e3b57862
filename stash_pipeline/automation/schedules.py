"""The schedules, which launch runs at fixed times while the daemon runs, whether or not a change was detected.

Every tick of a schedule launches runs, so its cron expression is its real frequency. Sensors launch what depends on the
time zone of each instance (`sweeps`) or on what was measured (`reconciles`).
"""

from typing import Final

import dagster as dg

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.tags import REASON_TAG, REQUESTED_BY_TAG
from stash_pipeline.automation.jobs import STASH_BOXES, maintain
from stash_pipeline.automation.run_requests import connection_of_tick, unfinished
from stash_pipeline.errors import UserError
from stash_pipeline.partitions import BOXES, partition_drift
from stash_pipeline.stashbox_registry import list_endpoints
from stash_pipeline.sync.timetable import cron_of

_MAINTENANCE_HOUR: Final = 4
_MANY_MORE: Final = 1.1
"""With this many times the runs that may stay, the maintenance does not wait for its hour. Events are counted only
then: those of one day do no harm."""


def maintenance_schedule(keep_runs: int) -> dg.ScheduleDefinition:
    """The schedule that removes old runs at a quiet hour, and at any hour if there are too many runs."""

    def is_due(context: dg.ScheduleEvaluationContext) -> bool:
        if context.scheduled_execution_time.hour == _MAINTENANCE_HOUR:
            return True
        return context.instance.get_runs_count() > keep_runs * _MANY_MORE

    return dg.ScheduleDefinition(
        name="maintenance_schedule",
        job=maintain,
        # not on the full hour, when other jobs start
        cron_schedule="17 * * * *",
        should_execute=is_due,
        description="Removes old runs, ticks and logs once a day, and whenever there are many more runs than "
        "STASH_PIPELINE_KEEP_RUNS.",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


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
