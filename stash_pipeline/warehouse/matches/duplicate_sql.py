"""SQL that reads what is known of the copies in groups of duplicates, for ``duplicates.py``.

The queries of copies read the groups of :data:`GROUPED`, and give rows in the order of the groups. Of some groups, what
belongs to an object is looked up by the key of its table; of all, every table is read once. What objects are identified
by across instances is their cluster, so that a tag that both servers have is not lost by a merge.
"""

from typing import Final

from stash_pipeline.stashbox.endpoints import endpoint_key_sql

SELECTED: Final = "pg_temp.duplicate_objects"
"""The objects whose groups are made again: a table of (instance_id, id)."""

GROUPED: Final = "pg_temp.duplicate_groups"
"""The groups to read, and their objects: a table of (number, member, everyone, instance_id, id).

The members of a group are bits of one number. ``everyone`` is the sum of all, or 0 where they are more than its bits.
"""

ENTITIES: Final = ("scenes", "performers", "studios", "tags")

UPSTREAM: Final = (
    "stash.scenes", "stash.performers", "stash.studios", "stash.tags", "stash.files", "stash.file_fingerprints",
    "stash.scene_files", "stash.scene_markers", "stash.scene_tags", "stash.scene_performers",
)  # fmt: skip
"""What the copies are compared by."""

# most items are those of all copies, which none of them loses: their names are not read
_DIFFERING: Final = """
WITH held AS MATERIALIZED (
    SELECT w.number, w.member, w.everyone, w.instance_id, w.id, {item} AS item, {value} AS value
    FROM {grouped} AS w
    {source}
), differing AS MATERIALIZED (
    SELECT number, item FROM held GROUP BY number, item, everyone HAVING bit_or(member) <> everyone
)
SELECT h.number, h.instance_id, h.id, h.item::text, {shown}
FROM differing AS d JOIN held AS h ON h.number = d.number AND h.item = d.item{named}
ORDER BY h.number"""

_LINKED: Final = """JOIN stash.{table} AS x ON x.instance_id = w.instance_id AND x.{owner} = w.id
    JOIN matches.members AS m ON m.entity = '{target}' AND m.instance_id = x.instance_id AND m.id = x.{column}"""

_NAMED: Final = """
JOIN stash.{target} AS t ON t.instance_id = h.instance_id AND t.id = h.value"""

_VALUES: Final = """JOIN stash.{table} AS x ON x.instance_id = w.instance_id AND x.{owner} = w.id
    WHERE x.{column} <> ''"""


def _linked(table: str, owner: str, column: str, target: str, shown: str = "name") -> str:
    return _DIFFERING.format(
        grouped=GROUPED,
        item="m.cluster_id",
        value=f"x.{column}",
        source=_LINKED.format(table=table, owner=owner, column=column, target=target),
        shown=f"coalesce(nullif(t.{shown}, ''), t.id::text)",
        named=_NAMED.format(target=target),
    )


def _values(table: str, owner: str, column: str, item: str, value: str) -> str:
    source = _VALUES.format(table=table, owner=owner, column=column)
    return _DIFFERING.format(grouped=GROUPED, item=item, value=value, source=source, shown="h.value", named="")


def _texts(table: str, owner: str, column: str) -> str:
    return _values(table, owner, column, f"x.{column}" if column == "url" else f"lower(x.{column})", f"x.{column}")


_STASH_ID: Final = f"({endpoint_key_sql('x.endpoint')}) || ' ' || lower(x.stash_id)"
"""Equal for all spellings."""


def _stash_ids(singular: str) -> str:
    return _values(f"{singular}_stash_ids", f"{singular}_id", "stash_id", _STASH_ID, "x.endpoint || ' ' || x.stash_id")


