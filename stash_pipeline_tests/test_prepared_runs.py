"""Runs are forked from a process that has imported everything, and are processes like any other."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from stash_pipeline.runtime.code_server import module_of
from stash_pipeline.runtime.supervisor import Serving, serving
from stash_pipeline.settings import load_settings
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.test_serve import EVENTS, MODULE, ask, launch, status, wait_for_status, wait_until

ADD = """mutation($s: RepositorySelector!, $key: String!) {addDynamicPartition(repositorySelector: $s,
    partitionsDefName: "instance", partitionKey: $key) {__typename}}"""
TERMINATE = "mutation($id: String!) {terminateRun(runId: $id) {__typename}}"
REPOSITORY = {"repositoryLocationName": "stash_pipeline", "repositoryName": "__repository__"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--socket", "/tmp/a", "-m", "one.two"], "one.two"),
        (["--module-name", "one", "-p", "1"], "one"),
        (["-p", "1"], None),
        (["-m"], None),
    ],
)
def test_the_module_of_the_definitions_is_found_in_the_options(options: list[str], expected: str | None) -> None:
    assert module_of(options) == expected


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    """The servers of the dummy graph."""
    with TemporaryDirectory(prefix="stash-pipeline-test-") as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
        with serving(load_settings(home=home), free_port(), module=MODULE) as running:
            for key in ("home", "slow"):
                ask(running.url, ADD, s=REPOSITORY, key=key)
            yield running


def code_server(running: Serving) -> psutil.Process:
    (child,) = (child for child in running.children if child.name == "code server")
    return psutil.Process(child.process.pid)


def is_fork_server(process: psutil.Process) -> bool:
    try:
        return "multiprocessing.forkserver" in " ".join(process.cmdline())
    except psutil.Error:
        # a run that has just ended
        return False


def fork_server(running: Serving) -> psutil.Process:
    """The process that runs are forked from; it starts shortly after the code server."""
    found: list[psutil.Process] = []

    def exists() -> bool:
        found[:] = [each for each in code_server(running).children() if is_fork_server(each)]
        return bool(found)

    wait_until(exists)
    return found[0]


def process_of(running: Serving, run_id: str) -> psutil.Process:
    """The process of a run in progress, as its events say."""
    events: list[dict[str, Any]] = ask(running.url, EVENTS, id=run_id)["logsForRun"]["events"]
    numbers = [re.search(r"Started process for run \(pid: (\d+)\)", each.get("message") or "") for each in events]
    (number,) = (int(match[1]) for match in numbers if match)
    return psutil.Process(number)


@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix" or not Path("/proc").exists(), reason="forks on Linux only")
class TestOnLinux:
    """With the servers that `up` starts."""

    def test_a_run_is_forked_and_can_be_canceled(self, running: Serving) -> None:
        run_id = launch(running.url, "slow")
        wait_for_status(running.url, run_id, "STARTED")
        process = process_of(running, run_id)
        parent = process.parent()
        assert parent is not None and is_fork_server(parent)
        ask(running.url, TERMINATE, id=run_id)
        wait_until(lambda: status(running.url, run_id) == "CANCELED")
        wait_until(lambda: not process.is_running())

    def test_what_runs_are_forked_from_has_no_connection(self, running: Serving) -> None:
        wait_for_status(running.url, launch(running.url, "home"), "SUCCESS")
        assert fork_server(running).net_connections() == []

    def test_a_killed_run_fails_alone(self, running: Serving) -> None:
        run_id = launch(running.url, "slow")
        wait_for_status(running.url, run_id, "STARTED")
        process_of(running, run_id).kill()
        wait_until(lambda: status(running.url, run_id) == "FAILURE")
        running.check()
        wait_for_status(running.url, launch(running.url, "home"), "SUCCESS")

    def test_a_killed_fork_server_is_replaced(self, running: Serving) -> None:
        killed = fork_server(running)
        killed.send_signal(signal.SIGKILL)
        wait_until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
        wait_for_status(running.url, launch(running.url, "home"), "SUCCESS")
        assert fork_server(running).pid != killed.pid
        running.check()


@pytest.mark.processes
def test_runs_find_everything_imported_and_read_the_environment_themselves() -> None:
    # in a process of its own: it freezes what it has imported
    import subprocess
    import sys

    program = (
        "import os, sys\n"
        "from stash_pipeline.runtime.prepared_runs import prepare\n"
        "from stash_pipeline.settings import get_settings\n"
        "prepare('stash_pipeline.definitions')\n"
        "os.environ['STASH_PIPELINE_FRESH_HOURS'] = '7'\n"
        "print(get_settings().fresh_hours)\n"
        "before = set(sys.modules)\n"
        "import stash_pipeline.warehouse.matches.following, stash_pipeline.warehouse.matches.duplicates\n"
        "print(len(sys.modules.keys() - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["7.0", "0"]


@pytest.mark.processes
def test_runs_are_not_forked_if_the_setting_says_so() -> None:
    with TemporaryDirectory(prefix="stash-pipeline-test-") as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
        with serving(load_settings(home=home, prepared_runs=False), free_port(), module=MODULE) as running:
            ask(running.url, ADD, s=REPOSITORY, key="home")
            wait_for_status(running.url, launch(running.url, "home"), "SUCCESS")
            time.sleep(0.5)
            assert [each for each in code_server(running).children() if is_fork_server(each)] == []
