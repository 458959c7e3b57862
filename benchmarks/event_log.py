"""What runs leave behind in Dagster's storage and in files, and what a year of them takes.

Runs of a small library, in three kinds: nothing changed, one scene edited, every kind of object changed. How much
Dagster writes depends on the tables that changed, not on their size; the pages of the ledger do depend on it. Sizes are
those on the disk, with indexes. They are noted ten times per kind: the bytes per run are the slope of a line through
them, and the slopes of both halves show whether the growth is linear.

Then a year in small: rounds of as many edits as runs are kept, each followed by the maintenance and by what autovacuum
does. If the size after a round does not grow any more, the runs of a year take no more than those that are kept. The
same with skipped ticks, which Dagster removes after a day.

`python benchmarks/event_log.py [RUNS [ROUNDS]]`
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import correlation, linear_regression
from typing import Any

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from dagster_cost import change_everything
from machine import write

from stash_pipeline.automation.maintenance import maintain
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
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
SAMPLES = 10
TICKS = 2000

INSTANCES = 3
EDITS_PER_DAY = 100
"""Of one instance, more than 1 s apart, so that each has a run of its own."""
SILENT_PER_DAY = 20
"""Changes without a timestamp that comparisons find, each followed by a reconcile."""
OTHER_PER_DAY = 8 + 1 + 1
"""Runs that keep the checks fresh (every 3 h at most), a sweep (in truth one a week), the maintenance."""
TICKS_PER_DAY = 86400 // 4 + 86400 // 9 + 3 * 86400 // 30
"""One sensor ticks every 4 s, one every 9 s, three every 30 s or less often."""

SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'
"""
LEDGER = "SELECT pg_total_relation_size('raw.pages') + pg_total_relation_size('ops.sync_runs')"
TICKS_SIZE = "SELECT pg_total_relation_size('dagster.job_ticks')"
SILENT = "UPDATE scenes SET resume_time = coalesce(resume_time, 0) + 1 WHERE id = 1"


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
        "events": scalar(connection, "SELECT count(*) FROM dagster.event_logs"),
    }


def slope(runs: list[int], values: list[int]) -> float:
    """The growth per run."""
    return linear_regression(runs, values).slope


