"""A job run in this process is a run like any other."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus, RunsFilter

from stash_pipeline.errors import UserError
from stash_pipeline.home_names import home_name
from stash_pipeline.interrupts import accept_interrupt, repeat_dropped_interrupts
from stash_pipeline.runtime.dagster_home import installed_file, prepare_dagster_home
from stash_pipeline.runtime.dagster_internals import ReconstructableRepository, execute_run
from stash_pipeline.runtime.in_process import RunResult, dagster_instance, run_job
from stash_pipeline.runtime.orphaned_runs import end_orphaned_runs
from stash_pipeline.runtime.process_leases import HOST_TAG, PROCESS_TAG, has_ended, process_tags
from stash_pipeline.settings import get_settings
from stash_pipeline_tests.automation import dummy_definitions

MODULE = dummy_definitions.__name__
PARTITIONS = ["home", "away", "unchanged", "broken", "odd", "restarted", "interrupted", "interrupted_in_a_finalizer"]


@pytest.fixture
def instance(home: Path, database_url: str) -> Iterator[DagsterInstance]:
    with dagster_instance(home, database_url) as opened:
        opened.add_dynamic_partitions("instance", PARTITIONS)
        yield opened


def run(instance: DagsterInstance, partition: str) -> RunResult:
    return run_job("refresh", instance=instance, partition_key=partition, module=MODULE)


def test_a_run_belongs_to_its_job_and_code_location(instance: DagsterInstance) -> None:
    result = run(instance, "home")
    assert result.success
    assert result.failure is None
    found = instance.get_run_by_id(result.run_id)
    assert found is not None
    assert found.job_name == "refresh"
    assert found.status is DagsterRunStatus.SUCCESS
    assert found.tags["dagster/partition"] == "home"
    assert found.tags["kind"] == "refresh"
    # How the pages of a job and of a code location find their runs.
    label = RunsFilter(job_name="refresh", tags={".dagster/repository": "__repository__@stash_pipeline"})
    assert instance.get_runs_count(label) == 1
    assert found.tags["dagster/code_location"] == "stash_pipeline"
    assert found.remote_job_origin is not None
    assert found.remote_job_origin.job_name == "refresh"
    assert found.job_code_origin is not None
    assert instance.get_materialized_partitions(AssetKey(["raw", "scenes"])) == {"home"}


def test_no_process_is_started_to_capture_the_output_of_a_run(instance: DagsterInstance) -> None:
    manager, key = instance.compute_log_manager, ["run", "compute_logs", "step"]
    before = {child.pid for child in psutil.Process().children()}
    with manager.capture_logs(key):
        assert {child.pid for child in psutil.Process().children()} == before
        assert not manager.is_capture_complete(key)
    # the run's page waits for nothing
    assert manager.is_capture_complete(key)
    assert not manager.get_log_data(key).stdout


def test_unchanged_assets_are_not_materialized(instance: DagsterInstance) -> None:
    assert run(instance, "unchanged").success
    assert instance.get_materialized_partitions(AssetKey(["raw", "scenes"])) == set()


@pytest.mark.parametrize(
    ("partition", "words"),
    [
        ("broken", "The server says no: say yes."),
        ("odd", "KeyError: 'no such thing'"),
        (
            "restarted",
            "The database failed (server closed the connection unexpectedly); check that it is running and has free "
            "space, and try again.",
        ),
    ],
)
def test_a_failed_run_reports_the_message_of_its_error(instance: DagsterInstance, partition: str, words: str) -> None:
    result = run(instance, partition)
    assert (result.success, result.failure) == (False, words)
    found = instance.get_run_by_id(result.run_id)
    assert found is not None
    assert found.status is DagsterRunStatus.FAILURE


def test_an_interrupted_run_is_canceled_and_not_retried(instance: DagsterInstance) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(instance, "interrupted")
    (found,) = instance.get_runs()
    assert found.status is DagsterRunStatus.CANCELED
    assert found.tags["dagster/max_retries"] == "0"


def test_an_interrupt_inside_a_finalizer_of_a_step_cancels_the_run(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step has a handler of Dagster's for the signal; Python drops the exception that it raises in a finalizer."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    repeat_dropped_interrupts()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(instance, "interrupted_in_a_finalizer")
    finally:
        accept_interrupt()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    (found,) = instance.get_runs()
    assert found.status is DagsterRunStatus.CANCELED


def test_two_threads_can_run_jobs_concurrently(instance: DagsterInstance) -> None:
    results: dict[str, RunResult] = {}

    def work(partition: str) -> None:
        results[partition] = run(instance, partition)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("home", "away", "broken")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: result.success for name, result in results.items()} == {
        "home": True,
        "away": True,
        "broken": False,
    }
    assert instance.get_materialized_partitions(AssetKey(["raw", "tags"])) == {"home", "away"}


def test_an_unknown_partition_is_rejected_without_a_run(instance: DagsterInstance) -> None:
    with pytest.raises(UserError, match="no partition 'nowhere'"):
        run(instance, "nowhere")
    assert instance.get_runs_count() == 0


def test_runs_do_not_write_to_the_terminal(instance: DagsterInstance, capfd: pytest.CaptureFixture[str]) -> None:
    run(instance, "home")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_only_runs_of_killed_processes_are_ended(instance: DagsterInstance, tmp_path: Path) -> None:
    started = {}
    home = get_settings().home
    gone = f"/tmp/stash-pipeline-gone/{home_name(home)}.sock"
    cases = {
        "killed": {PROCESS_TAG: _process_of(home, killed=True)},
        "killed server": {".dagster/grpc_info": f'{{"socket": "{gone}"}}'},
        "here": dict(process_tags(home)),
        "elsewhere": {HOST_TAG: socket.gethostname(), PROCESS_TAG: _process_of(tmp_path / "other", killed=True)},
        "other server": {".dagster/grpc_info": '{"socket": "/tmp/another.sock"}'},
        "started by that server": {
            **process_tags(home),
            ".dagster/grpc_info": f'{{"socket": "{gone}"}}',
        },
    }
    definition = _job()
    for name, more in cases.items():
        created = instance.create_run_for_job(definition, status=DagsterRunStatus.STARTED, tags=more)
        started[created.run_id] = name
    killed = next(run_id for run_id, name in started.items() if name == "killed")
    for name, tag in ("retry", cases["killed"]), ("killed retry", {PROCESS_TAG: _process_of(home, killed=True)}):
        created = instance.create_run_for_job(
            definition, status=DagsterRunStatus.STARTING, tags=tag, parent_run_id=killed, root_run_id=killed
        )
        started[created.run_id] = name
    assert end_orphaned_runs(instance) == 3
    failed = {started[run.run_id] for run in instance.get_runs() if run.status is DagsterRunStatus.FAILURE}
    assert failed == {"killed", "killed server", "killed retry"}


def _process_of(home: Path, *, killed: bool) -> str:
    """The tag of a process with that home that took a lease, and was killed."""
    program = f"""
