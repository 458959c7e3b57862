"""Plays, o's and activity of scenes, o's of images; these mutations never change updated_at."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext, utc_text
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import number, require
from stash_pipeline.simulator.mutations.common import Mutation
from stash_pipeline.simulator.mutations.specs import IMAGE, SCENE
from stash_pipeline.simulator.timestamps import parse_moment

_PLAYS = ("scenes_view_dates", "view_date")
_OS = ("scenes_o_dates", "o_date")


def _moment(text: str) -> str:
    try:
        return utc_text(parse_moment(text))
    except ValueError:
        raise AnswerError(f'unable to parse timestamp "{text}"') from None


def _history(ctx: RequestContext, where: tuple[str, str], scene: int) -> dict[str, Any]:
    table, column = where
    dates = [
        row[0]
        for row in ctx.library.tuples(
            f"SELECT {column} FROM {table} WHERE scene_id = ? ORDER BY {column} DESC", (scene,)
        )
    ]
    return {"count": len(dates), "history": dates}


def _scene(ctx: RequestContext, args: dict[str, Any]) -> int:
    scene = number(args["id"])
    require(ctx, SCENE, scene)
    return scene


def _add(where: tuple[str, str]) -> Mutation:
    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        scene = _scene(ctx, args)
        times = [_moment(text) for text in args.get("times") or []] or [ctx.utc_now()]
        ctx.library.execute_many(
            f"INSERT INTO {where[0]} (scene_id, {where[1]}) VALUES (?, ?)", [(scene, time) for time in times]
        )
        return _history(ctx, where, scene)

    return change


def _delete(where: tuple[str, str]) -> Mutation:
    table, column = where

    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        scene = _scene(ctx, args)
        for text in args.get("times") or [None]:
            # One row per given time; without times, the newest row.
            condition, parameters = (f"AND {column} = ?", [_moment(text)]) if text else ("", [])
            ctx.library.execute(
                f"DELETE FROM {table} WHERE rowid = (SELECT rowid FROM {table} WHERE scene_id = ? {condition}"
                f" ORDER BY {column} DESC LIMIT 1)",
                [scene, *parameters],
            )
        return _history(ctx, where, scene)

    return change


def _counted(step: Mutation) -> Mutation:
    """The older mutations return only the new count."""
    return lambda ctx, args: step(ctx, args)["count"]


def _reset(where: tuple[str, str]) -> Mutation:
    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        ctx.library.execute(f"DELETE FROM {where[0]} WHERE scene_id = ?", (_scene(ctx, args),))
        return 0

    return change


def _save_activity(ctx: RequestContext, args: dict[str, Any]) -> Any:
    scene = _scene(ctx, args)
    if args.get("resume_time") is not None:
        ctx.library.update("scenes", scene, {"resume_time": args["resume_time"]})
    if args.get("playDuration") is not None:
        ctx.library.execute(
            "UPDATE scenes SET play_duration = play_duration + ? WHERE id = ?", (args["playDuration"], scene)
        )
    return True


def _reset_activity(ctx: RequestContext, args: dict[str, Any]) -> Any:
    scene = _scene(ctx, args)
    if args.get("reset_resume"):
        ctx.library.update("scenes", scene, {"resume_time": 0})
    if args.get("reset_duration"):
        ctx.library.update("scenes", scene, {"play_duration": 0})
    return True


def _image_o(expression: str) -> Mutation:
    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        image = number(args["id"])
        require(ctx, IMAGE, image)
        ctx.library.execute(f"UPDATE images SET o_counter = {expression} WHERE id = ?", (image,))
        return ctx.library.scalar("SELECT o_counter FROM images WHERE id = ?", (image,))

    return change


MUTATIONS: dict[str, Mutation] = {
    "sceneAddPlay": _add(_PLAYS),
    "sceneDeletePlay": _delete(_PLAYS),
    "sceneResetPlayCount": _reset(_PLAYS),
    "sceneIncrementPlayCount": _counted(_add(_PLAYS)),
    "sceneAddO": _add(_OS),
    "sceneDeleteO": _delete(_OS),
    "sceneResetO": _reset(_OS),
    "sceneIncrementO": _counted(_add(_OS)),
    "sceneDecrementO": _counted(_delete(_OS)),
    "sceneSaveActivity": _save_activity,
    "sceneResetActivity": _reset_activity,
    "imageIncrementO": _image_o("o_counter + 1"),
    "imageDecrementO": _image_o("MAX(o_counter - 1, 0)"),
    "imageResetO": _image_o("0"),
}
