"""The lane that reads a snapshot of the server's own database, which is faster but not always available."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.reader import Complete
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import SNAPSHOT_ENTITIES, Naming, unmapped_fields
from stash_pipeline.stash.snapshot.download import SnapshotFile, downloaded_snapshot
from stash_pipeline.stash.snapshot.ranges import Job, Range
from stash_pipeline.stash.snapshot.reader_pool import ReaderPool, reader_pool
from stash_pipeline.stash.snapshot.server_facts import naming_of, previews_of
from stash_pipeline.sync.lanes.base import Event
from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.warehouse.raw.page_ledger import snapshot_form

_PATIENCE: Final = 2.0
"""The server may take this many times the configured seconds, so that the actual time is recorded."""

_EXPLICIT_PATIENCE: Final = 3600.0
_MB: Final = 1_000_000
_SECONDS: Final = 60.0
_SECONDS_PER_MB: Final = 1.0
"""Time limits for reading a snapshot: far more than necessary, because they only stop a crafted one."""


@dataclass(frozen=True)
class FetchedSnapshot:
    """A snapshot that was downloaded.

    Attributes:
        entities: those with all of their fields. missing_fields: the missing fields of the others, by entity.
        seconds: time limit for reading it.
        form: 16 bytes that are equal if the documents are equal.
    """

    file: SnapshotFile
    entities: tuple[str, ...]
    missing_fields: dict[str, list[str]]
    seconds: float
    form: bytes
    naming: Naming

    @contextmanager
    def readers(self) -> Iterator[ReaderPool]:
        """Starts the readers, before anything is written."""
        with reader_pool(self.file.size) as pool:
            yield pool


@contextmanager
def fetch_snapshot(
    client: StashClient,
    settings: Settings,
    instance: Instance,
    server: ServerState,
    entities: Sequence[str],
    *,
    limited: bool,
) -> Iterator[FetchedSnapshot]:
    """Downloads a snapshot of the server's database, and deletes it at the end.

    Args:
        entities: to read. limited: do not download a snapshot that is larger than the setting allows.

    Raises:
        SnapshotError: if there is none, or it cannot be read. StashError: for network errors.
    """
    limit = settings.snapshot_max_mb * _MB if limited else None
    patience = settings.snapshot_max_seconds * _PATIENCE if limited else _EXPLICIT_PATIENCE
    naming = naming_of(client, server.schema, server.info)
    path = settings.snapshots / f"{instance.uuid}.sqlite"
    with downloaded_snapshot(client, path, largest=limit, patience=patience) as file:
        with Snapshot(file.path, seconds=_SECONDS, check=False) as snapshot:
            unmapped = unmapped_fields(snapshot, server.plans)
        missing = {name: fields for name, fields in unmapped.items() if name in entities}
        mapped = tuple(name for name in SNAPSHOT_ENTITIES if name in entities and name not in missing)
        seconds = _SECONDS + file.size / _MB * _SECONDS_PER_MB
        if "images" in mapped:
            naming = replace(naming, previews=previews_of(client, server.plans, file.path, seconds))
        queries = [server.plans[name].page_document() for name in mapped]
        form = snapshot_form(file.digest, [*queries, server.release, naming.as_key()])
        yield FetchedSnapshot(file, mapped, missing, seconds, form, naming)


@dataclass(frozen=True)
class SnapshotLane:
    """Reads a downloaded snapshot; see :class:`Lane`.

    Attributes:
        hashes: per entity, ids and hashes of the stored documents, range by range. Events contain only the number of
            documents that are equal.
    """

    snapshot: FetchedSnapshot
    pool: ReaderPool
    server: ServerState
    hashes: Mapping[str, dict[int, bytes]]

    def events(self) -> Iterator[Event]:
        """Yields the ranges of an entity in any order."""
        snapshot = self.snapshot
        job = Job(snapshot.file.path, snapshot.seconds, self.server.plans, snapshot.entities, snapshot.naming)
        for event in self.pool.read(job, self.hashes):
            yield event if isinstance(event, Range) else Complete(event.entity, "snapshot")
