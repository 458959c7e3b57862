"""A stash-box: how right its matches are, how many requests it gets, and what reading and matching it costs.

Quality: two generated libraries and a generated box of a known truth, read and matched as in production, with and
without near pictures. The seeds are others than those with which the rules were tuned (11 to 31, 9101).

Cost: a library whose scenes have one file each; the box, in a process of its own, knows every second one. Requests do
not wait for their turns. Seconds of the processor, of this process and of Postgres.
"""

import math
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import orjson
from load import load
from machine import Processor, by_size, write
from prerendered import render

from stash_pipeline.instances import add_instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.generate import generate_box
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline.stashbox_registry import StashBoxEndpoint, add_endpoint, get_endpoint
from stash_pipeline.sync.stashbox import BoxReport, BoxSchedule, read_box
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers import shared
from stash_pipeline.warehouse.layers.layer import shared as shared_layers
from stash_pipeline.warehouse.ops.request_limiter import RequestLimiter
from stash_pipeline.warehouse.session import open_warehouse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import generated, new_mirror
from stash_pipeline_tests.stashbox.quality import measure as measure_quality

KEY = "not-a-real-key"
SEEDS = (9201, 9202, 9203)
SCENES = 3_000


def read(
    settings: Settings, endpoint: StashBoxEndpoint, connection: Connection, now: datetime
) -> tuple[BoxReport, int]:
    """Reads what is due, and returns the number of requests, too."""
    with endpoint.client(settings) as client:
        report = read_box(
            connection,
            client,
            endpoint.id,
            endpoint.name,
            requests_per_minute=endpoint.requests_per_minute,
            schedule=BoxSchedule(),
            now=lambda: now,
        )
        return report, client.requests


def follow(connection: Connection) -> None:
    for layer in shared_layers(LAYERS):
        shared.follow(connection, layer, LAYERS)


# --- quality ------------------------------------------------------------------------------------------------


def quality(seed: int) -> dict[str, Any]:
    """Precision and recall, without and with near pictures."""
    figures: dict[str, Any] = {"seed": seed, "scenes of each library": SCENES}
    libraries = [generated(SCENES, seed=seed + place, overlap_seed=seed, variants=True) for place in (0, 5000)]
    content, truth = generate_box(libraries, seed=seed)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        with open_warehouse(load_settings(home=home).without_database()) as settings:
            url = settings.database() or ""
            servers = Servers(*(new_mirror(url, home, library) for library in libraries))
            for server in (servers.home, servers.away):
                server.refresh()
            simulated = SimulatedStashBox(content, api_key=KEY)
            with simulated.running() as running, connect(url) as connection:
                add_endpoint(connection, "bench", running.url, home=home, api_key=KEY, requests_per_day=None)
                endpoint, now = get_endpoint(connection, "bench"), datetime.now(timezone.utc)
                for distance in (0, 8):
                    simulated.phash_distance = distance
                    now += timedelta(days=60)
                    read(settings, endpoint, connection, now)
                    follow(connection)
                    instances = [servers.home.instance.id, servers.away.instance.id]
                    measured = measure_quality(connection, truth, instances, distance)
                    figures[f"box finds {distance} bits"] = {
                        **measured.figures(),
                        "hazards of wrong ones": dict(measured.wrong),
                    }
    return figures


# --- cost ---------------------------------------------------------------------------------------------------


def serve(files: list[tuple[int, int | None, int]], pipe: Pipe) -> None:
    """A box that knows every second file, with votes of two people."""
    box = Box.create()
    with box.transaction():
        for number, (oshash, phash, seconds) in enumerate(files):
            if number % 2:
                continue
            scene = box.add_scene(f"Scene {number}", duration=seconds)
            box.submit(scene, "OSHASH", oshash, seconds, users=2)
            if phash is not None:
                box.submit(scene, "PHASH", phash, seconds, users=2)
    SimulatedStashBox(box, api_key=KEY).serve(ready=pipe.send)


@contextmanager
def box_of(files: list[tuple[int, int | None, int]]) -> Iterator[str]:
    """The address of such a box."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(files, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def cost(scenes: int) -> dict[str, Any]:
    """A first reading and matching, and one in which nothing is due."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        render(home / "library", scenes)
        own = load_settings(home=home).without_database()
        with open_warehouse(own) as settings, connect(settings.database() or "") as connection:
            instance = add_instance(connection, "bench", "http://127.0.0.1:9999", home=home)
            load(settings, instance, home / "library")
            connection.execute("VACUUM ANALYZE")
            follow(connection)
            rows = connection.execute(
                "SELECT min(p.value) FILTER (WHERE p.type = 'oshash'), min(p.phash), min(f.duration)\n"
                "FROM stash.scene_files AS x\n"
                "JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id\n"
                "JOIN stash.file_fingerprints AS p ON p.instance_id = f.instance_id AND p.file_id = f.id\n"
                "GROUP BY f.id ORDER BY f.id"
            ).fetchall()
            files = [
                (int(row[0], 16), None if row[1] is None else row[1] % (1 << 64), round(row[2] or 600)) for row in rows
            ]
            with box_of(files) as url:
                add_endpoint(connection, "bench", url, home=home, api_key=KEY, requests_per_day=None)
                endpoint, now = get_endpoint(connection, "bench"), datetime.now(timezone.utc)
                clock = Processor(home)
                report, requests = read(settings, endpoint, connection, now)
                reading = clock.seconds()
                clock = Processor(home)
                follow(connection)
                matching = clock.seconds()
                clock = Processor(home)
                _, more = read(settings, endpoint, connection, now)
                idle = clock.seconds()
            (matched,) = connection.execute(
                "SELECT count(*) FROM matches.stashbox_candidates WHERE action = 'automatic'"
            ).fetchone() or (0,)
    lookups, records = report.tables["lookups"], report.tables["scenes"]
    linked = sum(counts.asked for name, counts in report.tables.items() if name != "lookups")
    least = math.ceil(lookups.asked / 40) + sum(
        math.ceil(counts.asked / 30) for name, counts in report.tables.items() if name != "lookups"
    )
    return {
        "scenes": scenes,
        "sets of hashes": lookups.asked,
        "linked records": linked,
        "requests, with one for the version": requests,
        "ceil(sets / 40) + ceil(records / 30)": least,
        "matched automatically": matched,
        "scenes of the box": records.changed,
        "reading, seconds of the processor": reading,
        "reading, ms per scene (asked: 3)": round(1000 * sum(reading.values()) / scenes, 2),
        "matching, seconds of the processor": matching,
        "nothing due, requests": more,
        "nothing due, seconds of the processor": idle,
    }


def main() -> None:
    """Measures each size in a process of its own."""
    # the limiter counts every request, and nobody waits
    RequestLimiter.acquire = lambda self: self.reserve().at  # type: ignore[method-assign]
    if len(sys.argv) > 1:
        sys.stdout.write(orjson.dumps(cost(int(sys.argv[1]))).decode() + "\n")
        return
    figures = {
        "asked": "precision 0.999, recall 0.95 of what the evidence allows; 3 ms per scene",
        "quality": [quality(seed) for seed in SEEDS],
        "cost by scenes": by_size(__file__, (10_000, 50_000)),
    }
    write("stashbox", figures)


if __name__ == "__main__":
    main()
