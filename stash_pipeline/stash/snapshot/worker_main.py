"""A process that reads parts of a snapshot. ``reader_pool.py`` starts it; it ends with its parent process.

Its memory is limited, because a crafted snapshot can turn a small file into large documents.
"""

import ctypes
import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Final

from stash_pipeline.stash.snapshot.ranges import work

_PR_SET_PDEATHSIG: Final = 1


def _die_with(parent: int, pipe: int) -> None:
    """Ends this process when its parent ends.

    Args:
        parent: its process id. pipe: the read end of a pipe whose write end only the parent has.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_exit_with_parent, args=(pipe,), daemon=True).start()
    if os.getppid() != parent:
        # the parent ended before prctl took effect
        os._exit(1)


def _exit_with_parent(pipe: int) -> None:
    with suppress(OSError):
        os.read(pipe, 1)
    os._exit(1)


def _limit_memory(more: int) -> None:
    """Limits the growth of this process's address space to ``more`` bytes; not every system enforces it."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            current = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = current + more
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ImportError, OSError, ValueError):
        pass


if __name__ == "__main__":
    _die_with(int(sys.argv[1]), int(sys.argv[2]))
    _limit_memory(int(sys.argv[3]))
    # documents have no reference cycles
    gc.disable()
    work(sys.stdin.buffer, sys.stdout.buffer)
