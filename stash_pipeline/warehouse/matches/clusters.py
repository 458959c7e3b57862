"""Clusters: sets of objects that are the same thing, made of links and of what people decided."""

import os
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from stash_pipeline.warehouse.matches.blocks import Pair
from stash_pipeline.warehouse.matches.features import Node, Traits


@dataclass
class ClusterChanges:
    """What became of clusters.

    Attributes:
        joined: objects that are new. moved: those whose cluster is another one. left: those that are gone.
        changed, created, removed: clusters.
    """

    joined: int = 0
    moved: int = 0
    left: int = 0
    changed: int = 0
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
    links_of_nodes = [link for link in component.links if link[0][0] in number and link[0][1] in number]
    links = Links(
        np.array([number[pair[0]] for pair, _, _ in links_of_nodes], np.int64),
        np.array([number[pair[1]] for pair, _, _ in links_of_nodes], np.int64),
        np.array([confidence for _, confidence, _ in links_of_nodes], np.float64),
        np.array([rule_number[rule] for _, _, rule in links_of_nodes], np.int64),
    )

    def numbered(pairs: Iterable[Pair]) -> list[tuple[int, int]]:
        return [(number[left], number[right]) for left, right in pairs if left in number and right in number]

    same = numbered(component.same)
    hashes: list[list[tuple[int, int]]] = [[]] * len(nodes)
    # others are compared with nothing
    for position in {*links.left.tolist(), *links.right.tolist(), *(node for pair in same for node in pair)}:
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
    refused = {(nodes[refusal.left], nodes[refusal.right]): _reason(nodes, refusal) for refusal in made.refusals}
    return list(clusters.values()), refused


def _exclusions(entity: str, component: Component) -> list[Exclusion]:
    if entity == "scenes":
        return [OneEach("instance", np.array([node[0] for node in component.nodes], np.int64))]
    if entity == "performers":
        births = [component.traits[node].birth if node in component.traits else -1 for node in component.nodes]
        return [OneValue("birthdate", np.array(births, np.int64), _compatible)]
    return []


def _compatible(left: int, right: int) -> bool:
    return compare_dates(_as_date(left), _as_date(right)) != "contradicts"


