"""How long it takes from a change on a server to the row in `stash`, with the processes that `up` starts.

Two simulated servers on this machine offer snapshots: a small one, on which objects of several kinds are edited one
after the other, and one of 50,000 scenes, on which changes without a timestamp (activity, o's, fingerprints, renamed
folders, merged tags) come at random moments. Both at the same time; a change counts when a reader of the database sees
it. Before that: what the daemon costs while nothing changes, with the intervals as they are chosen, and with the fixed
ones (30 s and one hour). The figures say which interval the sensors chose, and what a comparison took.

`python benchmarks/live.py [SECONDS [SCENES]]` changes things for SECONDS (240) on a library of SCENES (50000).
"""

import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil
from machine import free_port, write
from snapshot import WITHOUT_IMAGES

from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.instances import add_instance
from stash_pipeline.runtime.supervisor import Serving, serving
from stash_pipeline.settings import Settings, load_settings, use_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.session import open_warehouse

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 240.0
SCENES = int(sys.argv[2]) if len(sys.argv) > 2 else 50_000
SMALL_SCENES = 1_000
IDLE_SECONDS = min(SECONDS / 5, 45.0)
EDITS = 40
SILENT_EVERY = 6.0
SEEN_EVERY = 0.05
LONGEST = 150.0

Query = tuple[str, list[Any]]


@dataclass
class Change:
    """A change, and when it was seen."""

    kind: str
    made: float
    seen: Query
    seconds: float | None = None


def server(scenes: int, seed: int) -> SimulatedStash:
    """A server that offers snapshots, of scenes and what goes with them."""
    library = Library.create()
    generate_library(library, scenes=scenes, seed=seed)
    for statement in WITHOUT_IMAGES:
        library.execute(statement)
    return SimulatedStash(library, backups=Backups())


class Changer:
    """Makes changes on one server."""

    def __init__(self, stash: SimulatedStash, instance: int, rng: random.Random) -> None:
        self.stash = stash
        self.instance = instance
        self.rng = rng
        self.number = 0

    def _mutate(self, mutation: str) -> Any:
        answer = self.stash.execute(f"mutation {{ {mutation} }}")
        if "errors" in answer:
            raise SystemExit(f"{mutation}: {answer['errors']}")
        return answer["data"]

    def _id(self, table: str) -> int:
        """An object far from the last one; the same one returns only after a round of the whole table."""
        self.number += 1
        offset = f"{self.number * 7} % (SELECT count(*) FROM {table})"
        (row,) = self.stash.library.rows(f"SELECT id FROM {table} ORDER BY id LIMIT 1 OFFSET {offset}")
        return int(row["id"])

    def _where(self, table: str, condition: str, *values: Any) -> Query:
        return f"SELECT 1 FROM stash.{table} WHERE instance_id = %s AND {condition}", [self.instance, *values]

    # -- with a timestamp or another count ---------------------------------------------------------------------

    def scene(self) -> Query:
        """A title."""
        ident, text = self._id("scenes"), f"changed {self.number}"
        self._mutate(f'sceneUpdate(input: {{id: "{ident}", title: "{text}"}}) {{ id }}')
        return self._where("scenes", "id = %s AND title = %s", ident, text)

    def performer(self) -> Query:
        """A field of a performer."""
        ident, text = self._id("performers"), f"changed {self.number}"
        self._mutate(f'performerUpdate(input: {{id: "{ident}", details: "{text}"}}) {{ id }}')
        return self._where("performers", "id = %s AND details = %s", ident, text)

    def studio(self) -> Query:
        """A field of a studio."""
        ident, text = self._id("studios"), f"changed {self.number}"
        self._mutate(f'studioUpdate(input: {{id: "{ident}", details: "{text}"}}) {{ id }}')
        return self._where("studios", "id = %s AND details = %s", ident, text)

    def tag(self) -> Query:
        """A new tag."""
        self.number += 1
        name = f"new tag {self.number} of the benchmark"
        self._mutate(f'tagCreate(input: {{name: "{name}"}}) {{ id }}')
        return self._where("tags", "name = %s", name)

    def marker(self) -> Query:
        """A new marker."""
        ident, title = self._id("scenes"), f"new marker {self.number}"
        (tag,) = self.stash.library.rows("SELECT min(id) AS id FROM tags")
        made = f'scene_id: "{ident}", title: "{title}", seconds: 1, primary_tag_id: "{tag["id"]}"'
        self._mutate(f"sceneMarkerCreate(input: {{{made}}}) {{ id }}")
        return self._where("scene_markers", "title = %s", title)

    # -- without ---------------------------------------------------------------------------------------------------

    def activity(self) -> Query:
        """Where a player stopped."""
        ident = self._id("scenes")
        seconds = 1000.5 + self.number
        self._mutate(f'sceneSaveActivity(id: "{ident}", resume_time: {seconds}, playDuration: 3)')
        return self._where("scenes", "id = %s AND resume_time = %s", ident, seconds)

    def o_counter(self) -> Query:
        """An o."""
        ident = self._id("scenes")
        (row,) = self.stash.library.rows(f"SELECT count(*) AS n FROM scenes_o_dates WHERE scene_id = {ident}")
        self._mutate(f'sceneAddO(id: "{ident}") {{ count }}')
        return self._where("scenes", "id = %s AND o_counter = %s", ident, row["n"] + 1)

    def fingerprint(self) -> Query:
        """A generated phash."""
        scene = self._id("scenes")
        (row,) = self.stash.library.rows(f"SELECT file_id FROM scenes_files WHERE scene_id = {scene} LIMIT 1")
        value = 0x1234_5678_0000_0000 + self.number
        self.stash.library.execute(
            "INSERT OR REPLACE INTO files_fingerprints (file_id, type, fingerprint) VALUES (?, 'phash', ?)",
            [row["file_id"], value],
        )
        return (
            "SELECT 1 FROM stash.file_fingerprints WHERE instance_id = %s AND file_id = %s AND type = 'phash'\n"
            "AND value = %s",
            [self.instance, row["file_id"], f"{value:016x}"],
        )

    def folder(self) -> Query:
        """A renamed folder, and with it the path of a file."""
        scene = self._id("scenes")
        (row,) = self.stash.library.rows(
            "SELECT d.id, d.path FROM scenes_files s JOIN files f ON f.id = s.file_id\n"
            f"JOIN folders d ON d.id = f.parent_folder_id WHERE s.scene_id = {scene} LIMIT 1"
        )
        path = f"{row['path']} renamed {self.number}"
        self.stash.library.execute("UPDATE folders SET path = ? WHERE id = ?", [path, row["id"]])
        return self._where("folders", "id = %s AND path = %s", int(row["id"]), path)

    def merge(self) -> Query:
        """Two tags become one; the destination gets no timestamp, but the count of tags changes."""
        source, target = self._id("tags"), self._id("tags")
        self._mutate(f'tagsMerge(input: {{source: ["{source}"], destination: "{target}"}}) {{ id }}')
        return (
            "SELECT 1 FROM ops.instances WHERE id = %s AND NOT EXISTS (\n"
            "    SELECT FROM stash.tags t WHERE t.instance_id = ops.instances.id AND t.id = %s)",
            [self.instance, source],
        )