LISTS: Final = {
    "scenes": {
        "tags": _linked("scene_tags", "scene_id", "tag_id", "tags"),
        "performers": _linked("scene_performers", "scene_id", "performer_id", "performers"),
        "studio": _linked("scenes", "id", "studio_id", "studios"),
        "groups": _linked("scene_groups", "scene_id", "group_id", "groups"),
        "galleries": _linked("scene_galleries", "scene_id", "gallery_id", "galleries", "title"),
        "urls": _texts("scene_urls", "scene_id", "url"),
        "stash_ids": _stash_ids("scene"),
    },
    "performers": {
        "aliases": _texts("performer_aliases", "performer_id", "alias"),
        "tags": _linked("performer_tags", "performer_id", "tag_id", "tags"),
        "urls": _texts("performer_urls", "performer_id", "url"),
        "stash_ids": _stash_ids("performer"),
    },
    "studios": {
        "aliases": _texts("studio_aliases", "studio_id", "alias"),
        "tags": _linked("studio_tags", "studio_id", "tag_id", "tags"),
        "urls": _texts("studio_urls", "studio_id", "url"),
        "stash_ids": _stash_ids("studio"),
    },
    "tags": {"aliases": _texts("tag_aliases", "tag_id", "alias"), "stash_ids": _stash_ids("tag")},
}
"""Per entity, by the name of a list: (group, instance, object, what identifies an item, its name).

Only the items that not all objects of the group have.
"""

TAGS: Final = {
    entity: (
        f"SELECT w.number, w.instance_id, w.id, array_agg(coalesce(t.name, '')) FROM {GROUPED} AS w\n"
        f"JOIN stash.{entity[:-1]}_tags AS x ON x.instance_id = w.instance_id AND x.{entity[:-1]}_id = w.id\n"
        "JOIN stash.tags AS t ON t.instance_id = x.instance_id AND t.id = x.tag_id\n"
        "WHERE w.instance_id IN (SELECT p.instance_id FROM ops.protected AS p WHERE p.kind = 'tag')\n"
        "GROUP BY 1, 2, 3 ORDER BY 1"
    )
    for entity in ("scenes", "performers", "studios")
}
"""(group, instance, object, names of all its tags), of the instances that protect tags."""

HAVE: Final = {
    ("scenes", "tags"): ("stash.scene_tags", "scene_id", "tag_id"),
    ("scenes", "performers"): ("stash.scene_performers", "scene_id", "performer_id"),
    ("scenes", "studios"): ("stash.scenes", "id", "studio_id"),
    ("scenes", "groups"): ("stash.scene_groups", "scene_id", "group_id"),
    ("scenes", "galleries"): ("stash.scene_galleries", "scene_id", "gallery_id"),
    ("performers", "tags"): ("stash.performer_tags", "performer_id", "tag_id"),
    ("studios", "tags"): ("stash.studio_tags", "studio_id", "tag_id"),
}
"""Where it says which objects of an entity have one of another: those count for their duplicates too."""

_FILLED: Final = {
    "scenes": ("title", "code", "details", "director", "date_text"),
    "performers": (
        "disambiguation", "gender", "birthdate_text", "death_date_text", "ethnicity", "country", "eye_color",
        "hair_color", "height_cm", "weight", "measurements", "fake_tits", "career_length", "tattoos", "piercings",
        "details",
    ),
    "studios": ("details", "parent_studio_id"),
    "tags": ("description", "sort_name"),
}  # fmt: skip


def _filled(entity: str) -> str:
    cases = [
        f"CASE WHEN o.{column}::text <> '' THEN '{column.removesuffix('_text')}' END" for column in _FILLED[entity]
    ]
    if entity != "scenes":
        cases.append("CASE WHEN position('default=true' IN o.image_path) = 0 THEN 'image' END")
    return f"array_remove(ARRAY[{', '.join(cases)}], NULL)"


def _counted(table: str, owner: str, count: str, where: str, name: str, *, some: bool) -> tuple[str, str]:
    """(how many rows of another table an object has, join that the expression needs)."""
    if some:
        own = f"x.instance_id = w.instance_id AND x.{owner} = w.id"
        return f"(SELECT {count} FROM stash.{table} AS x\n    WHERE {own}{where and f' AND {where}'})", ""
    join = (
        f"\nLEFT JOIN (\n    SELECT x.instance_id, x.{owner} AS id, {count} AS number FROM stash.{table} AS x"
        f"{where and f' WHERE {where}'} GROUP BY 1, 2\n) AS {name} USING (instance_id, id)"
    )
    return f"coalesce({name}.number, 0)", join


