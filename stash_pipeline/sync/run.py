"""Syncs one server into ``raw``: from the first connection to the last commit, with the record in ``ops.sync_runs``.

Pages are downloaded and parsed in the reader's threads while this thread writes the pages that have arrived.
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
from stash_pipeline.stash.snapshot.download import SnapshotFile
from stash_pipeline.stash.snapshot.orphans import remove_orphaned_snapshots
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
    """The result of a sync.

    Attributes:
        missing_fields: fields of the specification that the server does not have.
        unmapped_fields: fields of the server that are not in the specification.
        changes: statistics per entity that was read.
        requests: number of requests. bytes: of all responses.
        revision_before: the instance's revision before the first write. started_at: by the server's clock.
        lane, lane_reason: the lane that was used, and why. snapshot: the snapshot that was read, if any.
        not_in_snapshot: fields that are not in the snapshot, as ``entity.field``; these entities were read by GraphQL.
        probe, probe_text: the server's counts before the first read, and the query.
    """

    run_id: int
    release: str = ""
    missing_fields: list[str] = field(default_factory=list)
    unmapped_fields: list[str] = field(default_factory=list)
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
    snapshot: SnapshotFile | None = None
    not_in_snapshot: list[str] = field(default_factory=list)

    def record(self, refresh: Refresh) -> None:
        """Copies the results of a refresh, which may have failed."""
        if server := refresh.server:
            self.release = server.release
            self.missing_fields, self.unmapped_fields = server.missing_fields, server.unmapped_fields
            self.started_at, self.probe, self.probe_text = server.started, server.probe, server.probe_text
        self.changes = refresh.changes
        self.lane, self.lane_reason, self.snapshot = refresh.lane, refresh.lane_reason, refresh.snapshot
        self.not_in_snapshot = [
            f"{name}.{field}" for name, fields in refresh.not_in_snapshot.items() for field in fields
        ]
        self.requests, self.bytes = refresh.client.requests, refresh.client.bytes


def run_sync(
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
    """Reads entities of a server, and makes ``raw`` equal to its responses.

    The caller holds the instance's lock. Pages that were committed before a failure stay, and the next sync finds them
    unchanged.

    Args:
        mode: how much is read, see ``graphql_reading.py``. objects: ids by entity, for mode objects.
        accept_removals: sync even if the server has lost objects or is another server, see ``safeguards.py``.
        client: default: the client that `open_client` creates, or else the instance.
        check: called before every write; raises when the lock is no longer held.
        lane: for reading everything; None uses the lane of the instance.

    Raises:
        StashError: for errors of the server or the network. UserError: for errors of the configuration, or if a
            safeguard stops the sync.
    """
    started = time.perf_counter()
    progress.started(instance.name)
    # in every lane, because on some machines only Dagster's daemon starts runs
    remove_orphaned_snapshots(settings.snapshots)
    with connect(database_url) as connection:
        run_id = start_run(connection, instance.id, dagster_run_id=dagster_run_id, mode=mode, lane="graphql")
        result = SyncResult(run_id, revision_before=instance_revision(connection, instance.id))
        error: str | None = "interrupted"
        try:
            # if the machine fails, the last pages are read again; recording the end waits for all commits
            connection.execute("SET synchronous_commit = off")
            create = open_client or (lambda settings, instance: instance.client(settings))
            with client or create(settings, instance) as opened, rare_collections():
                guard = Safeguards(connection, instance.id, instance.name, accept=accept_removals)
                loader = RawLoader(RawWriter(connection, instance.id, run_id), guard)
                refresh = Refresh(loader, settings, instance, opened, check or no_lock_check, lane or instance.lane)
                try:
                    server = refresh.run(entities, mode, objects)
                finally:
                    result.record(refresh)
                if mode != "objects" and set(entities) == set(BY_NAME):
                    record_probe(connection, instance.id, server.probe_text, server.probe_answer)
            error = None
        except Exception as problem:
            error = str(problem) or type(problem).__name__
            raise
        finally:
            result.seconds = time.perf_counter() - started
            _record_end(connection, result, error)
    return result


def no_lock_check() -> None:
    """Does nothing; for callers without a lock."""


def _record_end(connection: Connection, result: SyncResult, error: str | None) -> None:
    try:
        connection.execute("SET synchronous_commit = on")
        end_run(
            connection,
            result.run_id,
            error=error,
            release=result.release,
            missing_fields=result.missing_fields,
            unmapped_fields=result.unmapped_fields,
            entities={name: vars(change) for name, change in result.changes.items()},
            requests=result.requests,
            size=result.bytes,
            seconds=result.seconds,
            lane=result.lane,
            lane_reason=result.lane_reason,
        )
    except psycopg.Error as problem:
        # the original error matters more; the next run closes the row
        log.warning("The end of run %s could not be recorded: %s", result.run_id, problem)
        if error is None:
            raise
