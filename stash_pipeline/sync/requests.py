"""Which requests read what a mode wants of a server."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.read_request import LISTED, LISTING_OBJECTS, ReadRequest, incremental_plan, sparse_requests
from stash_pipeline.sync.local_state import LocalState
from stash_pipeline.sync.server_state import ServerState


class Requests:
    """Makes the requests of one run."""

    def __init__(self, server: ServerState, local: LocalState) -> None:
        self._server = server
        self._local = local
        self._plans = server.plans

    def documents(self, entities: Iterable[str]) -> list[ReadRequest]:
        """Reads all documents of some entities."""
        names = self._with_carriers(entities)
        cached = self._local.cached_pages(names, "documents")
        return [ReadRequest(self._plans[name], known=cached.get(name, {})) for name in names]

    def listings(self, entities: Iterable[str]) -> list[ReadRequest]:
        """Lists all objects of some entities, with the fields that may change without a new ``updated_at``."""
        names = self._with_carriers(entities)
        cached = self._local.cached_pages(names, "listing")
        requests: list[ReadRequest] = []
        for name in names:
            if name not in LISTED:
                # in pages of the size that a sweep has, so that the answers of the one are known to the other
                requests += self.documents([name])
                continue
            requests.append(
                ReadRequest(
                    self._server.listing_plans[name],
                    "listing",
                    known=cached.get(name, {}),
                    page_size=LISTING_OBJECTS,
                )
            )
            requests += sparse_requests(self._plans[name])
        return requests

    def incremental(self, entities: Iterable[str], overlap: timedelta) -> list[ReadRequest]:
        """Lists what was stamped, or played, since the last run; nothing where the newest stamp is older."""
        requests = []
        for name in entities:
            plan = self._plans[name]
            if not is_incremental(plan):
                continue
            since = self._local.since(name, overlap)
            if (self._server.probe.newest.get(name) or "")[:19] >= since:
                requests.append(_stamped(plan, "updated_at", since))
            if "last_played_at" in plan.filters and self._server.probe.played:
                since = self._local.since_utc(name, overlap)
                if self._server.probe.played[:19] >= since:
                    requests.append(_stamped(plan, "last_played_at", since))
        return requests

    def objects(self, ids: Mapping[str, set[int]]) -> list[ReadRequest]:
        """Reads some objects by id; all of an entity that an old release does not give by id."""
        requests = []
        for entity in ENTITIES:
            name, plan = entity.name, self._plans[entity.name]
            if not ids.get(name) or not plan.query:
                continue
            if plan.by_id:
                requests.append(ReadRequest(plan, "objects", ids=tuple(sorted(ids[name]))))
            else:
                requests += self.documents([name])
        return requests

    def _with_carriers(self, entities: Iterable[str]) -> list[str]:
        """Files that are only found inside others are read with all of those."""
        names = list(entities)
        for name in list(names):
            if not self._plans[name].query:
                names += [owner for owner in self._plans[name].entity.embedded_in if owner not in names]
        return [name for name in names if self._plans[name].query]


def is_incremental(plan: QueryPlan) -> bool:
    """Whether the server can list what was stamped since a moment."""
    return "updated_at" in plan.filters


def _stamped(plan: QueryPlan, stamp: str, since: str) -> ReadRequest:
    criterion = {stamp: {"value": since, "modifier": "GREATER_THAN"}}
    return ReadRequest(incremental_plan(plan), "incremental", criterion, page_size=LISTING_OBJECTS)
