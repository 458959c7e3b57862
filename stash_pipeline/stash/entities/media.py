"""The media entities: images, galleries, scenes and scene markers."""

from typing import Any

from stash_pipeline.stash import declarations as field
from stash_pipeline.stash.entities.shared import INVERSE, SUCCEEDED, SUCCESSORS
from stash_pipeline.stash.fields import Column, Count, Entity, Field, JoinTable, Rare, Spelling

SILENT_BEFORE: tuple[tuple[str, str, dict[str, tuple[str, ...]]], ...] = (
    # v0.23: before it, auto tag did not update timestamps
    (
        "SavedFilter", "find_filter",
        dict.fromkeys(("scenes", "images", "galleries"), ("tags", "performers", "studio")),
    ),
    # v0.28: before it, an image without a title was sent with its file name as the title
    ("SceneMarker", "end_seconds", {"images": ("title",)}),
)  # fmt: skip
"""(type, field, fields per entity): in releases whose type lacks the field, these fields can change silently."""

_MARKER = "'/scene/' || t.scene_id || '/scene_marker/' || t.id"

_SOME = {"value": 0, "modifier": "GREATER_THAN"}
_CAPTIONS = Rare("captions", {"value": "", "modifier": "NOT_NULL"}, "document ? 'captions'")
_PLAYS = Rare("play_count", _SOME, "document ? 'play_history'")
_OS = Rare("o_counter", _SOME, "document ? 'o_history'")
_INTERACTIVE = Rare("interactive", True, "document->'interactive' = 'true'")
_FILES = Rare(
    # no mutation and no scan replaces the only file of an object by another one
    "file_count",
    {"value": 1, "modifier": "NOT_EQUALS"},
    "coalesce(jsonb_array_length(document->'files'), 0) <> 1",
)


def _scene_groups_of_movies(movies: Any) -> list[dict[str, Any]]:
    return [{"group": entry["movie"], "scene_index": entry.get("scene_index")} for entry in movies or []]


