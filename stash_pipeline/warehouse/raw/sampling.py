"""Selects random objects of an entity without scanning all of them."""

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.partition_names import partition

_PROBES = 2
"""Points per requested object, because several points can lead to one object."""

_BY_POINTS = """
SELECT id FROM (
    SELECT DISTINCT p.id
    FROM (
        SELECT min(id) AS first, max(id) AS last FROM {raw} WHERE instance_id = %(i)s
    ) AS r
    CROSS JOIN LATERAL (
        SELECT r.first + floor(random() * (r.last - r.first + 1))::bigint AS point FROM generate_series(1, %(points)s)
    ) AS s
    CROSS JOIN LATERAL (
        SELECT id FROM {raw} WHERE instance_id = %(i)s AND id >= s.point{live} ORDER BY id LIMIT 1
    ) AS p
) AS chosen
ORDER BY random() LIMIT %(size)s
"""

_BY_SORTING = "SELECT id FROM {raw} WHERE instance_id = %(i)s{live} ORDER BY random() LIMIT %(size)s"


def random_ids(connection: Connection, instance_id: int, entity: str, size: int, *, live: bool) -> set[int]:
    """Random ids of that many objects, or of all if there are fewer.

    Each is the next id after a random point of the range of ids: objects after a gap are more likely, and every object
    is possible. If that does not lead to enough objects, all ids are sorted randomly instead.

    Args:
        live: only of objects without a tombstone.
    """
    raw = partition("raw." + entity, instance_id)
    condition = " AND deleted_at IS NULL" if live else ""
    parameters = {"i": instance_id, "size": size, "points": _PROBES * size}
    ids: set[int] = set()
    for statement in (_BY_POINTS, _BY_SORTING):
        rows = connection.execute(statement.format(raw=raw, live=condition), parameters).fetchall()
        ids = {row[0] for row in rows}
        if len(ids) == size:
            break
    return ids
