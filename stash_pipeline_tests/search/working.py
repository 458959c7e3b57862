"""Servers whose documents follow, and what is in the tables of the search."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg

from stash_pipeline.layers import LAYERS
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.layers.layer import SharedLayer
from stash_pipeline.warehouse.layers.shared import FollowedLayer
from stash_pipeline.warehouse.search.layer import SEARCH_LAYER
from stash_pipeline.warehouse.search.tables import DOCUMENTS, MARKER_TAGS
from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.mirror.working import looking_at


def follow_search(servers: Servers, layer: SharedLayer = SEARCH_LAYER, **options: Any) -> FollowedLayer:
    """Lets all shared layers follow; returns what the search did."""
    servers.follow()
    layers = (*LAYERS[:-1], layer)
    with connect(servers.database_url) as connection:
        return shared_layers.follow(connection, layer, layers, **options)


def documents(servers: Servers) -> dict[UUID, dict[str, Any]]:
    """All documents by their ids."""
    names = [column.name for column in DOCUMENTS.columns]
    rows = looking_at(servers.database_url).execute(f"SELECT {', '.join(names)} FROM search.documents").fetchall()
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def of(servers: Servers, entity: str) -> list[dict[str, Any]]:
    """The documents of an entity, by their titles."""
    found = [one for one in documents(servers).values() if one["entity"] == entity]
    return sorted(found, key=lambda one: (one["title"], one["id"]))


def contents(connection: Connection) -> dict[str, list[Any]]:
    """Documents without their revisions, tags of markers, and the numbers of both."""
    found = {}
    for table in (DOCUMENTS, MARKER_TAGS):
        columns = ", ".join(f"{column.name}::text" for column in table.columns if column.name != "revision")
        found[table.fullname] = sorted(connection.execute(f"SELECT ({columns})::text FROM {table.fullname}").fetchall())
    counts = "SELECT entity, rows FROM search.row_counts WHERE rows > 0 AND entity <> 'vanished' ORDER BY 1"
    found["counts"] = connection.execute(counts).fetchall()
    return found


def rebuilt(servers: Servers, layer: SharedLayer = SEARCH_LAYER) -> dict[str, list[Any]]:
    """What is made from nothing, which is rolled back."""
    with connect(servers.database_url) as connection, suppress(psycopg.Rollback), connection.transaction():
        connection.execute("TRUNCATE search.documents, search.marker_tags, search.vanished, search.row_counts")
        layer.rebuild(connection, 1)
        made = contents(connection)
        raise psycopg.Rollback()
    return made


class Copy:
    """A reader that follows documents as an index does: by revisions."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._revision = 0
        self._seen: set[str] = set()
        self.documents: dict[UUID, dict[str, Any]] = {}

    def read(self) -> None:
        """Reads what is newer than the last time."""
        connection = looking_at(self._servers.database_url)
        row = connection.execute("SELECT revision FROM search.states ORDER BY id DESC LIMIT 1").fetchone()
        for identity, one in documents(self._servers).items():
            if one["revision"] > self._revision:
                self.documents[identity] = one
        for (identity,) in connection.execute("SELECT id FROM search.vanished WHERE revision > %s", [self._revision]):
            self.documents.pop(identity, None)
        self._revision = row[0] if row else 0
