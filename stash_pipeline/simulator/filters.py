"""The filter fields of each entity.

The SQL of a criterion is in ``criteria``, sorting and paging in ``finding``.
"""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.criteria import (
    Condition,
    Criterion,
    boolean,
    date,
    has_any,
    missing,
    number,
    related,
    stash_id,
    text,
    text_among,
    timestamp,
)
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.resolvers import groups, studios, tags

_TABLES = {
    "Scene": "scenes",
    "SceneMarker": "scene_markers",
    "Performer": "performers",
    "Studio": "studios",
    "Tag": "tags",
    "Group": "groups",
    "Gallery": "galleries",
    "Image": "images",
    "File": "files",
    "Folder": "folders",
}


def _pairs(table: str, owner: str, other: str) -> str:
    return f'SELECT "{owner}" AS owner, "{other}" AS other FROM "{table}"'


def _column_pairs(table: str, column: str) -> str:
    return f'SELECT id AS owner, "{column}" AS other FROM "{table}" WHERE "{column}" IS NOT NULL'


def _times(table: str) -> dict[str, Criterion]:
    return {
        "created_at": timestamp(f"{table}.created_at"),
        "updated_at": timestamp(f"{table}.updated_at"),
    }


def _count(table: str, owner: str, mine: str) -> Criterion:
    return number(f'(SELECT COUNT(*) FROM "{table}" AS c WHERE c."{owner}" = {mine})')


def _path_of(files: str, owner: str, mine: str) -> str:
    return (
        f"(SELECT folders.path || '/' || files.basename FROM {files} f JOIN files ON files.id = f.file_id"
        f' JOIN folders ON folders.id = files.parent_folder_id WHERE f.{owner} = {mine} AND f."primary" = 1)'
    )


def _file_column(files: str, owner: str, mine: str, column: str) -> str:
    return (
        f"(SELECT v.{column} FROM {files} f JOIN video_files v ON v.file_id = f.file_id"
        f' WHERE f.{owner} = {mine} AND f."primary" = 1)'
    )


def _fingerprint(kind: str) -> Criterion:
    def build(ctx: RequestContext, value: dict[str, Any]) -> Condition:
        fingerprint: Any = value["value"]
        if kind == "phash" and value["modifier"] in ("EQUALS", "NOT_EQUALS"):
            try:
                unsigned = int(fingerprint, 16)
            except ValueError:
                raise AnswerError(f"invalid phash {fingerprint!r}") from None
            fingerprint = str(unsigned - (1 << 64) if unsigned >> 63 else unsigned)
        return text_among(
            "scenes.id",
            "SELECT s.scene_id AS owner, f.fingerprint AS value FROM scenes_files s JOIN files_fingerprints f"
            f" ON f.file_id = s.file_id WHERE f.type = '{kind}'",
        )(ctx, {**value, "value": fingerprint})

    return build


def _media(table: str, joins: dict[str, tuple[str, str]], owner: str, urls: str) -> dict[str, Criterion]:
    """The common filter fields of scenes, galleries and images."""
    files = f"{table}_files"
    tag_table, performer_table = joins["tags"][0], joins["performers"][0]
    return {
        **_times(table),
        "id": number(f"{table}.id"),
        "title": text(f"{table}.title"),
        "code": text(f"{table}.code"),
        "details": text(f"{table}.details"),
        "photographer": text(f"{table}.photographer"),
        "date": date(f"{table}.date"),
        "rating100": number(f"{table}.rating"),
        "organized": boolean(f"{table}.organized"),
        "path": text(_path_of(files, owner, f"{table}.id")),
        "file_count": _count(files, owner, f"{table}.id"),
        "url": text_among(f"{table}.id", f"SELECT {owner} AS owner, url AS value FROM {urls}"),
        "tags": related(f"{table}.id", _pairs(tag_table, owner, "tag_id"), tags.TREE),
        "tag_count": _count(tag_table, owner, f"{table}.id"),
        "performers": related(f"{table}.id", _pairs(performer_table, owner, "performer_id")),
        "performer_count": _count(performer_table, owner, f"{table}.id"),
        "studios": related(f"{table}.id", _column_pairs(table, "studio_id"), studios.TREE),
    }


