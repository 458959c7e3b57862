"""Compares a copy of the database with what is here, range by range: by digests, as far as they are equal."""

from collections.abc import Sequence

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.snapshot.ranges import RANGE_IDS
from stash_pipeline.warehouse.load import RawLoader


def digests(loader: RawLoader, entity: str) -> dict[int, str]:
    """The digest of each range of ids that has live documents; see ``stash/snapshot/ranges.py``."""
    rows = loader.connection.execute(
        f"SELECT id / {RANGE_IDS}, md5(string_agg(int8send(id) || hash, ''::bytea ORDER BY id))\n"
        f"FROM {loader.leaf(entity)} WHERE instance_id = %s AND deleted_at IS NULL GROUP BY 1",
        [loader.instance_id],
    )
    return dict(rows.fetchall())


def load_range(loader: RawLoader, entity: str, number: int, documents: Sequence[Document]) -> None:
    """Writes what is new or other than here in one range, and notes what is gone.

    Args:
        documents: all that the server has of it.
    """
    if loader.is_new(entity):
        loader.take(entity, documents, {})
        return
    rows = loader.connection.execute(
        f"SELECT id, hash, deleted_at IS NULL FROM {loader.leaf(entity)}\n"
        "WHERE instance_id = %s AND id >= %s AND id < %s",
        [loader.instance_id, number * RANGE_IDS, (number + 1) * RANGE_IDS],
    )
    known = {identifier: (digest, live) for identifier, digest, live in rows}
    there = {document.id for document in documents}
    gone = {identifier for identifier, (_, live) in known.items() if live} - there
    loader.gone.setdefault(entity, set()).update(gone)
    loader.take(entity, documents, known)


def pass_range(loader: RawLoader, entity: str, count: int, unreadable: int) -> None:
    """Notes that a range is as it was."""
    change = loader.changes[entity]
    change.fetched += count
    change.unchanged += count
    change.unreadable += unreadable
