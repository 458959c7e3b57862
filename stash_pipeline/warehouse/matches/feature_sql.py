"""SQL that reads what is compared of objects: one row per object, its lists as arrays.

Every query reads all objects of an entity, or those of a temporary table. Lists are gathered per object by the key of
their table, so that a few objects cost a few index lookups.
"""

from typing import Final

from stash_pipeline.stashbox.endpoints import endpoint_key_sql, same_endpoint_sql

WANTED: Final = "pg_temp.match_objects"
"""The objects to read: a table of (instance_id, id)."""

_STASH_IDS = """
LEFT JOIN LATERAL (
    SELECT array_agg(k.endpoint) AS endpoints, array_agg(k.stash_id) AS stash_ids
    FROM (
        -- servers keep endpoints as people typed them, and ids that the box has merged into others
        SELECT {endpoint} AS endpoint, coalesce((
            SELECT d.successor_id FROM ops.stashbox_endpoints AS e
            JOIN stashbox.{entity} AS d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id)
            WHERE {same_endpoint}
        ), x.stash_id) AS stash_id
        FROM stash.{singular}_stash_ids AS x WHERE x.instance_id = o.instance_id AND x.{singular}_id = o.id{matched}
    ) AS k{kept}
) AS ids ON true"""

_MATCHED = f"""
        UNION SELECT {endpoint_key_sql("e.url")}, c.box_scene_id
        FROM matches.stashbox_candidates AS c JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
        WHERE c.instance_id = o.instance_id AND c.scene_id = o.id AND c.action IN ('automatic', 'accepted')"""

_NOT_REJECTED = f"""
    WHERE NOT EXISTS (
        SELECT FROM matches.stashbox_candidates AS c JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
        WHERE c.instance_id = o.instance_id AND c.scene_id = o.id AND c.action = 'rejected'
          AND c.box_scene_id = lower(k.stash_id) AND ({endpoint_key_sql("e.url")}) = k.endpoint
    )"""

_LIST = """
LEFT JOIN LATERAL (
    SELECT array_agg(x.{column}) AS {name}
    FROM stash.{table} AS x WHERE x.instance_id = o.instance_id AND x.{owner} = o.id
) AS {name}_list ON true"""


def _ids(singular: str) -> str:
    matched, kept = (_MATCHED, _NOT_REJECTED) if singular == "scene" else ("", "")
    return _STASH_IDS.format(
        entity=f"{singular}s",
        singular=singular,
        endpoint=endpoint_key_sql("x.endpoint"),
        same_endpoint=same_endpoint_sql("e.url", "x.endpoint"),
        matched=matched,
        kept=kept,
    )


def _list(table: str, owner: str, column: str, name: str) -> str:
    return _LIST.format(table=table, owner=owner, column=column, name=name)


_PARENTS_OF_TAGS = """
LEFT JOIN LATERAL (
    SELECT array_agg(p.name) AS parents FROM stash.tag_parents AS x
    JOIN stash.tags AS p ON p.instance_id = x.instance_id AND p.id = x.parent_id
    WHERE x.instance_id = o.instance_id AND x.tag_id = o.id
) AS parents_list ON true"""

_STUDIO = """
LEFT JOIN stash.studios AS studio ON studio.instance_id = o.instance_id AND studio.id = o.{column}"""

_FILES = """
LEFT JOIN LATERAL (
    SELECT array_agg(f.id ORDER BY f.id) AS file_ids,
        array_agg(f.path ORDER BY f.id) AS paths,
        array_agg(f.duration ORDER BY f.id) AS durations,
        array_agg(h.oshash ORDER BY f.id) AS oshashes,
        array_agg(h.md5 ORDER BY f.id) AS md5s,
        array_agg(h.phash ORDER BY f.id) AS phashes
    FROM stash.{table} AS x
    JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
    LEFT JOIN LATERAL (
        SELECT min(p.value) FILTER (WHERE p.type = 'oshash') AS oshash,
            min(p.value) FILTER (WHERE p.type = 'md5') AS md5,
            min(p.phash) AS phash
        FROM stash.file_fingerprints AS p WHERE p.instance_id = f.instance_id AND p.file_id = f.id
    ) AS h ON true
    WHERE x.instance_id = o.instance_id AND x.{owner} = o.id
) AS files ON true"""

_PERFORMERS = """
LEFT JOIN LATERAL (
    SELECT array_agg(p.name) AS performers FROM stash.scene_performers AS x
    JOIN stash.performers AS p ON p.instance_id = x.instance_id AND p.id = x.performer_id
    WHERE x.instance_id = o.instance_id AND x.scene_id = o.id
) AS performers_list ON true"""

_HASHES = """
LEFT JOIN LATERAL (
    SELECT array_agg(h.value) FILTER (WHERE h.value IS NOT NULL) AS md5s, array_agg(f.path) AS paths
    FROM stash.{table} AS x
    JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
    LEFT JOIN stash.file_fingerprints AS h
        ON h.instance_id = f.instance_id AND h.file_id = f.id AND h.type = 'md5'
    WHERE x.instance_id = o.instance_id AND x.{owner} = o.id
) AS files ON true"""

_QUERIES: Final = {
    "performers": (
        "o.name, o.disambiguation, o.gender, o.birthdate_text, aliases, urls, ids.endpoints, ids.stash_ids",
        _list("performer_aliases", "performer_id", "alias", "aliases")
        + _list("performer_urls", "performer_id", "url", "urls")
        + _ids("performer"),
    ),
    "studios": (
        "o.name, aliases, urls, ids.endpoints, ids.stash_ids, studio.name AS parent",
        _list("studio_aliases", "studio_id", "alias", "aliases")
        + _list("studio_urls", "studio_id", "url", "urls")
        + _ids("studio")
        + _STUDIO.format(column="parent_studio_id"),
    ),
    "tags": (
        "o.name, aliases, ids.endpoints, ids.stash_ids, parents",
        _list("tag_aliases", "tag_id", "alias", "aliases") + _ids("tag") + _PARENTS_OF_TAGS,
    ),
    "groups": (
        "o.name, o.aliases, o.date_text, o.director, urls, studio.name AS studio",
        _list("group_urls", "group_id", "url", "urls") + _STUDIO.format(column="studio_id"),
    ),
    "scenes": (
        "o.title, o.code, o.date_text, studio.name AS studio, urls, ids.endpoints, ids.stash_ids, performers,\n"
        "    files.file_ids, files.paths, files.durations, files.oshashes, files.md5s, files.phashes",
        _list("scene_urls", "scene_id", "url", "urls")
        + _ids("scene")
        + _STUDIO.format(column="studio_id")
        + _PERFORMERS
        + _FILES.format(table="scene_files", owner="scene_id"),
    ),
    "galleries": (
        "o.title, o.date_text, urls, files.md5s, files.paths",
        _list("gallery_urls", "gallery_id", "url", "urls") + _HASHES.format(table="gallery_files", owner="gallery_id"),
    ),
    "images": ("files.md5s, files.paths", _HASHES.format(table="image_files", owner="image_id")),
}

ENTITIES: Final = tuple(_QUERIES)
"""The entities that are matched, in the order in which they follow."""


def features_query(entity: str, *, some: bool) -> str:
    """The query for the features of an entity.

    Args:
        some: of the objects in :data:`WANTED` only.
    """
    columns, joins = _QUERIES[entity]
    source = f"{WANTED} AS w JOIN stash.{entity} AS o USING (instance_id, id)" if some else f"stash.{entity} AS o"
    return f"SELECT o.instance_id, o.id, {columns}\nFROM {source}{joins}"
