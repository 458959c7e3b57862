"""A process that reads a part of a copy. ``reader_pool.py`` starts it; it ends with the process that started it.

It takes no more memory than it is given: a crafted copy makes large documents of a small file.
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
    """Ends this process when its parent is gone.

    Args:
        parent: its process id. pipe: the end to read of a pipe whose other end only the parent has.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_wait_for_the_end, args=(pipe,), daemon=True).start()
    if os.getppid() != parent:
        # it was gone before it could be told
        os._exit(1)


def _wait_for_the_end(pipe: int) -> None:
    with suppress(OSError):
        os.read(pipe, 1)
    os._exit(1)


def _limit_memory(more: int) -> None:
    """Lets this process grow by so many bytes of address space; not everywhere does a system keep to it."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            present = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = present + more
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ImportError, OSError, ValueError):
        pass


if __name__ == "__main__":
    _die_with(int(sys.argv[1]), int(sys.argv[2]))
    _limit_memory(int(sys.argv[3]))
    # rows become trees without cycles
    gc.disable()
    work(sys.stdin.buffer, sys.stdout.buffer)
