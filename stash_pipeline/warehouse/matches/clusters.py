"""Clusters: sets of objects that are the same thing, made of links and of what people decided."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from stash_pipeline.matching.cluster_ids import assign_ids
from stash_pipeline.matching.clustering import Exclusion, Links, OneEach, OneValue, Refusal, cluster
from stash_pipeline.matching.dates import PartialDate, compare_dates
from stash_pipeline.matching.phash import resemblance
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.matching.rules import link_rules
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.copy_columns import copy_columns, int4, int8, text, uuids
from stash_pipeline.warehouse.matches.candidates import Pair
from stash_pipeline.warehouse.matches.features import Node, Traits


@dataclass
class ClusterChanges:
    """What became of clusters.

    Attributes:
        joined: objects that are new. moved: those whose cluster is another one. left: those that are gone.
        changed: ids of clusters. removed: ids.
    """

    joined: int = 0
    moved: int = 0
    left: int = 0
    changed: set[uuid.UUID] = field(default_factory=set)
    created: int = 0
    removed: int = 0
    redirects: int = 0


@dataclass(frozen=True)
class Component:
    """Objects that no merging link leads out of, in their order.

    Attributes:
        traits: of those that are live and may join others. links: that merge: pair, confidence, rule.
        same, different: pairs that people decided on.
    """

    nodes: Sequence[Node]
    traits: Mapping[Node, Traits]
    links: Sequence[tuple[Pair, float, str]]
    same: Sequence[Pair]
    different: Sequence[Pair]


def make_clusters(entity: str, component: Component) -> tuple[list[list[Node]], dict[Pair, dict[str, Any]]]:
    """(the objects of each cluster, why links were refused)."""
    nodes = list(component.nodes)
    number = {node: position for position, node in enumerate(nodes)}
    rules = link_rules(entity)
    rule_number = {rule.name: position for position, rule in enumerate(rules)}
    known = [one for one in component.links if one[0][0] in number and one[0][1] in number]
    links = Links(
        np.array([number[pair[0]] for pair, _, _ in known], np.int64),
        np.array([number[pair[1]] for pair, _, _ in known], np.int64),
        np.array([confidence for _, confidence, _ in known], np.float64),
        np.array([rule_number[rule] for _, _, rule in known], np.int64),
    )

    def numbered(pairs: Iterable[Pair]) -> list[tuple[int, int]]:
        return [(number[one], number[other]) for one, other in pairs if one in number and other in number]

    same = numbered(component.same)
    hashes: list[list[tuple[int, int]]] = [[]] * len(nodes)
    # others are compared with nothing
    for position in {*links.left.tolist(), *links.right.tolist(), *(one for pair in same for one in pair)}:
        if traits := component.traits.get(nodes[position]):
            hashes[position] = [(each.phash % (1 << 64), each.duration) for each in traits.phashes]
    limits = PARAMETERS["phash"]
    made = cluster(
        len(nodes),
        links,
        rules,
        same=same,
        different=numbered(component.different),
        exclusions=_exclusions(entity, component),
        within=resemblance(hashes, limits["distance"], limits["window"]),
    )
    clusters: dict[int, list[Node]] = defaultdict(list)
    for position, label in enumerate(made.labels.tolist()):
        clusters[label].append(nodes[position])
    refused = {(nodes[one.left], nodes[one.right]): _reason(nodes, one) for one in made.refusals}
    return list(clusters.values()), refused


def _exclusions(entity: str, component: Component) -> list[Exclusion]:
    if entity == "scenes":
        return [OneEach("instance", np.array([node[0] for node in component.nodes], np.int64))]
    if entity == "performers":
        births = [component.traits[node].birth if node in component.traits else -1 for node in component.nodes]
        return [OneValue("birthdate", np.array(births, np.int64), _compatible)]
    return []


def _compatible(one: int, other: int) -> bool:
    return compare_dates(_as_date(one), _as_date(other)) != "contradicts"


def _as_date(number: int) -> PartialDate:
    return PartialDate(number // 10_000, number // 100 % 100 or None, number % 100 or None)


def _reason(nodes: Sequence[Node], refusal: Refusal) -> dict[str, Any]:
    return {"reason": refusal.reason, "between": [list(nodes[position]) for position in refusal.between]}


def write_clusters(
    connection: Connection,
    entity: str,
    revision: int,
    before: Mapping[Node, uuid.UUID],
    clusters: Sequence[Sequence[Node]],
) -> ClusterChanges:
    """Gives clusters their ids, and stores what is new of them.

    Args:
        revision: of the object log. before: the cluster of each object so far; also of objects that are gone.
    """
    old_ids = list(set(before.values()))
    age = {
        row[0]: row[1]
        for row in connection.execute("SELECT id, number FROM matches.clusters WHERE id = ANY(%s)", [old_ids])
    }
    assigned = assign_ids(before, age, clusters, uuid.uuid4)
    changes = ClusterChanges(created=len(assigned.created), redirects=len(assigned.redirects))
    moved = {node: identity for node, identity in assigned.ids.items() if before.get(node) != identity}
    gone = [node for node in before if node not in assigned.ids]
    changes.moved = sum(node in before for node in moved)
    changes.joined, changes.left = len(moved) - changes.moved, len(gone)
    changes.changed = set(moved.values()) | {before[node] for node in (*moved, *gone) if node in before}
    if not (moved or gone):
        return changes
    sizes: dict[uuid.UUID, int] = {}
    instances: dict[uuid.UUID, int] = {}
    for members in clusters:
        identity = assigned.ids[members[0]]
        sizes[identity], instances[identity] = len(members), len({node[0] for node in members})
    _insert(connection, entity, assigned.created, sizes, instances, revision)
    _move(connection, entity, {node: identity for node, identity in moved.items() if node in before})
    _remove(connection, entity, gone)
    _add(connection, entity, {node: identity for node, identity in moved.items() if node not in before})
    removed = [*assigned.redirects, *assigned.retired]
    _redirect(connection, assigned.redirects, revision)
    _update(connection, changes.changed.difference(assigned.created, removed), sizes, instances, revision)
    connection.execute("DELETE FROM matches.clusters WHERE id = ANY(%s)", [removed])
    changes.removed = len(removed)
    return changes


def touch(connection: Connection, entity: str, revision: int, nodes: Iterable[Node]) -> None:
    """Gives the clusters of some objects a new revision: decisions on them changed, which the catalog reads."""
    listed = sorted(nodes)
    if listed:
        connection.execute(
            "UPDATE matches.clusters AS c SET revision = %s\n"
            "FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
            "JOIN matches.members AS m ON m.entity = %s AND m.instance_id = w.instance_id AND m.id = w.id\n"
            "WHERE c.id = m.cluster_id",
            [revision, [node[0] for node in listed], [node[1] for node in listed], entity],
        )


def _insert(
    connection: Connection,
    entity: str,
    created: Sequence[uuid.UUID],
    sizes: Mapping[uuid.UUID, int],
    instances: Mapping[uuid.UUID, int],
    revision: int,
) -> None:
    copy_columns(
        connection,
        "matches.clusters",
        ("id", "entity", "size", "instances", "revision"),
        [
            uuids(created),
            text(entity),
            int4(np.array([sizes[one] for one in created], np.int64)),
            int4(np.array([instances[one] for one in created], np.int64)),
            int8(np.array([revision], np.int64)),
        ],
    )


def _update(
    connection: Connection,
    changed: Iterable[uuid.UUID],
    sizes: Mapping[uuid.UUID, int],
    instances: Mapping[uuid.UUID, int],
    revision: int,
) -> None:
    ids = list(changed)
    if ids:
        connection.execute(
            "UPDATE matches.clusters AS c SET size = w.size, instances = w.instances, revision = %s\n"
            "FROM unnest(%s::uuid[], %s::integer[], %s::integer[]) AS w(id, size, instances) WHERE c.id = w.id",
            [revision, ids, [sizes[one] for one in ids], [instances[one] for one in ids]],
        )


def _add(connection: Connection, entity: str, new: Mapping[Node, uuid.UUID]) -> None:
    nodes = np.array(list(new), np.int64).reshape(-1, 2)
    columns = [text(entity), int4(nodes[:, 0]), int8(nodes[:, 1]), uuids(new.values())]
    copy_columns(connection, "matches.members", ("entity", "instance_id", "id", "cluster_id"), columns)


def _move(connection: Connection, entity: str, moved: Mapping[Node, uuid.UUID]) -> None:
    if moved:
        connection.execute(
            "UPDATE matches.members AS m SET cluster_id = w.cluster_id\n"
            "FROM unnest(%s::integer[], %s::bigint[], %s::uuid[]) AS w(instance_id, id, cluster_id)\n"
            "WHERE m.entity = %s AND m.instance_id = w.instance_id AND m.id = w.id",
            [[node[0] for node in moved], [node[1] for node in moved], list(moved.values()), entity],
        )


def _remove(connection: Connection, entity: str, gone: Sequence[Node]) -> None:
    if gone:
        connection.execute(
            "DELETE FROM matches.members AS m USING unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
            "WHERE m.entity = %s AND m.instance_id = w.instance_id AND m.id = w.id",
            [[node[0] for node in gone], [node[1] for node in gone], entity],
        )


def _redirect(connection: Connection, redirects: Mapping[uuid.UUID, uuid.UUID], revision: int) -> None:
    if not redirects:
        return
    parameters = [list(redirects), list(redirects.values())]
    connection.execute(
        "UPDATE matches.redirects AS r SET cluster_id = w.new FROM unnest(%s::uuid[], %s::uuid[]) AS w(old, new)\n"
        "WHERE r.cluster_id = w.old",
        parameters,
    )
    connection.execute(
        "INSERT INTO matches.redirects (id, cluster_id, revision)\n"
        "SELECT w.old, w.new, %s FROM unnest(%s::uuid[], %s::uuid[]) AS w(old, new)",
        [revision, *parameters],
    )


def write_refusals(
    connection: Connection, entity: str, nodes: Sequence[Node] | None, refused: Mapping[Pair, Any]
) -> None:
    """Stores why links between some objects were refused, and that the others were not.

    Args:
        nodes: None: all objects.
    """
    connection.execute(
        "UPDATE matches.links AS l SET refused = w.refused\n"
        "FROM unnest(%(li)s::integer[], %(l)s::bigint[], %(ri)s::integer[], %(r)s::bigint[], %(why)s::jsonb[])\n"
        "    AS w(left_instance_id, left_id, right_instance_id, right_id, refused)\n"
        "WHERE l.entity = %(e)s AND l.left_instance_id = w.left_instance_id AND l.left_id = w.left_id\n"
        "  AND l.right_instance_id = w.right_instance_id AND l.right_id = w.right_id\n"
        "  AND l.refused IS DISTINCT FROM w.refused",
        {
            "e": entity,
            "li": [left[0] for left, _ in refused],
            "l": [left[1] for left, _ in refused],
            "ri": [right[0] for _, right in refused],
            "r": [right[1] for _, right in refused],
            "why": [Jsonb(reason) for reason in refused.values()],
        },
    )
    keep = set(refused)
    among = "FROM matches.links AS l\n"
    parameters: list[Any] = []
    if nodes is not None:
        among = (
            "FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
            "JOIN matches.links AS l ON l.left_instance_id = w.instance_id AND l.left_id = w.id\n"
        )
        parameters = [[node[0] for node in nodes], [node[1] for node in nodes]]
    stored = connection.execute(
        f"SELECT l.left_instance_id, l.left_id, l.right_instance_id, l.right_id\n{among}"
        "WHERE l.entity = %s AND l.refused IS NOT NULL",
        [*parameters, entity],
    ).fetchall()
    cleared = [row for row in stored if ((row[0], row[1]), (row[2], row[3])) not in keep]
    if cleared:
        columns = [list(column) for column in zip(*cleared, strict=True)]
        connection.execute(
            "UPDATE matches.links AS l SET refused = NULL\n"
            "FROM unnest(%s::integer[], %s::bigint[], %s::integer[], %s::bigint[]) AS w(li, l, ri, r)\n"
            "WHERE l.entity = %s AND l.left_instance_id = w.li AND l.left_id = w.l\n"
            "  AND l.right_instance_id = w.ri AND l.right_id = w.r",
            [*columns, entity],
        )