def _missing(table: str, owner: str, related_to: tuple[str, str]) -> dict[str, str]:
    """The values of ``is_missing`` for galleries and images."""
    none = f"{table}.id NOT IN (SELECT {owner} FROM {{}})"
    return {
        "title": f"({table}.title IS NULL OR TRIM({table}.title) = '')",
        "date": f"({table}.date IS NULL OR {table}.date = '')",
        "studio": f"{table}.studio_id IS NULL",
        "tags": none.format(f"{table}_tags"),
        "performers": none.format(f"performers_{table}"),
        "url": none.format("gallery_urls" if table == "galleries" else "image_urls"),
        related_to[1]: none.format(related_to[0]),
    }


_SCENE_GROUPS = related("scenes.id", _pairs("groups_scenes", "scene_id", "group_id"), groups.TREE)
_NO = "scenes.id NOT IN (SELECT scene_id FROM {})"
_SCENE: dict[str, Criterion] = {
    **_media(
        "scenes",
        {"tags": ("scenes_tags", "tag_id"), "performers": ("performers_scenes", "performer_id")},
        "scene_id",
        "scene_urls",
    ),
    "director": text("scenes.director"),
    "captions": text_among(
        "scenes.id",
        "SELECT f.scene_id AS owner, c.language_code AS value FROM scenes_files f"
        " JOIN video_captions c ON c.file_id = f.file_id",
    ),
    "last_played_at": timestamp("(SELECT MAX(view_date) FROM scenes_view_dates WHERE scene_id = scenes.id)"),
    "o_counter": _count("scenes_o_dates", "scene_id", "scenes.id"),
    "play_count": _count("scenes_view_dates", "scene_id", "scenes.id"),
    "resume_time": number("scenes.resume_time"),
    "play_duration": number("scenes.play_duration"),
    "duration": number(_file_column("scenes_files", "scene_id", "scenes.id", "duration")),
    "interactive": boolean(_file_column("scenes_files", "scene_id", "scenes.id", "interactive")),
    "groups": _SCENE_GROUPS,
    "movies": _SCENE_GROUPS,
    "galleries": related("scenes.id", _pairs("scenes_galleries", "scene_id", "gallery_id")),
    "has_markers": has_any("scenes.id IN (SELECT scene_id FROM scene_markers)"),
    "stash_id_endpoint": stash_id("scenes.id", "scene_stash_ids", "scene_id"),
    "oshash": _fingerprint("oshash"),
    "checksum": _fingerprint("md5"),
    "phash": _fingerprint("phash"),
    "is_missing": missing(
        {
            "cover": "scenes.cover_blob IS NULL",
            "title": "(scenes.title IS NULL OR TRIM(scenes.title) = '')",
            "date": "(scenes.date IS NULL OR scenes.date = '')",
            "details": "(scenes.details IS NULL OR TRIM(scenes.details) = '')",
            "url": _NO.format("scene_urls"),
            "studio": "scenes.studio_id IS NULL",
            "galleries": _NO.format("scenes_galleries"),
            "movie": _NO.format("groups_scenes"),
            "group": _NO.format("groups_scenes"),
            "performers": _NO.format("performers_scenes"),
            "tags": _NO.format("scenes_tags"),
            "stash_id": _NO.format("scene_stash_ids"),
            "phash": "scenes.id NOT IN (SELECT s.scene_id FROM scenes_files s JOIN files_fingerprints f"
            " ON f.file_id = s.file_id WHERE f.type = 'phash')",
        }
    ),
}
_IMAGE: dict[str, Criterion] = {
    **_media(
        "images",
        {"tags": ("images_tags", "tag_id"), "performers": ("performers_images", "performer_id")},
        "image_id",
        "image_urls",
    ),
    "is_missing": missing(_missing("images", "image_id", ("galleries_images", "galleries"))),
    "o_counter": number("images.o_counter"),
    "galleries": related("images.id", _pairs("galleries_images", "image_id", "gallery_id")),
}
_GALLERY: dict[str, Criterion] = {
    **_media(
        "galleries",
        {"tags": ("galleries_tags", "tag_id"), "performers": ("performers_galleries", "performer_id")},
        "gallery_id",
        "gallery_urls",
    ),
    "is_missing": missing(_missing("galleries", "gallery_id", ("scenes_galleries", "scenes"))),
    "has_chapters": has_any("galleries.id IN (SELECT gallery_id FROM galleries_chapters)"),
    "image_count": _count("galleries_images", "gallery_id", "galleries.id"),
    "scenes": related("galleries.id", _pairs("scenes_galleries", "gallery_id", "scene_id")),
    "is_zip": boolean("(galleries.id IN (SELECT gallery_id FROM galleries_files))"),
}
_PERFORMER: dict[str, Criterion] = {
    **_times("performers"),
    "name": text("performers.name"),
    "disambiguation": text("performers.disambiguation"),
    "details": text("performers.details"),
    "filter_favorites": boolean("performers.favorite"),
    "ignore_auto_tag": boolean("performers.ignore_auto_tag"),
    "rating100": number("performers.rating"),
    "birthdate": date("performers.birthdate"),
    "country": text("performers.country"),
    "height_cm": number("performers.height"),
    "tags": related("performers.id", _pairs("performers_tags", "performer_id", "tag_id"), tags.TREE),
    "tag_count": _count("performers_tags", "performer_id", "performers.id"),
    "scene_count": _count("performers_scenes", "performer_id", "performers.id"),
    "stash_id_endpoint": stash_id("performers.id", "performer_stash_ids", "performer_id"),
    "url": text_among("performers.id", "SELECT performer_id AS owner, url AS value FROM performer_urls"),
    "aliases": text_among("performers.id", "SELECT performer_id AS owner, alias AS value FROM performer_aliases"),
    "is_missing": missing(
        {
            "image": "performers.image_blob IS NULL",
            "scenes": "performers.id NOT IN (SELECT performer_id FROM performers_scenes)",
            "stash_id": "performers.id NOT IN (SELECT performer_id FROM performer_stash_ids)",
            "url": "performers.id NOT IN (SELECT performer_id FROM performer_urls)",
        }
    ),
}
_STUDIO: dict[str, Criterion] = {
    **_times("studios"),
    "name": text("studios.name"),
    "details": text("studios.details"),
    "favorite": boolean("studios.favorite"),
    "ignore_auto_tag": boolean("studios.ignore_auto_tag"),
    "rating100": number("studios.rating"),
    "parents": related("studios.id", _column_pairs("studios", "parent_id")),
    "tags": related("studios.id", _pairs("studios_tags", "studio_id", "tag_id"), tags.TREE),
    "scene_count": _count("scenes", "studio_id", "studios.id"),
    "stash_id_endpoint": stash_id("studios.id", "studio_stash_ids", "studio_id"),
    "url": text_among("studios.id", "SELECT studio_id AS owner, url AS value FROM studio_urls"),
    "aliases": text_among("studios.id", "SELECT studio_id AS owner, alias AS value FROM studio_aliases"),
    "is_missing": missing(
        {
            "image": "studios.image_blob IS NULL",
            "stash_id": "studios.id NOT IN (SELECT studio_id FROM studio_stash_ids)",
        }
    ),
}
_TAG: dict[str, Criterion] = {
    **_times("tags"),
    "name": text("tags.name"),
    "sort_name": text("tags.sort_name"),
    "description": text("tags.description"),
    "favorite": boolean("tags.favorite"),
    "ignore_auto_tag": boolean("tags.ignore_auto_tag"),
    "aliases": text_among("tags.id", "SELECT tag_id AS owner, alias AS value FROM tag_aliases"),
    "scene_count": _count("scenes_tags", "tag_id", "tags.id"),
    "parents": related("tags.id", _pairs("tags_relations", "child_id", "parent_id"), tags.TREE),
    "children": related("tags.id", _pairs("tags_relations", "parent_id", "child_id")),
    "stash_id_endpoint": stash_id("tags.id", "tag_stash_ids", "tag_id"),
    "is_missing": missing({"image": "tags.image_blob IS NULL"}),
}
_GROUP: dict[str, Criterion] = {
    **_times("groups"),
    "name": text("groups.name"),
    "director": text("groups.director"),
    "synopsis": text("groups.description"),
    "duration": number("groups.duration"),
    "date": date("groups.date"),
    "rating100": number("groups.rating"),
    "studios": related("groups.id", _column_pairs("groups", "studio_id"), studios.TREE),
    "tags": related("groups.id", _pairs("groups_tags", "group_id", "tag_id"), tags.TREE),
    "containing_groups": related("groups.id", _pairs("groups_relations", "sub_id", "containing_id"), groups.TREE),
    "sub_groups": related("groups.id", _pairs("groups_relations", "containing_id", "sub_id")),
    "url": text_among("groups.id", "SELECT group_id AS owner, url AS value FROM group_urls"),
    "is_missing": missing(
        {
            "front_image": "groups.front_image_blob IS NULL",
            "back_image": "groups.back_image_blob IS NULL",
            "scenes": "groups.id NOT IN (SELECT group_id FROM groups_scenes)",
        }
    ),
}
_OF_SCENE = "(SELECT s.{0} FROM scenes s WHERE s.id = scene_markers.scene_id)"
_MARKER: dict[str, Criterion] = {
    **_times("scene_markers"),
    "scene_created_at": timestamp(_OF_SCENE.format("created_at")),
    "scene_updated_at": timestamp(_OF_SCENE.format("updated_at")),
    "scene_date": date(_OF_SCENE.format("date")),
    "duration": number("(scene_markers.end_seconds - scene_markers.seconds)"),
    "scenes": related("scene_markers.id", _column_pairs("scene_markers", "scene_id")),
    "tags": related(
        "scene_markers.id",
        "SELECT scene_marker_id AS owner, tag_id AS other FROM scene_markers_tags"
        " UNION SELECT id, primary_tag_id FROM scene_markers",
        tags.TREE,
    ),
    "performers": related(
        "scene_markers.id",
        "SELECT m.id AS owner, p.performer_id AS other FROM scene_markers m"
        " JOIN performers_scenes p ON p.scene_id = m.scene_id",
    ),
}
_FILE: dict[str, Criterion] = {
    **_times("files"),
    "basename": text("files.basename"),
    "path": text(
        "(SELECT folders.path || '/' || files.basename FROM folders WHERE folders.id = files.parent_folder_id)"
    ),
    "mod_time": timestamp("files.mod_time"),
    "parent_folder": related(
        "files.id",
        _column_pairs("files", "parent_folder_id"),
        "SELECT parent_folder_id AS parent, id AS child FROM folders WHERE parent_folder_id IS NOT NULL",
    ),
    "zip_file": related("files.id", _column_pairs("files", "zip_file_id")),
    "scene_count": _count("scenes_files", "file_id", "files.id"),
    "image_count": _count("images_files", "file_id", "files.id"),
    "gallery_count": _count("galleries_files", "file_id", "files.id"),
}
_FOLDER: dict[str, Criterion] = {
    **_times("folders"),
    "path": text("folders.path"),
    "mod_time": timestamp("folders.mod_time"),
    "parent_folder": related(
        "folders.id",
        _column_pairs("folders", "parent_folder_id"),
        "SELECT parent_folder_id AS parent, id AS child FROM folders WHERE parent_folder_id IS NOT NULL",
    ),
    "zip_file": related("folders.id", _column_pairs("folders", "zip_file_id")),
}
FILTERS: dict[str, dict[str, Criterion]] = {
    "Scene": _SCENE,
    "SceneMarker": _MARKER,
    "Performer": _PERFORMER,
    "Studio": _STUDIO,
    "Tag": _TAG,
    "Group": _GROUP,
    "Gallery": _GALLERY,
    "Image": _IMAGE,
    "File": _FILE,
    "Folder": _FOLDER,
}
# Filters by a filter of the related entity: field -> (related entity, pairs of (owner, other)).
RELATED_FILTERS: dict[str, dict[str, tuple[str, str]]] = {
    "Scene": {
        "tags_filter": ("Tag", _pairs("scenes_tags", "scene_id", "tag_id")),
        "performers_filter": ("Performer", _pairs("performers_scenes", "scene_id", "performer_id")),
        "studios_filter": ("Studio", _column_pairs("scenes", "studio_id")),
        "galleries_filter": ("Gallery", _pairs("scenes_galleries", "scene_id", "gallery_id")),
        "groups_filter": ("Group", _pairs("groups_scenes", "scene_id", "group_id")),
        "movies_filter": ("Group", _pairs("groups_scenes", "scene_id", "group_id")),
        "markers_filter": ("SceneMarker", "SELECT scene_id AS owner, id AS other FROM scene_markers"),
        "files_filter": ("File", _pairs("scenes_files", "scene_id", "file_id")),
    },
    "SceneMarker": {"scene_filter": ("Scene", _column_pairs("scene_markers", "scene_id"))},
    "Performer": {
        "scenes_filter": ("Scene", _pairs("performers_scenes", "performer_id", "scene_id")),
        "images_filter": ("Image", _pairs("performers_images", "performer_id", "image_id")),
        "galleries_filter": ("Gallery", _pairs("performers_galleries", "performer_id", "gallery_id")),
        "tags_filter": ("Tag", _pairs("performers_tags", "performer_id", "tag_id")),
    },
    "Tag": {
        "scenes_filter": ("Scene", _pairs("scenes_tags", "tag_id", "scene_id")),
        "images_filter": ("Image", _pairs("images_tags", "tag_id", "image_id")),
        "galleries_filter": ("Gallery", _pairs("galleries_tags", "tag_id", "gallery_id")),
    },
    "Studio": {"scenes_filter": ("Scene", "SELECT studio_id AS owner, id AS other FROM scenes")},
    "Image": {
        "galleries_filter": ("Gallery", _pairs("galleries_images", "image_id", "gallery_id")),
        "tags_filter": ("Tag", _pairs("images_tags", "image_id", "tag_id")),
        "studios_filter": ("Studio", _column_pairs("images", "studio_id")),
        "performers_filter": ("Performer", _pairs("performers_images", "image_id", "performer_id")),
    },
    "Gallery": {
        "scenes_filter": ("Scene", _pairs("scenes_galleries", "gallery_id", "scene_id")),
        "images_filter": ("Image", _pairs("galleries_images", "gallery_id", "image_id")),
        "tags_filter": ("Tag", _pairs("galleries_tags", "gallery_id", "tag_id")),
    },
}


