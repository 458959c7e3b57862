"""Compares a snapshot with the stored documents: the reader gets their hashes, and returns what differs."""

from collections import defaultdict
from typing import Final

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.snapshot.ranges import RANGE_IDS, Range
from stash_pipeline.sync.loader import RawLoader

_TOGETHER: Final = 2000
_TOGETHER_BYTES: Final = 8_000_000
"""Documents, and their bytes, that are written together if only a few of each range differ."""


def hashes(loader: RawLoader, entity: str) -> dict[int, bytes]:
    """Ids and hashes of the live documents, range by range; see ``stash/snapshot/ranges.py``."""
    with loader.connection.cursor(binary=True) as cursor:
        cursor.execute(
            # a damaged hash of another length must not equal any other
            f"SELECT id / {RANGE_IDS}, string_agg(int8send(id) ||\n"
            "    CASE WHEN length(hash) = 16 THEN hash ELSE decode(repeat('00', 16), 'hex') END, ''::bytea)\n"
            f"FROM {loader.sink.leaf(entity)} WHERE instance_id = %s AND deleted_at IS NULL GROUP BY 1",
            [loader.instance_id],
        )
        return dict(cursor.fetchall())


class RangeLoader:
    """Writes the documents of ranges: of new entities range by range, of others in larger batches."""

    def __init__(self, loader: RawLoader) -> None:
        self._loader = loader
        self._waiting: dict[str, list[Document]] = defaultdict(list)
        self._bytes: dict[str, int] = defaultdict(int)

    def add(self, part: Range) -> None:
        """Adds a range, or a part of it."""
        loader, entity = self._loader, part.entity
        change = loader.changes[entity]
        change.fetched += part.unchanged
        change.unchanged += part.unchanged
        change.unreadable += part.unreadable
        loader.mark_gone(entity, part.gone)
        documents = [Document._make(row) for row in part.rows]
        if loader.is_new(entity):
            loader.upsert(entity, documents, {})
            return
        self._waiting[entity] += documents
        self._bytes[entity] += sum(len(document.json) for document in documents)
        if len(self._waiting[entity]) >= _TOGETHER or self._bytes[entity] >= _TOGETHER_BYTES:
            self.flush(entity)

    def flush(self, entity: str) -> None:
        """Writes the waiting documents of an entity."""
        documents = self._waiting.pop(entity, [])
        self._bytes.pop(entity, None)
        if documents:
            # objects that came back have a tombstone
            stored = self._loader.sink.hashes(entity, [document.id for document in documents])
            self._loader.upsert(entity, documents, stored)
