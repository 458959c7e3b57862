"""Groups, and movies as they were called before v0.27 and can still be queried: the loaders of Group and Movie."""

import hashlib
from typing import Any

from stash_pipeline.simulator.addresses import image_address
from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import (
    count_of,
    count_through,
    first_value,
    five_stars,
    grouped,
    joined,
    load_or_stub,
    partial_date,
    reference,
    register_kind,
    tags_of,
    texts,
    urls_of,
)

TREE = "SELECT containing_id AS parent, sub_id AS child FROM groups_relations"


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    for row in rows:
        row["synopsis"] = row["description"]
        if ctx.release.since(22):
            texts(row, "aliases", "director", "synopsis")
        partial_date(ctx, row, "date")
        row["rating100"] = row["rating"]
        row["rating"] = five_stars(row["rating"])
        row["checksum"] = hashlib.md5(row["name"].encode()).hexdigest()


register_kind("Group", "SELECT * FROM groups", "group", _present)


def _front(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    kind = "group" if ctx.release.since(27) else "movie"
    return [image_address(ctx, kind, row, "frontimage", "front_image_blob") for row in rows]


def _back(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    kind = "group" if ctx.release.since(27) else "movie"
    return [
        None if row["back_image_blob"] is None else image_address(ctx, kind, row, "backimage", "back_image_blob")
        for row in rows
    ]


def _relatives(mine: str, theirs: str, order: str) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        related = grouped(
            ctx,
            rows,
            f"SELECT {mine}, {theirs}, description FROM groups_relations"
            f" WHERE {mine} IN (SELECT value FROM json_each(?)) ORDER BY {mine}, {order}",
        )
        return [
            [{"group_id": other, "description": text} for _, other, text in related.get(row["id"], ())] for row in rows
        ]

    return load


def _described(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    groups = load_or_stub(ctx, "Group", (row["group_id"] for row in rows), selected)
    return [groups[row["group_id"]] for row in rows]


_URL = first_value(
    "SELECT group_id, url FROM group_urls WHERE group_id IN (SELECT value FROM json_each(?))"
    " ORDER BY group_id, position"
)


def _url(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    urls = _URL(ctx, rows, args, selected)
    nullable = ctx.release.since(27) or not ctx.release.since(22)
    return urls if nullable else [url or "" for url in urls]


LOADERS: dict[tuple[str, str], Loader] = {("GroupDescription", "group"): _described}
for _name in ("Group", "Movie"):
    LOADERS.update(
        {
            (_name, "studio"): reference("studio_id", "Studio"),
            (_name, "url"): _url,
            (_name, "urls"): urls_of("group_urls", "group_id"),
            (_name, "tags"): tags_of("groups_tags", "group_id"),
            (_name, "containing_groups"): _relatives("sub_id", "containing_id", "containing_id"),
            (_name, "sub_groups"): _relatives("containing_id", "sub_id", "order_index"),
            (_name, "front_image_path"): _front,
            (_name, "back_image_path"): _back,
            (_name, "scenes"): joined("groups_scenes", "group_id", "scene_id", "Scene"),
            (_name, "scene_count"): count_through("groups_scenes", "group_id", "scene_id", TREE),
            (_name, "sub_group_count"): count_through("groups_relations", "containing_id", "sub_id", TREE),
            (_name, "performer_count"): count_of(
                "SELECT family.root, COUNT(DISTINCT p.performer_id) FROM family"
                " JOIN groups_scenes g ON g.group_id = family.id"
                " JOIN performers_scenes p ON p.scene_id = g.scene_id GROUP BY family.root",
                TREE,
            ),
            (_name, "o_counter"): count_of(
                "SELECT family.root, COUNT(*) FROM family JOIN groups_scenes g ON g.group_id = family.id"
                " JOIN scenes_o_dates o ON o.scene_id = g.scene_id GROUP BY family.root"
            ),
        }
    )
