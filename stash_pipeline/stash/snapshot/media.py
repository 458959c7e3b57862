"""Where the database has images, galleries and scenes.

Covers the joins of an entity's query, and the fields that are not a single expression or list. ``mapping.py`` adds all
other fields from the entity specification.
"""

import re
from collections.abc import Callable, Container, Iterable
from typing import Any

from stash_pipeline.stash.json_values import in_order_of_time
from stash_pipeline.stash.natural_order import natural_key, natural_key_of_v21
from stash_pipeline.stash.snapshot import values
from stash_pipeline.stash.snapshot.catalogue import V21, V22, V27, V28, urls
from stash_pipeline.stash.snapshot.database import ERRORS, Row, Snapshot
from stash_pipeline.stash.snapshot.spec import (
    EntityMapping,
    ListMapping,
    Value,
    between,
    integer,
    records,
    stash_ids,
    text,
)


def clips(snapshot: Snapshot) -> list[int]:
    """Ids of the images that are video clips, in order.

    Raises:
        SnapshotError: if the snapshot is damaged, or does not match its version.
    """
    try:
        rows = snapshot.rows(
            "SELECT p.image_id FROM images_files AS p JOIN video_files AS v ON v.file_id = p.file_id\n"
            "WHERE p.\"primary\" = 1 AND typeof(p.image_id) = 'integer'\n"
            "AND p.file_id NOT IN (SELECT file_id FROM image_files) ORDER BY p.image_id"
        )
        return [row[0] for row in rows]
    except ERRORS as error:
        raise snapshot.unusable(error) from None


def images(snapshot: Snapshot, *, previews: Container[int]) -> EntityMapping:
    """Images; ``previews``: ids of the images with a generated preview, which only clips can have."""

    def preview(identifier: int) -> str:
        return f"/image/{identifier}/preview" if identifier in previews else ""

    # before v0.28, an image without a title was sent with its file name as the title
    title_or_name = "CASE WHEN coalesce(t.title, '') <> '' THEN t.title ELSE f.basename END"
    return EntityMapping(
        'images AS t LEFT JOIN images_files AS p ON p.image_id = t.id AND p."primary" = 1\n'
        "LEFT JOIN files AS f ON f.id = p.file_id",
        "t.id",
        {
            "title": text("t.title" if snapshot.since(V28) else title_or_name, empty=True),
            "preview_path": Value("t.id", preview),
        },
        {"urls": urls(snapshot, "image_urls", "image_id", "images", "url")},
    )


# --- galleries ------------------------------------------------------------------------------------------

_COVERS = """
SELECT j.gallery_id, j.image_id, {chosen}, d.path, f.basename, i.title
FROM galleries_images AS j
LEFT JOIN images AS i ON i.id = j.image_id
LEFT JOIN images_files AS p ON p.image_id = j.image_id
LEFT JOIN files AS f ON f.id = p.file_id
LEFT JOIN folders AS d ON d.id = f.parent_folder_id
WHERE {between}
ORDER BY j.gallery_id, j.image_id, p.file_id
"""


def galleries(snapshot: Snapshot, *, cover_names: str, windows: bool) -> EntityMapping:
    """Galleries; ``cover_names``: the server's regular expression for the file names of covers."""
    lists = {
        "urls": urls(snapshot, "gallery_urls", "gallery_id", "galleries", "url"),
        "chapters": records(
            "SELECT gallery_id, id, title, image_index, created_at, updated_at FROM galleries_chapters\n"
            f"WHERE {between('gallery_id')} ORDER BY gallery_id, id",
            "id",
            "title",
            "image_index",
            "created_at",
            "updated_at",
            times=("created_at", "updated_at"),
        ),
    }
    chosen = "j.cover" if snapshot.has("galleries_images", "cover") else "0"
    order = _by_path if snapshot.since(V22) else _by_path_in_v21 if snapshot.since(V21) else _by_folder_and_name
    lists["cover"] = ListMapping(
        _COVERS.format(chosen=chosen, between=between("j.gallery_id")),
        _cover_chooser(cover_names, order, "\\" if windows else "/"),
        canonical=True,
    )
    return EntityMapping("galleries AS t", "t.id", {}, lists)


