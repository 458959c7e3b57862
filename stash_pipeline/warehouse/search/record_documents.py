"""The documents of records of the catalog, as SQL per entity."""

from typing import Final

from stash_pipeline.warehouse.search.document_columns import (
    TAGGED,
    Parts,
    day,
    distinct,
    empty,
    join_stale,
    milliseconds,
)
from stash_pipeline.warehouse.search.document_parts import (
    OF_FILES,
    OF_STUDIO,
    STUDIO,
    aliases,
    all_aliases,
    files,
    hosts,
    of_people,
    people,
    stash_box,
)
from stash_pipeline.warehouse.search.document_tags import OF_TAGGED, records_of_tags, tags

_LAST_PART: Final = r"substring(o.path FROM '([^/\\]+)[/\\]*$')"


def _candidates(everything: bool) -> str:
    return f"""
LEFT JOIN (
    SELECT m.canonical_id AS id, bool_or(c.action IN ('automatic', 'accepted')) AS linked,
        bool_or(c.action = 'review') AS candidate
    FROM catalog.members AS m{join_stale("m", "canonical_id", everything)}
    JOIN matches.stashbox_candidates AS c ON c.instance_id = m.instance_id AND c.scene_id = m.id
    WHERE m.entity = 'scenes' GROUP BY 1
) AS b ON b.id = r.id"""


def _groups(everything: bool) -> str:
    return f"""
LEFT JOIN (
    SELECT x.scene_id AS id, array_agg(g.id ORDER BY g.id) AS group_ids, {distinct("g.title")} AS groups
    FROM catalog.scene_groups AS x{join_stale("x", "scene_id", everything)}
    JOIN search.documents AS g ON g.id = x.group_id
    GROUP BY 1
) AS g ON g.id = r.id"""


def _markers_of_scenes(everything: bool) -> str:
    scenes = f"catalog.members AS m{join_stale('m', 'canonical_id', everything)}"
    return f"""
LEFT JOIN (
    SELECT x.id, {distinct("x.text")} AS markers
    FROM (
        SELECT m.canonical_id AS id, k.title AS text
        FROM {scenes}
        JOIN stash.scene_markers AS k ON k.instance_id = m.instance_id AND k.scene_id = m.id
        WHERE m.entity = 'scenes'
        UNION ALL
        SELECT m.canonical_id, n.title
        FROM {scenes}
        JOIN stash.scene_markers AS k ON k.instance_id = m.instance_id AND k.scene_id = m.id
    {records_of_tags(everything)}
        JOIN search.documents AS n ON n.id = t.canonical_id
        WHERE m.entity = 'scenes'
    ) AS x GROUP BY x.id
) AS k ON k.id = r.id
LEFT JOIN (
    SELECT x.id, array_agg(x.tag_id ORDER BY x.tag_id) AS marker_tag_ids,
        array_agg(x.tag_id ORDER BY x.tag_id) FILTER (WHERE x.own) AS own_marker_tag_ids
    FROM (
        SELECT m.canonical_id AS id, a.id AS tag_id, bool_or(a.id = n.id) AS own
        FROM {scenes}
        JOIN stash.scene_markers AS k ON k.instance_id = m.instance_id AND k.scene_id = m.id
    {records_of_tags(everything)}
        JOIN search.documents AS n ON n.id = t.canonical_id
        CROSS JOIN unnest(n.all_tag_ids) AS a (id)
        WHERE m.entity = 'scenes' GROUP BY 1, 2
    ) AS x GROUP BY x.id
) AS kt ON kt.id = r.id"""


_FOLDERS: Final = """
LEFT JOIN (
    SELECT m.canonical_id AS id, (array_agg(o.name ORDER BY m.instance_id, m.id))[1] AS folder, {names} AS folders
    FROM catalog.members AS m{of}
    JOIN stash.galleries AS y ON y.instance_id = m.instance_id AND y.id = m.id
    JOIN stash.folders AS z ON z.instance_id = y.instance_id AND z.id = y.folder_id
    CROSS JOIN LATERAL (SELECT {name}) AS o (name)
    WHERE m.entity = 'galleries' AND o.name <> '' GROUP BY 1
) AS o ON o.id = r.id"""


