"""A full mirror over HTTP against a bare client that drains the same pages and throws them away.

The server is a process that serves ready answers with a real server's latency (160 ms per 100 scenes). Both sides
have two requests in flight and ask for the very same pages; seconds, and their ratio.
"""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson
from machine import free_port, write
from prerendered import DiskClient, Prerendered, render

from stash_pipeline.instances import add_instance
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline.warehouse.session import open_warehouse

SCENES = 20_000
REPETITIONS = 3
KINDS = [entity.name for entity in ENTITIES]


def pipeline(
    settings: Settings, url: str, home: Path, library: Path | None
) -> tuple[tuple[float, float], DiskClient | None]:
    """Seconds of a first mirror, of reading and of transforming; and, from disk, the client that noted the requests."""
    database_url = settings.database() or ""
    client = DiskClient(Prerendered(library)) if library else None
    with connect(database_url) as connection:
        instance = add_instance(connection, "bench", url, home=home)
        started = time.perf_counter()
        run_sync(settings, database_url, instance, KINDS, client=client, lane="graphql")
        read = time.perf_counter()
        transform(connection, instance.id, partial(connect, database_url))
        seconds = read - started, time.perf_counter() - read
        remove_instance(connection, instance.id)
    return seconds, client


def drain(url: str, requests: list[tuple[str, dict[str, Any]]]) -> float:
    """Seconds to ask for the same pages, two at a time, without looking at them."""
    # with the headers that ours has for a server on this machine
    headers = {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "identity"}
    with httpx.Client(timeout=60, headers=headers) as client, ThreadPoolExecutor(2) as pool:

        def one(request: tuple[str, dict[str, Any]]) -> None:
            client.post(f"{url}/graphql", content=orjson.dumps({"query": request[0], "variables": request[1]}))

        started = time.perf_counter()
        list(pool.map(one, requests))
        return time.perf_counter() - started


def main() -> None:
    """Measures both in turn, several times."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        render(home / "library", SCENES)
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "prerendered.py"), str(home / "library"), str(port)],
            stdout=subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()
            url = f"http://127.0.0.1:{port}"
            with open_warehouse(load_settings(home=home).without_database()) as settings:
                _, noted = pipeline(settings, url, home, home / "library")
                assert noted is not None
                bare, ours, phases = [], [], []
                for _ in range(REPETITIONS):
                    bare.append(round(drain(url, noted.asked), 2))
                    phases.append(pipeline(settings, url, home, None)[0])
                    ours.append(round(sum(phases[-1]), 2))
        finally:
            server.terminate()
            server.wait()
    write(
        "http_mirror",
        {
            "scenes": SCENES,
            "requests": len(noted.asked),
            "bare client": bare,
            "full mirror": ours,
            "of which entities and joins": [round(after, 2) for _, after in phases],
            "ratio of the medians (asked: 1.10)": round(median(ours) / median(bare), 3),
        },
    )


if __name__ == "__main__":
    main()
