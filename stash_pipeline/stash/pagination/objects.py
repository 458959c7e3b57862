"""Some objects, by ids that the caller names: by ``ids`` or, where the server lacks that, by ranges of a keyset."""

from collections.abc import Iterator, Sequence

from stash_pipeline.stash.pagination.by_ids import tasks_by_ids
from stash_pipeline.stash.pagination.keyset import read_range
from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.response_page import RawPage, Task, neighbourhoods


class Objects(Paginator):
    """The objects with these ids, sorted; ``reader.vanished`` has those that the server denied, each by itself."""

    def __init__(self, reader: PageReader, ids: Sequence[int]) -> None:
        super().__init__(reader)
        self._ids = list(ids)

    def tasks(self) -> Sequence[Task]:
        """A task per request."""
        reader = self.reader
        if reader.plan.ids_argument:
            return list(tasks_by_ids(reader, self._ids))
        return [self._neighbours(group) for group in neighbourhoods(self._ids, reader.page_size)]

    def _neighbours(self, ids: list[int]) -> Task:
        """Reads from the first to the last of some ids that are close to each other."""

        def run() -> Iterator[RawPage | Task]:
            read: set[int] = set()
            for item in read_range(self.reader, ids):
                if isinstance(item, RawPage):
                    read.update(item.ids)
                    yield item
            self.reader.not_found(set(ids) - read - self.reader.unreadable.keys())

        return run
