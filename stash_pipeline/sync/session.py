"""The state of one run of one instance that both lanes share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import IncompleteListingError
from stash_pipeline.stash.probing import count_differences, probe, read_probe
from stash_pipeline.stash.read_request import ReadRequest
from stash_pipeline.sync.applier import EventApplier
from stash_pipeline.sync.coverage import Coverage
from stash_pipeline.sync.lanes.graphql import GraphQLLane
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.local_state import LocalState
from stash_pipeline.sync.requests import Requests
from stash_pipeline.sync.server_state import ServerState, handshake


@dataclass
class SyncSession:
    """The objects of one run.

    Attributes:
        check: called before every write; raises when the lock is no longer held.
        server, local: the states at the start of the run.
    """

    loader: RawLoader
    settings: Settings
    instance: Instance
    client: StashClient
    check: Callable[[], None]
    server: ServerState
    local: LocalState
    coverage: Coverage
    requests: Requests
    applier: EventApplier

    def read(self, requests: Sequence[ReadRequest]) -> None:
        """Reads by GraphQL, and writes new and changed documents."""
        if requests:
            self.applier.apply(GraphQLLane(self.client, self.server.plans, requests, self.settings))

    def count_differences(self, entities: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Per entity whose number of objects will differ from the server's count: (stored, on the server)."""
        if not self.loader.sink.writes:
            return {}
        probe_text, first = self.server.probe_text, self.server.probe
        stored = self.loader.expected_counts(name for name in entities if name in first.counts)
        return count_differences(stored, first, lambda: read_probe(probe(self.client, probe_text)))

    def check_counts(self) -> None:
        """Compares the future number of objects with the server's counts, before anything is removed.

        Raises:
            IncompleteListingError: if the number of a completely read entity will differ.
        """
        if differences := self.count_differences(self.coverage.read_by_graphql()):
            raise IncompleteListingError(f"The server counts {format_counts(differences)}; nothing was removed.")

    def finish(self) -> None:
        """Removes objects that the server no longer has, and records the watermarks."""
        self.check()
        self.check_counts()
        self.loader.remove_gone()
        self.coverage.finish()

    def reset(self) -> None:
        """Starts over after a rollback."""
        self.loader.reset()
        self.coverage.reset()


def begin_session(
    loader: RawLoader,
    settings: Settings,
    instance: Instance,
    client: StashClient,
    check: Callable[[], None],
    entities: Sequence[str],
) -> SyncSession:
    """Connects to the server, and prepares the loader.

    Raises:
        StashError: for errors of the server or the network. SuspiciousServerError: if it is another server or an older
            database than before.
    """
    server = handshake(client, loader.guard, entities)
    loader.start(server.info, server.started)
    local = LocalState(loader.connection, instance.id, server, client.prefix)
    loader.settled = local.settled()
    coverage = Coverage(loader, server, local)
    applier = EventApplier(loader, coverage, instance.name, check)
    return SyncSession(
        loader, settings, instance, client, check, server, local, coverage, Requests(server, local), applier
    )


def format_counts(differences: dict[str, tuple[int, int]]) -> str:
    """Differing counts as text."""
    return ", ".join(f"{server:,} {name} where {stored:,} were read" for name, (stored, server) in differences.items())
