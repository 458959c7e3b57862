"""The entity specification: what a Stash server has, and where each field lands.

One declarative table. Selection sets, raw and typed tables, join tables, their SQL, views of counts, the Dagster
assets, the mapping of a copy of the server's database and the documentation are derived from it: **adding a field is
one line here**, and a migration that ``make migration`` writes. ``docs/extending.md`` shows it; how to read the lines
is said in ``fields.py`` and ``declarations.py``. Facts about releases: Stash's GraphQL schema, v0.20 to v0.31.
"""

from typing import Any

from stash_pipeline.stash import declarations as field
from stash_pipeline.stash.fields import (
    Column,
    Count,
    Derived,
    Entity,
    Field,
    JoinTable,
    Rare,
    Reference,
    Scalar,
    Source,
    Stored,
    Total,
)
from stash_pipeline.stash.fingerprints import read_fingerprint

# --- what recurs ----------------------------------------------------------------------------------------


def _scene_groups_of_movies(movies: Any) -> list[dict[str, Any]]:
    return [{"group": entry["movie"], "scene_index": entry.get("scene_index")} for entry in movies or []]


_FILE = "id path basename parent_folder_id zip_file_id mod_time size fingerprints{type value} created_at updated_at"
_IMAGE_FILE = f"{_FILE} format width height"
_VIDEO_FILE = f"{_IMAGE_FILE} duration video_codec audio_codec frame_rate bit_rate"

EMBEDDED_SELECTIONS: dict[str, tuple[Source, ...]] = {
    "scenes": (Source((f"files{{{_VIDEO_FILE}}}",)),),
    "images": (
        Source((f"visual_files{{__typename ...VideoFile{{{_VIDEO_FILE}}} ...ImageFile{{{_IMAGE_FILE}}}}}",)),
        Source((f"files{{{_IMAGE_FILE}}}",)),
    ),
    "galleries": (
        Source((f"files{{{_FILE}}}", "folder{id path parent_folder_id zip_file_id mod_time created_at updated_at}")),
    ),
}
"""Before v0.29 files and folders have no query of their own and are read where they are embedded."""

EMBEDDED_FILE_TYPES = {"scenes": "VideoFile", "images": "ImageFile", "galleries": "BasicFile"}

UNSTAMPED_BEFORE: tuple[tuple[str, str, dict[str, tuple[str, ...]]], ...] = (
    # v0.23: auto tag stamped nothing before
    (
        "SavedFilter", "find_filter",
        dict.fromkeys(("scenes", "images", "galleries"), ("tags", "performers", "studio")),
    ),
    # v0.28: an image without a title was sent under the name of its file before
    ("SceneMarker", "end_seconds", {"images": ("title",)}),
)  # fmt: skip
"""What may change without a stamp in releases without a field of a type: per kind, its fields."""

_COUNTED = "derived from the join tables, see the views stash.*_counts"
_INVERSE = "the other side of a relation that is mirrored"
_SUCCEEDED = "spelled differently in newer releases"
_SUCCESSORS = dict.fromkeys(("checksum", "oshash", "phash", "path", "file", "rating"), _SUCCEEDED)

_V22 = 48
"""Version of the database's schema of v0.22, from which on most texts are empty where the database has null."""

_MARKER = "'/scene/' || t.scene_id || '/scene_marker/' || t.id"


def _of_video(name: str) -> str:
    # an older release may have taken for a video what a newer one takes for an image
    return f"CASE WHEN i.file_id IS NULL THEN v.{name} END"


_PHASH = Derived(
    "phash",
    "bigint",
    "CASE WHEN {type} = 'phash' AND {value} ~ '^[0-9a-f]{{16}}$'\n"
    "            THEN ('x' || {value})::bit(64)::bigint END",
    "a phash as a signed 64-bit integer",
    index="values",
)

_SOME = {"value": 0, "modifier": "GREATER_THAN"}
_CAPTIONS = Rare("captions", {"value": "", "modifier": "NOT_NULL"}, "document ? 'captions'")
_PLAYS = Rare("play_count", _SOME, "document ? 'play_history'")
_OS = Rare("o_counter", _SOME, "document ? 'o_history'")
_INTERACTIVE = Rare("interactive", True, "document->'interactive' = 'true'")
_FILES = Rare(
    # no mutation and no scan changes the only file of an object for another one
    "file_count",
    {"value": 1, "modifier": "NOT_EQUALS"},
    "coalesce(jsonb_array_length(document->'files'), 0) <> 1",
)

# --- the table ------------------------------------------------------------------------------------------