def table_of(kind: str) -> str:
    """The table of an entity."""
    return _TABLES[kind]


def conditions_of(ctx: RequestContext, kind: str, given: dict[str, Any] | None) -> Condition:
    """The SQL condition of a filter object. A field that is not simulated is an error, and is never ignored."""
    parts: list[str] = []
    parameters: list[Any] = []
    combined = ""
    for field, value in (given or {}).items():
        if value is None:
            continue
        if field in ("AND", "OR", "NOT"):
            condition, condition_parameters = conditions_of(ctx, kind, value)
            combined = field
            joined_condition, joined_parameters = condition, condition_parameters
            continue
        if field in RELATED_FILTERS.get(kind, {}):
            other, pairs = RELATED_FILTERS[kind][field]
            inner, condition_parameters = conditions_of(ctx, other, value)
            ids = f'SELECT "{_TABLES[other]}".id FROM "{_TABLES[other]}" WHERE {inner}'
            condition = f"{_TABLES[kind]}.id IN (SELECT owner FROM ({pairs}) WHERE other IN ({ids}))"
        elif field in FILTERS[kind]:
            condition, condition_parameters = FILTERS[kind][field](ctx, value)
        else:
            raise AnswerError(f"the simulated server cannot filter by {kind} {field}")
        parts.append(f"({condition})")
        parameters += condition_parameters
    own = " AND ".join(parts) or "1"
    if not combined:
        return own, parameters
    joiner = {"AND": "AND", "OR": "OR", "NOT": "AND NOT"}[combined]
    return f"({own}) {joiner} ({joined_condition})", parameters + joined_parameters
