"""Maintenance removes only what is old and superseded."""

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.scheduler.instigation import InstigatorTick, InstigatorType, TickData, TickStatus

from stash_pipeline.automation.jobs import maintain as maintain_job
from stash_pipeline.automation.maintenance import DAY_SECONDS, Removed, maintain
from stash_pipeline.automation.schedules import maintenance_schedule as schedule_of
from stash_pipeline.instances import add_instance
from stash_pipeline.runtime.in_process import dagster_instance, run_job
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.raw.partitions import ensure_partitions
from stash_pipeline_tests.automation import dummy_definitions

MODULE = dummy_definitions.__name__
PARTITIONS = ["home", "away", "unchanged", "broken"]
KEY = dg.AssetKey(["raw", "scenes"])


@pytest.fixture
def instance(home: Path, database_url: str) -> Iterator[DagsterInstance]:
    with dagster_instance(home, database_url) as opened:
        opened.add_dynamic_partitions("instance", PARTITIONS)
        yield opened


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as opened:
        yield opened


def in_days(days: float) -> Any:
    return lambda: time.time() + days * DAY_SECONDS


def refresh(instance: DagsterInstance, partition: str) -> str:
    return run_job("refresh", instance=instance, partition_key=partition, module=MODULE).run_id


def test_the_latest_run_of_every_partition_is_kept(
    instance: DagsterInstance, connection: Connection, home: Path
) -> None:
    superseded = [refresh(instance, name) for name in ("home", "home", "away", "unchanged", "broken")]
    kept = [refresh(instance, name) for name in ("away", "home")]
    logs = home / "dagster" / "storage"
    assert {*superseded, *kept} <= {folder.name for folder in logs.iterdir()}
    assert maintain(instance, connection, keep_days=14, now=in_days(13.9)) == Removed()
    removed = maintain(instance, connection, keep_days=14, now=in_days(14.1))
    assert (removed.runs, removed.log_folders) == (5, 5)
    assert {run.run_id for run in instance.get_runs()} == set(kept)
    assert instance.get_materialized_partitions(KEY) == {"home", "away"}
    event = instance.get_latest_materialization_event(KEY)
    assert event is not None and event.run_id == kept[-1]
    assert {folder.name for folder in logs.iterdir()} & {*superseded, *kept} == set(kept)
    events = connection.execute("SELECT DISTINCT run_id FROM dagster.event_logs").fetchall()
    assert {row[0] for row in events} == set(kept)
    assert maintain(instance, connection, keep_days=14, now=in_days(400)) == Removed()


def test_more_runs_than_may_stay_are_removed_whatever_their_age(
    instance: DagsterInstance, connection: Connection
) -> None:
    runs = [refresh(instance, "home") for _ in range(4)]
    assert maintain(instance, connection, keep_days=14, keep_runs=4) == Removed()
    assert maintain(instance, connection, keep_days=14, keep_runs=2).runs == 2
    assert [instance.has_run(run) for run in runs] == [False, False, True, True]


def test_runs_with_more_events_than_may_stay_are_removed_whatever_their_age(
    instance: DagsterInstance, connection: Connection
) -> None:
    runs = [refresh(instance, "home") for _ in range(4)]
    counts = dict(connection.execute("SELECT run_id, count(*) FROM dagster.event_logs GROUP BY run_id").fetchall())
    assert maintain(instance, connection, keep_days=14, keep_events=sum(counts.values())) == Removed()
    newest = counts[runs[3]] + counts[runs[2]]
    assert maintain(instance, connection, keep_days=14, keep_events=newest).runs == 2
    assert [instance.has_run(run) for run in runs] == [False, False, True, True]
    # the latest run of the partition stays whatever it left
    assert maintain(instance, connection, keep_days=14, keep_events=1).runs == 1
    assert [instance.has_run(run) for run in runs] == [False, False, False, True]


def test_a_long_first_run_removes_none_of_the_runs_that_ended_before_it(
    instance: DagsterInstance, connection: Connection
) -> None:
    runs = [refresh(instance, "home") for _ in range(3)]
    connection.execute("UPDATE dagster.runs SET end_time = end_time + 3600 WHERE run_id = %s", [runs[0]])
    assert maintain(instance, connection, keep_days=14, keep_runs=3, now=in_days(1)) == Removed()
    assert all(instance.has_run(run) for run in runs)


def test_the_maintenance_runs_at_any_hour_only_if_there_are_too_many_runs(instance: DagsterInstance) -> None:
    for _ in range(3):
        refresh(instance, "home")

    def is_due(hour: int, keep_runs: int) -> bool:
        moment = datetime(2026, 5, 4, hour, 17, tzinfo=timezone.utc)
        with dg.build_schedule_context(instance=instance, scheduled_execution_time=moment) as context:
            return bool(schedule_of(keep_runs).evaluate_tick(context).run_requests)

    assert is_due(4, 3000) and not is_due(5, 3000)
    assert not is_due(5, 3) and is_due(5, 2)


def test_the_latest_run_of_each_asset_in_a_partition_is_kept(instance: DagsterInstance, connection: Connection) -> None:
    """A run that last materialized only one of two assets does not replace the run of the other."""
    first = refresh(instance, "home")
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="home"))
    maintain(instance, connection, keep_days=1, now=in_days(30))
    assert {run.run_id for run in instance.get_runs()} == {first}
    assert instance.get_materialized_partitions(dg.AssetKey(["raw", "tags"])) == {"home"}


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_a_run_in_progress_is_kept(instance: DagsterInstance, connection: Connection, status: DagsterRunStatus) -> None:
    job = dummy_definitions.defs.get_repository_def().get_job("refresh")
    run = instance.create_run_for_job(job, status=status)
    assert maintain(instance, connection, keep_days=1, now=in_days(365)) == Removed()
    assert instance.has_run(run.run_id)


