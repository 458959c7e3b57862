"""Servers of given documents, without a server: the documents are written as a sync writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stash_pipeline.instances import Instance
from stash_pipeline.stash.documents import finish
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.raw.partitions import ensure_partitions
from stash_pipeline.warehouse.raw.writer import RawWriter
from stash_pipeline_tests.mirror.working import register

Documents = Mapping[str, Sequence[dict[str, Any]]]
"""By entity; each has an ``id``."""

STAMP = "2026-01-02T03:04:05Z"


def server_of(database_url: str, home: Path, connection: Connection, documents: Documents) -> Instance:
    """A new instance that has these documents."""
    instance = register(database_url, home)
    ensure_partitions(connection, instance.id)
    write_documents(connection, instance.id, documents)
    return instance


def write_documents(connection: Connection, instance_id: int, documents: Documents) -> None:
    """Inserts or updates documents of an instance, and its tables."""
    row = connection.execute(
        "INSERT INTO ops.sync_runs (instance_id, mode, lane, status) VALUES (%s, 'sweep', 'graphql', 'succeeded')\n"
        "RETURNING id",
        [instance_id],
    ).fetchone()
    assert row is not None
    writer = RawWriter(connection, instance_id, row[0])
    for entity, listed in documents.items():
        finished = [finish({"created_at": STAMP, "updated_at": STAMP, **one}, one["id"]) for one in listed]
        known = writer.hashes(entity, [one.id for one in finished])
        with connection.transaction():
            writer.write(
                entity,
                [one for one in finished if one.id not in known],
                [one for one in finished if one.id in known and known[one.id] != (one.hash, True)],
            )
    transform(connection, instance_id)


def remove_documents(connection: Connection, instance_id: int, entity: str, ids: Sequence[int]) -> None:
    """Removes objects of an instance, as a sync does that finds them gone."""
    row = connection.execute("SELECT max(id) FROM ops.sync_runs WHERE instance_id = %s", [instance_id]).fetchone()
    assert row is not None
    with connection.transaction():
        RawWriter(connection, instance_id, row[0]).tombstone(entity, list(ids))
    transform(connection, instance_id)


def video(number: int, **more: Any) -> dict[str, Any]:
    """A video file: ``oshash``, ``md5`` and ``phash`` are its fingerprints."""
    hashes = [{"type": kind, "value": value} for kind in ("md5", "oshash", "phash") if (value := more.pop(kind, None))]
    path = more.pop("path", f"/media/{number}.mp4")
    return {
        "id": number, "type": "VideoFile", "path": path, "basename": path.rpartition("/")[2],
        "size": 1_000_000 + number, "duration": 600.0, "width": 1920, "height": 1080, "video_codec": "h264",
        "bit_rate": 4_000_000, "mod_time": STAMP, "fingerprints": hashes, **more,
    }  # fmt: skip
