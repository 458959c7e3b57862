"""What a comparison without a run costs, and what it costs that the run after it reads the server again.

A simulated server offers snapshots; changes leave no timestamp. A comparison that finds nothing, one that finds a
difference, and the reconcile after it, each with the seconds of its own snapshot: that of the reconcile is what it
would save to load the one that was compared.

python benchmarks/comparison.py [SCENES]
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from machine import write
from snapshot import WITHOUT_IMAGES

from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.instances import add_instance, read_again
from stash_pipeline.settings import load_settings, use_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.comparison import compare
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect, instance_lock
from stash_pipeline.warehouse.session import open_warehouse

SCENES = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
REPETITIONS = 5


def main() -> None:
    """Measures and writes."""
    library = Library.create()
    generate_library(library, scenes=SCENES, seed=2)
    for statement in WITHOUT_IMAGES:
        library.execute(statement)
    stash = SimulatedStash(library, backups=Backups())
    figures: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        figures.setdefault(name, []).append(round(seconds, 2))

    with tempfile.TemporaryDirectory(prefix="stash-pipeline-") as directory, stash.running() as server:
        os.environ.pop("STASH_PIPELINE_DATABASE_URL", None)
        home = Path(directory)
        settings = load_settings(home=home)
        use_settings(settings)
        with open_warehouse(settings) as ready, connect(ready.database() or "") as connection:
            url = ready.database() or ""
            instance = add_instance(connection, "home", server.url, home=home)
            for outcome in sync_instances(ready, ["home"], [], show=False):
                assert outcome["success"], outcome

            def timed() -> tuple[str, float]:
                started = time.perf_counter()
                found = compare(ready, url, read_again(connection, instance))
                assert found is not None
                return found.outcome, time.perf_counter() - started

            outcome, _ = timed()
            assert outcome == "equal", outcome
            for number in range(REPETITIONS):
                outcome, seconds = timed()
                assert outcome == "equal", outcome
                note("comparison that finds nothing", seconds)
                library.execute("UPDATE scenes SET resume_time = ? WHERE id = ?", [1000.5 + number, number + 1])
                outcome, seconds = timed()
                assert outcome == "differs", outcome
                note("comparison that finds a difference", seconds)
                with instance_lock(url, instance.id, instance.name):
                    started = time.perf_counter()
                    result = run_sync(ready, url, read_again(connection, instance), list(BY_NAME), mode="reconcile")
                    note("reconcile after it, without Dagster and the layers", time.perf_counter() - started)
                assert result.snapshot is not None
                assert sum(change.changed for change in result.changes.values()) == 1
                note("of this, to create its snapshot", result.snapshot.create_seconds)
                note("of this, to download it", result.snapshot.download_seconds)
    medians: dict[str, Any] = {f"{name}, seconds": round(median(each), 2) for name, each in figures.items()}
    write("comparison", {"scenes": SCENES, "repetitions": REPETITIONS, **medians})


if __name__ == "__main__":
    main()
