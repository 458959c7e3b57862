"""What an incremental refresh costs: of changes, and a reconcile, of libraries whose answers are ready on disk.

Seconds without Dagster, all of them our own, since the answers cost next to nothing. The tick of the sensor is
measured against a simulated server over HTTP, as the code server evaluates it.
"""

import resource
import socket
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
from load import load as sweep
from machine import by_size, write
from prerendered import DiskClient, Prerendered, render

from stash_pipeline.assets.resources import WAREHOUSE, WarehouseResource
from stash_pipeline.definitions import defs
from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import Settings, get_settings, load_settings, settings_in_use
from stash_pipeline.simulator.faults import Fault, Faults
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.run import run_sync
from stash_pipeline.sync.server_probe import Question, ask
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.session import open_warehouse

REPETITIONS = 3
TICKS = 20
TICK_SCENES = 2000
HANGING_SERVERS = 150
CLIENTS = 50


def refresh(settings: Settings, instance: Instance, library: Prerendered, mode: Mode) -> dict[str, Any]:
    """One refresh; seconds by phase, requests by what they asked for, and what was written."""
    url = settings.database() or ""
    client = DiskClient(library)
    started = time.perf_counter()
    kinds = [entity.name for entity in ENTITIES]
    mirrored = run_sync(settings, url, instance, kinds, mode=mode, client=client, lane="graphql")
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


class Counted(Faults):
    """No faults; every request is counted."""

    seen = 0

    def next(self) -> list[Fault]:
        """Of the next request."""
        self.seen += 1
        return super().next()


def tick() -> dict[str, Any]:
    """Ticks of the sensor over one instance that was refreshed, and on which nothing changed."""
    with tempfile.TemporaryDirectory() as directory:
        home, library, counted = Path(directory), Library.create(), Counted([])
        generate_library(library, scenes=TICK_SCENES, seed=1)
        stash = SimulatedStash(library, faults=counted)
        with stash.running() as server, open_warehouse(load_settings(home=home).without_database()) as settings:
            url = settings.database() or ""
            with connect(url) as connection:
                instance = add_instance(connection, "bench", server.url, home=home)
            run_sync(settings, url, instance, [entity.name for entity in ENTITIES])
            with settings_in_use(settings), dagster_instance(home, url) as dagster:
                seconds, requests, cursor = [], [], None
                for _ in range(TICKS):
                    before, started = counted.seen, time.perf_counter()
                    context = dg.build_sensor_context(
                        instance=dagster,
                        instance_ref=dagster.get_ref(),
                        cursor=cursor,
                        repository_def=defs.get_repository_def(),
                        resources={WAREHOUSE: WarehouseResource(get_settings)},
                    )
                    data = defs.resolve_sensor_def("changes_sensor").evaluate_tick(context)
                    seconds.append(round(time.perf_counter() - started, 4))
                    requests.append(counted.seen - before)
                    cursor = data.cursor
                    assert data.skip_message == "nothing changed on bench", data
    # the first one imports, and makes the client that the others have
    return {"first": seconds[0], "others": seconds[1:], "requests": max(requests[1:])}


def tick_over_hanging_servers() -> dict[str, Any]:
    """One look of the sensor at many servers that take a connection and never answer; and what a client costs."""
    with tempfile.TemporaryDirectory() as directory, socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        asked = [
            Question(Instance(n, str(n), f"hangs-{n}", url, None, None, 0, True, None, 0))
            for n in range(HANGING_SERVERS)
        ]
        started, cpu = time.perf_counter(), time.process_time()
        found = ask(load_settings(home=Path(directory)), asked)
        result = {
            "seconds": round(time.perf_counter() - started, 2),
            "CPU seconds": round(time.process_time() - cpu, 2),
            "asked": sum(1 for one in found.values() if one.asked),
        }
    for scheme in ("http", "https"):
        cpu = time.process_time()
        for _ in range(CLIENTS):
            StashClient(f"{scheme}://127.0.0.1:1").close()
        result[f"CPU ms of a client, {scheme}"] = round((time.process_time() - cpu) / CLIENTS * 1000, 2)
    return result


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
    ticks = tick()
    results = by_size(__file__, (10_000, 50_000, 100_000))
    edited = {scenes: figures["changes, 100 scenes edited"]["total"] for scenes, figures in results.items()}
    asked = results[50_000]
    write(
        "convergence",
        {
            "by scenes": results,
            "a tick of the sensor, nothing changed": ticks,
            "a tick over 150 servers that hang (asked: 20 s)": tick_over_hanging_servers(),
            "the slowest tick but the first, seconds (asked: 0.1)": max(ticks["others"]),
            "requests of a tick (asked: 1)": ticks["requests"],
            "changes: 100,000 scenes to 10,000 (asked: 1.3)": round(edited[100_000] / edited[10_000], 2),
            "1 % of 50,000 scenes edited, seconds (asked: 2)": asked["changes, 1 % of the scenes edited"]["total"],
            "reconcile of 50,000, nothing changed, seconds (asked: 3)": asked["reconcile, nothing changed"]["total"],
            "requests beside the listings (asked: 12)": asked["reconcile, nothing changed"]["requests"]["others"],
        },
    )


if __name__ == "__main__":
    main()
