"""Dagster's storage after another version of Dagster is installed: migrated by the first process that opens it."""

import logging
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import dagster
import dagster_postgres.run_storage.run_storage
import psycopg
import pytest
from dagster._core.storage.sql import run_alembic_downgrade
from dagster_postgres.utils import pg_alembic_config
from sqlalchemy import create_engine

from stash_pipeline.runtime.dagster_schema import StorageError
from stash_pipeline.runtime.dagster_storage import WarehouseDagsterStorage
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import get_settings, settings_in_use, sqlalchemy_url
from stash_pipeline_tests.conftest import create_database, drop_database, temporary_home

_numbers = count()

OLDER = "16e3655b4d9b"
"""Before an index was made anew, and a column was added that is read for the limits of concurrency."""

MISSING = (
    "select to_regclass('dagster.idx_run_tags_run_id') is null, not exists (select from pg_attribute\n"
    "where attrelid = 'dagster.concurrency_limits'::regclass and attname = 'using_default_limit')"
)


@pytest.fixture(scope="module")
def _older(postgres: str) -> Iterator[str]:
    """A database whose tables are as a former version of Dagster made them, with a partition in them."""
    name = "older_dagster"
    address = create_database(postgres, name)
    with temporary_home() as home, dagster_instance(home, address) as instance:
        instance.add_dynamic_partitions("instance", ["home"])
    url = sqlalchemy_url(address, "psycopg2")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"options": "-c search_path=dagster"})
    config = pg_alembic_config(dagster_postgres.run_storage.run_storage.__file__)
    with engine.connect() as connection:
        run_alembic_downgrade(config, connection, OLDER)
    engine.dispose()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("comment on table dagster.runs is 'Dagster 1.9.0'")
        assert connection.execute(MISSING).fetchone() == (True, True)
    yield name
    drop_database(postgres, name)


@pytest.fixture
def older(postgres: str, _older: str) -> Iterator[str]:
    """The address of a copy of it."""
    name = f"older_{next(_numbers)}"
    yield create_database(postgres, name, _older)
    drop_database(postgres, name)


def revision(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("select version_num from dagster.alembic_version").fetchone()
    assert row is not None
    return str(row[0])


def test_an_older_schema_is_migrated_by_the_first_process(
    home: Path, older: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), dagster_instance(home, older) as instance:
        assert instance.get_dynamic_partitions("instance") == ["home"]
        instance.event_log_storage.set_concurrency_slots("writers", 2)
        assert instance.event_log_storage.get_concurrency_info("writers").slot_count == 2
        (state,) = {instance.run_storage.alembic_version(), instance.event_log_storage.alembic_version()}
    assert state is not None and state[0] == state[1]
    with psycopg.connect(older) as connection:
        assert connection.execute(MISSING).fetchone() == (False, False)
    (message,) = [record.getMessage() for record in caplog.records if "were migrated" in record.getMessage()]
    assert message == f"The tables of Dagster's storage were migrated from schema {OLDER} to {revision(older)}."
    caplog.clear()
    with caplog.at_level(logging.INFO), dagster_instance(home, older) as instance:
        instance.get_runs_count()
    assert not [record for record in caplog.records if "were migrated" in record.getMessage()]


def test_processes_that_start_together_wait_for_the_one_that_migrates(older: str) -> None:
    """An index is made concurrently: it waits for the statements of the others, which must not wait for it."""
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            WarehouseDagsterStorage().run_storage.get_runs_count()
        except BaseException as error:
            errors.append(error)

    with settings_in_use(get_settings().with_database(older)):
        threads = [threading.Thread(target=open_it, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
    assert errors == []
    with psycopg.connect(older) as connection:
        assert connection.execute(MISSING).fetchone() == (False, False)


def test_a_newer_schema_is_refused_with_a_sentence(home: Path, older: str) -> None:
    with psycopg.connect(older, autocommit=True) as connection:
        connection.execute("update dagster.alembic_version set version_num = 'fedcba987654'")
    with dagster_instance(home, older) as instance, pytest.raises(StorageError) as raised:
        instance.get_runs_count()
    assert str(raised.value) == (
        f"The tables of Dagster's storage have schema fedcba987654, which Dagster {dagster.__version__} does not know; "
        "install the newer version of Dagster that migrated them, or restore a backup."
    )


def test_a_migration_that_fails_is_continued_by_the_next_process(home: Path, older: str) -> None:
    with psycopg.connect(older, autocommit=True) as connection:
        connection.execute("alter table dagster.concurrency_limits rename to away")
        # a table with as many columns as there can be
        columns = ", ".join(f"c{number} int" for number in range(1600))
        connection.execute(f"create table dagster.concurrency_limits ({columns})")
        with (
            dagster_instance(home, older) as instance,
            pytest.raises(StorageError, match=f"cannot be migrated from schema {OLDER} to that of Dagster"),
        ):
            instance.get_runs_count()
        connection.execute("drop table dagster.concurrency_limits")
        connection.execute("alter table dagster.away rename to concurrency_limits")
        with dagster_instance(home, older) as instance:
            assert instance.get_dynamic_partitions("instance") == ["home"]
        assert connection.execute(MISSING).fetchone() == (False, False)
