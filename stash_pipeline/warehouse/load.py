"""Documents → raw: set-based, page by page, and nothing written for what did not change.

A batch compares hashes first, so that only new and changed documents travel; they get the instance's next revision
in the transaction that writes them. The row of ``ops.instances`` is locked from the moment the revision is taken
until the commit: the order of revisions is the order of commits.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stash_pipeline.instances import note_server
from stash_pipeline.stash.client import ServerInfo
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.paging import KnownPage
from stash_pipeline.stash.reading import Page
from stash_pipeline.warehouse import history
from stash_pipeline.warehouse.connect import Connection, rearrange_partitions, share_partitions
from stash_pipeline.warehouse.guard import Guard
from stash_pipeline.warehouse.ledger import note_pages, note_reading
from stash_pipeline.warehouse.tables import RAW_PARTITIONED, partition

_NULL = "\\N"
"""How COPY's text format spells NULL."""

_WORTH_ANALYZING = 100
"""Rows inserted at once that make the planner's idea of a table wrong."""


@dataclass
class EntityChange:
    """What one reading of one kind did to ``raw``.

    Attributes:
        expected: the server's own count when the reading began.
        seconds: from the first answer to the end of the kind. request_seconds: sum over its requests, some of
            which were under way at the same time.
        rows: live documents afterwards, known when the reading is complete.
        first: the kind had never been read to its end before.
        known: pages that were equal to one of the reading before, and not decoded again.
        fields: in how many of the updated documents each field changed.
        failed: objects that the server has and cannot send. failures: what it said of the first of them.
    """

    expected: int | None = None
    fetched: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    pages: int = 0
    bytes: int = 0
    seconds: float = 0.0
    request_seconds: float = 0.0
    unreadable: int = 0
    complete: bool = False
    rows: int = 0
    first: bool = False
    known: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.inserted or self.updated or self.removed)


def has_partitions(connection: Connection, instance_id: int) -> bool:
    """Whether anything of an instance was ever loaded."""
    # the last one that is made
    last = partition("raw." + RAW_PARTITIONED[-1], instance_id)
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [last]).fetchone()
    return bool(row and row[0])


def ensure_partitions(connection: Connection, instance_id: int) -> None:
    """Creates one instance's partitions of ``raw``, if they are not there."""
    if has_partitions(connection, instance_id):
        return
    with connection.transaction():
        rearrange_partitions(connection)
        for name in RAW_PARTITIONED:
            leaf = partition("raw." + name, instance_id)
            (there,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [leaf]).fetchone() or (False,)
            if there:
                continue
            # documents stay uncompressed in the row as long as they fit: reading them costs no detoasting
            connection.execute(f"CREATE TABLE {leaf} (LIKE raw.{name} INCLUDING ALL) WITH (toast_tuple_target = 8160)")
            # attaching locks less than creating a partition in place: readers of other instances go on
            connection.execute(f"ALTER TABLE raw.{name} ATTACH PARTITION {leaf} FOR VALUES IN ({instance_id})")


