"""An export that is killed leaves the files of the one before, and no file that is half."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from stash_pipeline.exports.tables import export_tables
from stash_pipeline_tests.catalog.working import Servers

pytestmark = pytest.mark.faults

SECONDS = 30


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_export_leaves_the_files_of_the_one_before(
    servers: Servers, home: Path, tmp_path: Path, file_format: str, end: signal.Signals
) -> None:
    export_tables(servers.database_url, ["tags", "scenes"], file_format=file_format, folder=tmp_path)  # type: ignore[arg-type]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    slow = "pg_sleep(0.03) IS NOT NULL"
    process = subprocess.Popen(
        [sys.executable, "-m", "stash_pipeline", "export", "tags", "scenes", "--format", file_format, "--out",
         str(tmp_path), "--where", slow],
        env={
            **os.environ,
            "STASH_PIPELINE_HOME": str(home),
            "STASH_PIPELINE_DATABASE_URL": servers.database_url,
        },
    )  # fmt: skip
    until = time.monotonic() + SECONDS
    while not list(tmp_path.glob(".stash-pipeline-export-*/stash.scenes.*")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(end)
    assert process.wait(SECONDS) != 0
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert left == before
    export_tables(servers.database_url, ["tags", "scenes"], file_format=file_format, folder=tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.glob(".stash-pipeline-export-*"))
    assert json.loads((tmp_path / "manifest.json").read_text())["tables"][1]["rows"] > 0
    # the session that was read from ends, too
    while _readers(servers.database_url):
        assert time.monotonic() < until + SECONDS
        time.sleep(0.1)


def _readers(database_url: str) -> int:
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'\n"
            "AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0
