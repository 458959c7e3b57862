"""Studios: the loaders of Studio."""

import hashlib
from typing import Any

from stash_pipeline.simulator.addresses import image_address
from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import (
    count_of,
    first_value,
    five_stars,
    many,
    reference,
    register_kind,
    stash_ids_of,
    tags_of,
    urls_of,
    values,
)

TREE = "SELECT parent_id AS parent, id AS child FROM studios WHERE parent_id IS NOT NULL"


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    for row in rows:
        # Before v0.22, texts are nullable in responses.
        if row["details"] is None and ctx.release.since(22):
            row["details"] = ""
        row["rating100"] = row["rating"]
        row["rating"] = five_stars(row["rating"])
        row["checksum"] = hashlib.md5(row["name"].encode()).hexdigest()


register_kind("Studio", "SELECT * FROM studios", "studio", _present)

_URL = first_value(
    "SELECT studio_id, url FROM studio_urls WHERE studio_id IN (SELECT value FROM json_each(?))"
    " ORDER BY studio_id, position"
)


def _url(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    urls = _URL(ctx, rows, args, selected)
    nullable = ctx.release.since(30) or not ctx.release.since(22)
    return urls if nullable else [url or "" for url in urls]


def _image_path(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [image_address(ctx, "studio", row) for row in rows]


def _count_column(table: str) -> Loader:
    return count_of(
        f'SELECT family.root, COUNT(DISTINCT t.id) FROM family JOIN "{table}" AS t'
        " ON t.studio_id = family.id GROUP BY family.root",
        TREE,
    )


_GROUPS = many(
    "Group",
    "SELECT studio_id, id FROM groups WHERE studio_id IN (SELECT value FROM json_each(?)) ORDER BY studio_id, id",
)

LOADERS: dict[tuple[str, str], Loader] = {
    ("Studio", "url"): _url,
    ("Studio", "urls"): urls_of("studio_urls", "studio_id"),
    ("Studio", "parent_studio"): reference("parent_id", "Studio"),
    ("Studio", "child_studios"): many(
        "Studio",
        "SELECT parent_id, id FROM studios WHERE parent_id IN (SELECT value FROM json_each(?)) ORDER BY parent_id, id",
    ),
    ("Studio", "aliases"): values(
        "SELECT studio_id, alias FROM studio_aliases"
        " WHERE studio_id IN (SELECT value FROM json_each(?)) ORDER BY studio_id, alias"
    ),
    ("Studio", "tags"): tags_of("studios_tags", "studio_id"),
    ("Studio", "stash_ids"): stash_ids_of("studio_stash_ids", "studio_id"),
    ("Studio", "image_path"): _image_path,
    ("Studio", "groups"): _GROUPS,
    ("Studio", "movies"): _GROUPS,
    ("Studio", "scene_count"): _count_column("scenes"),
    ("Studio", "image_count"): _count_column("images"),
    ("Studio", "gallery_count"): _count_column("galleries"),
    ("Studio", "group_count"): _count_column("groups"),
    ("Studio", "movie_count"): _count_column("groups"),
    ("Studio", "performer_count"): count_of(
        "SELECT family.root, COUNT(DISTINCT p.performer_id) FROM family"
        " JOIN scenes s ON s.studio_id = family.id JOIN performers_scenes p ON p.scene_id = s.id"
        " GROUP BY family.root",
        TREE,
    ),
    ("Studio", "o_counter"): count_of(
        "SELECT family.root, (SELECT COUNT(*) FROM scenes s JOIN scenes_o_dates o ON o.scene_id = s.id"
        " WHERE s.studio_id = family.id) + (SELECT COALESCE(SUM(i.o_counter), 0) FROM images i"
        " WHERE i.studio_id = family.id) FROM family"
    ),
}
