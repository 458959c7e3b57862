"""The entities of the file system: folders and files."""

from stash_pipeline.stash import declarations as field
from stash_pipeline.stash.entities.shared import INVERSE
from stash_pipeline.stash.fields import Column, Derived, Entity, Field, JoinTable, Reference, Spelling
from stash_pipeline.stash.fingerprints import read_fingerprint

_FILE = "id path basename parent_folder_id zip_file_id mod_time size fingerprints{type value} created_at updated_at"
_IMAGE_FILE = f"{_FILE} format width height"
_VIDEO_FILE = f"{_IMAGE_FILE} duration video_codec audio_codec frame_rate bit_rate"

EMBEDDED_SELECTIONS: dict[str, tuple[Spelling, ...]] = {
    "scenes": (Spelling((f"files{{{_VIDEO_FILE}}}",)),),
    "images": (
        Spelling((f"visual_files{{__typename ...VideoFile{{{_VIDEO_FILE}}} ...ImageFile{{{_IMAGE_FILE}}}}}",)),
        Spelling((f"files{{{_IMAGE_FILE}}}",)),
    ),
    "galleries": (
        Spelling((f"files{{{_FILE}}}", "folder{id path parent_folder_id zip_file_id mod_time created_at updated_at}")),
    ),
}
"""Before v0.29, files and folders have no query of their own. They are read from the objects that embed them."""

EMBEDDED_FILE_TYPES = {"scenes": "VideoFile", "images": "ImageFile", "galleries": "BasicFile"}

_PHASH = Derived(
    "phash",
    "bigint",
    "CASE WHEN {type} = 'phash' AND {value} ~ '^[0-9a-f]{{16}}$'\n"
    "            THEN ('x' || {value})::bit(64)::bigint END",
    "a phash as a signed 64-bit integer",
    index="values",
)


def _of_video(name: str) -> str:
    # a file can have rows of both types: an older release classified it as a video, a newer one as an image
    return f"CASE WHEN i.file_id IS NULL THEN v.{name} END"


FOLDERS = Entity(
    "folders", "folder", ("Folder",), (("findFolders", "folders"),), ("folder_filter",),
    (
        field.text("path", index="hash"),
        field.one("parent_folder", "folders", "parent_folder{id}", "parent_folder_id"),
        Field(
            "zip_file", Reference("files", late=True), (Spelling(("zip_file{id}",)), Spelling(("zip_file_id",))),
            "the archive that the folder lies in",
        ),
        field.time("mod_time"), field.time("created_at"), field.time("updated_at"),
    ),
    "Folders of files. Before v0.29 only id and path, except for the folders that are galleries.",
    {"basename": "the end of path", "parent_folders": INVERSE, "sub_folders": INVERSE},
    embedded_in=("scenes", "images", "galleries"),
)  # fmt: skip

FILES = Entity(
    "files", "file", ("VideoFile", "ImageFile", "BasicFile", "GalleryFile"), (("findFiles", "files"),),
    ("file_filter",),
    (
        field.text("type", "__typename"),
        field.text("path", index="hash"),
        field.text("basename", index="hash"),
        field.one("parent_folder", "folders", "parent_folder{id}", "parent_folder_id"),
        field.one("zip_file", "files", "zip_file{id}", "zip_file_id"),
        field.bigint("size", index="values"),
        field.text("format"),
        field.integer("width", stored="coalesce(i.width, v.width)"),
        field.integer("height", stored="coalesce(i.height, v.height)"),
        field.number("duration", index="values", stored=_of_video("duration")),
        field.text("video_codec", stored=_of_video("video_codec")),
        field.text("audio_codec", stored=_of_video("audio_codec")),
        field.number("frame_rate", stored=_of_video("frame_rate")),
        field.bigint("bit_rate", stored=_of_video("bit_rate")),
        field.time("mod_time"), field.time("created_at"), field.time("updated_at"),
        Field(
            "fingerprints",
            JoinTable(
                "file_fingerprints", (Column("type", "text"), Column("value", "text")), ("type", "value"),
                read=read_fingerprint, derived=(_PHASH,), indexes=(("type", "value"),),
            ),
            (Spelling(("fingerprints{type value}",)),),
            "phash is padded to 16 hex digits; file_fingerprints.phash has it as a bigint",
        ),
    ),
    "Files of scenes, images and galleries. Before v0.29 those that belong to one of them.",
    {"fingerprint": "one of fingerprints"},
    embedded_in=("scenes", "images", "galleries"),
    ids_cost_objects=True,
    indexes=(("height", "width"),),
)  # fmt: skip
