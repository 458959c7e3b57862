"""What Dagster loads: nothing but assembly."""

import dagster as dg

from stash_pipeline.assets.mirror import mirror_assets
from stash_pipeline.automation.jobs import maintain, rebuild, reconcile, refresh, sweep
from stash_pipeline.automation.schedules import maintenance_schedule, reconcile_schedule
from stash_pipeline.automation.sensors import changes_sensor, instances_sensor
from stash_pipeline.automation.servers import servers_answer
from stash_pipeline.automation.sweeps import sweep_sensor
from stash_pipeline.logs import start_logging
from stash_pipeline.settings import get_settings


def build_defs() -> dg.Definitions:
    """All assets, jobs and how they are executed."""
    settings = get_settings()
    return dg.Definitions(
        assets=[mirror_assets],
        asset_checks=[servers_answer],
        jobs=[refresh, reconcile, sweep, rebuild, maintain],
        schedules=[reconcile_schedule(settings.reconcile_minutes), maintenance_schedule],
        sensors=[changes_sensor(settings.changes_seconds), sweep_sensor, instances_sensor],
        # a process per step would cost 1.8 s each
        executor=dg.in_process_executor,
    )


# processes of Dagster's come in here and not by a command of ours
start_logging()
defs = build_defs()
