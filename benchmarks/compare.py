"""Whether another checkout of this repository is faster or slower: benchmarks of both, in turn, on one machine.

``python benchmarks/compare.py ../checkout`` runs each benchmark with a size in a process of its own, first of that
checkout (which needs its own ``.venv``), then of this one, three times. It prints, for each figure, the ratio of the
best of this one to the best of the other: the best, because whatever else a machine does only makes it slower.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import write

HERE = Path(__file__).resolve().parents[1]
SIZES = {"load": 50_000, "convergence": 50_000, "snapshot": 50_000, "verify": 50_000}
TIMES = 3
SMALLEST = 0.2
"""Seconds; of less, a ratio says nothing."""


def figures(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a result, each with its path."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from figures(below, f"{name}, {key}" if name else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)


def run(checkout: Path, benchmark: str) -> dict[str, float]:
    """The figures of one benchmark of one checkout."""
    done = subprocess.run(
        [checkout / ".venv/bin/python", checkout / f"benchmarks/{benchmark}.py", str(SIZES[benchmark])],
        cwd=checkout,
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(figures(json.loads(done.stdout)))


def main() -> None:
    """Runs both in turn, and writes the ratios."""
    other = Path(sys.argv[1]).resolve()
    results: dict[str, Any] = {}
    for benchmark in SIZES:
        best: dict[str, list[float]] = defaultdict(lambda: [float("inf"), float("inf")])
        for _ in range(TIMES):
            for side, checkout in enumerate((other, HERE)):
                for name, value in run(checkout, benchmark).items():
                    best[name][side] = min(best[name][side], value)
        results[benchmark] = {
            name: {"before": before, "now": now, "ratio": round(now / before, 3)}
            for name, (before, now) in best.items()
            if SMALLEST <= before < float("inf") and now < float("inf")
        }
        for name, row in results[benchmark].items():
            print(f"{benchmark}: {name}: {row['before']} → {row['now']} ({row['ratio']})", flush=True)
    write("compare", {"scenes": SIZES, "by benchmark": results})


if __name__ == "__main__":
    main()
