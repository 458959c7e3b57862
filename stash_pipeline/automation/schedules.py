"""The schedules: what runs by itself at fixed times while the daemon does, whether or not a change was seen.

A schedule here launches something at each of its ticks, so that its cron says how often. What is due by the clocks of
each instance is a sensor's (`sweeps`).
"""

from typing import Final

import dagster as dg

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.jobs import RECONCILE, maintain
from stash_pipeline.automation.run_requests import connection_of_tick, request, unfinished
from stash_pipeline.automation.turns import turns_of
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.partitions import partition_drift
from stash_pipeline.sync.timetable import cron_of, last_sweep

_RECONCILE: Final = "reconcile_schedule"

# At a quiet hour, and not at the full one, when whatever else there is starts.
maintenance_schedule = dg.ScheduleDefinition(
    name="maintenance_schedule",
    job=maintain,
    cron_schedule="17 4 * * *",
    description="Once a day: removes old runs, ticks and logs, so that they stay small.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def reconcile_schedule(minutes: int, layers: Layers) -> dg.ScheduleDefinition:
    """The schedule that compares every instance with its server, every so many minutes."""

    @dg.schedule(
        name=_RECONCILE,
        job_name=RECONCILE,
        cron_schedule=cron_of(minutes),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Compares every enabled instance with its server's listings, every "
        "STASH_PIPELINE_RECONCILE_MINUTES. Finds what the sensor cannot see. The runs wait in the queue.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        moment = context.scheduled_execution_time
        try:
            with connection_of_tick(warehouse) as connection:
                turns, said = turns_of(connection, warehouse.settings)
        except UserError as error:
            return dg.SkipReason(str(error))
        # a sweep begins with a reconcile
        wanted = [instance.name for instance, timetable in turns if last_sweep(timetable, moment) != moment]
        busy = unfinished(context.instance) if wanted else set()
        # the sensor that keeps the partitions in step has not come to it yet
        missing, _ = partition_drift(context.instance, wanted)
        requests = []
        for name in wanted:
            if name in busy:
                said.append(f"{name} is being refreshed")
            elif name in missing:
                said.append(f"{name} has no partition yet")
            else:
                # of several requests of a tick each needs a key; it counts within the tick only
                requests.append(request(layers, name, "reconcile", ["its turn"], _RECONCILE, run_key=name))
        return requests or dg.SkipReason("; ".join(said) or "There is no instance whose turn it is.")

    return schedule
