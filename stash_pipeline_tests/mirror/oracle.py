"""What the tables of schema ``stash`` must hold, worked out a second time from a server's full answers.

Here: rules written by hand from what is known of Stash, value by value, and the comparison with a database.
Nothing of the project's own specification, documents or SQL is used: a mistake there must not be repeated here.
Not here: how the answers are had (answers).
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import psycopg

Json = dict[str, Any]
Row = dict[str, Any]
Key = tuple[Any, ...]

KINDS = (
    "tags", "folders", "files", "studios", "performers", "groups", "images", "galleries", "scenes",
    "scene_markers", "saved_filters", "configuration",
)  # fmt: skip

# What identifies a row, beside the instance.
KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(KINDS, ("id",)),
    "tag_parents": ("tag_id", "parent_id"),
    "tag_aliases": ("tag_id", "alias"),
    "tag_stash_ids": ("tag_id", "endpoint", "stash_id"),
    "studio_tags": ("studio_id", "tag_id"),
    "studio_aliases": ("studio_id", "alias"),
    "studio_urls": ("studio_id", "position"),
    "studio_stash_ids": ("studio_id", "endpoint", "stash_id"),
    "performer_tags": ("performer_id", "tag_id"),
    "performer_aliases": ("performer_id", "alias"),
    "performer_urls": ("performer_id", "position"),
    "performer_stash_ids": ("performer_id", "endpoint", "stash_id"),
    "group_tags": ("group_id", "tag_id"),
    "group_urls": ("group_id", "position"),
    "group_containing": ("containing_group_id", "group_id"),
    "image_files": ("image_id", "file_id"),
    "image_tags": ("image_id", "tag_id"),
    "image_performers": ("image_id", "performer_id"),
    "image_galleries": ("image_id", "gallery_id"),
    "image_urls": ("image_id", "position"),
    "gallery_files": ("gallery_id", "file_id"),
    "gallery_tags": ("gallery_id", "tag_id"),
    "gallery_performers": ("gallery_id", "performer_id"),
    "gallery_urls": ("gallery_id", "position"),
    "gallery_chapters": ("gallery_id", "id"),
    "scene_files": ("scene_id", "file_id"),
    "scene_tags": ("scene_id", "tag_id"),
    "scene_performers": ("scene_id", "performer_id"),
    "scene_galleries": ("scene_id", "gallery_id"),
    "scene_groups": ("scene_id", "group_id"),
    "scene_urls": ("scene_id", "position"),
    "scene_stash_ids": ("scene_id", "endpoint", "stash_id"),
    "scene_plays": ("scene_id", "position"),
    "scene_os": ("scene_id", "position"),
    "scene_captions": ("scene_id", "language_code", "caption_type"),
    "marker_tags": ("marker_id", "tag_id"),
    "file_fingerprints": ("file_id", "type", "value"),
    "configuration_stashes": ("configuration_id", "path"),
    "configuration_stash_boxes": ("configuration_id", "endpoint"),
}


@dataclass
class Answers:
    """Everything that a server answers.

    Attributes:
        objects: per kind the objects as GraphQL sends them. Without ``files`` the server has no query for
            files and folders: they are found inside scenes, images and galleries.
        prefix: path under which the server lives, which is in front of the paths of its URLs.
    """

    objects: dict[str, list[Json]]
    prefix: str = ""

    @property
    def files_are_embedded(self) -> bool:
        """The server (before v0.29) has no query for files."""
        return "files" not in self.objects


@dataclass(frozen=True)
class Mismatch:
    """One value that is not what it must be; without a column a whole row is missing or too many."""

    table: str
    key: Key
    column: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.column}: expected {self.expected!r}, found {self.found!r}"


@dataclass
class Expected:
    """Rows by table and key, and the references that have nothing to refer to."""

    tables: dict[str, dict[Key, Row]] = field(default_factory=lambda: {name: {} for name in KEYS})
    dangling: set[tuple[str, str, int, str, int]] = field(default_factory=set)

    def add(self, table: str, row: Row) -> None:
        """Adds a row; the first of those with the same key counts."""
        self.tables[table].setdefault(tuple(row[name] for name in KEYS[table]), row)


# --- values ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """A point in time in whole microseconds; finer ones are rounded, in either direction."""

    microseconds: int
    slack: int = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moment):
            return NotImplemented
        return abs(self.microseconds - other.microseconds) <= max(self.slack, other.slack)

    def __hash__(self) -> int:  # pragma: no cover
        raise TypeError("rounded moments have no hash")


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)


def moment(text: str | None) -> Moment | None:
    """The instant that an RFC 3339 text names."""
    if text is None:
        return None
    match = _RFC3339.fullmatch(text)
    assert match is not None, f"the server sent {text!r} as a time"
    clock, fraction, zone = match.groups()
    offset = 0
    if zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        offset = sign * (int(zone[1:3]) * 60 + int(zone[4:6]))
    seconds = datetime.fromisoformat(clock + "+00:00") - _EPOCH - timedelta(minutes=offset)
    digits = (fraction or "").ljust(6, "0")
    return Moment(seconds // timedelta(microseconds=1) + int(digits[:6]), 1 if len(digits) > 6 else 0)


def found_moment(value: datetime) -> Moment:
    """The same of what the database holds."""
    return Moment((value - _EPOCH) // timedelta(microseconds=1))


def partial_date(text: str | None) -> tuple[date | None, str | None]:
    """First day and precision of "2024", "2024-05" or "2024-05-17"; neither for what is no date."""
    if text is None:
        return None, None
    match = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", text)
    if match is None:
        return None, None
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    try:
        first = date(year, month or 1, day or 1)
    except ValueError:
        return None, None
    return first, "day" if day is not None else "month" if month is not None else "year"


def relative(url: str | None, prefix: str = "") -> str | None:
    """What remains of a URL: the path, and whether it is the default picture."""
    if url is None:
        return None
    parts = urlsplit(url)
    path = parts.path
    if prefix and path.startswith(prefix + "/"):
        path = path[len(prefix) :]
    return path + ("?default=true" if "default=true" in re.split("[?&]", parts.query) else "")


def signed(digits: str) -> int:
    """16 hex digits as a signed 64-bit integer."""
    return int.from_bytes(bytes.fromhex(digits), "big", signed=True)


def _id(value: Json | None) -> int | None:
    return None if value is None else int(value["id"])


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _map(value: Any) -> Any:
    """A free-form value; an empty one is as good as none."""
    return value or None


# --- rows -----------------------------------------------------------------------------------------------


def expected_tables(answers: Answers, kinds: Collection[str] = KINDS) -> Expected:
    """The rows of all tables of schema ``stash``, when the kinds named have been read."""
    return _Builder(answers, set(kinds)).build()


class _Builder:
    def __init__(self, answers: Answers, kinds: set[str]) -> None:
        self.answers = answers
        if answers.files_are_embedded and kinds & {"files", "folders"}:
            # they are complete only with all that may hold them
            kinds = kinds | {"scenes", "images", "galleries"}
        self.kinds = kinds
        self.expected = Expected()

    def build(self) -> Expected:
        make = {
            "tags": self._tag, "studios": self._studio, "performers": self._performer, "groups": self._group,
            "images": self._image, "galleries": self._gallery, "scenes": self._scene,
            "scene_markers": self._marker, "saved_filters": self._saved_filter,
            "configuration": self._configuration,
        }  # fmt: skip
        for kind, one in make.items():
            if kind in self.kinds:
                for entry in self.answers.objects.get(kind, []):
                    one(entry)
        if self.answers.files_are_embedded:
            self._embedded_files()
        else:
            if "folders" in self.kinds:
                for entry in self.answers.objects["folders"]:
                    self._folder(entry)
            if "files" in self.kinds:
                for entry in self.answers.objects["files"]:
                    self._file(entry, entry["__typename"])
        self._lose_references()
        return self.expected

    def _path(self, value: str | None) -> str | None:
        return relative(value, self.answers.prefix)

    def _dates(self, entry: Json, name: str) -> Row:
        text = entry.get(name)
        first, precision = partial_date(text)
        return {name: first, f"{name}_text": text, f"{name}_precision": precision}

    def _times(self, entry: Json) -> Row:
        return {name: moment(entry.get(name)) for name in ("created_at", "updated_at")}

    def _plain(self, entry: Json, *names: str) -> Row:
        return {name: entry.get(name) for name in names}

    def _links(self, table: str, owner: str, number: int, column: str, found: Iterable[Json] | None) -> None:
        for other in found or []:
            self.expected.add(table, {owner: number, column: int(other["id"])})

    def _files(self, table: str, owner: str, number: int, found: list[Json] | None) -> None:
        for position, other in enumerate(found or []):
            self.expected.add(table, {owner: number, "file_id": int(other["id"]), "is_primary": position == 0})

    def _urls(self, table: str, owner: str, number: int, urls: list[str]) -> None:
        for position, url in enumerate(urls):
            self.expected.add(table, {owner: number, "position": position, "url": url})

    def _named(self, table: str, owner: str, number: int, aliases: list[str] | None) -> None:
        for alias in aliases or []:
            self.expected.add(table, {owner: number, "alias": alias})

    def _stash_ids(self, table: str, owner: str, number: int, found: list[Json] | None) -> None:
        for one in found or []:
            self.expected.add(
                table,
                {
                    owner: number,
                    "endpoint": one["endpoint"],
                    "stash_id": one["stash_id"],
                    "updated_at": moment(one.get("updated_at")),
                },
            )

    def _instants(self, table: str, column: str, number: int, found: list[str] | None) -> None:
        moments = sorted((moment(text) for text in found or []), key=lambda m: m.microseconds if m else 0)
        for position, at in enumerate(moments):
            self.expected.add(table, {"scene_id": number, "position": position, column: at})

    # --- kinds ------------------------------------------------------------------------------------------

    def _tag(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "tags",
            {
                "id": number,
                **self._plain(o, "name", "sort_name", "description", "favorite", "ignore_auto_tag"),
                "image_path": self._path(o["image_path"]),
                "custom_fields": _map(o.get("custom_fields")),
                **self._times(o),
            },
        )
        self._links("tag_parents", "tag_id", number, "parent_id", o["parents"])
        self._named("tag_aliases", "tag_id", number, o["aliases"])
        self._stash_ids("tag_stash_ids", "tag_id", number, o.get("stash_ids"))

    def _studio(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "studios",
            {
                "id": number,
                **self._plain(o, "name", "details", "rating100", "favorite", "organized", "ignore_auto_tag"),
                "image_path": self._path(o["image_path"]),
                "custom_fields": _map(o.get("custom_fields")),
                **self._times(o),
                "parent_studio_id": _id(o["parent_studio"]),
            },
        )
        self._links("studio_tags", "studio_id", number, "tag_id", o.get("tags"))
        self._named("studio_aliases", "studio_id", number, o["aliases"])
        self._urls("studio_urls", "studio_id", number, _urls_of(o))
        self._stash_ids("studio_stash_ids", "studio_id", number, o["stash_ids"])

    def _performer(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "performers",
            {
                "id": number,
                **self._plain(
                    o, "name", "disambiguation", "gender", "ethnicity", "country", "eye_color", "hair_color",
                    "height_cm", "weight", "measurements", "fake_tits", "penis_length", "circumcised",
                    "career_length", "tattoos", "piercings", "details", "rating100", "favorite",
                    "ignore_auto_tag",
                ),
                **self._dates(o, "birthdate"),
                **self._dates(o, "death_date"),
                **self._dates(o, "career_start"),
                **self._dates(o, "career_end"),
                "image_path": self._path(o["image_path"]),
                "custom_fields": _map(o.get("custom_fields")),
                **self._times(o),
            },
        )  # fmt: skip
        self._links("performer_tags", "performer_id", number, "tag_id", o["tags"])
        self._named("performer_aliases", "performer_id", number, o["alias_list"])
        self._urls("performer_urls", "performer_id", number, _urls_of(o))
        self._stash_ids("performer_stash_ids", "performer_id", number, o["stash_ids"])

    def _group(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "groups",
            {
                "id": number,
                **self._plain(o, "name", "aliases", "duration", "rating100", "director", "synopsis"),
                **self._dates(o, "date"),
                "front_image_path": self._path(o["front_image_path"]),
                "back_image_path": self._path(o["back_image_path"]),
                "custom_fields": _map(o.get("custom_fields")),
                **self._times(o),
                "studio_id": _id(o["studio"]),
            },
        )
        self._links("group_tags", "group_id", number, "tag_id", o.get("tags"))
        self._urls("group_urls", "group_id", number, _urls_of(o))
        for position, one in enumerate(o.get("sub_groups") or []):
            self.expected.add(
                "group_containing",
                {
                    "containing_group_id": number,
                    "group_id": int(one["group"]["id"]),
                    "description": one["description"],
                    "order_index": position,
                },
            )

    def _image(self, o: Json) -> None:
        number = int(o["id"])
        paths = o["paths"]
        self.expected.add(
            "images",
            {
                "id": number,
                **self._plain(o, "title", "code", "details", "photographer", "rating100", "o_counter", "organized"),
                **self._dates(o, "date"),
                "image_path": self._path(paths["image"]),
                "thumbnail_path": self._path(paths["thumbnail"]),
                "preview_path": self._path(paths.get("preview")),
                "custom_fields": _map(o.get("custom_fields")),
                **self._times(o),
                "studio_id": _id(o["studio"]),
            },
        )
        files = o["visual_files"] if "visual_files" in o else o["files"]
        self._files("image_files", "image_id", number, files)
        self._links("image_tags", "image_id", number, "tag_id", o["tags"])
        self._links("image_performers", "image_id", number, "performer_id", o["performers"])
        self._links("image_galleries", "image_id", number, "gallery_id", o["galleries"])
        self._urls("image_urls", "image_id", number, _urls_of(o))

    def _gallery(self, o: Json) -> None:
        number = int(o["id"])
        paths = o.get("paths") or {}
        self.expected.add(
            "galleries",
            {
                "id": number,
                **self._plain(o, "title", "code", "details", "photographer", "rating100", "organized"),
                **self._dates(o, "date"),
                "cover_path": self._path(paths.get("cover")),
                "preview_path": self._path(paths.get("preview")),
                "custom_fields": _map(o.get("custom_fields")),
                **self._times(o),
                "studio_id": _id(o["studio"]),
                "folder_id": _id(o["folder"]),
                "cover_id": _id(o["cover"]),
            },
        )
        self._files("gallery_files", "gallery_id", number, o["files"])
        self._links("gallery_tags", "gallery_id", number, "tag_id", o["tags"])
        self._links("gallery_performers", "gallery_id", number, "performer_id", o["performers"])
        self._urls("gallery_urls", "gallery_id", number, _urls_of(o))
        for chapter in o["chapters"]:
            self.expected.add(
                "gallery_chapters",
                {
                    "gallery_id": number,
                    "id": int(chapter["id"]),
                    **self._plain(chapter, "title", "image_index"),
                    **self._times(chapter),
                },
            )

    def _scene(self, o: Json) -> None:
        number = int(o["id"])
        paths = o["paths"]
        self.expected.add(
            "scenes",
            {
                "id": number,
                **self._plain(
                    o, "title", "code", "details", "director", "rating100", "organized", "o_counter",
                    "play_count", "play_duration", "resume_time", "interactive", "interactive_speed",
                ),
                **self._dates(o, "date"),
                "last_played_at": moment(o["last_played_at"]),
                **{
                    f"{name}_path": self._path(paths[name])
                    for name in (
                        "screenshot", "preview", "webp", "vtt", "sprite", "funscript", "interactive_heatmap",
                        "caption",
                    )
                },
                "custom_fields": _map(o.get("custom_fields")),
                **self._times(o),
                "studio_id": _id(o["studio"]),
            },
        )  # fmt: skip
        self._files("scene_files", "scene_id", number, o["files"])
        self._links("scene_tags", "scene_id", number, "tag_id", o["tags"])
        self._links("scene_performers", "scene_id", number, "performer_id", o["performers"])
        self._links("scene_galleries", "scene_id", number, "gallery_id", o["galleries"])
        entries = o["groups"] if "groups" in o else o["movies"]
        for one in entries:
            group = one["group"] if "groups" in o else one["movie"]
            self.expected.add(
                "scene_groups",
                {"scene_id": number, "group_id": int(group["id"]), "scene_index": one["scene_index"]},
            )
        self._urls("scene_urls", "scene_id", number, _urls_of(o))
        self._stash_ids("scene_stash_ids", "scene_id", number, o["stash_ids"])
        self._instants("scene_plays", "played_at", number, o.get("play_history"))
        self._instants("scene_os", "occurred_at", number, o.get("o_history"))
        for one in o["captions"] or []:
            self.expected.add(
                "scene_captions",
                {"scene_id": number, **self._plain(one, "language_code", "caption_type")},
            )

    def _marker(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "scene_markers",
            {
                "id": number,
                **self._plain(o, "title", "seconds", "end_seconds"),
                "screenshot_path": self._path(o["screenshot"]),
                "preview_path": self._path(o["preview"]),
                **self._times(o),
                "scene_id": _id(o["scene"]),
                "primary_tag_id": _id(o["primary_tag"]),
            },
        )
        self._links("marker_tags", "marker_id", number, "tag_id", o["tags"])

    def _saved_filter(self, o: Json) -> None:
        self.expected.add(
            "saved_filters",
            {
                "id": int(o["id"]),
                **self._plain(o, "mode", "name"),
                "find_filter": _map(o.get("find_filter")),
                "object_filter": _map(o.get("object_filter")),
                "ui_options": _map(o.get("ui_options")),
                # since v0.23 the whole filter as one text is deprecated
                "legacy_filter": None if "find_filter" in o else o.get("filter"),
            },
        )

    def _configuration(self, o: Json) -> None:
        general = o["general"]
        self.expected.add(
            "configuration",
            {
                "id": 1,
                "database_path": general.get("databasePath"),
                "generated_path": general.get("generatedPath"),
                "language": o["interface"]["language"],
            },
        )
        for one in general["stashes"]:
            self.expected.add(
                "configuration_stashes",
                {
                    "configuration_id": 1,
                    "path": one["path"],
                    "exclude_video": one["excludeVideo"],
                    "exclude_image": one["excludeImage"],
                },
            )
        for one in general["stashBoxes"]:
            self.expected.add(
                "configuration_stash_boxes",
                {"configuration_id": 1, "name": one["name"], "endpoint": one["endpoint"]},
            )

    # --- files and folders ------------------------------------------------------------------------------

    def _file(self, o: Json, kind: str) -> None:
        number = int(o["id"])
        self.expected.add(
            "files",
            {
                "id": number,
                "type": kind,
                **self._plain(
                    o, "path", "basename", "size", "format", "width", "height", "duration", "video_codec",
                    "audio_codec", "frame_rate", "bit_rate",
                ),
                "mod_time": moment(o["mod_time"]),
                **self._times(o),
                "parent_folder_id": _reference(o, "parent_folder"),
                "zip_file_id": _reference(o, "zip_file"),
            },
        )  # fmt: skip
        for one in o["fingerprints"]:
            value = one["value"].lower().zfill(16) if one["type"] == "phash" else one["value"]
            self.expected.add(
                "file_fingerprints",
                {
                    "file_id": number,
                    "type": one["type"],
                    "value": value,
                    "phash": signed(value) if one["type"] == "phash" else None,
                },
            )

    def _folder(self, o: Json) -> None:
        self.expected.add(
            "folders",
            {
                "id": int(o["id"]),
                "path": o["path"],
                "mod_time": moment(o["mod_time"]),
                **self._times(o),
                "parent_folder_id": _reference(o, "parent_folder"),
                "zip_file_id": _reference(o, "zip_file"),
            },
        )

    def _embedded_files(self) -> None:
        folders: dict[int, str] = {}
        for owner, kind in (("scenes", "VideoFile"), ("images", "ImageFile"), ("galleries", "BasicFile")):
            if owner not in self.kinds:
                continue
            for entry in self.answers.objects[owner]:
                for one in entry["visual_files"] if "visual_files" in entry else entry["files"]:
                    self._file(one, one.get("__typename", kind))
                    directory, separator, name = one["path"].rpartition("/")
                    assert separator and name == one["basename"], f"an unexpected path {one['path']!r}"
                    folders[int(one["parent_folder_id"])] = directory or "/"
                if entry.get("folder"):
                    self._folder(entry["folder"])
        for number, path in folders.items():
            nothing = dict.fromkeys(("mod_time", "created_at", "updated_at", "parent_folder_id", "zip_file_id"))
            self.expected.add("folders", {"id": number, "path": path, **nothing})

    # --- references -------------------------------------------------------------------------------------

    def _lose_references(self) -> None:
        """A reference to what the mirror does not have is no reference in the tables, but is remembered."""
        tables = self.expected.tables
        for table, column, owner, target in COLUMN_REFERENCES:
            for (number,), row in tables[table].items():
                other = row[column]
                if other is not None and (other,) not in tables[target]:
                    row[column] = None
                    self.expected.dangling.add((f"{table}.{column}", owner, number, target, other))
        for table, (owner_column, owner), column, target in JOIN_REFERENCES:
            for key, row in list(tables[table].items()):
                if (row[column],) not in tables[target]:
                    del tables[table][key]
                    self.expected.dangling.add((f"{table}.{column}", owner, row[owner_column], target, row[column]))


COLUMN_REFERENCES = (
    ("studios", "parent_studio_id", "studios", "studios"),
    ("groups", "studio_id", "groups", "studios"),
    ("images", "studio_id", "images", "studios"),
    ("galleries", "studio_id", "galleries", "studios"),
    ("galleries", "folder_id", "galleries", "folders"),
    ("galleries", "cover_id", "galleries", "images"),
    ("scenes", "studio_id", "scenes", "studios"),
    ("scene_markers", "scene_id", "scene_markers", "scenes"),
    ("scene_markers", "primary_tag_id", "scene_markers", "tags"),
    ("folders", "parent_folder_id", "folders", "folders"),
    ("folders", "zip_file_id", "folders", "files"),
    ("files", "parent_folder_id", "files", "folders"),
    ("files", "zip_file_id", "files", "files"),
)

JOIN_REFERENCES = (
    ("tag_parents", ("tag_id", "tags"), "parent_id", "tags"),
    ("studio_tags", ("studio_id", "studios"), "tag_id", "tags"),
    ("performer_tags", ("performer_id", "performers"), "tag_id", "tags"),
    ("group_tags", ("group_id", "groups"), "tag_id", "tags"),
    ("group_containing", ("containing_group_id", "groups"), "group_id", "groups"),
    ("image_files", ("image_id", "images"), "file_id", "files"),
    ("image_tags", ("image_id", "images"), "tag_id", "tags"),
    ("image_performers", ("image_id", "images"), "performer_id", "performers"),
    ("image_galleries", ("image_id", "images"), "gallery_id", "galleries"),
    ("gallery_files", ("gallery_id", "galleries"), "file_id", "files"),
    ("gallery_tags", ("gallery_id", "galleries"), "tag_id", "tags"),
    ("gallery_performers", ("gallery_id", "galleries"), "performer_id", "performers"),
    ("scene_files", ("scene_id", "scenes"), "file_id", "files"),
    ("scene_tags", ("scene_id", "scenes"), "tag_id", "tags"),
    ("scene_performers", ("scene_id", "scenes"), "performer_id", "performers"),
    ("scene_galleries", ("scene_id", "scenes"), "gallery_id", "galleries"),
    ("scene_groups", ("scene_id", "scenes"), "group_id", "groups"),
    ("marker_tags", ("marker_id", "scene_markers"), "tag_id", "tags"),
)


def _reference(o: Json, name: str) -> int | None:
    """The id of an object: as an object since v0.29, before that as a number."""
    return _id(o[name]) if name in o else _number(o[f"{name}_id"])


def _urls_of(o: Json) -> list[str]:
    """``urls``; where they do not exist yet, what Stash's own migration makes of the single columns."""
    if "urls" in o:
        return list(o["urls"] or [])
    found = [o["url"]] if o.get("url") else []
    for name, site in (("twitter", "https://www.twitter.com/"), ("instagram", "https://www.instagram.com/")):
        value = o.get(name)
        if value:
            # LIKE 'http%://%', which does not mind upper case
            found.append(value if re.match("http.*://", value, re.IGNORECASE | re.DOTALL) else site + value)
    return found


