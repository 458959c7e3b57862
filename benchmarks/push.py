"""From the edit on a simulated server to the row, with push: the plugin's line in the log, the warm process, the run.

Three parts: the warm process alone; the same beside processes that only compute; and beside the sensors of `up`, which
look for the same changes. The slowest edits are listed with the seconds of each phase.

python benchmarks/push.py [--edits 30] [--scenes 2000] [--busy 8]
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import machine
import psycopg

from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.instances import add_instance
from stash_pipeline.live.state import read_state
from stash_pipeline.runtime.supervisor import serving
from stash_pipeline.settings import Settings, load_settings, use_settings
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


@dataclass
class _Edit:
    """An edit, and when what followed it happened, in seconds since."""

    kind: str
    hint: float
    run: float
    row: float
    by: str

    def phases(self) -> dict[str, Any]:
        """The seconds of each phase."""
        return {
            "kind": self.kind,
            "run by": self.by,
            "edit to hint": round(self.hint, 2),
            "hint to run": round(self.run - self.hint, 2),
            "run to row": round(self.row - self.run, 2),
            "altogether": round(self.row, 2),
        }


_RUN = """
SELECT extract(epoch FROM create_timestamp AT TIME ZONE 'utc')::float, t.value FROM dagster.runs r
JOIN dagster.run_tags t ON t.run_id = r.run_id AND t.key = 'stash_pipeline/requested_by'
WHERE create_timestamp AT TIME ZONE 'utc' > to_timestamp(%s) ORDER BY create_timestamp LIMIT 1
"""


def _until(connection: "psycopg.Connection[Any]", query: str, text: str) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < _LONGEST:
        if connection.execute(query.encode(), [text]).fetchone():
            return time.perf_counter() - started
        time.sleep(0.02)
    return _LONGEST


@contextmanager
def _alone(settings: Settings) -> Iterator[int]:
    """The warm process alone: nothing else launches runs."""
    process = subprocess.Popen([sys.executable, "-m", "stash_pipeline.live"], env=settings.child_environment())
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _beside_sensors(settings: Settings) -> Iterator[int]:
    """What `up` starts, whose sensors look for the same changes."""
    with serving(settings, machine.free_port()) as running:
        (live,) = (child for child in running.children if child.name == "live")
        yield live.process.pid


@contextmanager
def _busy(processes: int) -> Iterator[None]:
    """So many processes that only compute, beside."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()


def main() -> None:
    """Measures, and writes push.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--busy", type=int, default=8, help="processes that only compute, in the last part")
    arguments = parser.parse_args()
    library = Library.create()
    generate_library(library, scenes=arguments.scenes, seed=1)
    figures: dict[str, Any] = {"scenes": arguments.scenes}
    with tempfile.TemporaryDirectory() as folder, SimulatedStash(library).running() as server:
        os.environ.pop("STASH_PIPELINE_DATABASE_URL", None)
        home = Path(folder)
        use_settings(load_settings(home=home))
        with open_warehouse(load_settings(home=home)) as settings:
            use_settings(settings)
            with psycopg.connect(settings.database() or "", autocommit=True) as connection:
                add_instance(connection, "home", server.url, home=home)
                sync_instances(settings, ["home"], [], show=False)
                with _alone(settings) as process:
                    figures["the warm process alone"] = _measure(connection, home, server.url, arguments.edits, process)
                    if arguments.busy:
                        with _busy(arguments.busy):
                            name = f"the same beside {arguments.busy} busy processes"
                            figures[name] = _measure(connection, home, server.url, arguments.edits, process)
                with _beside_sensors(settings) as process:
                    figures["beside sensors"] = _measure(connection, home, server.url, arguments.edits, process)
    machine.write("push", figures)


def _measure(connection: "psycopg.Connection[Any]", home: Path, url: str, edits: int, process: int) -> dict[str, Any]:
    while not any(
        read_state(home).get("pid") == process and "with the plugin" in str(each)
        for each in read_state(home).get("instances", {}).values()
    ):
        time.sleep(0.1)
    time.sleep(8)
    made = []
    rng = random.Random(1)
    processor = machine.psutil.Process(process)
    before = sum(processor.cpu_times()[:2])
    for number in range(edits):
        kind, mutation, query = _EDITS[number % len(_EDITS)]
        text = f"benchmark {uuid4().hex}"
        started, moment = time.perf_counter(), time.time()
        answer = httpx.post(
            f"{url}/graphql", json={"query": "mutation {" + mutation.format(text=text, number=number + 1) + "}"}
        )
        assert "errors" not in answer.json(), answer.text
        _until(connection, query, text)
        row = time.perf_counter() - started
        run = connection.execute(_RUN.encode(), [moment]).fetchone() or (moment + row, "?")
        # longer than the pause between hints, so that each edit has its run; not in step with the sensors
        time.sleep(rng.uniform(0.7, 3))
        (state,) = read_state(home)["instances"].values()
        hint = datetime.fromisoformat(state["last_hint"]).timestamp()
        made.append(_Edit(kind, hint - moment, run[0] - moment, row, run[1]))
    everything = sorted(each.row for each in made)
    return {
        "edits": edits,
        "median_seconds": round(statistics.median(everything), 2),
        "p95_seconds": round(everything[int(len(everything) * 0.95)], 2),
        "longest_seconds": round(everything[-1], 2),
        "runs by": dict(Counter(each.by for each in made)),
        "slowest": [each.phases() for each in sorted(made, key=lambda each: -each.row)[:3]],
        "processor_seconds_per_edit": round((sum(processor.cpu_times()[:2]) - before) / edits, 2),
        "resident_mb": round(processor.memory_info().rss / 1e6),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


if __name__ == "__main__":
    main()
