"""Limits the growth of what runs leave behind.

Dagster never removes a run: its events (2 to 3 kB each), tags and output files stay. This module removes what is older
than ``keep_runs_days`` and superseded. A run with the latest materialization of a partition of an asset is kept
whatever its age, because without it Dagster considers the partition never materialized. Rows of ``ops.sync_runs`` are
removed at the same age; rows of ``raw.pages`` after two days, because their number grows with the library.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from dagster import DagsterInstance

from stash_pipeline.runtime.dagster_internals import LocalComputeLogManager
from stash_pipeline.runtime.dagster_schema import SCHEMA
from stash_pipeline.stash.snapshot.orphans import remove_orphaned_snapshots
from stash_pipeline.warehouse.connect import Connection

DAY_SECONDS: Final = 86400
_BATCH: Final = 500

# The latest event of every type per partition of an asset, by one grouping over the index that the UI uses for the
# same query.
_SUPERSEDED: Final = f"""
WITH latest AS (
    SELECT max(id) AS id FROM {SCHEMA}.event_logs
    WHERE asset_key IS NOT NULL AND dagster_event_type IN
        ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'ASSET_FAILED_TO_MATERIALIZE')
    GROUP BY asset_key, partition, dagster_event_type
), checked AS (
    SELECT max(id) AS id FROM {SCHEMA}.asset_check_executions GROUP BY asset_key, check_name, partition
), needed AS (
    SELECT e.run_id FROM {SCHEMA}.event_logs e JOIN latest USING (id)
    UNION SELECT c.run_id FROM {SCHEMA}.asset_check_executions c JOIN checked USING (id)
    UNION SELECT last_run_id FROM {SCHEMA}.asset_keys WHERE last_run_id IS NOT NULL
)
SELECT run_id FROM {SCHEMA}.runs
WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')
    AND coalesce(to_timestamp(end_time) AT TIME ZONE 'UTC', update_timestamp) < %(before)s
    AND run_id NOT IN (SELECT run_id FROM needed)
ORDER BY id LIMIT {_BATCH}
"""

# The earliest end of a run within the limits, if there are runs beyond them. It limits what a year of many changes
# takes, see docs/maintenance.md. Events are counted as well: a run that changes every kind leaves half as many again as
# one that changes one object, and twice the bytes. Runs overlap, so that a newer one may end before an older one.
_KEPT_SINCE: Final = f"""
WITH events AS (
    SELECT run_id, count(*) AS count FROM {SCHEMA}.event_logs GROUP BY run_id
), newest_first AS (
    SELECT coalesce(to_timestamp(r.end_time) AT TIME ZONE 'UTC', r.update_timestamp) AS ended,
        row_number() OVER newest AS runs, coalesce(sum(e.count) OVER newest, 0) AS events
    FROM {SCHEMA}.runs r LEFT JOIN events e USING (run_id)
    WINDOW newest AS (ORDER BY r.id DESC)
), limited AS (
    SELECT ended, runs <= %(runs)s AND (events <= %(events)s OR runs = 1) AS within FROM newest_first
)
SELECT min(ended) FILTER (WHERE within) FROM limited HAVING NOT bool_and(within)
"""

# The last tick of a schedule or sensor has its cursor.
_TICKS: Final = f"""
DELETE FROM {SCHEMA}.job_ticks t
WHERE t.timestamp < %(before)s AND EXISTS (
    SELECT FROM {SCHEMA}.job_ticks n
    WHERE n.selector_id IS NOT DISTINCT FROM t.selector_id AND n.job_origin_id = t.job_origin_id AND n.id > t.id
)
"""

_CHECKS: Final = f"""
DELETE FROM {SCHEMA}.asset_check_executions c
WHERE c.create_timestamp < %(before)s AND NOT EXISTS (SELECT FROM {SCHEMA}.runs r WHERE r.run_id = c.run_id)
"""

# `status` shows the last run and the last successful run of an instance; the next read compares its pages with those of
# the last complete read.
_SYNC_RUNS: Final = f"""
SELECT id FROM ops.sync_runs r
WHERE started_at < %(before)s AND status <> 'running'
    AND id NOT IN (SELECT max(id) FROM ops.sync_runs GROUP BY instance_id)
    AND id NOT IN (SELECT max(id) FROM ops.sync_runs WHERE status = 'succeeded' GROUP BY instance_id)
    AND id NOT IN (SELECT run_id FROM ops.complete_reads)
    {{more}}
