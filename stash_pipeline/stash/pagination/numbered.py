"""Pages by number with a check afterwards, for entities whose ids cost as much as the objects.

To list the ids of files, the server reads each file whole. Pages by number are correct only if no object before them
is deleted while they are read: a deletion moves the rest up, and one object is skipped at the end of a page. New ids
are always greater than existing ones. So if, after all pages were read, the last object of each page still has the same
position, no object before it was deleted and none was skipped. Otherwise the entity is read again, by its ids.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from stash_pipeline.stash.answers import count_of
from stash_pipeline.stash.errors import StashQueryError
from stash_pipeline.stash.pagination.by_ids import ByIds, read_by_ids
from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.query_errors import splitting_may_help
from stash_pipeline.stash.response_page import RawPage, Task

PAGE: Final = 250
"""Minimum objects per page: for each page, the server scans from the start twice."""

_ROWS: Final = 8
"""Pages that can be read concurrently."""

_MORE: Final = 5
"""How often newly created objects are read before the entity is read again by its ids."""


class Numbered(ByIds):
    """All objects, by page numbers; by a listing of ids if objects were deleted in the meantime."""

    def __init__(self, reader: PageReader) -> None:
        super().__init__(reader)
        self._size = max(reader.page_size, PAGE)
        # by page number: the number of objects up to its end, and the id of its last object
        self._ends: dict[int, tuple[int, int]] = {}
        self._rows_left = 0
        # a page failed, so objects may have been skipped
        self._disturbed = False

    def tasks(self) -> Sequence[Task]:
        """One task: it looks up the count, which gives the number of pages."""
        return [self._start]

    def _start(self) -> Iterator[RawPage | Task]:
        reader = self.reader
        reader.expected = count_of(
            reader.listing({"filter": {"per_page": 0}}, filtered=False).answer.data, reader.plan.query
        )
        # at least one: a count of 0 does not prove that there are no objects
        pages = max(-(-reader.expected // self._size), 1)
        self._rows_left = min(pages, _ROWS)
        for first in range(1, self._rows_left + 1):
            yield self._row(range(first, pages + 1, _ROWS))

    def _row(self, numbers: range) -> Task:
        """Reads pages sequentially until one is empty."""

        def run() -> Iterator[RawPage | Task]:
            for number in numbers:
                page = self._page(number)
                if page is None or not page.count:
                    break
                yield self.reader.delivered(page)
            with self.reader.lock:
                self._rows_left -= 1
                last = not self._rows_left
            if last:
                yield from self._end()

        return run

    def _page(self, number: int) -> RawPage | None:
        reader = self.reader
        try:
            page = reader.page(
                reader.plan.page_document(), reader.numbered(number, self._size), reader.cached, holds=True
            )
        except StashQueryError as error:
            if not splitting_may_help(error):
                raise
            self._disturbed = True
            return None
        if page.count:
            self._ends[number] = (number - 1) * self._size + page.count, page.last
        return page

    def _end(self) -> Iterator[RawPage | Task]:
        if not self._disturbed and self._nothing_vanished():
            before, last = self._ends[max(self._ends)] if self._ends else (0, -1)
            for _ in range(_MORE):
                created = self._ids_after(before, last)
                if not created:
                    return
                yield from read_by_ids(self.reader, created)
                before, last = before + len(created), created[-1]
        for task in self.list_and_read():
            assert not isinstance(task, RawPage)
            for page in task():
                # it overlaps with pages that were read before
                if isinstance(page, RawPage):
                    page.gaps = True
                yield page

    def _nothing_vanished(self) -> bool:
        before, least = 0, -1
        for number in sorted(self._ends):
            end, last = self._ends[number]
            # a page in the middle that is short or missing was truncated in transit
            if (number - 1) * self._size != before or last <= least or self._ids(end, 1) != [last]:
                return False
            before, least = end, last
        return True

    def _ids_after(self, place: int, least: int) -> list[int]:
        ids = self._ids(place // self._size + 1, self._size)
        return [identifier for identifier in ids if identifier > least]

    def _ids(self, number: int, size: int) -> list[int]:
        page = self.reader.listing(self.reader.numbered(number, size), count=False)
        return [int(entry["id"]) for entry in page.objects]
