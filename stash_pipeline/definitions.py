"""The definitions that Dagster loads."""

from collections.abc import Callable

import dagster as dg

from stash_pipeline import layers as registry
from stash_pipeline.assets.pipeline import sync_assets
from stash_pipeline.assets.resources import resources
from stash_pipeline.assets.servers import server_specs
from stash_pipeline.assets.stashbox import box_server_specs, stashbox_assets
from stash_pipeline.assets.stashbox_missing import missing_assets
from stash_pipeline.automation.exports import export, export_schedule
from stash_pipeline.automation.jobs import PARTITIONED, instance_jobs, maintain, shared_jobs, stashbox_job
from stash_pipeline.automation.notifications import notifications_sensor
from stash_pipeline.automation.reconciles import reconcile_sensor
from stash_pipeline.automation.schedules import maintenance_schedule, stashbox_schedule
from stash_pipeline.automation.sensors import changes_sensor, instances_sensor
from stash_pipeline.automation.servers import server_reachable
from stash_pipeline.automation.shared_layers import shared_layers_sensors
from stash_pipeline.automation.sweeps import sweep_sensor
from stash_pipeline.layers import Layers
from stash_pipeline.logs import start_logging
from stash_pipeline.settings import Settings, get_settings


def build_defs(
    settings: Settings, *, layers: Layers | None = None, settings_of_runs: Callable[[], Settings] | None = None
) -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources. Reads nothing from the environment.

    Args:
        settings: used by the definitions, and by runs and ticks.
        layers: layers to use instead of the registry.
        settings_of_runs: returns the settings of a run or tick, if they are known only when it starts.
    """
    layers = registry.configured(registry.LAYERS if layers is None else layers, settings)
    return dg.Definitions(
        assets=[
            sync_assets(layers, settings),
            *server_specs(),
            stashbox_assets(),
            missing_assets(),
            *box_server_specs(),
        ],
        asset_checks=[server_reachable],
        jobs=[*instance_jobs(layers), *shared_jobs(layers), stashbox_job(), maintain, export],
        schedules=[
            stashbox_schedule(settings.stashbox_minutes),
            maintenance_schedule(settings.keep_runs),
            export_schedule(settings.export_hour),
        ],
        sensors=[
            changes_sensor(settings, layers),
            reconcile_sensor(layers),
            sweep_sensor(layers),
            instances_sensor,
            notifications_sensor,
            *shared_layers_sensors(layers),
        ],
        resources=resources(settings_of_runs or (lambda: settings), PARTITIONED),
        # a process per step would cost 1.8 s
        executor=dg.in_process_executor,
    )


# Dagster's own processes start here, without a command of stash-pipeline
start_logging()
# a command imports this while its Postgres is starting, before the address is known
defs = build_defs(get_settings(), settings_of_runs=get_settings)
