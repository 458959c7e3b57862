"""Database problems are reported in a sentence with exit code 1, and leave no partial writes."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.access import WRITER
from stash_pipeline.warehouse.connect import connect, database_sentence
from stash_pipeline.warehouse.embedded.programs import programs_for, run_program, server_user
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres, running_server
from stash_pipeline.warehouse.migrate import require_version, upgrade
from stash_pipeline_tests.conftest import address_of, as_superuser, drop_database
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.robustness.working import (
    assert_consistent,
    assert_converged,
    change,
    documents,
    register,
    simulated,
    wait_for,
)
from stash_pipeline_tests.test_cli import CommandLine

pytestmark = pytest.mark.processes


def error_sentence(done: "subprocess.CompletedProcess[str]") -> str:
    """The only line on standard error of a failed command."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


# --- restarted, full ------------------------------------------------------------------------------------


def crash(home: Path) -> None:
    """Stops Postgres like a crash of the machine: without checkpoint and without notifying clients."""
    user = server_user()
    command = (programs_for(user) / "pg_ctl", "stop", "-m", "immediate", "-w", "-D", ".")
    code, output = run_program(command, user, directory=home / "postgres")
    assert code == 0, output


@pytest.mark.faults
def test_a_postgres_restart_during_a_run_is_reported(home: Path) -> None:
    command_line = CommandLine(home, None)
    stash = simulated(60, latency=0.1)
    with EmbeddedPostgres(home) as database, stash.running() as server:
        upgrade(database.url)
        instance = register(database.url, home, server.url)
        process = command_line.start("sync", "home")
        wait_for(lambda: documents(database.url), "the first documents")
        crash(home)
        with EmbeddedPostgres(home):
            _, err = process.communicate(timeout=60)
            assert process.returncode == 1, err
            assert "Traceback" not in err
            assert "database failed" in err or "was lost" in err or "cannot be reached" in err, err
            assert_consistent(database.url, instance.id)
            stash.latency = 0
            done = command_line.run("sync", "home", "--no-wait")
            assert done.returncode == 0, done.stderr
            assert_converged(database.url, instance.id, stash)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A directory on its own file system."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    with TemporaryDirectory(prefix="stash-pipeline-test-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "none", directory]
        mounted = subprocess.run(mount, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", "-l", directory], check=True)


def fill(ballast: Path, leave: int) -> None:
    """Fills the disk except for a number of bytes."""
    room = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leave)


@pytest.mark.faults
@pytest.mark.parametrize(
    "leaves", [[1 << 22], pytest.param([0, *(n << 18 for n in range(64, 74))], marks=pytest.mark.soak, id="many")]
)
def test_a_full_disk_is_reported(leaves: list[int]) -> None:
    # more than fits, wherever in its log the database is
    stash = simulated(600 if len(leaves) == 1 else 60)
    with small_disk(256) as home, stash.running() as server:
        command_line = CommandLine(home, None)
        with running_server(home) as url:
            upgrade(url)
            instance = register(url, home, server.url)
        ballast = home / "ballast"
        for number, leave in enumerate(leaves):
            fill(ballast, leave)
            done = command_line.run("sync", "home")
            assert "Traceback" not in done.stderr
            assert done.returncode == 0 or (done.returncode == 1 and done.stderr), done.stderr
            ballast.unlink()
            with running_server(home) as url:
                assert_consistent(url, instance.id)
            if done.returncode == 0:
                change(stash, number)
        if len(leaves) == 1:
            assert "No space left on device" in done.stderr, done.stderr
        with running_server(home) as url:
            done = command_line.run("sync", "home", "--no-wait")
            assert done.returncode == 0, done.stderr
            assert_converged(url, instance.id, stash)


@pytest.mark.faults
@pytest.mark.parametrize("megabytes", [8, 20])
def test_a_disk_that_is_too_small_for_a_database_is_reported(megabytes: int) -> None:
    with small_disk(megabytes) as home:
        for _ in range(2):
            sentence = error_sentence(CommandLine(home, None).run("status"))
            assert sentence.startswith(f"stash-pipeline: Cannot create a database under {home}: ")
            assert "No space left on device" in sentence and "MB are free; free some space, or set" in sentence
            assert "initdb" not in sentence
        assert not (home / ".postgres.new").exists() and not (home / "postgres").exists()


