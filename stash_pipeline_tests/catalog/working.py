"""Servers whose libraries overlap, and the layers that match them and make the catalog."""

import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.catalog.layer import CATALOG_LAYER
from stash_pipeline.warehouse.catalog.shapes import ORDER, golden_lists
from stash_pipeline.warehouse.catalog.tables import LISTS, RECORDS
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.layers.shared import FollowedLayer
from stash_pipeline.warehouse.matches import proposals
from stash_pipeline.warehouse.matches.deciding import NewDecision, decide
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline.warehouse.matches.tables import STASHBOX_PROPOSALS
from stash_pipeline.warehouse.ops.object_log import Touched, publish
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.mirror.working import Mirror, generated, looking_at, new_mirror, settings_for

Object = tuple[int, int]
"""An instance, and the id of an object there."""

WRITTEN = [table.table for table in CATALOG_LAYER.tables]


@dataclass
class Servers:
    """Mirrors in one database."""

    database_url: str
    home: Path
    servers: list[Mirror] = field(default_factory=list)

    def add(self, scenes: int, seed: int) -> Mirror:
        """Another server, read once."""
        server = new_mirror(self.database_url, self.home, _library(scenes, seed))
        server.refresh()
        self.servers.append(server)
        return server

    def remove(self, server: Mirror) -> None:
        """Removes a server with its rows."""
        with connect(self.database_url) as connection:
            remove_instance(connection, server.instance.id)
        self.servers.remove(server)

    def follow(self, **options: Any) -> FollowedLayer:
        """Lets both layers follow; returns what the catalog did."""
        with connect(self.database_url) as connection:
            shared_layers.follow(connection, MATCHES_LAYER, LAYERS)
            return shared_layers.follow(connection, CATALOG_LAYER, LAYERS, **options)

    def follow_catalog(self) -> FollowedLayer:
        """Lets the catalog follow alone."""
        with connect(self.database_url) as connection:
            return shared_layers.follow(connection, CATALOG_LAYER, LAYERS)

    def rows(self, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return looking_at(self.database_url).execute(query, parameters).fetchall()

    def execute(self, statement: str, parameters: Any = None) -> None:
        """Changes the database directly."""
        looking_at(self.database_url).execute(statement, parameters)

    def edit(self, entity: str, one: Object, **values: Any) -> None:
        """Gives a typed row other values, as a sync would, without a server."""
        columns = ", ".join(f"{name} = %({name})s" for name in values)
        connection = looking_at(self.database_url)
        with connection.transaction():
            connection.execute(
                f"UPDATE stash.{entity} SET {columns} WHERE instance_id = %(i)s AND id = %(o)s",
                {**values, "i": one[0], "o": one[1]},
            )
            log(connection, entity, [one])

    def edit_by(self, entity: str, one: Object, change: str) -> None:
        """Changes a typed row by an SQL expression, as a sync would, without a server; ``%(i)s`` is its instance."""
        connection = looking_at(self.database_url)
        with connection.transaction():
            connection.execute(
                f"UPDATE stash.{entity} SET {change} WHERE instance_id = %(i)s AND id = %(o)s",
                {"i": one[0], "o": one[1]},
            )
            log(connection, entity, [one])

    def link(
        self, table: str, columns: tuple[str, str], entity: str, one: Object, element: Any, there: bool = True
    ) -> None:
        """Adds an element to a list of an object, or removes it, as a sync would, without a server."""
        connection = looking_at(self.database_url)
        owner, column = columns
        parameters = {"i": one[0], "o": one[1], "e": element}
        with connection.transaction():
            connection.execute(
                f"DELETE FROM stash.{table} WHERE instance_id = %(i)s AND {owner} = %(o)s AND {column} = %(e)s",
                parameters,
            )
            if there:
                connection.execute(
                    f"INSERT INTO stash.{table} (instance_id, {owner}, {column}) VALUES (%(i)s, %(o)s, %(e)s)",
                    parameters,
                )
            log(connection, entity, [one])

    def decide(self, entity: str, verdict: str, left: Object, right: Object) -> None:
        """A person decides about two objects."""
        with connect(self.database_url) as connection, suppress(UserError):
            # it may contradict earlier ones
            decide(connection, [NewDecision(entity, verdict, left, right)])

    def record_of(self, entity: str, one: Object) -> dict[str, Any]:
        """The record of an object."""
        columns = [column.name for column in RECORDS[entity].columns]
        rows = self.rows(
            f"SELECT {', '.join('r.' + name for name in columns)} FROM catalog.{entity} AS r\n"
            "JOIN catalog.members AS m ON m.canonical_id = r.id\n"
            "WHERE m.entity = %s AND m.instance_id = %s AND m.id = %s",
            [entity, *one],
        )
        (row,) = rows
        return dict(zip(columns, row, strict=True))

    def provenance(self, identity: uuid.UUID) -> dict[str, tuple[Any, ...]]:
        """Per field of a record: instance, object, rule."""
        rows = self.rows("SELECT field, instance_id, object_id, rule FROM catalog.provenance WHERE id = %s", [identity])
        return {row[0]: row[1:] for row in rows}

    def pairs(self, entity: str) -> list[list[Object]]:
        """The objects of records that have one of each of two instances, in order."""
        rows = self.rows(
            "SELECT array_agg(m.instance_id ORDER BY m.instance_id), array_agg(m.id ORDER BY m.instance_id)\n"
            f"FROM catalog.{entity} AS r JOIN catalog.members AS m ON m.canonical_id = r.id\n"
            "WHERE r.objects = 2 AND r.instances = 2 GROUP BY r.id ORDER BY min(m.id)"
        )
        return [list(zip(instances, ids, strict=True)) for instances, ids in rows]

    def contents(self) -> dict[str, list[Any]]:
        """All rows, without revisions."""
        return contents(looking_at(self.database_url))

    def rebuilt(self) -> dict[str, list[Any]]:
        """All rows as they are made from nothing, which is rolled back."""
        with connect(self.database_url) as connection, suppress(psycopg.Rollback), connection.transaction():
            kept = "catalog.row_counts"
            connection.execute(f"TRUNCATE {kept}, {', '.join(table.fullname for table in WRITTEN)}")
            CATALOG_LAYER.rebuild(connection, 1)
            connection.execute("TRUNCATE matches.stashbox_proposals")
            proposals.rebuild(connection)
            made = contents(connection)
            raise psycopg.Rollback()
        return made

    def row_versions(self) -> dict[str, list[Any]]:
        """The transaction that wrote each row."""
        connection = looking_at(self.database_url)
        return {
            table.fullname: sorted(connection.execute(f"SELECT ctid::text, xmin::text FROM {table.fullname}"))
            for table in WRITTEN
        }


def log(connection: Connection, entity: str, objects: Sequence[Object]) -> None:
    """Logs objects as changed."""
    for instance_id in {one[0] for one in objects}:
        touched = Touched()
        touched.add(entity, [one[1] for one in objects if one[0] == instance_id])
        publish(connection, instance_id, touched)


def contents(connection: Connection) -> dict[str, list[Any]]:
    """All rows of the tables that follow, sorted, without revisions; what vanished is history."""
    found = {}
    for table in [*WRITTEN, STASHBOX_PROPOSALS]:
        if table.name == "vanished":
            continue
        columns = ", ".join(f"{column.name}::text" for column in table.columns if column.name != "revision")
        found[table.fullname] = sorted(connection.execute(f"SELECT ({columns})::text FROM {table.fullname}").fetchall())
    return found


class Consumer:
    """A reader of ``catalog.changes`` that keeps a copy of the records with their lists."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._revision = 0
        self.copy: dict[uuid.UUID, Any] = {}

    def read(self) -> None:
        """Reads what changed since the last time."""
        connection = looking_at(self._servers.database_url)
        changes = connection.execute(
            "SELECT entity, id, revision, vanished FROM catalog.changes WHERE revision > %s", [self._revision]
        ).fetchall()
        changed: dict[str, list[uuid.UUID]] = {}
        for entity, identity, _, vanished in changes:
            if vanished:
                self.copy.pop(identity, None)
            else:
                changed.setdefault(entity, []).append(identity)
        for entity, identities in changed.items():
            found = whole_records(connection, entity, identities)
            self.copy.update((identity, found[identity]) for identity in identities)
        self._revision = max([self._revision, *(row[2] for row in changes)])

    def expected(self) -> dict[uuid.UUID, Any]:
        """All records with their lists."""
        connection = looking_at(self._servers.database_url)
        return {key: one for entity in ORDER for key, one in whole_records(connection, entity).items()}


def whole_records(
    connection: Connection, entity: str, identities: Iterable[uuid.UUID] | None = None
) -> dict[uuid.UUID, Any]:
    """Records with their lists and members, as text."""
    wanted = None if identities is None else list(identities)
    columns = ", ".join(column.name for column in RECORDS[entity].columns if column.name != "revision")
    some = "%(ids)s::uuid[] IS NULL OR {} = ANY(%(ids)s)"
    records: dict[uuid.UUID, Any] = {
        row[0]: [row[1]]
        for row in connection.execute(
            f"SELECT id, ROW({columns})::text FROM catalog.{entity} WHERE {some.format('id')}", {"ids": wanted}
        )
    }
    sources = [(f"catalog.{one.table}", one.owner, LISTS[one.table]) for one in golden_lists(entity)]
    for name, owner, table in sources:
        columns = ", ".join(column.name for column in table.columns)
        found = connection.execute(
            f"SELECT {owner}, array_agg(ROW({columns})::text ORDER BY ROW({columns})::text)\n"
            f"FROM {name} WHERE {some.format(owner)} GROUP BY 1",
            {"ids": wanted},
        )
        for identity, rows in found:
            records[identity].append((name, rows))
    members = connection.execute(
        "SELECT canonical_id, array_agg((instance_id, id)::text ORDER BY instance_id, id) FROM catalog.members\n"
        f"WHERE entity = %(e)s AND ({some.format('canonical_id')}) GROUP BY 1",
        {"ids": wanted, "e": entity},
    )
    for identity, rows in members:
        records[identity].append(rows)
    return records


def _library(scenes: int, seed: int) -> Library:
    return generated(scenes, seed=seed, overlap_seed=7)


def new_servers(warehouse: str, home: Path, scenes: int = 30, seed: int = 1, number: int = 2) -> Servers:
    """Servers that share about half of their objects, read once."""
    servers = Servers(warehouse, home)
    for one in range(number):
        servers.add(scenes, number * seed + one)
    return servers


def same_servers(warehouse: str, home: Path, instances: Sequence[Instance], scenes: int = 30, seed: int = 1) -> Servers:
    """The servers of :func:`new_servers`, with a copy of its database."""
    settings = settings_for(home, warehouse)
    number = len(instances)
    return Servers(
        warehouse,
        home,
        [
            Mirror(warehouse, instance, SimulatedStash(_library(scenes, number * seed + one)), settings)
            for one, instance in enumerate(instances)
        ],
    )
