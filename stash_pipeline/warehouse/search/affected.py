"""Which documents must be made again after changes.

At first those of records that changed or vanished, of objects whose files or folders changed, of scenes whose clusters
or candidates of stash-boxes changed, and of markers that changed. While documents are made, those that refer to them
are added, but only if what they take from them differs: names, aliases, genders and ancestors. The catalog marks
records whose lists changed, so references that appear or disappear need no search here; only markers are not in the
catalog.
"""

from collections.abc import Iterator
from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.object_log import CHANGED_OBJECTS, INSTANCES
from stash_pipeline.warehouse.search.document_columns import MADE, ORDER, SINGULAR
from stash_pipeline.warehouse.search.document_tags import MARKER_ID, MARKERS_OF_TAG, TAGS_OF_MARKER

AFFECTED: Final = "pg_temp.search_affected"
"""(entity, id, instance_id, object_id); the last two of markers that may exist."""

RENAMED: Final = "pg_temp.search_renamed"
"""(entity, id) of documents from which others take something that changed."""

_TABLES: Final = """
CREATE TEMP TABLE search_affected (
    entity text, id uuid, instance_id integer, object_id bigint, PRIMARY KEY (entity, id)
) ON COMMIT DROP;
CREATE TEMP TABLE search_renamed (entity text, id uuid, PRIMARY KEY (entity, id)) ON COMMIT DROP
"""

TAKEN: Final = {
    "tags": ("title", "aliases", "all_tag_ids", "tags", "tag_aliases"),
    "studios": ("title", "aliases", "studio_ids", "studios", "studio_aliases"),
    "performers": ("title", "aliases", "genders"),
    "groups": ("title",),
}
"""What other documents take from those of an entity."""

_ADD: Final = f"INSERT INTO {AFFECTED} (entity, id)\n"
_ONCE: Final = "\nON CONFLICT DO NOTHING"

_LAST: Final = "coalesce((SELECT l.revision FROM ops.shared_layers AS l WHERE l.layer = 'search'), 0)"

_VANISHED: Final = f"""
SELECT entity, id FROM catalog.vanished WHERE revision > {_LAST} AND entity = ANY(%(entities)s)
UNION
SELECT m.entity, m.canonical_id
FROM {CHANGED_OBJECTS} AS c
JOIN catalog.members AS m ON m.entity = c.entity AND m.instance_id = c.instance_id AND m.id = c.id
WHERE c.entity = ANY(%(entities)s)
"""

_OF_FILES: Final = """
SELECT '{entity}', m.canonical_id
FROM {changed} AS c
JOIN stash.{singular}_files AS x ON x.instance_id = c.instance_id AND x.file_id = c.id
JOIN catalog.members AS m ON m.entity = '{entity}' AND m.instance_id = x.instance_id AND m.id = x.{singular}_id
WHERE c.entity = 'files' GROUP BY 2
"""

# a decision on a box can move to another scene than the one that changed
_OF_CLUSTERS: Final = f"SELECT 'scenes', id FROM matches.clusters WHERE entity = 'scenes' AND revision > {_LAST}"

_OF_FOLDERS: Final = f"""
SELECT 'galleries', m.canonical_id
FROM {CHANGED_OBJECTS} AS c
JOIN stash.galleries AS x ON x.instance_id = c.instance_id AND x.folder_id = c.id
JOIN catalog.members AS m ON m.entity = 'galleries' AND m.instance_id = x.instance_id AND m.id = x.id
WHERE c.entity = 'folders' GROUP BY 2
"""

_ADD_MARKERS: Final = f"INSERT INTO {AFFECTED} (entity, id, instance_id, object_id)\n"

_CHANGED_MARKERS: Final = f"""
SELECT 'scene_markers', {MARKER_ID}, k.instance_id, k.id
FROM {CHANGED_OBJECTS} AS k JOIN ops.instances AS i ON i.id = k.instance_id
WHERE k.entity = 'scene_markers'
"""

_OF_REMOVED_INSTANCES: Final = f"""
SELECT 'scene_markers', d.id
FROM search.documents AS d
WHERE d.entity = 'scene_markers' AND d.instance_ids && ARRAY(
    SELECT c.id::integer FROM {CHANGED_OBJECTS} AS c
    WHERE c.entity = '{INSTANCES}' AND NOT EXISTS (SELECT FROM ops.instances AS i WHERE i.id = c.id)
)
"""

