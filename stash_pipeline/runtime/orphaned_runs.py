"""Ends orphaned runs, whose process was killed.

Such a run counts as running, and keeps others of the same partition waiting in the queue until `max_runtime_seconds` of
dagster.yaml. Dagster itself detects runs whose worker dies while its server lives.
"""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from stash_pipeline.runtime.dagster_home import prepare_dagster_home, socket_name
from stash_pipeline.runtime.dagster_internals import GRPC_INFO_TAG
from stash_pipeline.settings import get_settings

HOST_TAG: Final = "stash_pipeline/host"
PROCESS_TAG: Final = "stash_pipeline/process"

_UNFINISHED: Final = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def process_tags() -> Mapping[str, str]:
    """Tags that identify the process that executes a run."""
    return {HOST_TAG: socket.gethostname(), PROCESS_TAG: _process_name(psutil.Process(os.getpid()))}


def end_orphaned_runs(instance: DagsterInstance) -> int:
    """Ends the runs of killed processes of this machine, and returns their number."""
    orphans = [run for run in instance.get_runs(RunsFilter(statuses=_UNFINISHED)) if _is_orphan(run)]
    for run in orphans:
        instance.report_run_failed(run, "The process that executed this run was killed.")
    return len(orphans)


def _is_orphan(run: DagsterRun) -> bool:
    """True only for a run that certainly ran on this machine and certainly no longer runs."""
    if run.tags.get(HOST_TAG) == socket.gethostname():
        return not _is_alive(run.tags.get(PROCESS_TAG, ""))
    # launched through a code server of `stash-pipeline up`, whose socket is named after the machine
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
    return server is not None and Path(server).name == socket_name() and not _listens(server)


def _process_name(process: psutil.Process) -> str:
    """A unique name of a process; pids alone are reused."""
    return f"{process.pid}@{int(process.create_time())}"


def _is_alive(name: str) -> bool:
    try:
        process = psutil.Process(int(name.partition("@")[0]))
        return _process_name(process) == name and process.status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.Error):
        return False


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
