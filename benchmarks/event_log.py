"""What refreshes leave behind in Dagster's storage and in files, and what that makes in a year.

Refreshes of a small library, once with nothing changed and once with every kind of object changed: how much Dagster
writes depends on the tables that changed, not on their size. The pages of the ledger do depend on it, and are
given per page. Sizes are those on the disk, indexes included, before Postgres has tidied up.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from dagster_cost import change_everything
from machine import write

from stash_pipeline.automation.maintenance import DAY_SECONDS, maintain
from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.instances import add_instance
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import Settings, load_settings, use_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.session import open_warehouse

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
INSTANCES = 3
REFRESHES_PER_DAY = 24
TICKS = 1000
TICKS_PER_DAY = 2 * 86400 // 5 + 3 * 86400 // 30
"""Two sensors tick every 5 s, three every 30 s or less often."""

SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'
"""
LEDGER = "SELECT pg_total_relation_size('raw.pages') + pg_total_relation_size('ops.sync_runs')"


def scalar(connection: Connection, sql: str, *parameters: Any) -> int:
    """The number that a query gives."""
    row = connection.execute(sql, parameters).fetchone()
    assert row is not None
    return int(row[0])


def files(home: Path) -> int:
    """What Dagster's home takes on the disk, in blocks of it."""
    return sum(file.lstat().st_blocks * 512 for file in (home / "dagster").rglob("*"))


def sizes(connection: Connection, home: Path) -> dict[str, int]:
    """Bytes by place, and events."""
    return {
        "postgres": scalar(connection, SIZE, "dagster"),
        "files": files(home),
        "ledger": scalar(connection, LEDGER),
        "pages": scalar(connection, "SELECT count(*) FROM raw.pages"),
        "events": scalar(connection, "SELECT count(*) FROM dagster.event_logs"),
    }


def per_run(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """The growth by one run."""
    return {name: round((after[name] - before[name]) / RUNS) for name in before}


def refresh(settings: Settings, stash: SimulatedStash, *, changed: bool) -> None:
    """So many refreshes."""
    for _ in range(RUNS):
        if changed:
            change_everything(stash)
        (outcome,) = sync_instances(settings, ["home"], [], show=False)
        assert outcome["success"], outcome


def ticks(dagster: DagsterInstance, connection: Connection) -> int:
    """Bytes per skipped tick of a sensor of three instances, with the indexes."""
    size = "SELECT pg_total_relation_size('dagster.job_ticks')"
    before = scalar(connection, size)
    for _ in range(TICKS):
        dagster.create_tick(
            TickData(
                instigator_origin_id="of-the-benchmark",
                instigator_name="reconcile_sensor",
                instigator_type=InstigatorType.SENSOR,
                status=TickStatus.SKIPPED,
                timestamp=time.time(),
                selector_id="of-the-benchmark",
                skip_reason="x" * 450,
                cursor="x" * 900,
            )
        )
    return round((scalar(connection, size) - before) / TICKS)


def year(run: dict[str, int], days: float) -> int:
    """Bytes that the runs of so many days take."""
    return round((run["postgres"] + run["files"] + run["ledger"]) * INSTANCES * REFRESHES_PER_DAY * days)


def kept(run: dict[str, int]) -> int:
    """Bytes of as many runs as the maintenance keeps."""
    return (run["postgres"] + run["files"]) * load_settings().keep_runs


def main() -> None:
    """Measures and writes."""
    with tempfile.TemporaryDirectory(prefix="stash-pipeline-") as directory:
        os.environ.pop("STASH_PIPELINE_DATABASE_URL", None)
        home = Path(directory)
        library = Library.create()
        generate_library(library, scenes=40, seed=1, timezone="Europe/Paris")
        stash = SimulatedStash(library)
        settings = load_settings(home=home)
        use_settings(settings)
        with (
            stash.running() as server,
            open_warehouse(settings) as ready,
            connect(ready.database() or "") as connection,
        ):
            add_instance(connection, "home", server.url, home=home)
            sync_instances(ready, ["home"], [], show=False)
            start = sizes(connection, home)
            refresh(ready, stash, changed=False)
            middle = sizes(connection, home)
            refresh(ready, stash, changed=True)
            end = sizes(connection, home)
            with dagster_instance(home) as dagster:
                started = time.perf_counter()
                removed = maintain(dagster, connection, keep_days=1, now=lambda: time.time() + 2 * DAY_SECONDS)
                seconds = time.perf_counter() - started
                per_tick = ticks(dagster, connection)
            left = scalar(connection, "SELECT count(*) FROM dagster.runs")
            connection.execute("VACUUM FULL dagster.event_logs")
            pruned = sizes(connection, home)
    unchanged, changed = per_run(start, middle), per_run(middle, end)
    keep = load_settings().keep_runs_days
    write(
        "event_log",
        {
            "runs measured of each kind": RUNS,
            "empty storage": start,
            "bytes per refresh, nothing changed": unchanged,
            "bytes per refresh, every kind changed": changed,
            "pruning": {**vars(removed), "runs left": left, "seconds": round(seconds, 2), "sizes after": pruned},
            "limits": {
                "runs kept": load_settings().keep_runs,
                "bytes of so many runs, nothing changed": kept(unchanged),
                "bytes of so many runs, every kind changed": kept(changed),
                "bytes per skipped tick": per_tick,
                "skipped ticks kept for a day": TICKS_PER_DAY,
                "bytes of these": per_tick * TICKS_PER_DAY,
            },
            "three instances every hour": {
                "days kept": keep,
                "refreshes in a year": INSTANCES * REFRESHES_PER_DAY * 365,
                "a year without pruning, nothing changed": year(unchanged, 365),
                "a year without pruning, every kind changed": year(changed, 365),
                # the day before the next pruning, too
                "with pruning, nothing changed": start["postgres"] + year(unchanged, keep + 1),
                "with pruning, every kind changed": start["postgres"] + year(changed, keep + 1),
            },
        },
    )


if __name__ == "__main__":
    main()
