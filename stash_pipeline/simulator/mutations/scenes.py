"""Scenes: create, change, merge, destroy. History and activity are in ``history``, markers in ``markers``."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import apply_input, number, numbers, require, touch
from stash_pipeline.simulator.mutations.common import (
    Mutation,
    destroys,
    fresh,
    insert,
    updates,
    updates_bulk,
    updates_list,
)
from stash_pipeline.simulator.mutations.specs import SCENE


def _has_files(ctx: RequestContext, row_id: int) -> bool:
    return ctx.library.scalar("SELECT 1 FROM scenes_files WHERE scene_id = ?", (row_id,)) is not None


def _check(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    if row_id is not None and "title" in fields and not fields["title"] and not _has_files(ctx, row_id):
        raise AnswerError("title must be set if scene has no files")


def _create(ctx: RequestContext, args: dict[str, Any]) -> Any:
    fields = args["input"]
    files = numbers(fields.get("file_ids"))
    if not fields.get("title") and not files:
        raise AnswerError("title must be set if scene has no files")
    row_id = insert(ctx, SCENE, {})
    for index, file_id in enumerate(files):
        _attach(ctx, row_id, file_id, primary=index == 0)
    apply_input(ctx, SCENE, row_id, fields)
    return fresh(ctx, "Scene", row_id)


def _attach(ctx: RequestContext, scene: int, file_id: int, primary: bool) -> None:
    if ctx.library.scalar("SELECT 1 FROM scenes_files WHERE file_id = ?", (file_id,)):
        raise AnswerError(f"file with id {file_id} is already assigned to a scene")
    ctx.library.execute(
        'INSERT INTO scenes_files (scene_id, file_id, "primary") VALUES (?, ?, ?)',
        (scene, file_id, int(primary)),
    )


def destroy_scene(ctx: RequestContext, row_id: int, fields: dict[str, Any]) -> None:
    """Delete a scene with its markers, and with its files on request."""
    files = ctx.library.tuples("SELECT file_id FROM scenes_files WHERE scene_id = ?", (row_id,))
    ctx.library.execute("DELETE FROM scene_markers WHERE scene_id = ?", (row_id,))
    ctx.library.execute("DELETE FROM scenes WHERE id = ?", (row_id,))
    if fields.get("delete_file"):
        ctx.library.execute_many("DELETE FROM files WHERE id = ?", files)


def _merge(ctx: RequestContext, args: dict[str, Any]) -> Any:
    """Moves files, markers and (on request) history of the sources to the destination, and deletes the sources.

    Markers keep their updated_at under the new scene; other relations come from `values` only.
    """
    fields = args["input"]
    destination, sources = number(fields["destination"]), numbers(fields["source"])
    if destination in sources:
        raise AnswerError("destination scene cannot be in source list")
    for scene_id in [destination, *sources]:
        require(ctx, SCENE, scene_id)
    library = ctx.library
    for source in sources:
        library.execute("UPDATE scene_markers SET scene_id = ? WHERE scene_id = ?", (destination, source))
        library.execute('UPDATE scenes_files SET "primary" = 0 WHERE scene_id = ?', (source,))
        library.execute("UPDATE scenes_files SET scene_id = ? WHERE scene_id = ?", (destination, source))
        if fields.get("play_history"):
            library.execute("UPDATE scenes_view_dates SET scene_id = ? WHERE scene_id = ?", (destination, source))
        if fields.get("o_history"):
            library.execute("UPDATE scenes_o_dates SET scene_id = ? WHERE scene_id = ?", (destination, source))
    if not library.scalar('SELECT 1 FROM scenes_files WHERE scene_id = ? AND "primary" = 1', (destination,)):
        library.execute(
            'UPDATE scenes_files SET "primary" = 1 WHERE scene_id = ? AND file_id ='
            " (SELECT MIN(file_id) FROM scenes_files WHERE scene_id = ?)",
            (destination, destination),
        )
    for source in sources:
        destroy_scene(ctx, source, {})
    apply_input(ctx, SCENE, destination, fields.get("values") or {})
    touch(ctx, "scenes", destination)
    return fresh(ctx, "Scene", destination)


def _assign_file(ctx: RequestContext, args: dict[str, Any]) -> Any:
    scene, file_id = number(args["input"]["scene_id"]), number(args["input"]["file_id"])
    require(ctx, SCENE, scene)
    owner = ctx.library.tuples('SELECT scene_id, "primary" FROM scenes_files WHERE file_id = ?', (file_id,))
    if owner and owner[0][1]:
        raise AnswerError("cannot reassign primary file")
    ctx.library.execute("DELETE FROM scenes_files WHERE file_id = ?", (file_id,))
    _attach(ctx, scene, file_id, primary=not _has_files(ctx, scene))
    return True


def _screenshot(ctx: RequestContext, args: dict[str, Any]) -> Any:
    scene = number(args["id"])
    require(ctx, SCENE, scene)
    touch(ctx, "scenes", scene)
    return ""


MUTATIONS: dict[str, Mutation] = {
    "sceneCreate": _create,
    "sceneUpdate": updates(SCENE, _check),
    "scenesUpdate": updates_list(SCENE, _check),
    "bulkSceneUpdate": updates_bulk(SCENE, _check),
    "sceneDestroy": destroys(SCENE, destroy_scene),
    "scenesDestroy": destroys(SCENE, destroy_scene),
    "sceneMerge": _merge,
    "sceneAssignFile": _assign_file,
    "sceneGenerateScreenshot": _screenshot,
}
