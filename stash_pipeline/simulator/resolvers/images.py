"""Images: the loaders of Image."""

from typing import Any

from stash_pipeline.simulator.addresses import version_mark
from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import (
    five_stars,
    grouped,
    joined,
    load_rows,
    many,
    partial_date,
    reference,
    register_kind,
    tags_of,
    texts,
    url_of,
    urls_of,
)
from stash_pipeline.simulator.resolvers.scenes import primary_files, primary_hashes

_FILES = (
    "SELECT image_id, file_id FROM images_files"
    ' WHERE image_id IN (SELECT value FROM json_each(?)) ORDER BY image_id, "primary" DESC, file_id'
)
_HASHES = (
    "SELECT i.image_id, f.type, f.fingerprint FROM images_files i"
    " JOIN files_fingerprints f ON f.file_id = i.file_id"
    ' WHERE i."primary" = 1 AND i.image_id IN (SELECT value FROM json_each(?))'
)


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    names = []
    if not ctx.release.since(28):
        # The file name was returned as the title of an image without a title.
        untitled = [row for row in rows if not row["title"]]
        names = list(zip(untitled, primary_files(ctx, untitled, _FILES), strict=True))
    for row, file in names:
        row["title"] = file["basename"] if file else ""
    for row in rows:
        texts(row, "title", "code", "details", "photographer")
        partial_date(ctx, row, "date")
        row["rating100"] = row["rating"]
        row["rating"] = five_stars(row["rating"])


register_kind("Image", "SELECT * FROM images", "image", _present)


def _image_files(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    by_image = grouped(ctx, rows, _FILES)
    files = load_rows(ctx, "File", (pair[1] for pairs in by_image.values() for pair in pairs))
    # A clip is a video file; this older field omits it.
    return [
        [files[pair[1]] for pair in by_image.get(row["id"], ()) if files[pair[1]]["__typename"] == "ImageFile"]
        for row in rows
    ]


def _file(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    # The real server never sets mod_time here, so selecting it fails the response.
    return [file and {**file, "mod_time": None} for file in primary_files(ctx, rows, _FILES)]


def _path(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [file["path"] if file else "" for file in primary_files(ctx, rows, _FILES)]


def _mod_time(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [file["mod_time"] if file else None for file in primary_files(ctx, rows, _FILES)]


def _checksum(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [prints.get("md5") for prints in primary_hashes(ctx, rows, _HASHES)]


def _paths(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    files = primary_files(ctx, rows, _FILES) if "preview" in selected else [None for _ in rows]
    result = []
    for row, file in zip(rows, files, strict=True):
        base, mark = f"{ctx.base_url}/image/{row['id']}", version_mark(ctx, row)
        # set only if the file has been generated
        clip = file is not None and file["__typename"] == "VideoFile" and row["id"] in ctx.library.clip_previews
        result.append(
            {
                "thumbnail": f"{base}/thumbnail{mark}",
                "image": f"{base}/image{mark}",
                "preview": f"{base}/preview?{mark.removeprefix('?t=')}" if clip else "",
            }
        )
    return result


LOADERS: dict[tuple[str, str], Loader] = {
    ("Image", "url"): url_of("image_urls", "image_id", empty_before=23),
    ("Image", "urls"): urls_of("image_urls", "image_id"),
    ("Image", "studio"): reference("studio_id", "Studio"),
    ("Image", "files"): _image_files,
    ("Image", "visual_files"): many("File", _FILES),
    ("Image", "file"): _file,
    ("Image", "path"): _path,
    ("Image", "file_mod_time"): _mod_time,
    ("Image", "checksum"): _checksum,
    ("Image", "paths"): _paths,
    ("Image", "tags"): tags_of("images_tags", "image_id"),
    ("Image", "performers"): joined("performers_images", "image_id", "performer_id", "Performer"),
    ("Image", "galleries"): joined("galleries_images", "image_id", "gallery_id", "Gallery"),
}
