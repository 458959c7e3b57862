"""Compares one server with ``raw`` without a run, up to the first difference; a run is launched only if there is one.

It reads like a reconcile, by the same lane, under the lock of the instance. It writes nothing but its own result
(``cadence_records.py``): what it took, whether something differs, and which snapshot was found equal. A later
comparison or reconcile does not read an equal snapshot again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final, NoReturn

import psycopg

from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, read_again, record_snapshot
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import StashError, may_pass
from stash_pipeline.sync.cadence import allowance, balance, typical_seconds
from stash_pipeline.sync.cadence_records import Outcome, cadences, record_comparison
from stash_pipeline.sync.dry_run import DryRun
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.refresh import Refresh
from stash_pipeline.sync.safeguards import Safeguards
from stash_pipeline.warehouse.connect import Connection, InstanceLockedError, connect, instance_lock

MOST_SECONDS: Final = 50.0
"""After that a comparison is given up, because runs wait a minute for the lock of the instance."""


class _DifferenceFoundError(Exception):
    """Something differs, so the rest need not be compared."""


class _ComparingSink(DryRun):
    """A sink that stops at the first difference."""

    def write(self, entity: str, new: list[Document], changed: list[Document]) -> None:
        """Something is new or different."""
        self._differs(entity, len(new) + len(changed))

    def tombstone(self, entity: str, ids: list[int]) -> None:
        """Something is gone."""
        self._differs(entity, len(ids))

    def _differs(self, entity: str, count: int) -> NoReturn:
        raise _DifferenceFoundError(f"{entity} differ" if count > 1 else f"{entity} differ by one")


class _TooLongError(StashError):
    """The comparison is given up."""


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        detail: what differs, or why the comparison failed or stopped.
    """

    outcome: Outcome
    detail: str | None = None


def compare(
    settings: Settings,
    database_url: str,
    instance: Instance,
    *,
    open_client: Callable[[Settings, Instance], StashClient] | None = None,
) -> Comparison | None:
    """Compares a server with ``raw``, and records the result; returns None while another run writes to the instance."""
    try:
        with instance_lock(database_url, instance.id, instance.name) as lock, connect(database_url) as connection:
            return _compare(settings, connection, read_again(connection, instance), lock.check, open_client)
    except InstanceLockedError:
        return None
    except (UserError, psycopg.Error) as error:
        # of the database; the next tick tries again
        return Comparison("failed", str(error))


def _compare(
    settings: Settings,
    connection: Connection,
    instance: Instance,
    check_lock: Callable[[], None],
    open_client: Callable[[Settings, Instance], StashClient] | None,
) -> Comparison:
    started = time.perf_counter()

    def check() -> None:
        check_lock()
        if time.perf_counter() - started > MOST_SECONDS:
            raise _TooLongError(f"The comparison took more than {MOST_SECONDS:.0f} s.")

    sink = _ComparingSink(connection, instance.id)
    refresh: Refresh | None = None
    try:
        with (open_client or _client)(settings, instance) as client:
            guard = Safeguards(connection, instance.id, instance.name)
            refresh = Refresh(RawLoader(sink, guard), settings, instance, client, check, instance.lane)
            refresh.run(list(BY_NAME), "reconcile")
        result = Comparison("equal")
    except _DifferenceFoundError as error:
        result = Comparison("differs", str(error))
    except (StashError, UserError) as error:
        result = Comparison("failed" if may_pass(error) else "stopped", str(error))
    seconds = time.perf_counter() - started
    if refresh and refresh.snapshot_failure:
        record_snapshot(connection, instance.id, None, None, refresh.snapshot_failure)
    before = cadences(connection, settings.reconcile_minutes)[instance.id].compared
    snapshot = refresh.snapshot if refresh else None
    typical = before.seconds
    if result.outcome == "equal" or seconds > MOST_SECONDS:
        typical = typical_seconds(before.seconds, seconds) if result.outcome == "equal" else seconds
    record_comparison(
        connection,
        instance.id,
        outcome=result.outcome,
        detail=result.detail,
        lane=refresh.lane if refresh else instance.lane,
        seconds=seconds,
        typical=typical,
        blocked=snapshot.create_seconds if snapshot else None,
        balance=balance(before, settings, datetime.now(timezone.utc)) - seconds if allowance(settings) else None,
        revision=instance.revision,
        form=refresh.form if refresh and not refresh.not_in_snapshot else None,
    )
    return result


def _client(settings: Settings, instance: Instance) -> StashClient:
    return instance.client(settings)