# --- comparison -----------------------------------------------------------------------------------------

Connection = psycopg.Connection[Any]


def columns_of_schema(connection: Connection) -> dict[str, list[str]]:
    """Every table of schema ``stash`` (no views, no partitions) with its columns."""
    rows = connection.execute(
        # information_schema says the same, ten times as slowly
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid\n"
        "WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind IN ('r', 'p')\n"
        "  AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum"
    ).fetchall()
    tables: dict[str, list[str]] = {}
    for table, column in rows:
        tables.setdefault(table, []).append(column)
    return tables


def _found_value(value: Any) -> Any:
    return found_moment(value) if isinstance(value, datetime) else value


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return bool(expected == found)


def mismatches(
    connection: Connection,
    instance_id: int,
    expected: Expected,
    *,
    untold: Collection[tuple[str, str]] = (),
    only: str | None = None,
    most: int = 30,
) -> list[Mismatch]:
    """Where the database differs from what it must hold for one instance; none is what one wants.

    Args:
        untold: (table, column) that the answers say nothing of, though the server would.
        only: look at this table alone.
        most: give up after so many.
    """
    found: list[Mismatch] = []
    schema = columns_of_schema(connection)
    for table in [only] if only else sorted(schema.keys() | KEYS.keys()):
        if table not in KEYS or table not in schema:
            found.append(Mismatch(table, (), "", table in KEYS, table in schema))
            continue
        rows = connection.execute(f"SELECT * FROM stash.{table} WHERE instance_id = %s", [instance_id])
        names = [column.name for column in rows.description or []]
        there: dict[Key, Row] = {}
        for values in rows.fetchall():
            row = {name: _found_value(value) for name, value in zip(names, values, strict=True)}
            there[tuple(row[name] for name in KEYS[table])] = row
        found += _compare(table, expected.tables[table], there, untold)
        if len(found) >= most:
            return found[:most]
    if only is None:
        found += _compare_dangling(connection, instance_id, expected)
    return found[:most]


