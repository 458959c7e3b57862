"""The sink that writes documents into ``raw``: set-based, and in the order of revisions.

Each write gets the instance's next revision in its transaction. The row of ``ops.instances`` is locked from then until
the commit, so the order of revisions is the order of commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from stash_pipeline.instances import record_server
from stash_pipeline.stash.client import ServerInfo
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.reader import Page
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops import row_counts
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.raw import history
from stash_pipeline.warehouse.raw.page_ledger import record_complete_read, record_pages
from stash_pipeline.warehouse.raw.partitions import ensure_partitions
from stash_pipeline.warehouse.raw.stats import EntityStats
from stash_pipeline.warehouse.raw.watermarks import advance_watermark, record_utc_offset, record_watermark

_NULL = "\\N"
"""How COPY's text format spells NULL."""

_WORTH_ANALYZING = 100
"""Rows inserted at once that make the planner's statistics of a table wrong."""


class Sink(Protocol):
    """The destination of a loader's documents: what it contains, and how to change it.

    Attributes:
        connection: for all reads and writes.
        run_id: of ``ops.sync_runs``.
        writes: whether changes are written.
    """

    connection: Connection
    instance_id: int
    run_id: int
    writes: bool

    def leaf(self, entity: str) -> str:
        """The table with this instance's documents of an entity."""

    def start(self, info: ServerInfo) -> None:
        """Called before the first page."""

    def record_pages(self, pages: Sequence[Page]) -> None:
        """Records responses in the ledger."""

    def hashes(self, entity: str, ids: list[int]) -> dict[int, tuple[bytes, bool]]:
        """Of the stored objects: the hash of the document, and whether it has no tombstone."""

    def live(self, entity: str, ids: Iterable[int]) -> set[int]:
        """The ids of stored objects without a tombstone."""

    def counted(self) -> dict[str, int]:
        """Live documents by entity, of the entities that were read completely."""

    def write(self, entity: str, new: list[Document], changed: list[Document]) -> None:
        """Inserts and updates documents."""

    def tombstone(self, entity: str, ids: list[int]) -> None:
        """Marks objects as removed."""

    def finish(
        self, entity: str, change: EntityStats, forms: Mapping[str, bytes], read_at: datetime | None, missing: int
    ) -> None:
        """Records that an entity matches the server; called in a transaction.

        Args:
            change: gets the number of rows.
            forms: how it was read completely, by purpose; see ``page_ledger.py``.
            read_at: the server's clock when the read started.
            missing: objects that exist but could not be read.
        """

    def finish_incremental(self, entity: str, change: EntityStats, read_at: datetime | None) -> None:
        """Records that everything edited before that moment was read; without one, that some is missing."""

    def record_offset(self, offset: timedelta) -> None:
        """Records the offset of the server's wall clock."""


