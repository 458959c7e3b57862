"""Where the database has tags, files, studios, performers, groups and saved filters.

Covers the joins of an entity's query, and the fields that are not a single expression or list. ``mapping.py`` adds all
other fields from the entity specification.
"""

import json
from dataclasses import replace
from functools import partial
from math import isfinite
from typing import Any

from stash_pipeline.stash.declarations import legacy_urls
from stash_pipeline.stash.json_values import InvalidValueError, as_json
from stash_pipeline.stash.server_paths import clean, folder_of, join
from stash_pipeline.stash.snapshot import values
from stash_pipeline.stash.snapshot.database import Row, Snapshot
from stash_pipeline.stash.snapshot.spec import (
    EntityMapping,
    ListMapping,
    Value,
    between,
    big,
    custom_fields,
    moment,
    stash_ids,
    text,
    texts,
)

V21, V22, V27, V28 = 46, 48, 67, 72
"""Schema versions by release."""


def _in_objects(file: str) -> str:
    """The condition that a file belongs to an object."""
    tables = ("scenes_files", "images_files", "galleries_files")
    return " OR ".join(f"EXISTS (SELECT 1 FROM {table} AS o WHERE o.file_id = {file})" for table in tables)


def image_path(snapshot: Snapshot, kind: str, alias: str, column: str = "image_blob", name: str = "image") -> Value:
    """The URL of an object's image, with a mark if it has none; before v0.21, only studios have the mark."""
    address = f"'/{kind}/' || {alias}.id || '/{name}'"
    if kind == "studio" or snapshot.since(V21):
        address += f" || CASE WHEN {alias}.{column} IS NULL THEN '?default=true' ELSE '' END"
    return text(address)


def urls(snapshot: Snapshot, table: str, owner: str, parent: str, *legacy: str) -> ListMapping:
    """URLs: in their own table, or in the columns of older versions."""
    if snapshot.has(table):
        return replace(texts(table, owner, "url", "position"), canonical=True)
    columns = ", ".join(legacy)
    any_url = " OR ".join(f"{column} <> ''" for column in legacy)
    return ListMapping(
        f'SELECT id, {columns} FROM "{parent}" WHERE {between("id")} AND ({any_url}) ORDER BY id',
        lambda rows: legacy_urls(*rows[0]),
    )


def tags(snapshot: Snapshot) -> EntityMapping:
    """Tags."""
    return EntityMapping(
        "tags AS t",
        "t.id",
        {"image_path": image_path(snapshot, "tag", "t")},
        {"stash_ids": stash_ids(snapshot, "tag_stash_ids", "tag_id")},
    )


def studios(snapshot: Snapshot) -> EntityMapping:
    """Studios."""
    return EntityMapping(
        "studios AS t",
        "t.id",
        {"image_path": image_path(snapshot, "studio", "t")},
        {
            "urls": urls(snapshot, "studio_urls", "studio_id", "studios", "url"),
            "stash_ids": stash_ids(snapshot, "studio_stash_ids", "studio_id"),
        },
    )


def performers(snapshot: Snapshot) -> EntityMapping:
    """Performers."""
    return EntityMapping(
        "performers AS t",
        "t.id",
        {
            "gender": text("nullif(t.gender, '')" if snapshot.since(V21) else "coalesce(t.gender, '')"),
            "image_path": image_path(snapshot, "performer", "t"),
        },
        {
            "custom_fields": custom_fields("performer_custom_fields", "performer_id"),
            "urls": urls(snapshot, "performer_urls", "performer_id", "performers", "url", "twitter", "instagram"),
            "stash_ids": stash_ids(snapshot, "performer_stash_ids", "performer_id"),
        },
    )


def groups(snapshot: Snapshot) -> EntityMapping:
    """Groups, in tables of movies before v0.27."""
    new = snapshot.since(V27)
    table = "groups" if new else "movies"
    kind = table[:-1]
    back = f"CASE WHEN t.back_image_blob IS NOT NULL THEN '/{kind}/' || t.id || '/backimage' END"
    return EntityMapping(
        f'"{table}" AS t',
        "t.id",
        {
            "synopsis": text("t.description" if new else "t.synopsis", empty=snapshot.since(V22)),
            "front_image_path": image_path(snapshot, kind, "t", "front_image_blob", "frontimage"),
            "back_image_path": text(back),
        },
        {
            "urls": urls(snapshot, "group_urls", "group_id", table, "url"),
            "sub_groups": ListMapping(
                "SELECT containing_id, sub_id, description FROM groups_relations\n"
                f"WHERE {between('containing_id')} ORDER BY containing_id, order_index",
                lambda rows: [{"group": {"id": sub}, "description": description} for sub, description in rows],
            ),
        },
    )


# --- files ----------------------------------------------------------------------------------------------

_FINGERPRINTS = """
SELECT file_id,
    CASE WHEN min(plain) THEN '[' || group_concat('{"type":"' || type || '","value":"' || value || '"}') || ']' END
FROM (
    SELECT file_id, type, value, type NOT GLOB '*[^a-z0-9]*' AND value NOT GLOB '*[^0-9a-f]*' AS plain
    FROM (
        SELECT file_id, type, CASE
            WHEN typeof(fingerprint) <> 'integer' THEN CAST(fingerprint AS TEXT)
            WHEN type = 'phash' THEN printf('%016x', fingerprint)
            ELSE printf('%x', fingerprint) END AS value
        FROM files_fingerprints WHERE file_id > :after AND file_id <= :until
    )
    ORDER BY file_id, type, value
)
GROUP BY file_id
"""

