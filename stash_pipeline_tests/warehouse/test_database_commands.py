"""``db`` and ``psql``: other programs reach the private Postgres, for as long as they are meant to."""

import signal
import socket
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from stash_pipeline.commands.database import without_password
from stash_pipeline.warehouse.access import READER, WRITER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres, running_server
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.test_cli import CommandLine
from stash_pipeline_tests.warehouse.test_embedded import postmaster_pid, runs, wait_until


def test_an_address_is_shown_without_its_password() -> None:
    shown = without_password("postgresql://me:hush@127.0.0.1:5432/stash?password=hush&sslmode=disable")
    assert shown == "postgresql://me@127.0.0.1:5432/stash?sslmode=disable"


@pytest.mark.processes
def test_a_kept_server_survives_commands_and_crashes_until_it_is_stopped(home: Path) -> None:
    port = free_port()
    program = CommandLine(home, None)
    program.environment["STASH_PIPELINE_PRIVATE_PORT"] = str(port)

    def run(*arguments: str) -> str:
        done = program.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert f"port {port} of 127.0.0.1" in run("db", "start")
    try:
        pid = postmaster_pid(home)
        reader, writer = run("db", "url"), run("db", "url", "--role", "writer")
        for address, role in ((reader, READER), (writer, WRITER)):
            assert f"{role}:" in address and f"127.0.0.1:{port}" in address
            with psycopg.connect(address) as connection:
                row = connection.execute("SELECT current_user, 'scenes'::regclass = 'stash.scenes'::regclass")
                assert row.fetchone() == (role, True)
        # without a password, and as superuser, nobody is let in
        for wrong in (f"{READER}@", f"{READER}:wrong@", "postgres@"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(f"postgresql://{wrong}127.0.0.1:{port}/stash_pipeline")
        renewed = run("db", "url", "--new-password")
        assert renewed != reader
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(reader)
        psycopg.connect(renewed).close()
        password = renewed.partition("@")[0].rpartition(":")[2]
        stored = [path for path in home.iterdir() if path.is_file()]
        assert not any(password.encode() in path.read_bytes() for path in stored)
        assert password not in run("status")

        assert run("psql", "-Atc", "SELECT current_user, count(*) FROM scenes") == f"{READER}|0"
        assert run("psql", "--role", "writer", "-At", "-c", "SELECT count(*) FROM scenes") == "0"
        assert run("psql", "--", "--tuples-only", "--no-align", "--command=SELECT 7") == "7"
        with program.start("psql", "-Atc", "SELECT generate_series(1, 1000000)") as rows:
            assert rows.stdout is not None and rows.stdout.readline() == "1\n"
            rows.stdout.close()
        # as shells report SIGPIPE
        assert rows.returncode == 128 + signal.SIGPIPE
        assert postmaster_pid(home) == pid and runs(pid)

        server = psutil.Process(pid)
        children = server.children()
        for victim in (server, *children):
            # the others end when they notice
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
        wait_until(lambda: not runs(pid))
        assert "127.0.0.1" in run("db", "url")
        psycopg.connect(renewed).close()
        assert postmaster_pid(home) != pid
    finally:
        pid = postmaster_pid(home)
        assert "was stopped" in run("db", "stop")
        wait_until(lambda: not runs(pid))
    assert "does not run" in run("db", "stop")


@pytest.mark.processes
def test_a_busy_port_is_reported(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        program = CommandLine(home, None)
        program.environment["STASH_PIPELINE_PRIVATE_PORT"] = str(other.getsockname()[1])
        done = program.run("db", "start")
    assert done.returncode == 1 and "STASH_PIPELINE_PRIVATE_PORT" in done.stderr


@pytest.mark.processes
def test_a_database_of_the_superuser_is_handed_over(home: Path) -> None:
    """As earlier versions made them: everything belongs to postgres."""
    with running_server(home) as url:
        upgrade(url)
        admin = url.replace(f"{WRITER}@", "postgres@")
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("INSERT INTO ops.instances (name, url) VALUES ('home', 'http://127.0.0.1:9')")
            connection.execute(f"REASSIGN OWNED BY {WRITER} TO postgres")
            connection.execute(f"DROP OWNED BY {WRITER}")
            connection.execute(f"GRANT ALL ON DATABASE postgres TO {WRITER}")
            connection.execute(f"DROP OWNED BY {WRITER}")
    with running_server(home) as url, connect(url) as connection:
        upgrade(url)
        owned = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
        owned += "WHERE n.nspname IN ('stash', 'ops', 'raw', 'catalog') AND c.relowner <> current_user::regrole"
        assert connection.execute(owned).fetchone() == (0,)
        connection.execute("ALTER TABLE stash.scenes ADD COLUMN weather text")
        assert connection.execute("SELECT name FROM ops.instances").fetchall() == [("home",)]
        with psycopg.connect(EmbeddedPostgres(home).address(READER)) as reader:
            reader.execute("SET default_transaction_read_only = off")
            for call in ("pg_advisory_lock(1)", "pg_try_advisory_xact_lock_shared(1)", "lo_create(0)"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), reader.transaction():
                    reader.execute(f"SELECT {call}")
