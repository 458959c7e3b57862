"""Walks through a kind by the numbers of its pages, where a listing of ids would cost as much as the objects.

The server reads files whole, one by one, to tell their ids. Pages by number are good only if nothing before them
vanished while they were read: what vanishes moves the rest up, and one is missed where a page ended. Ids only ever
grow. So if, when all pages are there, each page's last object is still as far from the first as it was, nothing
before it vanished and nothing was missed. Otherwise the kind is read once more, by its ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stash_pipeline.stash.answers import count_of
from stash_pipeline.stash.errors import StashQueryError
from stash_pipeline.stash.pages import RawPage, Task, may_be_one_object

if TYPE_CHECKING:
    from stash_pipeline.stash.paging import Walk

PAGE: Final = 250
"""Objects per page, at least: each costs the server a walk to its beginning, twice."""

_ROWS: Final = 8
"""Pages that may be read side by side."""

_MORE: Final = 5
"""How often what came meanwhile is read, before it is taken for something else."""


@dataclass
class NumberedPages:
    """The pages of one walk.

    Attributes:
        ends: by the number of a page, how many objects came until its end, and the id of the last.
        left: rows of pages that are still to be read. disturbed: it cannot be told that nothing was missed.
    """

    walk: "Walk"
    size: int = 0
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)
    left: int = 0
    disturbed: bool = False

    def start(self) -> Iterator[RawPage | Task]:
        """All pages, as many as the server's count says."""
        walk = self.walk
        self.size = max(walk.page_size, PAGE)
        counted = walk._page(walk.plan.listing_document(), {"filter": {"per_page": 0}})
        walk.expected = count_of(counted.answer.data, walk.plan.query)
        # one at least: nothing is gone because a server counts none
        pages = max(-(-walk.expected // self.size), 1)
        self.left = min(pages, _ROWS)
        for first in range(1, self.left + 1):
            yield self._every(range(first, pages + 1, _ROWS))

    def _every(self, numbers: range) -> Task:
        """Reads pages one after the other, as long as there is something in them."""

        def run() -> Iterator[RawPage | Task]:
            for number in numbers:
                page = self._read(number)
                if page is None or not page.count:
                    break
                yield self.walk._read(page)
            with self.walk._lock:
                self.left -= 1
                last = not self.left
            if last:
                yield from self._end()

        return run

    def _read(self, number: int) -> RawPage | None:
        walk = self.walk
        try:
            page = walk._page(walk.plan.page_document(), self._numbered(number, self.size), walk.known, holds=True)
        except StashQueryError as error:
            if not may_be_one_object(error):
                raise
            self.disturbed = True
            return None
        if page.count:
            self.ends[number] = (number - 1) * self.size + page.count, page.last
        return page

    def _numbered(self, number: int, size: int) -> dict[str, Any]:
        return {"filter": {"per_page": size, "page": number, "sort": "id", "direction": "ASC"}}

    def _end(self) -> Iterator[RawPage | Task]:
        if not self.disturbed and self._nothing_vanished():
            before, least = self.ends[max(self.ends)] if self.ends else (0, -1)
            for _ in range(_MORE):
                more = self._ids_after(before, least)
                if not more:
                    return
                # they came meanwhile
                yield from self.walk._read_ids(more)
                before, least = before + len(more), more[-1]
        for task in self.walk._listed():
            assert not isinstance(task, RawPage)
            for page in task():
                # it overlaps those that were read before
                if isinstance(page, RawPage):
                    page.gaps = True
                yield page

    def _nothing_vanished(self) -> bool:
        pages = sorted(self.ends)
        before, least = 0, -1
        for number in pages:
            end, last = self.ends[number]
            # a page in the middle that is not full, or not there, was cut on its way
            if (number - 1) * self.size != before or last <= least or self._ids(end, 1) != [last]:
                return False
            before, least = end, last
        return True

    def _ids_after(self, place: int, least: int) -> list[int]:
        found = self._ids(place // self.size + 1, self.size)
        return [identifier for identifier in found if identifier > least]

    def _ids(self, number: int, size: int) -> list[int]:
        page = self.walk._page(self.walk.plan.listing_document(count=False), self._numbered(number, size))
        return [int(entry["id"]) for entry in page.objects]
