"""A backup can be made while the pipeline works; it is restored only while nothing does."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from stash_pipeline_tests.conftest import address_of, temporary_home
from stash_pipeline_tests.deployment.servers import Page, command, environment_of, started, wait_for
from stash_pipeline_tests.ports import free_port

pytestmark = pytest.mark.processes


def refused(environment: dict[str, str], file: Path) -> str:
    """What `restore` says instead of restoring."""
    done = subprocess.run(
        [sys.executable, "-m", "stash_pipeline", "restore", str(file), "--replace"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def test_a_backup_is_not_restored_while_up_works_on_the_private_database(tmp_path: Path) -> None:
    with temporary_home() as home:
        environment = environment_of(home, "")
        del environment["STASH_PIPELINE_DATABASE_URL_FILE"]
        command(environment, "instances", "add", "home", "http://127.0.0.1:9")
        port = free_port()
        with started(environment, tmp_path / "up.log", "up", "--port", str(port)):
            wait_for(Page(port).shows_the_definitions, (tmp_path / "up.log").read_text)
            command(environment, "backup", str(tmp_path / "one.backup"))
            assert "`stash-pipeline up` is running with the home" in refused(environment, tmp_path / "one.backup")
            assert "home" in command(environment, "instances", "list")
        command(environment, "instances", "remove", "home", "--yes")
        command(environment, "restore", str(tmp_path / "one.backup"), "--replace")
        assert "home" in command(environment, "instances", "list")


def test_a_backup_is_not_restored_while_another_home_serves_the_database(database_url: str, tmp_path: Path) -> None:
    there, here = environment_of(tmp_path / "there", database_url), environment_of(tmp_path / "here", database_url)
    command(here, "instances", "add", "home", "http://127.0.0.1:9")
    command(here, "backup", str(tmp_path / "one.backup"))
    code = str(free_port())
    with (
        started(there, tmp_path / "code.log", "serve", "code", "--port", code),
        started(there, tmp_path / "daemon.log", "serve", "daemon", "--code", f"127.0.0.1:{code}"),
    ):
        wait_for(lambda: _has_a_daemon(database_url), (tmp_path / "daemon.log").read_text)
        said = refused(here, tmp_path / "one.backup")
        assert "stash_pipeline daemon on" in said and "end them, also `stash-pipeline up` and `serve`" in said
        assert "home" in command(here, "instances", "list")
    command(here, "restore", str(tmp_path / "one.backup"), "--replace")
    assert "home" in command(here, "instances", "list")


def _has_a_daemon(url: str) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'stash_pipeline daemon on%%' AND datname = %s"
    with psycopg.connect(address_of("postgres", url)) as connection:
        return connection.execute(query, [urlsplit(url).path.strip("/")]).fetchone() is not None
