"""The objects that a run has seen: they determine which stored objects are gone.

If nothing of an entity was stored before, nothing can be gone: its ids are recorded only once an object can arrive
twice. Ids take 8 bytes each in memory; temporary tables would take more statements than all the rest of a small read,
and rows in the catalogs of the database for each run.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stash_pipeline.stash.response_page import CachedPage
from stash_pipeline.warehouse.raw.writer import Sink


class SeenObjects:
    """The objects of one instance that a run has seen, by entity."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._all_new: dict[str, bool] = {}
        self._ids: dict[str, array[int]] = {}

    def reset(self) -> None:
        """Starts over: nothing was seen yet."""
        self._all_new.clear()
        self._ids.clear()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, whose rollback also forgets the objects that were seen in it."""
        all_new, lengths = self._all_new.copy(), {entity: len(ids) for entity, ids in self._ids.items()}
        try:
            with self._sink.connection.transaction():
                yield
        except BaseException:
            self._all_new = all_new
            for entity, ids in self._ids.items():
                del ids[lengths.get(entity, 0) :]
            raise

    def all_new(self, entity: str) -> bool:
        """Whether everything stored comes from this run, each object once; first called before the first write."""
        if entity not in self._all_new:
            self._all_new[entity] = self._is_empty(entity)
        return self._all_new[entity]

    def compare_from_now_on(self, entity: str) -> None:
        """Compares all further objects with the stored ones."""
        if self.all_new(entity):
            self._all_new[entity] = False
            self.add(entity, self._stored(f"SELECT id FROM {self._sink.leaf(entity)}"))

    def add(self, entity: str, ids: Iterable[int]) -> None:
        """Records that objects exist."""
        self._ids.setdefault(entity, array("q")).extend(ids)

    def add_cached(self, entity: str, pages: Iterable[CachedPage]) -> None:
        """Records that the objects in the ranges of these unchanged pages exist."""
        ranges = [(page.first, page.last) for page in pages]
        # range by range, because a join with the list of ranges is planned as a scan of the whole table
        ids = self._stored(
            "SELECT r.id FROM unnest(%s::bigint[], %s::bigint[]) AS page (first, last) CROSS JOIN LATERAL (\n"
            f"    SELECT id FROM {self._sink.leaf(entity)}\n"
            "    WHERE instance_id = %s AND id BETWEEN page.first AND page.last AND deleted_at IS NULL OFFSET 0\n"
            ") AS r",
            [[first for first, _ in ranges], [last for _, last in ranges], self._sink.instance_id],
        )
        self.add(entity, ids)

    def unseen(self, entity: str) -> list[int]:
        """Live objects of a completely read entity that the run has not seen."""
        if self.all_new(entity):
            return []
        live = self._stored(f"SELECT id FROM {self._sink.leaf(entity)} WHERE deleted_at IS NULL")
        seen = set(self._ids.get(entity, ()))
        return [identifier for identifier in live if identifier not in seen]

    def _stored(self, query: str, parameters: list[Any] | None = None) -> "array[int]":
        """The ids that a query finds."""
        with self._sink.connection.cursor(binary=True) as cursor:
            # as one value: a row for each of a million ids takes ten times as long
            row = cursor.execute(
                f"SELECT string_agg(int8send(id), ''::bytea) FROM ({query}) AS q", parameters
            ).fetchone()
        ids = array("q", row[0] or b"" if row else b"")
        if sys.byteorder == "little":
            ids.byteswap()
        return ids

    def _is_empty(self, entity: str) -> bool:
        row = self._sink.connection.execute(f"SELECT FROM {self._sink.leaf(entity)} LIMIT 1").fetchone()
        return row is None
