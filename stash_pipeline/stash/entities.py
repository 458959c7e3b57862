"""The entity specification: what a Stash server has, and where each field lands.

One declarative table. Selection sets, raw and typed tables, join tables, their SQL, the Dagster assets and the
documentation are all derived from it: **adding a field is one line here** (and a migration, which Alembic
writes). How to read the lines is said in ``fields.py``. Facts about releases: Stash's GraphQL schema, v0.20 to
v0.31.
"""

from typing import Any

from stash_pipeline.stash.fields import (
    Column,
    Entity,
    Field,
    Joined,
    Reference,
    Scalar,
    ScalarType,
    Source,
)

# --- how a line of the table is written -----------------------------------------------------------------


def _scalar(kind: ScalarType, name: str, *spellings: str, description: str = "") -> Field:
    sources = tuple(Source((spelling,)) for spelling in (spellings or (name,)))
    return Field(name, Scalar(kind), sources, description)


def _text(name: str, *spellings: str) -> Field:
    return _scalar("text", name, *spellings)


def _int(name: str, *spellings: str) -> Field:
    return _scalar("integer", name, *spellings)


def _float(name: str) -> Field:
    return _scalar("double precision", name)


def _bool(name: str) -> Field:
    return _scalar("boolean", name)


def _time(name: str) -> Field:
    return _scalar("timestamptz", name)


def _date(name: str) -> Field:
    return _scalar("partial_date", name, description='may be partial ("2024", "2024-05") from v0.30 on')


def _path(name: str, selection: str) -> Field:
    return _scalar("path", name, selection, description="URL without host, key and cache buster")


def _json(name: str, *spellings: str) -> Field:
    return _scalar("jsonb", name, *spellings)


def _one(name: str, target: str, *spellings: str) -> Field:
    return Field(name, Reference(target), tuple(Source((s,)) for s in (spellings or (f"{name}{{id}}",))))


def _many(name: str, table: str, target: str, column: str, owner_column: str | None = None) -> Field:
    joined = Joined(table, (Column(column, "bigint"),), (column,), target, column, owner_column=owner_column)
    return Field(name, joined, (Source((f"{name}{{id}}",)),))


def _files(owner: str, *spellings: Source) -> Field:
    joined = Joined(
        f"{owner}_files", (Column("file_id", "bigint"),), ("file_id",), "files", "file_id", first="is_primary"
    )
    return Field("files", joined, spellings)


def _urls(owner: str, *legacy: str) -> Field:
    joined = Joined(f"{owner}_urls", (Column("url", "text"),), ("position",), ordinal="position", sort=False)
    sources = [Source(("urls",))]
    if legacy:
        sources.append(Source(legacy, legacy_urls, optional_parts=True))
    return Field("urls", joined, tuple(sources))


def _aliases(owner: str, *spellings: str) -> Field:
    joined = Joined(f"{owner}_aliases", (Column("alias", "text"),), ("alias",))
    return Field("aliases", joined, tuple(Source((s,)) for s in (spellings or ("aliases",))))


def _stash_ids(owner: str) -> Field:
    columns = (Column("endpoint", "text"), Column("stash_id", "text"), Column("updated_at", "timestamptz"))
    joined = Joined(f"{owner}_stash_ids", columns, ("endpoint", "stash_id"))
    return Field("stash_ids", joined, (Source(("stash_ids{endpoint stash_id updated_at}",)),))


def _times(name: str, table: str, column: str) -> Field:
    joined = Joined(table, (Column(column, "timestamptz"),), ("position",), ordinal="position")
    return Field(name, joined, (Source((name,)),), "the same moment may occur twice")


def legacy_urls(url: Any, twitter: Any = None, instagram: Any = None) -> list[str]:
    """``urls`` of releases that have single columns, as Stash's own migration 62 (v0.27) makes them."""
    urls = [url] if url else []
    for prefix, value in (("https://www.twitter.com/", twitter), ("https://www.instagram.com/", instagram)):
        if value:
            urls.append(value if value.lower().startswith("http") and "://" in value else prefix + value)
    return urls


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

# --- the table ------------------------------------------------------------------------------------------

