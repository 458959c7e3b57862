"""The private Postgres: shared while it is used, gone afterwards, and never in the way of the next start."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres, running_server

pytestmark = pytest.mark.processes

USE_AND_WAIT = """
import sys, time
from pathlib import Path
from stash_pipeline.warehouse.embedded.server import running_server
with running_server(Path(sys.argv[1]), options={"fsync": "off"}) as url:
    print(url, flush=True)
    time.sleep(600)
"""

FAST = {"fsync": "off", "shared_buffers": "16MB"}


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def other_process(home: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", USE_AND_WAIT, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def test_the_server_keeps_its_data_and_runs_only_while_used(home: Path) -> None:
    with running_server(home, options=FAST) as url, psycopg.connect(url) as connection:
        connection.execute("create table kept as select 'Ünïcode' as word")
        pid = postmaster_pid(home)
    assert not runs(pid)
    began = time.monotonic()
    with running_server(home, options=FAST) as url, psycopg.connect(url) as connection:
        assert time.monotonic() - began < 2
        row = connection.execute("select word, lower(word), word ~ '^\\w+$' from kept").fetchone()
        assert row == ("Ünïcode", "ünïcode", True)


def test_the_server_is_tuned_and_has_no_network_socket(home: Path) -> None:
    with running_server(home, options={"fsync": "off"}) as url, psycopg.connect(url) as connection:
        names = ("shared_buffers", "wal_level", "jit", "listen_addresses", "max_connections", "fsync")
        found = [connection.execute("select current_setting(%s)", [name]).fetchone() for name in names]
        assert found == [("256MB",), ("minimal",), ("off",), ("",), ("200",), ("off",)]
    assert (home / "postgres").stat().st_mode & 0o077 == 0


def test_users_share_one_server_and_the_last_one_stops_it(home: Path) -> None:
    first, second = EmbeddedPostgres(home, options=FAST), EmbeddedPostgres(home, options=FAST)
    assert first.start() == second.start()
    pid = postmaster_pid(home)
    first.stop()
    first.stop()
    psycopg.connect(second.url).close()
    assert postmaster_pid(home) == pid
    second.stop()
    assert not runs(pid)


def test_many_threads_can_start_the_server_concurrently(home: Path) -> None:
    errors: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(2):
                with running_server(home, options=FAST) as url:
                    psycopg.connect(url).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_a_killed_user_neither_stops_nor_leaks_the_server(home: Path) -> None:
    with other_process(home) as killed:
        pid = postmaster_pid(home)
        with running_server(home) as url:
            killed.kill()
            killed.wait()
            psycopg.connect(url).close()
            assert postmaster_pid(home) == pid
    assert not runs(pid)


def test_ctrl_c_in_a_terminal_does_not_reach_the_server(home: Path) -> None:
    with other_process(home) as process:
        pid = postmaster_pid(home)
        assert os.getsid(pid) != os.getsid(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(120)
    # Ended by its user, in an orderly way: nothing is left to recover.
    wait_until(lambda: not runs(pid))
    assert "database system is shut down" in (home / "postgres" / "server.log").read_text()


def test_the_server_recovers_after_all_processes_were_killed(home: Path) -> None:
    with other_process(home) as process:
        with psycopg.connect(EmbeddedPostgres(home).url) as connection:
            connection.execute("create table kept as select 1 as one")
        server = psutil.Process(postmaster_pid(home))
        for victim in (psutil.Process(process.pid), server, *server.children()):
            # a backend may have ended with its connection meanwhile
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        process.wait()
    assert (home / "postgres" / "postmaster.pid").exists()
    with running_server(home, options=FAST) as url, psycopg.connect(url) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_a_stale_pid_file_of_another_program_is_ignored(home: Path) -> None:
    with running_server(home, options=FAST):
        content = (home / "postgres" / "postmaster.pid").read_text()
    stale = home / "postgres" / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *content.split("\n")[1:]]))
    with running_server(home, options=FAST) as url:
        psycopg.connect(url).close()


def test_a_partially_created_database_is_recreated(home: Path) -> None:
    (home / ".postgres.new").mkdir()
    (home / ".postgres.new" / "PG_VERSION").write_text("18\n")
    with running_server(home, options=FAST) as url:
        psycopg.connect(url).close()


def test_long_and_unusual_paths_work(home: Path) -> None:
    odd = home / 'it\'s a long, 50 % "quoted" näme' / ("x" * 90)
    with running_server(odd, options=FAST) as url:
        psycopg.connect(url).close()


def _as_nobody(home: Path, answer: "multiprocessing.Queue[object]") -> None:
    os.setgid(65534)
    os.setuid(65534)
    try:
        with running_server(home, options=FAST) as url:
            psycopg.connect(url).close()
            answer.put(psutil.Process(postmaster_pid(home)).uids().real)
    except BaseException as error:
        answer.put(repr(error))


@pytest.mark.skipif(os.geteuid() != 0, reason="tests run as an ordinary user show it all the time")
def test_an_ordinary_user_runs_the_server_as_that_user(home: Path) -> None:
    with running_server(home / "warm", options=FAST) as url:  # imports what `nobody` may not read
        psycopg.connect(url).close()
    own = home / "own"
    own.mkdir()
    os.chown(own, 65534, 65534)
    for step in own.parents:
        step.chmod(step.stat().st_mode | 0o001)
    fork = multiprocessing.get_context("fork")
    answer: multiprocessing.Queue[object] = fork.Queue()
    child = fork.Process(target=_as_nobody, args=(own, answer))
    child.start()
    assert answer.get(timeout=120) == 65534
    child.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_a_database_of_another_user_is_reported_with_its_remedy(home: Path) -> None:
    with running_server(home, options=FAST):
        pass
    data = home / "postgres"
    owner = data.owner()
    shutil.chown(data, 0)
    with pytest.raises(UserError, match=f"belongs to user root.*chown -R {owner} "), running_server(home):
        pass
    shutil.chown(data, owner)
    with running_server(home, options=FAST) as url:
        psycopg.connect(url).close()


def test_an_unusable_home_is_reported(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(UserError, match="STASH_PIPELINE_HOME"), running_server(home / "file"):
        pass
    (home / "postgres").mkdir()
    (home / "postgres" / "photo.jpg").write_text("")
    with pytest.raises(UserError, match="is not a database"), running_server(home):
        pass


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGHOSTADDR", "127.0.0.1"),
        ("PGREQUIREAUTH", "scram-sha-256"),
        ("PGCHANNELBINDING", "require"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGOPTIONS", "-c nonsense=1"),
        ("PGTZ", "Nowhere/Atall"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGSERVICE", "elsewhere"),
        ("PGPORT", "1"),
        ("PGSSLMODE", "verify-full"),
    ],
)
def test_environment_variables_do_not_change_the_connection(
    home: Path, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with running_server(home, options=FAST) as url, psycopg.connect(url) as connection:
        assert connection.execute("SHOW client_encoding").fetchone() == ("UTF8",)


def test_a_server_that_does_not_start_is_reported(home: Path) -> None:
    with pytest.raises(UserError, match=r"does not start: .*FATAL.*see its log: "):
        EmbeddedPostgres(home, options={"shared_buffers": "900TB"}).start()
    with running_server(home, options=FAST) as url:
        psycopg.connect(url).close()
