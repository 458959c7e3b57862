"""The sensor that sends notifications while the daemon runs.

It reads the database instead of reacting to Dagster's runs: syncs that a command ran or that were killed count as well,
and what happened while no daemon ran is sent afterwards.
"""

from typing import Final

import dagster as dg

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.run_requests import connection_of_tick
from stash_pipeline.automation.servers import KEY, unreachable_servers
from stash_pipeline.errors import UserError

_SECONDS: Final = 60


@dg.sensor(
    name="notifications_sensor",
    minimum_interval_seconds=_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends notifications to STASH_PIPELINE_NOTIFY_URLS: imported scenes, failed syncs, syncs that a guard "
    "stopped, stale instances, servers that do not respond. Once per cause. It launches no run.",
)
def notifications_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
) -> dg.SkipReason:
    """One round."""
    from stash_pipeline.notifications.notify import notify

    record = context.instance.get_latest_asset_check_evaluation_record(KEY)
    event = record.event.dagster_event if record is not None and record.event is not None else None
    silent = {} if event is None else unreachable_servers(event.asset_check_evaluation_data)
    try:
        with connection_of_tick(warehouse) as connection:
            done = notify(connection, warehouse.settings, silent)
    except UserError as error:
        return dg.SkipReason(str(error))
    return dg.SkipReason(done.sentence())
