"""An export that is killed leaves the files of the one before, and no file that is half."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stash_pipeline.exports.selection import Format
from stash_pipeline.exports.tables import export_tables
from stash_pipeline_tests.catalog.working import Servers

pytestmark = pytest.mark.faults

SECONDS = 300
"""Enough for a program to start beside any load."""

HELD = 4711
"""The lock at which an export waits for its first scene, for as long as a test holds it."""


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_export_leaves_the_files_of_the_one_before(
    servers: Servers, home: Path, tmp_path: Path, file_format: Format, end: signal.Signals
) -> None:
    export_tables(servers.database_url, ["tags", "scenes"], file_format=file_format, folder=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    # the tables are partitioned
    waits = (
        "CASE WHEN pg_partition_root(tableoid) = 'stash.scenes'::regclass"
        f" THEN pg_advisory_lock_shared({HELD}) IS NOT NULL ELSE true END"
    )
    with psycopg.connect(servers.database_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [HELD])
        process = subprocess.Popen(
            [sys.executable, "-m", "stash_pipeline", "export", "tags", "scenes", "--format", file_format, "--out",
             str(tmp_path), "--where", waits],
            env={
                **os.environ,
                "STASH_PIPELINE_HOME": str(home),
                "STASH_PIPELINE_DATABASE_URL": servers.database_url,
            },
        )  # fmt: skip
        _until(lambda: process.poll() is not None or _waiting(holder) == 1)
        assert process.poll() is None and list(tmp_path.glob(".stash-pipeline-export-*/stash.tags.*"))
        process.send_signal(end)
        assert process.wait(SECONDS) != 0
        left = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        assert left == before
        export_tables(servers.database_url, ["tags", "scenes"], file_format=file_format, folder=tmp_path)
        assert not list(tmp_path.glob(".stash-pipeline-export-*"))
        assert json.loads((tmp_path / "manifest.json").read_text())["tables"][1]["rows"] > 0
        # the session that was read from ends, too; one whose program was killed, when it has something to send
        holder.execute("SELECT pg_advisory_unlock(%s)", [HELD])
        _until(lambda: _reading(holder) == 0)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _waiting(connection: psycopg.Connection[Any]) -> int:
    """The sessions that wait for the lock."""
    row = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    return int(row[0]) if row else 0


def _reading(connection: psycopg.Connection[Any]) -> int:
    """The other sessions that execute the query of the export."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'\n"
        "AND query LIKE '%pg_advisory_lock_shared%' AND pid <> pg_backend_pid()"
    ).fetchone()
    return int(row[0]) if row else 0
