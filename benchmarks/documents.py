"""What search documents cost: the first build over two servers, the index of them, and following what changes.

The libraries are those of ``matches.py``. Every change is followed by all shared layers; the figures are those of the
search. Seconds on the clock, and of the processor for both the program and Postgres.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from load import load
from machine import Processor, write
from matches import make_real
from prerendered import render

from stash_pipeline.instances import add_instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.search.index import follow_index
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.settings import load_settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers import shared
from stash_pipeline.warehouse.layers.layer import shared as shared_layers
from stash_pipeline.warehouse.ops.object_log import Touched, publish
from stash_pipeline.warehouse.search.layer import SEARCH_LAYER
from stash_pipeline.warehouse.session import open_warehouse

CHANGES = 7
SCENES = 50_000

_KINDS = {
    "100 scenes get another title": ("scenes", "title", 100),
    "100 files get another name": ("files", "basename", 100),
    "100 markers get another title": ("scene_markers", "title", 100),
    "1 performer gets another name": ("performers", "name", 1),
    "1 studio gets another name": ("studios", "name", 1),
}
_RENAME = """
UPDATE stash.{entity} AS o SET {column} = 'Edited ' || o.id || ' ' || %(n)s
FROM (
    SELECT id FROM stash.{entity} WHERE instance_id = %(i)s ORDER BY md5(id || ' ' || %(n)s) LIMIT %(count)s
) AS chosen
WHERE o.instance_id = %(i)s AND o.id = chosen.id RETURNING o.id
"""


def rename(connection: Connection, instance_id: int, entity: str, column: str, count: int, number: int) -> None:
    """Gives objects of a server another name, as a sync would."""
    with connection.transaction():
        rows = connection.execute(
            _RENAME.format(entity=entity, column=column), {"i": instance_id, "n": number, "count": count}
        ).fetchall()
        touched = Touched()
        touched.add(entity, [row[0] for row in rows])
        publish(connection, instance_id, touched)


def follow(connection: Connection) -> tuple[float, int]:
    """Seconds until the documents followed, and how many changed; the layers above follow before."""
    seconds, changed = 0.0, 0
    for layer in shared_layers(LAYERS):
        started = time.perf_counter()
        done = shared.follow(connection, layer, LAYERS)
        seconds = time.perf_counter() - started
        changed = sum(change.inserted + change.updated + change.removed for change in done.tables.values())
    return seconds, changed


def build_index(connection: Connection, home: Path) -> dict[str, Any]:
    """The embedded index of all documents, from nothing."""
    backend = TantivyBackend(home / "search")
    processor = Processor(home)
    started = time.perf_counter()
    followed = follow_index(connection, backend)
    return {
        "documents": followed.put,
        "clock": round(time.perf_counter() - started, 2),
        "processor": processor.seconds(),
        "MB on disk": round((backend.size() or 0) / 1e6, 1),
    }


def measure(home: Path) -> dict[str, Any]:
    """The first build, changes, and a rebuild."""
    render(home / "library", SCENES)
    own = load_settings(home=home).without_database()
    with open_warehouse(own) as settings, connect(settings.database() or "") as connection:
        instances = [
            add_instance(connection, f"bench-{number}", f"http://127.0.0.1:{9000 + number}", home=home)
            for number in range(2)
        ]
        for instance in instances:
            load(settings, instance, home / "library")
        make_real(connection, instances[0].id, instances[1].id)
        connection.execute("VACUUM ANALYZE")
        for layer in shared_layers(LAYERS):
            if layer is not SEARCH_LAYER:
                shared.follow(connection, layer, LAYERS)
        connection.execute("VACUUM ANALYZE")
        processor = Processor(home)
        started = time.perf_counter()
        shared.follow(connection, SEARCH_LAYER, LAYERS)
        first = {"clock": round(time.perf_counter() - started, 2), "processor": processor.seconds()}
        connection.execute("VACUUM ANALYZE")
        index = build_index(connection, home)
        changes = {}
        for name, (entity, column, count) in _KINDS.items():
            followed = []
            for number in range(CHANGES):
                rename(connection, instances[number % 2].id, entity, column, count, number)
                followed.append(follow(connection))
            changes[name] = {
                "median": round(median(one[0] for one in followed), 3),
                "slowest": round(max(one[0] for one in followed), 3),
                "rows written, median": median(one[1] for one in followed),
            }
        started = time.perf_counter()
        shared.follow(connection, SEARCH_LAYER, LAYERS, rebuild=True)
        again = round(time.perf_counter() - started, 2)
        rows = dict(connection.execute("SELECT entity, rows FROM search.row_counts ORDER BY rows DESC").fetchall())
        size = connection.execute("SELECT pg_total_relation_size('search.documents') / 1000000").fetchone()
    return {
        "scenes of each server": SCENES,
        "rows": rows,
        "first build, seconds": first,
        "index, seconds": index,
        "rebuild that changes nothing, seconds": again,
        "following, seconds": changes,
        "size of search.documents, MB": size[0] if size else None,
    }


def main() -> None:
    """Measures."""
    if len(sys.argv) > 1:
        # keeps the database, to look at it
        write("documents", measure(Path(sys.argv[1])))
        return
    with tempfile.TemporaryDirectory() as directory:
        write("documents", measure(Path(directory)))


if __name__ == "__main__":
    main()
