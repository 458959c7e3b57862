"""Runs and ticks of the definitions with the sample layers."""

from typing import Any

import dagster as dg

from stash_pipeline.runtime.in_process import RunResult, run_job
from stash_pipeline_tests.layers.definitions import MODULE


def run(dagster: dg.DagsterInstance, job: str, name: str | None = None, **config: Any) -> RunResult:
    """A run of one of the jobs."""
    run_config = {"ops": {"sync_instance": {"config": config}}} if config else None
    return run_job(job, instance=dagster, partition_key=name, run_config=run_config, module=MODULE)


def materialized(dagster: dg.DagsterInstance, run_id: str) -> dict[str, tuple[str | None, dict[str, Any]]]:
    """The tables that a run materialized, with partition and metadata."""
    found = {}
    for record in dagster.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records:
        event = record.event_log_entry.get_dagster_event()
        made = event.step_materialization_data.materialization
        found[".".join(made.asset_key.path)] = (
            made.partition,
            {name: value.value for name, value in made.metadata.items()},
        )
    return found


def shared_tables(dagster: dg.DagsterInstance, run_id: str) -> set[str]:
    """The tables of shared layers that a run materialized."""
    return {name for name in materialized(dagster, run_id) if name.startswith(("tag_names.", "letters."))}


def is_current(dagster: dg.DagsterInstance, run_id: str) -> dict[str, dg.AssetCheckEvaluation]:
    """The results of a run's freshness checks, by shared layer."""
    found = {}
    for record in dagster.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records:
        evaluation = record.event_log_entry.get_dagster_event().asset_check_evaluation_data
        if evaluation.check_name == "is_current":
            found[evaluation.asset_key.path[0]] = evaluation
    return found


def log_of(dagster: dg.DagsterInstance, run_id: str) -> str:
    """All messages in the log of a run."""
    return "\n".join(str(entry) for entry in dagster.all_logs(run_id))