TAGS = Entity(
    "tags", "tag", ("Tag",), (("findTags", "tags"),), ("tag_filter",),
    (
        _text("name"), _text("sort_name"), _text("description"), _bool("favorite"), _bool("ignore_auto_tag"),
        _path("image_path", "image_path"), _json("custom_fields"), _time("created_at"), _time("updated_at"),
        _many("parents", "tag_parents", "tags", "parent_id"),
        _aliases("tag"), _stash_ids("tag"),
    ),
    "Tags, with their hierarchy in tag_parents.",
    {"children": _INVERSE},
)  # fmt: skip

STUDIOS = Entity(
    "studios", "studio", ("Studio",), (("findStudios", "studios"),), ("studio_filter",),
    (
        _text("name"), _text("details"), _int("rating100"), _bool("favorite"), _bool("organized"),
        _bool("ignore_auto_tag"), _one("parent_studio", "studios"), _path("image_path", "image_path"),
        _json("custom_fields"), _time("created_at"), _time("updated_at"),
        _many("tags", "studio_tags", "tags", "tag_id"),
        _aliases("studio"), _urls("studio", "url"), _stash_ids("studio"),
    ),
    "Studios, with their parent.",
    {"child_studios": _INVERSE, "groups": _INVERSE, "movies": _INVERSE, "o_counter": _COUNTED, **_SUCCESSORS},
)  # fmt: skip

PERFORMERS = Entity(
    "performers", "performer", ("Performer",), (("findPerformers", "performers"),), ("performer_filter",),
    (
        _text("name"), _text("disambiguation"), _text("gender"), _date("birthdate"), _date("death_date"),
        _text("ethnicity"), _text("country"), _text("eye_color"), _text("hair_color"), _int("height_cm"),
        _int("weight"), _text("measurements"), _text("fake_tits"), _float("penis_length"), _text("circumcised"),
        _text("career_length"), _date("career_start"), _date("career_end"), _text("tattoos"), _text("piercings"),
        _text("details"), _int("rating100"), _bool("favorite"), _bool("ignore_auto_tag"),
        _path("image_path", "image_path"), _json("custom_fields"), _time("created_at"), _time("updated_at"),
        _many("tags", "performer_tags", "tags", "tag_id"),
        _aliases("performer", "alias_list"), _urls("performer", "url", "twitter", "instagram"),
        _stash_ids("performer"),
    ),
    "Performers, with their aliases, urls and stash ids in the join tables.",
    {
        "scenes": _INVERSE, "groups": _INVERSE, "movies": _INVERSE, "o_counter": _COUNTED, "height": _SUCCEEDED,
        "aliases": _SUCCEEDED, **_SUCCESSORS,
    },
)  # fmt: skip

GROUPS = Entity(
    "groups", "group", ("Group", "Movie"), (("findGroups", "groups"), ("findMovies", "movies")),
    ("group_filter", "movie_filter"),
    (
        _text("name"), _text("aliases"), _int("duration"), _date("date"), _int("rating100"), _text("director"),
        _text("synopsis"), _one("studio", "studios"), _path("front_image_path", "front_image_path"),
        _path("back_image_path", "back_image_path"), _json("custom_fields"), _time("created_at"),
        _time("updated_at"),
        _many("tags", "group_tags", "tags", "tag_id"),
        _urls("group", "url"),
        Field(
            "sub_groups",
            Joined(
                "group_containing",
                (Column("group_id", "bigint", "group.id"), Column("description", "text")),
                ("group_id",), "groups", "group_id", ordinal="order_index",
                owner_column="containing_group_id", sort=False,
            ),
            (Source(("sub_groups{group{id} description}",)),),
            "read from the containing group, which alone knows the order",
        ),
    ),
    "Groups (movies before v0.27), with the groups they contain in group_containing.",
    {"containing_groups": _INVERSE, "scenes": _INVERSE, "o_counter": _COUNTED, **_SUCCESSORS},
)  # fmt: skip

