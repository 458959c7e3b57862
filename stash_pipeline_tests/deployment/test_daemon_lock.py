"""A database has one daemon, on whichever host."""

import socket

import psycopg
import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.runtime import daemon_lock
from stash_pipeline.runtime.daemon_lock import DaemonLock


@pytest.fixture(autouse=True)
def _look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_lock, "_KEEP_SECONDS", 0.0)


def _disconnect(database_url: str) -> None:
    """Ends the connections of daemons, as a restart of the server does."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'stash_pipeline daemon%' AND datname = current_database()"
        )


def test_a_second_daemon_is_refused_until_the_first_one_ends(empty_database_url: str) -> None:
    with DaemonLock(empty_database_url) as first:
        with pytest.raises(UserError, match=f"on {socket.gethostname()}: two would"), DaemonLock(empty_database_url):
            pass
        first.keep()
    with DaemonLock(empty_database_url):
        pass


def test_the_lock_is_taken_again_after_a_restart_of_the_server(empty_database_url: str) -> None:
    with DaemonLock(empty_database_url) as first:
        _disconnect(empty_database_url)
        first.keep()
        with pytest.raises(UserError), DaemonLock(empty_database_url):
            pass


def test_a_daemon_that_lost_the_lock_to_another_one_is_told(empty_database_url: str) -> None:
    with DaemonLock(empty_database_url) as first:
        _disconnect(empty_database_url)
        with DaemonLock(empty_database_url), pytest.raises(UserError, match="Another daemon"):
            first.keep()