# of a tag that became another record: markers that have the record now, that had it, and that are called like it
_MARKERS_OF_MOVED_TAGS: Final = (
    f"""
SELECT DISTINCT 'scene_markers', {MARKER_ID}, k.instance_id, k.id
FROM {AFFECTED} AS a
JOIN catalog.members AS t ON t.entity = 'tags' AND t.canonical_id = a.id
JOIN {MARKERS_OF_TAG} AS k ON k.instance_id = t.instance_id AND k.tag_id = t.id
JOIN ops.instances AS i ON i.id = k.instance_id
WHERE a.entity = 'tags' AND NOT EXISTS (
    SELECT FROM search.marker_tags AS s WHERE s.tag_id = a.id AND s.own AND s.marker_id = {MARKER_ID}
)
""",
    f"""
SELECT DISTINCT 'scene_markers', {MARKER_ID}, k.instance_id, k.id
FROM {AFFECTED} AS a
JOIN search.marker_tags AS s ON s.tag_id = a.id AND s.own
JOIN catalog.members AS m
    ON m.entity = 'scenes' AND m.canonical_id = s.scene_id AND m.instance_id = s.instance_id
JOIN ops.instances AS i ON i.id = s.instance_id
JOIN stash.scene_markers AS k
    ON k.instance_id = m.instance_id AND k.scene_id = m.id AND {MARKER_ID} = s.marker_id
WHERE a.entity = 'tags' AND NOT EXISTS (
    SELECT FROM {TAGS_OF_MARKER}
    JOIN catalog.members AS t ON t.entity = 'tags' AND t.instance_id = k.instance_id AND t.id = y.tag_id
    WHERE t.canonical_id = a.id
)
""",
    f"""
SELECT DISTINCT 'scene_markers', d.id, k.instance_id, k.id
FROM {AFFECTED} AS a
JOIN catalog.members AS t ON t.entity = 'tags' AND t.canonical_id = a.id
JOIN stash.scene_markers AS k ON k.instance_id = t.instance_id AND k.primary_tag_id = t.id
JOIN ops.instances AS i ON i.id = k.instance_id
JOIN search.documents AS d ON d.id = {MARKER_ID}
LEFT JOIN search.documents AS n ON n.id = a.id
WHERE a.entity = 'tags' AND coalesce(k.title, '') = '' AND d.title IS DISTINCT FROM n.title
""",
)

_MARKERS_OF_RENAMED_TAGS: Final = f"""
SELECT DISTINCT 'scene_markers', {MARKER_ID}, k.instance_id, k.id
FROM {RENAMED} AS a
JOIN catalog.members AS t ON t.entity = 'tags' AND t.canonical_id = a.id
JOIN {MARKERS_OF_TAG} AS k ON k.instance_id = t.instance_id AND k.tag_id = t.id
JOIN ops.instances AS i ON i.id = k.instance_id
WHERE a.entity = 'tags'
"""

# the scenes that markers were of, and are of now
_SCENES_OF_MARKERS: Final = f"""
SELECT 'scenes', d.scene_id
FROM {AFFECTED} AS a JOIN search.documents AS d ON d.id = a.id
WHERE a.entity = 'scene_markers' AND d.scene_id IS NOT NULL
UNION
SELECT 'scenes', m.canonical_id
FROM {AFFECTED} AS a
JOIN stash.scene_markers AS k ON k.instance_id = a.instance_id AND k.id = a.object_id
JOIN catalog.members AS m ON m.entity = 'scenes' AND m.instance_id = k.instance_id AND m.id = k.scene_id
WHERE a.entity = 'scene_markers'
"""

_MARKERS_OF_SCENES: Final = f"""
SELECT 'scene_markers', {MARKER_ID}, k.instance_id, k.id
FROM {AFFECTED} AS a
JOIN catalog.members AS m ON m.entity = 'scenes' AND m.canonical_id = a.id
JOIN stash.scene_markers AS k ON k.instance_id = m.instance_id AND k.scene_id = m.id
JOIN ops.instances AS i ON i.id = k.instance_id
WHERE a.entity = 'scenes'
"""

_BELOW: Final = {
    "tags": f"""
WITH RECURSIVE below (id) AS (
    SELECT id FROM {AFFECTED} WHERE entity = 'tags'
    UNION
    SELECT p.tag_id FROM below AS b JOIN catalog.tag_parents AS p ON p.parent_id = b.id
)
SELECT 'tags', id FROM below""",
    "studios": f"""
WITH RECURSIVE below (id) AS (
    SELECT id FROM {AFFECTED} WHERE entity = 'studios'
    UNION
    SELECT s.id FROM below AS b JOIN catalog.studios AS s ON s.parent_studio_id = b.id
)
SELECT 'studios', id FROM below""",
}

