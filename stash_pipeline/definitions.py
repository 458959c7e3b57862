"""What Dagster loads: nothing but assembly."""

import dagster as dg

from stash_pipeline.assets.mirror import mirror_assets
from stash_pipeline.automation.jobs import maintain, rebuild, refresh
from stash_pipeline.automation.schedules import maintenance_schedule, reconcile_schedule, sweep_schedule
from stash_pipeline.automation.sensors import changes_sensor, instances_sensor
from stash_pipeline.logs import start_logging
from stash_pipeline.settings import get_settings


def build_defs() -> dg.Definitions:
    """All assets, jobs and how they are executed."""
    return dg.Definitions(
        assets=[mirror_assets],
        jobs=[refresh, rebuild, maintain],
        schedules=[reconcile_schedule, sweep_schedule, maintenance_schedule],
        sensors=[changes_sensor(get_settings().changes_seconds), instances_sensor],
        # a process per step would cost 1.8 s each
        executor=dg.in_process_executor,
    )


# processes of Dagster's come in here and not by a command of ours
start_logging()
defs = build_defs()