def _tag(everything: bool) -> Parts:
    return (
        {
            "title": "coalesce(r.name, '')",
            "aliases": empty("a.aliases"),
            "details": "coalesce(r.description, '')",
            "tags": empty("t.tags"),
            "tag_aliases": empty("ta.tag_aliases"),
            "tag_ids": "ARRAY[r.id]",
            "all_tag_ids": "t.all_tag_ids",
            "favorite": "r.favorite",
            "stash_box": stash_box("tags"),
        },
        aliases("tags", everything)
        + f"""
LEFT JOIN (
    SELECT t.owner AS id, array_agg(t.id ORDER BY t.id) AS all_tag_ids,
        {distinct("n.name", "NOT t.own AND ")} AS tags
    FROM {TAGGED} AS t JOIN catalog.tags AS n ON n.id = t.id GROUP BY 1
) AS t ON t.id = r.id
LEFT JOIN (
    SELECT t.owner AS id, {distinct("a.alias")} AS tag_aliases
    FROM {TAGGED} AS t JOIN ({all_aliases("tags", everything=True)}
    ) AS a ON a.id = t.id
    WHERE NOT t.own GROUP BY 1
) AS ta ON ta.id = r.id""",
    )


def _studio(everything: bool) -> Parts:
    above = f"""
        WITH RECURSIVE above (owner, id, depth) AS (
            SELECT r.id, r.parent_studio_id, 1
            FROM catalog.studios AS r{join_stale("r", "id", everything)} WHERE r.parent_studio_id IS NOT NULL
            UNION ALL
            SELECT a.owner, r.parent_studio_id, a.depth + 1
            FROM above AS a JOIN catalog.studios AS r ON r.id = a.id WHERE r.parent_studio_id IS NOT NULL
        ) CYCLE id SET is_cycle USING path
        SELECT owner, id, depth FROM above WHERE NOT is_cycle AND id <> owner"""
    parents = f"""
LEFT JOIN (
    SELECT a.owner AS id, array_agg(a.id ORDER BY a.depth) AS studio_ids,
        array_agg(n.name ORDER BY a.depth) FILTER (WHERE n.name <> '') AS studios
    FROM ({above}
    ) AS a JOIN catalog.studios AS n ON n.id = a.id GROUP BY 1
) AS s ON s.id = r.id
LEFT JOIN (
    SELECT a.owner AS id, {distinct("x.alias")} AS studio_aliases
    FROM ({above}
    ) AS a JOIN ({all_aliases("studios", everything=True)}
    ) AS x ON x.id = a.id GROUP BY 1
) AS sa ON sa.id = r.id"""
    return {
        "title": "coalesce(r.name, '')",
        "aliases": empty("a.aliases"),
        "details": "coalesce(r.details, '')",
        "hosts": empty("u.hosts"),
        **OF_TAGGED,
        "studios": empty("s.studios"),
        "studio_aliases": empty("sa.studio_aliases"),
        "studio_id": "r.id",
        "studio_ids": "r.id || coalesce(s.studio_ids, '{}'::uuid[])",
        "rating": "r.rating100",
        "organized": "r.organized",
        "favorite": "r.favorite",
        "stash_box": stash_box("studios"),
    }, aliases("studios", everything) + hosts("studios", everything) + tags() + parents


def _performer(everything: bool) -> Parts:
    return {
        "title": "coalesce(r.name, '')",
        "disambiguation": "coalesce(r.disambiguation, '')",
        "aliases": empty("a.aliases"),
        "details": "coalesce(r.details, '')",
        "hosts": empty("u.hosts"),
        **OF_TAGGED,
        "performer_ids": "ARRAY[r.id]",
        "genders": "CASE WHEN r.gender <> '' THEN ARRAY[r.gender] ELSE '{}'::text[] END",
        "date": day("r.birthdate"),
        "rating": "r.rating100",
        "favorite": "r.favorite",
        "stash_box": stash_box("performers"),
    }, aliases("performers", everything) + hosts("performers", everything) + tags()


