"""All pairs of perceptual hashes within 8 bits: seconds of the processor, and memory beyond the hashes themselves.

Each figure is of a process of its own that reads the hashes from a file and takes the pairs chunk by chunk. The
libraries are generated, see ``stash_pipeline_tests/matching/phash_generator.py``.

What is near to one file, and to 500, is searched in ``matches.phashes`` with a million files: milliseconds by the
clock, of several turns with other files.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from machine import write

from stash_pipeline.matching.phash_pairs import find_pairs
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.settings import load_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.copy_columns import copy_columns, int4, int8
from stash_pipeline.warehouse.matches.nearness import near_files
from stash_pipeline.warehouse.session import open_warehouse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stash_pipeline_tests.matching.phash_generator import Library, library

SEED = 20_261
ASKED = {
    "50000, 1 s": "0.1 s",
    "50000, no window": "1 s",
    "1000000, 5 s": "6 s, 200 MB",
    "1000000, no window": "40 s, 400 MB",
}
CORRELATED: dict[str, dict[str, float]] = {
    "1000000, no window, 6 of 10 from templates": {"templates": 0.6, "strength": 1.5},
    "1000000, no window, 9 of 10 from strict templates": {"templates": 0.9, "strength": 2.0},
    "1000000, no window, 3 of 10 short clips in clumps": {"templates": 0.2, "clips": 0.3},
}


def measure(folder: Path, window: int | None) -> dict[str, Any]:
    """Searches the hashes of a folder, in this process."""
    phash, duration = np.load(folder / "phash.npy"), np.load(folder / "duration.npy")
    process = psutil.Process()
    before = process.memory_info().rss
    start = time.process_time()
    pairs = sum(len(chunk.left) for chunk in find_pairs(phash, duration, distance=8, window=window))
    seconds = time.process_time() - start
    peak = next(
        int(line.split()[1]) * 1024 for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    return {"pairs": pairs, "seconds": round(seconds, 3), "MB beyond the hashes": round((peak - before) / 1e6)}


def in_a_process(made: Library, window: int | None) -> dict[str, Any]:
    """The same in a process that has generated nothing."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "phash.npy", made.phash)
        np.save(Path(folder) / "duration.npy", made.duration)
        done = subprocess.run(
            [sys.executable, __file__, folder, str(window)], check=True, capture_output=True, text=True
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def of_a_few(made: Library, size: int) -> dict[str, Any]:
    """What is near to a few of so many stored files."""
    long = np.flatnonzero(made.duration >= PARAMETERS["phash"]["minimum_duration"])[:size]
    numbers = np.arange(1, len(long) + 1, dtype=np.int64)
    chosen = np.random.default_rng(SEED)
    figures: dict[str, Any] = {"files": len(long)}
    with tempfile.TemporaryDirectory() as directory:
        own = load_settings(home=Path(directory)).without_database()
        with open_warehouse(own) as settings, connect(settings.database() or "") as connection:
            names = ("instance_id", "scene_id", "file_id", "duration", "phash")
            columns = [int4(np.ones(1, np.int64)), int8(numbers), int8(numbers), int4(made.duration[long]),
                       int8(made.phash[long].view(np.int64))]  # fmt: skip
            copy_columns(connection, "matches.phashes", names, columns)
            connection.execute("VACUUM ANALYZE matches.phashes")
            for some, turns, asked in ((1, 101, 10), (500, 11, 1000)):
                near_files(connection, [(1, 1)])
                found = []
                for _ in range(turns):
                    scenes = [(1, int(number)) for number in chosen.choice(numbers, some, replace=False)]
                    start = time.perf_counter()
                    near_files(connection, scenes)
                    found.append(1000 * (time.perf_counter() - start))
                figures[f"near to {some}, ms (asked: {asked})"] = {
                    "median": round(median(found), 2),
                    "slowest": round(max(found), 2),
                }
    return figures


def main() -> None:
    if len(sys.argv) == 3:
        sys.stdout.write(json.dumps(measure(Path(sys.argv[1]), None if sys.argv[2] == "None" else int(sys.argv[2]))))
        return
    figures: dict[str, Any] = {}
    for size, window, name in ((50_000, 1000, "1 s"), (1_000_000, 5000, "5 s")):
        made = library(SEED, size)
        for limit, words in ((window, name), (None, "no window")):
            question = f"{size}, {words}"
            figures[f"{question} (asked: {ASKED[question]})"] = in_a_process(made, limit)
    for question, options in CORRELATED.items():
        figures[question] = in_a_process(library(SEED, 1_000_000, **options), None)  # type: ignore[arg-type]
    figures["a few of 1000000, 5 s"] = of_a_few(library(SEED, 1_200_000), 1_000_000)
    write("phash", figures)


if __name__ == "__main__":
    main()
