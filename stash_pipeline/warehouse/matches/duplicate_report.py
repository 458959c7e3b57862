"""Reads ``matches.duplicates`` for people: groups with names, sorted by what removing copies would free."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from psycopg.rows import dict_row

from stash_pipeline.warehouse.connect import Connection

Where = Literal["anywhere", "within", "across"]
ENTITIES: Final = ("scenes", "files", "performers", "studios", "tags")

_GROUPS: Final = """
SELECT d.kind, d.group_id, {server} AS server, count(*) AS copies,
    coalesce(sum(d.bytes) FILTER (WHERE {named}), 0)::bigint AS bytes,
    coalesce(sum(d.bytes_across) FILTER (WHERE {named}), 0)::bigint AS bytes_across
FROM matches.duplicates AS d JOIN ops.instances AS i ON i.id = d.instance_id AND i.removed_at IS NULL
WHERE d.entity = %(entity)s
GROUP BY 1, 2, 3
HAVING bool_or({named}) AND count(*) > 1 AND count(DISTINCT d.instance_id) >= {servers}
"""

_ORDER: Final = {
    "anywhere": "bytes DESC, bytes_across DESC, copies DESC, group_id, server",
    "within": "bytes DESC, copies DESC, group_id, server",
    "across": "bytes_across DESC, bytes DESC, copies DESC, group_id, server",
}

_LINK: Final = """
LEFT JOIN LATERAL (
    SELECT l.rule, l.confidence, coalesce(l.refused ->> 'reason', l.evidence ->> 'not_merged') AS reason
    FROM matches.links AS l
    WHERE g.kind = 'possible' AND l.entity = d.entity AND l.left_instance_id = d.instance_id
      AND l.right_instance_id = d.instance_id
      AND ((l.left_id = d.id AND l.right_id = d.compared_id) OR (l.left_id = d.compared_id AND l.right_id = d.id))
) AS l ON true"""

_SCENES_OF: Final = {
    "performers": "SELECT count(*) FROM stash.scene_performers AS x"
    " WHERE x.instance_id = d.instance_id AND x.performer_id = d.id",
    "studios": "SELECT count(*) FROM stash.scenes AS x WHERE x.instance_id = d.instance_id AND x.studio_id = d.id",
    "tags": "SELECT count(*) FROM stash.scene_tags AS x WHERE x.instance_id = d.instance_id AND x.tag_id = d.id",
}

_COPIES: Final = """
SELECT g.place, i.name AS instance, d.id, nullif(d.file_id, 0) AS file_id, {name} AS name, f.path,
    d.is_keeper, d.is_best_here, d.protected, o.name AS compared_instance, d.compared_id, d.compared_file_id,
    d.reasons, d.loses, d.bytes, d.bytes_across, d.identical, d.phash_distance, d.duration_difference, d.duration,
    d.width, d.height, d.video_codec, d.bit_rate, d.frame_rate, d.size, d.markers, {scenes} AS scenes,
    l.rule, l.confidence, l.reason
FROM unnest(%(kinds)s::text[], %(groups)s::uuid[], %(servers)s::integer[]) WITH ORDINALITY
    AS g(kind, group_id, server, place)
JOIN matches.duplicates AS d
    ON d.entity = %(entity)s AND d.kind = g.kind AND d.group_id = g.group_id
    AND (g.server IS NULL OR d.instance_id = g.server)