def test_compute_logs_of_deleted_runs_are_removed(
    instance: DagsterInstance, connection: Connection, home: Path
) -> None:
    run_id = refresh(instance, "home")
    instance.delete_run(run_id)
    folder = home / "dagster" / "storage" / run_id
    assert folder.is_dir()
    assert maintain(instance, connection, keep_days=1, now=in_days(2)).log_folders == 1
    assert not folder.exists()


def test_old_ticks_are_removed_except_the_last(instance: DagsterInstance, connection: Connection) -> None:
    for minute in range(5):
        data = TickData(
            instigator_origin_id="origin",
            selector_id="selector",
            instigator_name="schedule",
            instigator_type=InstigatorType.SCHEDULE,
            status=TickStatus.SUCCESS,
            timestamp=time.time() - (5 - minute) * 60,
            run_ids=[],
        )
        last: InstigatorTick = instance.create_tick(data)
    assert maintain(instance, connection, keep_days=1, now=in_days(2)).ticks == 4
    assert [tick.tick_id for tick in instance.get_ticks("origin", "selector")] == [last.tick_id]


def test_the_last_run_and_the_last_success_of_every_instance_are_kept(
    instance: DagsterInstance, connection: Connection, home: Path
) -> None:
    for name in ("one", "two"):
        added = add_instance(connection, name, "http://stash.test:9999", home=home)
        for status in ("succeeded", "failed", "succeeded", "failed", "failed"):
            connection.execute(
                "WITH run AS (INSERT INTO ops.sync_runs (instance_id, mode, lane, status, started_at)\n"
                "    VALUES (%(i)s, 'sweep', 'graphql', %(s)s, now() - interval '20 days') RETURNING id)\n"
                "INSERT INTO raw.pages\n"
                "    (instance_id, entity, run_id, lane, request, objects, bytes, milliseconds, hash)\n"
                "SELECT %(i)s, 'tags', id, 'graphql', '{}', 1, 1, 1, '' FROM run",
                {"i": added.id, "s": status},
            )
    removed = maintain(instance, connection, keep_days=14)
    assert (removed.sync_runs, removed.pages) == (6, 6)
    left = connection.execute("SELECT status FROM ops.sync_runs ORDER BY instance_id, id").fetchall()
    assert [row[0] for row in left] == ["succeeded", "failed"] * 2
    assert connection.execute("SELECT count(*) FROM raw.pages").fetchone() == (4,)


def test_history_is_removed_after_its_retention(instance: DagsterInstance, connection: Connection, home: Path) -> None:
    added = add_instance(connection, "one", "http://stash.test:9999", home=home)
    ensure_partitions(connection, added.id)
    for age in (91, 89):
        connection.execute(
            "INSERT INTO raw.history (instance_id, entity, id, revision, change, document, run_id, recorded_at)\n"
            "VALUES (%s, 'tags', 1, %s, 'changed', '{}', 1, now() - make_interval(days => %s))",
            [added.id, age, age],
        )
    assert maintain(instance, connection, keep_days=14).history == 1
    assert maintain(instance, connection, keep_days=14, keep_history_days=30).history == 1


def test_pages_are_removed_after_two_days_unless_they_are_cached(
    instance: DagsterInstance, connection: Connection, home: Path
) -> None:
    added = add_instance(connection, "one", "http://stash.test:9999", home=home)
    for age in (5, 4, 3, 1, 0):
        connection.execute(
            "WITH run AS (INSERT INTO ops.sync_runs (instance_id, mode, lane, status, started_at)\n"
            "    VALUES (%(i)s, 'sweep', 'graphql', 'succeeded', now() - make_interval(days => %(d)s)) RETURNING id)\n"
            "INSERT INTO raw.pages (instance_id, entity, run_id, lane, request, objects, bytes, milliseconds, hash)\n"
            "SELECT %(i)s, 'tags', id, 'graphql', '{}', 1, 1, 1, '' FROM run",
            {"i": added.id, "d": age},
        )
    connection.execute(
        "INSERT INTO ops.complete_reads (instance_id, entity, run_id, revision, form)\n"
        "SELECT instance_id, 'tags', min(id) + 1, 0, '' FROM ops.sync_runs GROUP BY 1"
    )
    removed = maintain(instance, connection, keep_days=14)
    assert (removed.sync_runs, removed.pages) == (0, 2)
    left = connection.execute(
        "SELECT extract(days FROM now() - started_at)::integer FROM ops.sync_runs r\n"
        "WHERE EXISTS (SELECT FROM raw.pages p WHERE p.run_id = r.id) ORDER BY id"
    ).fetchall()
    assert [row[0] for row in left] == [4, 1, 0]


def test_the_maintenance_job_runs_daily_and_reports_what_it_removed(instance: DagsterInstance, home: Path) -> None:
    (home / "snapshots").mkdir()
    (home / "snapshots" / "half.sqlite").write_bytes(b"of a process that was killed")
    result = run_job("maintain", instance=instance)
    assert result.success, result.failure
    assert list((home / "snapshots").iterdir()) == []
    run = instance.get_run_by_id(result.run_id)
    assert run is not None and run.tags["removed/runs"] == "0"
    said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert any("Removed what is older than 14 days (90 for history): 0 runs" in text for text in said)
    maintenance_schedule = schedule_of(3000)
    assert maintenance_schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert maintenance_schedule.job_name == maintain_job.name == "maintain"
    assert maintain_job.description and maintenance_schedule.description
