"""Checks of matches."""

from collections import defaultdict
from typing import Final

from stash_pipeline.matching.rules import link_rules
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import CheckOutcome, LayerCheck
from stash_pipeline.warehouse.matches.box_checks import BOX_CHECKS
from stash_pipeline.warehouse.matches.decisions import contradictions, read_resolved
from stash_pipeline.warehouse.matches.feature_sql import ENTITIES
from stash_pipeline.warehouse.matches.features import Node

_NAMED: Final = 10
_ALLOWED_ERRORS: Final = 0.001
"""Of automatic links, as the rules promise it."""

_COMPARE_EVERYTHING: Final = frozenset({"reconcile", "sweep", "rebuild"})


def _every_object_has_one_cluster(connection: Connection) -> CheckOutcome:
    missing = {}
    for entity in ENTITIES:
        row = connection.execute(
            f"SELECT count(*) FILTER (WHERE m.id IS NULL), count(*) FILTER (WHERE o.id IS NULL)\n"
            f"FROM stash.{entity} AS o\n"
            "FULL JOIN (SELECT instance_id, id FROM matches.members WHERE entity = %s) AS m USING (instance_id, id)",
            [entity],
        ).fetchone()
        if row and any(row):
            missing[entity] = f"{row[0]:,} without a cluster, {row[1]:,} in a cluster and gone"
    return CheckOutcome(not missing, missing)


_SAME_INSTANCE = """
SELECT m.cluster_id, m.instance_id, m.id FROM matches.members AS m
WHERE m.entity = 'scenes' AND m.cluster_id IN (
    SELECT c.id FROM matches.clusters AS c WHERE c.entity = 'scenes' AND c.size > c.instances)
"""

_PROOFS = """
WITH nodes AS MATERIALIZED (SELECT * FROM unnest(%(instances)s::integer[], %(ids)s::bigint[]) AS n(instance_id, id))
SELECT l.left_instance_id, l.left_id, l.right_instance_id, l.right_id
FROM nodes JOIN matches.links AS l
    ON l.entity = 'scenes' AND l.left_instance_id = nodes.instance_id AND l.left_id = nodes.id
WHERE l.refused IS NULL AND l.rule = ANY(%(rules)s)
UNION ALL
SELECT r.left_instance_id, r.left_id, r.right_instance_id, r.right_id
FROM matches.resolved_decisions AS r JOIN matches.decisions AS d ON d.id = r.decision_id
WHERE r.entity = 'scenes' AND d.verdict = 'same' AND r.right_id IS NOT NULL
"""


def _scenes_of_one_instance_are_proven(connection: Connection) -> CheckOutcome:
    clusters: dict[str, list[Node]] = defaultdict(list)
    for cluster_id, instance_id, identifier in connection.execute(_SAME_INSTANCE):
        clusters[str(cluster_id)].append((instance_id, identifier))
    nodes = [node for members in clusters.values() for node in members]
    parent = {node: node for node in nodes}

    def root(node: Node) -> Node:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    rules = [rule.name for rule in link_rules("scenes") if rule.identity]
    parameters = {"instances": [n[0] for n in nodes], "ids": [n[1] for n in nodes], "rules": rules}
    for left_instance, left, right_instance, right in connection.execute(_PROOFS, parameters):
        left_node, right_node = (left_instance, left), (right_instance, right)
        if left_node in parent and right_node in parent:
            parent[root(left_node)] = root(right_node)
    unproven = [
        cluster_id
        for cluster_id, members in clusters.items()
        if any(
            root(node) != root(later)
            for number, node in enumerate(members)
            for later in members[number + 1 :]
            if node[0] == later[0]
        )
    ]
    metadata = {
        "clusters": len(clusters),
        "unproven": len(unproven),
        "examples": ", ".join(unproven[:_NAMED]) or "none",
    }
    return CheckOutcome(not unproven, metadata)


def _decisions_agree(connection: Connection) -> CheckOutcome:
    lines = []
    for entity in ENTITIES:
        decisions = read_resolved(connection, entity)
        lines += [f"{entity} {pair[0]} and {pair[1]}" for pair, _ in contradictions(decisions)]
    return CheckOutcome(not lines, {"contradictions": len(lines), "examples": "; ".join(lines[:_NAMED]) or "none"})


def _automatic_links_are_right(connection: Connection) -> CheckOutcome:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM matches.links WHERE action = 'merge'), count(*)\n"
        "FROM matches.resolved_decisions AS r\n"
        "JOIN matches.decisions AS d ON d.id = r.decision_id AND d.verdict = 'different'\n"
        "JOIN matches.links AS l ON l.action = 'merge' AND l.entity = r.entity\n"
        "    AND l.left_instance_id = r.left_instance_id AND l.left_id = r.left_id\n"
        "    AND l.right_instance_id = r.right_instance_id AND l.right_id = r.right_id"
    ).fetchone()
    links, rejected = row or (0, 0)
    metadata = {"automatic_links": links, "rejected": rejected}
    if links:
        metadata["precision_observed"] = round(1 - rejected / links, 5)
    # people look at few links, so this is an upper bound of the precision
    return CheckOutcome(rejected <= max(1, _ALLOWED_ERRORS * links), metadata)


CHECKS: Final = (
    LayerCheck(
        "every_object_has_one_cluster",
        "matches.members",
        "Every object of stash is a member of one cluster, and no other is.",
        _every_object_has_one_cluster,
        modes=_COMPARE_EVERYTHING,
        only_in_modes=True,
    ),
    LayerCheck(
        "scenes_of_one_instance_are_proven",
        "matches.members",
        "Two scenes of one instance are in one cluster only if a hash proves it or a person decided it.",
        _scenes_of_one_instance_are_proven,
        modes=_COMPARE_EVERYTHING,
        only_in_modes=True,
    ),
    LayerCheck(
        "decisions_agree",
        "matches.clusters",
        "No two objects are called different, and the same through a chain of decisions.",
        _decisions_agree,
        warn=True,
        modes=_COMPARE_EVERYTHING,
        only_in_modes=True,
    ),
    LayerCheck(
        "automatic_links_are_right",
        "matches.links",
        "People rejected at most one in a thousand of the automatic links.",
        _automatic_links_are_right,
        warn=True,
        modes=_COMPARE_EVERYTHING,
        only_in_modes=True,
    ),
    *BOX_CHECKS,
)