def _group(everything: bool) -> Parts:
    return {
        "title": "coalesce(r.name, '')",
        "aliases": empty("a.aliases"),
        "details": "coalesce(r.synopsis, '')",
        "hosts": empty("u.hosts"),
        "people": "CASE WHEN r.director <> '' THEN ARRAY[r.director] ELSE '{}'::text[] END",
        **OF_TAGGED,
        **OF_STUDIO,
        "group_ids": "ARRAY[r.id]",
        "date": day("r.date"),
        "duration": milliseconds("r.duration"),
        "rating": "r.rating100",
    }, aliases("groups", everything) + hosts("groups", everything) + tags() + STUDIO


def _gallery(everything: bool) -> Parts:
    folders = _FOLDERS.format(
        names=distinct("o.name"),
        of=join_stale("m", "canonical_id", everything),
        name=_LAST_PART.replace("o.path", "z.path"),
    )
    return {
        "title": "coalesce(nullif(r.title, ''), f.file, o.folder, '')",
        "aliases": empty("a.aliases"),
        "code": "coalesce(r.code, '')",
        "details": "coalesce(r.details, '')",
        "hosts": empty("u.hosts"),
        **of_people("r.photographer"),
        **OF_TAGGED,
        **OF_STUDIO,
        **OF_FILES,
        "files": f"{empty('f.files')} || {empty('o.folders')}",
        "date": day("r.date"),
        "rating": "r.rating100",
        "organized": "r.organized",
    }, (
        aliases("galleries", everything)
        + files("galleries", everything)
        + folders
        + hosts("galleries", everything)
        + people("galleries", everything)
        + tags()
        + STUDIO
    )  # fmt: skip


def _image(everything: bool) -> Parts:
    return {
        "title": "coalesce(nullif(r.title, ''), f.file, '')",
        "aliases": empty("a.aliases"),
        "code": "coalesce(r.code, '')",
        "details": "coalesce(r.details, '')",
        "hosts": empty("u.hosts"),
        **of_people("r.photographer"),
        **OF_TAGGED,
        **OF_STUDIO,
        **OF_FILES,
        "date": day("r.date"),
        "rating": "r.rating100",
        "o_count": "r.o_counter",
        "organized": "r.organized",
    }, (
        aliases("images", everything)
        + files("images", everything)
        + hosts("images", everything)
        + people("images", everything)
        + tags()
        + STUDIO
    )  # fmt: skip


def _scene(everything: bool) -> Parts:
    return {
        "title": "coalesce(nullif(r.title, ''), f.file, '')",
        "aliases": empty("a.aliases"),
        "code": "coalesce(r.code, '')",
        "details": "coalesce(r.details, '')",
        "hosts": empty("u.hosts"),
        **of_people("r.director"),
        **OF_TAGGED,
        **OF_STUDIO,
        **OF_FILES,
        "groups": empty("g.groups"),
        "group_ids": empty("g.group_ids", "uuid"),
        "markers": empty("k.markers"),
        "marker_tag_ids": empty("kt.marker_tag_ids", "uuid"),
        "own_marker_tag_ids": empty("kt.own_marker_tag_ids", "uuid"),
        "scene_id": "r.id",
        "date": day("r.date"),
        "rating": "r.rating100",
        "plays": "r.play_count",
        "o_count": "r.o_counter",
        "organized": "r.organized",
        "has_markers": "k.id IS NOT NULL",
        "stash_box": stash_box("scenes"),
    }, (
        aliases("scenes", everything)
        + files("scenes", everything)
        + hosts("scenes", everything)
        + people("scenes", everything)
        + tags()
        + STUDIO
        + _groups(everything)
        + _markers_of_scenes(everything)
        + _candidates(everything)
    )  # fmt: skip


PARTS: Final = {
    "tags": _tag,
    "studios": _studio,
    "performers": _performer,
    "groups": _group,
    "galleries": _gallery,
    "images": _image,
    "scenes": _scene,
}