def _as_date(number: int) -> PartialDate:
    return PartialDate(number // 10_000, number // 100 % 100 or None, number % 100 or None)


def _reason(nodes: Sequence[Node], refusal: Refusal) -> dict[str, Any]:
    return {"reason": refusal.reason, "between": [list(nodes[position]) for position in refusal.between]}


ClusterId = bytes
"""The bytes of a UUID: many of them are compared, and those of Python's class take several times as long."""


def cluster_id(value: uuid.UUID) -> ClusterId:
    """The id of a cluster as it is compared."""
    return value.bytes


def _uuids(ids: Iterable[ClusterId]) -> list[uuid.UUID]:
    return [uuid.UUID(bytes=value) for value in ids]


def ages(connection: Connection, entity: str, ids: Iterable[ClusterId] | None = None) -> dict[ClusterId, int]:
    """When clusters were created: the smaller the older.

    Args:
        ids: which; None reads all of the entity.
    """
    query = "SELECT id, number FROM matches.clusters WHERE "
    rows = (
        connection.execute(f"{query} entity = %s", [entity])
        if ids is None
        else connection.execute(f"{query} id = ANY(%s)", [_uuids(ids)])
    )
    return {cluster_id(row[0]): row[1] for row in rows}


@dataclass(frozen=True)
class NewClusters:
    """What is to be stored of clusters.

    Attributes:
        moved, added: the clusters of objects. gone: objects.
        sizes, instances: how many objects and instances each cluster has. changed: clusters that were there before.
    """

    changes: ClusterChanges
    created: Sequence[ClusterId] = ()
    moved: Mapping[Node, ClusterId] = field(default_factory=dict)
    added: Mapping[Node, ClusterId] = field(default_factory=dict)
    gone: Sequence[Node] = ()
    redirects: Mapping[ClusterId, ClusterId] = field(default_factory=dict)
    removed: Sequence[ClusterId] = ()
    changed: Collection[ClusterId] = ()
    sizes: Mapping[ClusterId, int] = field(default_factory=dict)
    instances: Mapping[ClusterId, int] = field(default_factory=dict)


def identify(
    before: Mapping[Node, ClusterId], age: Mapping[ClusterId, int], clusters: Sequence[Sequence[Node]]
) -> NewClusters:
    """Gives clusters their ids.

    Args:
        before: the cluster of each object so far; also of objects that are gone. age: see :func:`ages`.
    """
    assigned = assign_ids(before, age, clusters, _random_ids(len(clusters)).__next__)
    moved = {node: identity for node, identity in assigned.ids.items() if node in before and before[node] != identity}
    added = assigned.ids
    if before:
        added = {node: identity for node, identity in assigned.ids.items() if node not in before}
    gone = [node for node in before if node not in assigned.ids]
    changed = {*moved.values(), *added.values(), *(before[node] for node in (*moved, *gone))}
    changes = ClusterChanges(
        joined=len(added),
        moved=len(moved),
        left=len(gone),
        changed=len(changed),
        created=len(assigned.created),
        redirects=len(assigned.redirects),
    )
    if not changed:
        return NewClusters(changes)
    removed = [*assigned.redirects, *assigned.retired]
    changes.removed = len(removed)
    sizes: dict[ClusterId, int] = {}
    instances: dict[ClusterId, int] = {}
    for members in clusters:
        identity = assigned.ids[members[0]]
        sizes[identity] = len(members)
        instances[identity] = len({node[0] for node in members})
    return NewClusters(
        changes,
        assigned.created,
        moved,
        added,
        gone,
        assigned.redirects,
        removed,
        changed.difference(assigned.created, removed),
        sizes,
        instances,
    )


def _random_ids(most: int) -> Iterator[ClusterId]:
    """So many new ids: UUIDs of version 4."""
    random = np.frombuffer(os.urandom(16 * most), np.uint8).reshape(-1, 16).copy()
    random[:, 6] = random[:, 6] & 0x0F | 0x40
    random[:, 8] = random[:, 8] & 0x3F | 0x80
    data = random.tobytes()
    return (data[start : start + 16] for start in range(0, len(data), 16))


def write_clusters(connection: Connection, entity: str, revision: int, new: NewClusters) -> None:
    """Stores what is new of clusters.

    Args:
        revision: of the object log.
    """
    _insert(connection, entity, new, revision)
    _move(connection, entity, new.moved)
    _remove(connection, entity, new.gone)
    _add(connection, entity, new.added)
    _redirect(connection, new.redirects, revision)
    _update(connection, new, revision)
    if new.removed:
        connection.execute("DELETE FROM matches.clusters WHERE id = ANY(%s)", [_uuids(new.removed)])


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


def _insert(connection: Connection, entity: str, new: NewClusters, revision: int) -> None:
    copy_columns(
        connection,
        "matches.clusters",
        ("id", "entity", "size", "instances", "revision"),
        [
            uuids(new.created),
            text(entity),
            int4(np.array([new.sizes[cluster_id] for cluster_id in new.created], np.int64)),
            int4(np.array([new.instances[cluster_id] for cluster_id in new.created], np.int64)),
            int8(np.array([revision], np.int64)),
        ],
    )


def _update(connection: Connection, new: NewClusters, revision: int) -> None:
    if new.changed:
        ids = list(new.changed)
        connection.execute(
            "UPDATE matches.clusters AS c SET size = w.size, instances = w.instances, revision = %s\n"
            "FROM unnest(%s::uuid[], %s::integer[], %s::integer[]) AS w(id, size, instances) WHERE c.id = w.id",
            [
                revision,
                _uuids(ids),
                [new.sizes[cluster_id] for cluster_id in ids],
                [new.instances[cluster_id] for cluster_id in ids],
            ],
        )


def _add(connection: Connection, entity: str, new: Mapping[Node, ClusterId]) -> None:
    nodes = np.array(list(new), np.int64).reshape(-1, 2)
    columns = [text(entity), int4(nodes[:, 0]), int8(nodes[:, 1]), uuids(new.values())]
    copy_columns(connection, "matches.members", ("entity", "instance_id", "id", "cluster_id"), columns)


def _move(connection: Connection, entity: str, moved: Mapping[Node, ClusterId]) -> None:
    if moved:
        connection.execute(
            "UPDATE matches.members AS m SET cluster_id = w.cluster_id\n"
            "FROM unnest(%s::integer[], %s::bigint[], %s::uuid[]) AS w(instance_id, id, cluster_id)\n"
            "WHERE m.entity = %s AND m.instance_id = w.instance_id AND m.id = w.id",
            [[node[0] for node in moved], [node[1] for node in moved], _uuids(moved.values()), entity],
        )


def _remove(connection: Connection, entity: str, gone: Sequence[Node]) -> None:
    if gone:
        connection.execute(
            "DELETE FROM matches.members AS m USING unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
            "WHERE m.entity = %s AND m.instance_id = w.instance_id AND m.id = w.id",
            [[node[0] for node in gone], [node[1] for node in gone], entity],
        )


def _redirect(connection: Connection, redirects: Mapping[ClusterId, ClusterId], revision: int) -> None:
    if not redirects:
        return
    parameters = [_uuids(redirects), _uuids(redirects.values())]
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
    if refused:
        _refuse(connection, entity, refused)
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


def _refuse(connection: Connection, entity: str, refused: Mapping[Pair, Any]) -> None:
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
