"""Keyset pagination, ``id > last`` sorted by id: concurrent creates and deletes do not shift pages.

Ranges of ids are read concurrently. Their bounds are powers of two: shards and pages start at the same ids every time,
so an unchanged response is recognised.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from stash_pipeline.stash.answers import count_of
from stash_pipeline.stash.errors import IncompleteListingError, StashQueryError
from stash_pipeline.stash.limits import check_listed
from stash_pipeline.stash.pagination.by_ids import read_by_ids
from stash_pipeline.stash.pagination.page_reader import PASSES, PageReader
from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.query_errors import splitting_may_help
from stash_pipeline.stash.response_page import RawPage, Task, unset_times


def by_id(reader: PageReader, criterion: dict[str, Any]) -> dict[str, Any]:
    """The variables for a page of objects whose ids match the criterion."""
    return {
        "filter": {"per_page": reader.page_size, "sort": "id", "direction": "ASC"},
        "entity_filter": {**reader.criterion, "id": criterion},
    }


class Keyset(Paginator):
    """All objects, by ranges of ids.

    Args:
        complete: objects that are not read count as removed, so the result must match the server's count.
        shard_pages: about how many pages are read sequentially.
    """

    def __init__(self, reader: PageReader, *, complete: bool = True, shard_pages: int = 8) -> None:
        super().__init__(reader)
        self._complete = complete
        self._shard_pages = shard_pages
        self._count = 0
        self._newest = 0

    def tasks(self) -> Sequence[Task]:
        """One task: it looks up the newest id, the end of the last range."""
        return [self._start]

    def verify(self) -> None:
        """See :meth:`Paginator.verify`."""
        super().verify()
        self.reader.check_vanished()
        if self._complete:
            self._check_count()

    def _check_count(self) -> None:
        """Checks the number of objects; objects that were created after the last page was read are not missing."""
        expected = 0
        for _ in range(PASSES):
            expected = self.reader.count()
            if self._count >= expected:
                return
            # the two counts are taken one after the other: an object that is deleted in between is in one only
            newer = self.reader.count({"id": {"value": self._newest, "modifier": "GREATER_THAN"}})
            if self._count + newer >= expected:
                return
        raise IncompleteListingError(
            f"{self.reader.plan.query} reports {expected} objects and returned {self._count}; nothing was removed."
        )

    def _start(self) -> Iterator[RawPage | Task]:
        reader = self.reader
        listing = reader.listing(reader.narrowed({"filter": {"per_page": 1, "sort": "id", "direction": "DESC"}}))
        reader.expected = count_of(listing.answer.data, reader.plan.query)
        newest = listing.last if listing.objects else 0
        width = self._shard_width(newest)
        for start in range(0, max(newest, 1), width):
            yield self._shard(start, start + width if start + width < newest else None)

    def _shard_width(self, newest: int) -> int:
        """Ids per shard."""
        expected, page_size = self.reader.expected, self.reader.page_size
        if not expected or expected <= 2 * page_size:
            return max(newest, 1)
        ids_per_object = newest / expected
        return 1 << math.ceil(math.log2(max(ids_per_object * page_size * self._shard_pages, 1)))

    def _shard(self, start: int, end: int | None) -> Task:
        """Reads ids in (start, end]; without an end, up to the newest object."""

        def run() -> Iterator[RawPage | Task]:
            last = start
            while end is None or last < end:
                page, failed = self._next(last, end)
                if not page.count:
                    # only an empty page is the end: a short one may have been truncated in transit
                    return
                self._check_order(page, last, end)
                last = page.last
                if failed is None:
                    self._record(page.count, last)
                    yield self.reader.delivered(page)
                elif unset_times(self.reader.plan, failed) and self.reader.plan.ids_argument:
                    yield from self._read_listed(page.ids)
                else:
                    yield from self._read_range(page.ids)

        return run

    def _next(self, last: int, end: int | None) -> tuple[RawPage, StashQueryError | None]:
        """The page after an id; if it cannot be read, its ids and the error."""
        reader = self.reader
        criterion: dict[str, Any] = {"value": last, "modifier": "GREATER_THAN"}
        if end is not None:
            criterion = {"value": last + 1, "value2": end, "modifier": "BETWEEN"}
        variables = by_id(reader, criterion)
        try:
            return reader.page(reader.plan.page_document(), variables, reader.cached, holds=True), None
        except StashQueryError as error:
            if not splitting_may_help(error):
                raise
            return reader.listing(variables, filtered=True), error

    def _check_order(self, page: RawPage, last: int, end: int | None) -> None:
        query = self.reader.plan.query
        if not page.cached and page.ids != sorted(set(page.ids)):
            raise IncompleteListingError(f"{query} does not sort by id; nothing was removed.")
        first = page.cached.first if page.cached else page.ids[0]
        if first <= last or (end is not None and page.last > end):
            raise IncompleteListingError(
                f"{query} was asked for ids from {last + 1} and returned {first} to {page.last}; nothing was removed."
            )

    def _record(self, objects: int, newest: int) -> None:
        with self.reader.lock:
            self._count += objects
            self._newest = max(self._newest, newest)
        check_listed(self._count, self.reader.expected, self.reader.plan.query)

    def _read_range(self, ids: list[int]) -> Iterator[RawPage | Task]:
        for item in read_range(self.reader, ids):
            if isinstance(item, RawPage):
                # it may be empty: its objects were deleted in the meantime
                self._record(item.count, ids[-1])
                yield item
            else:
                # the object exists, but cannot be read
                self._record(1, item)

    def _read_listed(self, ids: list[int]) -> Iterator[RawPage | Task]:
        """Reads a part of the keyset by its ids."""
        for page in read_by_ids(self.reader, ids):
            assert isinstance(page, RawPage)
            self._record(page.count, page.last)
            yield page
        self._record(len(self.reader.unreadable.keys() & set(ids)), ids[-1])


def read_range(reader: PageReader, ids: list[int], without: frozenset[str] = frozenset()) -> Iterator[RawPage | int]:
    """Reads from the first to the last of some ids; yields pages, and the ids of objects that cannot be read.

    Args:
        without: the server's time fields to omit, because they were never set.
    """
    criterion = {"value": ids[0], "value2": ids[-1], "modifier": "BETWEEN"}
    try:
        page = reader.page(reader.plan.page_document(without=without), by_id(reader, criterion), holds=True)
        page.without = without
    except StashQueryError as error:
        if not splitting_may_help(error):
            raise
        unset = unset_times(reader.plan, error).get(0, frozenset()) - without
        if len(ids) > 1:
            middle = len(ids) // 2
            yield from read_range(reader, ids[:middle])
            yield from read_range(reader, ids[middle:])
        elif unset:
            yield from read_range(reader, ids, without | unset)
        else:
            reader.cannot_read(ids[0], error)
            yield ids[0]
        return
    yield reader.delivered(page)
