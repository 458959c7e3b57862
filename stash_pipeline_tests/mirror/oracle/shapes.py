"""Types for responses and tables, and the keys of rows."""

from dataclasses import dataclass, field
from typing import Any

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
    """Everything that a server returns.

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
    """A wrong value; without a column, a missing or additional row."""

    table: str
    key: Key
    column: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.column}: expected {self.expected!r}, found {self.found!r}"


@dataclass
class Expected:
    """Rows by table and key, and dangling references."""

    tables: dict[str, dict[Key, Row]] = field(default_factory=lambda: {name: {} for name in KEYS})
    dangling: set[tuple[str, str, int, str, int]] = field(default_factory=set)

    def add(self, table: str, row: Row) -> None:
        """Adds a row; of rows with the same key, the first one counts."""
        self.tables[table].setdefault(tuple(row[name] for name in KEYS[table]), row)