class RawLoader:
    """Writes one run's documents of one instance. The caller holds the instance's lock.

    Attributes:
        changes: per kind, what happened so far.
    """

    def __init__(
        self,
        connection: Connection,
        instance_id: int,
        run_id: int,
        guard: Guard | None = None,
        *,
        lane: str = "graphql",
    ) -> None:
        self.connection = connection
        self.instance_id = instance_id
        self.run_id = run_id
        self.lane = lane
        self.guard = guard or Guard(connection, instance_id, "the instance")
        self.changes: dict[str, EntityChange] = {entity.name: EntityChange() for entity in ENTITIES}
        # of these kinds, everything there is comes from this run, each object once
        self._all_new = {entity.name: True for entity in ENTITIES}

    def begin(self, info: ServerInfo) -> None:
        """To be called before the first page: the server has answered, and may be followed."""
        self._prepare(info)
        for entity in ENTITIES:
            self._all_new[entity.name] = self._is_empty(entity.name)
            self.connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS seen_{entity.name} (id bigint)")
            self.connection.execute(f"TRUNCATE seen_{entity.name}")

    def _prepare(self, info: ServerInfo) -> None:
        note_server(self.connection, self.instance_id, info.version, info.database_schema)
        ensure_partitions(self.connection, self.instance_id)

    def _is_empty(self, entity: str) -> bool:
        row = self.connection.execute(f"SELECT FROM {self._leaf(entity)} LIMIT 1").fetchone()
        return row is None

    def _leaf(self, entity: str) -> str:
        return partition("raw." + entity, self.instance_id)

    def load(self, pages: Sequence[Page]) -> None:
        """Writes some pages in one transaction."""
        with self.connection.transaction():
            share_partitions(self.connection)
            by_entity: dict[str, dict[int, Document]] = {}
            known: dict[str, list[KnownPage]] = {}
            self._note(pages)
            for page in pages:
                self._count_page(page)
                if page.known:
                    known.setdefault(page.entity, []).append(page.known)
                for entity, documents in page.documents.items():
                    if documents and (page.range is None or entity != page.entity):
                        # only ranges do not overlap: these may come again
                        self._look_for(entity)
                    found = by_entity.setdefault(entity, {})
                    for document in documents:
                        found[document.id] = document
            for entity, ranges in known.items():
                self._pass_known(entity, ranges)
            for entity, found in by_entity.items():
                self._load_documents(entity, found)

    def _note(self, pages: Sequence[Page]) -> None:
        note_pages(self.connection, self.instance_id, self.run_id, self.lane, pages)

    def _count_page(self, page: Page) -> None:
        change = self.changes[page.entity]
        change.pages += 1
        change.bytes += page.size
        change.request_seconds += page.seconds
        if page.known:
            change.known += 1
            change.fetched += page.objects
            change.unchanged += page.objects
            change.unreadable += page.known.unreadable

    def _pass_known(self, entity: str, ranges: list[KnownPage]) -> None:
        """What stands in the ranges of known pages was seen."""
        # range by range: a join with the list of ranges is planned as a scan of the whole table
        self.connection.cursor().executemany(
            f"INSERT INTO seen_{entity} SELECT id FROM {self._leaf(entity)}\n"
            "WHERE instance_id = %s AND id BETWEEN %s AND %s AND deleted_at IS NULL",
            [(self.instance_id, page.first, page.last) for page in ranges],
        )

    def _look_for(self, entity: str) -> None:
        """From now on, what comes is compared with what is there."""
        if self._all_new[entity]:
            self._all_new[entity] = False
            self.connection.execute(f"INSERT INTO seen_{entity} SELECT id FROM {self._leaf(entity)}")

    def _load_documents(self, entity: str, documents: dict[int, Document]) -> None:
        change = self.changes[entity]
        known: dict[int, tuple[bytes, bool]] = {}
        if not self._all_new[entity]:
            self.keep(entity, documents)
            rows = self.connection.execute(
                f"SELECT id, hash, deleted_at IS NULL FROM {self._leaf(entity)}\n"
                "WHERE instance_id = %s AND id = ANY(%s)",
                [self.instance_id, list(documents)],
            )
            known = {identifier: (digest, live) for identifier, digest, live in rows}
        new, changed = [], []
        for identifier, document in documents.items():
            before = known.get(identifier)
            if before is None:
                new.append(document)
            elif before != (document.hash, True):
                changed.append(document)
        change.inserted += len(new)
        change.updated += len(changed)
        change.unchanged += len(documents) - len(new) - len(changed)
        change.unreadable += sum(1 for document in documents.values() if document.unreadable)
        change.fetched += len(documents)
        if not new and not changed:
            return
        if changed:
            self.guard.created(entity, changed)
        self._write(entity, new, changed)

    def _write(self, entity: str, new: list[Document], changed: list[Document]) -> None:
        change = self.changes[entity]
        revision = self._next_revision()
        if new:
            self._copy(self._leaf(entity), new, revision)
        if changed:
            change.fields.update(history.count_fields(self.connection, self.instance_id, entity, changed))
            self._keep(entity, [document.id for document in changed], revision)
            self.connection.execute(f"CREATE TEMP TABLE staged (LIKE raw.{entity} INCLUDING DEFAULTS) ON COMMIT DROP")
            self._copy("staged", changed, revision)
            self.connection.execute(
                f"UPDATE {self._leaf(entity)} AS r SET document = s.document, hash = s.hash,\n"
                "    server_created_at = s.server_created_at, server_updated_at = s.server_updated_at,\n"
                "    revision = s.revision, run_id = s.run_id, fetched_at = now(), deleted_at = NULL\n"
                "FROM staged AS s WHERE r.instance_id = %s AND r.id = s.id",
                [self.instance_id],
            )
            self.connection.execute("DROP TABLE staged")

    def _keep(self, entity: str, ids: list[int], revision: int, *, removed: bool = False) -> None:
        history.keep(
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
                # in COPY's text format only the backslash of JSON's own escapes needs another one
                body = d.json.replace(b"\\", b"\\\\")
                head = f"{self.instance_id}\t{d.id}\t".encode()
                rest = f"\t\\\\x{d.hash.hex()}\t{d.created_at or _NULL}\t{d.updated_at or _NULL}{tail}"
                lines.append(head + body + rest.encode())
            copy.write(b"".join(lines))

    def keep(self, entity: str, ids: Iterable[int]) -> None:
        """These objects exist, though they could not be read: they are not to be tombstoned."""
        with self.connection.cursor().copy(f"COPY seen_{entity} (id) FROM STDIN") as copy:
            copy.write("".join(f"{identifier}\n" for identifier in ids).encode())

    def finish(self, entity: str, form: bytes) -> None:
        """A complete listing of a kind has been loaded: what it no longer has is tombstoned.

        Args:
            form: how the kind was read, see ``ledger.py``.
        """
        with self.connection.transaction():
            share_partitions(self.connection)
            gone = [] if self._all_new[entity] else self._unseen(entity)
            if gone:
                self.guard.gone(entity, len(gone))
                self._tombstone(entity, gone)
            change = self.changes[entity]
            change.removed += len(gone)
            change.complete = True
            self._conclude(entity, form)

    def _tombstone(self, entity: str, gone: list[int]) -> None:
        revision = self._next_revision()
        self._keep(entity, gone, revision, removed=True)
        self.connection.execute(
            f"UPDATE {self._leaf(entity)} SET deleted_at = now(), revision = %s, run_id = %s\n"
            "WHERE instance_id = %s AND id = ANY(%s)",
            [revision, self.run_id, self.instance_id, gone],
        )

    def _conclude(self, entity: str, form: bytes) -> None:
        self._count_rows(entity)
        if self.changes[entity].inserted > _WORTH_ANALYZING:
            # not the documents: nobody searches in them, and they are most of the work
            self.connection.execute(f"ANALYZE {self._leaf(entity)} (instance_id, id, revision, deleted_at)")
        note_reading(self.connection, self.instance_id, self.run_id, entity, form)

    def _unseen(self, entity: str) -> list[int]:
        self.connection.execute(f"ANALYZE seen_{entity}")
        rows = self.connection.execute(
            f"SELECT r.id FROM {self._leaf(entity)} AS r\n"
            f"WHERE r.deleted_at IS NULL AND NOT EXISTS (SELECT FROM seen_{entity} AS s WHERE s.id = r.id)"
        ).fetchall()
        return [row[0] for row in rows]

    def _count_rows(self, entity: str) -> None:
        """Keeps ``ops.row_counts``; counts once, and again after a reading that did not end."""
        change = self.changes[entity]
        row = self.connection.execute(
            "SELECT rows FROM ops.row_counts WHERE instance_id = %s AND table_name = %s",
            [self.instance_id, f"raw.{entity}"],
        ).fetchone()
        change.first = row is None
        change.rows = change.fetched if row is None else row[0]
        if change.changed or row is None:
            live = self.connection.execute(
                f"SELECT count(*) FROM {self._leaf(entity)} WHERE deleted_at IS NULL"
            ).fetchone()
            assert live is not None
            change.rows = int(live[0])
            self.connection.execute(
                "INSERT INTO ops.row_counts (instance_id, table_name, rows) VALUES (%s, %s, %s)\n"
                "ON CONFLICT (instance_id, table_name) DO UPDATE SET rows = excluded.rows",
                [self.instance_id, f"raw.{entity}", change.rows],
            )


def start_run(connection: Connection, instance_id: int, *, dagster_run_id: str | None, mode: str, lane: str) -> int:
    """Notes that a reading begins; returns its id in ``ops.sync_runs``. A predecessor that died is closed."""
    with connection.transaction():
        connection.execute(
            "UPDATE ops.sync_runs SET status = 'failed', finished_at = now(), error = 'ended without a word'\n"
            "WHERE instance_id = %s AND status = 'running'",
            [instance_id],
        )
        row = connection.execute(
            "INSERT INTO ops.sync_runs (instance_id, dagster_run_id, mode, lane, status)\n"
            "VALUES (%s, %s, %s, %s, 'running') RETURNING id",
            [instance_id, dagster_run_id, mode, lane],
        ).fetchone()
    assert row is not None
    return int(row[0])


def end_run(
    connection: Connection,
    run_id: int,
    *,
    error: str | None,
    release: str | None = None,
    lacking: list[str] | None = None,
    unknown: list[str] | None = None,
    entities: dict[str, Any] | None = None,
) -> None:
    """Notes how a reading ended."""
    connection.execute(
        "UPDATE ops.sync_runs SET status = %s, finished_at = now(), error = %s, release = %s, lacking = %s,\n"
        "    unknown = %s, entities = %s::jsonb WHERE id = %s",
        [
            "failed" if error else "succeeded",
            error,
            release,
            lacking or [],
            unknown or [],
            json.dumps(entities or {}),
            run_id,
        ],
    )
