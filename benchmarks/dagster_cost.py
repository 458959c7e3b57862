"""What Dagster itself costs: the smallest library, so that nearly all of the time is not ours.

A command is timed from its start to its exit; a click from the request to the run's success, polled every 50 ms; a run
itself from its start to its end, as Dagster notes them.
Each figure is the list of its repetitions, in seconds.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from machine import free_port, write

from stash_pipeline.instances import add_instance
from stash_pipeline.runtime.supervisor import serving
from stash_pipeline.settings import Settings, load_settings, use_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.session import open_warehouse

REPETITIONS = 5

LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } }
}
"""


def command(settings: Settings, *arguments: str) -> float:
    """Seconds from start to exit."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "stash_pipeline", *arguments],
        check=True,
        env=settings.child_environment(),
        stdout=subprocess.DEVNULL,
    )
    return round(time.perf_counter() - started, 2)


def click(url: str, mode: str = "changes") -> tuple[float, float]:
    """Seconds from the launch of ``refresh`` in the web page's API to its success, and of the run itself."""
    params: dict[str, Any] = {
        "selector": {
            "repositoryLocationName": "stash_pipeline",
            "repositoryName": "__repository__",
            "pipelineName": "refresh",
        },
        "runConfigData": {"ops": {"sync_instance": {"config": {"mode": mode}}}},
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "home"}]},
    }
    started = time.perf_counter()
    with httpx.Client(base_url=url, timeout=60) as client:
        answer = client.post("/graphql", json={"query": LAUNCH, "variables": {"params": params}}).json()
        run_id = answer["data"]["launchRun"]["run"]["runId"]
        while True:
            query = f'{{runOrError(runId:"{run_id}"){{... on Run{{status startTime endTime}}}}}}'
            run = client.post("/graphql", json={"query": query}).json()["data"]["runOrError"]
            status = run["status"]
            if status == "SUCCESS":
                return round(time.perf_counter() - started, 2), round(run["endTime"] - run["startTime"], 2)
            if status in ("FAILURE", "CANCELED"):
                raise SystemExit(f"run {run_id} ended with {status}")
            time.sleep(0.05)


def change_everything(stash: SimulatedStash) -> None:
    """One object of every kind and every list of it: each table changes."""
    for table, column in (
        ("scenes", "title"), ("performers", "name"), ("studios", "name"), ("tags", "name"), ("groups", "name"),
        ("galleries", "title"), ("images", "title"), ("scene_markers", "title"), ("files", "basename"),
        ("saved_filters", "name"),
    ):  # fmt: skip
        stash.library.execute(f"UPDATE \"{table}\" SET {column} = {column} || 'x'")


def main() -> None:
    """Measures and writes."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ.pop("STASH_PIPELINE_DATABASE_URL", None)
        home = Path(directory)
        library = Library.create()
        generate_library(library, scenes=40, seed=1, timezone="Europe/Paris")
        stash = SimulatedStash(library)
        # the sensor must not compete with what is measured
        settings = load_settings(home=home, changes_seconds=3600)
        use_settings(settings)
        with stash.running() as server, open_warehouse(settings) as ready:
            with connect(ready.database() or "") as connection:
                add_instance(connection, "home", server.url, home=home)
            first = command(ready, "sync", "home")
            unchanged = [command(ready, "sync", "home") for _ in range(REPETITIONS)]
            changed = []
            for _ in range(REPETITIONS):
                change_everything(stash)
                changed.append(command(ready, "sync", "home", "--mode", "sweep"))
            with serving(ready, free_port()) as running:
                clicks = [click(running.url) for _ in range(REPETITIONS)]
                reconciles = [click(running.url, "reconcile") for _ in range(REPETITIONS)]
                clicks_changed = []
                for _ in range(REPETITIONS):
                    change_everything(stash)
                    clicks_changed.append(click(running.url, "sweep"))
        imported = []
        for _ in range(REPETITIONS):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import dagster"], check=True)
            imported.append(round(time.perf_counter() - started, 2))
    write(
        "dagster_cost",
        {
            "import dagster": imported,
            "command, first mirror": [first],
            "command, nothing changed (asked: 5)": unchanged,
            "command, every kind changed (asked: 12)": changed,
            "click to success, nothing changed (asked: 10)": [total for total, _ in clicks],
            "the run itself, nothing changed (asked: 1.5)": [run for _, run in clicks],
            "the run itself, a reconcile, nothing changed": [run for _, run in reconciles],
            "click to success, every kind changed": [total for total, _ in clicks_changed],
            "the run itself, every kind changed": [run for _, run in clicks_changed],
        },
    )


if __name__ == "__main__":
    main()
