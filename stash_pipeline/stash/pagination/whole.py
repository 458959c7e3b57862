"""Entities whose query has no paging: one request."""

from collections.abc import Iterator, Sequence

from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.response_page import RawPage, Task


class Whole(Paginator):
    """All objects in one page."""

    def tasks(self) -> Sequence[Task]:
        """One task."""
        return [self._read]

    def _read(self) -> Iterator[RawPage | Task]:
        page = self.reader.page(self.reader.plan.page_document(), {}, holds=True)
        self.reader.expected = len(set(page.ids))
        yield page