def _stash_ids_of(entity: str, *, some: bool) -> tuple[str, str]:
    owner, count = f"{entity[:-1]}_id", f"count(DISTINCT {_STASH_ID})"
    return _counted(f"{entity[:-1]}_stash_ids", owner, count, "x.stash_id <> ''", "ids", some=some)


def objects_query(entity: str, *, some: bool) -> str:
    """(group, instance, id, created, rating, filled fields, stash ids), and what only scenes, or only the others, have.

    Args:
        some: of few groups.
    """
    stash_ids, joins = _stash_ids_of(entity, some=some)
    if entity == "scenes":
        markers, join = _counted("scene_markers", "scene_id", "count(*)", "", "markers", some=some)
        own = (
            f"coalesce(o.organized, false), coalesce(o.play_count, 0), coalesce(o.o_counter, 0),\n    {markers}",
            join,
        )
    else:
        owner, count = f"{entity[:-1]}_id", "count(DISTINCT lower(x.alias))"
        aliases, join = _counted(f"{entity[:-1]}_aliases", owner, count, "x.alias <> ''", "aliases", some=some)
        own = f"{aliases},\n    coalesce(o.favorite, false), o.name", join
    rating = "NULL::integer" if entity == "tags" else "o.rating100"
    return (
        f"SELECT w.number, instance_id, id, extract(epoch FROM o.created_at)::float8, {rating}, {_filled(entity)},\n"
        f"    {stash_ids},\n    {own[0]}\n"
        f"FROM {GROUPED} AS w JOIN stash.{entity} AS o USING (instance_id, id){joins}{own[1]}\nORDER BY w.number"
    )


_FILES: Final = f"""
SELECT w.number, w.instance_id, w.id, f.id, coalesce(x.is_primary, false), f.path, f.size, f.width, f.height,
    CASE WHEN f.duration > 0 AND f.duration < 1e12 THEN round(f.duration * 1000)::bigint END,
    nullif(f.video_codec, ''), f.bit_rate, f.frame_rate, extract(epoch FROM f.created_at)::float8, h.hashes, h.phash
FROM {GROUPED} AS w
JOIN stash.scene_files AS x ON x.instance_id = w.instance_id AND x.scene_id = w.id
JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
LEFT JOIN {{lateral}}(
    SELECT {{first}}array_agg(p.type || ' ' || p.value) FILTER (WHERE p.type IN ('oshash', 'md5')) AS hashes,
        min(p.phash) AS phash
    FROM stash.file_fingerprints AS p {{end}}
) AS h ON {{on}}
ORDER BY 1, 2, 3, 5 DESC, 4"""


def files_query(*, some: bool) -> str:
    """(group, instance, scene, and what is known of a file of the scene), the primary file of a scene first."""
    if some:
        end = "WHERE p.instance_id = f.instance_id AND p.file_id = f.id"
        return _FILES.format(lateral="LATERAL ", first="", end=end, on="true")
    end = "GROUP BY p.instance_id, p.file_id"
    on = "h.instance_id = f.instance_id AND h.file_id = f.id"
    return _FILES.format(lateral="", first="p.instance_id, p.file_id, ", end=end, on=on)


POSSIBLE: Final = """
SELECT l.entity, md5(concat_ws(' ', l.entity, l.left_instance_id, l.left_id, l.right_id))::uuid::text,
    l.left_instance_id, l.left_id, l.right_id
FROM matches.links AS l
JOIN matches.members AS a ON a.entity = l.entity AND a.instance_id = l.left_instance_id AND a.id = l.left_id
JOIN matches.members AS b ON b.entity = l.entity AND b.instance_id = l.right_instance_id AND b.id = l.right_id
JOIN ops.instances AS i ON i.id = l.left_instance_id AND i.removed_at IS NULL
WHERE l.left_instance_id = l.right_instance_id AND (l.action = 'propose' OR l.refused IS NOT NULL)
  AND l.entity = ANY(%(entities)s) AND a.cluster_id <> b.cluster_id"""