def _compare(
    table: str, expected: dict[Key, Row], found: dict[Key, Row], untold: Collection[tuple[str, str]]
) -> list[Mismatch]:
    result = []
    for key in expected.keys() - found.keys():
        result.append(Mismatch(table, key, "", expected[key], None))
    for key in found.keys() - expected.keys():
        result.append(Mismatch(table, key, "", None, found[key]))
    for key in expected.keys() & found.keys():
        row, other = expected[key], found[key]
        for column in row.keys() | other.keys():
            if column == "instance_id" or (table, column) in untold:
                continue
            if column not in row or column not in other:
                result.append(Mismatch(table, key, column, column in row, column in other))
            elif not _same(row[column], other[column]):
                result.append(Mismatch(table, key, column, row[column], other[column]))
    return sorted(result, key=lambda m: (m.key == (), str(m.key), m.column))


def _compare_dangling(connection: Connection, instance_id: int, expected: Expected) -> list[Mismatch]:
    rows = connection.execute(
        "SELECT relation, owner, owner_id, target, target_id FROM ops.dangling_references\nWHERE instance_id = %s",
        [instance_id],
    ).fetchall()
    found = {tuple(row) for row in rows}
    table = "ops.dangling_references"
    return [Mismatch(table, key, "", "remembered", None) for key in sorted(expected.dangling - found)] + [
        Mismatch(table, key, "", None, "remembered") for key in sorted(found - expected.dangling)
    ]


