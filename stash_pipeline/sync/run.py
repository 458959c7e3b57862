"""One reading of one server into ``raw``: what a run of the graphql lane does, from connection to last commit.

Fetching and parsing go on in the reader's threads while the pages that have arrived are written here.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from stash_pipeline import progress
from stash_pipeline.garbage import rare_collections
from stash_pipeline.instances import Instance, LaneName, instance_revision, record_probe
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.probing import Probe
from stash_pipeline.stash.snapshot.copy import Copy, remove_orphaned_copies
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.refresh import Refresh
from stash_pipeline.sync.safeguards import Safeguards
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.ops.sync_runs import end_run, start_run
from stash_pipeline.warehouse.raw.stats import EntityStats
from stash_pipeline.warehouse.raw.writer import RawWriter

log = logging.getLogger(__name__)


@dataclass
class SyncResult:
    """What a reading saw and did.

    Attributes:
        lacking: fields of the specification that the server does not have.
        unknown: fields of the server that no specification knows.
        changes: per kind that was read.
        requests, bytes: sent to the server, and what came back.
        revision_before: of the instance, before anything was written. started_at: by the server's clock.
        lane, lane_reason: that it took, and why. copy: of the database, if it read one.
        not_in_copy: fields that the copy lacks, with their kind, which was read by GraphQL.
        probe, probe_text: what the server counted before the first reading, and the question.
    """

    run_id: int
    release: str = ""
    lacking: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    changes: dict[str, EntityStats] = field(default_factory=dict)
    seconds: float = 0.0
    requests: int = 0
    bytes: int = 0
    revision_before: int = 0
    started_at: datetime | None = None
    probe: Probe = field(default_factory=Probe)
    probe_text: str = ""
    lane: LaneName = "graphql"
    lane_reason: str = ""
    copy: Copy | None = None
    not_in_copy: list[str] = field(default_factory=list)

    def take(self, refresh: Refresh) -> None:
        """Takes over what a refresh did."""
        if server := refresh.server:
            self.release, self.lacking, self.unknown = server.release, server.missing_fields, server.unmapped_fields
            self.started_at, self.probe, self.probe_text = server.started, server.probe, server.probe_text
        self.changes = refresh.changes
        self.lane, self.lane_reason, self.copy = refresh.lane, refresh.lane_reason, refresh.copy
        self.not_in_copy = [f"{name}.{field}" for name, fields in refresh.missing_in_copy.items() for field in fields]
        self.requests, self.bytes = refresh.client.requests, refresh.client.bytes


def mirror(
    settings: Settings,
    database_url: str,
    instance: Instance,
    entities: list[str],
    *,
    mode: Mode = "sweep",
    objects: Mapping[str, Iterable[int]] | None = None,
    dagster_run_id: str | None = None,
    client: StashClient | None = None,
    open_client: Callable[[Settings, Instance], StashClient] | None = None,
    check: Callable[[], None] | None = None,
    accept_removals: bool = False,
    lane: LaneName | None = None,
) -> SyncResult:
    """Reads the kinds named, and brings ``raw`` to what the server answered.

    The caller holds the instance's lock. Pages that were committed before a failure stay; the next reading
    finds them unchanged.

    Args:
        mode: how much is read, see ``graphql_reading.py``. objects: ids by kind, of mode objects.
        accept_removals: follow the server also where it has lost objects, or is another one, see ``safeguards.py``.
        client: to use instead of one that `open_client` makes, or else the instance.
        check: called before every write; raises when the lock is no longer held.
        lane: that is wanted where everything is read; None leaves it to the instance.

    Raises:
        StashError: what the server or the network did. UserError: what the configuration lacks.
    """
    started = time.perf_counter()
    progress.started(instance.name)
    # whichever lane this run takes: also where nothing but Dagster's own daemon is ever started
    remove_orphaned_copies(settings.snapshots)
    with connect(database_url) as connection:
        run_id = start_run(connection, instance.id, dagster_run_id=dagster_run_id, mode=mode, lane="graphql")
        result = SyncResult(run_id, revision_before=instance_revision(connection, instance.id))
        error: str | None = "interrupted"
        try:
            # should the machine fail, the last pages are read again; the note of the end waits for all of them
            connection.execute("SET synchronous_commit = off")
            make = open_client or (lambda settings, instance: instance.client(settings))
            with client or make(settings, instance) as opened, rare_collections():
                guard = Safeguards(connection, instance.id, instance.name, accept=accept_removals)
                loader = RawLoader(RawWriter(connection, instance.id, run_id), guard)
                refresh = Refresh(loader, settings, instance, opened, check or trust, lane or instance.lane)
                try:
                    server = refresh.run(entities, mode, objects)
                finally:
                    result.take(refresh)
                if mode != "objects" and set(entities) == set(BY_NAME):
                    record_probe(connection, instance.id, server.probe_text, server.probe_answer)
            error = None
        except Exception as problem:
            error = str(problem) or type(problem).__name__
            raise
        finally:
            result.seconds = time.perf_counter() - started
            _note_end(connection, result, error)
    return result


def trust() -> None:
    """No check."""


def _note_end(connection: Connection, result: SyncResult, error: str | None) -> None:
    try:
        connection.execute("SET synchronous_commit = on")
        end_run(
            connection,
            result.run_id,
            error=error,
            release=result.release,
            missing_fields=result.lacking,
            unmapped_fields=result.unknown,
            entities={name: vars(change) for name, change in result.changes.items()},
            requests=result.requests,
            size=result.bytes,
            seconds=result.seconds,
            lane=result.lane,
            lane_reason=result.lane_reason,
        )
    except psycopg.Error as problem:
        # the reason for the end matters more than its note; the next run closes the row
        log.warning("The end of run %s could not be noted: %s", result.run_id, problem)
        if error is None:
            raise
