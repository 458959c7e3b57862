"""The columns of a document as the statements that make documents have them, and what values become in them.

Texts are sorted by their bytes: no collation differs between servers.
"""

from typing import Final

from stash_pipeline.search.documents import COLUMNS

STALE: Final = "pg_temp.search_stale"
"""(id, instance_id, object_id): the documents of one entity to make again; of markers with the server's id."""

MADE: Final = "pg_temp.search_made"
"""The documents of one entity as they are now, without their revision."""

TAGGED: Final = "pg_temp.search_tagged"
"""(owner, id, own): the tags of the documents and all ancestors; own ones are those of the documents themselves."""

ORDER: Final = ("tags", "studios", "performers", "groups", "galleries", "images", "scenes", "scene_markers")
"""The entities in the order in which documents are made."""

SINGULAR: Final = {
    "tags": "tag",
    "studios": "studio",
    "performers": "performer",
    "groups": "group",
    "galleries": "gallery",
    "images": "image",
    "scenes": "scene",
}

DOCUMENT: Final = tuple(name for name in COLUMNS if name not in ("entity", "revision"))
"""The columns of :data:`MADE`."""

# --- values -------------------------------------------------------------------------------------------------


def milliseconds(seconds: str) -> str:
    """Seconds of a server as milliseconds; null if they are not a time."""
    # of groups they are integers, whose product may be none
    return f"CASE WHEN {seconds} BETWEEN 0 AND 1e12 THEN round({seconds} * 1000::double precision)::bigint END"


def day(column: str) -> str:
    """A date; null if it is none of the calendar that programs know."""
    return f"CASE WHEN {column} BETWEEN '0001-01-01' AND '9999-12-31' THEN {column} END"


def moment(column: str) -> str:
    """A time; null if it is far from the calendar that programs know."""
    return f"CASE WHEN {column} BETWEEN '0002-01-01' AND '9998-12-31' THEN {column} END"


def empty(expression: str, kind: str = "text") -> str:
    """A list; empty instead of null."""
    return f"coalesce({expression}, '{{}}'::{kind}[])"


def distinct(expression: str, condition: str = "") -> str:
    """Sorted texts that are not empty, each once."""
    return f"array_agg(DISTINCT {expression} COLLATE \"C\") FILTER (WHERE {condition}{expression} <> '')"


def join_stale(alias: str, column: str, everything: bool) -> str:
    """A join with the stale documents; none if all documents are made."""
    return "" if everything else f" JOIN {STALE} AS stale ON stale.id = {alias}.{column}"


# --- columns ------------------------------------------------------------------------------------------------


def columns(values: dict[str, str]) -> str:
    """The columns of :data:`MADE` with some values; the others are empty."""
    unknown = set(values) - set(DOCUMENT)
    assert not unknown, unknown
    return ",\n    ".join(f"{values.get(name, _DEFAULTS[name])} AS {name}" for name in DOCUMENT)


_TEXTS: Final = ("title", "disambiguation", "code", "details")
_UUID_LISTS: Final = (
    "studio_ids", "performer_ids", "tag_ids", "all_tag_ids", "marker_tag_ids", "own_marker_tag_ids", "group_ids",
)  # fmt: skip
_TEXT_LISTS: Final = (
    "aliases", "files", "hosts", "people", "people_aliases", "tags", "tag_aliases", "studios", "studio_aliases",
    "groups", "markers", "genders", "video_codecs",
)  # fmt: skip
_DEFAULTS: Final = {
    "id": "r.id",
    "instance_ids": "'{}'::integer[]",
    **dict.fromkeys(_TEXTS, "''"),
    **dict.fromkeys(_UUID_LISTS, "'{}'::uuid[]"),
    **dict.fromkeys(_TEXT_LISTS, "'{}'::text[]"),
    **dict.fromkeys(("studio_id", "scene_id"), "NULL::uuid"),
    **dict.fromkeys(("duration", "size", "plays", "o_count", "seconds"), "NULL::bigint"),
    **dict.fromkeys(("height", "rating"), "NULL::integer"),
    **dict.fromkeys(("organized", "favorite", "has_markers"), "NULL::boolean"),
    **dict.fromkeys(("created_at", "updated_at"), "NULL::timestamptz"),
    "date": "NULL::date",
    "stash_box": "NULL::text",
}

Parts = tuple[dict[str, str], str]
"""The values of the columns that an entity has, and the joins that they need."""
