"""Where the input fields of each entity are stored.

Contains the specifications. ``changes`` applies them.
"""

import json
from typing import Any

from stash_pipeline.simulator.backups import UNDATED
from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import (
    Join,
    Spec,
    Special,
    Texts,
    combined,
    current_join,
    current_texts,
    number,
    numbers,
    replace_join,
    replace_texts,
)
from stash_pipeline.simulator.resolvers.performers import INSTAGRAM, TWITTER

_CUSTOM_KEY_LENGTH = 64


def _first_url(where: Texts) -> Special:
    """The older field `url`, which replaces the first URL of the list."""

    def store(ctx: RequestContext, row_id: int, value: str | None) -> None:
        rest = current_texts(ctx, where, row_id)[1:]
        replace_texts(ctx, where, row_id, ([value] if value else []) + rest)

    return store


def _site(where: Texts, index: int) -> Special:
    """One of the older fields url, twitter and instagram of a performer."""
    sites = (None, TWITTER, INSTAGRAM)
    prefixes = ("", "https://www.twitter.com/", "https://www.instagram.com/")

    def matches(url: str) -> bool:
        site = sites[index]
        return bool(site.match(url)) if site else not (TWITTER.match(url) or INSTAGRAM.match(url))

    def store(ctx: RequestContext, row_id: int, value: str | None) -> None:
        urls = [url for url in current_texts(ctx, where, row_id) if not matches(url)]
        if value:
            urls.insert(min(index, len(urls)), value if value.startswith("http") else prefixes[index] + value)
        replace_texts(ctx, where, row_id, urls)

    return store


def _custom_fields(ctx: RequestContext, row_id: int, value: Any) -> None:
    if value is None:
        return
    update = value if set(value) <= {"full", "partial", "remove"} and value else {"full": value}
    if update.get("full") is not None:
        ctx.library.execute("DELETE FROM performer_custom_fields WHERE performer_id = ?", (row_id,))
    for key, field_value in {**(update.get("full") or {}), **(update.get("partial") or {})}.items():
        if not key or len(key) > _CUSTOM_KEY_LENGTH:
            raise AnswerError(f"custom field key {key!r} must be 1 to {_CUSTOM_KEY_LENGTH} characters long")
        if isinstance(field_value, (dict, list)):
            raise AnswerError(f"custom field {key!r}: unsupported value {json.dumps(field_value)}")
        ctx.library.execute(
            "INSERT INTO performer_custom_fields (performer_id, field, value) VALUES (?, ?, ?)"
            " ON CONFLICT (performer_id, field) DO UPDATE SET value = excluded.value",
            (row_id, key, int(field_value) if isinstance(field_value, bool) else field_value),
        )
    ctx.library.execute_many(
        "DELETE FROM performer_custom_fields WHERE performer_id = ? AND field = ?",
        [(row_id, key) for key in update.get("remove") or []],
    )


def _scene_groups(key: str) -> Special:
    def store(ctx: RequestContext, row_id: int, value: Any) -> None:
        ctx.library.execute("DELETE FROM groups_scenes WHERE scene_id = ?", (row_id,))
        ctx.library.execute_many(
            "INSERT INTO groups_scenes (group_id, scene_id, scene_index) VALUES (?, ?, ?)",
            [(number(entry[key]), row_id, entry.get("scene_index")) for entry in value or []],
        )

    return store


def _bulk_scene_groups(ctx: RequestContext, row_id: int, value: Any) -> None:
    if value is None:
        return
    join = Join("groups_scenes", "scene_id", "group_id")
    replace_join(ctx, join, row_id, combined(current_join(ctx, join, row_id), numbers(value["ids"]), value["mode"]))


def _counter(table: str, column: str) -> Special:
    """Counters, which could be set until histories replaced them in v0.25; since then they are ignored."""

    def store(ctx: RequestContext, row_id: int, value: int | None) -> None:
        if ctx.release.since(25) or value is None:
            return
        ctx.library.execute(f"DELETE FROM {table} WHERE scene_id = ?", (row_id,))
        ctx.library.execute_many(f"INSERT INTO {table} (scene_id, {column}) VALUES (?, ?)", [(row_id, UNDATED)] * value)

    return store


def _scene_primary_file(ctx: RequestContext, row_id: int, value: Any) -> None:
    make_primary(ctx, "scenes_files", "scene_id", row_id, number(value), "scene")


def _gallery_primary_file(ctx: RequestContext, row_id: int, value: Any) -> None:
    make_primary(ctx, "galleries_files", "gallery_id", row_id, number(value), "gallery")


