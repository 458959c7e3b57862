"""Two servers with overlapping libraries, and the layer that matches them."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from stash_pipeline.instances import Instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.layers.shared import FollowedLayer
from stash_pipeline.warehouse.matches.deciding import Decided, NewDecision, decide
from stash_pipeline.warehouse.matches.duplicates_layer import DUPLICATES_LAYER
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline_tests.mirror.working import Mirror, generated, looking_at, new_mirror, settings_for

CONTENTS = {
    "keys": "SELECT entity, key, instance_id, id FROM matches.keys",
    "phashes": "SELECT instance_id, scene_id, file_id, duration, phash FROM matches.phashes",
    "links": "SELECT entity, left_instance_id, left_id, right_instance_id, right_id, action, confidence, rule,\n"
    "    evidence::text, refused::text FROM matches.links",
    "decisions": "SELECT decision_id, entity, left_instance_id, left_id, coalesce(right_instance_id, 0),\n"
    "    coalesce(right_id, 0) FROM matches.resolved_decisions",
    "candidates": "SELECT c::text FROM matches.stashbox_candidates AS c",
    "proposals": "SELECT p::text FROM matches.stashbox_proposals AS p",
    "duplicates": "SELECT d::text FROM matches.duplicates AS d",
    "totals": "SELECT name, value FROM matches.totals",
    "clusters": "SELECT c.entity, c.size, c.instances,\n"
    "    array_agg((m.instance_id, m.id)::text ORDER BY m.instance_id, m.id)\n"
    "FROM matches.clusters AS c JOIN matches.members AS m ON m.cluster_id = c.id GROUP BY c.id",
}
"""What following and rebuilding must agree on; ids of clusters are those that they had."""


@dataclass
class Servers:
    """Two mirrors in one database."""

    home: Mirror
    away: Mirror

    @property
    def database_url(self) -> str:
        return self.home.database_url

    def follow(self, **options: Any) -> FollowedLayer:
        """Lets the layer follow, and that of the duplicates; the tables of both."""
        with connect(self.database_url) as connection:
            followed = shared_layers.follow(connection, MATCHES_LAYER, LAYERS, **options)
            duplicates = shared_layers.follow(connection, DUPLICATES_LAYER, LAYERS, **options)
            followed.tables = {**followed.tables, **duplicates.tables}
            return followed

    def decide(self, *decisions: NewDecision) -> Decided:
        """Writes decisions."""
        with connect(self.database_url) as connection:
            return decide(connection, decisions)

    def clusters(self, entity: str) -> dict[Node, uuid.UUID]:
        """The cluster of each object."""
        rows = looking_at(self.database_url).execute(
            "SELECT instance_id, id, cluster_id FROM matches.members WHERE entity = %s", [entity]
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def contents(self) -> dict[str, list[Any]]:
        """All rows."""
        return contents(looking_at(self.database_url))

    def rebuilt(self) -> dict[str, list[Any]]:
        """All rows as a rebuild makes them, which is rolled back."""
        return rebuilt(self.database_url)


def contents(connection: Connection) -> dict[str, list[Any]]:
    """All rows, sorted."""
    return {name: sorted(connection.execute(query).fetchall()) for name, query in CONTENTS.items()}


def rebuilt(database_url: str) -> dict[str, list[Any]]:
    """All rows as a rebuild makes them, which is rolled back."""
    with connect(database_url) as connection:
        try:
            with connection.transaction():
                MATCHES_LAYER.rebuild(connection, 1)
                DUPLICATES_LAYER.rebuild(connection, 1)
                made = contents(connection)
                raise psycopg.Rollback()
        except psycopg.Rollback:
            pass
        return made


MadeServers = tuple[Instance, Instance]
"""The instances that :func:`new_servers` registered."""


def _libraries(scenes: int, seed: int, variants: bool) -> list[Library]:
    seeds = (2 * seed, 2 * seed + 1)
    return [generated(scenes, seed=one, overlap_seed=7, variants=variants) for one in seeds]


def new_servers(warehouse: str, home: Path, scenes: int = 30, seed: int = 1, variants: bool = False) -> Servers:
    """Two servers that share about half of their objects, read once."""
    libraries = _libraries(scenes, seed, variants)
    servers = Servers(*(new_mirror(warehouse, home, library) for library in libraries))
    for server in (servers.home, servers.away):
        server.refresh()
    return servers


def same_servers(
    warehouse: str, home: Path, instances: MadeServers, scenes: int = 30, seed: int = 1, variants: bool = False
) -> Servers:
    """The servers of :func:`new_servers`, with a copy of its database."""
    settings = settings_for(home, warehouse)
    return Servers(
        *(
            Mirror(warehouse, instance, SimulatedStash(library), settings)
            for instance, library in zip(instances, _libraries(scenes, seed, variants), strict=True)
        )
    )