class Watcher:
    """Notes when changes are visible in the database."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.changes: list[Change] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def made(self, kind: str, make: Callable[[], Query]) -> Change:
        """Makes a change, and watches it."""
        query = make()
        change = Change(kind, time.monotonic(), query)
        self.changes.append(change)
        return change

    def open(self) -> list[Change]:
        """Those that were not seen yet."""
        return [change for change in self.changes if change.seconds is None]

    def _watch(self) -> None:
        with connect(self.database_url) as connection:
            while not self.ended.wait(SEEN_EVERY):
                for change in self.open():
                    if connection.execute(*change.seen).fetchone():
                        change.seconds = time.monotonic() - change.made


def edit(changer: Changer, watcher: Watcher, end: float) -> None:
    """Edits one object after the other, at random moments."""
    makers = [changer.scene, changer.performer, changer.studio, changer.tag, changer.marker]
    for number in range(EDITS):
        if time.monotonic() > end:
            return
        make = makers[number % len(makers)]
        change = watcher.made(make.__name__, make)
        while change.seconds is None and time.monotonic() - change.made < LONGEST:
            time.sleep(SEEN_EVERY)
        time.sleep(changer.rng.uniform(0, 5))


def change_silently(changer: Changer, watcher: Watcher, end: float) -> None:
    """Changes objects at random moments, whether or not the earlier ones were seen."""
    makers = [changer.activity, changer.o_counter, changer.fingerprint, changer.folder, changer.merge]
    number = 0
    while time.monotonic() < end:
        make = makers[number % len(makers)]
        watcher.made(make.__name__, make)
        number += 1
        time.sleep(changer.rng.expovariate(1 / SILENT_EVERY))


def distribution(changes: list[Change]) -> dict[str, Any]:
    """Seconds until the changes were seen."""
    seconds = sorted(change.seconds for change in changes if change.seconds is not None)
    by_kind: dict[str, list[float]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(round(change.seconds, 1) if change.seconds else -1)
    if len(seconds) < 2:
        return {"changes": len(changes), "seen": len(seconds), "by kind": by_kind}
    cuts = quantiles(seconds, n=20, method="inclusive")
    return {
        "changes": len(changes),
        "seen": len(seconds),
        "least": round(seconds[0], 1),
        "median": round(median(seconds), 1),
        "p95": round(cuts[18], 1),
        "most": round(seconds[-1], 1),
        "by kind": by_kind,
    }


def used(running: Serving, home: Path) -> dict[str, float]:
    """Processor seconds so far, by process, with those of ended children."""
    found = {}
    for child in running.children:
        times = psutil.Process(child.process.pid).cpu_times()
        found[child.name] = times.user + times.system + times.children_user + times.children_system
    number = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
    postgres = psutil.Process(number)
    whole = postgres.cpu_times()
    found["Postgres"] = whole.user + whole.system + whole.children_user + whole.children_system
    for process in postgres.children():
        times = process.cpu_times()
        found["Postgres"] += times.user + times.system
    return found


def storage(connection: Connection) -> dict[str, int]:
    """Rows that Dagster keeps."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM dagster.job_ticks), (SELECT count(*) FROM dagster.runs),\n"
        "    pg_total_relation_size('dagster.job_ticks')"
    ).fetchone()
    assert row is not None
    return dict(zip(("ticks", "runs", "bytes of ticks"), row, strict=True))


