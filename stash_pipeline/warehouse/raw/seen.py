"""The objects that a run has seen, in temporary tables that determine which stored objects are gone.

If nothing of an entity was stored before, nothing can be gone: its ids are recorded only once an object can arrive
twice.
"""

from collections.abc import Iterable

from stash_pipeline.stash.response_page import CachedPage
from stash_pipeline.warehouse.raw.writer import Sink


class SeenObjects:
    """The objects of one instance that a run has seen, by entity.

    Tables and their state are created when an entity is first used: most runs change few entities, and creating twelve
    temporary tables takes longer than their requests.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._connection = sink.connection
        self._all_new: dict[str, bool] = {}
        self._created: set[str] = set()

    def reset(self) -> None:
        """Starts over: nothing was seen yet."""
        self._all_new.clear()
        for entity in self._created:
            self._connection.execute(f"DROP TABLE IF EXISTS seen_{entity}")
        self._created.clear()

    def all_new(self, entity: str) -> bool:
        """Whether everything stored comes from this run, each object once; first called before the first write."""
        if entity not in self._all_new:
            self._all_new[entity] = self._is_empty(entity)
        return self._all_new[entity]

    def compare_from_now_on(self, entity: str) -> None:
        """Compares all further objects with the stored ones."""
        if self.all_new(entity):
            self._all_new[entity] = False
            self._connection.execute(f"INSERT INTO {self._table(entity)} SELECT id FROM {self._sink.leaf(entity)}")

    def add(self, entity: str, ids: Iterable[int]) -> None:
        """Records that objects exist."""
        with self._connection.cursor().copy(f"COPY {self._table(entity)} (id) FROM STDIN") as copy:
            copy.write("".join(f"{identifier}\n" for identifier in ids).encode())

    def add_cached(self, entity: str, pages: Iterable[CachedPage]) -> None:
        """Records that the objects in the ranges of these unchanged pages exist."""
        # range by range, because a join with the list of ranges is planned as a scan of the whole table
        self._connection.cursor().executemany(
            f"INSERT INTO {self._table(entity)} SELECT id FROM {self._sink.leaf(entity)}\n"
            "WHERE instance_id = %s AND id BETWEEN %s AND %s AND deleted_at IS NULL",
            [(self._sink.instance_id, page.first, page.last) for page in pages],
        )

    def unseen(self, entity: str) -> list[int]:
        """Live objects of a completely read entity that the run has not seen."""
        if self.all_new(entity):
            return []
        table = self._table(entity)
        self._connection.execute(f"ANALYZE {table}")
        rows = self._connection.execute(
            f"SELECT r.id FROM {self._sink.leaf(entity)} AS r\n"
            f"WHERE r.deleted_at IS NULL AND NOT EXISTS (SELECT FROM {table} AS s WHERE s.id = r.id)"
        ).fetchall()
        return [row[0] for row in rows]

    def _table(self, entity: str) -> str:
        """The temporary table of an entity; created again if the transaction that created it was rolled back."""
        self._created.add(entity)
        self._connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS seen_{entity} (id bigint)")
        return f"seen_{entity}"

    def _is_empty(self, entity: str) -> bool:
        row = self._connection.execute(f"SELECT FROM {self._sink.leaf(entity)} LIMIT 1").fetchone()
        return row is None
