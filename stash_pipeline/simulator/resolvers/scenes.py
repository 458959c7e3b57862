"""Scenes: their own fields, files, paths, history.

Contains the loaders of Scene and of the types that only scenes use.
"""

from typing import Any

from stash_pipeline.simulator.addresses import version_mark
from stash_pipeline.simulator.backups import UNDATED
from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.files import fingerprint_text
from stash_pipeline.simulator.resolvers.rows import (
    first_value,
    five_stars,
    grouped,
    joined,
    load_or_stub,
    load_rows,
    many,
    objects,
    partial_date,
    reference,
    register_kind,
    stash_ids_of,
    tags_of,
    texts,
    url_of,
    urls_of,
    values,
)

_PRIMARY_FILES = (
    "SELECT scene_id, file_id FROM scenes_files WHERE scene_id IN (SELECT value FROM json_each(?))"
    ' ORDER BY scene_id, "primary" DESC, file_id'
)
_PRIMARY_HASHES = (
    "SELECT s.scene_id, f.type, f.fingerprint FROM scenes_files s"
    " JOIN files_fingerprints f ON f.file_id = s.file_id"
    ' WHERE s."primary" = 1 AND s.scene_id IN (SELECT value FROM json_each(?))'
)


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    for row in rows:
        texts(row, "title", "details", "code", "director")
        partial_date(ctx, row, "date")
        row["rating100"] = row["rating"]
        row["rating"] = five_stars(row["rating"])


register_kind("Scene", "SELECT * FROM scenes", "scene", _present)


def primary_files(ctx: RequestContext, rows: list[Row], sql: str = _PRIMARY_FILES) -> list[Row | None]:
    """The primary file of each row, if it has files."""
    by_row = grouped(ctx, rows, sql)
    files = load_rows(ctx, "File", (pairs[0][1] for pairs in by_row.values()))
    return [files.get(by_row[row["id"]][0][1]) if row["id"] in by_row else None for row in rows]


def primary_hashes(ctx: RequestContext, rows: list[Row], sql: str = _PRIMARY_HASHES) -> list[dict[str, str]]:
    """The fingerprints of the primary file of each row, by type."""
    by_row = grouped(ctx, rows, sql)
    return [{kind: fingerprint_text(kind, value) for _, kind, value in by_row.get(row["id"], ())} for row in rows]


