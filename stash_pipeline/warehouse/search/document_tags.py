"""Markers with their tags, and the tags of documents with all ancestors, as SQL."""

from typing import Final

from stash_pipeline.warehouse.search.document_columns import SINGULAR, STALE, TAGGED, distinct, empty, join_stale

MARKER_ID: Final = "md5(i.uuid::text || '/scene_markers/' || k.id)::uuid"
"""Of a marker ``k`` of an instance ``i``."""

TAGS_OF_MARKER: Final = """LATERAL (
        SELECT k.primary_tag_id AS tag_id
        UNION ALL
        SELECT x.tag_id FROM stash.marker_tags AS x WHERE x.instance_id = k.instance_id AND x.marker_id = k.id
    ) AS y"""
"""The tags of a marker ``k``."""

MARKERS_OF_TAG: Final = """(
        SELECT k.instance_id, k.id, k.primary_tag_id AS tag_id FROM stash.scene_markers AS k
        UNION ALL
        SELECT x.instance_id, x.marker_id, x.tag_id FROM stash.marker_tags AS x
    )"""
"""(instance_id, id, tag_id): markers, to be found by their tags."""


def records_of_tags(everything: bool) -> str:
    """Joins the tags of markers ``k``, as records ``t``: of a few markers one after the other, of all at once."""
    of_all = f"{MARKERS_OF_TAG} AS y ON y.instance_id = k.instance_id AND y.id = k.id"
    return (
        f"    JOIN {of_all if everything else TAGS_OF_MARKER + ' ON true'}\n"
        "    JOIN catalog.members AS t ON t.entity = 'tags' AND t.instance_id = k.instance_id AND t.id = y.tag_id"
    )


def markers(everything: bool) -> str:
    """Markers ``k`` with their instances ``i``."""
    markers = "stash.scene_markers AS k JOIN ops.instances AS i ON i.id = k.instance_id"
    if everything:
        return markers
    return (
        f"{STALE} AS stale\n"
        "    JOIN stash.scene_markers AS k ON k.instance_id = stale.instance_id AND k.id = stale.object_id\n"
        "    JOIN ops.instances AS i ON i.id = k.instance_id"
    )


def tagged_statement(entity: str, *, everything: bool) -> str:
    """Makes :data:`~stash_pipeline.warehouse.search.document_columns.TAGGED`."""
    create = "CREATE TEMP TABLE search_tagged ON COMMIT DROP AS\n"
    if entity == "tags":
        return (
            f"{create}WITH RECURSIVE above (owner, id) AS (\n"
            f"    SELECT t.id, t.id FROM {'catalog.tags' if everything else STALE} AS t\n"
            "    UNION\n"
            "    SELECT a.owner, p.parent_id FROM above AS a JOIN catalog.tag_parents AS p ON p.tag_id = a.id\n"
            ")\nSELECT owner, id, owner = id AS own FROM above"
        )
    if entity == "scene_markers":
        source = (
            f"SELECT {MARKER_ID} AS owner, t.canonical_id AS tag_id\n"
            f"    FROM {markers(everything)}\n{records_of_tags(everything)}"
        )
    else:
        singular = SINGULAR[entity]
        source = (
            f"SELECT x.{singular}_id AS owner, x.tag_id\n"
            f"    FROM catalog.{singular}_tags AS x{join_stale('x', singular + '_id', everything)}"
        )
    return (
        f"{create}SELECT x.owner, a.id, bool_or(a.id = x.tag_id) AS own\nFROM (\n    {source}\n) AS x\n"
        "JOIN search.documents AS t ON t.id = x.tag_id\nCROSS JOIN unnest(t.all_tag_ids) AS a (id)\nGROUP BY 1, 2"
    )


def tags() -> str:
    """Ids and names of tags, own ones first."""
    names = 'array_agg(n.title ORDER BY NOT t.own, n.title COLLATE "C")'
    return f"""
LEFT JOIN (
    SELECT t.owner AS id, array_agg(t.id ORDER BY t.id) FILTER (WHERE t.own) AS tag_ids,
        array_agg(t.id ORDER BY t.id) AS all_tag_ids,
        CASE WHEN count(DISTINCT n.title) = count(*) THEN {names}
        ELSE ARRAY(SELECT u.v FROM unnest({names}) WITH ORDINALITY AS u (v, n) GROUP BY u.v ORDER BY min(u.n)) END
            AS tags
    FROM {TAGGED} AS t JOIN search.documents AS n ON n.id = t.id
    GROUP BY t.owner
) AS t ON t.id = r.id
LEFT JOIN (
    SELECT t.owner AS id, {distinct("a.alias")} AS tag_aliases
    FROM {TAGGED} AS t JOIN search.documents AS n ON n.id = t.id CROSS JOIN unnest(n.aliases) AS a (alias)
    GROUP BY t.owner
) AS ta ON ta.id = r.id"""


OF_TAGGED: Final = {
    "tags": empty("t.tags"),
    "tag_aliases": empty("ta.tag_aliases"),
    "tag_ids": empty("t.tag_ids", "uuid"),
    "all_tag_ids": empty("t.all_tag_ids", "uuid"),
}
"""The columns that come of :func:`tags`."""
