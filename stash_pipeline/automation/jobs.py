"""The jobs, named by what they do."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from stash_pipeline.assets.raw import GROUP as RAW_GROUP
from stash_pipeline.assets.stash import ENTITIES_GROUP, JOINS_GROUP
from stash_pipeline.automation.servers import servers_answer
from stash_pipeline.partitions import INSTANCES
from stash_pipeline.settings import get_settings
from stash_pipeline.warehouse.refresh import Mode

assert INSTANCES.name is not None

REMOVED_TAG = "removed/"
"""Begins the names of the tags by which a run of `maintain` says in the list of runs what it removed."""

# Of all servers, and not of the one that is read: that check is the sensor's, and a person's.
_LAYERS: Final = dg.AssetSelection.groups(RAW_GROUP, ENTITIES_GROUP, JOINS_GROUP) - dg.AssetSelection.checks(
    servers_answer
)

refresh = dg.define_asset_job(
    "refresh",
    selection=_LAYERS,
    description="Carries the changes of one instance through every layer: reads what its server stamped since the last "
    "reading into raw, then brings entities and joins to the same state. Choose the instance as the partition.",
)

reconcile = dg.define_asset_job(
    "reconcile",
    selection=_LAYERS,
    config={"ops": {"mirror": {"config": {"mode": "reconcile"}}}},
    description="Compares one instance with listings of everything on its server, and carries what differs through "
    "every layer. Choose the instance as the partition.",
)

sweep = dg.define_asset_job(
    "sweep",
    selection=_LAYERS,
    config={"ops": {"mirror": {"config": {"mode": "sweep"}}}},
    description="Reads one instance whole, after a reconcile, and carries what differs through every layer. Choose the "
    "instance as the partition.",
)

JOB_OF_MODE: Final[Mapping[Mode, UnresolvedAssetJobDefinition]] = {
    "changes": refresh,
    "reconcile": reconcile,
    "sweep": sweep,
    "objects": refresh,
}
"""All of them are the same step, with its configuration set."""

rebuild = dg.define_asset_job(
    "rebuild",
    selection=dg.AssetSelection.groups(ENTITIES_GROUP, JOINS_GROUP),
    config={"ops": {"mirror": {"config": {"rebuild": True}}}},
    description="Drops one instance's entities and joins and makes them anew from raw, without asking its server. The "
    "result is what refreshes have made; this is for a person who doubts that.",
)


@dg.op(
    name="remove_superseded",
    out=dg.Out(dg.Nothing),
    description="Removes runs, ticks, output and ledger rows that are old and not the latest of anything.",
)
def _remove_superseded(context: dg.OpExecutionContext) -> None:
    from stash_pipeline.automation.maintenance import maintain as remove
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import join_warehouse

    settings = get_settings()
    with connect(join_warehouse(settings)) as connection:
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
    name="maintain",
    description="Removes what is older than STASH_PIPELINE_KEEP_RUNS_DAYS from Dagster's storage and the ledger: runs, "
    "ticks, output of runs, pages. Never the run that holds the latest materialization of an asset's partition.",
    executor_def=dg.in_process_executor,
)
def maintain() -> None:
    """The job of the schedule and of the command."""
    _remove_superseded()
