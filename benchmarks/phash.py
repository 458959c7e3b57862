"""All pairs of perceptual hashes within 8 bits: seconds of the processor, and memory beyond the hashes themselves.

Each figure is of a process of its own that reads the hashes from a file and takes the pairs chunk by chunk. The
libraries are generated, see ``stash_pipeline_tests/matching/phash_generator.py``.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from machine import write

from stash_pipeline.matching.phash_pairs import find_pairs

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
    write("phash", figures)


if __name__ == "__main__":
    main()
