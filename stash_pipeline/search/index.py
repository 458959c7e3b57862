"""Brings an index in step with ``search.documents``.

An index carries the state of the documents that it holds: a revision of the object log, and the token of the
transaction that changed documents then (``search.states``). If the database still knows that state, the index gets what
changed since; otherwise it is rebuilt: it is missing, damaged, of another version, or of a database that was
restored from a backup. Whatever is read for a commit is of one state of the database. An attempt that ends at any
instant leaves the index as it was, or as it should be.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from stash_pipeline.errors import UserError
from stash_pipeline.search.backend import (
    IndexState,
    SearchBackend,
    SearchIndexError,
    SearchIndexLockedError,
    SearchWriter,
)
from stash_pipeline.search.documents import COLUMNS, LISTS, Document
from stash_pipeline.warehouse.connect import Connection

_AT_ONCE: Final = 1_000
"""Rows that the cursor fetches: an index of any size is made in the same memory."""

_ATTEMPTS: Final = 3
"""How often another process may change the index between the look at it and the lock of its writer."""

_LOCK_CLASS: Final = 0x53544958
"""First half of the advisory lock of an index's writer ("STIX")."""
_LOOK_SECONDS: Final = 0.05

_LATEST: Final = "SELECT token::text, revision FROM search.states ORDER BY id DESC LIMIT 1"
_IS_RECORDED: Final = "SELECT EXISTS (SELECT FROM search.states WHERE token::text = %s AND revision = %s)"
_DOCUMENTS: Final = f"SELECT {', '.join(COLUMNS)} FROM search.documents WHERE revision > %s"
_VANISHED: Final = "SELECT id FROM search.vanished WHERE revision > %s"
_COUNT: Final = "SELECT coalesce(sum(rows), 0)::bigint FROM search.row_counts WHERE entity <> 'marker_tags'"
_BUILT: Final = "SELECT EXISTS (SELECT FROM ops.shared_layers WHERE layer = 'search' AND version <> '')"

_LISTS: Final = tuple(COLUMNS.index(name) for name in LISTS)


class DocumentsNotReadyError(UserError):
    """There are no documents yet."""


@dataclass(frozen=True)
class FollowedIndex:
    """What was done to an index.

    Attributes:
        state: that it holds.
        put: documents that were added or replaced.
        removed: documents that were to be removed.
        rebuilt: why it was rebuilt; None if it followed.
    """

    state: IndexState
    put: int = 0
    removed: int = 0
    rebuilt: str | None = None
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.put or self.removed or self.rebuilt)


@dataclass(frozen=True)
class _Documents:
    """The documents of the database.

    Attributes:
        token: of their state; empty if no document was ever there.
        count: how many there are.
    """

    revision: int
    token: str
    count: int


def follow_index(
    connection: Connection, backend: SearchBackend, *, rebuild: bool = False, wait_seconds: float = 0.0
) -> FollowedIndex:
    """Brings an index in step with the documents of a database, or rebuilds it.

    Args:
        connection: not in a transaction.
        rebuild: rebuild it whatever it holds.
        wait_seconds: how long to wait for another process that writes to it.

    Raises:
        DocumentsNotReadyError: if the layer search was never built.
        SearchIndexError: if the index cannot be written; what it held before can still be searched.
    """
    started = time.perf_counter()
    must = "a rebuild was requested" if rebuild else None
    for _ in range(_ATTEMPTS):
        state = backend.state()
        documents = _read_documents(connection)
        reason = must or _reason_to_rebuild(connection, state, documents)
        if reason is None and state is not None and state.token == documents.token:
            return FollowedIndex(state, seconds=time.perf_counter() - started)
        with (
            _alone(connection, backend, wait_seconds),
            backend.writer(rebuild=reason is not None, wait_seconds=wait_seconds) as writer,
        ):
            if backend.state() != state:
                # another process changed it before it could be locked
                continue
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                documents = _read_documents(connection)
                if reason is None and _reason_to_rebuild(connection, state, documents):
                    continue
                done = _write(connection, writer, None if reason or state is None else state.revision)
                writer.commit(IndexState(documents.revision, documents.token, backend.version, documents.count))
        after = backend.state()
        if after and after.token == documents.token and after.documents == documents.count:
            return FollowedIndex(after, *done, reason, time.perf_counter() - started)
        holds = "nothing that can be read" if after is None else f"{after.documents:,} documents"
        if reason is None:
            # documents were lost before it followed
            must = f"it had {holds} of {documents.count:,} after it followed"
            continue
        raise SearchIndexError(
            f"The search index holds {holds} after {documents.count:,} were written to it; see whether its disk is "
            "damaged, then run `stash-pipeline rebuild search`."
        )
    raise SearchIndexError("Other processes keep changing the search index; it follows in a later run.")


