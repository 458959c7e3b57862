"""The state of a server before anything is read."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stash_pipeline.stash.client import ServerInfo, StashClient
from stash_pipeline.stash.probing import Probe, probe, probe_document, read_probe
from stash_pipeline.stash.query_plan import QueryPlan, plan_library
from stash_pipeline.stash.read_request import LISTED, listing_plan
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.sync.safeguards import Safeguards


@dataclass(frozen=True)
class ServerState:
    """The state of a server at the start of a run.

    Attributes:
        plans: how each entity is read. listing_plans: how entities are listed.
        started: by the server's clock.
        probe_text, probe_answer: the query that shows whether anything changed, and its response. probe: the parsed
            response.
    """

    info: ServerInfo
    schema: ServerSchema
    plans: dict[str, QueryPlan]
    listing_plans: dict[str, QueryPlan]
    started: datetime
    probe_text: str
    probe_answer: dict[str, Any]
    probe: Probe

    @property
    def release(self) -> str:
        """The server's version."""
        return self.info.version

    @property
    def missing_fields(self) -> list[str]:
        """Fields of the specification that the server does not have."""
        return sorted({path for plan in self.plans.values() for path in plan.missing_fields})

    @property
    def unmapped_fields(self) -> list[str]:
        """Fields of the server that the specification does not have."""
        return sorted({path for plan in self.plans.values() for path in plan.unmapped_fields})

    def counts(self, entities: Collection[str]) -> dict[str, int]:
        """The server's counts of these entities."""
        return {name: count for name, count in self.probe.counts.items() if name in entities}


def handshake(client: StashClient, safeguards: Safeguards, entities: Collection[str]) -> ServerState:
    """Requests the version, the schema and the counts of a server.

    Args:
        entities: whose counts the safeguards check.

    Raises:
        StashError: for errors of the server or the network. SuspiciousServerError: if it is another server or an older
            database than before.
    """
    info = client.server_info()
    started = client.now()
    safeguards.schema(info.database_schema)
    schema = client.introspect()
    plans = plan_library(schema)
    listing_plans = {name: listing_plan(plan) for name, plan in plans.items() if name in LISTED}
    probe_text = probe_document(plans)
    answer = probe(client, probe_text)
    state = ServerState(info, schema, plans, listing_plans, started, probe_text, answer, read_probe(answer))
    safeguards.counts(state.counts(entities))
    return state
