"""What an incremental refresh costs: of changes, and a reconcile, of libraries whose answers are ready on disk.

Seconds without Dagster; "own" is the whole of it, since the answers cost next to nothing. The tick of the sensor is
measured against a simulated server over HTTP.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from load import load as sweep
from machine import write
from prerendered import DiskClient, Prerendered, render

from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.mirror import mirror
from stash_pipeline.warehouse.refresh import Mode
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline.warehouse.transform import transform

REPETITIONS = 3


def refresh(settings: Settings, instance: Instance, library: Prerendered, mode: Mode) -> dict[str, Any]:
    """One refresh; seconds by phase, requests by what they asked for, and what was written."""
    url = settings.database() or ""
    client = DiskClient(library)
    started = time.perf_counter()
    mirrored = mirror(settings, url, instance, [entity.name for entity in ENTITIES], mode=mode, client=client)
    read = time.perf_counter()
    with connect(url) as connection:
        transformed = transform(connection, instance.id, partial(connect, url))
    ended = time.perf_counter()
    asked: Counter[str] = Counter()
    for _, variables in client.asked:
        # a listing is read page by page; all the other requests are what a reconcile needs beside it
        paged = (variables.get("filter") or {}).get("per_page", 0) > 1 or variables.get("ids")
        asked["of listings" if paged and mode == "reconcile" else "others"] += 1
    return {
        "total": round(ended - started, 3),
        "raw": round(read - started, 3),
        "entities and joins": round(ended - read, 3),
        "requests": dict(asked),
        "documents written": sum(c.inserted + c.updated + c.removed for c in mirrored.changes.values()),
        "rows written": sum(c.inserted + c.updated + c.removed for c in transformed.tables.values()),
    }


def best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The quickest of a few."""
    return min(runs, key=lambda run: run["total"])


def measure(scenes: int) -> dict[str, Any]:
    """One size, in this process."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        render(home / "library", scenes)
        with open_warehouse(load_settings(home=home).without_database()) as settings:
            with connect(settings.database() or "") as connection:
                instance = add_instance(connection, "bench", "http://127.0.0.1:9999", home=home)
            sweep(settings, instance, home / "library")
            library = Prerendered(home / "library")
            result: dict[str, Any] = {"scenes": scenes}
            for mode in ("changes", "reconcile"):
                result[f"{mode}, nothing changed, first"] = refresh(settings, instance, library, mode)
                runs = [refresh(settings, instance, library, mode) for _ in range(REPETITIONS)]
                result[f"{mode}, nothing changed"] = best(runs)
            step = scenes // 100
            runs = []
            for number in range(REPETITIONS):
                stamp = time.strftime(f"%Y-%m-%dT%H:%M:{10 + number}+00:00", time.gmtime())
                library.edit("scenes", range(1, scenes + 1, step), stamp)
                runs.append(refresh(settings, instance, library, "changes"))
            result["changes, 100 scenes edited"] = best(runs)
            stamp = time.strftime("%Y-%m-%dT%H:%M:50+00:00", time.gmtime())
            library.edit("scenes", range(1, scenes + 1, 100), stamp)
            result["changes, 1 % of the scenes edited"] = refresh(settings, instance, library, "changes")
    result["peak memory MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return result


def main() -> None:
    """Measures each size in a process of its own."""
    if len(sys.argv) > 1:
        sys.stdout.write(orjson.dumps(measure(int(sys.argv[1]))).decode() + "\n")
        return
    results = {}
    for scenes in (10_000, 50_000, 100_000):
        done = subprocess.run([sys.executable, __file__, str(scenes)], check=True, capture_output=True, text=True)
        results[scenes] = orjson.loads(done.stdout.splitlines()[-1])
    edited = {scenes: figures["changes, 100 scenes edited"]["total"] for scenes, figures in results.items()}
    asked = results[50_000]
    write(
        "convergence",
        {
            "by scenes": results,
            "changes: 100,000 scenes to 10,000 (asked: 1.3)": round(edited[100_000] / edited[10_000], 2),
            "1 % of 50,000 scenes edited, seconds (asked: 2)": asked["changes, 1 % of the scenes edited"]["total"],
            "reconcile of 50,000, nothing changed, seconds (asked: 3)": asked["reconcile, nothing changed"]["total"],
            "requests beside the listings (asked: 12)": asked["reconcile, nothing changed"]["requests"]["others"],
        },
    )


if __name__ == "__main__":
    main()