import os, signal
from pathlib import Path
from stash_pipeline.runtime.process_leases import PROCESS_TAG, process_tags
print(process_tags(Path({str(home)!r}))[PROCESS_TAG], flush=True)
{"os.kill(os.getpid(), signal.SIGKILL)" if killed else ""}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout.strip()


def test_a_process_that_ends_leaves_no_lease(home: Path) -> None:
    ended = _process_of(home, killed=False)
    assert has_ended(home, ended)
    assert list((home / "processes").iterdir()) == []


def test_a_run_that_another_process_created_is_tagged_when_it_starts(instance: DagsterInstance) -> None:
    job = ReconstructableRepository.for_module(MODULE, fn_name="defs").get_reconstructable_job("refresh")
    tags = {"dagster/partition": "home", PROCESS_TAG: "of/whoever-created-it"}
    created = instance.create_run_for_job(_job(), tags=tags, job_code_origin=job.get_python_origin())
    assert execute_run(job, created, instance).success
    found = instance.get_run_by_id(created.run_id)
    assert found is not None and process_tags(get_settings().home).items() <= found.tags.items()


def _job():  # type: ignore[no-untyped-def]
    from stash_pipeline_tests.automation.dummy_definitions import defs

    return defs.get_repository_def().get_job("refresh")


def test_dagster_home_gets_the_installed_configuration_when_it_changes(home: Path) -> None:
    directory = prepare_dagster_home(home)
    assert (directory / "dagster.yaml").read_text().endswith(installed_file("dagster.yaml").read_text())
    (directory / "dagster.yaml").write_text("telemetry: {enabled: true}")
    prepare_dagster_home(home)
    assert "WarehouseDagsterStorage" in (directory / "dagster.yaml").read_text()
    (home / "file").write_text("")
    with pytest.raises(UserError, match="STASH_PIPELINE_HOME"):
        prepare_dagster_home(home / "file")
