"""Objects by given ids: with the ``ids`` argument or, if the server does not have it, by keyset ranges."""

from collections.abc import Iterator, Sequence

from stash_pipeline.stash.pagination.by_ids import tasks_by_ids
from stash_pipeline.stash.pagination.keyset import read_range
from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.response_page import RawPage, Task, neighbourhoods


class Objects(Paginator):
    """The objects with these sorted ids; ``reader.vanished`` gets those that the server does not have."""

    def __init__(self, reader: PageReader, ids: Sequence[int]) -> None:
        super().__init__(reader)
        self._ids = list(ids)

    def tasks(self) -> Sequence[Task]:
        """One task per request."""
        reader = self.reader
        if reader.plan.ids_argument:
            return list(tasks_by_ids(reader, self._ids))
        return [self._neighbours(group) for group in neighbourhoods(self._ids, reader.page_size)]

    def _neighbours(self, ids: list[int]) -> Task:
        """Reads the range of some ids that are close to each other."""

        def run() -> Iterator[RawPage | Task]:
            read: set[int] = set()
            for item in read_range(self.reader, ids):
                if isinstance(item, RawPage):
                    read.update(item.ids)
                    yield item
            self.reader.not_found(set(ids) - read - self.reader.unreadable.keys())

        return run
