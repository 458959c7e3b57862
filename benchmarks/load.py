"""Loading a library from answers that are ready on disk: raw, entities and joins; again with nothing changed; and
with 100 scenes that differ from their answers. What one table of it costs bare is measured beside it.

Seconds; peak memory of the process in MB. The Postgres is a private one, as ``stash-pipeline`` starts it.
"""

import resource
import sys
import tempfile
import time
from functools import partial
from math import log
from pathlib import Path
from typing import Any

import orjson
from machine import by_size, write
from prerendered import DiskClient, Prerendered, render

from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.session import open_warehouse


def load(settings: Settings, instance: Instance, folder: Path) -> dict[str, float]:
    """One run of the pipeline without Dagster; seconds by phase."""
    url = settings.database() or ""
    kinds = [entity.name for entity in ENTITIES]
    started = time.perf_counter()
    mirrored = run_sync(settings, url, instance, kinds, client=DiskClient(Prerendered(folder)), lane="graphql")
    read = time.perf_counter()
    with connect(url) as connection:
        transformed = transform(connection, instance.id, partial(connect, url))
    ended = time.perf_counter()
    return {
        "total": round(ended - started, 2),
        "raw": round(read - started, 2),
        "entities and joins": round(ended - read, 2),
        "documents written": sum(c.inserted + c.updated for c in mirrored.changes.values()),
        "rows written": sum(c.inserted + c.updated + c.removed for c in transformed.tables.values()),
    }


def measure(scenes: int) -> dict[str, Any]:
    """A first load and an unchanged one, in this process."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        render(home / "library", scenes)
        with open_warehouse(load_settings(home=home).without_database()) as settings:
            with connect(settings.database() or "") as connection:
                instance = add_instance(connection, "bench", "http://127.0.0.1:9999", home=home)
            first = load(settings, instance, home / "library")
            again = load(settings, instance, home / "library")
            spoil(settings, instance, 100)
            changed = load(settings, instance, home / "library")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            bare = bare_copy(settings)
    return {
        "scenes": scenes,
        "first": first,
        "nothing changed": again,
        "100 scenes changed": changed,
        "bare COPY of the scenes' documents": bare,
        "peak memory MB": round(peak),
    }


def spoil(settings: Settings, instance: Instance, scenes: int) -> None:
    """Makes documents differ from what the server answers, as if they had been edited there since."""
    with connect(settings.database() or "") as connection, connection.transaction():
        connection.execute("UPDATE ops.instances SET revision = revision + 1 WHERE id = %s", [instance.id])
        connection.execute(
            "UPDATE raw.scenes AS r SET document = document || '{\"title\": \"Another\"}', hash = '',\n"
            "    revision = i.revision FROM ops.instances AS i\n"
            "WHERE r.instance_id = %s AND i.id = r.instance_id AND r.id %% (SELECT max(id) / %s FROM raw.scenes) = 0",
            [instance.id, scenes],
        )


def bare_copy(settings: Settings) -> float:
    """Seconds for the same documents into a table without keys, by one COPY: what nobody can go below."""
    with connect(settings.database() or "") as connection:
        with connection.cursor().copy("COPY (SELECT id, document FROM raw.scenes) TO STDOUT") as copy:
            rows = b"".join(bytes(block) for block in copy)
        connection.execute("CREATE TABLE public.bare (id bigint, document jsonb)")
        started = time.perf_counter()
        with connection.cursor().copy("COPY public.bare FROM STDIN") as copy:
            copy.write(rows)
        return round(time.perf_counter() - started, 2)


def main() -> None:
    """Measures each size in a process of its own, so that peak memory is of that size."""
    if len(sys.argv) > 1:
        sys.stdout.write(orjson.dumps(measure(int(sys.argv[1]))).decode() + "\n")
        return
    results = by_size(__file__, (10_000, 50_000, 100_000))
    asked = results[50_000]
    missed = []
    for what, limit in (("first", 8.0), ("nothing changed", 2.0)):
        if asked[what]["total"] > limit:
            missed.append(f"{what}: {asked[what]['total']} s of {limit} s, of which raw {asked[what]['raw']} s")
    if asked["peak memory MB"] > 300:
        missed.append(f"peak memory: {asked['peak memory MB']} MB of 300 MB")
    growth = log(results[100_000]["first"]["total"] / results[10_000]["first"]["total"]) / log(10)
    write(
        "load",
        {
            "by scenes": results,
            "asked for 50000": "first 8 s, nothing changed 2 s, peak memory 300 MB",
            "missed": missed,
            "exponent of growth from 10000 to 100000 (asked: 1.1)": round(growth, 3),
        },
    )


if __name__ == "__main__":
    main()
