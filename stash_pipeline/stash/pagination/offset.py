"""Pages by number, for releases that support nothing better: repeated until a listing afterwards agrees."""

from collections.abc import Iterator, Sequence

from stash_pipeline.stash.errors import IncompleteListingError, StashQueryError
from stash_pipeline.stash.limits import check_listed
from stash_pipeline.stash.pagination.page_reader import PASSES
from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.query_errors import splitting_may_help
from stash_pipeline.stash.response_page import RawPage, Task, unset_times


class Offset(Paginator):
    """All objects, by page numbers."""

    def tasks(self) -> Sequence[Task]:
        """One task: pages must be read sequentially."""
        return [self._passes]

    def verify(self) -> None:
        """See :meth:`Paginator.verify`."""
        super().verify()
        self.reader.check_vanished()

    def _passes(self) -> Iterator[RawPage | Task]:
        reader = self.reader
        for _ in range(PASSES):
            before = reader.list_ids()
            reader.expected = len(before)
            reader.unreadable.clear()
            read: set[int] = set()
            number, full = 1, True
            while full:
                objects = 0
                for item in self._page(reader.page_size, number):
                    ids = set(item.ids) if isinstance(item, RawPage) else {item}
                    if isinstance(item, RawPage):
                        yield reader.delivered(item)
                    objects += len(ids)
                    read |= ids
                check_listed(len(read), reader.expected, reader.plan.query)
                full = objects >= reader.page_size
                number += 1
            if before == read and reader.list_ids() == read:
                return
        raise IncompleteListingError(
            f"{reader.plan.query} changed while it was read, {PASSES} times in a row; nothing was removed."
        )

    def _page(self, size: int, number: int, without: frozenset[str] = frozenset()) -> Iterator[RawPage | int]:
        """A page, or its readable parts and the ids of objects that cannot be read."""
        reader = self.reader
        variables = reader.numbered(number, size)
        try:
            page = reader.page(reader.plan.page_document(without=without), variables, holds=True)
            page.without = without
            yield page
            return
        except StashQueryError as error:
            if not splitting_may_help(error):
                raise
            if size == 1 and (unset := unset_times(reader.plan, error).get(0, frozenset()) - without):
                yield from self._page(1, number, without | unset)
                return
            if size == 1:
                for identifier in reader.listing(variables).ids:
                    reader.cannot_read(identifier, error)
                    yield identifier
                return
        # a page can only be split into equal parts
        parts = next(n for n in range(2, size + 1) if size % n == 0)
        for part in range(parts):
            yield from self._page(size // parts, (number - 1) * parts + part + 1)
