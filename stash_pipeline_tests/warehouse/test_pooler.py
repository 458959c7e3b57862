"""Behind a connection pooler: session mode works, and what shares sessions is refused before anything is written."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.runtime.dagster_schema import StorageError
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.warehouse import connect as connecting
from stash_pipeline.warehouse.connect import InstanceLock, InstanceLockedError, LockLostError, connect, instance_lock
from stash_pipeline.warehouse.database_session import SharedSessionError, refuse_shared
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline_tests.mirror.working import generated, new_mirror
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.test_cli import CommandLine
from stash_pipeline_tests.warehouse.pooler import Mode, pooled

pytestmark = pytest.mark.faults

REMEDY = "pool_mode = session"
PGBOUNCER = shutil.which("pgbouncer", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")


@contextmanager
def pgbouncer(database_url: str, mode: Mode, *, turns: bool = False) -> Iterator[str]:
    """The real one, where it is installed."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    parts = urlsplit(database_url)
    port = free_port()
    user = pwd.getpwuid(Path(parse_qs(parts.query)["host"][0]).stat().st_uid).pw_name
    with TemporaryDirectory(prefix="stash-pipeline-test-") as directory:
        folder = Path(directory)
        (folder / "users").write_text('"stash_writer" ""\n')
        (folder / "ini").write_text(
            f"[databases]\n* = host={parse_qs(parts.query)['host'][0]} port=5432 user=stash_writer\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"auth_file = {folder / 'users'}\npool_mode = {mode}\nlogfile = {folder / 'log'}\n"
            f"server_round_robin = {int(turns)}\ndefault_pool_size = 20\n"
        )
        shutil.chown(folder, user)
        command = [PGBOUNCER, *(["-u", user] if os.geteuid() == 0 else []), str(folder / "ini")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"postgresql://stash_writer@127.0.0.1:{port}{parts.path}?sslmode=disable"
        try:
            end = time.monotonic() + 120
            while True:
                try:
                    psycopg.connect(url, connect_timeout=5).close()
                    break
                except psycopg.OperationalError:
                    assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(120)


POOLERS = [pytest.param(pooled, id="pooler"), pytest.param(pgbouncer, id="pgbouncer")]


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    connecting._own_sessions.clear()
    yield
    connecting._own_sessions.clear()


# --- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("through", POOLERS)
def test_a_transaction_pooler_is_rejected_before_any_change(  # type: ignore[no-untyped-def]
    empty_database_url: str, home: Path, through, mode: Mode, turns: bool
) -> None:
    with through(empty_database_url, mode, turns=turns) as url:
        for _ in range(2):
            with pytest.raises(SharedSessionError, match=REMEDY):
                connect(url)
        with pytest.raises(UserError, match=REMEDY):
            upgrade(url)
        with pytest.raises(UserError, match=REMEDY), instance_lock(url, 1, "home"):
            pass
        with pytest.raises(StorageError, match=REMEDY), dagster_instance(home, url) as instance:
            instance.get_runs_count()
    with psycopg.connect(empty_database_url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname IN ('ops', 'raw', 'dagster')")
        assert found.fetchone() == (0,)
        # not even a lock is left in a session of the pooler's
        locks = connection.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database\n"
            "WHERE d.datname = current_database() AND locktype = 'advisory'"
        )
        assert locks.fetchone() == (0,)


@pytest.mark.parametrize("through", POOLERS)
def test_a_transaction_pooler_in_use_is_rejected(empty_database_url: str, through) -> None:  # type: ignore[no-untyped-def]
    with through(empty_database_url, "transaction") as url:
        others = [psycopg.connect(url, prepare_threshold=None) for _ in range(4)]
        try:
            for other in others[:2]:
                other.execute("SELECT 1")
            for other in others[2:]:
                other.execute("SELECT 1")
                other.commit()
            with pytest.raises(SharedSessionError, match=REMEDY):
                connect(url)
        finally:
            for other in others:
                other.close()


@pytest.mark.processes
@pytest.mark.parametrize("through", POOLERS)
def test_every_command_reports_a_transaction_pooler(database_url: str, home: Path, through) -> None:  # type: ignore[no-untyped-def]
    with through(database_url, "transaction") as url:
        for arguments in (["sync"], ["status"], ["db", "upgrade"], ["maintain"]):
            done = CommandLine(home, url).run(*arguments)
            assert done.returncode == 1
            assert REMEDY in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_shared_session_is_detected_by_its_backends() -> None:
    refuse_shared(1, 2, [1, 1, 1])
    with pytest.raises(SharedSessionError):
        refuse_shared(1, 1, [])
    with pytest.raises(SharedSessionError):
        refuse_shared(1, 2, [1, 1, 3])


# --- the lock itself, should a pooler not be recognised ------------------------------------------------------


@contextmanager
def trusting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pooler is recognised."""
    with monkeypatch.context() as patched:
        patched.setattr(connecting, "_require_own_session", lambda *_: None)
        yield


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("through", POOLERS)
def test_two_writers_never_hold_the_same_lock(  # type: ignore[no-untyped-def]
    database_url: str, monkeypatch: pytest.MonkeyPatch, through, turns: bool
) -> None:
    with trusting(monkeypatch), through(database_url, "transaction", turns=turns) as url:
        first_connection, second_connection = connect(url), connect(url)
        for connection in (first_connection, second_connection):
            connection.prepare_threshold = None
        first, second = (InstanceLock(each, 1, "home") for each in (first_connection, second_connection))
        taken = []
        for lock in (first, second):
            try:
                if lock.acquire():
                    lock.check()
                    taken.append(lock)
            except (SharedSessionError, LockLostError):
                pass
        assert len(taken) <= 1
        first_connection.close()
        second_connection.close()


def test_a_lock_that_moved_to_another_session_is_lost(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with trusting(monkeypatch), pooled(database_url, "transaction") as url, connect(url) as connection:
        lock = InstanceLock(connection, 1, "home")
        assert lock.acquire()
        lock.check()
        with psycopg.connect(url) as other:
            other.execute("SELECT 1")
            with pytest.raises(LockLostError, match="to another session of the database"):
                lock.check()


def test_a_lock_that_postgres_released_is_detected(database_url: str) -> None:
    """Also without a pooler: what gives up the locks of a session leaves its connection open."""
    with instance_lock(database_url, 1, "home") as lock:
        lock.check()
        with instance_lock(database_url, 2, "other") as other:
            other.check()
        with pytest.raises(InstanceLockedError), instance_lock(database_url, 1, "home"):
            pass
        lock._connection.execute("SELECT pg_advisory_unlock_all()")
        with pytest.raises(LockLostError):
            lock.check()


# --- session mode -------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.parametrize("through", POOLERS)
def test_syncs_work_with_a_session_pooler(empty_database_url: str, home: Path, through) -> None:  # type: ignore[no-untyped-def]
    with through(empty_database_url, "session") as url:
        upgrade(url)
        server = new_mirror(url, home, generated(20))
        with instance_lock(url, server.instance.id, server.instance.name) as lock:
            server.refresh()
            lock.check()
            with pytest.raises(InstanceLockedError), instance_lock(url, server.instance.id, server.instance.name):
                pass
        assert server.differences() == ""
        with dagster_instance(home, url) as instance:
            instance.add_dynamic_partitions("instance", ["home"])
            assert instance.get_dynamic_partitions("instance") == ["home"]
    assert url in connecting._own_sessions
