"""A process that reads a part of a copy; started by ``workers.py``."""

import gc
import sys

from stash_pipeline.stash.snapshot.ranges import work

if __name__ == "__main__":
    # rows become trees without cycles
    gc.disable()
    work(sys.stdin.buffer, sys.stdout.buffer)