@contextmanager
def _alone(connection: Connection, backend: SearchBackend, wait_seconds: float) -> Iterator[None]:
    """Lets one writer in, of all hosts that use the database: the lock of the back end is a file of this host.

    Raises:
        SearchIndexLockedError: if another one still writes after that time.
    """
    key = [_LOCK_CLASS, f"{backend.name} {backend.place}"]
    until = time.monotonic() + wait_seconds
    while connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone() != (True,):
        if time.monotonic() >= until:
            raise SearchIndexLockedError("Another process writes to the search index; wait until it has finished.")
        time.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        # a lost connection has lost its lock
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)


def _write(connection: Connection, writer: SearchWriter, since: int | None) -> tuple[int, int]:
    """Writes what is newer than a revision, or everything; returns how much was put, and removed."""
    vanished = [] if since is None else [row[0] for row in connection.execute(_VANISHED, [since])]
    if vanished:
        writer.delete(vanished)
    with closing(_changed(connection, -1 if since is None else since)) as documents:
        return writer.put(documents), len(vanished)


def _reason_to_rebuild(connection: Connection, state: IndexState | None, documents: _Documents) -> str | None:
    """Why an index must be rebuilt to equal the documents of a database; None if it can follow them."""
    if state is None:
        return "it was missing, damaged or of another version"
    if state.token == documents.token and state.revision == documents.revision:
        if state.documents == documents.count:
            return None
        return f"it had {state.documents:,} of {documents.count:,} documents"
    row = connection.execute(_IS_RECORDED, [state.token, state.revision]).fetchone()
    if row and row[0]:
        return None
    if state.revision > documents.revision:
        return "it was ahead of the database, which was restored from a backup"
    return "the database does not know the state that it held"


def _read_documents(connection: Connection) -> _Documents:
    (built,) = connection.execute(_BUILT).fetchone() or (False,)
    if not built:
        raise DocumentsNotReadyError(
            "There are no search documents yet; sync an instance, or run `stash-pipeline rebuild search`."
        )
    token, revision = connection.execute(_LATEST).fetchone() or ("", 0)
    (count,) = connection.execute(_COUNT).fetchone() or (0,)
    return _Documents(revision, token, count)


def _changed(connection: Connection, since: int) -> Generator[Document, None, None]:
    with closing(connection.cursor("search_documents", binary=True)) as cursor:
        cursor.itersize = _AT_ONCE
        for row in cursor.execute(_DOCUMENTS, [since]):
            yield document_of(row)


def document_of(row: tuple[Any, ...]) -> Document:
    """The document of a row with the columns in their order."""
    values = list(row)
    for index in _LISTS:
        values[index] = tuple(values[index])
    return Document(*values)


# --- how far an index is --------------------------------------------------------------------------------------

_RECORD: Final = """
INSERT INTO search.indexes (backend, place, version, token, revision, documents, bytes)
VALUES (%(backend)s, %(place)s, %(version)s, %(token)s, %(revision)s, %(documents)s, %(bytes)s)
ON CONFLICT (backend, place) DO UPDATE
SET version = excluded.version, token = excluded.token, revision = excluded.revision, documents = excluded.documents,
    bytes = excluded.bytes, followed_at = now(), error = NULL, failed_at = NULL
"""

