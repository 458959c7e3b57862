"""Compares what a complete reading says of a range of ids with what is here: by one digest, if they are equal."""

import hashlib
import struct
from collections.abc import Sequence

from stash_pipeline.stash.documents import Document
from stash_pipeline.warehouse.load import RawLoader

LAST_ID = 2**63 - 1


def load_range(loader: RawLoader, entity: str, documents: Sequence[Document], after: int, until: int) -> None:
    """Writes what is new or other than here, and notes what is gone.

    Args:
        documents: all that the server has with ``after`` < id <= ``until``, in the order of their ids.
    """
    if loader.is_new(entity):
        loader.take(entity, documents, {})
        return
    if _digest_here(loader, entity, after, until) == _digest(documents):
        change = loader.changes[entity]
        change.fetched += len(documents)
        change.unchanged += len(documents)
        change.unreadable += sum(1 for document in documents if document.unreadable)
        return
    rows = loader.connection.execute(
        f"SELECT id, hash, deleted_at IS NULL FROM {loader.leaf(entity)}\n"
        "WHERE instance_id = %s AND id > %s AND id <= %s",
        [loader.instance_id, after, until],
    )
    known = {identifier: (digest, live) for identifier, digest, live in rows}
    there = {document.id for document in documents}
    gone = {identifier for identifier, (_, live) in known.items() if live} - there
    loader.gone.setdefault(entity, set()).update(gone)
    loader.take(entity, documents, known)


def _digest(documents: Sequence[Document]) -> str:
    pack = struct.Struct(">q").pack
    return hashlib.md5(
        b"".join([pack(document.id) + document.hash for document in documents]), usedforsecurity=False
    ).hexdigest()


def _digest_here(loader: RawLoader, entity: str, after: int, until: int) -> str:
    row = loader.connection.execute(
        "SELECT md5(coalesce(string_agg(int8send(id) || hash, ''::bytea ORDER BY id), ''))\n"
        f"FROM {loader.leaf(entity)} WHERE instance_id = %s AND id > %s AND id <= %s AND deleted_at IS NULL",
        [loader.instance_id, after, until],
    ).fetchone()
    assert row is not None
    return str(row[0])