_READERS: Final = {
    "tags": ("studios", "performers", "groups", "galleries", "images", "scenes"),
    "studios": ("groups", "galleries", "images", "scenes"),
    "performers": ("galleries", "images", "scenes"),
    "groups": ("scenes",),
}
"""The entities that refer to an entity."""


def collect_affected(connection: Connection, entities: tuple[str, ...]) -> None:
    """Fills :data:`AFFECTED` with what changed by itself."""
    connection.execute(_TABLES)
    changed = {row[0] for row in connection.execute(f"SELECT DISTINCT entity FROM {CHANGED_OBJECTS}")}
    records = [entity for entity in entities if entity in SINGULAR]
    of_records = "\nUNION\n".join(
        f"SELECT '{entity}', id FROM catalog.{entity} WHERE revision > {_LAST}" for entity in records
    )
    connection.execute(f"{_ADD}{of_records}\nUNION\n{_OF_CLUSTERS}\nUNION{_VANISHED}{_ONCE}", {"entities": records})
    for entity in ("scenes", "galleries", "images"):
        if entity in records and "files" in changed:
            of_files = _OF_FILES.format(changed=CHANGED_OBJECTS, entity=entity, singular=SINGULAR[entity])
            connection.execute(f"{_ADD}{of_files}{_ONCE}")
    if "folders" in changed:
        connection.execute(f"{_ADD}{_OF_FOLDERS}{_ONCE}")
    if "scene_markers" in changed:
        connection.execute(f"{_ADD_MARKERS}{_CHANGED_MARKERS}{_ONCE}")
    if INSTANCES in changed:
        connection.execute(f"{_ADD}{_OF_REMOVED_INSTANCES}{_ONCE}")
    connection.execute(f"ANALYZE {AFFECTED}")


def complete(connection: Connection, entity: str) -> bool:
    """Adds the documents of an entity that those made so far, and its own, reach; returns whether there are any."""
    if entity in _BELOW:
        connection.execute(f"{_ADD}{_BELOW[entity]}{_ONCE}")
    if entity == "tags":
        for statement in _MARKERS_OF_MOVED_TAGS:
            connection.execute(f"{_ADD_MARKERS}{statement}{_ONCE}")
    if entity == "scenes":
        connection.execute(f"{_ADD_MARKERS}{_MARKERS_OF_RENAMED_TAGS}{_ONCE}")
        connection.execute(f"{_ADD}{_SCENES_OF_MARKERS}{_ONCE}")
    if entity == "scene_markers":
        connection.execute(f"{_ADD_MARKERS}{_MARKERS_OF_SCENES}{_ONCE}")
    row = connection.execute(f"SELECT EXISTS (SELECT FROM {AFFECTED} WHERE entity = %s)", [entity]).fetchone()
    return bool(row and row[0])


def add_readers(connection: Connection, entity: str, entities: tuple[str, ...]) -> None:
    """Adds the documents that take something from those of an entity that is about to change, see :data:`MADE`."""
    taken = TAKEN.get(entity)
    if not taken:
        return
    old, new = (", ".join(f"{alias}.{name}" for name in taken) for alias in "dm")
    renamed = connection.execute(
        f"INSERT INTO {RENAMED}\nSELECT '{entity}', m.id\n"
        f"FROM {MADE} AS m LEFT JOIN search.documents AS d ON d.id = m.id\n"
        f"WHERE d.id IS NULL OR ROW({old}) IS DISTINCT FROM ROW({new})"
    ).rowcount
    if renamed:
        for statement in _readers(entity, entities):
            connection.execute(f"{_ADD}{statement}{_ONCE}")


def _readers(entity: str, entities: tuple[str, ...]) -> Iterator[str]:
    column = f"{SINGULAR[entity]}_id"
    for reader in _READERS[entity]:
        if reader not in entities:
            continue
        owner = f"{SINGULAR[reader]}_id"
        table, owner = (
            (f"catalog.{reader}", "id") if entity == "studios" else (f"catalog.{SINGULAR[reader]}_{entity}", owner)
        )
        yield (
            f"SELECT DISTINCT '{reader}', x.{owner}\nFROM {RENAMED} AS a JOIN {table} AS x ON x.{column} = a.id\n"
            f"WHERE a.entity = '{entity}'"
        )


def forget(connection: Connection) -> None:
    """Drops what was collected."""
    connection.execute(f"DROP TABLE {AFFECTED}, {RENAMED}")


assert set(TAKEN) == set(_READERS) and set(_READERS) < set(ORDER)