IMAGES = Entity(
    "images", "image", ("Image",), (("findImages", "images"),), ("image_filter",),
    (
        _text("title"), _text("code"), _text("details"), _text("photographer"), _date("date"), _int("rating100"),
        _int("o_counter"), _bool("organized"), _one("studio", "studios"),
        _path("image_path", "paths{image}"), _path("thumbnail_path", "paths{thumbnail}"),
        _path("preview_path", "paths{preview}"), _json("custom_fields"), _time("created_at"),
        _time("updated_at"),
        # visual_files since v0.21; `files` fails on video clips from then on
        _files(
            "image",
            Source(("visual_files{...VideoFile{id} ...ImageFile{id}}",)),
            Source(("files{id}",)),
        ),
        _many("tags", "image_tags", "tags", "tag_id"),
        _many("performers", "image_performers", "performers", "performer_id"),
        _many("galleries", "image_galleries", "galleries", "gallery_id"),
        _urls("image", "url"),
    ),
    "Images, in and out of galleries.",
    {"file_mod_time": _SUCCEEDED, **_SUCCESSORS},
)  # fmt: skip

GALLERIES = Entity(
    "galleries", "gallery", ("Gallery",), (("findGalleries", "galleries"),), ("gallery_filter",),
    (
        _text("title"), _text("code"), _text("details"), _text("photographer"), _date("date"), _int("rating100"),
        _bool("organized"), _one("studio", "studios"), _one("folder", "folders"), _one("cover", "images"),
        _path("cover_path", "paths{cover}"), _path("preview_path", "paths{preview}"), _json("custom_fields"),
        _time("created_at"), _time("updated_at"),
        _files("gallery", Source(("files{id}",))),
        _many("tags", "gallery_tags", "tags", "tag_id"),
        _many("performers", "gallery_performers", "performers", "performer_id"),
        _urls("gallery", "url"),
        Field(
            "chapters",
            Joined(
                "gallery_chapters",
                (
                    Column("id", "bigint", "id"), Column("title", "text"), Column("image_index", "integer"),
                    Column("created_at", "timestamptz"), Column("updated_at", "timestamptz"),
                ),
                ("id",),
            ),
            (Source(("chapters{id title image_index created_at updated_at}",)),),
        ),
    ),
    "Galleries: a zip file, a folder, or neither.",
    {
        "scenes": _INVERSE, "images": _INVERSE, "image": "one image by its index", "file_mod_time": _SUCCEEDED,
        **_SUCCESSORS,
    },
)  # fmt: skip

SCENES = Entity(
    "scenes", "scene", ("Scene",), (("findScenes", "scenes"),), ("scene_filter",),
    (
        _text("title"), _text("code"), _text("details"), _text("director"), _date("date"), _int("rating100"),
        _bool("organized"), _int("o_counter"), _int("play_count"), _float("play_duration"), _float("resume_time"),
        _time("last_played_at"), _bool("interactive"), _int("interactive_speed"), _one("studio", "studios"),
        _path("screenshot_path", "paths{screenshot}"), _path("preview_path", "paths{preview}"),
        _path("webp_path", "paths{webp}"), _path("vtt_path", "paths{vtt}"), _path("sprite_path", "paths{sprite}"),
        _path("funscript_path", "paths{funscript}"),
        _path("interactive_heatmap_path", "paths{interactive_heatmap}"), _path("caption_path", "paths{caption}"),
        _json("custom_fields"), _time("created_at"), _time("updated_at"),
        _files("scene", Source(("files{id}",))),
        _many("tags", "scene_tags", "tags", "tag_id"),
        _many("performers", "scene_performers", "performers", "performer_id"),
        _many("galleries", "scene_galleries", "galleries", "gallery_id"),
        Field(
            "groups",
            Joined(
                "scene_groups",
                (Column("group_id", "bigint", "group.id"), Column("scene_index", "integer")),
                ("group_id",), "groups", "group_id",
            ),
            (
                Source(("groups{group{id} scene_index}",)),
                Source(("movies{movie{id} scene_index}",), _scene_groups_of_movies),
            ),
        ),
        _urls("scene", "url"), _stash_ids("scene"),
        _times("play_history", "scene_plays", "played_at"), _times("o_history", "scene_os", "occurred_at"),
        Field(
            "captions",
            Joined(
                "scene_captions",
                (Column("language_code", "text"), Column("caption_type", "text")),
                ("language_code", "caption_type"),
            ),
            (Source(("captions{language_code caption_type}",)),),
        ),
    ),
    "Scenes, with their counters; files, tags, performers and the rest are in the join tables.",
    {
        "scene_markers": _INVERSE, "sceneStreams": "embeds the API key", "file_mod_time": _SUCCEEDED, **_SUCCESSORS,
    },
)  # fmt: skip

