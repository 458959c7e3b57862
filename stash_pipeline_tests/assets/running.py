"""Runs of the definitions: a registered server, a refresh of it, its materializations and checks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.in_process import RunResult, run_job
from stash_pipeline.settings import get_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import transform

Assets = dict[dg.AssetKey, dg.AssetSpec]


def library(scenes: int = 40, seed: int = 1) -> Library:
    made = Library.create()
    generate_library(made, scenes=scenes, seed=seed)
    return made


@contextmanager
def registered(
    dagster: dg.DagsterInstance, database: str, home: Path, name: str, stash: SimulatedStash
) -> Iterator[Instance]:
    """A running server and its partition."""
    with stash.running() as server, connect(database) as connection:
        instance = add_instance(connection, name, server.url, home=home)
        names = [row[0] for row in connection.execute("SELECT name FROM ops.instances").fetchall()]
        sync_partitions(dagster, names)
        yield instance


def fill(instance: Instance) -> None:
    """Reads everything without Dagster, whose events cost more than the sync, for tests of later runs."""
    settings = get_settings()
    url = settings.database()
    assert url is not None
    run_sync(settings, url, instance, list(BY_NAME))
    with connect(url) as connection:
        transform(connection, instance.id)


def refresh(dagster: dg.DagsterInstance, name: str, **config: Any) -> RunResult:
    """Reads everything by default: most of these tests change the server behind the pipeline's back."""
    config = {"mode": "sweep", **config}
    return run_job(
        "refresh", instance=dagster, partition_key=name, run_config={"ops": {"sync_instance": {"config": config}}}
    )


def materializations(dagster: dg.DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    """Metadata of the tables that a run materialized."""
    found = {}
    records = dagster.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    for record in records:
        event = record.event_log_entry.get_dagster_event()
        materialization = event.step_materialization_data.materialization
        assert (materialization.partition is None) == (
            materialization.asset_key.path[0] in ("matches", "catalog", "search")
        )
        key = ".".join(materialization.asset_key.path)
        assert key not in found, f"{key} was materialized twice"
        found[key] = {name: value.value for name, value in materialization.metadata.items()}
    return found


def checks(dagster: dg.DagsterInstance, run_id: str) -> dict[str, tuple[bool, dict[str, Any]]]:
    """For each check that a run evaluated: whether it passed, and its metadata."""
    found = {}
    for record in dagster.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records:
        event = record.event_log_entry.get_dagster_event()
        evaluation = event.asset_check_evaluation_data
        found[evaluation.check_name] = (
            evaluation.passed,
            {name: value.value for name, value in evaluation.metadata.items()},
        )
    return found
