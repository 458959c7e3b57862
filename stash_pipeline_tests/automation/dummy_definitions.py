"""A small graph for tests of storage, launching and serving; the partition determines what happens."""

import os
import signal
import time

import dagster as dg
import psycopg2

from stash_pipeline.errors import UserError


class _Garbage:
    """Interrupts the process while its finalizer runs."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


INSTANCES = dg.DynamicPartitionsDefinition(name="instance")
SPECS = [dg.AssetSpec(["raw", name], partitions_def=INSTANCES, skippable=True) for name in ("scenes", "tags")]


@dg.multi_asset(specs=SPECS, can_subset=True)
def raw(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]  # Dagster reads the annotations
    """Does what the partition's name says."""
    if context.partition_key == "broken":
        raise UserError("The server says no: say yes.")
    if context.partition_key == "odd":
        raise KeyError("no such thing")
    if context.partition_key == "restarted":
        raise psycopg2.OperationalError("server closed the connection unexpectedly\n\tThis probably means …\n")
    if context.partition_key == "interrupted":
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    if context.partition_key == "interrupted_in_a_finalizer":
        _Garbage()
        time.sleep(60)
    if context.partition_key == "slow":
        time.sleep(600)
    if context.partition_key != "unchanged":
        for spec in SPECS:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"dagster/row_count": 1})


refresh = dg.define_asset_job(
    "refresh", dg.AssetSelection.all(), executor_def=dg.in_process_executor, tags={"kind": "refresh"}
)
defs = dg.Definitions(assets=[raw], jobs=[refresh], executor=dg.in_process_executor)