class RawWriter:
    """Writes one run's documents of one instance; see :class:`Sink`. The caller holds the instance's lock."""

    writes = True

    def __init__(self, connection: Connection, instance_id: int, run_id: int, *, lane: str = "graphql") -> None:
        self.connection = connection
        self.instance_id = instance_id
        self.run_id = run_id
        self._lane = lane

    def leaf(self, entity: str) -> str:
        """The table with this instance's documents of an entity."""
        return partition("raw." + entity, self.instance_id)

    def start(self, info: ServerInfo) -> None:
        """Creates the partitions."""
        record_server(self.connection, self.instance_id, info.version, info.database_schema)
        ensure_partitions(self.connection, self.instance_id)

    def record_pages(self, pages: Sequence[Page]) -> None:
        """Records responses in ``raw.pages``."""
        record_pages(self.connection, self.instance_id, self.run_id, self._lane, pages)

    # --- stored documents -------------------------------------------------------------------------------

    def hashes(self, entity: str, ids: list[int]) -> dict[int, tuple[bytes, bool]]:
        """Of the stored objects: the hash of the document, and whether it has no tombstone."""
        rows = self.connection.execute(
            f"SELECT id, hash, deleted_at IS NULL FROM {self.leaf(entity)}\nWHERE instance_id = %s AND id = ANY(%s)",
            [self.instance_id, ids],
        )
        return {identifier: (digest, live) for identifier, digest, live in rows}

    def live(self, entity: str, ids: Iterable[int]) -> set[int]:
        """The ids of stored objects without a tombstone."""
        rows = self.connection.execute(
            f"SELECT id FROM {self.leaf(entity)} WHERE instance_id = %s AND id = ANY(%s) AND deleted_at IS NULL",
            [self.instance_id, list(ids)],
        )
        return {row[0] for row in rows}

    def counted(self) -> dict[str, int]:
        """Live documents by entity, of the entities that were read completely once."""
        return row_counts.documents_counted(self.connection, self.instance_id)

    # --- changes ----------------------------------------------------------------------------------------

    def write(self, entity: str, new: list[Document], changed: list[Document]) -> None:
        """Inserts and updates documents; their previous versions move to ``raw.history``."""
        revision = self._next_revision()
        returning = tombstones(self, entity, [document.id for document in changed])
        row_counts.add_documents(self.connection, self.instance_id, entity, len(new) + returning)
        if new:
            self._copy(self.leaf(entity), new, revision)
        if changed:
            self._archive(entity, [document.id for document in changed], revision)
            self.connection.execute(f"CREATE TEMP TABLE staged (LIKE raw.{entity} INCLUDING DEFAULTS) ON COMMIT DROP")
            self._copy("staged", changed, revision)
            self.connection.execute(
                f"UPDATE {self.leaf(entity)} AS r SET document = s.document, hash = s.hash,\n"
                "    server_created_at = s.server_created_at, server_updated_at = s.server_updated_at,\n"
                "    revision = s.revision, run_id = s.run_id, fetched_at = now(), deleted_at = NULL\n"
                "FROM staged AS s WHERE r.instance_id = %s AND r.id = s.id",
                [self.instance_id],
            )
            self.connection.execute("DROP TABLE staged")

    def tombstone(self, entity: str, ids: list[int]) -> None:
        """Sets tombstones."""
        revision = self._next_revision()
        self._archive(entity, ids, revision, removed=True)
        self.connection.execute(
            f"UPDATE {self.leaf(entity)} SET deleted_at = now(), revision = %s, run_id = %s\n"
            "WHERE instance_id = %s AND id = ANY(%s)",
            [revision, self.run_id, self.instance_id, ids],
        )
        row_counts.add_documents(self.connection, self.instance_id, entity, -len(ids))

    def _archive(self, entity: str, ids: list[int], revision: int, *, removed: bool = False) -> None:
        history.archive(
            self.connection, self.instance_id, entity, ids, revision=revision, run_id=self.run_id, removed=removed
        )

    def _next_revision(self) -> int:
        row = self.connection.execute(
            "UPDATE ops.instances SET revision = revision + 1 WHERE id = %s RETURNING revision", [self.instance_id]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _copy(self, table: str, documents: list[Document], revision: int) -> None:
        with self.connection.cursor().copy(
            f"COPY {table} (instance_id, id, document, hash, server_created_at, server_updated_at, revision, run_id)\n"
            "FROM STDIN"
        ) as copy:
            tail = f"\t{revision}\t{self.run_id}\n"
            lines = []
            for d in documents:
                # in COPY's text format only the backslashes of JSON escapes must be doubled
                body = d.json.replace(b"\\", b"\\\\")
                head = f"{self.instance_id}\t{d.id}\t".encode()
                rest = f"\t\\\\x{d.hash.hex()}\t{d.created_at or _NULL}\t{d.updated_at or _NULL}{tail}"
                lines.append(head + body + rest.encode())
            copy.write(b"".join(lines))

    # --- the end of a read ------------------------------------------------------------------------------

    def finish(
        self, entity: str, change: EntityStats, forms: Mapping[str, bytes], read_at: datetime | None, missing: int
    ) -> None:
        """Records that an entity matches the server; see :meth:`Sink.finish`."""
        self._count_rows(entity, change)
        if change.inserted > _WORTH_ANALYZING:
            # without the documents, which are never searched and most of the work
            self.connection.execute(f"ANALYZE {self.leaf(entity)} (instance_id, id, revision, deleted_at)")
        for purpose, form in forms.items():
            record_complete_read(self.connection, self.instance_id, self.run_id, entity, form, purpose)
        if read_at is not None:
            record_watermark(self.connection, self.instance_id, entity, read_at, missing)

    def finish_incremental(self, entity: str, change: EntityStats, read_at: datetime | None) -> None:
        """See :meth:`Sink.finish_incremental`."""
        self._count_rows(entity, change)
        if read_at is not None:
            advance_watermark(self.connection, self.instance_id, entity, read_at)

    def record_offset(self, offset: timedelta) -> None:
        """Notes the offset of the server's wall clock."""
        record_utc_offset(self.connection, self.instance_id, offset)

    def _count_rows(self, entity: str, change: EntityStats) -> None:
        """Sets the number of live documents of an entity; counts them after its first complete read."""
        rows = row_counts.counted(self.connection, self.instance_id, f"raw.{entity}")
        change.first = rows is None
        change.rows = row_counts.count_documents(self.connection, self.instance_id, entity) if rows is None else rows


def tombstones(sink: Sink, entity: str, ids: list[int]) -> int:
    """The number of these objects with a tombstone."""
    if not ids:
        return 0
    row = sink.connection.execute(
        f"SELECT count(*) FROM {sink.leaf(entity)}\nWHERE instance_id = %s AND id = ANY(%s) AND deleted_at IS NOT NULL",
        [sink.instance_id, ids],
    ).fetchone()
    return int(row[0]) if row else 0
