"""What every benchmark writes beside its figures."""

import json
import os
import platform
import socket
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any


def write(name: str, figures: dict[str, Any]) -> None:
    """Prints the figures and writes them to ``benchmarks/<name>.json``."""
    record = {
        "command": f"python benchmarks/{name}.py",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
            "dagster": version("dagster"),
        },
        "figures": figures,
    }
    text = json.dumps(record, indent=2)
    (Path(__file__).parent / f"{name}.json").write_text(text + "\n", "utf-8")
    sys.stdout.write(text + "\n")


def by_size(script: str, sizes: tuple[int, ...]) -> dict[int, dict[str, Any]]:
    """What a script prints for each size, every one in a process of its own: peak memory is of that size."""
    results = {}
    for size in sizes:
        done = subprocess.run([sys.executable, script, str(size)], check=True, capture_output=True, text=True)
        results[size] = json.loads(done.stdout.splitlines()[-1])
    return results


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
