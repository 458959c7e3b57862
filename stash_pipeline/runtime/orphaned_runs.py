"""Ends orphaned runs, whose process was killed.

Such a run counts as running, and keeps others of the same partition waiting in the queue until `max_runtime_seconds` of
dagster.yaml. Dagster itself detects runs whose worker dies while its server lives.

Several hosts can share a database. Each judges only runs that were executed with its own home.
"""

import json
import socket
from pathlib import Path
from typing import Final

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from stash_pipeline.runtime.dagster_home import prepare_dagster_home, socket_name
from stash_pipeline.runtime.dagster_internals import GRPC_INFO_TAG
from stash_pipeline.runtime.process_leases import PROCESS_TAG, has_ended
from stash_pipeline.settings import get_settings

_UNFINISHED: Final = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def end_orphaned_runs(instance: DagsterInstance) -> int:
    """Ends the runs of killed processes of this home, and returns their number."""
    home = get_settings().home
    orphans = [run for run in instance.get_runs(RunsFilter(statuses=_UNFINISHED)) if _is_orphan(instance, run, home)]
    for run in orphans:
        instance.report_run_failed(run, "The process that executed this run was killed.")
    return len(orphans)


def _is_orphan(instance: DagsterInstance, run: DagsterRun, home: Path) -> bool:
    """True only for a run that was certainly executed with this home and certainly no longer runs."""
    if PROCESS_TAG in run.tags and not _has_tags_of_parent(instance, run):
        return has_ended(home, run.tags[PROCESS_TAG])
    # launched through a code server of `stash-pipeline up`, whose socket is named after the home, and not started yet
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
    return server is not None and Path(server).name == socket_name(home) and not _listens(server)


def _has_tags_of_parent(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Whether a run is a retry that has not started: until then, it has the tags of the run that it repeats."""
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    return parent is not None and parent.tags.get(PROCESS_TAG) == run.tags[PROCESS_TAG]


def _listens(path: str) -> bool:
    """Whether a server listens on a socket; the file outlives a killed server."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        return probe.connect_ex(path) == 0


def main() -> None:
    """The program for `stash-pipeline up`, which does not import Dagster itself."""
    with DagsterInstance.from_config(str(prepare_dagster_home(get_settings().home))) as instance:
        end_orphaned_runs(instance)


if __name__ == "__main__":
    main()
