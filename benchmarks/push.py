"""From the edit on a simulated server to the row, with push: the plugin's line in the log, the warm process, the run.

python benchmarks/push.py [--edits 30] [--scenes 2000]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import machine
import psycopg

from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.instances import add_instance
from stash_pipeline.live.state import read_state
from stash_pipeline.settings import load_settings, use_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.session import open_warehouse

_LONGEST = 60.0

_EDITS = [
    ("tag created", 'tagCreate(input: {{name: "{text}"}}) {{id}}', "SELECT 1 FROM stash.tags WHERE name = %s"),
    (
        "scene edited",
        'sceneUpdate(input: {{id: "{number}", details: "{text}"}}) {{id}}',
        "SELECT 1 FROM stash.scenes WHERE details = %s",
    ),
    (
        "performer created",
        'performerCreate(input: {{name: "{text}"}}) {{id}}',
        "SELECT 1 FROM stash.performers WHERE name = %s",
    ),
    ("studio created", 'studioCreate(input: {{name: "{text}"}}) {{id}}', "SELECT 1 FROM stash.studios WHERE name = %s"),
    (
        "performer edited",
        'performerUpdate(input: {{id: "1", details: "{text}"}}) {{id}}',
        "SELECT 1 FROM stash.performers WHERE details = %s",
    ),
]


def _until(connection: "psycopg.Connection[Any]", query: str, text: str) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < _LONGEST:
        if connection.execute(query.encode(), [text]).fetchone():
            return time.perf_counter() - started
        time.sleep(0.02)
    return _LONGEST


def main() -> None:
    """Measures, and writes push.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--scenes", type=int, default=2000)
    arguments = parser.parse_args()
    library = Library.create()
    generate_library(library, scenes=arguments.scenes, seed=1)
    with tempfile.TemporaryDirectory() as folder, SimulatedStash(library).running() as server:
        home = Path(folder)
        use_settings(load_settings(home=home))
        with open_warehouse(load_settings(home=home)) as settings:
            url = settings.database() or ""
            with psycopg.connect(url, autocommit=True) as connection:
                add_instance(connection, "home", server.url, home=home)
                sync_instances(settings, ["home"], [], show=False)
                process = subprocess.Popen(
                    [sys.executable, "-m", "stash_pipeline.live"], env=settings.child_environment()
                )
                try:
                    figures = _measure(connection, home, server.url, arguments.edits, process.pid)
                finally:
                    process.terminate()
                    process.wait(30)
    machine.write("push", {"scenes": arguments.scenes, **figures})


def _measure(connection: "psycopg.Connection[Any]", home: Path, url: str, edits: int, process: int) -> dict[str, Any]:
    while not any("with the plugin" in str(each) for each in read_state(home).get("instances", {}).values()):
        time.sleep(0.1)
    time.sleep(5)
    seconds: dict[str, list[float]] = {}
    processor = machine.psutil.Process(process)
    before = sum(processor.cpu_times()[:2])
    for number in range(edits):
        kind, mutation, query = _EDITS[number % len(_EDITS)]
        text = f"benchmark {number}"
        answer = httpx.post(
            f"{url}/graphql", json={"query": "mutation {" + mutation.format(text=text, number=number + 1) + "}"}
        )
        assert "errors" not in answer.json(), answer.text
        seconds.setdefault(kind, []).append(_until(connection, query, text))
        # longer than the pause between hints, so that each edit has its run
        time.sleep(0.7)
    everything = sorted(each for some in seconds.values() for each in some)
    return {
        "edits": edits,
        "median_seconds": round(statistics.median(everything), 2),
        "p95_seconds": round(everything[int(len(everything) * 0.95)], 2),
        "longest_seconds": round(everything[-1], 2),
        "median_seconds_by_kind": {kind: round(statistics.median(some), 2) for kind, some in seconds.items()},
        "processor_seconds_per_edit": round((sum(processor.cpu_times()[:2]) - before) / edits, 2),
        "resident_mb": round(processor.memory_info().rss / 1e6),
        "load": [round(each, 1) for each in machine.os.getloadavg()],
    }


if __name__ == "__main__":
    main()
