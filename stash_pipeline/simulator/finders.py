"""Search texts, sorts and totals of each entity.

Contains tables of data. Pages and counts are in ``finding``, filter fields in ``filters``.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finder:
    """The search options of one entity.

    Attributes:
        latest: sorts by the largest value of rows of another table, with the query for it of the objects that have one
            (``owner``, ``value``). Most objects have none, so it is faster than to look the value of each one up.
    """

    kind: str
    list_field: str
    filter_argument: str
    searched: tuple[str, ...]
    sorts: dict[str, str]
    default_sort: str | None = None
    tie_breaker: str = ""
    id_arguments: tuple[str, ...] = ("ids",)
    totals: dict[str, str] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)


def _file_path(table: str, owner: str) -> str:
    return (
        "natural_key((SELECT folders.path || files.basename FROM {} f JOIN files ON files.id = f.file_id"
        ' JOIN folders ON folders.id = files.parent_folder_id WHERE f.{} = {}.id AND f."primary" = 1))'
    ).format(f"{table}_files", owner, table)


def _count(table: str, owner: str, mine: str) -> str:
    return f'(SELECT COUNT(*) FROM "{table}" c WHERE c."{owner}" = {mine}.id)'


def _media_sorts(table: str, owner: str, tags: str, performers: str) -> dict[str, str]:
    return {
        "id": f"{table}.id",
        "created_at": f"{table}.created_at",
        "updated_at": f"{table}.updated_at",
        "date": f"{table}.date",
        "rating": f"{table}.rating",
        "organized": f"{table}.organized",
        "path": _file_path(table, owner),
        "title": f"natural_key(COALESCE({table}.title, (SELECT files.basename FROM {table}_files f"
        f' JOIN files ON files.id = f.file_id WHERE f.{owner} = {table}.id AND f."primary" = 1)))',
        "file_count": _count(f"{table}_files", owner, table),
        "tag_count": _count(tags, owner, table),
        "performer_count": _count(performers, owner, table),
        "random": "RANDOM()",
    }


def _named_sorts(table: str, name: str, **more: str) -> dict[str, str]:
    return {
        "id": f"{table}.id",
        "created_at": f"{table}.created_at",
        "updated_at": f"{table}.updated_at",
        "name": name,
        "random": "RANDOM()",
        **more,
    }


def _tie(column: str, table: str) -> str:
    return f"natural_key(COALESCE({column}, {table}.id))"


def _latest(table: str, owner: str, column: str) -> str:
    return f"SELECT {owner} AS owner, MAX({column}) AS value FROM {table} GROUP BY {owner}"


_VIDEO_TOTAL = (
    "SELECT {0} FROM scenes_files f JOIN files ON files.id = f.file_id"
    ' JOIN video_files v ON v.file_id = f.file_id WHERE f."primary" = 1'
    " AND f.scene_id IN (SELECT value FROM json_each(?))"
)
_IMAGE_TOTAL = (
    "SELECT {0} FROM images_files f JOIN files ON files.id = f.file_id"
    ' LEFT JOIN image_files i ON i.file_id = f.file_id WHERE f."primary" = 1'
    " AND f.image_id IN (SELECT value FROM json_each(?))"
)
_PRIMARY = (
    "(SELECT {0} FROM scenes_files f JOIN files ON files.id = f.file_id"
    " LEFT JOIN video_files v ON v.file_id = f.file_id WHERE f.scene_id = scenes.id"
    ' AND f."primary" = 1)'
)
FINDERS: dict[str, Finder] = {
    finder.kind: finder
    for finder in (
        Finder(
            "Scene",
            "scenes",
            "scene_filter",
            (
                "scenes.title",
                "scenes.details",
                "(SELECT folders.path || '/' || files.basename FROM scenes_files f"
                " JOIN files ON files.id = f.file_id JOIN folders ON folders.id = files.parent_folder_id"
                " WHERE f.scene_id = scenes.id)",
            ),
            {
                **_media_sorts("scenes", "scene_id", "scenes_tags", "performers_scenes"),
                "code": "scenes.code",
                "resume_time": "scenes.resume_time",
                "play_duration": "scenes.play_duration",
                "play_count": _count("scenes_view_dates", "scene_id", "scenes"),
                "o_counter": _count("scenes_o_dates", "scene_id", "scenes"),
                "last_played_at": "(SELECT MAX(view_date) FROM scenes_view_dates WHERE scene_id = scenes.id)",
                "last_o_at": "(SELECT MAX(o_date) FROM scenes_o_dates WHERE scene_id = scenes.id)",
                "duration": _PRIMARY.format("v.duration"),
                "filesize": _PRIMARY.format("files.size"),
                "file_mod_time": _PRIMARY.format("files.mod_time"),
            },
            None,
            _tie("scenes.title", "scenes"),
            ("ids", "scene_ids"),
            {
                "duration": _VIDEO_TOTAL.format("SUM(v.duration)"),
                "filesize": _VIDEO_TOTAL.format("SUM(files.size)"),
            },
            {
                "last_played_at": _latest("scenes_view_dates", "scene_id", "view_date"),
                "last_o_at": _latest("scenes_o_dates", "scene_id", "o_date"),
            },
        ),
        Finder(
            "SceneMarker",
            "scene_markers",
            "scene_marker_filter",
            ("scene_markers.title",),
            {
                "id": "scene_markers.id",
                "created_at": "scene_markers.created_at",
                "updated_at": "scene_markers.updated_at",
                "scene_id": "scene_markers.scene_id",
                "seconds": "scene_markers.seconds",
                "duration": "(scene_markers.end_seconds - scene_markers.seconds)",
                "scene_updated_at": "(SELECT s.updated_at FROM scenes s WHERE s.id = scene_markers.scene_id)",
                "title": "natural_key(COALESCE(NULLIF(scene_markers.title, ''),"
                " (SELECT name FROM tags WHERE tags.id = scene_markers.primary_tag_id)))",
                "random": "RANDOM()",
            },
            "title",
            "scene_markers.scene_id, scene_markers.seconds",
        ),
        Finder(
            "Performer",
            "performers",
            "performer_filter",
            (
                "performers.name",
                "(SELECT GROUP_CONCAT(alias) FROM performer_aliases WHERE performer_id = performers.id)",
            ),
            _named_sorts(
                "performers",
                "natural_key(performers.name)",
                birthdate="performers.birthdate",
                height="performers.height",
                rating="performers.rating",
                weight="performers.weight",
                scenes_count=_count("performers_scenes", "performer_id", "performers"),
                tag_count=_count("performers_tags", "performer_id", "performers"),
            ),
            "name",
            _tie("performers.name", "performers"),
            ("ids", "performer_ids"),
        ),
        Finder(
            "Studio",
            "studios",
            "studio_filter",
            ("studios.name", "(SELECT GROUP_CONCAT(alias) FROM studio_aliases WHERE studio_id = studios.id)"),
            _named_sorts(
                "studios",
                "natural_key(studios.name)",
                rating="studios.rating",
                scenes_count=_count("scenes", "studio_id", "studios"),
                tag_count=_count("studios_tags", "studio_id", "studios"),
            ),
            "name",
            _tie("studios.name", "studios"),
        ),
        Finder(
            "Tag",
            "tags",
            "tag_filter",
            ("tags.name", "(SELECT GROUP_CONCAT(alias) FROM tag_aliases WHERE tag_id = tags.id)"),
            _named_sorts(
                "tags",
                "natural_key(COALESCE(tags.sort_name, tags.name))",
                scenes_count=_count("scenes_tags", "tag_id", "tags"),
            ),
            "name",
            _tie("tags.name", "tags"),
        ),
        Finder(
            "Group",
            "groups",
            "group_filter",
            ("groups.name", "groups.aliases"),
            _named_sorts(
                "groups",
                "natural_key(groups.name)",
                date="groups.date",
                rating="groups.rating",
                duration="groups.duration",
                scenes_count=_count("groups_scenes", "group_id", "groups"),
                tag_count=_count("groups_tags", "group_id", "groups"),
            ),
            "name",
            _tie("groups.name", "groups"),
        ),
        Finder(
            "Gallery",
            "galleries",
            "gallery_filter",
            ("galleries.title", "galleries.details"),
            {
                **_media_sorts("galleries", "gallery_id", "galleries_tags", "performers_galleries"),
                "images_count": _count("galleries_images", "gallery_id", "galleries"),
            },
            "path",
            _tie("galleries.title", "galleries"),
        ),
        Finder(
            "Image",
            "images",
            "image_filter",
            ("images.title", "images.details"),
            {
                **_media_sorts("images", "image_id", "images_tags", "performers_images"),
                "o_counter": "images.o_counter",
            },
            None,
            _tie("images.title", "images"),
            ("ids", "image_ids"),
            {
                "megapixels": _IMAGE_TOTAL.format("SUM(i.width * i.height / 1000000.0)"),
                "filesize": _IMAGE_TOTAL.format("SUM(files.size)"),
            },
        ),
        Finder(
            "File",
            "files",
            "file_filter",
            ("files.basename",),
            {
                "id": "files.id",
                "created_at": "files.created_at",
                "updated_at": "files.updated_at",
                "mod_time": "files.mod_time",
                "size": "files.size",
                "basename": "files.basename",
                "path": "(SELECT folders.path || '/' || files.basename FROM folders"
                " WHERE folders.id = files.parent_folder_id)",
                "random": "RANDOM()",
            },
            None,
            "",
            ("ids",),
            {
                "duration": "SELECT SUM(duration) FROM video_files WHERE file_id IN (SELECT value FROM json_each(?))",
                "megapixels": "SELECT SUM(width * height / 1000000.0) FROM image_files"
                " WHERE file_id IN (SELECT value FROM json_each(?))",
                "size": "SELECT SUM(size) FROM files WHERE id IN (SELECT value FROM json_each(?))",
            },
        ),
        Finder(
            "Folder",
            "folders",
            "folder_filter",
            ("folders.path",),
            {
                "id": "folders.id",
                "created_at": "folders.created_at",
                "updated_at": "folders.updated_at",
                "mod_time": "folders.mod_time",
                "path": "folders.path",
                "basename": "folders.path",
                "random": "RANDOM()",
            },
        ),
    )
}
