"""Statements of other threads are canceled, whatever these threads are doing."""

import threading
from contextlib import closing
from typing import Any

import psycopg
import pytest

from stash_pipeline.warehouse.connect import cancel_statements, connect

_SECONDS = 60


def test_a_statement_that_is_sent_after_the_cancellation_is_canceled(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    about_to_send, told = threading.Event(), threading.Event()
    wait, cancel = psycopg.Connection.wait, psycopg.Connection.cancel_safe
    errors: list[BaseException] = []

    def wait_late(connection: psycopg.Connection[Any], *arguments: Any, **options: Any) -> Any:
        if threading.current_thread() is thread and not told.is_set():
            about_to_send.set()
            assert told.wait(_SECONDS)
        return wait(connection, *arguments, **options)

    def cancel_and_tell(connection: psycopg.Connection[Any], **options: Any) -> None:
        cancel(connection, **options)
        told.set()

    def work() -> None:
        try:
            connection.execute("SELECT pg_sleep(%s)", [_SECONDS])
        except BaseException as error:
            errors.append(error)

    # not as a context: that would commit
    with closing(connect(database_url)) as connection:
        thread = threading.Thread(target=work)
        monkeypatch.setattr(psycopg.Connection, "wait", wait_late)
        monkeypatch.setattr(psycopg.Connection, "cancel_safe", cancel_and_tell)
        thread.start()
        assert about_to_send.wait(_SECONDS)
        cancel_statements([connection])
        thread.join()
    assert [type(error) for error in errors] == [psycopg.errors.QueryCanceled]
