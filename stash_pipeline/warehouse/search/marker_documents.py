"""The documents of scene markers, as SQL."""

from typing import Final

from stash_pipeline.warehouse.search.document_columns import columns, empty, milliseconds, moment
from stash_pipeline.warehouse.search.document_tags import MARKER_ID, OF_TAGGED, markers, tags

_SECONDS: Final = f"coalesce({milliseconds('k.seconds')}, 0)"
_END: Final = f"CASE WHEN k.end_seconds >= k.seconds THEN {milliseconds('k.end_seconds')} END"


def made_markers(everything: bool) -> str:
    """A marker has the people, the studio and the date of its scene to be filtered by, but not their names."""
    values = {
        "title": "coalesce(nullif(r.title, ''), n.title, '')",
        **OF_TAGGED,
        "instance_ids": "ARRAY[r.instance_id]",
        "studio_id": "c.studio_id",
        "studio_ids": empty("c.studio_ids", "uuid"),
        "performer_ids": empty("c.performer_ids", "uuid"),
        "group_ids": empty("c.group_ids", "uuid"),
        "scene_id": "r.scene_id",
        "genders": empty("c.genders"),
        "date": "c.date",
        "duration": "r.end_seconds - r.seconds",
        "seconds": "r.seconds",
        "created_at": moment("r.created_at"),
        "updated_at": moment("r.updated_at"),
    }
    return (
        f"CREATE TEMP TABLE search_made ON COMMIT DROP AS\nSELECT {columns(values)},\n"
        "    r.instance_id, r.end_seconds\nFROM (\n"
        f"    SELECT {MARKER_ID} AS id, k.instance_id, k.title, {_SECONDS} AS seconds, {_END} AS end_seconds,\n"
        "        m.canonical_id AS scene_id, p.canonical_id AS tag_id, k.created_at, k.updated_at\n"
        f"    FROM {markers(everything)}\n"
        "    LEFT JOIN catalog.members AS m"
        " ON m.entity = 'scenes' AND m.instance_id = k.instance_id AND m.id = k.scene_id\n"
        "    LEFT JOIN catalog.members AS p"
        " ON p.entity = 'tags' AND p.instance_id = k.instance_id AND p.id = k.primary_tag_id\n"
        ") AS r\n"
        "LEFT JOIN search.documents AS c ON c.id = r.scene_id AND c.entity = 'scenes'\n"
        f"LEFT JOIN search.documents AS n ON n.id = r.tag_id AND n.entity = 'tags'{tags()}"
    )