def _paths(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    named = selected & {"vtt", "sprite"}
    hashes = primary_hashes(ctx, rows) if named else [{} for _ in rows]
    key = f"?apikey={ctx.api_key}" if ctx.api_key else ""
    result = []
    for row, prints in zip(rows, hashes, strict=True):
        base = f"{ctx.base_url}/scene/{row['id']}"
        checksum = prints.get("oshash", "")
        result.append(
            {
                "screenshot": f"{base}/screenshot{version_mark(ctx, row)}",
                "preview": f"{base}/preview",
                "stream": f"{base}/stream{key}",
                "webp": f"{base}/webp",
                "vtt": f"{ctx.base_url}/scene/{checksum}_thumbs.vtt",
                "chapters_vtt": f"{base}/vtt/chapter",
                "sprite": f"{ctx.base_url}/scene/{checksum}_sprite.jpg",
                "funscript": f"{base}/funscript",
                "interactive_heatmap": f"{base}/interactive_heatmap",
                "caption": f"{base}/caption",
            }
        )
    return result


def _file_field(column: str, otherwise: Any) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        return [otherwise if file is None else file[column] for file in primary_files(ctx, rows)]

    return load


def _hash_field(kind: str) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        return [prints.get(kind) for prints in primary_hashes(ctx, rows)]

    return load


def _file(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [
        None
        if file is None
        else {**file, "size": str(file["size"]), "bitrate": file["bit_rate"], "framerate": file["frame_rate"]}
        for file in primary_files(ctx, rows)
    ]


def _captions(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    lists = objects(
        "SELECT s.scene_id, c.language_code, c.caption_type FROM scenes_files s"
        " JOIN video_captions c ON c.file_id = s.file_id"
        ' WHERE s."primary" = 1 AND s.scene_id IN (SELECT value FROM json_each(?))'
        " ORDER BY s.scene_id, c.language_code, c.caption_type",
        "language_code",
        "caption_type",
    )(ctx, rows, {}, selected)
    return [captions or None for captions in lists]


def _in_groups(inner: str) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        groups = grouped(
            ctx,
            rows,
            "SELECT scene_id, group_id, scene_index FROM groups_scenes"
            " WHERE scene_id IN (SELECT value FROM json_each(?)) ORDER BY scene_id, rowid",
        )
        return [
            [{"group_id": group, "scene_index": scene_index} for _, group, scene_index in groups.get(row["id"], ())]
            for row in rows
        ]

    return load


def _group_of(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    groups = load_or_stub(ctx, "Group", (row["group_id"] for row in rows), selected)
    return [groups[row["group_id"]] for row in rows]


def _dates(table: str, column: str) -> str:
    return (
        f"SELECT scene_id, {column} FROM {table} WHERE scene_id IN (SELECT value FROM json_each(?))"
        f" ORDER BY scene_id, {column} DESC"
    )


def _counted(table: str) -> Loader:
    return first_value(
        f"SELECT scene_id, COUNT(*) FROM {table} WHERE scene_id IN (SELECT value FROM json_each(?)) GROUP BY scene_id",
        0,
    )


def _last_played(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    dates = first_value(_dates("scenes_view_dates", "view_date"))(ctx, rows, {}, selected)
    # only releases that count plays have plays without a date
    return [None if date == UNDATED and not ctx.release.since(25) else date for date in dates]


def _streams(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    paths = _paths(ctx, rows, {}, frozenset())
    return [
        [] if file is None else [{"url": path["stream"], "mime_type": "video/mp4", "label": "Direct stream"}]
        for path, file in zip(paths, primary_files(ctx, rows), strict=True)
    ]


LOADERS: dict[tuple[str, str], Loader] = {
    ("Scene", "url"): url_of("scene_urls", "scene_id", empty_before=22),
    ("Scene", "urls"): urls_of("scene_urls", "scene_id"),
    ("Scene", "tags"): tags_of("scenes_tags", "scene_id"),
    ("Scene", "performers"): joined("performers_scenes", "scene_id", "performer_id", "Performer"),
    ("Scene", "galleries"): joined("scenes_galleries", "scene_id", "gallery_id", "Gallery"),
    ("Scene", "groups"): _in_groups("group"),
    ("Scene", "movies"): _in_groups("movie"),
    ("SceneGroup", "group"): _group_of,
    ("SceneMovie", "movie"): _group_of,
    ("Scene", "studio"): reference("studio_id", "Studio"),
    ("Scene", "stash_ids"): stash_ids_of("scene_stash_ids", "scene_id"),
    ("Scene", "scene_markers"): many(
        "SceneMarker",
        "SELECT scene_id, id FROM scene_markers WHERE scene_id IN (SELECT value FROM json_each(?))"
        " ORDER BY scene_id, seconds, id",
    ),
    ("Scene", "files"): many("File", _PRIMARY_FILES),
    ("Scene", "file"): _file,
    ("Scene", "path"): _file_field("path", ""),
    ("Scene", "file_mod_time"): _file_field("mod_time", None),
    ("Scene", "interactive"): _file_field("interactive", False),
    ("Scene", "interactive_speed"): _file_field("interactive_speed", None),
    ("Scene", "checksum"): _hash_field("md5"),
    ("Scene", "oshash"): _hash_field("oshash"),
    ("Scene", "phash"): _hash_field("phash"),
    ("Scene", "captions"): _captions,
    ("Scene", "paths"): _paths,
    ("Scene", "sceneStreams"): _streams,
    ("Scene", "play_history"): values(_dates("scenes_view_dates", "view_date")),
    ("Scene", "o_history"): values(_dates("scenes_o_dates", "o_date")),
    ("Scene", "play_count"): _counted("scenes_view_dates"),
    ("Scene", "o_counter"): _counted("scenes_o_dates"),
    ("Scene", "last_played_at"): _last_played,
}
