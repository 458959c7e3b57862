"""What Dagster loads: nothing but assembly."""

from collections.abc import Callable

import dagster as dg

from stash_pipeline import layers as registry
from stash_pipeline.assets.pipeline import sync_assets
from stash_pipeline.assets.resources import resources
from stash_pipeline.assets.servers import server_specs
from stash_pipeline.automation.jobs import maintain, reading_jobs, shared_jobs
from stash_pipeline.automation.schedules import maintenance_schedule, reconcile_schedule
from stash_pipeline.automation.sensors import changes_sensor, instances_sensor
from stash_pipeline.automation.servers import servers_answer
from stash_pipeline.automation.shared_layers import shared_layers_sensors
from stash_pipeline.automation.sweeps import sweep_sensor
from stash_pipeline.layers import Layers
from stash_pipeline.logs import start_logging
from stash_pipeline.settings import Settings, get_settings


def build_defs(
    settings: Settings, *, layers: Layers | None = None, settings_of_runs: Callable[[], Settings] | None = None
) -> dg.Definitions:
    """All assets, jobs and how they are executed. Reads nothing from the environment.

    Args:
        settings: of the definitions, and of runs and ticks.
        layers: instead of the registry.
        settings_of_runs: gives the settings of a run or a tick, where they are known only once it begins.
    """
    layers = registry.LAYERS if layers is None else layers
    return dg.Definitions(
        assets=[sync_assets(layers, settings.fresh_hours), *server_specs()],
        asset_checks=[servers_answer],
        jobs=[*reading_jobs(layers), *shared_jobs(layers), maintain],
        schedules=[reconcile_schedule(settings.reconcile_minutes, layers), maintenance_schedule],
        sensors=[
            changes_sensor(settings.changes_seconds, layers),
            sweep_sensor(layers),
            instances_sensor,
            *shared_layers_sensors(layers),
        ],
        resources=resources(settings_of_runs or (lambda: settings)),
        # a process per step would cost 1.8 s each
        executor=dg.in_process_executor,
    )


# processes of Dagster's come in here and not by a command of ours
start_logging()
# a command loads this while its Postgres still starts, and knows the address only then
defs = build_defs(get_settings(), settings_of_runs=get_settings)
