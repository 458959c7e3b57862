"""What a reading would do to ``raw``, without doing it."""

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
from stash_pipeline.sync.run import SyncResult, trust
from stash_pipeline.sync.safeguards import Safeguards
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.raw import history
from stash_pipeline.warehouse.raw.partitions import has_partitions
from stash_pipeline.warehouse.raw.stats import EntityStats
from stash_pipeline.warehouse.raw.watermarks import moment_of
from stash_pipeline.warehouse.raw.writer import RawWriter, tombstones

OBJECTS_TOLD = 100
"""Per kind; all are counted."""


class DryRun:
    """The sink that writes nothing, and notes what would be written; see :class:`Sink`.

    Attributes:
        lines: per kind, one text per object and field that would change.
        stamps: of the objects that would change, by kind and id.
    """

    writes = False

    def __init__(self, connection: Connection, instance_id: int) -> None:
        self.connection = connection
        self.instance_id = instance_id
        self.run_id = 0
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.stamps: dict[tuple[str, int], datetime] = {}
        self._there = RawWriter(connection, instance_id, 0)
        self._more: Counter[str] = Counter()
        self._written: dict[str, dict[int, bytes]] = defaultdict(dict)

    def leaf(self, entity: str) -> str:
        """The table with this instance's documents of a kind."""
        return self._there.leaf(entity)

    def start(self, info: ServerInfo) -> None:
        """Makes nothing."""

    def record_pages(self, pages: Sequence[Page]) -> None:
        """Notes nothing."""

    def hashes(self, entity: str, ids: list[int]) -> dict[int, tuple[bytes, bool]]:
        """As if everything had been written: one reading may meet an object twice."""
        written = self._written[entity]
        return self._there.hashes(entity, ids) | {i: (written[i], True) for i in ids if i in written}

    def live(self, entity: str, ids: Iterable[int]) -> set[int]:
        """As if everything had been written."""
        asked = set(ids)
        return self._there.live(entity, asked) | (asked & self._written[entity].keys())

    def counted(self) -> dict[str, int]:
        """As if everything had been written."""
        return {entity: count + self._more[entity] for entity, count in self._there.counted().items()}

    def write(self, entity: str, new: list[Document], changed: list[Document]) -> None:
        """Notes what would be inserted, and what differs."""
        self._written[entity].update({document.id: document.hash for document in [*new, *changed]})
        ids = [document.id for document in changed]
        self._more[entity] += len(new) + tombstones(self, entity, ids)
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
        """Notes what would be removed."""
        for identifier in ids:
            self._add_line(entity, f"{identifier}: removed")

    def _add_line(self, entity: str, line: str) -> None:
        if len(self.lines[entity]) < OBJECTS_TOLD:
            self.lines[entity].append(line)

    def finish(
        self, entity: str, change: EntityStats, forms: Mapping[str, bytes], read_at: datetime | None, missing: int
    ) -> None:
        """Notes nothing."""

    def finish_incremental(self, entity: str, change: EntityStats, read_at: datetime | None) -> None:
        """Notes nothing."""

    def record_offset(self, offset: timedelta) -> None:
        """Notes nothing."""


def preview(
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
    """Reads the kinds named and compares; writes nothing.

    Returns:
        what :func:`stash_pipeline.sync.run.mirror` would return, and per kind a line per change. Of an
        instance that was never read, only what the server counts: everything would be inserted.

    Raises:
        StashError: what the server or the network did. UserError: where a reading would stop.
    """
    result = SyncResult(0)
    with connect(database_url) as connection, client or instance.client(settings) as open_client:
        guard = Safeguards(connection, instance.id, instance.name, accept=accept_removals)
        if not has_partitions(connection, instance.id):
            return _first(open_client, entities, result), {}
        sink = DryRun(connection, instance.id)
        refresh = Refresh(RawLoader(sink, guard), settings, instance, open_client, trust, lane or instance.lane)
        refresh.run(entities, mode, objects)
        result.take(refresh)
    return result, dict(sink.lines)


def _first(client: StashClient, entities: list[str], result: SyncResult) -> SyncResult:
    result.release = client.server_info().version
    plans = plan_library(client.introspect())
    for name, count in read_probe(probe(client, probe_document(plans))).counts.items():
        if name in entities:
            result.changes[name] = EntityStats(expected=count, inserted=count, first=True)
    return result
