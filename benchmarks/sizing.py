"""Disk and memory by the size of a library: `python benchmarks/sizing.py [SCENES…]`, at least two sizes.

Everything is measured on a private Postgres after one sync from a snapshot, in processes of their own: bytes per schema
(tables with their indexes), the embedded search index, the largest resident memory of the syncing process, and its
processor time. What docs/deployment.md says of larger libraries is a line through the two largest sizes.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from machine import write

from stash_pipeline.settings import load_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.session import open_warehouse

SIZES: Final = (2_000, 8_000)
_BYTES: Final = """
SELECT n.nspname, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema'
GROUP BY 1 ORDER BY 2 DESC
"""
_LARGEST: Final = """
SELECT n.nspname || '.' || c.relname, pg_total_relation_size(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('raw', 'stash', 'catalog', 'search', 'matches') ORDER BY 2 DESC LIMIT 12
"""


def run(environment: Mapping[str, str], *arguments: str) -> dict[str, float]:
    """Runs a command of `stash-pipeline`; its memory and its processor time."""
    program = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=2).returncode; "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(code, used.ru_maxrss, used.ru_utime + used.ru_stime)"
    )
    command = [sys.executable, "-c", program, sys.executable, "-m", "stash_pipeline", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    code, memory, seconds = done.stdout.split()
    if code != "0":
        raise SystemExit(done.stderr)
    return {"peak_mb": round(int(memory) / 1024), "cpu_seconds": round(float(seconds), 2)}


def measure(scenes: int) -> dict[str, Any]:
    """One library of this size, synced once, and once more without a change."""
    library = Library.create()
    generate_library(library, scenes=scenes, seed=1)
    with SimulatedStash(library).running() as server, TemporaryDirectory(prefix="stash-pipeline-sizing-") as home:
        Path(home).chmod(0o711)
        environment = {"STASH_PIPELINE_HOME": home}
        run(environment, "instances", "add", "home", server.url)
        first = run(environment, "sync", "home")
        again = run(environment, "sync", "home", "--mode", "reconcile")
        with open_warehouse(load_settings(home=home)) as settings, connect(settings.database() or "") as connection:
            connection.execute("VACUUM")
            schemas = dict(connection.execute(_BYTES).fetchall())
            largest = dict(connection.execute(_LARGEST).fetchall())
            (documents,) = connection.execute("SELECT count(*) FROM search.documents").fetchone() or (0,)
        index = sum(file.stat().st_size for file in (Path(home) / "search").rglob("*") if file.is_file())
    return {
        "scenes": scenes,
        "documents": documents,
        "bytes": {**schemas, "search index": index},
        "bytes_of_the_largest_tables": largest,
        "first_sync": first,
        "unchanged_reconcile": again,
    }


def main() -> None:
    """Measures, and writes sizing.json."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    found = [measure(size) for size in sorted(sizes)]
    small, large = found[-2:]
    scenes = large["scenes"] - small["scenes"]
    per_scene = {name: round((large["bytes"][name] - small["bytes"].get(name, 0)) / scenes) for name in large["bytes"]}
    write(
        "sizing",
        {
            "sizes": found,
            "bytes per scene": per_scene,
            "bytes per scene, all": sum(per_scene.values()),
        },
    )


if __name__ == "__main__":
    main()
