"""Whether another checkout of this repository is faster or slower: benchmarks of both, in turn, on one machine.

``python benchmarks/compare.py ../checkout [benchmark ...]`` runs each benchmark with a size in a process of its own, of
that checkout (which needs its own ``.venv``) and of this one, three times, in changing order. It prints, for each
figure, the ratio of the medians. On a machine whose bare COPY varies by a tenth, so do all others.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from machine import write

HERE = Path(__file__).resolve().parents[1]
SIZES = {"load": 50_000, "convergence": 20_000, "snapshot": 50_000, "verify": 20_000}
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
    other, *chosen = sys.argv[1:]
    sides = {"before": Path(other).resolve(), "now": HERE}
    results: dict[str, Any] = {}
    for benchmark in chosen or SIZES:
        values: dict[str, dict[str, list[float]]] = defaultdict(lambda: {side: [] for side in sides})
        for time in range(TIMES):
            for side in sorted(sides, reverse=time % 2 == 1):
                for name, value in run(sides[side], benchmark).items():
                    values[name][side].append(value)
        results[benchmark] = {}
        for name, by_side in values.items():
            before, now = (median(by_side[side] or [0.0]) for side in ("before", "now"))
            if before >= SMALLEST and now and before != now:
                results[benchmark][name] = {**by_side, "ratio": round(now / before, 3)}
                print(f"{benchmark}: {name}: {before} → {now} ({now / before:.3f})", flush=True)
    write("compare", {"scenes": {name: SIZES[name] for name in results}, "by benchmark": results})


if __name__ == "__main__":
    main()
