"""The servers: they start together, do what they are for, and leave nothing behind."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from dagster import DagsterRunStatus

from stash_pipeline.errors import UserError
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.runtime.supervisor import Serving, require_free, serving
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.warehouse.embedded.server import running_server
from stash_pipeline_tests.ports import free_port

pytestmark = pytest.mark.processes

MODULE = "stash_pipeline_tests.automation.dummy_definitions"
UP = f"""
import sys
import stash_pipeline.runtime.supervisor as serve
from stash_pipeline.errors import UserError
from stash_pipeline.settings import load_settings
try:
    serve.up(load_settings(home=sys.argv[1]), port=int(sys.argv[2]), module="{MODULE}")
except UserError as error:
    sys.exit(str(error))
"""
LAUNCH = """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
AGAIN = """mutation($params: ReexecutionParams) {launchRunReexecution(reexecutionParams: $params) {
    __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
STATUS = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
EVENTS = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
    ... on MessageEvent {message timestamp} ... on ErrorEvent {error {message}}}}}}"""
IN_PROCESS = f"""
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from stash_pipeline.runtime.in_process import dagster_instance, run_job
with dagster_instance(Path(sys.argv[1]), sys.argv[2]) as instance:
    instance.add_dynamic_partitions("instance", ["home", "slow"])
    print(run_job("refresh", instance=instance, partition_key="home", module="{MODULE}").run_id)
"""


def ask(url: str, query: str, **variables: Any) -> Any:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    body = json.dumps({"query": query, "variables": variables})
    connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
    answer = json.load(connection.getresponse())
    connection.close()
    assert "errors" not in answer, answer
    return answer["data"]


def launch(url: str, partition: str) -> str:
    params = {
        "selector": {
            "repositoryLocationName": "stash_pipeline",
            "repositoryName": "__repository__",
            "jobName": "refresh",
        },
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
    }
    answer = ask(url, LAUNCH, params=params)["launchRun"]
    return str(answer["run"]["runId"])


def status(url: str, run_id: str) -> str:
    return str(ask(url, STATUS, id=run_id)["runOrError"]["status"])


def wait_for_status(url: str, run_id: str, wanted: str) -> None:
    end = time.monotonic() + 120
    while (found := status(url, run_id)) != wanted:
        assert found in ("QUEUED", "STARTING", "STARTED"), ask(url, EVENTS, id=run_id)
        assert time.monotonic() < end, f"still {found}, not {wanted}"
        time.sleep(0.1)


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def processes_of(home: Path) -> list[str]:
    """Command lines of what still runs for a home: told by its path in the arguments or the environment."""
    found = []
    for process in psutil.process_iter():
        try:
            about = (*process.cmdline(), *process.environ().values(), process.cwd())
            if process.status() != psutil.STATUS_ZOMBIE and any(str(home) in word for word in about):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return [line for line in found if "pytest" not in line]


@pytest.fixture(scope="module", autouse=True)
def _children_find_the_tests() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
        yield


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with TemporaryDirectory(prefix="stash-pipeline-test-") as directory:
        yield load_settings(home=directory)


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Serving]:
    settings.snapshots.mkdir()
    (settings.snapshots / "half.sqlite").write_bytes(b"of a process that was killed")
    with serving(settings, free_port(), module=MODULE) as running:
        yield running
    assert processes_of(settings.home) == []


@contextmanager
def up(home: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """`stash-pipeline up` in a process, from the line it prints to the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", UP, str(home), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert f"http://127.0.0.1:{port}" in process.stdout.readline()
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_a_run_launched_in_the_ui_is_executed(running: Serving, settings: Settings) -> None:
    running.check()
    done = subprocess.run(
        [sys.executable, "-c", IN_PROCESS, str(settings.home), running.database_url],
        check=True,
        capture_output=True,
        text=True,
    )
    run_id = launch(running.url, "home")
    wait_for_status(running.url, run_id, "SUCCESS")

    # And one that was run on the command line can be run again from the page.
    params = {"parentRunId": done.stdout.strip(), "strategy": "ALL_STEPS"}
    again = ask(running.url, AGAIN, params=params)
    run_id = again["launchRunReexecution"]["run"]["runId"]
    wait_for_status(running.url, run_id, "SUCCESS")


def test_orphaned_copies_are_removed_at_startup(running: Serving, settings: Settings) -> None:
    assert list(settings.snapshots.iterdir()) == []


def test_each_process_has_a_log_file(running: Serving) -> None:
    assert {file.name for file in running.logs.iterdir()} >= {
        "code-server.log",
        "web-server.log",
        "daemon.log",
    }


def test_a_home_can_be_served_only_once(running: Serving, settings: Settings) -> None:
    with pytest.raises(UserError, match="already serves"), serving(settings, free_port(), module=MODULE):
        pass


def test_a_served_port_in_use_is_reported(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(UserError, match=f"Port {port} .* STASH_PIPELINE_UI_PORT"),
            serving(load_settings(home=home), port),
        ):
            pass
    assert not (home / "postgres").exists()


def test_definitions_that_do_not_load_are_reported(home: Path) -> None:
    with (
        pytest.raises(UserError, match=r"code server terminated unexpectedly .*code-server.log"),
        serving(load_settings(home=home), free_port(), module="no_such_module"),
    ):
        pass
    assert processes_of(home) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(UserError, match=f"{host} is no address of this machine; give --host"):
        require_free(host, free_port())


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.faults)])
def test_one_signal_ends_all_processes_even_during_a_run(home: Path, number: signal.Signals) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with up(home, port) as process:
        ask(
            url,
            "mutation($s: RepositorySelector!) {addDynamicPartition(repositorySelector: $s, "
            'partitionsDefName: "instance", partitionKey: "slow") {__typename}}',
            s={"repositoryLocationName": "stash_pipeline", "repositoryName": "__repository__"},
        )
        run_id = launch(url, "slow")
        wait_for_status(url, run_id, "STARTED")
        process.send_signal(number)
        # the run would take ten minutes
        assert process.wait(120) == 0
        assert process.stderr is not None
        errors = process.stderr.read()
        assert "Traceback" not in errors and "Stopping ..." in errors
    assert processes_of(home) == []
    with running_server(home) as database_url, dagster_instance(home, database_url) as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status is DagsterRunStatus.FAILURE


@pytest.mark.faults
def test_the_end_of_one_process_ends_the_others(home: Path) -> None:
    with up(home, free_port()) as process:
        (daemon,) = (child for child in psutil.Process(process.pid).children() if "dagster._daemon" in child.cmdline())
        daemon.kill()
        assert process.wait(120) == 1
        assert process.stderr is not None
        assert "The daemon terminated unexpectedly (exit code -9)" in process.stderr.read()
    assert processes_of(home) == []


@pytest.mark.faults
def test_no_dagster_process_is_left_after_a_kill(home: Path) -> None:
    with up(home, free_port()) as process:
        process.kill()
        process.wait()
        wait_until(lambda: not [line for line in processes_of(home) if "dagster" in line])
    # The private server waits for the next user, who ends it.
    with serving(load_settings(home=home), free_port(), module=MODULE) as running:
        running.check()
    # what runs of the killed server would be forked from ends once it has imported everything
    wait_until(lambda: processes_of(home) == [])
