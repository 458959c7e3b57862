"""A run that is interrupted in any way leaves no partial writes; the next run repairs the rest."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from stash_pipeline.instances import LaneName
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.warehouse.connect import LockLostError, connect, instance_lock
from stash_pipeline_tests.robustness.working import (
    assert_consistent,
    assert_converged,
    blocking,
    change,
    documents,
    register,
    simulated,
    wait_for,
)
from stash_pipeline_tests.test_cli import CommandLine

pytestmark = pytest.mark.faults

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'stash_pipeline' AND datname = current_database() AND pid <> pg_backend_pid()
    AND (wait_event_type = 'Lock' OR state <> 'idle')
"""


@pytest.fixture
def command_line(home: Path, database_url: str) -> Iterator[CommandLine]:
    yield CommandLine(home, database_url)


def active(database_url: str) -> int:
    """Our statements that the server executes, or that wait for a lock."""
    with connect(database_url) as connection:
        row = connection.execute(WAITING).fetchone()
        return int(row[0]) if row else 0


def waiting(database_url: str) -> bool:
    """Whether a statement waits for the lock of a table or of one of its partitions."""
    with connect(database_url) as connection:
        row = connection.execute(
            "SELECT FROM pg_locks WHERE locktype = 'relation' AND NOT granted\n"
            "    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
        return row is not None


def killed(command_line: CommandLine, seconds: float, mode: str = "changes") -> bool:
    """Starts a sync and kills it after this time, counted from its first request; False if it ended before."""
    process = command_line.start("sync", "home", "--mode", mode)
    url = command_line.database_url or ""

    def running() -> bool:
        with connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM ops.sync_runs WHERE status = 'running'").fetchone()
        return process.poll() is not None or row != (0,)

    wait_for(running, "the run to begin")
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    return False


def kill_at(command_line: CommandLine, instants: list[float], lane: LaneName) -> None:
    """Kills initial loads and updates in turn, and checks the result of each."""
    stash = simulated(60, latency=0.01)
    url = command_line.database_url or ""
    mode = "reconcile" if lane == "snapshot" else "changes"
    with stash.running() as server:
        instance = register(url, command_line.home, server.url, lane=lane)
        hits = 0
        for number, seconds in enumerate(instants):
            if number == len(instants) // 2:
                # from here on there is something that can be spoilt
                assert command_line.run("sync", "home").returncode == 0
            if number >= len(instants) // 2:
                change(stash, number)
            hits += killed(command_line, seconds, mode)
            # the server notices the dead client at its next word, and takes back what it had not committed
            wait_for(lambda: not active(url), "the end of the killed run's statements")
            assert_consistent(url, instance.id)
        assert hits, "every run was over before it was killed"
        done = command_line.run("sync", "home", "--no-wait", "--mode", mode)
        assert done.returncode == 0, done.stderr
        assert_converged(url, instance.id, stash)
        assert not list(command_line.home.glob("snapshots/*"))


@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
def test_a_sync_survives_kill_9_at_some_points(command_line: CommandLine, lane: LaneName) -> None:
    kill_at(command_line, [0.2, 0.4, 0.3, 0.5], lane)


@pytest.mark.soak
@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
@pytest.mark.parametrize("seed", range(3))
def test_a_sync_survives_kill_9_at_many_points(command_line: CommandLine, seed: int, lane: LaneName) -> None:
    rng = random.Random(seed)
    kill_at(command_line, [rng.uniform(0, 1.2) for _ in range(24)], lane)


@pytest.mark.parametrize("table", [pytest.param("raw.scenes", marks=pytest.mark.soak), "stash.scenes"])
def test_ctrl_c_ends_a_run_also_in_a_statement_that_waits(command_line: CommandLine, table: str) -> None:
    """The statement itself waits, for a lock that a third party holds: in the load, and in the transformation."""
    stash = simulated(20)
    url = command_line.database_url or ""
    with stash.running() as server:
        instance = register(url, command_line.home, server.url)
        assert command_line.run("sync", "home").returncode == 0
        change(stash, 0)
        with blocking(url, table):
            process = command_line.start("sync", "home")
            wait_for(lambda: waiting(url), "the statement that waits")
            process.send_signal(signal.SIGINT)
            # while the lock is still held
            _, err = process.communicate(timeout=120)
            # the server may notice the end of a connection after the process has ended; only the holder remains
            wait_for(lambda: active(url) <= 1, "the end of the statement")
            assert not waiting(url)
            with instance_lock(url, instance.id, "home"):
                pass
        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert_consistent(url, instance.id)
        done = command_line.run("sync", "home", "--no-wait")
        assert done.returncode == 0, done.stderr
        assert_converged(url, instance.id, stash)


def test_runs_whose_command_was_killed_are_canceled(command_line: CommandLine) -> None:
    """Several instances are read by a process each, which outlives the command."""
    url = command_line.database_url or ""
    with simulated(60, latency=0.1).running() as home, simulated(60, seed=8, latency=0.1).running() as away:
        register(url, command_line.home, home.url, lane="graphql")
        register(url, command_line.home, away.url, "away", lane="graphql")
        process = command_line.start("sync", "--mode", "sweep")
        wait_for(lambda: documents(url), "the first documents")
        process.kill()
        process.communicate()

        def statuses() -> list[DagsterRunStatus]:
            """Of the runs, if all have ended."""
            with dagster_instance(command_line.home, url) as dagster:
                runs = dagster.get_runs()
            return [run.status for run in runs] if all(run.is_finished for run in runs) else []

        assert set(wait_for(statuses, "the end of the runs")) == {DagsterRunStatus.CANCELED}
        assert command_line.run("sync", "--no-wait").returncode == 0


def test_a_second_run_of_an_instance_waits_or_fails_as_configured(command_line: CommandLine) -> None:
    stash = simulated(10)
    url = command_line.database_url or ""
    with stash.running() as server:
        instance = register(url, command_line.home, server.url)
        # a lock of the database, not of this machine: held by whoever, from wherever
        with instance_lock(url, instance.id, "home"):
            refused = command_line.run("sync", "home", "--no-wait")
            assert refused.returncode == 1 and "Another run is writing to instance home" in refused.stderr
            assert "Traceback" not in refused.stderr
            waiting = command_line.start("sync", "home", "--wait", "30")
            time.sleep(3)
            assert waiting.poll() is None
        _, err = waiting.communicate(timeout=120)
        assert waiting.returncode == 0, err
        assert_converged(url, instance.id, stash)


def test_a_run_that_lost_its_lock_stops_writing(command_line: CommandLine) -> None:
    stash = simulated(60, latency=0.1)
    url = command_line.database_url or ""
    with stash.running() as server:
        # page by page: a snapshot of the database is written in one transaction
        instance = register(url, command_line.home, server.url, lane="graphql")
        process = command_line.start("sync", "home")
        wait_for(lambda: documents(url), "the first documents")
        with connect(url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted\n"
                "AND classid = %s AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                [0x53545348],
            )
        with instance_lock(url, instance.id, "home"):
            _, err = process.communicate(timeout=120)
            assert process.returncode == 1
            assert "The lock of instance home was lost" in err and "Traceback" not in err
        stash.latency = 0
        assert command_line.run("sync", "home").returncode == 0
        assert_converged(url, instance.id, stash)


def test_the_lock_detects_its_loss(database_url: str) -> None:
    with instance_lock(database_url, 4711, "home") as lock:
        lock.check()
        with connect(database_url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity\n"
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(LockLostError, match="instance home was lost"):
            lock.check()


def test_a_killed_run_does_not_block_the_queue(command_line: CommandLine) -> None:
    """Dagster's record of a killed run is closed by the next process that runs a job."""
    stash = simulated(20, latency=0.3)
    url = command_line.database_url or ""
    with stash.running() as server:
        register(url, command_line.home, server.url)
        assert killed(command_line, 0.3)
        stash.latency = 0
        assert command_line.run("sync", "home", "--no-wait").returncode == 0
    with connect(url) as connection:
        rows = connection.execute("SELECT status FROM dagster.runs ORDER BY id").fetchall()
    assert [row[0] for row in rows] == ["FAILURE", "SUCCESS"]
