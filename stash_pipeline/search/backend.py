"""What a back end of the search offers: tantivy (embedded, the default) or Typesense (a server)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol
from uuid import UUID

from typing_extensions import Self

from stash_pipeline.errors import UserError
from stash_pipeline.search.documents import Document
from stash_pipeline.search.request import SearchRequest, SearchResults


class SearchIndexError(UserError):
    """The index cannot be used; the sentence says why, and what to do."""


class SearchIndexMissingError(SearchIndexError):
    """There is no index, or none that this version can read."""


class SearchIndexLockedError(SearchIndexError):
    """Another process writes to the index."""


@dataclass(frozen=True)
class IndexState:
    """What an index holds. It is stored in the same commit as the documents.

    Attributes:
        revision: of the object log that the documents reached.
        token: of the state of ``search.documents`` at that revision: a restored backup that went on differently has
            another one.
        version: of the documents and of how the back end indexes them.
        documents: how many there are.
    """

    revision: int
    token: str
    version: str
    documents: int = 0


class SearchReader(Protocol):
    """Answers searches; any number of them can be open, also while a writer works."""

    def state(self) -> IndexState:
        """What the index holds now."""

    def search(self, request: SearchRequest) -> SearchResults:
        """Answers a request, from one state of the index."""

    def documents(self, ids: Sequence[UUID]) -> dict[UUID, Document]:
        """The documents with these ids, as the index has them."""

    def vocabulary(self, prefix: str = "", limit: int | None = None) -> list[tuple[str, int]]:
        """Tokens of names (titles, aliases, people, studios, tags), with the number of documents; for suggestions."""

    def close(self) -> None:
        """Releases what it holds."""


class SearchWriter(Protocol):
    """Writes to the index; there is one at a time. Nothing is visible before :meth:`commit`.

    Leaving the block without a commit discards what was added.
    """

    def put(self, documents: Iterable[Document]) -> int:
        """Adds documents, or replaces those with the same ids; returns how many."""

    def delete(self, ids: Iterable[UUID]) -> None:
        """Removes documents; ids that are not there are ignored."""

    def commit(self, state: IndexState) -> None:
        """Makes everything visible at once, with the state."""

    def __enter__(self) -> Self:
        """Begins."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discards what was not committed, and lets the next writer in."""


class SearchBackend(Protocol):
    """One place that holds an index."""

    name: str
    version: str
    """Of the documents and of how they are indexed."""

    @property
    def place(self) -> str:
        """Where the index lies: several of them can follow one database."""

    def state(self) -> IndexState | None:
        """What the index holds; None if it is missing, damaged or of another version, and must be rebuilt."""

    def is_present(self) -> bool:
        """Whether there is an index, without a look at what it holds; a server is not asked."""

    def reader(self) -> SearchReader:
        """Opens the index for searches.

        Raises:
            SearchIndexMissingError: if there is none.
        """

    def writer(self, *, rebuild: bool = False, wait_seconds: float = 0.0) -> SearchWriter:
        """Opens the index for changes.

        Args:
            rebuild: begin with an empty index. Readers see the old one until the commit.

        Raises:
            SearchIndexLockedError: if another process still writes after that time.
        """

    def size(self) -> int | None:
        """Bytes on disk; None if the back end does not tell."""