_RECORD_FAILURE: Final = """
INSERT INTO search.indexes (backend, place, version, token, revision, documents, error, failed_at)
VALUES (%(backend)s, %(place)s, '', '', 0, 0, %(error)s, now())
ON CONFLICT (backend, place) DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at
"""

_FORGET: Final = """
DELETE FROM search.indexes
WHERE (backend, place) <> (%(backend)s, %(place)s) AND greatest(followed_at, failed_at) < now() - interval '90 days'
"""
"""Of a home that is gone, such as that of a container; one that comes back is recorded again."""

_STATUS: Final = """
SELECT x.revision, x.token, x.version, x.documents, x.bytes, x.followed_at, x.error, x.failed_at,
    s.token::text, l.revision, c.revision,
    (SELECT min(n.created_at) FROM search.states AS n
     WHERE n.id > coalesce((SELECT h.id FROM search.states AS h WHERE h.token::text = x.token), 0))
FROM (SELECT) AS one
LEFT JOIN search.indexes AS x ON x.backend = %(backend)s AND x.place = %(place)s
LEFT JOIN (SELECT token, revision FROM search.states ORDER BY id DESC LIMIT 1) AS s ON true
LEFT JOIN ops.shared_layers AS l ON l.layer = 'search' AND l.version <> ''
LEFT JOIN ops.shared_layers AS c ON c.layer = 'catalog' AND c.version <> ''
"""


@dataclass(frozen=True)
class IndexStatus:
    """How far an index is, as it was recorded when it last followed.

    Attributes:
        backend: ``tantivy`` or ``typesense``.
        built: whether it ever followed.
        in_step: whether it holds the documents as they are.
        revision: of the object log that its documents reached.
        documents_revision: that the documents reached.
        revisions_behind: the catalog.
        behind_since: since when there are documents that it does not have.
        size: bytes, if the back end tells.
        error: why the last attempt failed.
    """

    backend: str
    built: bool
    in_step: bool
    outdated: bool
    revision: int
    documents_revision: int
    revisions_behind: int
    behind_since: datetime | None
    documents: int
    size: int | None
    followed_at: datetime | None
    error: str | None
    failed_at: datetime | None


def record_followed(connection: Connection, backend: SearchBackend, state: IndexState, size: int | None) -> None:
    """Records what an index holds."""
    connection.execute(_FORGET, {"backend": backend.name, "place": backend.place})
    connection.execute(
        _RECORD,
        {
            "backend": backend.name,
            "place": backend.place,
            "version": backend.version,
            "token": state.token,
            "revision": state.revision,
            "documents": state.documents,
            "bytes": size,
        },
    )


def record_failure(connection: Connection, backend: str, place: str, error: str) -> None:
    """Records why an index could not follow; what it holds stays recorded."""
    connection.execute(_RECORD_FAILURE, {"backend": backend, "place": place, "error": error})


def index_status(connection: Connection, backend: str, place: str, version: str | None = None) -> IndexStatus:
    """How far an index is, by what was recorded; the index is not asked.

    Args:
        place: where it lies, as the back end tells.
        version: of the back end; an index of another one is outdated.
    """
    row = connection.execute(_STATUS, {"backend": backend, "place": place}).fetchone()
    assert row is not None
    (revision, token, held_version, documents, size, followed_at, error, failed_at, newest, layer, catalog,
     behind_since) = row  # fmt: skip
    built = bool(held_version)
    in_step = built and token == (newest or "")
    # documents that did not change reach every revision of their layer
    reached = (layer if in_step else revision) or 0
    return IndexStatus(
        backend,
        built,
        in_step,
        bool(built and version is not None and held_version != version),
        reached,
        layer or 0,
        max((catalog or 0) - reached, 0),
        None if in_step else behind_since,
        documents or 0,
        size,
        followed_at if built else None,
        error,
        failed_at,
    )
