"""Tells whether a process that executes a run still lives. Does not import Dagster.

A process id means nothing on another host or in another container, and host names repeat. So a process holds a lock on
a file of its own in the home, its lease, which the kernel releases with the process. Only processes with the same home
judge it: a free lock there is proof that the process has ended, whatever its host name and process id were.
"""

import atexit
import fcntl
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from stash_pipeline.home_names import home_name
from stash_pipeline.private_directories import make_home, make_private

HOST_TAG: Final = "stash_pipeline/host"
"""For people: where a run was executed."""
PROCESS_TAG: Final = "stash_pipeline/process"
"""The name of a home and of a lease in it."""

_DIRECTORY: Final = "processes"
_FORGOTTEN_SECONDS: Final = 86_400.0

_held: dict[tuple[int, Path], tuple[str, int]] = {}
_lock = threading.Lock()


def process_tags(home: Path) -> Mapping[str, str]:
    """Tags of a run that identify this process, which holds its lease from now on."""
    return {HOST_TAG: socket.gethostname(), PROCESS_TAG: f"{home_name(home)}/{_lease(home)}"}


def has_ended(home: Path, process: str) -> bool:
    """Whether the process of a tag has certainly ended; False for a process of another home."""
    name, _, lease = process.partition("/")
    if not lease or Path(lease).name != lease or name != home_name(home):
        return False
    return _is_free(_directory(home) / lease)


def _directory(home: Path) -> Path:
    directory = home / _DIRECTORY
    if not directory.is_dir():
        make_home(home)
        make_private(directory)
    return directory


def _lease(home: Path) -> str:
    with _lock:
        key = (os.getpid(), home)
        if key not in _held:
            directory = _directory(home)
            _forget(directory)
            name = f"{os.getpid()}-{uuid4().hex}"
            handle = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            _held[key] = (name, handle)
            atexit.register(_release, directory / name, os.getpid())
        return _held[key][0]


def _release(file: Path, pid: int) -> None:
    # a forked child inherits the registration, but not the lease
    if os.getpid() == pid:
        file.unlink(missing_ok=True)


def _is_free(file: Path) -> bool:
    """Whether nobody holds a lease; one that is free is removed."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)
    except OSError:
        # held, or on a file system without locks, where nothing is certain
        return False
    finally:
        os.close(handle)
    return True


def _forget(directory: Path) -> None:
    """Removes old leases of killed processes that no run refers to."""
    before = time.time() - _FORGOTTEN_SECONDS
    for file in directory.iterdir():
        with suppress(OSError):
            if file.stat().st_mtime < before:
                _is_free(file)