SCENE_MARKERS = Entity(
    "scene_markers", "marker", ("SceneMarker",), (("findSceneMarkers", "scene_markers"),), ("scene_marker_filter",),
    (
        _text("title"), _float("seconds"), _float("end_seconds"), _one("scene", "scenes"),
        _one("primary_tag", "tags"), _path("screenshot_path", "screenshot"), _path("preview_path", "preview"),
        _time("created_at"), _time("updated_at"),
        _many("tags", "marker_tags", "tags", "tag_id"),
    ),
    "Markers on scenes; the primary tag is a column, the others are in marker_tags.",
    {"stream": "embeds the API key"},
)  # fmt: skip

FOLDERS = Entity(
    "folders", "folder", ("Folder",), (("findFolders", "folders"),), ("folder_filter",),
    (
        _text("path"), _one("parent_folder", "folders", "parent_folder{id}", "parent_folder_id"),
        Field(
            "zip_file", Reference("files", late=True), (Source(("zip_file{id}",)), Source(("zip_file_id",))),
            "the archive that the folder lies in",
        ),
        _time("mod_time"), _time("created_at"), _time("updated_at"),
    ),
    "Folders of files. Before v0.29 only id and path, except for the folders that are galleries.",
    {"basename": "the end of path", "parent_folders": _INVERSE, "sub_folders": _INVERSE},
    embedded_in=("scenes", "images", "galleries"),
)  # fmt: skip

FILES = Entity(
    "files", "file", ("VideoFile", "ImageFile", "BasicFile", "GalleryFile"), (("findFiles", "files"),),
    ("file_filter",),
    (
        _text("type", "__typename"), _text("path"), _text("basename"),
        _one("parent_folder", "folders", "parent_folder{id}", "parent_folder_id"),
        _one("zip_file", "files", "zip_file{id}", "zip_file_id"),
        _scalar("bigint", "size"), _text("format"), _int("width"), _int("height"), _float("duration"),
        _text("video_codec"), _text("audio_codec"), _float("frame_rate"), _scalar("bigint", "bit_rate"),
        _time("mod_time"), _time("created_at"), _time("updated_at"),
        Field(
            "fingerprints",
            Joined("file_fingerprints", (Column("type", "text"), Column("value", "text")), ("type", "value")),
            (Source(("fingerprints{type value}",)),),
            "phash is padded to 16 hex digits; file_fingerprints.phash has it as a bigint",
        ),
    ),
    "Files of scenes, images and galleries. Before v0.29 those that belong to one of them.",
    {"fingerprint": "one of fingerprints"},
    embedded_in=("scenes", "images", "galleries"),
    ids_cost_objects=True,
)  # fmt: skip

SAVED_FILTERS = Entity(
    "saved_filters", "saved_filter", ("SavedFilter",), (("findSavedFilters", ""),), (),
    (
        _text("mode"), _text("name"), _json("find_filter", "find_filter{q page per_page sort direction}"),
        _json("object_filter"), _json("ui_options"),
        Field(
            "legacy_filter",
            Scalar("text"),
            (Source(("filter",), unless="find_filter"),),
            "the whole filter as text, before v0.23",
        ),
    ),
    "Saved filters of the server's own user interface.",
    {},
    whole=True,
)  # fmt: skip

CONFIGURATION = Entity(
    "configuration", "configuration", ("ConfigResult",), (("configuration", ""),), (),
    (
        _text("database_path", "general{databasePath}"), _text("generated_path", "general{generatedPath}"),
        _text("language", "interface{language}"),
        Field(
            "stashes",
            Joined(
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
            Joined(
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