def idle(settings: Settings, connection: Connection) -> dict[str, Any]:
    """What the processes use per hour while nothing changes."""
    with serving(settings, free_port()) as running:
        # the first ticks start threads and connections
        time.sleep(15)
        before, rows, started = used(running, settings.home), storage(connection), time.monotonic()
        time.sleep(IDLE_SECONDS)
        after, seconds, later = used(running, settings.home), time.monotonic() - started, storage(connection)
    hour = 3600 / seconds
    ticks = later["ticks"] - rows["ticks"]
    return {
        "processor seconds per hour": {name: round((after[name] - before[name]) * hour) for name in after},
        "of these per tick, milliseconds": round(
            sum(after[name] - before[name] for name in ("daemon", "code server", "Postgres")) / max(ticks, 1) * 1000
        ),
        "ticks per hour": round(ticks * hour),
        "bytes per stored tick, with indexes": round(
            (later["bytes of ticks"] - rows["bytes of ticks"]) / max(ticks, 1)
        ),
        "runs": later["runs"] - rows["runs"],
    }


def chosen(connection: Connection) -> list[dict[str, Any]]:
    """The intervals, and what comparisons took."""
    cursor = connection.execute(
        "SELECT i.name, c.asked_every, c.asked_reason, c.lane, c.seconds, c.last_seconds, c.blocked_seconds,\n"
        "    c.balance\n"
        "FROM ops.cadence c JOIN ops.instances i ON i.id = c.instance_id ORDER BY i.name"
    )
    names = [column.name for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def runs(connection: Connection) -> dict[str, int]:
    """Syncs by instance and mode."""
    found = connection.execute(
        "SELECT i.name || ', ' || r.mode, count(*) FROM ops.sync_runs r JOIN ops.instances i ON i.id = r.instance_id\n"
        "GROUP BY 1 ORDER BY 1"
    )
    return dict(found.fetchall())


@contextmanager
def watching(database_url: str) -> Iterator[Watcher]:
    """A watcher while the context is active."""
    watcher = Watcher(database_url)
    watcher.thread.start()
    try:
        yield watcher
    finally:
        watcher.ended.set()
        watcher.thread.join()


def say(text: str) -> None:
    """Tells how far it is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def main() -> None:
    """Measures and writes."""
    with tempfile.TemporaryDirectory(prefix="stash-pipeline-") as directory:
        os.environ.pop("STASH_PIPELINE_DATABASE_URL", None)
        home = Path(directory)
        small, large = server(SMALL_SCENES, 1), server(SCENES, 2)
        settings = load_settings(home=home)
        use_settings(settings)
        with (
            small.running() as one,
            large.running() as other,
            open_warehouse(settings) as ready,
            connect(ready.database() or "") as connection,
        ):
            url = ready.database() or ""
            ids = {
                name: add_instance(connection, name, running.url, home=home).id
                for name, running in (("small", one), ("large", other))
            }
            for outcome in sync_instances(ready, list(ids), [], show=False):
                assert outcome["success"], outcome
            say("first syncs are done")
            fixed = ready.model_copy(update={"fast_answer_milliseconds": 0, "reconcile_share_percent": 0})
            idle_fixed = idle(fixed, connection)
            idle_chosen = idle(ready, connection)
            say("idle is measured")
            before = runs(connection)
            with serving(ready, free_port()), watching(url) as edits, watching(url) as silent:
                time.sleep(12)
                end = time.monotonic() + SECONDS
                work = [
                    threading.Thread(target=edit, args=(Changer(small, ids["small"], random.Random(1)), edits, end)),
                    threading.Thread(
                        target=change_silently, args=(Changer(large, ids["large"], random.Random(2)), silent, end)
                    ),
                ]
                for thread in work:
                    thread.start()
                for thread in work:
                    thread.join()
                say("changes are made")
                last = time.monotonic() + LONGEST
                while (edits.open() or silent.open()) and time.monotonic() < last:
                    time.sleep(0.5)
            made = {name: count - before.get(name, 0) for name, count in runs(connection).items()}
            intervals = chosen(connection)
    write(
        "live",
        {
            "scenes": {"small": SMALL_SCENES, "large": SCENES},
            "seconds from an edit to its row, small (median asked: 8)": distribution(edits.changes),
            "seconds from a silent change to its row, large (p95 asked: 90)": distribution(silent.changes),
            "chosen": intervals,
            "syncs meanwhile": made,
            "idle, intervals as chosen": idle_chosen,
            "idle, 30 s and one hour": idle_fixed,
        },
    )


if __name__ == "__main__":
    main()
