"""Reads a snapshot in parts: a small snapshot in a thread, a large one in processes."""

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
    CHECK_DAMAGE,
    DIVIDE,
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
"""Bytes of a snapshot for which it pays off to start processes."""

MEMORY: Final = 256_000_000
"""Bytes of memory that a process may use in addition to its initial size."""

_TIMES: Final = 20
_BYTES_BESIDES: Final = 200_000_000
"""Maximum size of all documents relative to the snapshot. Documents of a real library are a few times as large."""

_AHEAD: Final = 6
"""Maximum number of ranges that wait to be processed."""

_END: Final = object()


class ReaderPool:
    """The readers of one snapshot; created by :func:`reader_pool`."""

    def __init__(self, processes: "list[_Process]", size: int) -> None:
        self._processes = processes
        self._left = size * _TIMES + _BYTES_BESIDES
        self._threads: list[threading.Thread] = []
        self._ready: queue.Queue[Any] = queue.Queue(maxsize=_AHEAD)
        self._stop = threading.Event()

    def read(
        self, job: Job, local_hashes: Mapping[str, dict[int, bytes]] = MappingProxyType({})
    ) -> Iterator[Range | End]:
        """Yields results as they arrive, the ranges of an entity in any order. They are valid only once all have come.

        Args:
            local_hashes: per entity, ids and hashes of the local documents, range by range (``ranges.packed``). Equal
                documents are not returned. The mapping is consumed: each reader takes the ranges that it needs.

        Raises:
            SnapshotError: at any time, if the snapshot is damaged, or does not match its version.
        """
        executors: list[_Executor] = [partial(_execute_remotely, process) for process in self._processes]
        for process in self._processes:
            _send(process, job)
        local_reader = Reader(job)
        if not executors:
            executors = [local_reader.execute]
        try:
            (parts,) = executors[0](DIVIDE)
            orders = _Orders(parts, local_hashes)
            for execute in executors:
                self._threads.append(threading.Thread(target=self._work, args=(execute, orders), daemon=True))
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
            local_reader.close()

    def _count(self, item: Range | End) -> None:
        if isinstance(item, Range):
            self._left -= sum(len(row[1]) for row in item.rows)
            if self._left < 0:
                raise SnapshotError("The documents of the snapshot are far larger than the snapshot itself.")

    def close(self) -> None:
        """Stops all readers."""
        self._stop.set()
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            # the file must not be closed or removed while a thread uses it
            thread.join()
        for process in self._processes:
            process.wait()
            process.close_pipes()

    def _work(self, execute: "_Executor", orders: "_Orders") -> None:
        try:
            while (order := orders.next()) is not None:
                for result in execute(order):
                    self._put(result)
                    if self._stop.is_set():
                        return
                if isinstance(order, Part) and orders.finish_part(order.entity):
                    self._put(End(order.entity))
            self._put(_END)
        except BaseException as error:
            self._put(error)

    def _put(self, item: Any) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._ready.put(item, timeout=0.2)
                return


_Executor = Callable[[Order], Iterator[Any]]


class _Orders:
    """The queue of orders, shared by all readers."""

    def __init__(self, parts: list[Part], local_hashes: Mapping[str, dict[int, bytes]]) -> None:
        self._lock = threading.Lock()
        self._local_hashes = local_hashes
        self._waiting: deque[Order] = deque([CHECK_DAMAGE, *parts])
        self._left = Counter(part.entity for part in parts)

    def next(self) -> Order | None:
        """Removes and returns the next order; None if there are no more."""
        with self._lock:
            order = self._waiting.popleft() if self._waiting else None
            return (
                order.with_local_hashes(self._local_hashes.get(order.entity, {})) if isinstance(order, Part) else order
            )

    def finish_part(self, entity: str) -> bool:
        """Records that a part of an entity is finished; returns whether it was the last one."""
        with self._lock:
            self._left[entity] -= 1
            return not self._left[entity]


@contextmanager
def reader_pool(size: int) -> Iterator[ReaderPool]:
    """The readers for a snapshot of ``size`` bytes. Processes start here, to be ready when they are needed."""
    processes = [_started() for _ in range(PROCESSES)] if size >= PROCESSES_FROM else []
    pool = ReaderPool(processes, size)
    try:
        yield pool
    finally:
        pool.close()


class _Process(subprocess.Popen[bytes]):
    """A reader process. It ends with this process in any case: no other process has the write end of its pipe."""

    def __init__(self) -> None:
        read_end, self._alive = os.pipe()
        command = [
            sys.executable,
            "-m",
            "stash_pipeline.stash.snapshot.worker_main",
            f"{os.getpid()}",
            f"{read_end}",
            f"{MEMORY}",
        ]
        try:
            # a Ctrl-C must not reach the readers
            super().__init__(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, pass_fds=[read_end]
            )
        except BaseException:
            os.close(self._alive)
            raise
        finally:
            os.close(read_end)

    def close_pipes(self) -> None:
        """Closes all pipes; to be called after the process has ended."""
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
    # a terminated process is detected when its response is read
    with suppress(OSError):
        pickle.dump(what, process.stdin)
        process.stdin.flush()


def _execute_remotely(process: "subprocess.Popen[bytes]", order: Order) -> Iterator[Any]:
    assert process.stdout is not None
    _send(process, order)
    try:
        while (result := pickle.load(process.stdout)) is not None:
            if isinstance(result, Failed):
                raise SnapshotError(result.message)
            yield result
    except (EOFError, OSError, pickle.UnpicklingError):
        raise SnapshotError("The process that read the snapshot terminated unexpectedly.") from None
