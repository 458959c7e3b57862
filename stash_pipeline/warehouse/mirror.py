"""One reading of one server into ``raw``: what a run of the graphql lane does, from connection to last commit.

Fetching and parsing go on in the reader's threads while the pages that have arrived are written here.
"""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from stash_pipeline import progress
from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.counting import count_objects
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.planning import Plan, plan_library
from stash_pipeline.stash.reading import Complete, Expected, Page, Unreadable, read_library
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.guard import Guard
from stash_pipeline.warehouse.ledger import form, known_pages
from stash_pipeline.warehouse.load import EntityChange, RawLoader, end_run, start_run

log = logging.getLogger(__name__)

_OBJECTS_BETWEEN_COLLECTIONS = 200_000


@contextmanager
def _patient_garbage_collection() -> Iterator[None]:
    """Answers are trees of small objects without cycles: looking for cycles among them costs a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


_BATCH_OBJECTS = 2500
_BATCH_SECONDS = 1.0
_FAILURES_TOLD = 10


@dataclass
class Mirrored:
    """What a reading saw and did.

    Attributes:
        lacking: fields of the specification that the server does not have.
        unknown: fields of the server that no specification knows.
        changes: per kind that was read.
    """

    run_id: int
    release: str = ""
    lacking: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    changes: dict[str, EntityChange] = field(default_factory=dict)
    seconds: float = 0.0


def mirror(
    settings: Settings,
    database_url: str,
    instance: Instance,
    entities: list[str],
    *,
    dagster_run_id: str | None = None,
    client: StashClient | None = None,
    check: Callable[[], None] | None = None,
    accept_removals: bool = False,
) -> Mirrored:
    """Reads the kinds named, completely, and brings ``raw`` to what the server answered.

    The caller holds the instance's lock. Pages that were committed before a failure stay; the next reading
    finds them unchanged.

    Args:
        accept_removals: follow the server also where it has lost objects, or is another one, see ``guard.py``.
        check: called before every write; raises when the lock is no longer held.

    Raises:
        StashError: what the server or the network did. UserError: what the configuration lacks.
    """
    started = time.perf_counter()
    with connect(database_url) as connection:
        run_id = start_run(connection, instance.id, dagster_run_id=dagster_run_id, mode="sweep", lane="graphql")
        result = Mirrored(run_id)
        error: str | None = "interrupted"
        try:
            # should the machine fail, the last pages are read again; the note of the end waits for all of them
            connection.execute("SET synchronous_commit = off")
            with client or instance.client(settings) as open_client, _patient_garbage_collection():
                guard = Guard(connection, instance.id, instance.name, accept=accept_removals)
                loader = RawLoader(connection, instance.id, run_id, guard)
                read_into(loader, settings, instance, entities, open_client, result, check or _trust)
            error = None
        except Exception as problem:
            error = str(problem) or type(problem).__name__
            raise
        finally:
            result.seconds = time.perf_counter() - started
            _note_end(connection, result, error)
    return result


def _trust() -> None:
    """No check."""


def _note_end(connection: Connection, result: Mirrored, error: str | None) -> None:
    try:
        connection.execute("SET synchronous_commit = on")
        end_run(
            connection,
            result.run_id,
            error=error,
            release=result.release,
            lacking=result.lacking,
            unknown=result.unknown,
            entities={name: vars(change) for name, change in result.changes.items()},
        )
    except psycopg.Error as problem:
        # the reason for the end matters more than its note; the next run closes the row
        log.warning("The end of run %s could not be noted: %s", result.run_id, problem)
        if error is None:
            raise


def read_into(
    loader: RawLoader,
    settings: Settings,
    instance: Instance,
    entities: list[str],
    client: StashClient,
    result: Mirrored,
    check: Callable[[], None] = _trust,
) -> None:
    """Reads the kinds named, completely, and passes on what comes to the loader; fills in ``result``.

    Raises:
        StashError: what the server or the network did. UserError: where the guard stops.
    """
    guard = loader.guard
    info = client.server_info()
    result.release = info.version
    guard.schema(info.database_schema)
    plans: dict[str, Plan] = plan_library(client.introspect())
    result.lacking = sorted({path for plan in plans.values() for path in plan.lacking})
    result.unknown = sorted({path for plan in plans.values() for path in plan.unknown})
    forms = {name: form(plan, info.version, client.prefix) for name, plan in plans.items()}
    if any(guard.live.get(name) for name in entities):
        guard.counts(count_objects(client, [plans[name] for name in entities]))
    loader.begin(info)
    result.changes = loader.changes
    readable = [name for name in entities if plans[name].query or plans[name].entity.embedded_in]
    if not readable:
        raise StashError(f"{instance.name} ({info.version}) has none of {', '.join(entities)}.")
    waiting: list[Page] = []
    begun: dict[str, float] = {}
    since = time.perf_counter()

    def flush() -> None:
        nonlocal since
        if waiting:
            check()
            loader.load(waiting)
            for page in waiting:
                progress.fetched(instance.name, page.entity, page.objects)
            waiting.clear()
        since = time.perf_counter()

    try:
        for event in read_library(
            client,
            plans,
            readable,
            page_size=settings.page_size,
            in_flight=settings.requests_in_flight,
            known=known_pages(loader.connection, instance.id, {name: forms[name] for name in readable}),
        ):
            if isinstance(event, Page):
                for entity in event.documents or [event.entity]:
                    begun.setdefault(entity, time.perf_counter() - event.seconds)
                waiting.append(event)
                full = sum(page.objects for page in waiting) >= _BATCH_OBJECTS
                if full or time.perf_counter() - since > _BATCH_SECONDS:
                    flush()
            elif isinstance(event, Expected):
                loader.changes[event.entity].expected = event.count
                progress.expected(instance.name, event.entity, event.count)
            elif isinstance(event, Unreadable):
                change = loader.changes[event.entity]
                if event.id is not None:
                    loader.keep(event.entity, [event.id])
                    change.failed += 1
                if len(change.failures) < _FAILURES_TOLD:
                    change.failures.append(event.message if event.id is None else f"{event.id}: {event.message}")
            elif isinstance(event, Complete):
                flush()
                check()
                loader.finish(event.entity, forms[event.entity])
                loader.changes[event.entity].seconds = time.perf_counter() - begun.get(event.entity, since)
                progress.complete(instance.name, event.entity)
    except StashError:
        # what came before the fault is good, and need not be fetched in vain
        flush()
        raise
    result.changes = {
        name: change for name, change in loader.changes.items() if change.fetched or change.complete or change.failures
    }
