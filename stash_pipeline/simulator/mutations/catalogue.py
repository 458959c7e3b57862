"""Performers, studios and tags: create, change, merge, destroy, and the rules for their names."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import number, numbers, require
from stash_pipeline.simulator.mutations.common import (
    Check,
    Mutation,
    creates,
    delete_row,
    destroys,
    fresh,
    updates,
    updates_bulk,
)
from stash_pipeline.simulator.mutations.specs import PERFORMER, STUDIO, TAG


def _name(fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": fields["name"]}


def _check_performer(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    if "name" not in fields and "disambiguation" not in fields:
        return
    current: dict[str, Any] = {"name": None, "disambiguation": None}
    if row_id is not None:
        current = ctx.library.rows("SELECT name, disambiguation FROM performers WHERE id = ?", (row_id,))[0]
    changed: dict[str, Any] = {key: fields[key] for key in ("name", "disambiguation") if key in fields}
    after = {**current, **changed}
    if not after["name"]:
        raise AnswerError("performer name must not be blank")
    duplicate = ctx.library.scalar(
        "SELECT id FROM performers WHERE name = ? AND COALESCE(disambiguation, '') = ? AND id IS NOT ?",
        (after["name"], after["disambiguation"] or "", row_id),
    )
    if duplicate is not None:
        described = f" and disambiguation '{after['disambiguation']}'" if after["disambiguation"] else ""
        raise AnswerError(f"performer with name '{after['name']}'{described} already exists")


def _check_names(kind: str, table: str, aliases: str, parent: str) -> Check:
    """Checks that names and aliases of an entity are unique together, ignoring case."""

    def check_free(ctx: RequestContext, row_id: int | None, name: str) -> None:
        if ctx.library.scalar(f"SELECT 1 FROM {table} WHERE LOWER(name) = LOWER(?) AND id IS NOT ?", (name, row_id)):
            raise AnswerError(f"{kind} with name '{name}' already exists")
        owner = ctx.library.scalar(
            f"SELECT t.name FROM {aliases} a JOIN {table} t ON t.id = a.{parent}"
            f" WHERE LOWER(a.alias) = LOWER(?) AND a.{parent} IS NOT ?",
            (name, row_id),
        )
        if owner is not None:
            raise AnswerError(f"name '{name}' is used as alias for '{owner}'")

    def check(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
        if "name" in fields:
            if not fields["name"]:
                raise AnswerError(f"{kind} name must not be blank")
            check_free(ctx, row_id, fields["name"])
        new_aliases = fields.get("aliases") or []
        if isinstance(new_aliases, dict):
            new_aliases = new_aliases.get("values") or [] if new_aliases["mode"] != "REMOVE" else []
        for alias in new_aliases:
            check_free(ctx, row_id, alias)

    return check


def _ancestors(ctx: RequestContext, tree: str, starts: list[int]) -> set[int]:
    rows = ctx.library.tuples(
        "WITH RECURSIVE up(id) AS (SELECT value FROM json_each(?) UNION"
        f" SELECT tree.parent FROM up JOIN ({tree}) AS tree ON tree.child = up.id) SELECT id FROM up",
        (f"[{','.join(map(str, starts))}]",),
    )
    return {row[0] for row in rows}


_TAG_TREE = "SELECT parent_id AS parent, child_id AS child FROM tags_relations"
_STUDIO_TREE = "SELECT parent_id AS parent, id AS child FROM studios"
_check_tag_names = _check_names("tag", "tags", "tag_aliases", "tag_id")
_check_studio_names = _check_names("studio", "studios", "studio_aliases", "studio_id")


def _given_ids(value: Any) -> list[int]:
    return numbers(value.get("ids") if isinstance(value, dict) else value)


def _check_tag(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    _check_tag_names(ctx, row_id, fields)
    if row_id is None:
        return
    parents, children = _given_ids(fields.get("parent_ids") or []), _given_ids(fields.get("child_ids") or [])
    above = _ancestors(ctx, _TAG_TREE, parents)
    below = {child for child in children if row_id in _ancestors(ctx, _TAG_TREE, [child])} if parents else set()
    cycle = row_id in above or row_id in children or (above & set(children)) or below - set(children)
    if cycle:
        raise AnswerError(f"applying tag hierarchy would make tag {row_id} its own ancestor")


def _check_studio(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    _check_studio_names(ctx, row_id, fields)
    parent = fields.get("parent_id")
    if row_id is not None and parent is not None and row_id in _ancestors(ctx, _STUDIO_TREE, [number(parent)]):
        raise AnswerError("studio cannot be an ancestor of itself")


def _destroy_tag(ctx: RequestContext, row_id: int, fields: dict[str, Any]) -> None:
    if ctx.library.scalar("SELECT 1 FROM scene_markers WHERE primary_tag_id = ?", (row_id,)):
        raise AnswerError("cannot delete tag used as a primary tag in scene markers")
    ctx.library.execute("DELETE FROM tags WHERE id = ?", (row_id,))


_TAGGED = (
    ("scenes_tags", "scene_id"),
    ("scene_markers_tags", "scene_marker_id"),
    ("images_tags", "image_id"),
    ("galleries_tags", "gallery_id"),
    ("performers_tags", "performer_id"),
    ("studios_tags", "studio_id"),
    ("groups_tags", "group_id"),
)


def _merge_tags(ctx: RequestContext, args: dict[str, Any]) -> Any:
    """Sources become aliases of the destination. No ``updated_at`` changes, not even that of the destination."""
    destination, sources = number(args["input"]["destination"]), numbers(args["input"]["source"])
    if not sources:
        return None
    if destination in sources:
        raise AnswerError("cannot merge where source == destination")
    for tag_id in [destination, *sources]:
        require(ctx, TAG, tag_id)
    library = ctx.library
    for source in sources:
        for table, owner in _TAGGED:
            library.execute(
                f"INSERT OR IGNORE INTO {table} ({owner}, tag_id) SELECT {owner}, ? FROM {table} WHERE tag_id = ?",
                (destination, source),
            )
        library.execute("UPDATE scene_markers SET primary_tag_id = ? WHERE primary_tag_id = ?", (destination, source))
        library.execute(
            "INSERT INTO tag_stash_ids (tag_id, endpoint, stash_id, updated_at)"
            " SELECT ?, endpoint, stash_id, updated_at FROM tag_stash_ids WHERE tag_id = ? ORDER BY rowid",
            (destination, source),
        )
        parents = [
            row[0] for row in library.tuples("SELECT parent_id FROM tags_relations WHERE child_id = ?", (source,))
        ]
        children = [
            row[0] for row in library.tuples("SELECT child_id FROM tags_relations WHERE parent_id = ?", (source,))
        ]
        aliases = [row[0] for row in library.tuples("SELECT alias FROM tag_aliases WHERE tag_id = ?", (source,))]
        name = library.scalar("SELECT name FROM tags WHERE id = ?", (source,))
        library.execute("DELETE FROM tags WHERE id = ?", (source,))
        library.execute_many(
            "INSERT OR IGNORE INTO tag_aliases (tag_id, alias) VALUES (?, ?)",
            [(destination, alias) for alias in [name, *aliases]],
        )
        for parent in parents:
            if parent not in sources and destination not in _ancestors(ctx, _TAG_TREE, [parent]):
                library.execute("INSERT OR IGNORE INTO tags_relations VALUES (?, ?)", (parent, destination))
        for child in children:
            if child not in sources and child not in _ancestors(ctx, _TAG_TREE, [destination]):
                library.execute("INSERT OR IGNORE INTO tags_relations VALUES (?, ?)", (destination, child))
    library.execute(
        "DELETE FROM scene_markers_tags WHERE tag_id = ? AND scene_marker_id IN"
        " (SELECT id FROM scene_markers WHERE primary_tag_id = ?)",
        (destination, destination),
    )
    return fresh(ctx, "Tag", destination)


_destroy_performer = destroys(PERFORMER, delete_row("performers"))
_destroy_studio = destroys(STUDIO, delete_row("studios"))
_destroy_tags = destroys(TAG, _destroy_tag)

MUTATIONS: dict[str, Mutation] = {
    "performerCreate": creates(PERFORMER, _name, _check_performer),
    "performerUpdate": updates(PERFORMER, _check_performer),
    "bulkPerformerUpdate": updates_bulk(PERFORMER, _check_performer),
    "performerDestroy": _destroy_performer,
    "performersDestroy": _destroy_performer,
    "studioCreate": creates(STUDIO, _name, _check_studio),
    "studioUpdate": updates(STUDIO, _check_studio),
    "bulkStudioUpdate": updates_bulk(STUDIO, _check_studio),
    "studioDestroy": _destroy_studio,
    "studiosDestroy": _destroy_studio,
    "tagCreate": creates(TAG, _name, _check_tag),
    "tagUpdate": updates(TAG, _check_tag),
    "bulkTagUpdate": updates_bulk(TAG, _check_tag),
    "tagDestroy": _destroy_tags,
    "tagsDestroy": _destroy_tags,
    "tagsMerge": _merge_tags,
}
