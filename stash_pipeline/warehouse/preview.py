"""What a reading would do to ``raw``, without doing it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import orjson

from stash_pipeline.instances import Instance, Lane
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import ServerInfo, StashClient
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.planning import plan_library
from stash_pipeline.stash.probing import probe, probe_document, read_probe
from stash_pipeline.stash.reading import Page
from stash_pipeline.warehouse import history
from stash_pipeline.warehouse.changes import EntityChange
from stash_pipeline.warehouse.clocks import moment_of
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.guard import Guard
from stash_pipeline.warehouse.load import RawLoader
from stash_pipeline.warehouse.mirror import Mirrored, trust
from stash_pipeline.warehouse.partitions import has_partitions
from stash_pipeline.warehouse.refresh import Mode, Refresh
from stash_pipeline.warehouse.tables import partition

OBJECTS_TOLD = 100
"""Per kind; all are counted."""


class PreviewLoader(RawLoader):
    """Compares like the loader, and notes what that would write.

    Attributes:
        lines: per kind, one text per object and field that would change.
        stamps: of the objects that would change, by kind and id.
    """

    writes = False

    def __init__(self, connection: Connection, instance_id: int, guard: Guard) -> None:
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.stamps: dict[tuple[str, int], datetime] = {}
        self._more: Counter[str] = Counter()
        self._written: dict[str, dict[int, bytes]] = defaultdict(dict)
        super().__init__(connection, instance_id, 0, guard)

    def _prepare(self, info: ServerInfo) -> None:
        pass

    def _note(self, pages: Sequence[Page]) -> None:
        pass

    def _tell(self, entity: str, line: str) -> None:
        if len(self.lines[entity]) < OBJECTS_TOLD:
            self.lines[entity].append(line)

    def hashes(self, entity: str, ids: list[int]) -> dict[int, tuple[bytes, bool]]:
        """As if everything had been written: one reading may meet an object twice."""
        written = self._written[entity]
        return super().hashes(entity, ids) | {i: (written[i], True) for i in ids if i in written}

    def live(self, entity: str, ids: Iterable[int]) -> set[int]:
        """As if everything had been written."""
        asked = set(ids)
        return super().live(entity, asked) | (asked & self._written[entity].keys())

    def counted(self) -> dict[str, int]:
        """As if everything had been written."""
        return {entity: count + self._more[entity] for entity, count in super().counted().items()}

    def _write(self, entity: str, new: list[Document], changed: list[Document]) -> None:
        self._written[entity].update({document.id: document.hash for document in [*new, *changed]})
        self._more[entity] += len(new) + self._returning(entity, changed)
        for document in new:
            self._tell(entity, f"{document.id}: inserted")
        before = {
            identifier: orjson.loads(text)
            for identifier, text in self.connection.execute(
                f"SELECT id, document::text FROM {partition('raw.' + entity, self.instance_id)}\n"
                "WHERE instance_id = %s AND id = ANY(%s)",
                [self.instance_id, [document.id for document in changed]],
            )
        }
        for document in [*new, *changed]:
            moment = moment_of(document.updated_at)
            if moment:
                self.stamps[entity, document.id] = moment
        for document in changed:
            fields = history.differences(before[document.id], orjson.loads(document.json))
            for field in fields:
                self._tell(entity, f"{document.id}: {history.described(*field)}")
            if not fields:
                self._tell(entity, f"{document.id}: returned")

    def _tombstone(self, entity: str, gone: list[int]) -> None:
        for identifier in gone:
            self._tell(entity, f"{identifier}: removed")

    def conclude(self, entity: str, forms: Mapping[str, bytes], read_at: datetime | None = None) -> None:
        """Nothing is noted."""

    def conclude_hint(self, entity: str, read_at: datetime | None) -> None:
        """Nothing is noted."""

    def note_offset(self, offset: timedelta) -> None:
        """Nothing is noted."""


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
    lane: Lane | None = None,
) -> tuple[Mirrored, dict[str, list[str]]]:
    """Reads the kinds named and compares; writes nothing.

    Returns:
        what :func:`stash_pipeline.warehouse.mirror.mirror` would return, and per kind a line per change. Of an
        instance that was never read, only what the server counts: everything would be inserted.

    Raises:
        StashError: what the server or the network did. UserError: where a reading would stop.
    """
    result = Mirrored(0)
    with connect(database_url) as connection, client or instance.client(settings) as open_client:
        guard = Guard(connection, instance.id, instance.name, accept=accept_removals)
        if not has_partitions(connection, instance.id):
            return _first(open_client, entities, result), {}
        loader = PreviewLoader(connection, instance.id, guard)
        refresh = Refresh(loader, settings, instance, open_client, trust, lane or instance.lane)
        refresh.run(entities, mode, objects)
        result.take(refresh)
    return result, dict(loader.lines)


def _first(client: StashClient, entities: list[str], result: Mirrored) -> Mirrored:
    result.release = client.server_info().version
    plans = plan_library(client.introspect())
    for name, count in read_probe(probe(client, probe_document(plans))).counts.items():
        if name in entities:
            result.changes[name] = EntityChange(expected=count, inserted=count, first=True)
    return result