"""Pairs of one server that a person has to look at: (entity, group, instance, one id, the other)."""

DECIDED_DIFFERENT: Final = """
SELECT r.left_instance_id, r.entity, least(r.left_id, r.right_id), greatest(r.left_id, r.right_id)
FROM matches.resolved_decisions AS r JOIN matches.decisions AS d ON d.id = r.decision_id
WHERE d.verdict = 'different' AND r.left_instance_id = r.right_instance_id"""


def touched_query(entity: str) -> str:
    """The objects of an entity whose groups have to be made again.

    Parameters: ``since``, the revision of the object log that the groups have reached.
    """
    log = "pg_temp.changed_objects"
    parts = [
        f"SELECT instance_id, id FROM {log} WHERE entity = '{entity}'",
        "SELECT m.instance_id, m.id FROM matches.clusters AS c JOIN matches.members AS m ON m.cluster_id = c.id\n"
        f"WHERE c.revision > %(since)s AND c.entity = '{entity}'",
        # another priority, another protection, removed with its rows kept, or restored
        f"SELECT m.instance_id, m.id FROM {log} AS c JOIN matches.members AS m ON m.instance_id = c.id\n"
        f"WHERE c.entity = 'instances' AND m.entity = '{entity}'",
        # gone
        f"SELECT d.instance_id, d.id FROM {log} AS c JOIN matches.duplicates AS d ON d.instance_id = c.id\n"
        f"WHERE c.entity = 'instances' AND d.entity IN {_stored(entity)}",
    ]
    for (owner, target), (table, owner_column, target_column) in HAVE.items():
        if owner == entity:
            parts.append(
                f"SELECT d.instance_id, d.id FROM (\n"
                f"    SELECT instance_id, id FROM {log} WHERE entity = '{target}' UNION\n"
                "    SELECT m.instance_id, m.id FROM matches.clusters AS c\n"
                "    JOIN matches.members AS m ON m.cluster_id = c.id\n"
                f"    WHERE c.revision > %(since)s AND c.entity = '{target}'\n"
                f") AS t JOIN {table} AS x ON x.instance_id = t.instance_id AND x.{target_column} = t.id\n"
                f"JOIN matches.duplicates AS d ON d.entity IN {_stored(entity)} AND d.instance_id = x.instance_id\n"
                f"    AND d.id = x.{owner_column}"
            )
    if entity == "scenes":
        markers = f"FROM {log} WHERE entity = 'scene_markers'"
        with_markers = f"ARRAY(SELECT DISTINCT instance_id {markers})"
        parts += [
            f"SELECT x.instance_id, x.scene_id FROM {log} AS c\n"
            "JOIN stash.scene_files AS x ON x.instance_id = c.instance_id AND x.file_id = c.id\n"
            "WHERE c.entity = 'files'",
            f"SELECT x.instance_id, x.scene_id FROM {log} AS c\n"
            "JOIN stash.scene_markers AS x ON x.instance_id = c.instance_id AND x.id = c.id\n"
            "WHERE c.entity = 'scene_markers' AND x.scene_id IS NOT NULL",
            # a marker that is gone does not say whose it was, one that moved not from where: only their number counts
            f"SELECT d.instance_id, d.id FROM matches.duplicates AS d LEFT JOIN (\n"
            "    SELECT x.instance_id, x.scene_id, count(*) AS markers FROM stash.scene_markers AS x\n"
            f"    WHERE x.instance_id = ANY ({with_markers}) GROUP BY 1, 2\n"
            ") AS now ON now.instance_id = d.instance_id AND now.scene_id = d.id\n"
            # first, so that nothing is read if there is none
            f"WHERE EXISTS (SELECT {markers}) AND d.entity = 'scenes' AND d.instance_id = ANY ({with_markers})\n"
            "  AND d.markers <> coalesce(now.markers, 0)",
        ]
    return "\nUNION\n".join(parts)


def _stored(entity: str) -> str:
    return "('scenes', 'files')" if entity == "scenes" else f"('{entity}')"