ORDER BY id LIMIT {_BATCH}
"""

_KEEP_PAGES_DAYS: Final = 2


@dataclass
class Removed:
    """How many of each were removed."""

    runs: int = 0
    ticks: int = 0
    log_folders: int = 0
    sync_runs: int = 0
    pages: int = 0
    history: int = 0
    snapshots: int = 0


def maintain(
    instance: DagsterInstance,
    connection: Connection,
    *,
    keep_days: int,
    keep_runs: int = 2000,
    keep_events: int = 200_000,
    keep_history_days: int = 90,
    snapshots: Path | None = None,
    now: Callable[[], float] = time.time,
) -> Removed:
    """Removes what is superseded and older than the given days. Can run, and be interrupted, at any time.

    Args:
        keep_runs: the number of runs that stay; older ones are removed whatever their age.
        keep_events: the number of events of the runs that stay, likewise.
        connection: to the database with both the warehouse and Dagster's storage.
        snapshots: the folder of snapshots; those of killed runs are removed.
    """
    removed = Removed()
    if snapshots is not None:
        removed.snapshots = remove_orphaned_snapshots(snapshots)
    before = now() - keep_days * DAY_SECONDS
    day = datetime.fromtimestamp(before, timezone.utc)
    # Dagster's columns are UTC without a time zone
    naive = {"before": day.replace(tzinfo=None)}
    kept_since = connection.execute(_KEPT_SINCE, {"runs": keep_runs, "events": keep_events}).fetchone()
    runs_before = {"before": max(naive["before"], kept_since[0]) if kept_since else naive["before"]}
    while superseded := [row[0] for row in connection.execute(_SUPERSEDED, runs_before).fetchall()]:
        for run_id in superseded:
            # files first: if this is interrupted in between, the row of the run still leads to the rest
            instance.compute_log_manager.delete_logs(prefix=[run_id])
            instance.delete_run(run_id)
        removed.runs += len(superseded)
        removed.log_folders += len(superseded)
    removed.ticks = connection.execute(_TICKS, naive).rowcount
    connection.execute(_CHECKS, runs_before)
    removed.log_folders += _remove_orphaned_logs(instance, before)
    with_pages = _SYNC_RUNS.format(more="AND EXISTS (SELECT FROM raw.pages p WHERE p.run_id = r.id)")
    recent = datetime.fromtimestamp(now() - min(keep_days, _KEEP_PAGES_DAYS) * DAY_SECONDS, timezone.utc)
    while old := [row[0] for row in connection.execute(with_pages, {"before": recent}).fetchall()]:
        removed.pages += connection.execute("DELETE FROM raw.pages WHERE run_id = ANY(%s)", [old]).rowcount
    while old := [row[0] for row in connection.execute(_SYNC_RUNS.format(more=""), {"before": day}).fetchall()]:
        connection.execute("DELETE FROM ops.sync_runs WHERE id = ANY(%s)", [old])
        removed.sync_runs += len(old)
    oldest = datetime.fromtimestamp(now() - keep_history_days * DAY_SECONDS, timezone.utc)
    removed.history = connection.execute("DELETE FROM raw.history WHERE recorded_at < %s", [oldest]).rowcount
    return removed


def _remove_orphaned_logs(instance: DagsterInstance, before: float) -> int:
    """Removes old output folders without a run: deleted in the UI, or of another machine."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return 0
    base = Path(manager.get_captured_local_path(["x"], "out")).parent
    if not base.is_dir():
        return 0
    old = [folder.name for folder in base.iterdir() if folder.is_dir() and folder.stat().st_mtime < before]
    orphans = [name for name in old if not instance.has_run(name)]
    for name in orphans:
        manager.delete_logs(prefix=[name])
    return len(orphans)
