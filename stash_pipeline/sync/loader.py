"""Documents → raw, page by page: what is compared, what differs, and what is gone.

A batch compares hashes first, so that only new and changed documents go to the sink (``raw/writer.py``, or
``dry_run.py`` where nothing is to be written).
"""

import copy
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
from stash_pipeline.sync.held_back import HeldBack
from stash_pipeline.sync.listings import ListingComparison
from stash_pipeline.sync.safeguards import Safeguards
from stash_pipeline.warehouse.connect import share_partitions
from stash_pipeline.warehouse.raw import history
from stash_pipeline.warehouse.raw.seen import SeenObjects
from stash_pipeline.warehouse.raw.stats import EntityStats
from stash_pipeline.warehouse.raw.watermarks import WIDEST, moment_of
from stash_pipeline.warehouse.raw.writer import Sink

_MANY_STAMPS = 500
"""Beyond so many at once, the newest by its text is as good."""

MOST_BROKEN = 50
_MOST_BROKEN_AT_FIRST = 10
"""Objects of one kind that may be broken, and before any other was read; beyond, it is the server that is."""


class RawLoader:
    """Compares one run's documents of one instance with what is there, and gives its sink what differs.

    What a listing shows is compared; what has to be read because of it is collected in ``todo``. Tombstones are set
    at the very end: they are what tells a next run, should this one be killed, which objects refer to what is gone.
    With them come the documents that take something away from a relation, see ``held_back.py``.

    Attributes:
        sink: where documents go.
        changes: per kind, what happened so far.
        todo: ids by kind whose documents are not, or may not be, as the server has them.
        settled: per kind, the moment before which a stamp that did not change tells that nothing did.
        now: the server's clock. newest_stamp: of the documents that were written.
        gone: ids by kind that a complete reading no longer had.
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
        self._held_back = HeldBack(self.guard)
        self._broken: Counter[str] = Counter()

    def start(self, info: ServerInfo, now: datetime) -> None:
        """To be called before the first page: the server has answered, and may be followed.

        Args:
            now: the server's clock.
        """
        self.now = now
        self.sink.start(info)
        self._seen.reset()
        self._listings.reset()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction; what is counted in it is forgotten when it is rolled back."""
        before = copy.deepcopy((self.changes, self.failed, self._broken))
        try:
            with self.connection.transaction():
                yield
        except BaseException:
            self.changes, self.failed, self._broken = before
            raise

    def reset(self) -> None:
        """Forgets what was loaded: it was rolled back."""
        self._held_back = HeldBack(self.guard)
        self._broken.clear()
        self.changes = {entity.name: EntityStats() for entity in ENTITIES}
        self.todo, self.gone, self.failed, self.newest_stamp = {}, {}, {}, None
        self._seen.reset()
        self._listings.reset()

    def is_new(self, entity: str) -> bool:
        """Whether there was nothing of a kind when this run began."""
        return self._seen.all_new(entity)

    def load(self, pages: Sequence[Page]) -> None:
        """Writes some pages in one transaction; of listings, compares them."""
        with self.transaction():
            share_partitions(self.connection)
            by_entity: dict[str, dict[int, Document]] = {}
            alone: dict[str, set[int]] = {}
            known: dict[str, list[CachedPage]] = {}
            self.sink.record_pages(pages)
            for page in pages:
                self._count_page(page)
                if page.known:
                    known.setdefault(page.entity, []).append(page.known)
                for entity, documents in page.documents.items():
                    if entity == page.entity and page.fields and page.purpose in ("listing", "incremental"):
                        self._compare(page, documents)
                        continue
                    if documents and (page.range is None or entity != page.entity):
                        # only ranges do not overlap: these may come again
                        self._seen.compare_from_now_on(entity)
                    if entity == "folders" and page.purpose == "objects":
                        documents = self._with_what_is_known(documents)
                    found = by_entity.setdefault(entity, {})
                    for document in documents:
                        found[document.id] = document
                        if page.purpose == "objects":
                            alone.setdefault(entity, set()).add(document.id)
            for entity, ranges in known.items():
                self._seen.add_cached(entity, ranges)
            for entity, found in by_entity.items():
                self._load_documents(entity, found, alone.get(entity, set()))

    def _with_what_is_known(self, folders: list[Document]) -> list[Document]:
        """Folders of some files, before v0.29: by id and path only, which says nothing against their other fields."""
        there = self.connection.execute(
            f"SELECT id, document::text FROM {self.sink.leaf('folders')}\n"
            "WHERE instance_id = %s AND id = ANY(%s) AND deleted_at IS NULL",
            [self.instance_id, [folder.id for folder in folders]],
        )
        known = {identifier: orjson.loads(text) for identifier, text in there.fetchall()}
        return [
            finish({**known[folder.id], **orjson.loads(folder.json)}, folder.id)
            if folder.id in known and folder.json
            else folder
            for folder in folders
        ]

    def _compare(self, page: Page, documents: list[Document]) -> None:
        """Collects the objects of a listing that are not stored, or not like that."""
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
        if page.known:
            change.unchanged_pages += 1
        if page.fields and page.purpose in ("listing", "incremental"):
            change.listed += page.objects
        elif page.known:
            change.fetched += page.objects
            change.unchanged += page.objects
            change.unreadable += page.known.unreadable

    def _load_documents(self, entity: str, documents: dict[int, Document], alone: set[int]) -> None:
        """Writes what is new or other than here.

        Args:
            alone: ids that were read by themselves. They are there, but that is not what a complete reading says:
                one that vanishes before it must be missed by it, and its pages not be taken to hold it.
        """
        self.gone.get(entity, set()).difference_update(alone)
        known: dict[int, tuple[bytes, bool]] = {}
        if not self._seen.all_new(entity):
            self._seen.add(entity, documents.keys() - alone)
            known = self.sink.hashes(entity, list(documents))
        self.upsert(entity, documents.values(), known)

    def upsert(self, entity: str, documents: Collection[Document], known: Mapping[int, tuple[bytes, bool]]) -> None:
        """Writes those of some documents that are new, or other than here.

        Args:
            known: of the objects that are here: the hash of the document, and whether it has no tombstone.
        """
        documents = self._without_broken(entity, documents)
        self._held_back.forget(entity, (document.id for document in documents))
        change = self.changes[entity]
        new, changed = [], []
        for document in documents:
            before = known.get(document.id)
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
            changed = self._compared(entity, changed, {identifier for identifier, (_, live) in known.items() if live})
            change.updated += len(changed)
        if new or changed:
            self.sink.write(entity, new, changed)

    def _compared(self, entity: str, changed: list[Document], live: Collection[int]) -> list[Document]:
        """Counts what differs; returns the documents that need not wait for the end of the reading."""
        before = history.present(self.connection, self.instance_id, entity, [document.id for document in changed])
        after = {document.id: orjson.loads(document.json) for document in changed}
        self.changes[entity].note(history.count_fields(before, after))
        if self.guard.accept:
            return changed
        there = {identifier: document for identifier, document in before.items() if identifier in live}
        return self._held_back.keep(entity, changed, there, after)

    def _without_broken(self, entity: str, documents: Collection[Document]) -> list[Document]:
        """The documents of objects that could be read; of the others is noted that they are there.

        Raises:
            InvalidResponseError: if too many cannot be.
        """
        good = [document for document in documents if document.json]
        if len(good) == len(documents):
            return good
        change = self.changes[entity]
        for document in documents:
            if not document.json and document.id not in self.failed.get(entity, ()):
                self._broken[entity] += 1
                self.record_unreadable(entity, document.id)
                change.tell(f"{document.id}: {document.broken}")
        most = MOST_BROKEN if good or change.fetched or change.listed else _MOST_BROKEN_AT_FIRST
        if self._broken[entity] > most:
            raise InvalidResponseError(
                f"{self._broken[entity]:,} {entity} are not what the server's own schema says, the first of them "
                f"{change.failures[0].rstrip('.')}. They stay as they were."
            )
        return good

    def holds_back(self, entity: str) -> bool:
        """Whether documents of a kind wait for the end of the reading."""
        return self._held_back.any(entity)

    def _watch_clock(self, written: list[Document]) -> None:
        """Remembers the newest stamp: its offset is the one that the server's wall clock has."""
        stamps = [document.updated_at for document in written if document.updated_at]
        if len(stamps) > _MANY_STAMPS:
            stamps = [max(stamps)]
        latest = self.now + WIDEST if self.now else None
        for stamp in stamps:
            moment = moment_of(stamp)
            if moment and (latest is None or moment < latest):
                self.newest_stamp = max(self.newest_stamp or moment, moment)

    def mark_gone(self, entity: str, ids: Iterable[int]) -> None:
        """The server no longer has these objects; they are tombstoned at the end."""
        self.gone.setdefault(entity, set()).update(ids)

    def check_removals(self) -> None:
        """Looks at what is gone so far.

        Raises:
            SuspiciousServerError: if that is more than edits would explain.
        """
        for entity, ids in self.gone.items():
            self.guard.gone(entity, len(ids))

    def record_unreadable(self, entity: str, identifier: int) -> None:
        """The server has this object and cannot send it."""
        self._seen.add(entity, [identifier])
        self.changes[entity].failed += 1
        self.failed.setdefault(entity, set()).add(identifier)

    def complete(self, event: Complete) -> None:
        """Everything that was wanted of a kind has been loaded: what it no longer has is gone."""
        entity = event.entity
        if event.sparse:
            self.todo.setdefault(entity, set()).update(self._listings.no_longer_holding(entity, event.sparse))
        elif event.purpose in ("documents", "listing"):
            self.mark_gone(entity, self._seen.unseen(entity))
        if event.everything and not event.sparse:
            self.changes[entity].complete = True

    def remove_gone(self) -> None:
        """Tombstones what is gone, and writes what was held back, of all kinds in one transaction."""
        gone = {entity: sorted(ids - self.failed.get(entity, set())) for entity, ids in self.gone.items()}
        with self.transaction():
            share_partitions(self.connection)
            for entity, documents in self._held_back.release(self.gone).items():
                self.changes[entity].updated += len(documents)
                self.sink.write(entity, [], documents)
            for entity, ids in gone.items():
                if ids:
                    self.guard.gone(entity, len(ids))
                    self.changes[entity].removed += len(ids)
                    self.sink.tombstone(entity, ids)
        self.gone = {}

    def finish_entity(self, entity: str, forms: Mapping[str, bytes], read_at: datetime | None = None) -> None:
        """Notes that the kind is now as the server had it; see :meth:`Sink.finish`."""
        self.sink.finish(entity, self.changes[entity], forms, read_at, self._missing(entity))

    def finish_incremental(self, entity: str, read_at: datetime | None) -> None:
        """Notes that what was stamped before that moment is here; without one, that not all of it is."""
        self.sink.finish_incremental(entity, self.changes[entity], read_at)

    def _missing(self, entity: str) -> int:
        """How many objects could not be read and are not here from before."""
        failed = self.failed.get(entity)
        if not failed:
            return 0
        row = self.connection.execute(
            f"SELECT count(*) FROM {self.sink.leaf(entity)}\n"
            "WHERE instance_id = %s AND id = ANY(%s) AND deleted_at IS NULL",
            [self.instance_id, list(failed)],
        ).fetchone()
        return len(failed) - (row[0] if row else 0)

    def left(self, entity: str) -> int:
        """How many objects of a kind there will be, and how many the server has and could not send, at the end."""
        counted = self.sink.counted().get(entity)
        if counted is None:
            row = self.connection.execute(
                f"SELECT count(*) FROM {self.sink.leaf(entity)} WHERE deleted_at IS NULL"
            ).fetchone()
            counted = int(row[0]) if row else 0
        gone = self.gone.get(entity, set()) - self.failed.get(entity, set())
        return counted - len(gone) + self._missing(entity)
