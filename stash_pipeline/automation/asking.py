"""Asks servers whether anything changed since their last good refresh: one small request each, all at once.

For the sensor and for ``stash-pipeline status``; knows nothing of Dagster. A server that does not answer is a
sentence, not an error, and keeps nobody waiting for long.
"""

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, kept_probes, list_instances
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import StashError, StashQueryError
from stash_pipeline.stash.probing import probe, read_probe, what_changed
from stash_pipeline.warehouse.connect import Connection

NEVER_READ: Final = "never read"
OTHER_RELEASE: Final = "another release"

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 5.0
# of all together: a server that sends byte after byte is never late for the single ones
_ALL_SECONDS: Final = 20.0

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
    """

    reasons: tuple[str, ...] = ()
    digest: str = ""
    trouble: str | None = None
    passing: bool = True


def questions(connection: Connection) -> list[Question]:
    """What to ask the servers of the enabled instances."""
    kept = kept_probes(connection)
    return [
        Question(instance, *kept.get(instance.id, (None, None)))
        for instance in list_instances(connection, enabled_only=True)
    ]


def ask(settings: Settings, asked: Sequence[Question]) -> dict[str, Found]:
    """Asks all servers at the same time; what was found, by the uuid of the instance."""
    found: dict[str, Found] = {}
    with _lock:
        for gone in _clients.keys() - {question.instance.uuid for question in asked}:
            del _clients[gone]

    def one(question: Question) -> None:
        found[question.instance.uuid] = _ask(settings, question)

    # daemons: one that hangs must not keep the process from ending
    threads = [threading.Thread(target=one, args=(question,), name="probe", daemon=True) for question in asked]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _ALL_SECONDS
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    late = Found(trouble=f"It did not answer within {_ALL_SECONDS:.0f} s.")
    return {question.instance.uuid: found.get(question.instance.uuid, late) for question in asked}


def _ask(settings: Settings, question: Question) -> Found:
    try:
        client = _client(settings, question.instance)
        if question.document is None:
            return Found((NEVER_READ,), digest_of(probe(client, _FIRST)))
        answer = probe(client, question.document)
        reasons = what_changed(read_probe(question.before or {}), read_probe(answer))
        return Found(tuple(reasons), digest_of(answer))
    except UserError as error:
        return Found(trouble=str(error), passing=False)
    except StashQueryError as error:
        if error.validation:
            return Found((OTHER_RELEASE,), digest_of(str(error)))
        return Found(trouble=str(error))
    except StashError as error:
        return Found(trouble=str(error))
    except Exception as error:
        # an answer of another shape; one server's oddity is no reason to ask none. Its text is not repeated
        return Found(trouble=f"Its answer was not understood ({type(error).__name__}).")


def digest_of(answer: Any) -> str:
    """A short text that is equal for equal answers."""
    return hashlib.blake2b(orjson.dumps(answer, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


# -- clients -------------------------------------------------------------------------------------------------

_Identity = tuple[str, str | None, str | None, int | None]

_clients: dict[str, tuple[_Identity, StashClient]] = {}
_lock: Final = threading.Lock()


def _client(settings: Settings, instance: Instance) -> StashClient:
    """The client of an instance: kept, because to set up TLS takes longer than to ask."""
    key = instance.api_key(settings.home)
    identity = (instance.url, key, instance.ca_file, _age_of(instance.ca_file))
    with _lock:
        kept = _clients.get(instance.uuid)
        if kept and kept[0] == identity:
            return kept[1]
    made = StashClient(
        instance.url,
        key,
        timeout=min(_ANSWER_SECONDS, settings.request_timeout_seconds),
        connect_timeout=min(_CONNECT_SECONDS, settings.connect_timeout_seconds),
        attempts=1,
        connections=1,
        ca_file=instance.ca_file,
    )
    with _lock:
        # the one before is not closed: a request of it may still be going on
        _clients[instance.uuid] = (identity, made)
    return made


def _age_of(ca_file: str | None) -> int | None:
    try:
        return Path(ca_file).stat().st_mtime_ns if ca_file else None
    except OSError:
        return None
