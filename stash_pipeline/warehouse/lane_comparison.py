"""Reads one server both ways and compares document by document; knows nothing of Postgres."""

from collections import Counter
from dataclasses import dataclass, field

import orjson

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.planning import Plan, plan_library
from stash_pipeline.stash.reading import Page, read_library
from stash_pipeline.stash.snapshot.copy import taken
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import KINDS, documents
from stash_pipeline.stash.wanted import Wanted
from stash_pipeline.warehouse.history import described, differences
from stash_pipeline.warehouse.snapshot_reading import naming_of

_GRAPHQL, _SNAPSHOT = "only GraphQL has it", "only the snapshot has it"


@dataclass
class Comparison:
    """What reading both ways found.

    Attributes:
        documents: how many there are of each kind, in either. lines: one per object and field that differs.
    """

    documents: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)


def compare_lanes(settings: Settings, instance: Instance, client: StashClient | None = None) -> Comparison:
    """Compares all kinds that a database holds.

    Raises:
        UnusableSnapshot: if there is no copy, or none that can be read. StashError: what the network did.
    """
    found = Comparison()
    with client or instance.client(settings) as open_client:
        open_client.server_info()
        schema = open_client.introspect()
        plans = plan_library(schema)
        path = settings.home / "snapshots" / f"{instance.uuid}-compared.sqlite"
        with taken(open_client, path) as copy, Snapshot(copy.path) as snapshot:
            naming = naming_of(open_client, schema)
            answered = _answered(open_client, plans, settings)
            for kind in KINDS:
                theirs = answered.get(kind, {})
                for document in documents(snapshot, plans, kind, naming):
                    found.documents[kind] += 1
                    other = theirs.pop(document.id, None)
                    if other is None:
                        found.lines.append(f"{kind} {document.id}: {_SNAPSHOT}")
                    elif other != document.json:
                        changes = differences(orjson.loads(other), orjson.loads(document.json))
                        found.lines += [f"{kind} {document.id}: {described(*change)}" for change in changes]
                found.documents[kind] += len(theirs)
                found.lines += [f"{kind} {identifier}: {_GRAPHQL}" for identifier in sorted(theirs)]
    return found


def _answered(client: StashClient, plans: dict[str, Plan], settings: Settings) -> dict[str, dict[int, bytes]]:
    """The documents of all kinds, as GraphQL has them."""
    wanted = [Wanted(plan) for name, plan in plans.items() if plan.query and name in KINDS]
    found: dict[str, dict[int, bytes]] = {}
    for event in read_library(
        client, plans, wanted, page_size=settings.page_size, in_flight=settings.requests_in_flight
    ):
        if isinstance(event, Page):
            for kind, made in event.documents.items():
                found.setdefault(kind, {}).update({document.id: document.json for document in made})
    return found
