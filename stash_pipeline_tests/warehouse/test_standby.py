"""A standby is refused before anything is made: nothing can be written to it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.embedded.programs import programs_for, run_program, server_user
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres, running_server

pytestmark = pytest.mark.processes

OPTIONS = {"fsync": "off", "shared_buffers": "16MB", "wal_level": "replica"}


@contextmanager
def as_it_is(home: Path) -> Iterator[str]:
    """Runs the server of a home, and makes nothing in it."""
    server, user = EmbeddedPostgres(home), server_user()
    control = programs_for(user, home) / "pg_ctl"
    code, output = run_program((control, "start", "-w", "-D", ".", "-l", "server.log"), user, directory=server.data)
    assert code == 0, output
    try:
        yield server.url
    finally:
        run_program((control, "stop", "-m", "fast", "-w", "-D", "."), user, directory=server.data)


def test_a_standby_is_rejected_with_a_remedy(home: Path) -> None:
    with running_server(home, options=OPTIONS) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
    (home / "postgres" / "standby.signal").touch()
    with as_it_is(home) as url:
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
        with pytest.raises(UserError, match="is a read-only standby.*address of its primary"), connect(url):
            pass
        command = subprocess.run(
            [sys.executable, "-m", "stash_pipeline", "instances", "list"],
            env={"STASH_PIPELINE_HOME": str(home / "other"), "STASH_PIPELINE_DATABASE_URL": url},
            capture_output=True,
            text=True,
        )
    assert command.returncode == 1 and "is a read-only standby" in command.stderr
    assert "Traceback" not in command.stderr
