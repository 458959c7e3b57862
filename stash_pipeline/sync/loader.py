"""Loads documents into ``raw``: compares them with the stored ones, and finds the removed objects.

Hashes are compared first, so that only new and changed documents reach the sink (``raw/writer.py``, or ``dry_run.py``
if nothing is to be written).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import orjson

from stash_pipeline.stash.client import ServerInfo
from stash_pipeline.stash.documents import Document, finish
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.errors import InvalidResponseError
from stash_pipeline.stash.reader import Complete, Page
from stash_pipeline.stash.response_page import CachedPage
from stash_pipeline.sync.deferred import DeferredDocuments
from stash_pipeline.sync.listings import ListingComparison
from stash_pipeline.sync.safeguards import Safeguards
from stash_pipeline.warehouse.connect import share_partitions
from stash_pipeline.warehouse.raw import history
from stash_pipeline.warehouse.raw.seen import SeenObjects
from stash_pipeline.warehouse.raw.stats import EntityStats
from stash_pipeline.warehouse.raw.watermarks import WIDEST, moment_of
from stash_pipeline.warehouse.raw.writer import Sink

_MANY_STAMPS = 500
"""The most timestamps that are all parsed; of more, only the greatest text."""

MOST_BROKEN = 50
_MOST_BROKEN_AT_FIRST = 10
"""Broken objects of an entity that are tolerated, in all and before any other was read. More of them fail the sync."""


class RawLoader:
    """Compares one run's documents with the stored ones, and passes new and changed documents to its sink.

    Listings are compared as well; ``todo`` collects the objects that must be read because of them. Tombstones are set
    at the very end: if this run is killed, the next one still finds the objects that refer to removed ones. Documents
    that remove elements from a relation are written together with the tombstones, see ``deferred.py``.

    Attributes:
        sink: receives the documents.
        changes: statistics per entity.
        todo: ids by entity whose stored documents differ, or can differ, from the server's.
        settled: per entity, the time before which an equal timestamp means an equal object.
        now: the server's clock. newest_stamp: the newest timestamp of the written documents.
        gone: ids of removed objects by entity. failed: ids of objects that could not be read, by entity.
    """

    def __init__(self, sink: Sink, guard: Safeguards | None = None) -> None:
        self.sink = sink
        self.connection = sink.connection
        self.instance_id = sink.instance_id
        self.guard = guard or Safeguards(sink.connection, sink.instance_id, "the instance")
        self.changes: dict[str, EntityStats] = {entity.name: EntityStats() for entity in ENTITIES}
        self.todo: dict[str, set[int]] = {}
        self.gone: dict[str, set[int]] = {}
        self.failed: dict[str, set[int]] = {}
        self.newest_stamp: datetime | None = None
        self.now: datetime | None = None
        self.settled: Mapping[str, datetime] = {}
        self._seen = SeenObjects(sink)
        self._listings = ListingComparison(sink)
        self._deferred = DeferredDocuments(self.guard)
        self._broken: Counter[str] = Counter()

    def start(self, info: ServerInfo, now: datetime) -> None:
        """Prepares the sink; called before the first page, after the server has responded.

        Args:
            now: the server's clock.
        """
        self.now = now
        self.sink.start(info)
        self._seen.reset()
        self._listings.reset()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, whose rollback also restores the statistics and the seen objects."""
        before = (
            {entity: stats.copy() for entity, stats in self.changes.items()},
            {entity: set(ids) for entity, ids in self.failed.items()},
            self._broken.copy(),
        )
        try:
            with self._seen.transaction():
                yield
        except BaseException:
            self.changes, self.failed, self._broken = before
            raise

    def reset(self) -> None:
        """Starts over after a rollback."""
        self._deferred = DeferredDocuments(self.guard)
        self._broken.clear()
        self.changes = {entity.name: EntityStats() for entity in ENTITIES}
        self.todo, self.gone, self.failed, self.newest_stamp = {}, {}, {}, None
        self._seen.reset()
        self._listings.reset()

    def is_new(self, entity: str) -> bool:
        """Whether nothing of an entity was stored when this run started."""
        return self._seen.all_new(entity)

    def load(self, pages: Sequence[Page]) -> None:
        """Writes pages of documents, and compares pages of listings, in one transaction."""
        with self.transaction():
            share_partitions(self.connection)
            by_entity: dict[str, dict[int, Document]] = {}
            by_id: dict[str, set[int]] = {}
            cached: dict[str, list[CachedPage]] = {}
            self.sink.record_pages(pages)
            for page in pages:
                self._count_page(page)
                if page.cached:
                    cached.setdefault(page.entity, []).append(page.cached)
                for entity, documents in page.documents.items():
                    if entity == page.entity and page.fields and page.purpose in ("listing", "incremental"):
                        self._compare(page, documents)
                        continue
                    if documents and (page.range is None or entity != page.entity):
                        # only ranges cannot overlap; other pages can contain the same object twice
                        self._seen.compare_from_now_on(entity)
                    if entity == "folders" and page.purpose == "objects":
                        documents = self._with_stored_fields(documents)
                    entity_documents = by_entity.setdefault(entity, {})
                    for document in documents:
                        entity_documents[document.id] = document
                        if page.purpose == "objects":
                            by_id.setdefault(entity, set()).add(document.id)
            for entity, cached_pages in cached.items():
                self._seen.add_cached(entity, cached_pages)
            for entity, entity_documents in by_entity.items():
                self._load_documents(entity, entity_documents, by_id.get(entity, set()))

    def _with_stored_fields(self, folders: list[Document]) -> list[Document]:
        """Adds the stored fields to folders of files, which before v0.29 have only an id and a path."""
        rows = self.connection.execute(
            f"SELECT id, document::text FROM {self.sink.leaf('folders')}\n"
            "WHERE instance_id = %s AND id = ANY(%s) AND deleted_at IS NULL",
            [self.instance_id, [folder.id for folder in folders]],
        )
        stored = {identifier: orjson.loads(text) for identifier, text in rows.fetchall()}
        return [
            finish({**stored[folder.id], **orjson.loads(folder.json)}, folder.id)
            if folder.id in stored and folder.json
            else folder
            for folder in folders
        ]

    def _compare(self, page: Page, documents: list[Document]) -> None:
        """Collects the listed objects that are not stored, or differ from the stored ones."""
        entity = page.entity
        documents = self._without_broken(entity, documents)
        if page.purpose == "listing":
            self._seen.compare_from_now_on(entity)
            self._seen.add(entity, [document.id for document in documents])
        if page.sparse:
            self._listings.add_sparse(entity, page.sparse, documents)
        differing = self._listings.differing(entity, page.fields, documents, self.settled, self.now)
        if "created_at" in page.fields and differing:
            self.guard.created(entity, [document for document in documents if document.id in differing])
        self.todo.setdefault(entity, set()).update(differing)

    def _count_page(self, page: Page) -> None:
        change = self.changes[page.entity]
        change.pages += 1
        change.bytes += page.size
        change.request_seconds += page.seconds
        if page.cached:
            change.unchanged_pages += 1
        if page.fields and page.purpose in ("listing", "incremental"):
            change.listed += page.objects
        elif page.cached:
            change.fetched += page.objects
            change.unchanged += page.objects
            change.unreadable += page.cached.unreadable

    def _load_documents(self, entity: str, documents: dict[int, Document], by_id: set[int]) -> None:
        """Writes new and changed documents.

        Args:
            by_id: ids that were requested one by one. They exist, but do not count as seen by a complete read: if one
                of them is removed before that read, the read must detect it.
        """
        self.gone.get(entity, set()).difference_update(by_id)
        stored: dict[int, tuple[bytes, bool]] = {}
        if not self._seen.all_new(entity):
            self._seen.add(entity, documents.keys() - by_id)
            stored = self.sink.hashes(entity, list(documents))
        self.upsert(entity, documents.values(), stored)

    def upsert(self, entity: str, documents: Collection[Document], stored: Mapping[int, tuple[bytes, bool]]) -> None:
        """Writes new and changed documents.

        Args:
            stored: of the stored objects: the hash of the document, and whether it has no tombstone.
        """
        documents = self._without_broken(entity, documents)
        self._deferred.discard(entity, (document.id for document in documents))
        change = self.changes[entity]
        new, changed = [], []
        for document in documents:
            before = stored.get(document.id)
            if before is None:
                new.append(document)
            elif before != (document.hash, True):
                changed.append(document)
        change.inserted += len(new)
        change.unchanged += len(documents) - len(new) - len(changed)
        change.unreadable += sum(1 for document in documents if document.unreadable)
        change.fetched += len(documents)
        if not new and not changed:
            return
        self._watch_clock([*new, *changed])
        if changed:
            self.guard.created(entity, changed)
            changed = self._count_changes(entity, changed, {i for i, (_, live) in stored.items() if live})
            change.updated += len(changed)
        if new or changed:
            self.sink.write(entity, new, changed)

    def _count_changes(self, entity: str, changed: list[Document], live: Collection[int]) -> list[Document]:
        """Counts the fields that differ; returns the documents that are not deferred."""
        before = history.present(self.connection, self.instance_id, entity, [document.id for document in changed])
        after = {document.id: orjson.loads(document.json) for document in changed}
        self.changes[entity].add_field_changes(history.count_fields(before, after))
        if self.guard.accept:
            return changed
        live_before = {identifier: document for identifier, document in before.items() if identifier in live}
        return self._deferred.defer(entity, changed, live_before, after)

    def _without_broken(self, entity: str, documents: Collection[Document]) -> list[Document]:
        """The documents of objects that could be read; the other objects are recorded as unreadable.

        Raises:
            InvalidResponseError: if there are too many of those.
        """
        good = [document for document in documents if document.json]
        if len(good) == len(documents):
            return good
        change = self.changes[entity]
        for document in documents:
            if not document.json and document.id not in self.failed.get(entity, ()):
                self._broken[entity] += 1
                self.record_unreadable(entity, document.id)
                change.add_failure(f"{document.id}: {document.broken}")
        most = MOST_BROKEN if good or change.fetched or change.listed else _MOST_BROKEN_AT_FIRST
        if self._broken[entity] > most:
            raise InvalidResponseError(
                f"{self._broken[entity]:,} {entity} violate the server's own schema; the first one is "
                f"{change.failures[0].rstrip('.')}. The stored objects were not changed."
            )
        return good

    def defers(self, entity: str) -> bool:
        """Whether documents of an entity are deferred."""
        return self._deferred.has(entity)

    def _watch_clock(self, written: list[Document]) -> None:
        """Records the newest timestamp: its offset is that of the server's wall clock."""
        stamps = [document.updated_at for document in written if document.updated_at]
        if len(stamps) > _MANY_STAMPS:
            stamps = [max(stamps)]
        latest = self.now + WIDEST if self.now else None
        for stamp in stamps:
            moment = moment_of(stamp)
            if moment and (latest is None or moment < latest):
                self.newest_stamp = max(self.newest_stamp or moment, moment)

    def mark_gone(self, entity: str, ids: Iterable[int]) -> None:
        """Records objects that the server no longer has; their tombstones are set at the end."""
        self.gone.setdefault(entity, set()).update(ids)

    def check_removals(self) -> None:
        """Checks the number of objects removed so far.

        Raises:
            SuspiciousServerError: if edits do not explain it.
        """
        for entity, ids in self.gone.items():
            self.guard.gone(entity, len(ids))

    def record_unreadable(self, entity: str, identifier: int) -> None:
        """Records an object that the server has but cannot send."""
        self._seen.add(entity, [identifier])
        self.changes[entity].failed += 1
        self.failed.setdefault(entity, set()).add(identifier)

    def complete(self, event: Complete) -> None:
        """Records that a request of an entity is complete, and finds the removed objects."""
        entity = event.entity
        if event.sparse:
            self.todo.setdefault(entity, set()).update(self._listings.no_longer_holding(entity, event.sparse))
        elif event.purpose in ("documents", "listing"):
            self.mark_gone(entity, self._seen.unseen(entity))
        if event.everything and not event.sparse:
            self.changes[entity].complete = True

    def remove_gone(self) -> None:
        """Sets tombstones and writes the deferred documents of all entities, in one transaction."""
        gone = {entity: sorted(ids - self.failed.get(entity, set())) for entity, ids in self.gone.items()}
        with self.transaction():
            share_partitions(self.connection)
            for entity, documents in self._deferred.release(self.gone).items():
                self.changes[entity].updated += len(documents)
                self.sink.write(entity, [], documents)
            for entity, ids in gone.items():
                if ids:
                    self.guard.gone(entity, len(ids))
                    self.changes[entity].removed += len(ids)
                    self.sink.tombstone(entity, ids)
        self.gone = {}

    def finish_entity(self, entity: str, forms: Mapping[str, bytes], read_at: datetime | None = None) -> None:
        """Records that an entity matches the server; see :meth:`Sink.finish`."""
        self.sink.finish(entity, self.changes[entity], forms, read_at, self._missing(entity))

    def finish_incremental(self, entity: str, read_at: datetime | None) -> None:
        """Records an incremental read; see :meth:`Sink.finish_incremental`."""
        self.sink.finish_incremental(entity, self.changes[entity], read_at)

    def _missing(self, entity: str) -> int:
        """The number of objects that could not be read and are not stored."""
        failed = self.failed.get(entity)
        if not failed:
            return 0
        row = self.connection.execute(
            f"SELECT count(*) FROM {self.sink.leaf(entity)}\n"
            "WHERE instance_id = %s AND id = ANY(%s) AND deleted_at IS NULL",
            [self.instance_id, list(failed)],
        ).fetchone()
        return len(failed) - (row[0] if row else 0)

    def expected_counts(self, entities: Iterable[str]) -> dict[str, int]:
        """The number of objects of entities at the end of the run, with those that could not be read."""
        counted = self.sink.counted()
        return {entity: self._expected(entity, counted.get(entity)) for entity in entities}

    def _expected(self, entity: str, counted: int | None) -> int:
        if counted is None:
            row = self.connection.execute(
                f"SELECT count(*) FROM {self.sink.leaf(entity)} WHERE deleted_at IS NULL"
            ).fetchone()
            counted = int(row[0]) if row else 0
        gone = self.gone.get(entity, set()) - self.failed.get(entity, set())
        return counted - len(gone) + self._missing(entity)