IMAGES = Entity(
    "images", "image", ("Image",), (("findImages", "images"),), ("image_filter",),
    (
        field.text("title"),
        field.text("code", empty_since=0),
        field.text("details", empty_since=0),
        field.text("photographer", empty_since=0),
        field.date("date", index="values"),
        field.integer("rating100", stored="t.rating"),
        field.integer("o_counter", silent=True),
        field.boolean("organized"), field.one("studio", "studios"),
        field.path("image_path", "paths{image}", stored="'/image/' || t.id || '/image'"),
        field.path("thumbnail_path", "paths{thumbnail}", stored="'/image/' || t.id || '/thumbnail'"),
        field.path("preview_path", "paths{preview}"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        # visual_files since v0.21; since then `files` fails on video clips
        field.files(
            "image", "images_files", "visual_files{...VideoFile{id} ...ImageFile{id}}", "files{id}", rare=_FILES
        ),
        field.many("tags", "image_tags", "tags", "tag_id", ("images_tags", "image_id", "tag_id")),
        field.many(
            "performers", "image_performers", "performers", "performer_id",
            ("performers_images", "image_id", "performer_id"),
        ),
        field.many(
            "galleries", "image_galleries", "galleries", "gallery_id", ("galleries_images", "image_id", "gallery_id"),
            silent=True,
        ),
        field.urls("image", "url"),
    ),
    "Images, in and out of galleries.",
    {"file_mod_time": SUCCEEDED, **SUCCESSORS},
    listed=True,
)  # fmt: skip

GALLERIES = Entity(
    "galleries", "gallery", ("Gallery",), (("findGalleries", "galleries"),), ("gallery_filter",),
    (
        field.text("title", index="hash", empty_since=0),
        field.text("code", empty_since=0),
        field.text("details", empty_since=0),
        field.text("photographer", empty_since=0),
        field.date("date", index="values"),
        field.integer("rating100", stored="t.rating"),
        field.boolean("organized"), field.one("studio", "studios"), field.one("folder", "folders"),
        field.one("cover", "images", silent=True),
        field.path("cover_path", "paths{cover}", stored="'/gallery/' || t.id || '/cover'"),
        field.path("preview_path", "paths{preview}", stored="'/gallery/' || t.id || '/preview'"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        field.files("gallery", "galleries_files", rare=_FILES),
        field.many("tags", "gallery_tags", "tags", "tag_id", ("galleries_tags", "gallery_id", "tag_id")),
        field.many(
            "performers", "gallery_performers", "performers", "performer_id",
            ("performers_galleries", "gallery_id", "performer_id"),
        ),
        field.urls("gallery", "url"),
        Field(
            "chapters",
            JoinTable(
                "gallery_chapters",
                (
                    Column("id", "bigint", "id"), Column("title", "text"), Column("image_index", "integer"),
                    Column("created_at", "timestamptz"), Column("updated_at", "timestamptz"),
                ),
                ("id",),
            ),
            (Spelling(("chapters{id title image_index created_at updated_at}",)),),
            silent=True,
        ),
    ),
    "Galleries: a zip file, a folder, or neither.",
    {
        "scenes": INVERSE, "images": INVERSE, "image": "one image by its index", "file_mod_time": SUCCEEDED,
        **SUCCESSORS,
    },
    listed=True,
    counts=(Count("images"),),
)  # fmt: skip

SCENES = Entity(
    "scenes", "scene", ("Scene",), (("findScenes", "scenes"),), ("scene_filter",),
    (
        field.text("title", index="hash", empty_since=0),
        field.text("code", empty_since=0),
        field.text("details", empty_since=0),
        field.text("director", empty_since=0),
        field.date("date", index="values"),
        field.integer("rating100", index="values", stored="t.rating"),
        field.boolean("organized"),
        field.integer("o_counter", silent=True),
        field.integer("play_count", silent=True),
        field.number("play_duration", silent=True),
        field.number("resume_time", silent=True),
        field.time("last_played_at", silent=True),
        field.boolean("interactive", silent=True, rare=_INTERACTIVE, stored="coalesce(v.interactive, 0)"),
        field.integer("interactive_speed", silent=True, rare=_INTERACTIVE, stored="v.interactive_speed"),
        field.one("studio", "studios"),
        field.path("screenshot_path", "paths{screenshot}", stored="'/scene/' || t.id || '/screenshot'"),
        field.path("preview_path", "paths{preview}", stored="'/scene/' || t.id || '/preview'"),
        field.path("webp_path", "paths{webp}", stored="'/scene/' || t.id || '/webp'"),
        field.path("vtt_path", "paths{vtt}"),
        # contains the hash of the primary file, whose content can change
        field.path("sprite_path", "paths{sprite}", silent=True),
        field.path("funscript_path", "paths{funscript}", stored="'/scene/' || t.id || '/funscript'"),
        field.path(
            "interactive_heatmap_path", "paths{interactive_heatmap}",
            stored="'/scene/' || t.id || '/interactive_heatmap'",
        ),
        field.path("caption_path", "paths{caption}", stored="'/scene/' || t.id || '/caption'"),
        field.json("custom_fields"),
        field.time("created_at", index="values"), field.time("updated_at", index="values"),
        field.files("scene", "scenes_files", rare=_FILES),
        field.many("tags", "scene_tags", "tags", "tag_id", ("scenes_tags", "scene_id", "tag_id")),
        field.many(
            "performers", "scene_performers", "performers", "performer_id",
            ("performers_scenes", "scene_id", "performer_id"),
        ),
        field.many(
            "galleries", "scene_galleries", "galleries", "gallery_id", ("scenes_galleries", "scene_id", "gallery_id"),
            silent=True,
        ),
        Field(
            "groups",
            JoinTable(
                "scene_groups",
                (Column("group_id", "bigint", "group.id"), Column("scene_index", "integer")),
                ("group_id",), "groups", "group_id",
            ),
            (
                Spelling(("groups{group{id} scene_index}",)),
                Spelling(("movies{movie{id} scene_index}",), _scene_groups_of_movies),
            ),
        ),
        field.urls("scene", "url"), field.stash_ids("scene"),
        field.times("play_history", "scene_plays", "played_at", index="values", rare=_PLAYS),
        field.times("o_history", "scene_os", "occurred_at", index="values", rare=_OS),
        Field(
            "captions",
            JoinTable(
                "scene_captions",
                (Column("language_code", "text"), Column("caption_type", "text")),
                ("language_code", "caption_type"),
            ),
            (Spelling(("captions{language_code caption_type}",)),),
            rare=_CAPTIONS,
        ),
    ),
    "Scenes, with their counters; files, tags, performers and the rest are in the join tables.",
    {
        "scene_markers": INVERSE, "sceneStreams": "embeds the API key", "file_mod_time": SUCCEEDED, **SUCCESSORS,
    },
    listed=True,
)  # fmt: skip

SCENE_MARKERS = Entity(
    "scene_markers", "marker", ("SceneMarker",), (("findSceneMarkers", "scene_markers"),), ("scene_marker_filter",),
    (
        field.text("title"), field.number("seconds"), field.number("end_seconds"),
        field.one("scene", "scenes"), field.one("primary_tag", "tags"),
        field.path("screenshot_path", "screenshot", stored=f"{_MARKER} || '/screenshot'"),
        field.path("preview_path", "preview", stored=f"{_MARKER} || '/preview'"),
        field.time("created_at"), field.time("updated_at"),
        field.many("tags", "marker_tags", "tags", "tag_id", ("scene_markers_tags", "scene_marker_id", "tag_id")),
    ),
    "Markers on scenes; the primary tag is a column, the others are in marker_tags.",
    {"stream": "embeds the API key"},
    listed=True,
)  # fmt: skip
