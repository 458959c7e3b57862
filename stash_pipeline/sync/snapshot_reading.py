"""Makes ``raw`` equal to a snapshot of the server's database, in one transaction."""

import logging
from collections.abc import Sequence

from stash_pipeline import progress
from stash_pipeline.instances import record_snapshot
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.stash.snapshot.download import SnapshotFile, SnapshotTooLargeError
from stash_pipeline.sync.lanes.snapshot import FetchedSnapshot, SnapshotLane, fetch_snapshot
from stash_pipeline.sync.session import SyncSession, format_counts
from stash_pipeline.sync.snapshot_ranges import hashes
from stash_pipeline.warehouse.connect import share_partitions
from stash_pipeline.warehouse.raw.page_ledger import (
    SNAPSHOT,
    is_last_snapshot,
    record_complete_read,
    record_snapshot_file,
)

log = logging.getLogger(__name__)


class SnapshotReading:
    """Reads one server from a snapshot of its database.

    Attributes:
        snapshot: the snapshot that was read. form: what it means, see ``page_ledger.py``.
        missing_fields: fields that are not in it, by entity; these entities were read by GraphQL.
    """

    def __init__(self, session: SyncSession) -> None:
        self._session = session
        self._loader = session.loader
        self.snapshot: SnapshotFile | None = None
        self.form: bytes | None = None
        self.missing_fields: dict[str, list[str]] = {}

    def read(self, entities: Sequence[str], *, limited: bool) -> None:
        """Reads entities, removes objects that are gone, and records the watermarks.

        Args:
            limited: do not download a snapshot that is larger than the setting allows.

        Raises:
            SnapshotError: if there is no snapshot, or it cannot be read; then nothing of it is written. StashError: for
                network errors. UserError: if a safeguard stops the sync.
        """
        session = self._session
        try:
            with fetch_snapshot(
                session.client, session.settings, session.instance, session.server, entities, limited=limited
            ) as snapshot:
                self.snapshot, self.missing_fields = snapshot.file, snapshot.missing_fields
                self.form = snapshot.form
                self._record(snapshot.file.size, snapshot.file.create_seconds)
                self._warn_of_missing_fields()
                # the entities that are not in the snapshot, before its transaction
                others = [name for name in entities if name not in snapshot.entities]
                session.read(session.requests.documents(others))
                unchanged = is_last_snapshot(self._loader.connection, session.instance.id, snapshot.form)
                if unchanged:
                    self._mark_unchanged(snapshot.entities)
                else:
                    self._load(snapshot)
                self._record_in_ledger(snapshot, unchanged=unchanged)
        except SnapshotTooLargeError as error:
            self._record(error.size, None)
            raise

    def _load(self, snapshot: FetchedSnapshot) -> None:
        session, loader = self._session, self._loader
        with snapshot.readers() as pool, loader.transaction():
            share_partitions(loader.connection)
            stored = {name: hashes(loader, name) for name in snapshot.entities if not loader.is_new(name)}
            session.check()
            session.applier.apply(SnapshotLane(snapshot, pool, session.server, stored))
            session.check()
            if differences := session.count_differences(snapshot.entities):
                raise SnapshotError(
                    f"The snapshot disagrees with the server, which counts {format_counts(differences)}."
                )
            session.finish()
            if loader.sink.writes:
                run_id = loader.sink.run_id
                record_complete_read(loader.connection, session.instance.id, run_id, SNAPSHOT, snapshot.form, SNAPSHOT)

    def _mark_unchanged(self, entities: Sequence[str]) -> None:
        """Counts everything as unchanged: the snapshot equals the last one, and nothing was written since."""
        stored = self._loader.sink.counted()
        for name in entities:
            stats = self._loader.changes[name]
            stats.fetched = stats.unchanged = stored.get(name, 0)
            stats.complete = True
            progress.complete(self._session.instance.name, name)
            self._session.coverage.add(name, SNAPSHOT)
        self._session.finish()

    def _warn_of_missing_fields(self) -> None:
        if self.missing_fields:
            log.warning(
                "%s: the snapshot lacks %s; %s read by GraphQL.",
                self._session.instance.name,
                ", ".join(f"{entity}.{field}" for entity, fields in self.missing_fields.items() for field in fields),
                f"{', '.join(self.missing_fields)} {'is' if len(self.missing_fields) == 1 else 'are'}",
            )

    def _record(self, size: int | None, seconds: float | None) -> None:
        """Records the cost of a snapshot; see :func:`stash_pipeline.instances.record_snapshot`."""
        if self._loader.sink.writes:
            record_snapshot(self._loader.connection, self._session.instance.id, size, seconds)

    def _record_in_ledger(self, snapshot: FetchedSnapshot, *, unchanged: bool) -> None:
        loader = self._loader
        if loader.sink.writes:
            objects = sum(loader.changes[name].fetched for name in snapshot.entities)
            record_snapshot_file(
                loader.connection, self._session.instance.id, loader.sink.run_id, snapshot.file, objects, unchanged
            )
