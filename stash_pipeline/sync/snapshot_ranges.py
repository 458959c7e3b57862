"""Compares a copy of the database with what is here: the reader is told the hashes, and tells what differs."""

from collections import defaultdict
from typing import Final

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.snapshot.ranges import RANGE_IDS, Range
from stash_pipeline.sync.loader import RawLoader

_TOGETHER: Final = 2000
_TOGETHER_BYTES: Final = 8_000_000
"""Documents, and their bytes, that are written at once where a range has few that differ."""


def hashes(loader: RawLoader, entity: str) -> dict[int, bytes]:
    """Ids and hashes of the live documents, range by range; see ``stash/snapshot/ranges.py``."""
    with loader.connection.cursor(binary=True) as cursor:
        cursor.execute(
            # a hash of another length is none, and equals none
            f"SELECT id / {RANGE_IDS}, string_agg(int8send(id) ||\n"
            "    CASE WHEN length(hash) = 16 THEN hash ELSE decode(repeat('00', 16), 'hex') END, ''::bytea)\n"
            f"FROM {loader.sink.leaf(entity)} WHERE instance_id = %s AND deleted_at IS NULL GROUP BY 1",
            [loader.instance_id],
        )
        return dict(cursor.fetchall())


class RangeLoader:
    """Writes what ranges tell: those of a kind that is new here one by one, of others as many as pay together."""

    def __init__(self, loader: RawLoader) -> None:
        self._loader = loader
        self._waiting: dict[str, list[Document]] = defaultdict(list)
        self._bytes: dict[str, int] = defaultdict(int)

    def take(self, told: Range) -> None:
        """Takes over one range, or a piece of it."""
        loader, kind = self._loader, told.kind
        change = loader.changes[kind]
        change.fetched += told.unchanged
        change.unchanged += told.unchanged
        change.unreadable += told.unreadable
        loader.mark_gone(kind, told.gone)
        documents = [Document._make(row) for row in told.rows]
        if loader.is_new(kind):
            loader.upsert(kind, documents, {})
            return
        self._waiting[kind] += documents
        self._bytes[kind] += sum(len(document.json) for document in documents)
        if len(self._waiting[kind]) >= _TOGETHER or self._bytes[kind] >= _TOGETHER_BYTES:
            self.end(kind)

    def end(self, kind: str) -> None:
        """Writes what waits of a kind."""
        documents = self._waiting.pop(kind, [])
        self._bytes.pop(kind, None)
        if documents:
            # of what came back the tombstone is known
            known = self._loader.sink.hashes(kind, [document.id for document in documents])
            self._loader.upsert(kind, documents, known)
