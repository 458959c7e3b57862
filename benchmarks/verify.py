"""What a proof of the mirror costs: the hashes of all documents, and all tables against a rebuild, beside a rebuild.

Seconds, of one process on a private Postgres; the library is that of ``load.py``.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from load import load
from machine import by_size, write
from prerendered import render

from stash_pipeline.instances import add_instance
from stash_pipeline.settings import load_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.integrity import check_documents, compare_with_rebuild
from stash_pipeline.warehouse.entities.transform import rebuild_layer
from stash_pipeline.warehouse.session import open_warehouse


def measure(scenes: int) -> dict[str, Any]:
    """A mirror that is intact, checked and rebuilt."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        render(home / "library", scenes)
        own = load_settings(home=home).without_database()
        with open_warehouse(own) as settings, connect(settings.database() or "") as connection:
            instance = add_instance(connection, "bench", "http://127.0.0.1:9999", home=home)
            loaded = load(settings, instance, home / "library")
            seconds: dict[str, float] = {}
            started = time.perf_counter()
            report = check_documents(connection, instance.id)
            seconds["hashes of all documents"] = time.perf_counter() - started
            started = time.perf_counter()
            sampled = check_documents(connection, instance.id, 60)
            seconds["hashes of 60 documents of each kind"] = time.perf_counter() - started
            started = time.perf_counter()
            tables = compare_with_rebuild(connection, instance.id)
            seconds["tables against a rebuild"] = time.perf_counter() - started
            started = time.perf_counter()
            rebuild_layer(connection, instance.id)
            seconds["a rebuild"] = time.perf_counter() - started
            assert report.intact and sampled.intact and tables == []
    return {
        "scenes": scenes,
        "documents": report.documents,
        "rows": loaded["rows written"],
        "first load": loaded["total"],
        **{name: round(value, 2) for name, value in seconds.items()},
    }


def main() -> None:
    """Measures each size in a process of its own."""
    if len(sys.argv) > 1:
        sys.stdout.write(orjson.dumps(measure(int(sys.argv[1]))).decode() + "\n")
        return
    write("verify", {"by scenes": by_size(__file__, (10_000, 50_000))})


if __name__ == "__main__":
    main()
