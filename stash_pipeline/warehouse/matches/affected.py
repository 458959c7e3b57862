"""Which objects must be compared again, by the log of changed objects.

What is compared of an object is partly that of others: the files of a scene, the name of its studio. The log names
those.
"""

from collections import defaultdict
from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.feature_sql import ENTITIES
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.ops.object_log import CHANGED_OBJECTS, INSTANCES

_THROUGH: Final = (
    ("scenes", "files", "stash.scene_files", "scene_id", "file_id"),
    ("scenes", "performers", "stash.scene_performers", "scene_id", "performer_id"),
    ("scenes", "studios", "stash.scenes", "id", "studio_id"),
    ("groups", "studios", "stash.groups", "id", "studio_id"),
    ("studios", "studios", "stash.studios", "id", "parent_studio_id"),
    ("tags", "tags", "stash.tag_parents", "tag_id", "parent_id"),
    ("galleries", "files", "stash.gallery_files", "gallery_id", "file_id"),
    ("images", "files", "stash.image_files", "image_id", "file_id"),
)
"""Entity, what of another entity counts for it, and the table and columns that lead there."""

_FEWEST: Final = 500
_SHARE: Final = 0.3
"""The share of objects from which on comparing all is faster; measured with two servers of 10,000 scenes."""


def is_large_share(connection: Connection, entity: str, changed: int) -> bool:
    """Whether so many objects of an entity changed that it takes less time to look at all of them."""
    if changed < _FEWEST:
        return False
    row = connection.execute(f"SELECT count(*) FROM stash.{entity}").fetchone()
    return row is not None and changed >= _SHARE * row[0]


def affected_objects(connection: Connection) -> dict[str, set[Node]]:
    """Objects by entity: those in ``pg_temp.changed_objects``, and those of which others are a part."""
    affected: dict[str, set[Node]] = defaultdict(set)
    logged = {row[0] for row in connection.execute(f"SELECT DISTINCT entity FROM {CHANGED_OBJECTS}")}
    for entity, instance_id, identifier in connection.execute(
        f"SELECT entity, instance_id, id FROM {CHANGED_OBJECTS} WHERE entity = ANY(%s)", [list(ENTITIES)]
    ):
        affected[entity].add((instance_id, identifier))
    for entity, part, table, owner, column in _THROUGH:
        if part not in logged:
            continue
        rows = connection.execute(
            f"SELECT t.instance_id, t.{owner} FROM {CHANGED_OBJECTS} AS c\n"
            f"JOIN {table} AS t ON t.instance_id = c.instance_id AND t.{column} = c.id WHERE c.entity = %s",
            [part],
        )
        affected[entity].update((row[0], row[1]) for row in rows)
    # the folders of a library: paths are compared below them
    for entity in ("scenes", "galleries", "images") if "configuration" in logged else ():
        rows = connection.execute(
            f"SELECT o.instance_id, o.id FROM stash.{entity} AS o WHERE o.instance_id IN (\n"
            f"    SELECT c.instance_id FROM {CHANGED_OBJECTS} AS c WHERE c.entity = 'configuration')"
        )
        affected[entity].update((row[0], row[1]) for row in rows)
    if INSTANCES not in logged:
        return affected
    # of an instance that was removed, the log has one row
    for entity, instance_id, identifier in connection.execute(
        "SELECT m.entity, m.instance_id, m.id FROM matches.members AS m WHERE m.instance_id IN (\n"
        f"    SELECT c.id FROM {CHANGED_OBJECTS} AS c WHERE c.entity = %s\n"
        "    AND NOT EXISTS (SELECT FROM ops.instances AS i WHERE i.id = c.id))",
        [INSTANCES],
    ):
        affected[entity].add((instance_id, identifier))
    return affected
