"""Applies the events of a lane to ``raw``: pages in batches, ranges of a snapshot one by one."""

import time
from collections.abc import Callable
from typing import Final

from stash_pipeline import progress
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.reader import Complete, Expected, NotFound, Page, UnreadableObject
from stash_pipeline.stash.snapshot.ranges import Range
from stash_pipeline.sync.coverage import Coverage
from stash_pipeline.sync.lanes.base import Event, Lane
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.snapshot_ranges import RangeLoader

_BATCH_OBJECTS: Final = 2500
_BATCH_BYTES: Final = 16_000_000
_BATCH_SECONDS: Final = 1.0


class EventApplier:
    """Writes the events of lanes.

    Args:
        name: of the instance, for the progress bars.
        check: called before every write; raises when the lock is no longer held.
    """

    def __init__(self, loader: RawLoader, coverage: Coverage, name: str, check: Callable[[], None]) -> None:
        self._loader = loader
        self._coverage = coverage
        self._name = name
        self._check = check
        # a new one for each lane, because the rest of a failed lane must not be written
        self._ranges = RangeLoader(loader)
        self._pages: list[Page] = []
        self._written_at = 0.0
        self._started: dict[str, float] = {}

    def apply(self, lane: Lane) -> None:
        """Reads a lane completely.

        Raises:
            StashError: for errors of the server or the network. UserError: if a safeguard stops the sync.
        """
        self._ranges = RangeLoader(self._loader)
        self._written_at = time.perf_counter()
        try:
            for event in lane.events():
                self._apply(event)
            # the last pages may contain folders of files, which are complete only after all files
            self._write_pages()
        except StashError:
            # the pages before the error are valid
            self._write_pages()
            raise

    def _apply(self, event: Event) -> None:
        if isinstance(event, Page):
            self._add_page(event)
        elif isinstance(event, Range):
            self._started.setdefault(event.entity, time.perf_counter())
            self._ranges.add(event)
            progress.fetched(self._name, event.entity, event.unchanged + len(event.rows))
        elif isinstance(event, Expected):
            self._loader.changes[event.entity].expected = event.count
            progress.expected(self._name, event.entity, event.count)
        elif isinstance(event, UnreadableObject):
            if event.id is not None:
                self._loader.record_unreadable(event.entity, event.id)
            message = event.message if event.id is None else f"{event.id}: {event.message}"
            self._loader.changes[event.entity].add_failure(message)
        elif isinstance(event, NotFound):
            self._loader.mark_gone(event.entity, self._loader.sink.live(event.entity, event.ids))
        else:
            self._write_pages()
            self._complete(event)

    def _add_page(self, page: Page) -> None:
        for entity in page.documents or [page.entity]:
            self._started.setdefault(entity, time.perf_counter() - page.seconds)
        self._pages.append(page)
        full = (
            sum(page.objects for page in self._pages) >= _BATCH_OBJECTS
            or sum(page.size for page in self._pages) >= _BATCH_BYTES
        )
        if full or time.perf_counter() - self._written_at > _BATCH_SECONDS:
            self._write_pages()

    def _write_pages(self) -> None:
        pages, self._pages = self._pages, []
        if pages:
            self._check()
            self._loader.load(pages)
            for page in pages:
                progress.fetched(self._name, page.entity, page.objects)
        self._written_at = time.perf_counter()

    def _complete(self, event: Complete) -> None:
        self._check()
        entity = event.entity
        if event.purpose == "snapshot":
            self._ranges.flush(entity)
        self._loader.complete(event)
        if event.sparse or not event.everything:
            return
        self._coverage.add(entity, event.purpose)
        self._loader.changes[entity].seconds = time.perf_counter() - self._started.get(entity, time.perf_counter())
        progress.complete(self._name, entity)
        removes = self._loader.gone.get(entity) or self._loader.defers(entity)
        if event.purpose == "documents" and not removes:
            # nothing was removed, so this entity is finished even if another one fails
            self._coverage.finish_entity(entity)
