"""The lane that reads a copy of the server's own database: faster, where the server offers one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.reader import Complete
from stash_pipeline.stash.snapshot.copy import Copy, downloaded_copy
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import KINDS, Naming, unmapped_fields
from stash_pipeline.stash.snapshot.ranges import Job, Range
from stash_pipeline.stash.snapshot.reader_pool import ReaderPool, reader_pool
from stash_pipeline.stash.snapshot.server_facts import naming_of, previews_of
from stash_pipeline.sync.lanes.base import Event
from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.warehouse.raw.page_ledger import copy_form

_PATIENCE: Final = 2.0
"""A server may take so many times the configured seconds, so that the run learns how long it needs."""

_PATIENCE_IF_CONFIGURED: Final = 3600.0
_MB: Final = 1_000_000
_SECONDS: Final = 60.0
_SECONDS_PER_MB: Final = 1.0
"""How long a copy may take to be read: far more than one needs, so that a crafted one comes to an end."""


@dataclass(frozen=True)
class OpenCopy:
    """A copy that was fetched.

    Attributes:
        entities: that it holds whole. missing_fields: those of the other entities that it lacks, by entity.
        seconds: in which it must be read.
        form: 16 bytes that are equal where the documents are the same.
    """

    copy: Copy
    entities: tuple[str, ...]
    missing_fields: dict[str, list[str]]
    seconds: float
    form: bytes
    naming: Naming

    @contextmanager
    def readers(self) -> Iterator[ReaderPool]:
        """Processes that read the copy, started before anything of it is written."""
        with reader_pool(self.copy.size) as pool:
            yield pool


@contextmanager
def open_copy(
    client: StashClient,
    settings: Settings,
    instance: Instance,
    server: ServerState,
    entities: Sequence[str],
    *,
    limited: bool,
) -> Iterator[OpenCopy]:
    """Fetches a copy of the server's database, and removes it at the end.

    Args:
        entities: to be read. limited: do not fetch a copy that is larger than the setting allows.

    Raises:
        SnapshotError: there is none, or it cannot be read. StashError: what the network did.
    """
    limit = settings.snapshot_max_mb * _MB if limited else None
    patience = settings.snapshot_max_seconds * _PATIENCE if limited else _PATIENCE_IF_CONFIGURED
    naming = naming_of(client, server.schema, server.info)
    path = settings.snapshots / f"{instance.uuid}.sqlite"
    with downloaded_copy(client, path, largest=limit, patience=patience) as copy:
        with Snapshot(copy.path, seconds=_SECONDS, check=False) as snapshot:
            unmapped = unmapped_fields(snapshot, server.plans)
        missing = {name: fields for name, fields in unmapped.items() if name in entities}
        mapped = tuple(name for name in KINDS if name in entities and name not in missing)
        seconds = _SECONDS + copy.size / _MB * _SECONDS_PER_MB
        if "images" in mapped:
            naming = replace(naming, previews=previews_of(client, server.plans, copy.path, seconds))
        queries = [server.plans[name].page_document() for name in mapped]
        form = copy_form(copy.digest, [*queries, server.release, naming.as_key()])
        yield OpenCopy(copy, mapped, missing, seconds, form, naming)


@dataclass(frozen=True)
class SnapshotLane:
    """Reads an open copy; see :class:`Lane`.

    Attributes:
        hashes: per entity, ids and hashes of the documents that are stored, range by range: of what equals them, only
            the number is yielded.
    """

    copy: OpenCopy
    pool: ReaderPool
    server: ServerState
    hashes: Mapping[str, dict[int, bytes]]

    def events(self) -> Iterator[Event]:
        """Yields ranges, those of one entity in any order."""
        copy = self.copy
        job = Job(copy.copy.path, copy.seconds, self.server.plans, copy.entities, copy.naming)
        for event in self.pool.read(job, self.hashes):
            yield event if isinstance(event, Range) else Complete(event.kind, "snapshot")
