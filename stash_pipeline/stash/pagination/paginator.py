"""The base class of the paginators."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.response_page import Task


class Paginator(ABC):
    """Reads one entity, as a tree of tasks: a task yields pages and further tasks.

    Attributes:
        reader: sends the requests and collects their results.
    """

    def __init__(self, reader: PageReader) -> None:
        self.reader = reader

    @abstractmethod
    def tasks(self) -> Sequence[Task]:
        """The initial tasks."""

    def verify(self) -> None:
        """Called when all tasks are done.

        Raises:
            IncompleteListingError: if the result may be incomplete.
            StashQueryError: if there are objects, and none of them could be read.
        """
        self.reader.check_readable()
