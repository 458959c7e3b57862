"""Snapshots that killed processes left behind. Every command removes them, so this imports no client of a server."""

import fcntl
import os
from pathlib import Path


def is_at(path: Path, handle: int) -> bool:
    """Whether a path is still that of an open file."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def remove_orphaned_snapshots(folder: Path) -> int:
    """Removes snapshots that no running process of this machine owns; returns their number."""
    removed = 0
    for path in folder.glob("*.sqlite") if folder.is_dir() else ():
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(path, handle):
                path.unlink()
                removed += 1
        except OSError:
            # in use, or not ours to remove; this is not an error
            continue
        finally:
            os.close(handle)
    return removed
