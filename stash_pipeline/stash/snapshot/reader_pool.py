"""Has a copy read: a small one by a thread, a large one by processes, part by part."""

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.stash.snapshot.ranges import (
    DIVIDE,
    LOOK_FOR_DAMAGE,
    End,
    Failed,
    Job,
    Order,
    Part,
    Range,
    Reader,
)

PROCESSES: Final = 2
PROCESSES_FROM: Final = 8_000_000
"""Bytes of a copy that is worth the start of processes."""

MEMORY: Final = 256_000_000
"""Bytes that a process may take beside what it needs to start."""

_TIMES: Final = 20
_BYTES_BESIDES: Final = 200_000_000
"""How much larger than a copy its documents may be; those of a library are a few times as large."""

_AHEAD: Final = 6
"""Ranges that wait to be compared."""

_END: Final = object()


class Readers:
    """Those who read one copy; to be had from :func:`readers`."""

    def __init__(self, processes: "list[_Process]", size: int) -> None:
        self._processes = processes
        self._left = size * _TIMES + _BYTES_BESIDES
        self._threads: list[threading.Thread] = []
        self._ready: queue.Queue[Any] = queue.Queue(maxsize=_AHEAD)
        self._stop = threading.Event()

    def read(self, job: Job, known: Mapping[str, dict[int, bytes]] = MappingProxyType({})) -> Iterator[Range | End]:
        """What is read, as it comes, the ranges of a kind in any order. The whole is right only when it has ended.

        Args:
            known: per kind, ids and hashes of what is here, range by range (``ranges.packed``); what is like that is
                not told. They are used up: a reader gets those that it needs, and nobody holds them longer.

        Raises:
            SnapshotError: while it is told, if the copy is damaged, or is not what its version says.
        """
        asked: list[_Ask] = [partial(_there, process) for process in self._processes]
        for process in self._processes:
            _send(process, job)
        here = Reader(job)
        if not asked:
            asked = [here.answers]
        try:
            (parts,) = asked[0](DIVIDE)
            orders = _Orders(parts, known)
            for ask in asked:
                self._threads.append(threading.Thread(target=self._guarded, args=(ask, orders), daemon=True))
                self._threads[-1].start()
            left = len(self._threads)
            while left:
                item = self._ready.get()
                if item is _END:
                    left -= 1
                elif isinstance(item, BaseException):
                    raise item
                else:
                    self._count(item)
                    yield item
        finally:
            self.close()
            here.close()

    def _count(self, item: Range | End) -> None:
        if isinstance(item, Range):
            self._left -= sum(len(row[1]) for row in item.rows)
            if self._left < 0:
                raise SnapshotError("The copy of the database makes far larger documents than it is itself.")

    def close(self) -> None:
        """Nothing goes on reading after this."""
        self._stop.set()
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            # the file must not be closed, or removed, under it
            thread.join()
        for process in self._processes:
            process.wait()
            process.let_go()

    def _guarded(self, ask: "_Ask", orders: "_Orders") -> None:
        try:
            while (order := orders.take()) is not None:
                for found in ask(order):
                    self._put(found)
                    if self._stop.is_set():
                        return
                if isinstance(order, Part) and orders.done(order.kind):
                    self._put(End(order.kind))
            self._put(_END)
        except BaseException as error:
            self._put(error)

    def _put(self, item: Any) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._ready.put(item, timeout=0.2)
                return


_Ask = Callable[[Order], Iterator[Any]]


class _Orders:
    """What is still to be done, for whoever has time."""

    def __init__(self, parts: list[Part], known: Mapping[str, dict[int, bytes]]) -> None:
        self._lock = threading.Lock()
        self._known = known
        self._waiting: deque[Order] = deque([LOOK_FOR_DAMAGE, *parts])
        self._left = Counter(part.kind for part in parts)

    def take(self) -> Order | None:
        """The next; None when there is no more."""
        with self._lock:
            order = self._waiting.popleft() if self._waiting else None
            return order.with_known(self._known.get(order.kind, {})) if isinstance(order, Part) else order

    def done(self, kind: str) -> bool:
        """Notes that a part of a kind is done; whether it was the last."""
        with self._lock:
            self._left[kind] -= 1
            return not self._left[kind]


@contextmanager
def readers(size: int) -> Iterator[Readers]:
    """Has a copy of so many bytes read: by a thread, or by processes, which have started when they are needed."""
    processes = [_started() for _ in range(PROCESSES)] if size >= PROCESSES_FROM else []
    found = Readers(processes, size)
    try:
        yield found
    finally:
        found.close()


class _Process(subprocess.Popen[bytes]):
    """A reader; it ends when this process is gone, however that came: nobody else holds the pipe that it looks at."""

    def __init__(self) -> None:
        ours, self._alive = os.pipe()
        command = [
            sys.executable,
            "-m",
            "stash_pipeline.stash.snapshot.worker_main",
            f"{os.getpid()}",
            f"{ours}",
            f"{MEMORY}",
        ]
        try:
            # a Ctrl-C is not for them
            super().__init__(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, pass_fds=[ours]
            )
        except BaseException:
            os.close(self._alive)
            raise
        finally:
            os.close(ours)

    def let_go(self) -> None:
        """Closes what there is to it; to be called when it has ended."""
        for stream in (self.stdin, self.stdout):
            with suppress(OSError):
                stream and stream.close()
        with suppress(OSError):
            os.close(self._alive)
        self._alive = -1


def _started() -> _Process:
    return _Process()


def _send(process: "subprocess.Popen[bytes]", what: Job | Order) -> None:
    assert process.stdin is not None
    # that it is gone is noticed where its answer is waited for
    with suppress(OSError):
        pickle.dump(what, process.stdin)
        process.stdin.flush()


def _there(process: "subprocess.Popen[bytes]", order: Order) -> Iterator[Any]:
    assert process.stdout is not None
    _send(process, order)
    try:
        while (found := pickle.load(process.stdout)) is not None:
            if isinstance(found, Failed):
                raise SnapshotError(found.sentence)
            yield found
    except (EOFError, OSError, pickle.UnpicklingError):
        raise SnapshotError("The process that read the copy of the database ended before it had read it.") from None
