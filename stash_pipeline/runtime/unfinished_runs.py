"""Ends runs of which no process is left that would."""

from pathlib import Path
from typing import Final

from dagster import DagsterRunStatus, RunsFilter

from stash_pipeline.runtime.in_process import dagster_instance

_ENDED: Final = ("SUCCESS", "FAILURE", "CANCELED")


def end_unfinished_runs(home: Path, database_url: str, reason: str) -> int:
    """Marks all runs of a restored database that are not finished as failed.

    Args:
        reason: is shown as the error of the runs.

    Returns:
        Number of runs.
    """
    unfinished = [status for status in DagsterRunStatus if status.value not in _ENDED]
    with dagster_instance(home, database_url) as instance:
        runs = instance.get_runs(RunsFilter(statuses=unfinished))
        for run in runs:
            instance.report_run_failed(run, reason)
    return len(runs)
