"""Has a copy read: a small one by a thread, a large one by processes, each a few kinds."""

import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from stash_pipeline.stash.snapshot.database import Snapshot, UnusableSnapshot
from stash_pipeline.stash.snapshot.ranges import End, Job, Range, read_ranges

PROCESSES: Final = 2
PROCESSES_FROM: Final = 8_000_000
"""Bytes of a copy that is worth the start of processes, 0.3 s."""

_WORK: Final = {"scenes": 3.0, "performers": 3.0, "studios": 3.0, "galleries": 4.0}
"""Of an object, where that of a file is one."""

_AHEAD: Final = 6
"""Ranges that wait to be compared."""

_END: Final = object()


def shared_out(kinds: tuple[str, ...], counts: Mapping[str, int], among: int) -> list[tuple[str, ...]]:
    """The kinds in groups of about as much work; groups without any are left out."""
    groups: list[list[str]] = [[] for _ in range(among)]
    loads = [0.0] * among
    work = {kind: counts.get(kind, 0) * _WORK.get(kind, 1.0) for kind in kinds}
    for kind in sorted(kinds, key=lambda kind: -work[kind]):
        place = loads.index(min(loads))
        groups[place].append(kind)
        loads[place] += work[kind]
    return [tuple(group) for group in groups if group]


@contextmanager
def told(job: Job, counts: Mapping[str, int], size: int) -> Iterator[Iterator[Range | End]]:
    """What is read, as it comes; nothing goes on reading after the end.

    Args:
        counts: objects of each kind, by which the work is shared out. size: of the copy, in bytes.

    Raises:
        UnusableSnapshot: while it is told, if the copy is damaged, or is not what its version says.
    """
    ready: queue.Queue[Any] = queue.Queue(maxsize=_AHEAD)
    stop = threading.Event()

    def put(item: Any) -> None:
        while not stop.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=0.2)
                return

    processes: list[subprocess.Popen[bytes]] = []
    if size < PROCESSES_FROM:
        sources: list[Callable[[], None]] = [lambda: _read_here(job, put, stop)]
    else:
        shares = shared_out(job.kinds, counts, PROCESSES)
        processes = [_started() for _ in shares]
        sources = [
            lambda process=process, share=share: _read_there(process, replace(job, kinds=share), put)  # type: ignore[misc]
            for process, share in zip(processes, shares, strict=True)
        ]
    threads = [threading.Thread(target=_guarded, args=(source, put), daemon=True) for source in sources]
    try:
        for thread in threads:
            thread.start()
        yield _taken(ready, len(threads))
    finally:
        stop.set()
        for process in processes:
            process.kill()
        for thread in threads:
            # the file must not be closed, or removed, under it
            thread.join()
        for process in processes:
            process.wait()


def _taken(ready: "queue.Queue[Any]", sources: int) -> Iterator[Range | End]:
    while sources:
        item = ready.get()
        if item is _END:
            sources -= 1
        elif isinstance(item, BaseException):
            raise item
        else:
            yield item


def _guarded(source: Callable[[], None], put: Callable[[Any], None]) -> None:
    try:
        source()
        put(_END)
    except BaseException as error:
        put(error)


def _read_here(job: Job, put: Callable[[Any], None], stop: threading.Event) -> None:
    with Snapshot(job.path, seconds=job.seconds, check=False) as snapshot:
        for found in read_ranges(snapshot, job):
            put(found)
            if stop.is_set():
                return


def _started() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "stash_pipeline.stash.snapshot.worker"]
    # a Ctrl-C is not for them: they end with who started them, when they have nobody to tell
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def _read_there(process: "subprocess.Popen[bytes]", job: Job, put: Callable[[Any], None]) -> None:
    assert process.stdin is not None and process.stdout is not None
    left = set(job.kinds)
    with process.stdin, process.stdout, suppress(EOFError, OSError, pickle.UnpicklingError):
        pickle.dump(job, process.stdin)
        process.stdin.close()
        while left:
            found = pickle.load(process.stdout)
            if isinstance(found, End):
                if found.failed is not None:
                    raise UnusableSnapshot(found.failed)
                left.discard(found.kind)
            put(found)
    if left:
        raise UnusableSnapshot("The process that read the copy of the database ended before it had read it.")
