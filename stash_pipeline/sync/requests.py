"""The GraphQL requests of a run."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.read_request import LISTED, LISTING_OBJECTS, ReadRequest, incremental_plan, sparse_requests
from stash_pipeline.sync.local_state import LocalState
from stash_pipeline.sync.server_state import ServerState


class Requests:
    """Creates the requests of one run."""

    def __init__(self, server: ServerState, local: LocalState) -> None:
        self._server = server
        self._local = local
        self._plans = server.plans

    def documents(self, entities: Iterable[str]) -> list[ReadRequest]:
        """Requests for all documents of entities."""
        names = self._with_carriers(entities)
        cached = self._local.cached_pages(names, "documents")
        return [ReadRequest(self._plans[name], cached=cached.get(name, {})) for name in names]

    def listings(self, entities: Iterable[str]) -> list[ReadRequest]:
        """Requests for listings of entities, with the fields that can change without a new ``updated_at``."""
        names = self._with_carriers(entities)
        cached = self._local.cached_pages(names, "listing")
        requests: list[ReadRequest] = []
        for name in names:
            if name not in LISTED:
                # in pages of the same size as a sweep, so that both can use the same cached pages
                requests += self.documents([name])
                continue
            requests.append(
                ReadRequest(
                    self._server.listing_plans[name],
                    "listing",
                    cached=cached.get(name, {}),
                    page_size=LISTING_OBJECTS,
                )
            )
            requests += sparse_requests(self._plans[name])
        return requests

    def incremental(self, entities: Iterable[str], overlap: timedelta) -> list[ReadRequest]:
        """Requests for objects updated or played since the last run; none if the newest timestamp is older."""
        requests = []
        for name in entities:
            plan = self._plans[name]
            if not is_incremental(plan):
                continue
            since = self._local.since(name, overlap)
            if (self._server.probe.newest.get(name) or "")[:19] >= since:
                requests.append(_updated_since(plan, "updated_at", since))
            if "last_played_at" in plan.filters and self._server.probe.played:
                since = self._local.since_utc(name, overlap)
                if self._server.probe.played[:19] >= since:
                    requests.append(_updated_since(plan, "last_played_at", since))
        return requests

    def objects(self, ids: Mapping[str, set[int]]) -> list[ReadRequest]:
        """Requests for objects by id, or for all objects of an entity if an old release has no query by id."""
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
        """Replaces entities without a query by the entities that contain them."""
        names = list(entities)
        for name in list(names):
            if not self._plans[name].query:
                names += [owner for owner in self._plans[name].entity.embedded_in if owner not in names]
        return [name for name in names if self._plans[name].query]


def is_incremental(plan: QueryPlan) -> bool:
    """Whether the server can list the objects updated since a given time."""
    return "updated_at" in plan.filters


def _updated_since(plan: QueryPlan, field: str, since: str) -> ReadRequest:
    criterion = {field: {"value": since, "modifier": "GREATER_THAN"}}
    return ReadRequest(incremental_plan(plan), "incremental", criterion, page_size=LISTING_OBJECTS)