class Runs:
    """Runs of one library."""

    def __init__(self, settings: Settings, stash: SimulatedStash, connection: Connection) -> None:
        self.settings = settings
        self.stash = stash
        self.connection = connection
        self.number = 0

    def nothing(self) -> str:
        """Changes nothing."""
        return "changes"

    def edit(self) -> str:
        """Edits one scene."""
        self.number += 1
        text = f"changed {self.number}"
        answer = self.stash.execute(f'mutation {{ sceneUpdate(input: {{id: "1", title: "{text}"}}) {{ id }} }}')
        assert "errors" not in answer, answer
        return "changes"

    def silent(self) -> str:
        """Changes one scene without a timestamp."""
        self.stash.library.execute(SILENT)
        return "reconcile"

    def everything(self) -> str:
        """Changes something of every kind."""
        change_everything(self.stash)
        return "sweep"

    def execute(self, change: Callable[[], str], runs: int) -> None:
        """So many runs, each after a change."""
        for _ in range(runs):
            (outcome,) = sync_instances(self.settings, ["home"], [], mode=change(), show=False)
            assert outcome["success"], outcome

    def growth(self, change: Callable[[], str], runs: int) -> dict[str, Any]:
        """Bytes per run of such changes."""
        self.execute(change, 5)
        noted = [(0, sizes(self.connection, self.settings.home))]
        for sample in range(1, SAMPLES + 1):
            done = noted[-1][0]
            self.execute(change, runs * sample // SAMPLES - done)
            noted.append((runs * sample // SAMPLES, sizes(self.connection, self.settings.home)))
        counts = [count for count, _ in noted]
        half = len(noted) // 2
        found: dict[str, Any] = {"runs": runs}
        for name in noted[0][1]:
            values = [size[name] for _, size in noted]
            found[f"{name} per run"] = round(slope(counts, values))
        values = [size["postgres"] for _, size in noted]
        halves = slope(counts[: half + 1], values[: half + 1]), slope(counts[half:], values[half:])
        found["postgres per run, first and second half"] = [round(each) for each in halves]
        found["correlation of postgres with runs"] = round(correlation(counts, values), 4)
        return found


def rounds(runs: Runs, dagster: DagsterInstance) -> list[dict[str, int]]:
    """Sizes after each of some rounds of as many edits as are kept."""
    after = []
    # without the space of the runs before
    maintain(dagster, runs.connection, keep_days=14, keep_runs=RUNS)
    vacuum(runs.connection, "FULL")
    for _ in range(ROUNDS):
        runs.execute(runs.edit, RUNS)
        full = sizes(runs.connection, runs.settings.home)
        removed = maintain(dagster, runs.connection, keep_days=14, keep_runs=RUNS)
        vacuum(runs.connection)
        after.append(
            {
                "postgres before the maintenance": full["postgres"],
                "postgres": scalar(runs.connection, SIZE, "dagster"),
                "files": files(runs.settings.home),
                "runs removed": removed.runs,
                "runs left": scalar(runs.connection, "SELECT count(*) FROM dagster.runs"),
            }
        )
    return after


def vacuum(connection: Connection, options: str = "ANALYZE") -> None:
    """What autovacuum does within a minute or so; the rounds are faster than it."""
    tables = connection.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'dagster'"
    )
    for (table,) in tables.fetchall():
        connection.execute(f"VACUUM ({options}) {table}")


def ticks(dagster: DagsterInstance, connection: Connection) -> dict[str, Any]:
    """Bytes per skipped tick of a sensor of three instances, with the indexes; also when old ones are removed."""
    before = scalar(connection, TICKS_SIZE)
    after = []
    for number in range(ROUNDS):
        # days later
        moment = time.time() + number * 2 * 86400
        for _ in range(TICKS):
            dagster.create_tick(
                TickData(
                    instigator_origin_id="of-the-benchmark",
                    instigator_name="reconcile_sensor",
                    instigator_type=InstigatorType.SENSOR,
                    status=TickStatus.SKIPPED,
                    timestamp=moment,
                    selector_id="of-the-benchmark",
                    skip_reason="x" * 450,
                    cursor="x" * 900,
                )
            )
        dagster.purge_ticks("of-the-benchmark", "of-the-benchmark", moment - 86400, [TickStatus.SKIPPED])
        vacuum(connection)
        after.append(scalar(connection, TICKS_SIZE) - before)
    return {"ticks per round": TICKS, "bytes after each round": after, "bytes per kept tick": round(max(after) / TICKS)}


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
            use_settings(ready)
            add_instance(connection, "home", server.url, home=home)
            sync_instances(ready, ["home"], [], show=False)
            start = sizes(connection, home)
            runs = Runs(ready, stash, connection)
            growth = {
                "nothing changed": runs.growth(runs.nothing, RUNS),
                "one scene edited": runs.growth(runs.edit, RUNS),
                "one scene changed without a timestamp": runs.growth(runs.silent, RUNS // 2),
                "every kind changed": runs.growth(runs.everything, RUNS // 2),
            }
            with dagster_instance(home) as dagster:
                kept = rounds(runs, dagster)
                per_tick = ticks(dagster, connection)
    write("event_log", {"empty storage": start, "bytes by kind of run": growth, **year(start, growth, kept, per_tick)})


def runs_kept(keep: Settings, runs_per_day: float, events: float) -> float:
    """The most runs that the maintenance of a day, or of an hour if there are a tenth more, leaves and adds to.

    Args:
        events: the mean number of events of a run.
    """
    by_number = min(keep.keep_runs * 1.1, keep.keep_runs + runs_per_day)
    return min(by_number, keep.keep_events / events + runs_per_day)


def year(
    start: dict[str, int], growth: dict[str, dict[str, Any]], kept: list[dict[str, int]], per_tick: dict[str, Any]
) -> dict[str, Any]:
    """What a year takes, under the assumptions that are stated."""
    keep = load_settings()
    daily = {
        "one scene edited": EDITS_PER_DAY,
        "one scene changed without a timestamp": SILENT_PER_DAY,
        "every kind changed": OTHER_PER_DAY,
    }
    runs_per_day = INSTANCES * sum(daily.values())
    storage = {kind: each["postgres per run"] + each["files per run"] for kind, each in growth.items()}
    mean = sum(storage[kind] * count for kind, count in daily.items()) / sum(daily.values())
    ledger = sum(growth[kind]["ledger per run"] * count for kind, count in daily.items()) / sum(daily.values())
    events = sum(growth[kind]["events per run"] * count for kind, count in daily.items()) / sum(daily.values())
    most_runs = runs_kept(keep, runs_per_day, events)
    busiest = runs_kept(keep, runs_per_day, growth["every kind changed"]["events per run"])
    # the largest size of a round, before the maintenance, by the runs that there were then
    peak = max(each["postgres before the maintenance"] for each in kept[1:]) - start["postgres"]
    of_rounds = (peak + max(each["files"] for each in kept)) / (2 * RUNS)
    skipped = per_tick["bytes per kept tick"] * TICKS_PER_DAY
    days = min(keep.keep_runs_days, most_runs / runs_per_day)
    return {
        "rounds of edits with maintenance": {"runs kept": RUNS, "after each round": kept},
        "skipped ticks": per_tick,
        "a year": {
            "assumed": {
                "instances": INSTANCES,
                "edits a day and instance, each with a run of its own": EDITS_PER_DAY,
                "silent changes found a day and instance": SILENT_PER_DAY,
                "other runs a day and instance, counted as if every kind changed": OTHER_PER_DAY,
                "runs a year": runs_per_day * 365,
            },
            "bytes without maintenance": round(mean * runs_per_day * 365),
            "days whose runs are kept": round(days, 1),
            "runs kept at most": round(most_runs),
            "bytes of these, by the growth": round(mean * most_runs),
            "bytes of these, by the rounds": round(of_rounds * most_runs),
            "bytes of the ledger of STASH_PIPELINE_KEEP_RUNS_DAYS": round(ledger * runs_per_day * keep.keep_runs_days),
            "bytes of skipped ticks": skipped,
            "bytes altogether, the larger of both": round(max(mean, of_rounds) * most_runs + skipped)
            + round(ledger * runs_per_day * keep.keep_runs_days)
            + start["postgres"],
            "runs kept at most if every run changed every kind": round(busiest),
            "bytes if every run changed every kind": round(storage["every kind changed"] * busiest + skipped),
        },
    }


if __name__ == "__main__":
    main()
