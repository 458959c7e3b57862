"""Brings ``raw`` to what a copy of the server's database holds: all of it, in one transaction."""

import logging
from collections.abc import Sequence

from stash_pipeline import progress
from stash_pipeline.instances import record_snapshot
from stash_pipeline.stash.snapshot.copy import Copy, SnapshotTooLargeError
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.sync.lanes.snapshot import OpenCopy, SnapshotLane, open_copy
from stash_pipeline.sync.session import SyncSession, format_counts
from stash_pipeline.sync.snapshot_ranges import hashes
from stash_pipeline.warehouse.connect import share_partitions
from stash_pipeline.warehouse.raw.page_ledger import COPY, copy_is_known, record_complete_read, record_copy

log = logging.getLogger(__name__)


class SnapshotReading:
    """Reads one server by a copy of its database.

    Attributes:
        copy: that was read. missing_fields: those that the copy lacks, by entity; these entities were read by GraphQL.
    """

    def __init__(self, session: SyncSession) -> None:
        self._session = session
        self._loader = session.loader
        self.copy: Copy | None = None
        self.missing_fields: dict[str, list[str]] = {}

    def read(self, entities: Sequence[str], *, limited: bool) -> None:
        """Reads some entities, tombstones what is gone, and records that it is known.

        Args:
            limited: do not fetch a copy that is larger than the setting allows.

        Raises:
            SnapshotError: there is no copy, or it cannot be read; nothing of it was written then. StashError: what the
                network did. UserError: where the safeguards stop.
        """
        session = self._session
        try:
            with open_copy(
                session.client, session.settings, session.instance, session.server, entities, limited=limited
            ) as copy:
                self.copy, self.missing_fields = copy.copy, copy.missing_fields
                self._record(copy.copy.size, copy.copy.create_seconds)
                self._warn_of_missing_fields()
                # what the copy does not hold, before its transaction
                others = [name for name in entities if name not in copy.entities]
                session.read(session.requests.documents(others))
                known = copy_is_known(self._loader.connection, session.instance.id, copy.form)
                if known:
                    self._mark_unchanged(copy.entities)
                else:
                    self._load(copy)
                self._record_in_ledger(copy, known=known)
        except SnapshotTooLargeError as error:
            self._record(error.size, None)
            raise

    def _load(self, copy: OpenCopy) -> None:
        session, loader = self._session, self._loader
        with copy.readers() as pool, loader.transaction():
            share_partitions(loader.connection)
            stored = {name: hashes(loader, name) for name in copy.entities if not loader.is_new(name)}
            session.check()
            session.applier.apply(SnapshotLane(copy, pool, session.server, stored))
            session.check()
            if differences := session.count_differences(copy.entities):
                raise SnapshotError(
                    f"The copy of the database disagrees with the server, which counts {format_counts(differences)}."
                )
            session.finish()
            if loader.sink.writes:
                record_complete_read(loader.connection, session.instance.id, loader.sink.run_id, COPY, copy.form, COPY)

    def _mark_unchanged(self, entities: Sequence[str]) -> None:
        """The copy is byte for byte the last one, and nothing was written since."""
        stored = self._loader.sink.counted()
        for name in entities:
            stats = self._loader.changes[name]
            stats.fetched = stats.unchanged = stored.get(name, 0)
            stats.complete = True
            progress.complete(self._session.instance.name, name)
            self._session.coverage.add(name, COPY)
        self._session.finish()

    def _warn_of_missing_fields(self) -> None:
        if self.missing_fields:
            log.warning(
                "%s: the copy of the database lacks %s; %s read by GraphQL.",
                self._session.instance.name,
                ", ".join(f"{entity}.{field}" for entity, fields in self.missing_fields.items() for field in fields),
                f"{', '.join(self.missing_fields)} {'is' if len(self.missing_fields) == 1 else 'are'}",
            )

    def _record(self, size: int | None, seconds: float | None) -> None:
        """Records what a copy cost; see :func:`stash_pipeline.instances.record_snapshot`."""
        if self._loader.sink.writes:
            record_snapshot(self._loader.connection, self._session.instance.id, size, seconds)

    def _record_in_ledger(self, copy: OpenCopy, *, known: bool) -> None:
        loader = self._loader
        if loader.sink.writes:
            objects = sum(loader.changes[name].fetched for name in copy.entities)
            record_copy(loader.connection, self._session.instance.id, loader.sink.run_id, copy.copy, objects, known)
