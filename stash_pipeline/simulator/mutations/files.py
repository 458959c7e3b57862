"""Files, fingerprints, saved filters, and SQL."""

import json
import sqlite3
from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import exists, number, numbers, touch
from stash_pipeline.simulator.mutations.common import Mutation
from stash_pipeline.simulator.system import present_saved_filter

_OWNERS = (("scenes_files", "scene_id"), ("images_files", "image_id"), ("galleries_files", "gallery_id"))


def _require_file(ctx: RequestContext, file_id: int) -> None:
    if not exists(ctx, "files", file_id):
        raise AnswerError(f"file with id {file_id} not found")


def _set_fingerprints(ctx: RequestContext, args: dict[str, Any]) -> Any:
    """Sets fingerprints, without changing updated_at of the file or its scene."""
    file_id = number(args["input"]["id"])
    _require_file(ctx, file_id)
    for entry in args["input"]["fingerprints"]:
        kind, value = entry["type"], entry.get("value")
        if kind in ("oshash", "md5"):
            raise AnswerError(f"cannot modify {kind} fingerprint")
        ctx.library.execute("DELETE FROM files_fingerprints WHERE file_id = ? AND type = ?", (file_id, kind))
        if value is None:
            continue
        stored: Any = value
        if kind == "phash":
            try:
                unsigned = int(value, 16)
            except ValueError:
                raise AnswerError(
                    f'converting phash {value}: strconv.ParseUint: parsing "{value}": invalid syntax'
                ) from None
            stored = unsigned - (1 << 64) if unsigned >> 63 else unsigned
        ctx.library.execute(
            "INSERT INTO files_fingerprints (file_id, type, fingerprint) VALUES (?, ?, ?)",
            (file_id, kind, stored),
        )
    return True


def _delete_files(ctx: RequestContext, args: dict[str, Any]) -> Any:
    for file_id in numbers(args["ids"]):
        _require_file(ctx, file_id)
        for table, _ in _OWNERS:
            if ctx.library.scalar(f'SELECT 1 FROM {table} WHERE file_id = ? AND "primary" = 1', (file_id,)):
                name = ctx.library.scalar("SELECT basename FROM files WHERE id = ?", (file_id,))
                raise AnswerError(f"cannot delete primary file {name}")
        ctx.library.execute("DELETE FROM files WHERE id = ?", (file_id,))
    return True


def _folder(ctx: RequestContext, path: str) -> int:
    folder_id = ctx.library.scalar("SELECT id FROM folders WHERE path = ?", (path,))
    if folder_id is not None:
        return int(folder_id)
    parent_path = path.rpartition("\\" if ctx.windows else "/")[0]
    now = ctx.local_now()
    return ctx.library.insert(
        "folders",
        {
            "path": path,
            "parent_folder_id": _folder(ctx, parent_path) if parent_path else None,
            "mod_time": now,
            "created_at": now,
            "updated_at": now,
        },
    )


def _move_files(ctx: RequestContext, args: dict[str, Any]) -> Any:
    """Moves files, and changes their updated_at, but not that of their scenes."""
    fields = args["input"]
    ids = numbers(fields["ids"])
    basename = fields.get("destination_basename")
    if fields.get("destination_folder_id") is not None:
        folder = number(fields["destination_folder_id"])
        if not exists(ctx, "folders", folder):
            raise AnswerError(f"folder with id {folder} not found")
    elif fields.get("destination_folder"):
        folder = _folder(ctx, fields["destination_folder"].rstrip("\\" if ctx.windows else "/"))
    else:
        raise AnswerError("must specify destination folder or path")
    if basename and len(ids) != 1:
        raise AnswerError("must specify one file when providing destination path")
    for file_id in ids:
        _require_file(ctx, file_id)
        ctx.library.update(
            "files", file_id, {"parent_folder_id": folder, **({"basename": basename} if basename else {})}
        )
        touch(ctx, "files", file_id)
    return True


def _save_filter(ctx: RequestContext, args: dict[str, Any]) -> Any:
    fields = args["input"]
    if not fields["name"].strip():
        raise AnswerError("name must be non-empty")
    find, objects = fields.get("find_filter"), fields.get("object_filter")
    if "filter" in fields:
        find = json.loads(fields["filter"] or "{}")
        objects = find.pop("c", {})
    values = {
        "name": fields["name"],
        "mode": fields["mode"],
        "find_filter": json.dumps(find),
        "object_filter": json.dumps(objects),
        "ui_options": json.dumps(fields.get("ui_options")),
    }
    if fields.get("id") is not None:
        row_id = number(fields["id"])
        ctx.library.update("saved_filters", row_id, values)
    else:
        row_id = ctx.library.insert("saved_filters", values)
    filters = ctx.library.rows("SELECT * FROM saved_filters WHERE id = ?", (row_id,))
    if not filters:
        raise AnswerError(f"filter with id {row_id} not found")
    return present_saved_filter(filters[0])


def _destroy_filter(ctx: RequestContext, args: dict[str, Any]) -> Any:
    ctx.library.execute("DELETE FROM saved_filters WHERE id = ?", (number(args["input"]["id"]),))
    return True


def _query_sql(ctx: RequestContext, args: dict[str, Any]) -> Any:
    with ctx.library.lock:
        cursor = ctx.library.connection.cursor()
        cursor.row_factory = None
        cursor.execute(args["sql"], args.get("args") or [])
        return {"columns": [column[0] for column in cursor.description or ()], "rows": _plain(cursor)}


def _plain(cursor: sqlite3.Cursor) -> list[list[Any]]:
    return [[value.hex() if isinstance(value, bytes) else value for value in row] for row in cursor.fetchall()]


def _exec_sql(ctx: RequestContext, args: dict[str, Any]) -> Any:
    """Executes SQL, without changing any updated_at."""
    with ctx.library.lock:
        cursor = ctx.library.connection.execute(args["sql"], args.get("args") or [])
        return {"rows_affected": cursor.rowcount, "last_insert_id": cursor.lastrowid}


MUTATIONS: dict[str, Mutation] = {
    "fileSetFingerprints": _set_fingerprints,
    "deleteFiles": _delete_files,
    "moveFiles": _move_files,
    "saveFilter": _save_filter,
    "destroySavedFilter": _destroy_filter,
    "querySQL": _query_sql,
    "execSQL": _exec_sql,
}
