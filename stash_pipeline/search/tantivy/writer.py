"""Changes the index. What a commit writes, the documents and the state, becomes visible at once or not at all."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final
from uuid import UUID

import orjson
import tantivy
from typing_extensions import Self

from stash_pipeline.search.backend import IndexState, SearchIndexError
from stash_pipeline.search.documents import Document
from stash_pipeline.search.tantivy.directory import IndexDirectory, Lock
from stash_pipeline.search.tantivy.schema import (
    STATE_TERM,
    VERSION,
    FacetIds,
    build_schema,
    no_facet_numbers,
    stored_facet_ids,
    to_index,
)

_MEMORY: Final = 96_000_000
"""Bytes of documents that wait to be written."""
_THREADS: Final = 1
"""One is faster than the part in Python, and leaves fewer segments, which every search visits."""


class TantivyWriter:
    """Holds the writer's lock from its making to the end of its block."""

    def __init__(self, directory: IndexDirectory, lock: Lock, generation: Path | None) -> None:
        self._directory = directory
        self._lock: Lock | None = lock
        self._fresh = generation is None
        self._failed = False
        self._ended = False
        self._pending = False
        self._abandoned = False
        self._added: set[int] = set()
        self._numbers = no_facet_numbers()
        self._writer: tantivy.IndexWriter | None = None
        with failure_reported(directory.root):
            directory.clean()
            self._generation = directory.begin() if generation is None else generation
            self._open()

    def _open(self) -> None:
        if self._fresh:
            index = tantivy.Index(build_schema(), str(self._generation))
        else:
            index = tantivy.Index.open(str(self._generation))
            self._numbers = _facet_ids(index).numbers()
        self._writer = index.writer(_MEMORY, _THREADS)
        if not self._fresh:
            self._remove_leftovers(self._writer)

    def _remove_leftovers(self, writer: tantivy.IndexWriter) -> None:
        """Removes what a writer left that was killed or had no room."""
        for path in self._generation.glob(".tmp*"):
            path.unlink(missing_ok=True)
        writer.garbage_collect_files()

    @property
    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None and not (self._failed or self._ended):
            with failure_reported(self._directory.root):
                self._open()
        if self._writer is None:
            raise SearchIndexError("The search index is closed, or writing to it failed; open it again.")
        return self._writer

    def put(self, documents: Iterable[Document]) -> int:
        """Adds documents, or replaces those with the same ids; returns how many."""
        writer, count = self._open_writer, 0
        self._pending = True
        for document in documents:
            entry = to_index(document, self._numbers)
            with failure_reported(self._directory.root):
                if self._may_be_there(document.id):
                    writer.delete_documents_by_term("id", document.id.hex)
                writer.add_document(entry)
            count += 1
        return count

    def _may_be_there(self, id: UUID) -> bool:
        """Whether a document could have to be replaced. To look for it costs a fifth of a rebuild."""
        if not self._fresh:
            return True
        key = id.int >> 64
        added = key in self._added
        self._added.add(key)
        return added

    def delete(self, ids: Iterable[UUID]) -> None:
        """Removes documents; ids that are not there are ignored."""
        writer = self._open_writer
        self._pending = True
        with failure_reported(self._directory.root):
            for id in ids:
                writer.delete_documents_by_term("id", id.hex)

    def commit(self, state: IndexState) -> None:
        """Makes everything visible at once, with the state."""
        writer = self._open_writer
        field, value = STATE_TERM
        entry = tantivy.Document()
        entry.add_text(field, value)
        entry.add_bytes("stored", orjson.dumps({"revision": state.revision, "token": state.token, "version": VERSION}))
        for ids in stored_facet_ids(self._numbers):
            entry.add_bytes("facet_ids", ids)
        with failure_reported(self._directory.root):
            try:
                writer.delete_documents_by_term(field, value)
                writer.add_document(entry)
                self._wait_for(writer.commit)
                self._pending = False
                if self._fresh:
                    # readers shall not see an index that changes at once
                    self._writer = None
                    self._wait_for(writer.wait_merging_threads)
                    self._directory.switch(self._generation)
                    self._fresh = False
                    self._added.clear()
            except BaseException:
                # tantivy's writer cannot go on after a failure
                self._writer = None
                self._failed = True
                raise

    def _wait_for(self, work: Callable[[], object]) -> None:
        """Waits for tantivy until it is done, or until a Ctrl-C.

        A large commit or merge takes many seconds, in which tantivy cannot be interrupted. So it works in another
        thread. An interrupted wait leaves that thread with the lock, until it is done or the process ends; the index
        is then as it was before the commit, or as it should be.
        """
        done = threading.Event()
        failures: list[BaseException] = []

        def work_with_the_lock(_lock: Lock | None) -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)
            finally:
                done.set()

        thread = threading.Thread(target=work_with_the_lock, args=[self._lock], name="tantivy", daemon=True)
        try:
            thread.start()
            done.wait()
        except BaseException:
            self._abandoned = True
            raise
        if failures:
            # not kept in the list, which the error refers to: tantivy's writer would live, with its lock, until the
            # garbage collection
            raise failures.pop()

    def __enter__(self) -> Self:
        """Begins."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discards what was not committed, and lets the next writer in."""
        writer, self._writer = self._writer, None
        self._ended = True
        try:
            if not self._abandoned:
                self._close(writer)
        finally:
            if self._lock is not None and not self._abandoned:
                self._lock.release()
            # of an abandoned writer, the thread has the last reference to the lock, which releases it
            self._lock = None

    def _close(self, writer: tantivy.IndexWriter | None) -> None:
        if writer is not None:
            # what was committed is safe whether or not this works
            if self._pending:
                with suppress(ValueError, OSError, RuntimeError):
                    writer.rollback()
            # a rollback discards merges, too; without them, every commit would leave one more segment to visit
            with suppress(ValueError, OSError, RuntimeError):
                self._wait_for(writer.wait_merging_threads)
        elif self._failed and not self._fresh:
            with suppress(ValueError, OSError, RuntimeError):
                self._open()
            self._writer = None
        with suppress(OSError):
            self._directory.clean()


def _facet_ids(index: tantivy.Index) -> FacetIds:
    searcher = index.searcher()
    result = searcher.search(tantivy.Query.term_query(index.schema, *STATE_TERM, index_option="basic"), 1)
    return FacetIds(searcher.doc(result.hits[0][1])["facet_ids"])


@contextmanager
def failure_reported(root: Path) -> Iterator[None]:
    """What tantivy raises when it cannot write becomes an error that says so."""
    try:
        yield
    except SearchIndexError:
        raise
    except BaseException as error:
        if isinstance(error, (ValueError, OSError, RuntimeError)) or type(error).__name__ == "PanicException":
            raise SearchIndexError(
                f"The search index in {root} cannot be written ({error}); what it held before is kept."
            ) from error
        raise
