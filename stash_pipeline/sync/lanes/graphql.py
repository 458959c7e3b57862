"""The lane that works with every server: GraphQL queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.read_request import ReadRequest
from stash_pipeline.stash.reader import read_library
from stash_pipeline.sync.lanes.base import Event


@dataclass(frozen=True)
class GraphQLLane:
    """Sends requests; see :class:`Lane`.

    Attributes:
        plans: of all entities. requests: in their order.
    """

    client: StashClient
    plans: dict[str, QueryPlan]
    requests: Sequence[ReadRequest]
    settings: Settings

    def events(self) -> Iterator[Event]:
        """Yields pages as they arrive; several requests are in flight."""
        return read_library(
            self.client,
            self.plans,
            self.requests,
            page_size=self.settings.page_size,
            in_flight=self.settings.requests_in_flight,
        )