@pytest.mark.faults
@pytest.mark.parametrize("private", [True, False])
def test_the_end_of_postgres_is_reported_once(home: Path, private: bool) -> None:
    command_line = CommandLine(home, None)
    stash = simulated(60, latency=0.1)
    with EmbeddedPostgres(home) as database, stash.running() as server:
        if not private:
            command_line = CommandLine(home / "other", database.url)
        upgrade(database.url)
        register(database.url, command_line.home, server.url)
        process = command_line.start("sync", "home")
        wait_for(lambda: documents(database.url), "the first documents", 180)
        crash(home)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in err and "Retrying" not in err
    # one of Dagster's own may come before it
    lines = [line for line in err.splitlines() if line and not line.startswith("Exception while writing logger call")]
    assert len(lines) == 1, err
    assert lines[0].startswith("stash-pipeline: The database failed")


def test_a_full_disk_is_distinguished_from_other_failures() -> None:
    full = psycopg.errors.DiskFull("could not extend file\nHINT: …")
    assert database_sentence(full).startswith("The disk of the database is full (could not extend file)")
    assert "The database failed (server closed" in database_sentence(psycopg.OperationalError("server closed."))
    assert "OperationalError" in database_sentence(psycopg.OperationalError())


# --- not to be used -------------------------------------------------------------------------------------


def test_a_database_newer_than_the_code_is_rejected(home: Path, database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("UPDATE ops.alembic_version SET version_num = '9999'")
    sentence = error_sentence(CommandLine(home, database_url).run("sync"))
    assert "schema 9999, which this version of stash-pipeline does not know" in sentence


@pytest.mark.parametrize(("version", "accepted"), [(140012, False), (150000, True), (180000, True)])
def test_an_old_postgres_is_rejected(version: int, accepted: bool) -> None:
    """No old server is available: this tests the check itself, with the version number of one."""
    if accepted:
        require_version(version)
        return
    with pytest.raises(UserError, match="older than Postgres 15"):
        require_version(version)


def test_a_user_without_the_create_privilege_is_rejected(home: Path, empty_database_url: str) -> None:
    with psycopg.connect(as_superuser(empty_database_url), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
    guest = urlsplit(empty_database_url)
    url = guest._replace(netloc=guest.netloc.replace(f"{WRITER}@", "guest@")).geturl()
    sentence = error_sentence(CommandLine(home, url).run("status"))
    assert "lacks a privilege: permission denied for database" in sentence


def test_a_missing_database_is_reported(home: Path) -> None:
    url = f"postgresql://me:hush@127.0.0.1:{free_port()}/stash"
    sentence = error_sentence(CommandLine(home, url).run("status"))
    assert "cannot be reached" in sentence and "hush" not in sentence


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_with_another_encoding_is_rejected(postgres: str, home: Path, encoding: str) -> None:
    name = f"in_{encoding.lower()}"
    with psycopg.connect(as_superuser(postgres), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} OWNER {WRITER} ENCODING '{encoding}' TEMPLATE template0\n"
            "LOCALE_PROVIDER libc LOCALE 'C'"
        )
    try:
        command_line = CommandLine(home, address_of(name, postgres))
        for arguments in (["sync"], ["db", "upgrade"], ["instances", "add", "home", "http://127.0.0.1:9"]):
            sentence = error_sentence(command_line.run(*arguments))
            assert f"The encoding of the database is {encoding}" in sentence and "ENCODING 'UTF8'" in sentence
        with psycopg.connect(command_line.database_url or "") as connection:
            found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname IN ('ops', 'raw', 'dagster')")
            assert found.fetchone() == (0,)
    finally:
        drop_database(postgres, name)


@pytest.mark.parametrize("url", ["postgresql://usr:HUSH", "postgresql://usr:HUSH@127.0.0.1:abc/d"])
def test_an_invalid_database_url_is_reported(home: Path, url: str) -> None:
    for arguments in (["status"], ["sync"], ["up"]):
        sentence = error_sentence(CommandLine(home, url).run(*arguments))
        assert "STASH_PIPELINE_DATABASE_URL: its port is not a number" in sentence and "HUSH" not in sentence


def test_a_port_in_use_is_reported(home: Path, database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = error_sentence(CommandLine(home, database_url).run("up", "--port", str(port)))
    assert f"Port {port} of 127.0.0.1 is not available" in sentence and "--port" in sentence


def test_an_unset_variable_is_reported(home: Path, database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute(
            "INSERT INTO ops.instances (name, url, api_key_env)\n"
            "VALUES ('home', 'http://127.0.0.1:9/graphql', 'NOT_SET')"
        )
    sentence = error_sentence(CommandLine(home, database_url).run("sync"))
    assert "The variable NOT_SET with the API key of instance home is not set" in sentence


def test_an_invalid_setting_is_reported(home: Path, database_url: str) -> None:
    command_line = CommandLine(home, database_url)
    command_line.environment["STASH_PIPELINE_LOG_LEVEL"] = "LOUD"
    assert "STASH_PIPELINE_LOG_LEVEL" in error_sentence(command_line.run("status"))
