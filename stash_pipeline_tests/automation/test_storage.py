"""Dagster's storage in the warehouse's Postgres: its own schema, few connections."""

import multiprocessing
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster import DagsterError, DagsterInstance
from dagster_postgres.utils import DagsterPostgresException, create_pg_connection
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from stash_pipeline.errors import UserError
from stash_pipeline.runtime import dagster_storage
from stash_pipeline.runtime.dagster_schema import StorageError
from stash_pipeline.runtime.dagster_storage import WarehouseDagsterStorage, _EventLog
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import get_settings, settings_in_use
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres


def test_dagster_storage_has_its_own_schema(home: Path, empty_database_url: str) -> None:
    with dagster_instance(home, empty_database_url) as instance:
        instance.add_dynamic_partitions("instance", ["home"])
    with psycopg.connect(empty_database_url) as connection:
        rows = connection.execute(
            "select distinct schemaname from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert rows == [("dagster",)]
    with dagster_instance(home, empty_database_url) as instance:
        assert instance.get_dynamic_partitions("instance") == ["home"]


def test_the_installed_dagster_home_uses_our_storage(
    home: Path, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("DAGSTER_HOME", str(Path(__file__).resolve().parents[2]))
    with DagsterInstance.get() as instance:
        assert isinstance(instance.get_ref().storage, WarehouseDagsterStorage)
        assert instance.run_retries_enabled
        assert not instance.telemetry_enabled
        assert "hush" not in instance.info_str()


def planned(home: Path, database_url: str) -> tuple[list[tuple[Any, ...]], ...]:
    """What is stored for two planned runs: events, assets, checks; with run ids by order."""

    @dg.multi_asset(
        specs=[dg.AssetSpec(name, skippable=True) for name in ("one", "two")],
        check_specs=[dg.AssetCheckSpec("holds", asset="one"), dg.AssetCheckSpec("holds", asset="two")],
    )
    def both():  # type: ignore[no-untyped-def]  # Dagster reads the annotations
        """Is only planned, never executed."""

    job = dg.Definitions(assets=[both]).resolve_implicit_global_asset_job_def()
    with dagster_instance(home, database_url) as instance:
        runs = [instance.create_run_for_job(job, run_id=str(uuid.UUID(int=number))).run_id for number in (1, 2)]
        assert len(instance.get_records_for_run(runs[1]).records) == 4
    with psycopg.connect(database_url) as connection:
        return (
            connection.execute(
                "select run_id, dagster_event_type, step_key, asset_key from dagster.event_logs\n"
                "order by run_id, asset_key, dagster_event_type"
            ).fetchall(),
            connection.execute(
                "select asset_key, last_run_id, last_materialization_timestamp is not null from dagster.asset_keys\n"
                "order by asset_key"
            ).fetchall(),
            connection.execute(
                "select c.asset_key, check_name, c.run_id, execution_status, e.run_id\n"
                "from dagster.asset_check_executions as c\n"
                "join dagster.event_logs as e on e.id = c.evaluation_event_storage_id order by c.run_id, c.asset_key"
            ).fetchall(),
        )


def test_batched_planned_events_equal_single_ones(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    store = _EventLog.store_event_batch

    def counted(log: _EventLog, events: Sequence[dg.EventLogEntry]) -> None:
        batches.append(len(events))
        store(log, events)

    monkeypatch.setattr(_EventLog, "store_event_batch", counted)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    one_by_one = planned(home, database_url)
    assert not batches and [len(rows) for rows in one_by_one] == [8, 2, 4]
    with psycopg.connect(database_url) as connection:
        connection.execute("truncate dagster.runs, dagster.event_logs, dagster.asset_keys cascade")
        connection.execute("truncate dagster.asset_check_executions")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    assert planned(home, database_url) == one_by_one
    assert batches == [4, 4]


def test_storage_uses_few_connections_and_closes_them(home: Path, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:

        def others(at_most: int) -> int:
            """The other connections to the database: a closed one is listed until its backend has noticed."""
            deadline = time.monotonic() + 120
            while True:
                row = connection.execute(
                    "select count(*) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                ).fetchone()
                assert row is not None
                if row[0] <= at_most or time.monotonic() > deadline:
                    return int(row[0])
                time.sleep(0.05)

        with dagster_instance(home, database_url) as instance:
            threads = [threading.Thread(target=instance.get_runs_count) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert 1 <= others(at_most=2) <= 2
        assert others(at_most=0) == 0


def test_storage_survives_lost_connections(home: Path, database_url: str) -> None:
    with dagster_instance(home, database_url) as instance:
        instance.add_dynamic_partitions("instance", ["home"])
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        assert instance.get_dynamic_partitions("instance") == ["home"]


@pytest.mark.parametrize(("seconds", "pings"), [(3600.0, 0), (0.0, 3)])
def test_a_connection_is_asked_whether_it_is_alive_only_after_a_while(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, seconds: float, pings: int
) -> None:
    asked: list[Any] = []
    ping = PGDialect_psycopg2.do_ping

    def noted(dialect: PGDialect_psycopg2, connection: Any) -> bool:
        asked.append(connection)
        return bool(ping(dialect, connection))

    with dagster_instance(home, database_url) as instance:
        instance.get_runs_count()
        monkeypatch.setattr(PGDialect_psycopg2, "do_ping", noted)
        monkeypatch.setattr(dagster_storage, "_ASSUMED_ALIVE_SECONDS", seconds)
        for _ in range(3):
            instance.get_runs_count()
    assert len(asked) == pings


def test_a_forked_process_does_not_disturb_its_parent(home: Path, database_url: str) -> None:
    fork = multiprocessing.get_context("fork")
    with dagster_instance(home, database_url) as instance:
        instance.add_dynamic_partitions("instance", ["home"])
        answers: multiprocessing.Queue[object] = fork.Queue()
        child = fork.Process(target=lambda: answers.put(instance.get_dynamic_partitions("instance")))
        child.start()
        assert answers.get(timeout=120) == ["home"]
        child.join()
        assert instance.get_dynamic_partitions("instance") == ["home"]


def test_several_processes_can_create_the_tables_concurrently(home: Path, empty_database_url: str) -> None:
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            WarehouseDagsterStorage().run_storage.get_runs_count()
        except BaseException as error:
            errors.append(error)

    with settings_in_use(get_settings().with_database(empty_database_url)):
        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


def test_partially_created_tables_are_recreated(home: Path, database_url: str) -> None:
    with dagster_instance(home, database_url) as instance:
        instance.get_runs_count()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop table dagster.jobs, dagster.job_ticks, dagster.run_tags")
        with dagster_instance(home, database_url) as instance:
            instance.add_dynamic_partitions("instance", ["home"])
            assert instance.get_runs_count() == 0
        found = connection.execute("select to_regclass('dagster.run_tags') is not null").fetchone()
    assert found == (True,)


def test_storage_commits_asynchronously(home: Path, database_url: str) -> None:
    with (
        dagster_instance(home, database_url) as instance,
        instance.event_log_storage.index_connection() as connection,  # type: ignore[attr-defined]
    ):
        assert connection.exec_driver_sql("show synchronous_commit").scalar() == "off"
        assert connection.exec_driver_sql("show search_path").scalar() == "dagster"


def test_storage_connects_only_when_needed(home: Path) -> None:
    settings = get_settings().with_database("postgresql://me:hush@127.0.0.1:1/d")
    with settings_in_use(settings):
        WarehouseDagsterStorage()
    # and without an address no private server is started
    WarehouseDagsterStorage()
    assert not (home / "postgres").exists()


def test_storage_reports_an_unreachable_database() -> None:
    settings = get_settings().with_database("postgresql://me:hush@127.0.0.1:1/d")
    with settings_in_use(settings):
        storage = WarehouseDagsterStorage()
    with pytest.raises(StorageError, match="cannot be reached") as raised:
        storage.run_storage.get_runs_count()
    assert "hush" not in str(raised.value)
    assert issubclass(StorageError, UserError)
    assert issubclass(StorageError, DagsterError)


def test_errors_name_the_private_server(home: Path) -> None:
    settings = get_settings().with_database(EmbeddedPostgres(home).url)
    with settings_in_use(settings):
        storage = WarehouseDagsterStorage()
    with pytest.raises(StorageError, match="private Postgres cannot be reached") as raised:
        storage.run_storage.get_runs_count()
    assert "STASH_PIPELINE_DATABASE_URL" not in str(raised.value)


@pytest.mark.faults
def test_connection_retries_of_dagster_are_not_logged(
    home: Path, empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with dagster_instance(home, empty_database_url) as instance:
        storage = instance.run_storage
        engine = create_engine("postgresql+psycopg2://me@127.0.0.1:1/d")
        with caplog.at_level("INFO"), pytest.raises(DagsterPostgresException), create_pg_connection(engine):
            pass
        assert storage.get_runs_count() == 0
    said = [record for record in caplog.records if "Retrying" in record.getMessage()]
    assert {record.levelname for record in said} == {"INFO"}
    assert {record.getMessage() for record in said} == {"Retrying failed database connection."}


def test_web_server_pools_use_the_same_schema(home: Path, database_url: str) -> None:
    with dagster_instance(home, database_url) as instance:
        instance.add_dynamic_partitions("instance", ["home"])
        instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=600, max_overflow=2)
        assert instance.get_dynamic_partitions("instance") == ["home"]
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            assert connection.exec_driver_sql("show search_path").scalar() == "dagster"
            assert connection.exec_driver_sql("show statement_timeout").scalar() == "5s"