JOIN ops.instances AS i ON i.id = d.instance_id AND i.removed_at IS NULL
LEFT JOIN ops.instances AS o ON o.id = d.compared_instance_id
JOIN stash.{table} AS t ON t.instance_id = d.instance_id AND t.id = d.id
LEFT JOIN stash.files AS f ON f.instance_id = d.instance_id AND f.id = d.file_id{link}
ORDER BY g.place, d.is_keeper DESC, d.is_best_here DESC, i.priority, i.name, d.id, d.file_id
"""


@dataclass
class Group:
    """A group of copies.

    Attributes:
        kind: ``same``, or ``possible``: a person has to decide.
        id: of the cluster, if they are the same.
        bytes: freed if the copies that are not the best of their servers are removed.
        bytes_across: freed as well if a copy on one of the servers suffices.
        rule: for a possible one, the rule that proposes it, with its confidence.
        reason: why it did not join them.
        copies: the keeper first; columns of ``matches.duplicates``, and names.
    """

    kind: str
    id: str
    bytes: int
    bytes_across: int
    copies: list[dict[str, Any]] = field(default_factory=list)
    rule: str | None = None
    confidence: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Totals:
    """Of all groups, also of those that are not listed.

    Attributes:
        by_instance: bytes, by the name of the instance.
    """

    groups: int
    copies: int
    possible: int
    bytes: int
    bytes_across: int
    by_instance: dict[str, int]


@dataclass(frozen=True)
class Report:
    """Groups in their order, and totals."""

    groups: list[Group]
    possible: list[Group]
    totals: Totals


def read_duplicates(
    connection: Connection,
    entity: str,
    *,
    instances: Sequence[int] = (),
    where: Where = "anywhere",
    limit: int | None = None,
) -> Report:
    """The groups of an entity, those that would free most first.

    Args:
        instances: only groups with a copy on one of these, and only their bytes; all by default.
        where: ``within`` lists the copies of one server only, ``across`` groups with copies on several.
        limit: groups of each kind.
    """
    sql = _GROUPS.format(
        server="d.instance_id" if where == "within" else "NULL::integer",
        named="d.instance_id = ANY(%(instances)s)" if instances else "true",
        servers=2 if where == "across" else 1,
    )
    parameters = {"entity": entity, "instances": list(instances), "limit": limit}
    connection.execute("DROP TABLE IF EXISTS pg_temp.listed_groups")
    connection.execute(f"CREATE TEMP TABLE listed_groups AS {sql}", parameters)
    listed: dict[str, list[Group]] = {}
    for kind in ("same", "possible"):
        rows = connection.execute(
            "SELECT kind, group_id, server, bytes, bytes_across FROM pg_temp.listed_groups WHERE kind = %(kind)s\n"
            f"ORDER BY {_ORDER[where]} LIMIT %(limit)s",
            {**parameters, "kind": kind},
        ).fetchall()
        listed[kind] = _with_copies(connection, entity, rows)
    return Report(listed["same"], listed["possible"], _totals(connection, entity, instances, where))


def _with_copies(connection: Connection, entity: str, rows: Sequence[tuple[Any, ...]]) -> list[Group]:
    groups = [Group(row[0], str(row[1]), row[3], row[4]) for row in rows]
    table = "scenes" if entity == "files" else entity
    name = "coalesce(nullif(t.title, ''), f.basename)" if table == "scenes" else "t.name"
    scenes = f"({_SCENES_OF[entity]})" if entity in _SCENES_OF else "NULL::bigint"
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            _COPIES.format(name=name, scenes=scenes, table=table, link=_LINK),
            {
                "entity": entity,
                "kinds": [row[0] for row in rows],
                "groups": [row[1] for row in rows],
                "servers": [row[2] for row in rows],
            },
        )
        for copy in cursor:
            group = groups[copy.pop("place") - 1]
            rule, confidence, reason = (copy.pop(key) for key in ("rule", "confidence", "reason"))
            if rule is not None:
                group.rule, group.confidence, group.reason = rule, confidence, reason
            group.copies.append(copy)
    return groups


def _totals(connection: Connection, entity: str, instances: Sequence[int], where: Where) -> Totals:
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE kind = 'same'), coalesce(sum(copies) FILTER (WHERE kind = 'same'), 0)::bigint,\n"
        "    count(*) FILTER (WHERE kind = 'possible'),\n"
        "    coalesce(sum(bytes) FILTER (WHERE kind = 'same'), 0)::bigint,\n"
        "    coalesce(sum(bytes_across) FILTER (WHERE kind = 'same'), 0)::bigint FROM pg_temp.listed_groups"
    ).fetchone()
    assert row is not None
    by_instance = connection.execute(
        "SELECT i.name, sum(d.bytes)::bigint FROM pg_temp.listed_groups AS g\n"
        "JOIN matches.duplicates AS d ON d.entity = %(entity)s AND d.kind = g.kind AND d.group_id = g.group_id\n"
        "    AND (g.server IS NULL OR d.instance_id = g.server)\n"
        "JOIN ops.instances AS i ON i.id = d.instance_id AND i.removed_at IS NULL\n"
        "WHERE g.kind = 'same' AND (%(every)s OR d.instance_id = ANY(%(instances)s))\n"
        "GROUP BY 1 HAVING sum(d.bytes) > 0 ORDER BY 2 DESC, 1",
        {"entity": entity, "every": not instances, "instances": list(instances)},
    ).fetchall()
    groups, copies, possible, freed, across = row
    return Totals(groups, copies, possible, freed, 0 if where == "within" else across, dict(by_instance))
