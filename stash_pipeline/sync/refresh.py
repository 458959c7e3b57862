"""One sync of one instance: chooses the lane, reads, and falls back to GraphQL if a snapshot fails."""

from collections.abc import Callable, Iterable, Mapping

from stash_pipeline.instances import Instance, LaneName, record_snapshot
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.snapshot.download import SnapshotFile, SnapshotTooLargeError
from stash_pipeline.sync.graphql_reading import GraphQLReading, Mode
from stash_pipeline.sync.lanes.choice import choose
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.sync.session import SyncSession, begin_session
from stash_pipeline.sync.snapshot_reading import SnapshotReading
from stash_pipeline.warehouse.raw.stats import EntityStats


class Refresh:
    """One sync of one instance into a loader.

    Args:
        check: called before every write; raises when the lock is no longer held.
        lane: for reading everything.

    Attributes:
        server: its state at the start, after it has responded.
        lane, lane_reason: the lane that was used, and why. snapshot: the snapshot that was read, if any.
        form: what that snapshot means, see ``page_ledger.py``.
        snapshot_failure: why the snapshot could not be used, unless it is too large.
        not_in_snapshot: fields that are not in the snapshot, by entity; these entities were read by GraphQL.
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
        self.snapshot: SnapshotFile | None = None
        self.form: bytes | None = None
        self.not_in_snapshot: dict[str, list[str]] = {}
        self.server: ServerState | None = None
        self.snapshot_failure: str | None = None

    @property
    def changes(self) -> dict[str, EntityStats]:
        """The statistics of all entities that were read or compared."""
        return {
            name: stats
            for name, stats in self.loader.changes.items()
            if stats.fetched or stats.listed or stats.complete or stats.failures or stats.changed
        }

    def run(self, entities: list[str], mode: Mode, objects: Mapping[str, Iterable[int]] | None = None) -> ServerState:
        """Reads entities; returns the server's state at the start.

        Args:
            mode: see ``graphql_reading.py``. objects: ids by entity, for mode objects.

        Raises:
            StashError: for errors of the server or the network. UserError: if a safeguard stops the sync.
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
        if self.snapshot_failure and self.loader.sink.writes:
            # only its snapshots fail, so the next runs do not request one
            record_snapshot(self.loader.connection, self.instance.id, None, None, self.snapshot_failure)
        return session.server

    def compare(self, objects: Mapping[str, set[int]]) -> int:
        """Reads only these objects; returns the number of objects that can be requested.

        For a loader that writes nothing.
        """
        return GraphQLReading(self._begin(list(objects))).compare(objects)

    def _begin(self, entities: list[str]) -> SyncSession:
        session = begin_session(self.loader, self.settings, self.instance, self.client, self.check, entities)
        self.server = session.server
        return session

    def _read_snapshot(self, session: SyncSession, entities: list[str], mode: Mode) -> bool:
        """Reads a snapshot if that is the lane; returns False if GraphQL is the lane, or must replace it."""
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
            retry=mode == "sweep",
        )
        self.lane, self.lane_reason = choice.lane, choice.reason
        if choice.lane != "snapshot":
            return False
        reading = SnapshotReading(session)
        try:
            try:
                reading.read(entities, limited=not choice.explicit)
            finally:
                self.snapshot, self.form = reading.snapshot, reading.form
        except StashError as error:
            if choice.explicit:
                raise
            # whatever the error is, GraphQL may still work
            message = self.client.masked(str(error))
            if not isinstance(error, SnapshotTooLargeError):
                # in that case the size is recorded instead
                self.snapshot_failure = message
            self.lane, self.lane_reason = "graphql", f"the snapshot failed: {message}"
            self.snapshot = self.form = None
            session.reset()
            return False
        self.not_in_snapshot = reading.missing_fields
        if self.not_in_snapshot:
            fields = ", ".join(f"{name}.{field}" for name, fields in self.not_in_snapshot.items() for field in fields)
            self.lane_reason += f"; {', '.join(self.not_in_snapshot)} by GraphQL, because the snapshot lacks {fields}"
        return True
