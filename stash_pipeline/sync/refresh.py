"""One refresh of one instance: chooses the lane, reads, and falls back to GraphQL where a snapshot fails."""

from collections.abc import Callable, Iterable, Mapping

from stash_pipeline.instances import Instance, LaneName, record_snapshot
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.snapshot.copy import Copy, SnapshotTooLargeError
from stash_pipeline.sync.graphql_reading import GraphQLReading, Mode
from stash_pipeline.sync.lanes.choice import choose
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.sync.session import SyncSession, begin_session
from stash_pipeline.sync.snapshot_reading import SnapshotReading
from stash_pipeline.warehouse.raw.stats import EntityStats


class Refresh:
    """One refresh of one instance, into a loader.

    Args:
        check: called before every write; raises when the lock is no longer held.
        lane: to take where everything is read.

    Attributes:
        server: as it was at the beginning, once it has answered.
        lane, lane_reason: the lane that was taken, and why. copy: of the database, if it was read.
        missing_in_copy: fields that the copy lacks, by entity; these entities were read by GraphQL.
    """

    def __init__(
        self,
        loader: RawLoader,
        settings: Settings,
        instance: Instance,
        client: StashClient,
        check: Callable[[], None],
        lane: LaneName = "graphql",
    ) -> None:
        self.loader = loader
        self.settings = settings
        self.instance = instance
        self.client = client
        self.check = check
        self.lane = lane
        self.lane_reason = ""
        self.copy: Copy | None = None
        self.missing_in_copy: dict[str, list[str]] = {}
        self.server: ServerState | None = None
        self._snapshot_failure: str | None = None

    @property
    def changes(self) -> dict[str, EntityStats]:
        """What happened, per entity that was looked at."""
        return {
            name: stats
            for name, stats in self.loader.changes.items()
            if stats.fetched or stats.listed or stats.complete or stats.failures or stats.changed
        }

    def run(self, entities: list[str], mode: Mode, objects: Mapping[str, Iterable[int]] | None = None) -> ServerState:
        """Reads some entities; returns the server's state at the beginning.

        Args:
            mode: see ``graphql_reading.py``. objects: ids by entity, of mode objects.

        Raises:
            StashError: what the server or the network did. UserError: where the safeguards stop.
        """
        session = self._begin(entities)
        plans = session.server.plans
        readable = [name for name in entities if plans[name].query or plans[name].entity.embedded_in]
        if not readable:
            raise StashError(f"{self.instance.name} ({session.server.release}) has none of {', '.join(entities)}.")
        if mode == "objects":
            GraphQLReading(session).read_named({name: set(ids) for name, ids in (objects or {}).items()})
        elif self._read_snapshot(session, readable, mode):
            return session.server
        else:
            GraphQLReading(session).read(readable, mode)
        session.finish()
        if self._snapshot_failure and self.loader.sink.writes:
            # the server is well, and its copies are not: the next runs need not try
            record_snapshot(self.loader.connection, self.instance.id, None, None, self._snapshot_failure)
        return session.server

    def compare(self, objects: Mapping[str, set[int]]) -> int:
        """Reads some objects and nothing that they lead to; returns how many the server can be asked for.

        For a loader that writes nothing.
        """
        return GraphQLReading(self._begin(list(objects))).compare(objects)

    def _begin(self, entities: list[str]) -> SyncSession:
        session = begin_session(self.loader, self.settings, self.instance, self.client, self.check, entities)
        self.server = session.server
        return session

    def _read_snapshot(self, session: SyncSession, entities: list[str], mode: Mode) -> bool:
        """Reads a copy of the database, if that is the lane; False if GraphQL is, or has to replace it."""
        everything = mode in ("reconcile", "sweep") or not session.local.current.intersection(entities)
        if len(entities) < len(ENTITIES) and self.lane == "auto":
            everything = False
        choice = choose(
            self.settings,
            self.instance,
            self.lane,
            session.server.info,
            session.server.schema,
            everything=everything,
            again=mode == "sweep",
        )
        self.lane, self.lane_reason = choice.lane, choice.reason
        if choice.lane != "snapshot":
            return False
        reading = SnapshotReading(session)
        try:
            reading.read(entities, limited=not choice.asked)
        except StashError as error:
            if choice.asked:
                raise
            # whatever it was: of the same server, GraphQL may well be had
            message = self.client.masked(str(error))
            if not isinstance(error, SnapshotTooLargeError):
                # its size is recorded instead
                self._snapshot_failure = message
            self.lane, self.lane_reason = "graphql", f"the snapshot failed: {message}"
            session.reset()
            return False
        self.copy, self.missing_in_copy = reading.copy, reading.missing_fields
        if self.missing_in_copy:
            fields = ", ".join(f"{name}.{field}" for name, fields in self.missing_in_copy.items() for field in fields)
            self.lane_reason += f"; {', '.join(self.missing_in_copy)} by GraphQL, because the copy lacks {fields}"
        return True