_JOINED = "CASE d.path WHEN '' THEN '' ELSE d.path || '/' END || t.basename"
_JOINED_ON_WINDOWS = """CASE WHEN d.path = '' OR substr(d.path, -1) = ':' THEN d.path || t.basename
        WHEN substr(d.path, -1) IN ('\\', '/') THEN d.path || ltrim(t.basename, '\\/')
        ELSE d.path || '\\' || t.basename END"""
"""The same as ``server_paths.join`` before it cleans the path."""


_OF_GALLERIES = "(t.id IN (SELECT folder_id FROM galleries))"


def _paths(windows: bool) -> Value:
    """Paths of files, as the server's operating system joins them."""
    joined = _JOINED_ON_WINDOWS if windows else _JOINED
    return Value(f"CAST({joined} AS TEXT)", partial(clean, windows=windows))


def _folder_paths(embedded: bool, windows: bool) -> Value:
    """Paths of folders. If only files expose a folder, its path is derived from their paths."""
    path = "CAST(t.path AS TEXT)"
    if not embedded:
        return Value(path)

    def read(stored: str) -> str | None:
        own, _, path = stored.partition(" ")
        return path if own == "1" else folder_of(join(path, "x", windows=windows), "x")

    return Value(f"CASE WHEN {_OF_GALLERIES} THEN '1 ' ELSE '0 ' END || {path}", read)


def _read_fingerprints(rows: list[Row]) -> list[dict[str, Any]]:
    return [{"type": kind, "value": values.fingerprint(value)} for kind, value in rows]


def files(snapshot: Snapshot, *, embedded: bool, windows: bool) -> EntityMapping:
    """Files; ``embedded``: only files that belong to an object, because the server exposes no others.

    An older release may have classified a file as a video that a newer one classifies as an image. It counts as an
    image, and its video columns are not exposed.
    """
    kind = "CASE WHEN i.file_id IS NOT NULL THEN 'ImageFile' WHEN v.file_id IS NOT NULL THEN 'VideoFile'"
    of_video = "CASE WHEN i.file_id IS NULL THEN v.format END"
    return EntityMapping(
        "files AS t JOIN folders AS d ON d.id = t.parent_folder_id\n"
        "LEFT JOIN video_files AS v ON v.file_id = t.id LEFT JOIN image_files AS i ON i.file_id = t.id",
        "t.id",
        {
            "type": text(f"{kind} ELSE 'BasicFile' END"),
            "path": _paths(windows),
            # image files have no format in releases without a query for files
            "format": text(of_video if embedded else "coalesce(i.format, v.format)"),
        },
        {
            "fingerprints": ListMapping(
                _FINGERPRINTS,
                _read_fingerprints,
                fallback_sql="SELECT type, fingerprint FROM files_fingerprints WHERE file_id = ?",
            )
        },
        where=_in_objects("t.id") if embedded else "",
    )


def folders(snapshot: Snapshot, *, embedded: bool, windows: bool) -> EntityMapping:
    """Folders; ``embedded``: only folders of galleries (whole) and folders of files (path only)."""
    complete = _OF_GALLERIES if embedded else "true"

    def exposed(name: str) -> str:
        return f"CASE WHEN {complete} THEN t.{name} END"

    return EntityMapping(
        "folders AS t",
        "t.id",
        {
            "path": _folder_paths(embedded, windows),
            "parent_folder": big(exposed("parent_folder_id")),
            "zip_file": big(exposed("zip_file_id")),
            **{name: moment(exposed(name)) for name in ("mod_time", "created_at", "updated_at")},
        },
        where=f"{complete} OR t.id IN (SELECT f.parent_folder_id FROM files AS f WHERE {_in_objects('f.id')})"
        if embedded
        else "",
    )


# --- saved filters --------------------------------------------------------------------------------------

_FIND = ("q", "page", "per_page", "sort", "direction")


def _read_json(stored: Any) -> Any:
    """A JSON object as the server reads it: numbers are floating-point, and numbers that are too large become null."""
    try:
        value = json.loads(
            values.text(stored) or "null", parse_int=_read_number, parse_float=_read_number, parse_constant=_refuse
        )
    except RecursionError:
        raise InvalidValueError from None
    except ValueError:
        return None
    return as_json(value) if isinstance(value, dict) else None


def _read_number(text: str) -> float | int | None:
    number = float(text)
    return values.json_number(number) if isfinite(number) else None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not valid JSON")


def _read_find(stored: Any) -> Any:
    criteria = _read_json(stored)
    return None if criteria is None else {name: criteria.get(name) for name in _FIND}


def saved_filters(snapshot: Snapshot) -> EntityMapping:
    """Saved filters: in several columns since v0.23, before that as one text."""
    columns = {}
    if snapshot.has("saved_filters", "find_filter"):
        columns["find_filter"] = Value("t.find_filter", _read_find)
        columns["object_filter"] = Value("t.object_filter", _read_json)
        columns["ui_options"] = Value("t.ui_options", _read_json)
    return EntityMapping("saved_filters AS t", "t.id", columns)
