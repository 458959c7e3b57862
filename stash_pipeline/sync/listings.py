"""Compares listings with the stored documents: a few fields of an object show whether it must be read again."""

from collections.abc import Mapping
from datetime import datetime

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.read_request import SparseFields
from stash_pipeline.warehouse.raw.watermarks import WIDEST
from stash_pipeline.warehouse.raw.writer import Sink


class ListingComparison:
    """The listings of one run of one instance."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._connection = sink.connection
        self._holders: dict[tuple[str, str], set[int]] = {}

    def reset(self) -> None:
        """Starts over: nothing was listed yet."""
        self._holders.clear()

    def add_sparse(self, entity: str, holder: SparseFields, documents: list[Document]) -> None:
        """Records objects that a filter of the server finds."""
        ids = self._holders.setdefault((entity, holder.name), set())
        ids.update(document.id for document in documents)

    def differing(
        self,
        entity: str,
        fields: tuple[str, ...],
        documents: list[Document],
        settled: Mapping[str, datetime],
        now: datetime | None,
    ) -> set[int]:
        """The listed objects that are not stored, differ from the stored ones, or have too recent a timestamp.

        Args:
            settled: per entity, the time before which an equal timestamp means an equal object.
            now: the server's clock.
        """
        if not documents:
            return set()
        stored = ", ".join(f"r.document->'{name}'" for name in fields)
        listed = ", ".join(f"l.document->'{name}'" for name in fields)
        # object by object with the primary key, because a page is a small part of the table
        rows = self._connection.execute(
            "SELECT l.id\n"
            "FROM ROWS FROM (unnest(%(ids)s::bigint[]), jsonb_array_elements(%(listed)s::jsonb)) AS l (id, document)\n"
            f"LEFT JOIN LATERAL (SELECT * FROM {self._sink.leaf(entity)}\n"
            "    WHERE instance_id = %(instance)s AND id = l.id LIMIT 1) AS r ON true\n"
            f"WHERE r.id IS NULL OR r.deleted_at IS NOT NULL OR ROW({stored}) IS DISTINCT FROM ROW({listed})\n"
            "   OR r.server_updated_at BETWEEN %(settled)s AND %(latest)s",
            {
                "ids": [document.id for document in documents],
                "listed": (b"[" + b",".join(document.json for document in documents) + b"]").decode(),
                "settled": settled.get(entity),
                "latest": now and now + WIDEST,
                "instance": self._sink.instance_id,
            },
        )
        return {row[0] for row in rows}

    def no_longer_holding(self, entity: str, holder: SparseFields) -> set[int]:
        """Stored objects that the server's filter no longer finds."""
        rows = self._connection.execute(
            f"SELECT id FROM {self._sink.leaf(entity)} WHERE instance_id = %s AND deleted_at IS NULL\n"
            f"  AND ({holder.rare.condition}) AND id <> ALL(%s)",
            [self._sink.instance_id, list(self._holders.get((entity, holder.name), ()))],
        )
        return {row[0] for row in rows}
