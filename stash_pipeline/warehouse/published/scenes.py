"""``stash.scenes_full``: a scene with its primary file, studio and lists in one row."""

from typing import Final

from stash_pipeline.warehouse.views import View

# Lists are subqueries in the SELECT list, not lateral joins: Postgres then computes only those that a query names, and
# only for the rows that it returns.


def _name(entity: str, key: str) -> str:
    # A scalar, not a join: for a few elements Postgres would read the whole other table.
    return f"(SELECT t.name FROM stash.{entity} t WHERE t.instance_id = j.instance_id AND t.id = j.{key})"


def _list(table: str, value: str, order: str) -> str:
    return (
        f"ARRAY(SELECT {value} FROM stash.{table} j\n"
        f"        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY {order})"
    )


def _names(table: str, entity: str, key: str) -> str:
    return _list(table, _name(entity, key), "1")


def _ids(table: str, entity: str, key: str) -> str:
    return _list(table, f"j.{key}", f"{_name(entity, key)}, 1")


def _count(table: str) -> str:
    return f"(SELECT count(*) FROM stash.{table} j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id)"


def _fingerprint(kind: str) -> str:
    return (
        "(SELECT p.value FROM stash.file_fingerprints p\n"
        f"        WHERE p.instance_id = f.instance_id AND p.file_id = f.id AND p.type = '{kind}'\n"
        "        ORDER BY p.value LIMIT 1)"
    )


_RESOLUTIONS: Final = (
    (4320, "8K"), (3584, "7K"), (3160, "6K"), (2880, "5K"), (2160, "4K"), (1920, "1920p"), (1440, "1440p"),
    (1080, "1080p"), (720, "720p"), (540, "540p"), (480, "480p"), (360, "360p"), (240, "240p"), (144, "144p"),
)  # fmt: skip

_RESOLUTION: Final = (
    "CASE "
    + " ".join(f"WHEN least(f.width, f.height) >= {lines} THEN '{name}'" for lines, name in _RESOLUTIONS)
    + " END"
)

_OWN: Final = (
    "title", "code", "details", "director", "date", "date_text", "date_precision",
    "rating100", "organized", "o_counter", "play_count",
    "play_duration", "resume_time", "last_played_at", "interactive", "created_at", "updated_at",
)  # fmt: skip

_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "instance_id": ("s.instance_id", "ops.instances.id"),
    "instance": ("i.name", "name of the instance"),
    "id": ("s.id", "the server's id of the scene"),
    **{name: (f"s.{name}", f"stash.scenes.{name}") for name in _OWN},
    "studio_id": ("s.studio_id", "stash.studios.id"),
    "studio": ("u.name", "name of the studio"),
    "file_id": ("f.id", "stash.files.id of the primary file; this and the next ones are null if there is no file"),
    "path": ("f.path", "of the primary file, as the server sees it"),
    "size": ("f.size", "bytes of the primary file"),
    "duration": ("f.duration", "seconds of the primary file"),
    "width": ("f.width", "pixels of the primary file"),
    "height": ("f.height", "pixels of the primary file"),
    "resolution": (_RESOLUTION, "name of the largest format that fits into the shorter side, such as 1080p or 4K"),
    "video_codec": ("f.video_codec", "of the primary file"),
    "audio_codec": ("f.audio_codec", "of the primary file"),
    "frame_rate": ("f.frame_rate", "frames per second of the primary file"),
    "bit_rate": ("f.bit_rate", "bits per second of the primary file"),
    "oshash": (_fingerprint("oshash"), "of the primary file"),
    "phash": (_fingerprint("phash"), "of the primary file, as hexadecimal digits"),
    "performer_ids": (_ids("scene_performers", "performers", "performer_id"), "in the order of performers"),
    "performers": (_names("scene_performers", "performers", "performer_id"), "names of the performers, sorted"),
    "tag_ids": (_ids("scene_tags", "tags", "tag_id"), "in the order of tags"),
    "tags": (_names("scene_tags", "tags", "tag_id"), "names of the tags, sorted; without the tags above them"),
    "group_ids": (_ids("scene_groups", "groups", "group_id"), "in the order of groups"),
    "groups": (_names("scene_groups", "groups", "group_id"), "names of the groups (movies before v0.27), sorted"),
    "gallery_ids": (_list("scene_galleries", "j.gallery_id", "1"), "stash.galleries.id"),
    "urls": (_list("scene_urls", "j.url", "j.position"), "in the server's order"),
    "stash_ids": (_list("scene_stash_ids", "j.stash_id", "j.endpoint, 1"), "ids on stash-boxes, by endpoint"),
    "performer_count": (_count("scene_performers"), "performers"),
    "tag_count": (_count("scene_tags"), "tags"),
    "file_count": (_count("scene_files"), "files, with the primary one"),
    "marker_count": (_count("scene_markers"), "markers"),
}

SCENES_FULL: Final = View(
    "stash.scenes_full",
    "SELECT "
    + ",\n    ".join(f"{value} AS {name}" for name, (value, _) in _COLUMNS.items())
    + """
FROM stash.scenes s
JOIN ops.instances i ON i.id = s.instance_id
LEFT JOIN stash.studios u ON u.instance_id = s.instance_id AND u.id = s.studio_id
LEFT JOIN stash.scene_files j ON j.instance_id = s.instance_id AND j.scene_id = s.id AND j.is_primary
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id""",
    "Scenes with their primary file, studio, lists and counts in one row. Name the columns that you need: the others "
    "then cost nothing.",
    {name: comment for name, (_, comment) in _COLUMNS.items()},
)
