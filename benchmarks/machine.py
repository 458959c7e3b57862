"""What every benchmark writes beside its figures."""

import json
import os
import platform
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil


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


class Processor:
    """Seconds of the processor from now on, which say more than the clock does where others work beside.

    Args:
        home: whose private Postgres counts. server: number of the process that is read, if it is on this machine.
    """

    def __init__(self, home: Path, server: int | None = None) -> None:
        number = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
        self._postgres = psutil.Process(number)
        self._server = psutil.Process(server) if server else None
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        found = dict.fromkeys(("ours", "our processes", "Postgres"), 0.0)
        times = os.times()
        found["ours"] = times.user + times.system
        found["our processes"] = times.children_user + times.children_system
        whole = self._postgres.cpu_times()
        # with those of its connections that have ended, and of those that have not
        found["Postgres"] = whole.user + whole.system + whole.children_user + whole.children_system
        for child in self._postgres.children():
            with suppress(psutil.Error):
                found["Postgres"] += child.cpu_times().user + child.cpu_times().system
        if self._server:
            found["the server"] = self._server.cpu_times().user + self._server.cpu_times().system
        return found

    def seconds(self) -> dict[str, float]:
        """By whom they were used."""
        return {name: round(after - self._before[name], 2) for name, after in self._now().items()}


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