def _cover_chooser(names: str, order: Callable[[Row], Any], separator: str) -> Callable[[list[Row]], Any]:
    """A function that chooses the cover: the one that was set, else the first matching name, else the first by path.

    For an image with several files, the server sorts by the file with the smallest id among those with a matching name.
    """
    try:
        pattern = re.compile(names, re.IGNORECASE)
    except re.error:
        # Go has a different syntax of regular expressions
        pattern = None

    def first(rows: Iterable[Row]) -> Any:
        by_image: dict[int, Row] = {}
        for row in rows:
            by_image.setdefault(row[0], row)
        return min(by_image.values(), key=order)[0] if by_image else None

    def choose(rows: list[Row]) -> Any:
        chosen = [row[0] for row in rows if row[1]]
        if chosen:
            return chosen[0]
        matching = (row for row in rows if pattern and row[3] and pattern.search(f"{row[2]}{separator}{row[3]}"))
        cover = first(matching)
        return first(rows) if cover is None else cover

    return choose


def _by_path(row: Row, key: Callable[[str], Any] = natural_key) -> Any:
    image, _, folder, basename, title = row
    # a number comes before any text
    last = (0, image) if title is None else (1, key(str(title)))
    return key(f"{folder or ''}{basename or ''}"), last, image


def _by_path_in_v21(row: Row) -> Any:
    return _by_path(row, natural_key_of_v21)


def _by_folder_and_name(row: Row) -> Any:
    image, _, folder, basename, _ = row
    return folder or "", basename or "", image


# --- scenes ---------------------------------------------------------------------------------------------


def scenes(snapshot: Snapshot, *, hash_type: str) -> EntityMapping:
    """Scenes; ``hash_type``: the fingerprint in the names of generated files."""
    file_hash = (
        f"(SELECT fingerprint FROM files_fingerprints WHERE file_id = p.file_id AND type = '{hash_type}' LIMIT 1)"
    )
    columns = {
        "vtt_path": text(f"'/scene/' || coalesce({file_hash}, '') || '_thumbs.vtt'"),
        "sprite_path": text(f"'/scene/' || coalesce({file_hash}, '') || '_sprite.jpg'"),
    }
    lists = {
        "groups": _in_groups(snapshot),
        "urls": urls(snapshot, "scene_urls", "scene_id", "scenes", "url"),
        "stash_ids": stash_ids(snapshot, "scene_stash_ids", "scene_id"),
        "captions": records(
            "SELECT p.scene_id, c.language_code, c.caption_type FROM scenes_files AS p\n"
            "JOIN video_captions AS c ON c.file_id = p.file_id\n"
            f'WHERE {between("p.scene_id")} AND p."primary" = 1 ORDER BY p.scene_id',
            "language_code",
            "caption_type",
        ),
    }
    if snapshot.has("scenes_view_dates"):
        lists["play_history"] = _history("scenes_view_dates", "view_date", play_count=len, last_played_at=_last)
        lists["o_history"] = _history("scenes_o_dates", "o_date", o_counter=len)
        columns["play_count"] = columns["o_counter"] = integer("0")
    return EntityMapping(
        'scenes AS t LEFT JOIN scenes_files AS p ON p.scene_id = t.id AND p."primary" = 1\n'
        "LEFT JOIN video_files AS v ON v.file_id = p.file_id",
        "t.id",
        columns,
        lists,
    )


def _in_groups(snapshot: Snapshot) -> ListMapping:
    table, column = ("groups_scenes", "group_id") if snapshot.since(V27) else ("movies_scenes", "movie_id")
    return ListMapping(
        f"SELECT scene_id, {column}, scene_index FROM {table} WHERE {between('scene_id')} ORDER BY scene_id, rowid",
        lambda rows: [{"group": {"id": group}, "scene_index": index} for group, index in rows],
    )


def _history(table: str, column: str, **also: Any) -> ListMapping:
    return ListMapping(
        f"SELECT scene_id, {column} FROM {table} WHERE {between('scene_id')} ORDER BY scene_id, {column}",
        _read_times,
        canonical=True,
        also=also,
    )


def _read_times(rows: list[Row]) -> list[str]:
    times = [values.set_time(row[0]) for row in rows]
    set_times = [time for time in times if time is not None]
    # GraphQL cannot send a list with a time that was never set
    return in_order_of_time(set_times) if len(set_times) == len(times) else []


def _last(rows: list[Row]) -> Any:
    return values.set_time(rows[-1][0])
