"""Galleries and their chapters: the loaders of Gallery and GalleryChapter."""

from typing import Any

from stash_pipeline.simulator.addresses import version_mark
from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import (
    count_through,
    five_stars,
    grouped,
    joined,
    load_or_stub,
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
    "SELECT gallery_id, file_id FROM galleries_files"
    ' WHERE gallery_id IN (SELECT value FROM json_each(?)) ORDER BY gallery_id, "primary" DESC, file_id'
)
_HASHES = (
    "SELECT g.gallery_id, f.type, f.fingerprint FROM galleries_files g"
    " JOIN files_fingerprints f ON f.file_id = g.file_id"
    ' WHERE g."primary" = 1 AND g.gallery_id IN (SELECT value FROM json_each(?))'
)
COVER_NAMES = r"(?i)(poster|cover|folder|board)\.[^\.]+$"
# The images of a gallery by path; a chosen cover, or one with such a name, stands for the gallery.
# An image with several files is sorted by the one with the least id, of those that were looked for.
_IN_GALLERY = (
    "SELECT gallery_id, image_id, cover FROM ("
    "SELECT gi.gallery_id, gi.image_id, gi.cover, folders.path, files.basename, images.title,"
    " row_number() OVER (PARTITION BY gi.gallery_id, gi.image_id ORDER BY f.file_id) AS number"
    " FROM galleries_images gi JOIN images ON images.id = gi.image_id"
    " LEFT JOIN images_files f ON f.image_id = gi.image_id"
    " LEFT JOIN files ON files.id = f.file_id LEFT JOIN folders ON folders.id = files.parent_folder_id"
    " WHERE gi.gallery_id IN (SELECT value FROM json_each(?)) AND {condition})"
    " WHERE number = 1 ORDER BY gallery_id, "
)


def _in_gallery(ctx: RequestContext, rows: list[Row], condition: str = "1") -> dict[int, list[tuple[Any, ...]]]:
    key = "natural_key" if ctx.release.since(22) else "natural_key_of_v21"
    natural = f"{key}(coalesce(path, '') || coalesce(basename, '')), title IS NOT NULL, {key}(title)"
    order = natural if ctx.release.since(21) else "path, basename"
    return grouped(ctx, rows, f"{_IN_GALLERY.format(condition=condition)}{order}, image_id")


def _images(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    by_gallery = _in_gallery(ctx, rows)
    images = load_or_stub(ctx, "Image", (pair[1] for pairs in by_gallery.values() for pair in pairs), selected)
    return [[images[pair[1]] for pair in by_gallery.get(row["id"], ())] for row in rows]


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    for row in rows:
        texts(row, "title", "details", "code", "photographer")
        partial_date(ctx, row, "date")
        row["rating100"] = row["rating"]
        row["rating"] = five_stars(row["rating"])


def _present_chapters(ctx: RequestContext, rows: list[Row]) -> None:
    return


register_kind("Gallery", "SELECT * FROM galleries", "gallery", _present)
register_kind("GalleryChapter", "SELECT * FROM galleries_chapters", "gallery chapter", _present_chapters)


def _cover(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    by_gallery = _in_gallery(ctx, rows)
    named = _in_gallery(ctx, rows, f"regexp('{COVER_NAMES}', files.basename)")
    chosen: dict[int, int] = {}
    for gallery, images in by_gallery.items():
        # before v0.27, covers could not be set
        marked = [image for _, image, cover in images if cover and ctx.release.since(27)]
        chosen[gallery] = marked[0] if marked else named.get(gallery, images)[0][1]
    covers = load_or_stub(ctx, "Image", chosen.values(), selected)
    return [covers[chosen[row["id"]]] if row["id"] in chosen else None for row in rows]


def _image(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    by_gallery = _in_gallery(ctx, rows)
    result = []
    for row in rows:
        images = by_gallery.get(row["id"], [])
        if not 0 <= args["index"] < len(images):
            raise AnswerError("image not found")
        image = images[args["index"]][1]
        result.append(load_or_stub(ctx, "Image", [image], selected)[image])
    return result


def _paths(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    result = []
    for row in rows:
        base = f"{ctx.base_url}/gallery/{row['id']}"
        result.append({"cover": f"{base}/cover{version_mark(ctx, row)}", "preview": f"{base}/preview"})
    return result


_FOLDER = reference("folder_id", "Folder")


def _path(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    files = primary_files(ctx, rows, _FILES)
    folders = _FOLDER(ctx, rows, {}, frozenset({"path"}))
    return [
        file["path"] if file else folder["path"] if folder else None
        for file, folder in zip(files, folders, strict=True)
    ]


def _mod_time(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [file["mod_time"] if file else None for file in primary_files(ctx, rows, _FILES)]


def _checksum(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [prints.get("md5", "") for prints in primary_hashes(ctx, rows, _HASHES)]


LOADERS: dict[tuple[str, str], Loader] = {
    ("Gallery", "url"): url_of("gallery_urls", "gallery_id", empty_before=23),
    ("Gallery", "urls"): urls_of("gallery_urls", "gallery_id"),
    ("Gallery", "studio"): reference("studio_id", "Studio"),
    ("Gallery", "folder"): _FOLDER,
    ("Gallery", "files"): many("File", _FILES),
    ("Gallery", "path"): _path,
    ("Gallery", "file_mod_time"): _mod_time,
    ("Gallery", "checksum"): _checksum,
    ("Gallery", "tags"): tags_of("galleries_tags", "gallery_id"),
    ("Gallery", "performers"): joined("performers_galleries", "gallery_id", "performer_id", "Performer"),
    ("Gallery", "scenes"): joined("scenes_galleries", "gallery_id", "scene_id", "Scene"),
    ("Gallery", "images"): _images,
    ("Gallery", "image_count"): count_through("galleries_images", "gallery_id", "image_id"),
    ("Gallery", "cover"): _cover,
    ("Gallery", "image"): _image,
    ("Gallery", "paths"): _paths,
    ("Gallery", "chapters"): many(
        "GalleryChapter",
        "SELECT gallery_id, id FROM galleries_chapters"
        " WHERE gallery_id IN (SELECT value FROM json_each(?)) ORDER BY gallery_id, image_index, id",
    ),
    ("GalleryChapter", "gallery"): reference("gallery_id", "Gallery"),
}
