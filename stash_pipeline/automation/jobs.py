"""The jobs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import dagster as dg

from stash_pipeline.assets.pipeline import NO_INSTANCE, OP
from stash_pipeline.assets.raw import PAGES_KEY, raw_keys
from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.search import index_keys
from stash_pipeline.assets.specs import keys_of
from stash_pipeline.assets.stashbox import stashbox_keys
from stash_pipeline.assets.stashbox_missing import MISSING_KEY
from stash_pipeline.automation.servers import NAME as SERVER_REACHABLE
from stash_pipeline.layers import Layers
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.warehouse.layers.layer import AnyLayer, of_instances, shared, with_those_after

REMOVED_TAG = "removed/"
"""Prefix of the tags of a run of `maintain` that show in the list of runs what it removed."""

REFRESH: Final = "refresh"
RECONCILE: Final = "reconcile"
SWEEP: Final = "sweep"
REBUILD: Final = "rebuild"
MAINTAIN: Final = "maintain"
FOLLOW: Final = "follow"
STASH_BOXES: Final = "stash_boxes"

JOB_OF_MODE: Final[Mapping[Mode, str]] = {
    "changes": REFRESH,
    "reconcile": RECONCILE,
    "sweep": SWEEP,
    "objects": REFRESH,
}
"""All of them run the same step with a different configuration."""


PARTITIONED: Final[Mapping[str, str]] = {
    **dict.fromkeys((REFRESH, RECONCILE, SWEEP, REBUILD), NO_INSTANCE),
    STASH_BOXES: "No stash-box was selected. Launch the job with a stash-box as its partition: in the UI, or on the "
    "command line with `--partition NAME`.",
}
"""The jobs that need a partition, and what a run without one says."""


def rebuild_job_of(layer: AnyLayer) -> str:
    """The name of the job that rebuilds a layer: one for the instance layers, one for each shared layer."""
    return f"{REBUILD}_{layer.name}" if layer.scope == "all" else REBUILD


def step_config(**config: Any) -> dict[str, Any]:
    """The configuration of a run, see :class:`stash_pipeline.assets.pipeline.SyncConfig`."""
    return {"ops": {OP: {"config": config}}}


def instance_jobs(layers: Layers) -> list[Any]:
    """The jobs of one instance: they read its server and update every layer."""
    # this check covers all servers, so the sensor evaluates it, and a run of one instance does not
    servers_check = dg.AssetSelection.checks(dg.AssetCheckKey(PAGES_KEY, SERVER_REACHABLE))
    selection = dg.AssetSelection.assets(*raw_keys(), *keys_of(layers), *index_keys(layers)) - servers_check
    instance_layers = of_instances(layers)
    groups = " and ".join(group for layer in instance_layers for group in layer.groups)
    return [
        dg.define_asset_job(
            REFRESH,
            selection=selection,
            description="Syncs the changes of one instance: reads what changed on its server since the last read into "
            "raw, then updates all layers. Select the instance as the partition.",
        ),
        dg.define_asset_job(
            RECONCILE,
            selection=selection,
            config=step_config(mode="reconcile"),
            description="Compares one instance with complete listings of its server, then syncs the differences into "
            "all layers. Select the instance as the partition.",
        ),
        dg.define_asset_job(
            SWEEP,
            selection=selection,
            config=step_config(mode="sweep"),
            description="Reads one instance in full, after a reconcile, and syncs the differences into all layers. "
            "Select the instance as the partition.",
        ),
        dg.define_asset_job(
            REBUILD,
            selection=dg.AssetSelection.assets(*keys_of(layers), *index_keys(layers)),
            config=step_config(rebuild=[layer.name for layer in instance_layers]),
            description=f"Rebuilds the {groups} of one instance from raw, without a request to its server. The result "
            "equals that of incremental syncs; use it if you suspect that the tables are damaged.",
        ),
    ]


def shared_jobs(layers: Layers) -> list[Any]:
    """The jobs of the shared layers, which need no instance and read no server; none without a shared layer."""
    shared_layers = shared(layers)
    if not shared_layers:
        return []
    return [
        dg.define_asset_job(
            FOLLOW,
            selection=dg.AssetSelection.assets(*keys_of(shared_layers), *index_keys(layers)),
            description="Lets the layers made of all instances follow the changes, without reading a server. Syncs do "
            "the same; this job is for changes that no sync applied.",
        ),
        *(
            dg.define_asset_job(
                rebuild_job_of(layer),
                selection=dg.AssetSelection.assets(
                    *keys_of(_with_readers(layer.name, layers)), *index_keys(tuple(_with_readers(layer.name, layers)))
                ),
                config=step_config(rebuild=[layer.name]),
                description=f"Rebuilds layer {layer.name} and the layers made of it. The result equals that of "
                "following the changes; use it if you suspect that the tables are damaged.",
            )
            for layer in shared_layers
        ),
    ]


def stashbox_job() -> Any:
    """The job that reads one stash-box."""
    return dg.define_asset_job(
        STASH_BOXES,
        selection=dg.AssetSelection.assets(*stashbox_keys(), MISSING_KEY),
        description="Asks one stash-box about hashes and records that are due, and stores its answers; then about the "
        "scenes of favorites, if that is switched on. It gets nothing but hashes and ids. Select the box as the "
        "partition.",
    )


def _with_readers(name: str, layers: Layers) -> list[AnyLayer]:
    names = with_those_after(shared(layers), [name])
    return [layer for layer in layers if layer.name in names]


@dg.op(
    name="remove_superseded",
    out=dg.Out(dg.Nothing),
    description="Removes old runs, ticks, output and ledger rows that are superseded.",
)
def _remove_superseded(context: dg.OpExecutionContext, warehouse: dg.ResourceParam[WarehouseResource]) -> None:
    from stash_pipeline.automation.maintenance import maintain as remove

    settings = warehouse.settings
    with warehouse.connect() as connection:
        removed = asdict(
            remove(
                context.instance,
                connection,
                keep_days=settings.keep_runs_days,
                keep_runs=settings.keep_runs,
                keep_events=settings.keep_events,
                keep_history_days=settings.keep_history_days,
                snapshots=settings.snapshots,
            )
        )
    context.log.info(
        f"Removed what is older than {settings.keep_runs_days} days ({settings.keep_history_days} for history): "
        + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in removed.items())
    )
    context.instance.add_run_tags(context.run.run_id, {f"{REMOVED_TAG}{name}": str(n) for name, n in removed.items()})


@dg.job(
    name=MAINTAIN,
    description="Removes runs, ticks, output and pages older than STASH_PIPELINE_KEEP_RUNS_DAYS from Dagster's storage "
    "and the ledger. Keeps the run with the latest materialization of each partition of an asset.",
    executor_def=dg.in_process_executor,
)
def maintain() -> None:
    """The job of the schedule and the command."""
    _remove_superseded()
