"""Tags: the loaders of Tag. The tags of other objects are loaded by ``rows.tags_of``."""

from typing import Any

from stash_pipeline.simulator.addresses import image_address
from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import (
    count_of,
    count_through,
    many,
    register_kind,
    stash_ids_of,
    texts,
    values,
)

TREE = "SELECT parent_id AS parent, child_id AS child FROM tags_relations"


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    for row in rows:
        texts(row, "sort_name")
        if row["description"] is None and ctx.release.since(22):
            row["description"] = ""


register_kind("Tag", "SELECT * FROM tags", "tag", _present)


def _image_path(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [image_address(ctx, "tag", row) for row in rows]


def _relatives(mine: str, theirs: str) -> Loader:
    select = (
        f"SELECT r.{mine}, r.{theirs} FROM tags_relations r JOIN tags ON tags.id = r.{theirs}"
        f" WHERE r.{mine} IN (SELECT value FROM json_each(?)) ORDER BY r.{mine}, "
    )
    natural = many("Tag", select + "natural_key(COALESCE(tags.sort_name, tags.name)), tags.id")
    plain = many("Tag", select + "tags.name, tags.id")

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        return (natural if ctx.release.since(28) else plain)(ctx, rows, args, selected)

    return load


LOADERS: dict[tuple[str, str], Loader] = {
    ("Tag", "aliases"): values(
        "SELECT tag_id, alias FROM tag_aliases WHERE tag_id IN (SELECT value FROM json_each(?)) ORDER BY tag_id, alias"
    ),
    ("Tag", "parents"): _relatives("child_id", "parent_id"),
    ("Tag", "children"): _relatives("parent_id", "child_id"),
    ("Tag", "parent_count"): count_through("tags_relations", "child_id", "parent_id"),
    ("Tag", "child_count"): count_through("tags_relations", "parent_id", "child_id"),
    ("Tag", "stash_ids"): stash_ids_of("tag_stash_ids", "tag_id"),
    ("Tag", "image_path"): _image_path,
    ("Tag", "scene_count"): count_through("scenes_tags", "tag_id", "scene_id", TREE),
    ("Tag", "image_count"): count_through("images_tags", "tag_id", "image_id", TREE),
    ("Tag", "gallery_count"): count_through("galleries_tags", "tag_id", "gallery_id", TREE),
    ("Tag", "performer_count"): count_through("performers_tags", "tag_id", "performer_id", TREE),
    ("Tag", "studio_count"): count_through("studios_tags", "tag_id", "studio_id", TREE),
    ("Tag", "group_count"): count_through("groups_tags", "tag_id", "group_id", TREE),
    ("Tag", "movie_count"): count_through("groups_tags", "tag_id", "group_id", TREE),
    ("Tag", "scene_marker_count"): count_of(
        "SELECT family.root, COUNT(DISTINCT m.id) FROM family JOIN scene_markers m"
        " ON m.primary_tag_id = family.id OR m.id IN"
        " (SELECT scene_marker_id FROM scene_markers_tags WHERE tag_id = family.id) GROUP BY family.root",
        TREE,
    ),
}