def describe(found: list[Mismatch]) -> str:
    """For the message of an assertion."""
    return "\n" + "\n".join(str(one) for one in found)


# --- the other side of relations, and counts ------------------------------------------------------------

# kind, what the server says of it, and the query of (id of the object, id of the other one)
INVERSES: tuple[tuple[str, str, str], ...] = (
    ("tags", "children", "SELECT parent_id, tag_id FROM stash.tag_parents"),
    ("studios", "child_studios", "SELECT parent_studio_id, id FROM stash.studios"),
    ("studios", "groups", "SELECT studio_id, id FROM stash.groups"),
    ("performers", "scenes", "SELECT performer_id, scene_id FROM stash.scene_performers"),
    (
        "performers",
        "groups",
        "SELECT DISTINCT p.performer_id, g.group_id FROM stash.scene_performers p\n"
        "JOIN stash.scene_groups g USING (instance_id, scene_id)",
    ),
    ("groups", "scenes", "SELECT group_id, scene_id FROM stash.scene_groups"),
    ("groups", "containing_groups", "SELECT group_id, containing_group_id FROM stash.group_containing"),
    ("galleries", "scenes", "SELECT gallery_id, scene_id FROM stash.scene_galleries"),
    ("scenes", "scene_markers", "SELECT scene_id, id FROM stash.scene_markers"),
)

COUNTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "tags": (
        "stash.tag_counts",
        "tag_id",
        (
            "scene_count", "scene_marker_count", "image_count", "gallery_count", "performer_count",
            "studio_count", "group_count",
        ),
    ),
    "performers": (
        "stash.performer_counts",
        "performer_id",
        ("scene_count", "image_count", "gallery_count", "group_count", "o_counter"),
    ),
    "studios": (
        "stash.studio_counts",
        "studio_id",
        ("scene_count", "image_count", "gallery_count", "group_count", "o_counter"),
    ),
    "groups": (
        "stash.group_counts",
        "group_id",
        ("scene_count", "performer_count", "sub_group_count", "o_counter"),
    ),
    "galleries": ("stash.gallery_counts", "gallery_id", ("image_count",)),
}  # fmt: skip
_OLD_NAMES = {"group_count": "movie_count"}


def inverse_mismatches(connection: Connection, instance_id: int, answers: Answers) -> list[Mismatch]:
    """Where the server's own lists of the other side of a relation disagree with the tables."""
    result = []
    for kind, name, query in INVERSES:
        told = {
            int(o["id"]): sorted(int((one.get("group") or one)["id"]) for one in o[name])
            for o in answers.objects[kind]
            if name in o
        }
        rows = connection.execute(
            query.replace(" FROM ", ", instance_id FROM ", 1)
            if "JOIN" not in query
            else query.replace(" FROM ", ", p.instance_id FROM ", 1)
        ).fetchall()
        found: dict[int, list[int]] = {}
        for owner, other, instance in rows:
            if instance == instance_id and owner is not None:
                found.setdefault(owner, []).append(other)
        for number, others in told.items():
            if others != sorted(found.get(number, [])):
                result.append(Mismatch(kind, (number,), name, others, sorted(found.get(number, []))))
    return result


