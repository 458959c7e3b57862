"""Files, folders and fingerprints: the loaders of VideoFile, ImageFile, GalleryFile, BasicFile and Folder.

The files of a scene, image or gallery are selected in their own modules.
"""

from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import grouped, reference, register_kind
from stash_pipeline.stash.server_paths import join

FILE_TYPES = ("VideoFile", "ImageFile", "GalleryFile", "BasicFile")

_SELECT = """SELECT files.id, files.basename, files.zip_file_id, files.parent_folder_id, files.size,
 files.mod_time, files.created_at, files.updated_at, folders.path AS folder_path,
 v.file_id AS video_id, v.duration, v.video_codec, v.audio_codec, v.frame_rate, v.bit_rate,
 v.interactive, v.interactive_speed, i.file_id AS image_id,
 COALESCE(i.format, v.format) AS format, COALESCE(i.width, v.width) AS width,
 COALESCE(i.height, v.height) AS height
 FROM files JOIN folders ON folders.id = files.parent_folder_id
 LEFT JOIN video_files v ON v.file_id = files.id LEFT JOIN image_files i ON i.file_id = files.id"""


def file_type(row: Row) -> str:
    """The GraphQL type of a file in a field of an abstract type."""
    if row["image_id"] is not None:
        # even if an older release classified it as a video
        return "ImageFile"
    return "BasicFile" if row["video_id"] is None else "VideoFile"


def _present_files(ctx: RequestContext, rows: list[Row]) -> None:
    for row in rows:
        row["path"] = join(row["folder_path"], row["basename"], windows=ctx.windows)
        row["__typename"] = file_type(row)


def fingerprint_text(kind: str, value: Any) -> str:
    """A stored fingerprint as returned: a phash is an unsigned 64-bit number in unpadded hexadecimal."""
    return f"{value & 0xFFFFFFFFFFFFFFFF:x}" if kind == "phash" else str(value)


_FINGERPRINTS = (
    "SELECT file_id, type, fingerprint FROM files_fingerprints"
    " WHERE file_id IN (SELECT value FROM json_each(?)) ORDER BY file_id, type, fingerprint"
)


def _fingerprints(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    by_file = grouped(ctx, rows, _FINGERPRINTS)
    return [
        [{"type": kind, "value": fingerprint_text(kind, value)} for _, kind, value in by_file.get(row["id"], ())]
        for row in rows
    ]


def _fingerprint(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    lists = _fingerprints(ctx, rows, {}, selected)
    return [
        next((entry["value"] for entry in fingerprints if entry["type"] == args["type"]), None)
        for fingerprints in lists
    ]


def _present_folders(ctx: RequestContext, rows: list[Row]) -> None:
    return


register_kind("File", _SELECT, "file", _present_files)
register_kind("Folder", "SELECT * FROM folders", "folder", _present_folders)

LOADERS: dict[tuple[str, str], Loader] = {
    ("Folder", "parent_folder"): reference("parent_folder_id", "Folder"),
    ("Folder", "zip_file"): reference("zip_file_id", "File"),
}
for _name in FILE_TYPES:
    LOADERS[_name, "fingerprints"] = _fingerprints
    LOADERS[_name, "fingerprint"] = _fingerprint
    LOADERS[_name, "parent_folder"] = reference("parent_folder_id", "Folder")
    LOADERS[_name, "zip_file"] = reference("zip_file_id", "File")