TAGS = Entity(
    "tags", "tag", ("Tag",), (("findTags", "tags"),), ("tag_filter",),
    (
        field.text("name", index="hash of lower"),
        field.text("sort_name", empty_since=0),
        field.text("description", empty_since=_V22),
        field.boolean("favorite"), field.boolean("ignore_auto_tag"), field.path("image_path", "image_path"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        field.many("parents", "tag_parents", "tags", "parent_id", ("tags_relations", "child_id", "parent_id")),
        field.aliases("tag"), field.stash_ids("tag"),
    ),
    "Tags, with their hierarchy in tag_parents.",
    {"children": _INVERSE},
    counts=(
        Count("scenes"), Count("scene_markers", "scene_marker_count"), Count("images"), Count("galleries"),
        Count("performers"), Count("studios"), Count("groups"),
    ),
)  # fmt: skip

STUDIOS = Entity(
    "studios", "studio", ("Studio",), (("findStudios", "studios"),), ("studio_filter",),
    (
        field.text("name", index="hash of lower"),
        field.text("details", empty_since=_V22),
        field.integer("rating100", stored="t.rating"),
        field.boolean("favorite"), field.boolean("organized"), field.boolean("ignore_auto_tag"),
        field.one("parent_studio", "studios", stored="t.parent_id"),
        field.path("image_path", "image_path"), field.json("custom_fields"),
        field.time("created_at"), field.time("updated_at"),
        field.many("tags", "studio_tags", "tags", "tag_id", ("studios_tags", "studio_id", "tag_id")),
        field.aliases("studio"), field.urls("studio", "url"), field.stash_ids("studio"),
    ),
    "Studios, with their parent.",
    {"child_studios": _INVERSE, "groups": _INVERSE, "movies": _INVERSE, "o_counter": _COUNTED, **_SUCCESSORS},
    listed=True,
    counts=(
        Count("scenes"), Count("images"), Count("galleries"), Count("groups"), Total("o_counter", ("scenes", "images")),
    ),
)  # fmt: skip

PERFORMERS = Entity(
    "performers", "performer", ("Performer",), (("findPerformers", "performers"),), ("performer_filter",),
    (
        field.text("name", index="hash of lower"),
        field.text("disambiguation", empty_since=0),
        field.text("gender", index="values"),
        field.date("birthdate"), field.date("death_date"),
        field.text("ethnicity", empty_since=0),
        field.text("country", empty_since=0),
        field.text("eye_color", empty_since=0),
        field.text("hair_color", empty_since=0),
        field.integer("height_cm", stored="t.height"),
        field.integer("weight"),
        field.text("measurements", empty_since=0),
        field.text("fake_tits", empty_since=0),
        field.number("penis_length"),
        field.text("circumcised", stored="nullif(t.circumcised, '')"),
        field.text("career_length", empty_since=0),
        field.date("career_start"), field.date("career_end"),
        field.text("tattoos", empty_since=0),
        field.text("piercings", empty_since=0),
        field.text("details", empty_since=0),
        field.integer("rating100", stored="t.rating"),
        field.boolean("favorite"), field.boolean("ignore_auto_tag"), field.path("image_path", "image_path"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        field.many("tags", "performer_tags", "tags", "tag_id", ("performers_tags", "performer_id", "tag_id")),
        field.aliases("performer", "alias_list"), field.urls("performer", "url", "twitter", "instagram"),
        field.stash_ids("performer"),
    ),
    "Performers, with their aliases, urls and stash ids in the join tables.",
    {
        "scenes": _INVERSE, "groups": _INVERSE, "movies": _INVERSE, "o_counter": _COUNTED, "height": _SUCCEEDED,
        "aliases": _SUCCEEDED, **_SUCCESSORS,
    },
    listed=True,
    counts=(
        Count("scenes"), Count("images"), Count("galleries"), Count("groups", via="scenes"),
        Total("o_counter", ("scenes", "images")),
    ),
)  # fmt: skip

GROUPS = Entity(
    "groups", "group", ("Group", "Movie"), (("findGroups", "groups"), ("findMovies", "movies")),
    ("group_filter", "movie_filter"),
    (
        field.text("name", index="hash of lower"),
        field.text("aliases", empty_since=_V22),
        field.integer("duration"), field.date("date", index="values"),
        field.integer("rating100", stored="t.rating"),
        field.text("director", empty_since=_V22),
        field.text("synopsis"),
        field.one("studio", "studios"),
        field.path("front_image_path", "front_image_path"), field.path("back_image_path", "back_image_path"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        field.many("tags", "group_tags", "tags", "tag_id", ("groups_tags", "group_id", "tag_id")),
        field.urls("group", "url"),
        Field(
            "sub_groups",
            JoinTable(
                "group_containing",
                (Column("group_id", "bigint", "group.id"), Column("description", "text")),
                ("group_id",), "groups", "group_id", ordinal="order_index",
                owner_column="containing_group_id", sort=False,
            ),
            (Source(("sub_groups{group{id} description}",)),),
            "read from the containing group, which alone knows the order",
            unstamped=True,
        ),
    ),
    "Groups (movies before v0.27), with the groups they contain in group_containing.",
    {"containing_groups": _INVERSE, "scenes": _INVERSE, "o_counter": _COUNTED, **_SUCCESSORS},
    listed=True,
    counts=(
        Count("scenes"), Count("performers", via="scenes"), Count(table="group_containing", name="sub_group_count"),
        Total("o_counter", ("scenes",)),
    ),
)  # fmt: skip

IMAGES = Entity(
    "images", "image", ("Image",), (("findImages", "images"),), ("image_filter",),
    (
        field.text("title"),
        field.text("code", empty_since=0),
        field.text("details", empty_since=0),
        field.text("photographer", empty_since=0),
        field.date("date", index="values"),
        field.integer("rating100", stored="t.rating"),
        field.integer("o_counter", unstamped=True),
        field.boolean("organized"), field.one("studio", "studios"),
        field.path("image_path", "paths{image}", stored="'/image/' || t.id || '/image'"),
        field.path("thumbnail_path", "paths{thumbnail}", stored="'/image/' || t.id || '/thumbnail'"),
        field.path("preview_path", "paths{preview}"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        # visual_files since v0.21; `files` fails on video clips from then on
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
            unstamped=True,
        ),
        field.urls("image", "url"),
    ),
    "Images, in and out of galleries.",
    {"file_mod_time": _SUCCEEDED, **_SUCCESSORS},
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
        field.one("cover", "images", unstamped=True),
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
            (Source(("chapters{id title image_index created_at updated_at}",)),),
            unstamped=True,
        ),
    ),
    "Galleries: a zip file, a folder, or neither.",
    {
        "scenes": _INVERSE, "images": _INVERSE, "image": "one image by its index", "file_mod_time": _SUCCEEDED,
        **_SUCCESSORS,
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
        field.integer("o_counter", unstamped=True),
        field.integer("play_count", unstamped=True),
        field.number("play_duration", unstamped=True),
        field.number("resume_time", unstamped=True),
        field.time("last_played_at", unstamped=True),
        field.boolean("interactive", unstamped=True, rare=_INTERACTIVE, stored="coalesce(v.interactive, 0)"),
        field.integer("interactive_speed", unstamped=True, rare=_INTERACTIVE, stored="v.interactive_speed"),
        field.one("studio", "studios"),
        field.path("screenshot_path", "paths{screenshot}", stored="'/scene/' || t.id || '/screenshot'"),
        field.path("preview_path", "paths{preview}", stored="'/scene/' || t.id || '/preview'"),
        field.path("webp_path", "paths{webp}", stored="'/scene/' || t.id || '/webp'"),
        field.path("vtt_path", "paths{vtt}"),
        # holds the hash of the primary file, whose content may change
        field.path("sprite_path", "paths{sprite}", unstamped=True),
        field.path("funscript_path", "paths{funscript}", stored="'/scene/' || t.id || '/funscript'"),
        field.path(
            "interactive_heatmap_path", "paths{interactive_heatmap}",
            stored="'/scene/' || t.id || '/interactive_heatmap'",
        ),
        field.path("caption_path", "paths{caption}", stored="'/scene/' || t.id || '/caption'"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at", index="values"),
        field.files("scene", "scenes_files", rare=_FILES),
        field.many("tags", "scene_tags", "tags", "tag_id", ("scenes_tags", "scene_id", "tag_id")),
        field.many(
            "performers", "scene_performers", "performers", "performer_id",
            ("performers_scenes", "scene_id", "performer_id"),
        ),
        field.many(
            "galleries", "scene_galleries", "galleries", "gallery_id", ("scenes_galleries", "scene_id", "gallery_id"),
            unstamped=True,
        ),
        Field(
            "groups",
            JoinTable(
                "scene_groups",
                (Column("group_id", "bigint", "group.id"), Column("scene_index", "integer")),
                ("group_id",), "groups", "group_id",
            ),
            (
                Source(("groups{group{id} scene_index}",)),
                Source(("movies{movie{id} scene_index}",), _scene_groups_of_movies),
            ),
        ),
        field.urls("scene", "url"), field.stash_ids("scene"),
        field.times("play_history", "scene_plays", "played_at", index="values", rare=_PLAYS),
        field.times("o_history", "scene_os", "occurred_at", rare=_OS),
        Field(
            "captions",
            JoinTable(
                "scene_captions",
                (Column("language_code", "text"), Column("caption_type", "text")),
                ("language_code", "caption_type"),
            ),
            (Source(("captions{language_code caption_type}",)),),
            rare=_CAPTIONS,
        ),
    ),
    "Scenes, with their counters; files, tags, performers and the rest are in the join tables.",
    {
        "scene_markers": _INVERSE, "sceneStreams": "embeds the API key", "file_mod_time": _SUCCEEDED, **_SUCCESSORS,
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

FOLDERS = Entity(
    "folders", "folder", ("Folder",), (("findFolders", "folders"),), ("folder_filter",),
    (
        field.text("path", index="hash"),
        field.one("parent_folder", "folders", "parent_folder{id}", "parent_folder_id"),
        Field(
            "zip_file", Reference("files", late=True), (Source(("zip_file{id}",)), Source(("zip_file_id",))),
            "the archive that the folder lies in",
        ),
        field.time("mod_time"), field.time("created_at"), field.time("updated_at"),
    ),
    "Folders of files. Before v0.29 only id and path, except for the folders that are galleries.",
    {"basename": "the end of path", "parent_folders": _INVERSE, "sub_folders": _INVERSE},
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
            (Source(("fingerprints{type value}",)),),
            "phash is padded to 16 hex digits; file_fingerprints.phash has it as a bigint",
        ),
    ),
    "Files of scenes, images and galleries. Before v0.29 those that belong to one of them.",
    {"fingerprint": "one of fingerprints"},
    embedded_in=("scenes", "images", "galleries"),
    ids_cost_objects=True,
    indexes=(("height", "width"),),
)  # fmt: skip

SAVED_FILTERS = Entity(
    "saved_filters", "saved_filter", ("SavedFilter",), (("findSavedFilters", ""),), (),
    (
        field.text("mode"), field.text("name"),
        field.json("find_filter", "find_filter{q page per_page sort direction}"),
        field.json("object_filter"), field.json("ui_options"),
        Field(
            "legacy_filter",
            Scalar("text"),
            (Source(("filter",), unless="find_filter"),),
            "the whole filter as text, before v0.23",
            stored=Stored("t.filter"),
        ),
    ),
    "Saved filters of the server's own user interface.",
    {},
    whole=True,
)  # fmt: skip

CONFIGURATION = Entity(
    "configuration", "configuration", ("ConfigResult",), (("configuration", ""),), (),
    (
        field.text("database_path", "general{databasePath}"), field.text("generated_path", "general{generatedPath}"),
        field.text("language", "interface{language}"),
        Field(
            "stashes",
            JoinTable(
                "configuration_stashes",
                (
                    Column("path", "text"), Column("exclude_video", "boolean", "excludeVideo"),
                    Column("exclude_image", "boolean", "excludeImage"),
                ),
                ("path",),
            ),
            (Source(("general{stashes{path excludeVideo excludeImage}}",)),),
        ),
        Field(
            "stash_boxes",
            JoinTable(
                "configuration_stash_boxes", (Column("name", "text"), Column("endpoint", "text")), ("endpoint",)
            ),
            (Source(("general{stashBoxes{name endpoint}}",)),),
        ),
    ),
    "What the server is set up with; one row per instance. Secrets are never asked for.",
    {},
    whole=True,
    single=True,
)  # fmt: skip

ENTITIES: tuple[Entity, ...] = (
    TAGS, FOLDERS, FILES, STUDIOS, PERFORMERS, GROUPS, IMAGES, GALLERIES, SCENES, SCENE_MARKERS, SAVED_FILTERS,
    CONFIGURATION,
)  # fmt: skip
"""Every kind, those that are referred to first (but for references that are ``late``)."""

BY_NAME: dict[str, Entity] = {entity.name: entity for entity in ENTITIES}


def entity(name: str) -> Entity:
    """The specification of one kind.

    Raises:
        KeyError: with a sentence that lists the kinds, if there is no such kind.
    """
    if name not in BY_NAME:
        raise KeyError(f"There is no entity {name!r}; there are {', '.join(BY_NAME)}.")
    return BY_NAME[name]
