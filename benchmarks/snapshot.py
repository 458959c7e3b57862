"""A full mirror by snapshots of the database: file on disk → raw, entities, joins; again with nothing changed; and with
one in a hundred scenes changed. The copy of the middle size is also made and sent by a simulated server.

Seconds, phase by phase; peak memory of the process in MB. A library has, per 50,000 scenes, 5,000 performers,
7,500 tags, 52,000 files and everything that goes with them, and no images. The Postgres is a private one.
"""

import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
from machine import Processor, by_size, write

from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import Answer, StashClient
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import SNAPSHOT_ENTITIES, documents
from stash_pipeline.stash.snapshot.download import MUTATION
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.session import open_warehouse

WITHOUT_IMAGES = (
    "DELETE FROM images",
    "DELETE FROM galleries",
    "DELETE FROM folders WHERE zip_file_id IS NOT NULL",
    "DELETE FROM files WHERE id NOT IN (SELECT file_id FROM scenes_files)",
    # of the simulator's scenes three tenths were played
    "DELETE FROM scenes_view_dates WHERE scene_id % 3 > 0",
    "DELETE FROM scenes_o_dates WHERE scene_id % 3 > 0",
    "UPDATE scenes SET resume_time = 0, play_duration = 0 WHERE id % 3 > 0",
)
"""What was asked for is a library of scenes, a tenth of them played."""

SERVER_SCENES = 20
"""Of the server that is asked for everything but the copy."""


def layout(path: Path, scenes: int) -> None:
    """Writes the database of a library."""
    library = Library.create()
    generate_library(library, scenes=scenes, seed=1)
    for statement in WITHOUT_IMAGES:
        library.execute(statement)
    library.copy_into(path)
    library.close()


class FileClient(StashClient):
    """A client of a server whose copy is there already."""

    def __init__(self, url: str, path: Path) -> None:
        super().__init__(url)
        self.path = path

    def execute(self, document: str, *arguments: Any, **options: Any) -> Answer:
        """Asks the server, but for the copy."""
        if MUTATION in document:
            return Answer({MUTATION: "http://127.0.0.1/downloads/there/already"}, 0, 0.0, b"")
        answer = super().execute(document, *arguments, **options)
        if options.get("name") == "probe":
            # the server is a small one, and must count what its copy holds
            with closing(sqlite3.connect(self.path)) as database:
                for kind, found in answer.data.items():
                    if "count" in found:
                        (found["count"],) = database.execute(f"SELECT count(*) FROM {kind}").fetchone()
        return answer

    @contextmanager
    def download(self, path: str, headers: Mapping[str, str], end: float | None = None) -> Iterator[httpx.Response]:
        """The file, block by block."""
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            blocks = iter(lambda: file.read(1 << 20), b"")
            yield httpx.Response(200, headers={"Content-Length": str(size)}, stream=Blocks(blocks))


