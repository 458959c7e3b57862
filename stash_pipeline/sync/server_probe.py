"""Asks servers whether anything changed since their last good refresh: one small request each, all at once.

For the sensor and for ``stash-pipeline status``; knows nothing of Dagster. A server that does not answer is a
sentence, not an error, and keeps nobody waiting for long.
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
from stash_pipeline.instances import Instance, kept_probes, list_instances
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
# of all together: whoever was not asked by then is asked by the next tick
_ALL_SECONDS: Final = 20.0
_AT_ONCE: Final = 64
# a few numbers per kind; so many servers at once must not fill the memory
_ANSWER_BYTES: Final = MB

# of a server of which nothing is known yet: whether it is there
_FIRST: Final = "query Probe { version { version } }\n"


@dataclass(frozen=True)
class Question:
    """An instance, and what its server is asked.

    Attributes:
        document, before: the query that was kept at the last good refresh, and its answer then; None before the first.
    """

    instance: Instance
    document: str | None = None
    before: dict[str, Any] | None = None


@dataclass(frozen=True)
class Found:
    """What a server said.

    Attributes:
        reasons: why a refresh is due, a few words each; empty if nothing tells so.
        digest: equal when the server said the same.
        trouble: a sentence that says why it could not be asked. passing: it may be another time.
        asked: False if others took all the time.
    """

    reasons: tuple[str, ...] = ()
    digest: str = ""
    trouble: str | None = None
    passing: bool = True
    asked: bool = True


def questions(connection: Connection) -> list[Question]:
    """What to ask the servers of the enabled instances."""
    kept = kept_probes(connection)
    return [
        Question(instance, *kept.get(instance.id, (None, None)))
        for instance in list_instances(connection, enabled_only=True)
    ]


def ask(settings: Settings, asked: Sequence[Question]) -> dict[str, Found]:
    """Asks all servers, many at the same time; what was found, by the uuid of the instance.

    Nobody is asked, and no answer goes on, when the time of all together is over.
    """
    deadline = time.monotonic() + _ALL_SECONDS
    with _lock:
        for gone in _clients.keys() - {question.instance.uuid for question in asked}:
            del _clients[gone]
    found: dict[str, Found] = {}
    begun: set[str] = set()
    ended = threading.Semaphore(0)

    def one(question: Question) -> None:
        try:
            if time.monotonic() < deadline:
                begun.add(question.instance.uuid)
                found[question.instance.uuid] = _ask(settings, question, deadline)
        finally:
            ended.release()

    for question in asked:
        _pool.run(partial(one, question))
    for _ in asked:
        if not ended.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            break
    late = _late()
    result = {}
    for question in asked:
        uuid = question.instance.uuid
        result[uuid] = found.get(uuid) or Found(trouble=late, asked=uuid in begun)
    return result


def _ask(settings: Settings, question: Question, deadline: float) -> Found:
    try:
        client = _client(settings, question.instance)
        if question.document is None:
            return Found((NEVER_READ,), digest_of(probe(client, _FIRST, deadline)))
        answer = probe(client, question.document, deadline)
        reasons = change_reasons(read_probe(question.before or {}), read_probe(answer))
        return Found(tuple(reasons), digest_of(answer))
    except UserError as error:
        return Found(trouble=str(error), passing=False)
    except StashQueryError as error:
        if error.validation:
            return Found((OTHER_RELEASE,), digest_of(str(error)))
        return Found(trouble=str(error))
    except StashError as error:
        # it was cut off: by all together, not by itself
        return Found(trouble=_late() if time.monotonic() >= deadline else str(error))
    except Exception as error:
        # one server's oddity is no reason to ask none. Its text is not repeated
        return Found(trouble=f"Its answer was not understood ({type(error).__name__}).")


def _late() -> str:
    return f"It did not answer within {_ALL_SECONDS:.0f} s."


class _Pool:
    """Threads that ask, made as they are needed and kept from tick to tick, never more than so many.

    Daemons: one that hangs, in looking up a name, must not keep the process from ending.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def run(self, work: Callable[[], None]) -> None:
        """Has it done, in its turn."""
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


_pool: Final = _Pool(_AT_ONCE)


def digest_of(answer: Any) -> str:
    """A short text that is equal for equal answers."""
    return hashlib.blake2b(orjson.dumps(answer, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


# -- clients -------------------------------------------------------------------------------------------------

_Identity = tuple[str, Access, tuple[int | None, ...]]

_clients: dict[str, tuple[_Identity, StashClient]] = {}
_lock: Final = threading.Lock()


def _client(settings: Settings, instance: Instance) -> StashClient:
    """The client of an instance: kept, with its connection."""
    access = instance.access(settings.home)
    identity = (instance.url, access, modification_times(access.files()))
    with _lock:
        kept = _clients.get(instance.uuid)
        if kept and kept[0] == identity:
            return kept[1]
    silence = min(_ANSWER_SECONDS, settings.request_timeout_seconds)
    made = StashClient(
        instance.url,
        access=access,
        timeout=silence,
        connect_timeout=min(_CONNECT_SECONDS, settings.connect_timeout_seconds),
        retries=NO_RETRIES,
        connections=1,
        limits=Limits(answer_bytes=_ANSWER_BYTES, request_seconds=_CONNECT_SECONDS + silence, settings=False),
    )
    with _lock:
        # the one before is not closed: a request of it may still be going on
        _clients[instance.uuid] = (identity, made)
    return made