def _image_primary_file(ctx: RequestContext, row_id: int, value: Any) -> None:
    make_primary(ctx, "images_files", "image_id", row_id, number(value), "image")


def make_primary(ctx: RequestContext, table: str, parent: str, row_id: int, file_id: int, name: str) -> None:
    """Make one of an object's files its primary file."""
    associated = ctx.library.scalar(f'SELECT 1 FROM "{table}" WHERE "{parent}" = ? AND file_id = ?', (row_id, file_id))
    if not associated:
        raise AnswerError(f"file with id {file_id} not associated with {name}")
    ctx.library.execute(f'UPDATE "{table}" SET "primary" = 0 WHERE "{parent}" = ?', (row_id,))
    ctx.library.execute(f'UPDATE "{table}" SET "primary" = 1 WHERE "{parent}" = ? AND file_id = ?', (row_id, file_id))


def _relations(mine: str, theirs: str) -> Special:
    def store(ctx: RequestContext, row_id: int, value: Any) -> None:
        if isinstance(value, dict):
            groups, mode = value["groups"], value["mode"]
        else:
            groups, mode = value or [], "SET"
        current = [
            {"group_id": entry, "description": text}
            for entry, text in ctx.library.tuples(
                f"SELECT {theirs}, description FROM groups_relations WHERE {mine} = ? ORDER BY order_index",
                (row_id,),
            )
        ]
        groups = [{"group_id": number(entry["group_id"]), "description": entry.get("description")} for entry in groups]
        ids = [entry["group_id"] for entry in groups]
        if mode == "SET":
            entries = groups
        else:
            entries = [entry for entry in current if entry["group_id"] not in ids] + (groups if mode == "ADD" else [])
        ctx.library.execute(f"DELETE FROM groups_relations WHERE {mine} = ?", (row_id,))
        for index, entry in enumerate(entries, 1):
            containing = row_id if mine == "containing_id" else entry["group_id"]
            sub = entry["group_id"] if mine == "containing_id" else row_id
            order = index if mine == "containing_id" else next_order(ctx, containing)
            ctx.library.execute(
                "INSERT INTO groups_relations (containing_id, sub_id, order_index, description) VALUES (?, ?, ?, ?)",
                (containing, sub, order, entry["description"]),
            )

    return store


def next_order(ctx: RequestContext, containing: int) -> int:
    """The position after the last sub-group of a group."""
    return int(
        ctx.library.scalar(
            "SELECT COALESCE(MAX(order_index), 0) + 1 FROM groups_relations WHERE containing_id = ?",
            (containing,),
        )
    )


_SCENE_URLS = Texts("scene_urls", "scene_id", "url", True)
_GALLERY_URLS = Texts("gallery_urls", "gallery_id", "url", True)
_IMAGE_URLS = Texts("image_urls", "image_id", "url", True)
_GROUP_URLS = Texts("group_urls", "group_id", "url", True)
_STUDIO_URLS = Texts("studio_urls", "studio_id", "url", True)
_PERFORMER_URLS = Texts("performer_urls", "performer_id", "url", True)

