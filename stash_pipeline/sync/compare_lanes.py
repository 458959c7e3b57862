"""Reads one server by both lanes and compares document by document, without Postgres."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace

import orjson

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.query_plan import QueryPlan, plan_library
from stash_pipeline.stash.read_request import ReadRequest
from stash_pipeline.stash.reader import Page, read_library
from stash_pipeline.stash.snapshot.copy import downloaded_copy
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import KINDS, documents, unmapped_fields
from stash_pipeline.stash.snapshot.server_facts import naming_of, previews_of
from stash_pipeline.warehouse.raw.history import described, differences

_SECONDS = 3600.0
"""The limit for reading a copy."""

_GRAPHQL, _SNAPSHOT = "only GraphQL has it", "only the snapshot has it"


@dataclass
class Comparison:
    """The result of reading a server by both lanes.

    Attributes:
        documents: number per entity, of either lane. lines: one per object and field that differs.
        not_in_copy: fields that the copy does not have. They are not compared; a sync reads their entities by GraphQL.
    """

    documents: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    not_in_copy: list[str] = field(default_factory=list)


def compare_lanes(settings: Settings, instance: Instance, client: StashClient | None = None) -> Comparison:
    """Compares all entities that a database holds.

    Raises:
        SnapshotError: if there is no copy, or none that can be read. StashError: what the network did.
    """
    found = Comparison()
    with client or instance.client(settings) as open_client:
        info = open_client.server_info()
        schema = open_client.introspect()
        plans = plan_library(schema)
        path = settings.home / "snapshots" / f"{instance.uuid}-compared.sqlite"
        with downloaded_copy(open_client, path) as copy, Snapshot(copy.path, seconds=_SECONDS) as snapshot:
            plans, found.not_in_copy = _without_unmapped(snapshot, plans)
            previews = previews_of(open_client, plans, copy.path, _SECONDS)
            naming = replace(naming_of(open_client, schema, info), previews=previews)
            with closing(_answered(open_client, plans, settings)) as answers:
                for kind in (kind for kind in KINDS if plans[kind].fields):
                    for document in documents(snapshot, plans, kind, naming):
                        found.documents[kind] += 1
                        found.lines += _differences(answers, kind, document)
                    only = [
                        row[0] for row in answers.execute("SELECT id FROM answers WHERE kind = ? ORDER BY 1", [kind])
                    ]
                    found.documents[kind] += len(only)
                    found.lines += [f"{kind} {identifier}: {_GRAPHQL}" for identifier in only]
    return found


def _without_unmapped(snapshot: Snapshot, plans: dict[str, QueryPlan]) -> tuple[dict[str, QueryPlan], list[str]]:
    """The plans without the fields that the copy lacks, and those fields."""
    lacking = unmapped_fields(snapshot, plans)
    left = dict(plans)
    for kind, names in lacking.items():
        kept = [planned.field.name for planned in plans[kind].fields if planned.field.name not in names]
        left[kind] = plans[kind].cut_to(kept, carry=True)
    return left, [f"{kind}.{name}" for kind, names in lacking.items() for name in names]


def _differences(answers: sqlite3.Connection, kind: str, document: Document) -> list[str]:
    """Compares a document of the copy with the one that was answered, which is forgotten."""
    row = answers.execute("SELECT document FROM answers WHERE kind = ? AND id = ?", [kind, document.id]).fetchone()
    if row is None:
        return [f"{kind} {document.id}: {_SNAPSHOT}"]
    answers.execute("DELETE FROM answers WHERE kind = ? AND id = ?", [kind, document.id])
    if row[0] == document.json:
        return []
    if not row[0] or document.broken:
        # of one lane only, or neither would have a document
        who = f"cannot be read in the copy: {document.broken}" if document.broken else "cannot be read from the answers"
        return [f"{kind} {document.id}: {who}"]
    changes = differences(orjson.loads(row[0]), orjson.loads(document.json))
    return [f"{kind} {document.id}: {described(*change)}" for change in changes] or [
        f"{kind} {document.id}: {_spelled(row[0], document.json)}"
    ]


def _spelled(one: bytes, other: bytes) -> str:
    """Where two texts differ that hold the same values."""
    place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    shown = [text[max(place - 20, 0) : place + 20].decode("utf-8", "replace") for text in (one, other)]
    return f"the same values, spelled differently: …{shown[0]}… → …{shown[1]}…"


def _answered(client: StashClient, plans: dict[str, QueryPlan], settings: Settings) -> sqlite3.Connection:
    """The documents of all kinds, as GraphQL has them; on disk, where they are more than memory should hold."""
    wanted = [ReadRequest(plan) for name, plan in plans.items() if plan.query and plan.fields and name in KINDS]
    # without a name it is a file that vanishes with the connection, however that ends
    answers = sqlite3.connect("", isolation_level=None)
    answers.execute("CREATE TABLE answers (kind TEXT, id INTEGER, document BLOB, PRIMARY KEY (kind, id)) WITHOUT ROWID")
    try:
        for event in read_library(
            client, plans, wanted, page_size=settings.page_size, in_flight=settings.requests_in_flight
        ):
            if isinstance(event, Page):
                for kind, made in event.documents.items():
                    rows = [(kind, document.id, document.json) for document in made]
                    answers.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
    except BaseException:
        answers.close()
        raise
    return answers
