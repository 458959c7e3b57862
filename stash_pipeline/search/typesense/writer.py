"""Writes to an index on a Typesense server.

There are no transactions. A rebuild fills new collections, stores their state and then switches the alias: at each
moment the alias points to a complete index. Changes are kept in a file until the commit, which

1. marks the state as being changed, with the state that the changes lead to,
2. removes and replaces documents, adds new words and removes those that no document has any more,
3. stores the new state without the mark.

If the process or the server ends in between, the state is still the old one: the next run asks for all changes since
then, and writes them again. Each is idempotent. If the mark names a revision that the database has lost (a backup was
restored), the changes cannot be taken back, so the index counts as missing and is rebuilt.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import IO, Any, Final
from uuid import UUID, uuid4

import orjson
from typing_extensions import Self

from stash_pipeline.search.backend import IndexState, SearchIndexError, SearchIndexLockedError, SearchIndexMissingError
from stash_pipeline.search.documents import Document
from stash_pipeline.search.stored import from_json, to_json
from stash_pipeline.search.typesense.client import TypesenseServer
from stash_pipeline.search.typesense.codes import code
from stash_pipeline.search.typesense.lock import WriterLock
from stash_pipeline.search.typesense.names import Names, create
from stash_pipeline.search.typesense.reader import fetch_documents
from stash_pipeline.search.typesense.schema import (
    LAST_GROUP,
    documents_schema,
    row_of,
    word_row,
    words_of,
    words_schema,
)
from stash_pipeline.search.typesense.states import StoredState, remove_states, state_of, store_state

_TOGETHER: Final = 500
"""Changes that are looked at together."""


class TypesenseWriter:
    """Writes to the index; see :class:`stash_pipeline.search.backend.SearchWriter`.

    Args:
        lock: held, and released at the end.
    """

    def __init__(self, server: TypesenseServer, names: Names, lock: WriterLock, *, rebuild: bool) -> None:
        self._server = server
        self._names = names
        self._lock = lock
        self._rebuild = rebuild
        self._id = uuid4().hex
        self._collection = ""
        self._before: StoredState | None = None
        self._changes: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._words: set[str] = set()
        self._committed = False
        try:
            self._begin()
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> Self:
        return self

    def _begin(self) -> None:
        self._names.make_states(self._server)
        current = self._names.current(self._server)
        if self._rebuild:
            self._remove_leftovers(current)
            numbers = self._names.owned(self._server).values()
            self._collection = self._names.numbered(max(numbers, default=0) + 1)
            create(self._server, documents_schema(self._collection))
            create(self._server, words_schema(self._names.words(self._collection)))
            return
        self._before = None if current is None else state_of(self._server, self._names, current)
        if current is None or self._before is None:
            raise SearchIndexMissingError(
                "There is no search index on the Typesense server that can be changed; rebuild it."
            )
        self._collection = current

    def _remove_leftovers(self, current: str | None) -> None:
        """Removes what killed rebuilds left, and what other versions used, unless the alias points there."""
        alias = self._names.target(self._server)
        in_use = {
            name
            for collection in (current, alias)
            if collection
            for name in (collection, self._names.words(collection))
        }
        leftovers = [name for name in self._names.owned(self._server) if name not in in_use]
        for name in leftovers:
            self._server.drop(name)
        remove_states(self._server, self._names, leftovers)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._rebuild and not self._committed and kind is not None and not issubclass(kind, SearchIndexError):
                # an unreachable server would only add to the wait; the next rebuild removes it
                self._drop_unfinished()
        finally:
            self._release()

    def _drop_unfinished(self) -> None:
        try:
            self._server.drop(self._collection)
            self._server.drop(self._names.words(self._collection))
        except SearchIndexError:
            pass

    def _release(self) -> None:
        self._changes.close()
        self._lock.release()

    # --- changes ----------------------------------------------------------------------------------------------

    def put(self, documents: Iterable[Document]) -> int:
        """Adds documents, or replaces those with the same ids; returns how many."""
        if self._rebuild:
            return self._server.put_rows(self._collection, self._rows(documents))
        count = 0
        for document in documents:
            self._changes.write(to_json(document) + b"\n")
            count += 1
        return count

    def delete(self, ids: Iterable[UUID]) -> None:
        """Removes documents; ids that are not there are ignored."""
        if self._rebuild:
            self._server.delete_rows(self._collection, [str(id) for id in ids])
            return
        for id in ids:
            self._changes.write(orjson.dumps(str(id)) + b"\n")

    def _rows(self, documents: Iterable[Document]) -> Iterator[dict[str, Any]]:
        for document in documents:
            row, words = row_of(document)
            self._words |= words
            yield row

    def commit(self, state: IndexState) -> None:
        """Makes everything visible, with the state."""
        stored = self._commit_rebuild(state) if self._rebuild else self._commit_changes(state)
        self._committed = True
        # what follows are changes to this index
        self._rebuild = False
        self._before = stored
        self._words.clear()
        self._changes.seek(0)
        self._changes.truncate()

    def _complete(self, state: IndexState) -> StoredState:
        """The state with the number of documents that are there."""
        answer = self._server.search([{"collection": self._collection, "q": "*", "per_page": 0}])[0]
        return StoredState(replace(state, documents=int(answer["found"])))

    def _commit_rebuild(self, state: IndexState) -> StoredState:
        self._put_words(self._words)
        stored = self._complete(state)
        store_state(self._server, self._names, self._collection, stored)
        self._server.call(
            "switch its alias",
            lambda client: client.aliases.upsert(self._names.alias, {"collection_name": self._collection}),
        )
        self._remove_leftovers(self._collection)
        return stored

    def _commit_changes(self, state: IndexState) -> StoredState:
        before = self._before
        assert before is not None
        if before.changing is not None and not _leads_to(before.changing, state):
            remove_states(self._server, self._names, [self._collection])
            raise SearchIndexMissingError(
                "The search index holds changes that the database no longer has; it must be rebuilt."
            )
        store_state(self._server, self._names, self._collection, StoredState(before.state, state, self._id))
        doubtful: set[str] = set()
        self._changes.flush()
        self._changes.seek(0)
        for changes in _parts(self._changes):
            doubtful |= self._apply(changes)
        self._put_words(self._words)
        self._remove_words(doubtful - self._words)
        current = state_of(self._server, self._names, self._collection)
        if current is None or current.writer != self._id:
            raise SearchIndexLockedError(
                "Another process wrote to the search index at the same time; the next run applies the changes again."
            )
        stored = self._complete(state)
        store_state(self._server, self._names, self._collection, stored)
        return stored

    def _apply(self, changes: Sequence[Document | UUID]) -> set[str]:
        """Writes changes of different documents; returns the words that documents no longer have."""
        ids = [change if isinstance(change, UUID) else change.id for change in changes]
        old = fetch_documents(self._server, self._collection, ids)
        deleted = [str(change) for change in changes if isinstance(change, UUID)]
        if deleted:
            self._server.delete_rows(self._collection, deleted)
        self._server.put_rows(
            self._collection, self._rows(change for change in changes if isinstance(change, Document))
        )
        return {word for document in old.values() for word in words_of(document)}

    def _put_words(self, words: Iterable[str]) -> None:
        self._server.put_rows(self._names.words(self._collection), map(word_row, sorted(words)), size=5000)

    def _remove_words(self, words: Iterable[str]) -> None:
        """Removes those of the words that no document has."""
        candidates = sorted(words)
        searches = [
            {"collection": self._collection, "q": "*", "per_page": 0, "filter_by": f"w_{LAST_GROUP}:=[{code(word)}]"}
            for word in candidates
        ]
        answers = self._server.search(searches)
        unused = [code(word) for word, answer in zip(candidates, answers, strict=True) if not answer["found"]]
        if unused:
            self._server.delete_rows(self._names.words(self._collection), unused)


def _leads_to(unfinished: IndexState, state: IndexState) -> bool:
    """Whether unfinished changes can be part of the way to a state."""
    if unfinished.revision == state.revision:
        return unfinished.token == state.token
    return unfinished.revision < state.revision


def _parts(file: IO[bytes]) -> Iterator[list[Document | UUID]]:
    """The changes in their order, in parts in which no document is twice."""
    part: dict[UUID, Document | UUID] = {}
    for line in file:
        loaded: Document | UUID = UUID(orjson.loads(line)) if line.startswith(b'"') else from_json(line)
        id = loaded if isinstance(loaded, UUID) else loaded.id
        if id in part or len(part) >= _TOGETHER:
            yield list(part.values())
            part = {}
        part[id] = loaded
    if part:
        yield list(part.values())