SCENE = Spec(
    "Scene",
    "scenes",
    "scene",
    columns={name: name for name in ("title", "code", "details", "director", "studio_id")} | {"rating100": "rating"},
    booleans={"organized": "organized"},
    dates={"date": "date"},
    joins={
        "tag_ids": Join("scenes_tags", "scene_id", "tag_id"),
        "performer_ids": Join("performers_scenes", "scene_id", "performer_id"),
        "gallery_ids": Join("scenes_galleries", "scene_id", "gallery_id"),
    },
    texts={"urls": _SCENE_URLS},
    images={"cover_image": "cover_blob"},
    stash_ids=("scene_stash_ids", "scene_id"),
    special={
        "url": _first_url(_SCENE_URLS),
        "groups": _scene_groups("group_id"),
        "movies": _scene_groups("movie_id"),
        "group_ids": _bulk_scene_groups,
        "movie_ids": _bulk_scene_groups,
        "primary_file_id": _scene_primary_file,
        "o_counter": _counter("scenes_o_dates", "o_date"),
        "play_count": _counter("scenes_view_dates", "view_date"),
    },
    ignored=frozenset({"id", "ids", "clientMutationId", "resume_time", "play_duration", "file_ids"}),
)
MARKER = Spec(
    "SceneMarker",
    "scene_markers",
    "scene marker",
    columns={name: name for name in ("title", "seconds", "end_seconds", "scene_id", "primary_tag_id")},
    joins={"tag_ids": Join("scene_markers_tags", "scene_marker_id", "tag_id")},
)
PERFORMER = Spec(
    "Performer",
    "performers",
    "performer",
    columns={
        name: name
        for name in (
            "name",
            "disambiguation",
            "gender",
            "ethnicity",
            "country",
            "eye_color",
            "measurements",
            "fake_tits",
            "penis_length",
            "circumcised",
            "career_length",
            "tattoos",
            "piercings",
            "details",
            "hair_color",
            "weight",
        )
    }
    | {"height_cm": "height", "rating100": "rating"},
    booleans={"favorite": "favorite", "ignore_auto_tag": "ignore_auto_tag"},
    dates={name: name for name in ("birthdate", "death_date", "career_start", "career_end")},
    joins={"tag_ids": Join("performers_tags", "performer_id", "tag_id")},
    texts={"urls": _PERFORMER_URLS, "alias_list": Texts("performer_aliases", "performer_id", "alias")},
    images={"image": "image_blob"},
    stash_ids=("performer_stash_ids", "performer_id"),
    special={
        "url": _site(_PERFORMER_URLS, 0),
        "twitter": _site(_PERFORMER_URLS, 1),
        "instagram": _site(_PERFORMER_URLS, 2),
        "custom_fields": _custom_fields,
    },
)
STUDIO = Spec(
    "Studio",
    "studios",
    "studio",
    columns={"name": "name", "parent_id": "parent_id", "details": "details", "rating100": "rating"},
    booleans={name: name for name in ("favorite", "ignore_auto_tag", "organized")},
    joins={"tag_ids": Join("studios_tags", "studio_id", "tag_id")},
    texts={"urls": _STUDIO_URLS, "aliases": Texts("studio_aliases", "studio_id", "alias")},
    images={"image": "image_blob"},
    stash_ids=("studio_stash_ids", "studio_id"),
    special={"url": _first_url(_STUDIO_URLS)},
)
TAG = Spec(
    "Tag",
    "tags",
    "tag",
    columns={"name": "name", "sort_name": "sort_name", "description": "description"},
    booleans={"favorite": "favorite", "ignore_auto_tag": "ignore_auto_tag"},
    joins={
        "parent_ids": Join("tags_relations", "child_id", "parent_id"),
        "child_ids": Join("tags_relations", "parent_id", "child_id"),
    },
    texts={"aliases": Texts("tag_aliases", "tag_id", "alias")},
    images={"image": "image_blob"},
    stash_ids=("tag_stash_ids", "tag_id"),
)
GROUP = Spec(
    "Group",
    "groups",
    "group",
    columns={
        "name": "name",
        "aliases": "aliases",
        "duration": "duration",
        "studio_id": "studio_id",
        "director": "director",
        "synopsis": "description",
        "rating100": "rating",
    },
    dates={"date": "date"},
    joins={"tag_ids": Join("groups_tags", "group_id", "tag_id")},
    texts={"urls": _GROUP_URLS},
    images={"front_image": "front_image_blob", "back_image": "back_image_blob"},
    special={
        "url": _first_url(_GROUP_URLS),
        "containing_groups": _relations("sub_id", "containing_id"),
        "sub_groups": _relations("containing_id", "sub_id"),
    },
)
GALLERY = Spec(
    "Gallery",
    "galleries",
    "gallery",
    columns={name: name for name in ("title", "code", "details", "photographer", "studio_id")}
    | {"rating100": "rating"},
    booleans={"organized": "organized"},
    dates={"date": "date"},
    joins={
        "tag_ids": Join("galleries_tags", "gallery_id", "tag_id"),
        "performer_ids": Join("performers_galleries", "gallery_id", "performer_id"),
        "scene_ids": Join("scenes_galleries", "gallery_id", "scene_id"),
    },
    texts={"urls": _GALLERY_URLS},
    special={"url": _first_url(_GALLERY_URLS), "primary_file_id": _gallery_primary_file},
)
IMAGE = Spec(
    "Image",
    "images",
    "image",
    columns={name: name for name in ("title", "code", "details", "photographer", "studio_id")}
    | {"rating100": "rating"},
    booleans={"organized": "organized"},
    dates={"date": "date"},
    joins={
        "tag_ids": Join("images_tags", "image_id", "tag_id"),
        "performer_ids": Join("performers_images", "image_id", "performer_id"),
        "gallery_ids": Join("galleries_images", "image_id", "gallery_id"),
    },
    texts={"urls": _IMAGE_URLS},
    special={"url": _first_url(_IMAGE_URLS), "primary_file_id": _image_primary_file},
)
CHAPTER = Spec(
    "GalleryChapter",
    "galleries_chapters",
    "gallery chapter",
    columns={"title": "title", "image_index": "image_index", "gallery_id": "gallery_id"},
)
