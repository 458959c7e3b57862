"""What every way of pagination has in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.response_page import Task


class Paginator(ABC):
    """One complete reading of one kind, as a tree of tasks: a task yields pages and further tasks.

    Attributes:
        reader: the requests, and what they brought so far.
    """

    def __init__(self, reader: PageReader) -> None:
        self.reader = reader

    @abstractmethod
    def tasks(self) -> Sequence[Task]:
        """The tasks to begin with."""

    def verify(self) -> None:
        """Called when all tasks are done.

        Raises:
            IncompleteListingError: if the reading cannot be trusted to be complete.
            StashQueryError: if there are objects and none of them could be read.
        """
        self.reader.check_readable()
