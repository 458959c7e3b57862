"""A sync that writes nothing and reports what it would change in ``raw``."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import orjson

from stash_pipeline.instances import Instance, LaneName
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import ServerInfo, StashClient
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.probing import probe, probe_document, read_probe
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.stash.reader import Page
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.refresh import Refresh
from stash_pipeline.sync.run import SyncResult, no_lock_check
from stash_pipeline.sync.safeguards import Safeguards
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.raw import history
from stash_pipeline.warehouse.raw.partitions import has_partitions
from stash_pipeline.warehouse.raw.stats import EntityStats
from stash_pipeline.warehouse.raw.watermarks import moment_of
from stash_pipeline.warehouse.raw.writer import RawWriter, tombstones

MOST_LINES = 100
"""Lines kept per entity. The counts include all objects."""


class DryRun:
    """A sink that records what would be written, and writes nothing; see :class:`Sink`.

    Attributes:
        lines: per entity, one line per object and field that would change.
        stamps: the timestamps of the objects that would change, by entity and id.
    """

    writes = False

    def __init__(self, connection: Connection, instance_id: int) -> None:
        self.connection = connection
        self.instance_id = instance_id
        self.run_id = 0
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.stamps: dict[tuple[str, int], datetime] = {}
        self._stored = RawWriter(connection, instance_id, 0)
        self._added: Counter[str] = Counter()
        self._written: dict[str, dict[int, bytes]] = defaultdict(dict)

    def leaf(self, entity: str) -> str:
        """The table with this instance's documents of an entity."""
        return self._stored.leaf(entity)

    def start(self, info: ServerInfo) -> None:
        """Does nothing."""

    def record_pages(self, pages: Sequence[Page]) -> None:
        """Does nothing."""

    def hashes(self, entity: str, ids: list[int]) -> dict[int, tuple[bytes, bool]]:
        """As if everything had been written, because a run may read an object twice."""
        written = self._written[entity]
        return self._stored.hashes(entity, ids) | {i: (written[i], True) for i in ids if i in written}

    def live(self, entity: str, ids: Iterable[int]) -> set[int]:
        """As if everything had been written."""
        requested = set(ids)
        return self._stored.live(entity, requested) | (requested & self._written[entity].keys())

    def counted(self) -> dict[str, int]:
        """As if everything had been written."""
        return {entity: count + self._added[entity] for entity, count in self._stored.counted().items()}

    def write(self, entity: str, new: list[Document], changed: list[Document]) -> None:
        """Records what would be inserted, and what differs."""
        self._written[entity].update({document.id: document.hash for document in [*new, *changed]})
        ids = [document.id for document in changed]
        self._added[entity] += len(new) + tombstones(self, entity, ids)
        for document in new:
            self._add_line(entity, f"{document.id}: inserted")
        before = {
            identifier: orjson.loads(text)
            for identifier, text in self.connection.execute(
                f"SELECT id, document::text FROM {self.leaf(entity)}\nWHERE instance_id = %s AND id = ANY(%s)",
                [self.instance_id, ids],
            )
        }
        for document in [*new, *changed]:
            moment = moment_of(document.updated_at)
            if moment:
                self.stamps[entity, document.id] = moment
        for document in changed:
            fields = history.differences(before[document.id], orjson.loads(document.json))
            for field in fields:
                self._add_line(entity, f"{document.id}: {history.described(*field)}")
            if not fields:
                self._add_line(entity, f"{document.id}: returned")

    def tombstone(self, entity: str, ids: list[int]) -> None:
        """Records what would be removed."""
        for identifier in ids:
            self._add_line(entity, f"{identifier}: removed")

    def _add_line(self, entity: str, line: str) -> None:
        if len(self.lines[entity]) < MOST_LINES:
            self.lines[entity].append(line)

    def finish(
        self, entity: str, change: EntityStats, forms: Mapping[str, bytes], read_at: datetime | None, missing: int
    ) -> None:
        """Does nothing."""

    def finish_incremental(self, entity: str, change: EntityStats, read_at: datetime | None) -> None:
        """Does nothing."""

    def record_offset(self, offset: timedelta) -> None:
        """Does nothing."""


def dry_run(
    settings: Settings,
    database_url: str,
    instance: Instance,
    entities: list[str],
    *,
    mode: Mode = "sweep",
    objects: Mapping[str, Iterable[int]] | None = None,
    client: StashClient | None = None,
    accept_removals: bool = False,
    lane: LaneName | None = None,
) -> tuple[SyncResult, dict[str, list[str]]]:
    """Reads entities and compares them; writes nothing.

    Returns:
        the result of :func:`stash_pipeline.sync.run.run_sync`, and per entity one line per change. If the instance was
        never read, only the server's counts, because everything would be inserted.

    Raises:
        StashError: for errors of the server or the network. UserError: if a sync would stop.
    """
    result = SyncResult(0)
    with connect(database_url) as connection, client or instance.client(settings) as open_client:
        guard = Safeguards(connection, instance.id, instance.name, accept=accept_removals)
        if not has_partitions(connection, instance.id):
            return _first_sync(open_client, entities, result), {}
        sink = DryRun(connection, instance.id)
        refresh = Refresh(RawLoader(sink, guard), settings, instance, open_client, no_lock_check, lane or instance.lane)
        refresh.run(entities, mode, objects)
        result.record(refresh)
    return result, dict(sink.lines)


def _first_sync(client: StashClient, entities: list[str], result: SyncResult) -> SyncResult:
    result.release = client.server_info().version
    plans = plan_library(client.introspect())
    for name, count in read_probe(probe(client, probe_document(plans))).counts.items():
        if name in entities:
            result.changes[name] = EntityStats(expected=count, inserted=count, first=True)
    return result
