"""The jobs, named by what they do."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import dagster as dg

from stash_pipeline.assets.pipeline import OP
from stash_pipeline.assets.raw import PAGES_KEY, raw_keys
from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.specs import keys_of
from stash_pipeline.automation.servers import NAME as SERVERS_ANSWER
from stash_pipeline.layers import Layers
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.warehouse.layers.layer import AnyLayer, of_instances, shared, with_those_after

REMOVED_TAG = "removed/"
"""Begins the names of the tags by which a run of `maintain` says in the list of runs what it removed."""

REFRESH: Final = "refresh"
RECONCILE: Final = "reconcile"
SWEEP: Final = "sweep"
REBUILD: Final = "rebuild"
MAINTAIN: Final = "maintain"
FOLLOW: Final = "follow"

JOB_OF_MODE: Final[Mapping[Mode, str]] = {
    "changes": REFRESH,
    "reconcile": RECONCILE,
    "sweep": SWEEP,
    "objects": REFRESH,
}
"""All of them are the same step, with its configuration set."""


def rebuild_job_of(layer: AnyLayer) -> str:
    """The name of the job that makes a layer anew: one for the layers of instances, one for each shared layer."""
    return f"{REBUILD}_{layer.name}" if layer.scope == "all" else REBUILD


def step_config(**config: Any) -> dict[str, Any]:
    """The configuration of a run, see :class:`stash_pipeline.assets.pipeline.MirrorConfig`."""
    return {"ops": {OP: {"config": config}}}


def instance_jobs(layers: Layers) -> list[Any]:
    """The jobs of one instance: they read its server, and carry what they find through every layer."""
    # of all servers, and not of the one that is read: that check is the sensor's, and a person's
    of_all = dg.AssetSelection.checks(dg.AssetCheckKey(PAGES_KEY, SERVERS_ANSWER))
    selection = dg.AssetSelection.assets(*raw_keys(), *keys_of(layers)) - of_all
    made = of_instances(layers)
    groups = " and ".join(group for layer in made for group in layer.groups)
    return [
        dg.define_asset_job(
            REFRESH,
            selection=selection,
            description="Carries the changes of one instance through every layer: reads what its server stamped since "
            "the last reading into raw, then brings all layers to the same state. Choose the instance as the "
            "partition.",
        ),
        dg.define_asset_job(
            RECONCILE,
            selection=selection,
            config=step_config(mode="reconcile"),
            description="Compares one instance with listings of everything on its server, and carries what differs "
            "through every layer. Choose the instance as the partition.",
        ),
        dg.define_asset_job(
            SWEEP,
            selection=selection,
            config=step_config(mode="sweep"),
            description="Reads one instance whole, after a reconcile, and carries what differs through every layer. "
            "Choose the instance as the partition.",
        ),
        dg.define_asset_job(
            REBUILD,
            selection=dg.AssetSelection.assets(*keys_of(layers)),
            config=step_config(rebuild=[layer.name for layer in made]),
            description=f"Drops one instance's {groups} and makes them anew from raw, without asking its server. The "
            "result is what refreshes have made; this is for a person who doubts that.",
        ),
    ]


def shared_jobs(layers: Layers) -> list[Any]:
    """The jobs of the shared layers, which need no instance and read no server; none without such a layer."""
    there = shared(layers)
    if not there:
        return []
    return [
        dg.define_asset_job(
            FOLLOW,
            selection=dg.AssetSelection.assets(*keys_of(there)),
            description="Lets the layers that are made of all instances follow what has changed, without reading any "
            "server. Refreshes do so too; this is for changes that no refresh took along.",
        ),
        *(
            dg.define_asset_job(
                rebuild_job_of(layer),
                selection=dg.AssetSelection.assets(*keys_of(_with_readers(layer.name, layers))),
                config=step_config(rebuild=[layer.name]),
                description=f"Makes layer {layer.name}, and the layers that are made of it, anew. The result is what "
                "following the changes has made; this is for a person who doubts that.",
            )
            for layer in there
        ),
    ]


def _with_readers(name: str, layers: Layers) -> list[AnyLayer]:
    names = with_those_after(shared(layers), [name])
    return [layer for layer in layers if layer.name in names]


@dg.op(
    name="remove_superseded",
    out=dg.Out(dg.Nothing),
    description="Removes runs, ticks, output and ledger rows that are old and not the latest of anything.",
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
                keep_history_days=settings.keep_history_days,
                snapshots=settings.snapshots,
            )
        )
    context.log.info(
        f"Older than {settings.keep_runs_days} days ({settings.keep_history_days} for history) and removed: "
        + ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in removed.items())
    )
    context.instance.add_run_tags(context.run.run_id, {f"{REMOVED_TAG}{what}": str(n) for what, n in removed.items()})


@dg.job(
    name=MAINTAIN,
    description="Removes what is older than STASH_PIPELINE_KEEP_RUNS_DAYS from Dagster's storage and the ledger: runs, "
    "ticks, output of runs, pages. Never the run that holds the latest materialization of an asset's partition.",
    executor_def=dg.in_process_executor,
)
def maintain() -> None:
    """The job of the schedule and of the command."""
    _remove_superseded()
