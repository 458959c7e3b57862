"""What the warm process says about itself: a small file under the home, which `stash-pipeline status` reads."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from stash_pipeline.errors import UserError

_FILE: Final = "live.json"


def write_state(home: Path, state: dict[str, Any]) -> None:
    """Replaces the file."""
    process = psutil.Process(os.getpid())
    content = json.dumps({"pid": process.pid, "started": process.create_time(), **state})
    temporary = home / f".{_FILE}.new"
    temporary.write_text(content, "utf-8")
    temporary.replace(home / _FILE)


def read_state(home: Path) -> dict[str, Any]:
    """What the warm process wrote, with `running`; empty if there was none."""
    try:
        state = json.loads((home / _FILE).read_text("utf-8"))
        if not isinstance(state, dict):
            return {}
        return {**state, "running": _is_alive(state)}
    except (OSError, ValueError):
        return {}


def _is_alive(state: dict[str, Any]) -> bool:
    try:
        return abs(psutil.Process(state["pid"]).create_time() - state["started"]) < 1
    except (psutil.Error, KeyError, TypeError):
        return False


@contextmanager
def alone(home: Path, *, wait: bool = False) -> Iterator[None]:
    """Ensures that no other process follows the hints of this home.

    Args:
        wait: for the end of the other process.

    Raises:
        UserError: if there is another process.
    """
    with (home / ".live").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise UserError(
                f"Another process already follows the hints for {home}, such as `stash-pipeline up`; stop it first."
            ) from None
        yield