class Blocks(httpx.SyncByteStream):
    """Blocks of bytes as the body of an answer."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks


def refresh(settings: Settings, instance: Instance, client: StashClient) -> dict[str, Any]:
    """One run of the pipeline without Dagster; seconds by phase and of the processor, and what was written."""
    kinds = [entity.name for entity in ENTITIES]
    database = settings.database() or ""
    processor = Processor(settings.home)
    started = time.perf_counter()
    # the small server counts less than the file holds
    options = {"mode": "sweep", "lane": "snapshot", "accept_removals": True}
    mirrored = run_sync(settings, database, instance, kinds, client=client, **options)
    read = time.perf_counter()
    with connect(database) as connection:
        transformed = transform(connection, instance.id, partial(connect, database))
    ended = time.perf_counter()
    return {
        "total": round(ended - started, 2),
        "raw": round(read - started, 2),
        "of that, by kind": {name: round(c.seconds, 2) for name, c in mirrored.changes.items() if c.seconds >= 0.01},
        "entities and joins": round(ended - read, 2),
        "processor": processor.seconds(),
        "documents": sum(c.fetched for c in mirrored.changes.values()),
        "documents written": sum(c.inserted + c.updated + c.removed for c in mirrored.changes.values()),
        "rows written": sum(c.inserted + c.updated + c.removed for c in transformed.tables.values()),
    }


def reading(path: Path, server: SimulatedStash) -> dict[str, float]:
    """Seconds to check a file, and to make all its documents, without Postgres."""
    from stash_pipeline.stash.query_plan import plan_library
    from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema

    plans = plan_library(ServerSchema(server.execute(INTROSPECTION)["data"]))
    started = time.perf_counter()
    with Snapshot(path) as snapshot:
        checked = time.perf_counter()
        for kind in SNAPSHOT_ENTITIES:
            for _ in documents(snapshot, plans, kind):
                pass
    return {"check": round(checked - started, 2), "documents": round(time.perf_counter() - checked, 2)}


def change(path: Path, *statements: str) -> None:
    """Changes a file; what is undone again still makes another file."""
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
            database.commit()
    database.close()


def edit(path: Path, every: int) -> None:
    """Changes the titles of one scene in so many, as edits do."""
    stamp = "2026-11-21T10:00:00Z"
    change(path, f"UPDATE scenes SET title = title || ' edited', updated_at = '{stamp}' WHERE id % {every} = 0")


def measure(scenes: int) -> dict[str, Any]:
    """One size, in this process."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        path = home / "library.sqlite"
        # in a process of its own: it is all in memory there
        subprocess.run([sys.executable, __file__, str(scenes), str(path)], check=True)
        library = Library.create()
        generate_library(library, scenes=SERVER_SCENES, seed=1)
        server = SimulatedStash(library)
        settings_there = load_settings(home=home).without_database()
        with server.running() as running, open_warehouse(settings_there) as settings:
            with connect(settings.database() or "") as connection:
                instance = add_instance(connection, "bench", running.url, home=home)
            result: dict[str, Any] = {"scenes": scenes, "file MB": round(path.stat().st_size / 1e6)}
            result["reading the file alone"] = reading(path, server)
            result["first"] = refresh(settings, instance, FileClient(running.url, path))
            result["the same copy again"] = refresh(settings, instance, FileClient(running.url, path))
            change(path, "UPDATE schema_migrations SET dirty = 1", "UPDATE schema_migrations SET dirty = 0")
            result["nothing changed"] = refresh(settings, instance, FileClient(running.url, path))
            edit(path, 100)
            result["1 % of the scenes changed"] = refresh(settings, instance, FileClient(running.url, path))
    result["peak memory MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return result


def over_http(scenes: int) -> float:
    """Seconds of a first mirror whose copy a simulated server makes and sends."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        library = Library.create()
        generate_library(library, scenes=scenes, seed=1)
        for statement in WITHOUT_IMAGES:
            library.execute(statement)
        settings_there = load_settings(home=home).without_database()
        with SimulatedStash(library).running() as running, open_warehouse(settings_there) as settings:
            with connect(settings.database() or "") as connection:
                instance = add_instance(connection, "bench", running.url, home=home)
            return float(refresh(settings, instance, StashClient(running.url))["total"])


def main() -> None:
    """Measures each size in a process of its own, so that peak memory is of that size."""
    if len(sys.argv) == 3:
        layout(Path(sys.argv[2]), int(sys.argv[1]))
        return
    if len(sys.argv) == 2:
        sys.stdout.write(orjson.dumps(measure(int(sys.argv[1]))).decode() + "\n")
        return
    results = by_size(__file__, (5_000, 50_000, 500_000))
    asked = results[50_000]
    write(
        "snapshot",
        {
            "by scenes": results,
            "50,000 scenes, first, file on disk (asked: 8)": asked["first"]["total"],
            "50,000 scenes, first, made and sent by a simulated server (asked: 10)": over_http(50_000),
            "50,000 scenes, nothing changed (asked: 3)": asked["nothing changed"]["total"],
            "50,000 scenes, 1 % changed (asked: 4)": asked["1 % of the scenes changed"]["total"],
            "50,000 scenes, first, entities and joins to raw (asked: 1.2)": round(
                asked["first"]["entities and joins"] / asked["first"]["raw"], 2
            ),
            "50,000 scenes, raw, 1 % changed, spread over all ids, to nothing changed (asked: 1.5)": round(
                asked["1 % of the scenes changed"]["raw"] / asked["nothing changed"]["raw"], 2
            ),
            "500,000 scenes to 50,000 (asked: 12)": round(
                results[500_000]["first"]["total"] / asked["first"]["total"], 1
            ),
            "peak memory at 500,000 scenes, MB (asked: 400)": results[500_000]["peak memory MB"],
        },
    )


if __name__ == "__main__":
    main()
