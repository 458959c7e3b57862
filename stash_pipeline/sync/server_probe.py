"""Asks servers whether anything changed since their last successful sync: one small request each, concurrently.

The sensor and ``stash-pipeline status`` use it. A server that does not respond results in an error text instead of an
exception, and delays the others only briefly.
"""

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson

from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, list_instances, stored_probes
from stash_pipeline.settings import Settings
from stash_pipeline.stash.access import Access
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import StashError, StashQueryError
from stash_pipeline.stash.limits import MB, Limits
from stash_pipeline.stash.probing import change_reasons, probe, read_probe
from stash_pipeline.stash.retries import NO_RETRIES
from stash_pipeline.stash.tls import modification_times
from stash_pipeline.warehouse.connect import Connection

NEVER_READ: Final = "never read"
OTHER_RELEASE: Final = "another release"

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 5.0
# of all servers together; the next tick asks the remaining ones
_TOTAL_SECONDS: Final = 20.0
_MOST_THREADS: Final = 64
# a response has a few numbers per entity; those of many servers must not fill the memory
_ANSWER_BYTES: Final = MB

# for a server that was never read: whether it responds
_FIRST: Final = "query Probe { version { version } }\n"


@dataclass(frozen=True)
class Question:
    """An instance, and the query for its server.

    Attributes:
        document, before: the query and the response of the last successful sync; None before the first one.
    """

    instance: Instance
    document: str | None = None
    before: dict[str, Any] | None = None


@dataclass(frozen=True)
class ProbeResult:
    """The response of a server.

    Attributes:
        reasons: why a sync is due, a few words each; empty if nothing changed.
        digest: equal for equal responses.
        error: why the server could not be asked. temporary: whether a later request can succeed.
        asked: False if other servers took all the time.
        milliseconds: that the answer took, if there is one.
    """

    reasons: tuple[str, ...] = ()
    digest: str = ""
    error: str | None = None
    temporary: bool = True
    asked: bool = True
    milliseconds: float | None = None


def questions(connection: Connection) -> list[Question]:
    """The questions for the servers of the enabled instances."""
    stored = stored_probes(connection)
    return [
        Question(instance, *stored.get(instance.id, (None, None)))
        for instance in list_instances(connection, enabled_only=True)
    ]


def ask(settings: Settings, asked: Sequence[Question]) -> dict[str, ProbeResult]:
    """Asks all servers, many of them concurrently; returns the results by the uuid of the instance.

    At the end of the total time no further request is sent, and pending ones are aborted.
    """
    deadline = time.monotonic() + _TOTAL_SECONDS
    with _lock:
        for uuid in _clients.keys() - {question.instance.uuid for question in asked}:
            del _clients[uuid]
    results: dict[str, ProbeResult] = {}
    started: set[str] = set()
    ended = threading.Semaphore(0)

    def work(question: Question) -> None:
        try:
            if time.monotonic() < deadline:
                started.add(question.instance.uuid)
                results[question.instance.uuid] = _ask(settings, question, deadline)
        finally:
            ended.release()

    for question in asked:
        _pool.run(partial(work, question))
    for _ in asked:
        if not ended.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            break
    uuids = [question.instance.uuid for question in asked]
    return {uuid: results.get(uuid) or ProbeResult(error=_too_late(), asked=uuid in started) for uuid in uuids}


def _ask(settings: Settings, question: Question, deadline: float) -> ProbeResult:
    try:
        client = _client(settings, question.instance)
        if question.document is None:
            return ProbeResult((NEVER_READ,), digest_of(probe(client, _FIRST, deadline)))
        started = time.perf_counter()
        answer = probe(client, question.document, deadline)
        milliseconds = (time.perf_counter() - started) * 1000
        reasons = change_reasons(read_probe(question.before or {}), read_probe(answer))
        return ProbeResult(tuple(reasons), digest_of(answer), milliseconds=milliseconds)
    except UserError as error:
        return ProbeResult(error=str(error), temporary=False)
    except StashQueryError as error:
        if error.validation:
            return ProbeResult((OTHER_RELEASE,), digest_of(str(error)))
        return ProbeResult(error=str(error))
    except StashError as error:
        # after the total time the request was aborted, whatever its own error says
        return ProbeResult(error=_too_late() if time.monotonic() >= deadline else str(error))
    except Exception as error:
        # an unexpected response of one server must not affect the others. Its text is not repeated
        return ProbeResult(error=f"Its response is invalid ({type(error).__name__}).")


def _too_late() -> str:
    return f"It did not respond within {_TOTAL_SECONDS:.0f} s."


class _Pool:
    """A limited number of threads, created when needed and reused by later ticks.

    Daemon threads, because one that hangs in a name lookup must not prevent the process from ending.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def run(self, work: Callable[[], None]) -> None:
        """Queues a function."""
        with self._lock:
            if self._idle <= self._work.qsize() and self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._serve, name="probe", daemon=True).start()
            self._work.put(work)

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._work.get()
            with self._lock:
                self._idle -= 1
            work()


_pool: Final = _Pool(_MOST_THREADS)


def digest_of(answer: Any) -> str:
    """A short text that is equal for equal answers."""
    return hashlib.blake2b(orjson.dumps(answer, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


# -- clients -------------------------------------------------------------------------------------------------

_Identity = tuple[str, Access, tuple[int | None, ...]]

_clients: dict[str, tuple[_Identity, StashClient]] = {}
_lock: Final = threading.Lock()


def _client(settings: Settings, instance: Instance) -> StashClient:
    """The client of an instance, reused with its connection while its access data are unchanged."""
    access = instance.access(settings.home)
    identity = (instance.url, access, modification_times(access.files()))
    with _lock:
        existing = _clients.get(instance.uuid)
        if existing and existing[0] == identity:
            return existing[1]
    timeout = min(_ANSWER_SECONDS, settings.request_timeout_seconds)
    client = StashClient(
        instance.url,
        access=access,
        timeout=timeout,
        connect_timeout=min(_CONNECT_SECONDS, settings.connect_timeout_seconds),
        retries=NO_RETRIES,
        connections=1,
        limits=Limits(answer_bytes=_ANSWER_BYTES, request_seconds=_CONNECT_SECONDS + timeout, settings=False),
    )
    with _lock:
        # the previous client is not closed, because one of its requests may be pending
        _clients[instance.uuid] = (identity, client)
    return client
