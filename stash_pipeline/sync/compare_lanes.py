"""Reads one server by both lanes and compares the documents, without Postgres."""

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
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import SNAPSHOT_ENTITIES, documents, unmapped_fields
from stash_pipeline.stash.snapshot.download import downloaded_snapshot
from stash_pipeline.stash.snapshot.server_facts import naming_of, previews_of
from stash_pipeline.warehouse.raw.history import described, differences

_SECONDS = 3600.0
"""Time limit for reading a snapshot."""

_ONLY_GRAPHQL, _ONLY_SNAPSHOT = "only GraphQL has it", "only the snapshot has it"


@dataclass
class Comparison:
    """The result of a comparison.

    Attributes:
        documents: number of documents per entity, in either lane. lines: one per object and field that differs.
        not_in_snapshot: fields that the snapshot does not have. They are not compared; a sync reads their entities by
            GraphQL.
    """

    documents: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    not_in_snapshot: list[str] = field(default_factory=list)


def compare_lanes(settings: Settings, instance: Instance, client: StashClient | None = None) -> Comparison:
    """Compares all entities that a database contains.

    Raises:
        SnapshotError: if there is no snapshot, or it cannot be read. StashError: for network errors.
    """
    comparison = Comparison()
    with client or instance.client(settings) as open_client:
        info = open_client.server_info()
        schema = open_client.introspect()
        plans = plan_library(schema)
        path = settings.home / "snapshots" / f"{instance.uuid}-compared.sqlite"
        with downloaded_snapshot(open_client, path) as file, Snapshot(file.path, seconds=_SECONDS) as snapshot:
            plans, comparison.not_in_snapshot = _without_unmapped_fields(snapshot, plans)
            previews = previews_of(open_client, plans, file.path, _SECONDS)
            naming = replace(naming_of(open_client, schema, info), previews=previews)
            with closing(_read_by_graphql(open_client, plans, settings)) as answers:
                for entity in (entity for entity in SNAPSHOT_ENTITIES if plans[entity].fields):
                    for document in documents(snapshot, plans, entity, naming):
                        comparison.documents[entity] += 1
                        comparison.lines += _differences(answers, entity, document)
                    rest = answers.execute("SELECT id FROM answers WHERE entity = ? ORDER BY 1", [entity]).fetchall()
                    comparison.documents[entity] += len(rest)
                    comparison.lines += [f"{entity} {identifier}: {_ONLY_GRAPHQL}" for (identifier,) in rest]
    return comparison


def _without_unmapped_fields(snapshot: Snapshot, plans: dict[str, QueryPlan]) -> tuple[dict[str, QueryPlan], list[str]]:
    """The plans without the fields that are not in the snapshot, and those fields."""
    unmapped = unmapped_fields(snapshot, plans)
    result = dict(plans)
    for entity, names in unmapped.items():
        mapped = [planned.field.name for planned in plans[entity].fields if planned.field.name not in names]
        result[entity] = plans[entity].cut_to(mapped, carry=True)
    return result, [f"{entity}.{name}" for entity, names in unmapped.items() for name in names]


def _differences(answers: sqlite3.Connection, entity: str, document: Document) -> list[str]:
    """Compares a document of the snapshot with the one of GraphQL, which is removed from ``answers``."""
    row = answers.execute("SELECT document FROM answers WHERE entity = ? AND id = ?", [entity, document.id]).fetchone()
    if row is None:
        return [f"{entity} {document.id}: {_ONLY_SNAPSHOT}"]
    answers.execute("DELETE FROM answers WHERE entity = ? AND id = ?", [entity, document.id])
    if row[0] == document.json:
        return []
    if not row[0] or document.broken:
        # in one lane only: if neither can read it, the documents are equal
        reason = (
            f"cannot be read from the snapshot: {document.broken}" if document.broken else "cannot be read by GraphQL"
        )
        return [f"{entity} {document.id}: {reason}"]
    changes = differences(orjson.loads(row[0]), orjson.loads(document.json))
    return [f"{entity} {document.id}: {described(*change)}" for change in changes] or [
        f"{entity} {document.id}: {_different_spelling(row[0], document.json)}"
    ]


def _different_spelling(left: bytes, right: bytes) -> str:
    """The first difference of two texts with equal values."""
    place = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    excerpts = [text[max(place - 20, 0) : place + 20].decode("utf-8", "replace") for text in (left, right)]
    return f"the same values, spelled differently: …{excerpts[0]}… → …{excerpts[1]}…"


def _read_by_graphql(client: StashClient, plans: dict[str, QueryPlan], settings: Settings) -> sqlite3.Connection:
    """The documents of all entities by GraphQL, in a temporary database: they may not fit into memory."""
    requests = [
        ReadRequest(plan) for name, plan in plans.items() if plan.query and plan.fields and name in SNAPSHOT_ENTITIES
    ]
    # without a name: SQLite deletes the file when the connection ends, even if the process is killed
    answers = sqlite3.connect("", isolation_level=None)
    answers.execute(
        "CREATE TABLE answers (entity TEXT, id INTEGER, document BLOB, PRIMARY KEY (entity, id)) WITHOUT ROWID"
    )
    try:
        for event in read_library(
            client, plans, requests, page_size=settings.page_size, in_flight=settings.requests_in_flight
        ):
            if isinstance(event, Page):
                for entity, page_documents in event.documents.items():
                    rows = [(entity, document.id, document.json) for document in page_documents]
                    answers.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
    except BaseException:
        answers.close()
        raise
    return answers