def count_mismatches(connection: Connection, instance_id: int, answers: Answers) -> list[Mismatch]:
    """Where the views of counts disagree with what the server counts itself."""
    result = []
    for kind, (view, key, names) in COUNTS.items():
        rows = connection.execute(
            f"SELECT {key}, {', '.join(names)} FROM {view} WHERE instance_id = %s", [instance_id]
        ).fetchall()
        found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
        for o in answers.objects[kind]:
            for name in names:
                said = o.get(name, o.get(_OLD_NAMES.get(name, name)))
                if said is not None and said != found.get(int(o["id"]), {}).get(name):
                    result.append(Mismatch(view, (int(o["id"]),), name, said, found.get(int(o["id"]), {}).get(name)))
    return result


def whole_state(connection: Connection, instance_id: int) -> dict[str, list[str]]:
    """All rows of an instance in all tables of schema ``stash``, and its dangling references, as texts."""
    state = {}
    for table, columns in columns_of_schema(connection).items():
        names = ", ".join(f'"{name}"' for name in columns if name != "instance_id")
        rows = connection.execute(
            f"SELECT to_jsonb(t) FROM (SELECT {names} FROM stash.{table} WHERE instance_id = %s) t",
            [instance_id],
        ).fetchall()
        state[table] = sorted(json.dumps(row[0], sort_keys=True) for row in rows)
    rows = connection.execute(
        "SELECT relation, owner, owner_id, target, target_id FROM ops.dangling_references\nWHERE instance_id = %s",
        [instance_id],
    ).fetchall()
    state["ops.dangling_references"] = sorted(str(tuple(row)) for row in rows)
    return state
