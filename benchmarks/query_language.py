"""The search as people use it: queries of the language, with names to look up and markers one after the other.

100,000 documents in the embedded index, their markers in a private Postgres. Each query runs once; milliseconds by the
clock, and of the processor: of this process and of the database.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import psutil
from machine import by_size, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stash_pipeline.search.api import Search
from stash_pipeline.search.backend import IndexState
from stash_pipeline.search.documents import Document
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.settings import load_settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline_tests.search import library

SIZES = (100_000,)
QUERIES = 300
SEED = 7011


def measure(size: int) -> dict[str, Any]:
    """All kinds of queries on one library."""
    documents = list(library.documents(size, seed=SEED))
    with TemporaryDirectory() as directory:
        home = Path(directory)
        # the private Postgres of root has another user
        home.chmod(0o711)
        backend = TantivyBackend(home / "index")
        with backend.writer(rebuild=True) as writer:
            writer.put(documents)
            writer.commit(IndexState(1, "", backend.version, len(documents)))
        own = load_settings(home=home).without_database()
        with open_warehouse(own) as settings, connect(settings.database() or "") as connection:
            markers = _store_markers(connection, documents)
            search = Search(backend.reader(), connection)
            search.search("", limit=1)
            figures = {
                name: _measured(search, connection, kind)
                for name, kind in _kinds(documents, random.Random(SEED)).items()
            }
    return {"documents": len(documents), "markers": markers, "queries": figures}


def _store_markers(connection: Connection, documents: list[Document]) -> int:
    markers = [one for one in documents if one.entity == "scene_markers"]
    columns = "tag_id, scene_id, seconds, marker_id, instance_id, own"
    with connection.cursor().copy(f"COPY search.marker_tags ({columns}) FROM STDIN") as copy:
        for one in markers:
            for tag in one.all_tag_ids:
                copy.write_row((tag, one.scene_id, one.seconds, one.id, one.instance_ids[0], tag in one.tag_ids))
    connection.execute("ANALYZE search.marker_tags")
    return len(markers)


def _kinds(documents: list[Document], chance: random.Random) -> dict[str, Callable[[], str]]:
    """Makers of queries. Tags of markers are as frequent in queries as on markers."""
    markers = [one for one in documents if one.entity == "scene_markers" and one.tags]
    scenes = [one for one in documents if one.entity == "scenes" and one.people and one.tags]

    def marker() -> str:
        return f'marker:"{chance.choice(markers).tags[0]}"'

    def filters() -> str:
        one = chance.choice(scenes)
        return f'performer:"{one.people[0]}" tag:"{one.tags[0]}" resolution:>=720p'

    return {
        "a marker": marker,
        "two markers": lambda: f"{marker()} then {marker()}",
        "two markers within a minute": lambda: f"{marker()} then<60s {marker()}",
        "two markers and a performer": lambda: (
            f'{marker()} then {marker()} performer:"{chance.choice(scenes).people[0]}"'
        ),
        "three filters, names looked up": filters,
        "a word and an order": lambda: f"{chance.choice(chance.choice(scenes).title.split() or ['lake'])} sort:-date",
        "a word with two errors, corrected": lambda: f"xq{chance.choice(library.COMMON)[1:]}x",
    }


def _measured(search: Search, connection: Connection, make: Callable[[], str]) -> dict[str, float]:
    server = psutil.Process(connection.info.backend_pid)
    queries = [make() for _ in range(QUERIES)]
    before = server.cpu_times()
    processor = time.process_time()
    clock, hits = [], []
    for query in queries:
        started = time.perf_counter()
        hits.append(search.search(query).total)
        clock.append(1000 * (time.perf_counter() - started))
    after = server.cpu_times()
    spent = 1000 * (time.process_time() - processor) / QUERIES
    of_server = 1000 * (after.user + after.system - before.user - before.system) / QUERIES
    clock.sort()
    return {
        "p50": round(statistics.median(clock), 2),
        "p95": round(clock[int(0.95 * QUERIES)], 2),
        "processor": round(spent, 2),
        "processor of the database": round(of_server, 2),
        "mean hits": round(statistics.mean(hits), 1),
    }


def main() -> None:
    """Measures in a process of its own."""
    if len(sys.argv) > 1:
        sys.stdout.write(orjson.dumps(measure(int(sys.argv[1]))).decode() + "\n")
        return
    write("query_language", {"by documents": by_size(__file__, SIZES)})


if __name__ == "__main__":
    main()
