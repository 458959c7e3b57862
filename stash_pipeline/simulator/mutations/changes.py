"""Applies an input object to one row: columns, relations, lists of texts, stash ids, images.

Contains the common part of all entities. An omitted field stays unchanged, null clears it, and a list replaces the
previous list. ``specs`` maps input fields to storage; the other modules contain the special cases of entities.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.media import picture
from stash_pipeline.simulator.timestamps import parse_moment

_DATE = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")
Special = Callable[[RequestContext, int, Any], None]


@dataclass(frozen=True)
class Join:
    """A relation in a join table."""

    table: str
    parent: str
    child: str


@dataclass(frozen=True)
class Texts:
    """A list of texts in a table; URLs have a position."""

    table: str
    parent: str
    column: str
    positioned: bool = False


@dataclass(frozen=True)
class Spec:
    """How the input of an entity is stored."""

    kind: str
    table: str
    name: str
    columns: dict[str, str] = field(default_factory=dict)
    booleans: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    joins: dict[str, Join] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    stash_ids: tuple[str, str] | None = None
    special: dict[str, Special] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset({"id", "ids", "clientMutationId"})


def number(text: Any, what: str = "id") -> int:
    """An ID of the input as a number."""
    try:
        return int(text)
    except (TypeError, ValueError):
        raise AnswerError(f'converting {what}: strconv.Atoi: parsing "{text}": invalid syntax') from None


def numbers(texts: list[Any] | None, what: str = "ids") -> list[int]:
    """IDs of the input as numbers."""
    return [number(text, what) for text in texts or []]


def exists(ctx: RequestContext, table: str, row_id: int) -> bool:
    """Whether there is a row with this id."""
    return ctx.library.scalar(f'SELECT 1 FROM "{table}" WHERE id = ?', (row_id,)) is not None


def require(ctx: RequestContext, spec: Spec, row_id: int) -> None:
    """Fail like the server if there is no row with this id."""
    if not exists(ctx, spec.table, row_id):
        raise AnswerError(f"{spec.name} with id {row_id} not found")


def date_columns(ctx: RequestContext, column: str, text: str | None) -> dict[str, Any]:
    """The columns of an input date: completed to a day, with its precision."""
    if not text:
        return {column: None, f"{column}_precision": None}
    match = _DATE.match(text)
    partial = match is not None and match.group(3) is None
    if match is None or (partial and not ctx.release.since(30)):
        raise AnswerError(f'converting {column}: parsing time "{text}" as "2006-01-02": cannot parse')
    year, month, day = match.groups()
    try:
        datetime(int(year), int(month or 1), int(day or 1))
    except ValueError as error:
        raise AnswerError(f'converting {column}: parsing time "{text}": {error}') from None
    return {
        column: f"{year}-{month or '01'}-{day or '01'}",
        f"{column}_precision": 0 if day else 1 if month else 2,
    }


def image_checksum(ctx: RequestContext, image: str) -> str:
    """Store an image of the input and return its checksum.

    A data URI contains the bytes. URLs are not downloaded; a picture is generated for them.
    """
    if image.startswith("data:") and "," in image:
        try:
            content = base64.b64decode(image.split(",", 1)[1], validate=True)
        except (binascii.Error, ValueError) as error:
            raise AnswerError(f"processing image: {error}") from None
    elif image.startswith(("http://", "https://")):
        content = picture(zlib.crc32(image.encode()) % 4096)
    else:
        raise AnswerError("processing image: not a valid url or base64 data")
    checksum = hashlib.md5(content).hexdigest()
    ctx.library.execute("INSERT OR IGNORE INTO blobs (checksum, blob) VALUES (?, ?)", (checksum, content))
    return checksum


def replace_texts(ctx: RequestContext, where: Texts, row_id: int, values: list[str]) -> None:
    """Replace a list of texts."""
    ctx.library.execute(f'DELETE FROM "{where.table}" WHERE "{where.parent}" = ?', (row_id,))
    if where.positioned:
        ctx.library.execute_many(
            f'INSERT INTO "{where.table}" ("{where.parent}", position, "{where.column}") VALUES (?, ?, ?)',
            [(row_id, position, value.strip()) for position, value in enumerate(values)],
        )
    else:
        ctx.library.execute_many(
            f'INSERT INTO "{where.table}" ("{where.parent}", "{where.column}") VALUES (?, ?)',
            [(row_id, value) for value in dict.fromkeys(values)],
        )


def current_texts(ctx: RequestContext, where: Texts, row_id: int) -> list[str]:
    """The current list of texts."""
    order = "position" if where.positioned else f'"{where.column}"'
    return [
        row[0]
        for row in ctx.library.tuples(
            f'SELECT "{where.column}" FROM "{where.table}" WHERE "{where.parent}" = ? ORDER BY {order}',
            (row_id,),
        )
    ]


def replace_join(ctx: RequestContext, join: Join, row_id: int, children: list[int]) -> None:
    """Replace the related objects of a relation; rows that stay keep their other columns."""
    new = list(dict.fromkeys(children))
    current = current_join(ctx, join, row_id)
    ctx.library.execute_many(
        f'DELETE FROM "{join.table}" WHERE "{join.parent}" = ? AND "{join.child}" = ?',
        [(row_id, child) for child in current if child not in new],
    )
    ctx.library.execute_many(
        f'INSERT INTO "{join.table}" ("{join.parent}", "{join.child}") VALUES (?, ?)',
        [(row_id, child) for child in new if child not in current],
    )


def current_join(ctx: RequestContext, join: Join, row_id: int) -> list[int]:
    """The related objects of a relation."""
    return [
        row[0]
        for row in ctx.library.tuples(f'SELECT "{join.child}" FROM "{join.table}" WHERE "{join.parent}" = ?', (row_id,))
    ]


def combined(current: list[Any], values: list[Any], mode: str) -> list[Any]:
    """The result of a bulk update of a list."""
    if mode == "SET":
        return values
    if mode == "ADD":
        return current + [value for value in values if value not in current]
    return [value for value in current if value not in values]


def replace_stash_ids(ctx: RequestContext, where: tuple[str, str], row_id: int, entries: list[Any] | None) -> None:
    """Replace all stash ids; updated_at defaults to the current time."""
    table, parent = where
    ctx.library.execute(f'DELETE FROM "{table}" WHERE "{parent}" = ?', (row_id,))
    ctx.library.execute_many(
        f'INSERT INTO "{table}" ("{parent}", endpoint, stash_id, updated_at) VALUES (?, ?, ?, ?)',
        [
            (row_id, entry["endpoint"], entry["stash_id"], _stash_id_time(ctx, entry.get("updated_at")))
            for entry in entries or []
        ],
    )


def _stash_id_time(ctx: RequestContext, text: str | None) -> str:
    if not text:
        return ctx.stash_id_now()
    if text.endswith("Z"):
        return text
    try:
        moment = parse_moment(text)
    except ValueError:
        raise AnswerError(f'parsing time "{text}": cannot parse') from None
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def apply_input(ctx: RequestContext, spec: Spec, row_id: int, fields: dict[str, Any]) -> None:
    """Apply an input object to an existing row, without changing updated_at."""
    values: dict[str, Any] = {}
    later: list[tuple[Special, Any]] = []
    for name, value in fields.items():
        if name in spec.ignored:
            continue
        if name in spec.columns:
            values[spec.columns[name]] = value
        elif name in spec.booleans:
            if value is None:
                raise AnswerError(
                    "Internal system error. Error <runtime error: invalid memory address or nil pointer dereference>"
                )
            values[spec.booleans[name]] = int(value)
        elif name in spec.dates:
            values.update(date_columns(ctx, spec.dates[name], value))
        elif name == "rating":
            values["rating"] = None if value is None else value * 20
        elif name in spec.joins:
            _apply_join(ctx, spec.joins[name], row_id, value)
        elif name in spec.texts:
            _apply_texts(ctx, spec.texts[name], row_id, value)
        elif name in spec.images:
            if value is not None:
                values[spec.images[name]] = image_checksum(ctx, value)
            elif spec.kind != "Scene":  # a scene's cover cannot be cleared
                values[spec.images[name]] = None
        elif name == "stash_ids" and spec.stash_ids:
            replace_stash_ids(ctx, spec.stash_ids, row_id, value)
        elif name in spec.special:
            later.append((spec.special[name], value))
        else:
            raise AnswerError(f"the simulated server does not store {spec.kind} {name}")
    if values:
        ctx.library.update(spec.table, row_id, values)
    for special, value in later:
        special(ctx, row_id, value)


def _apply_join(ctx: RequestContext, join: Join, row_id: int, value: Any) -> None:
    if isinstance(value, dict):  # a bulk update
        children = combined(current_join(ctx, join, row_id), numbers(value.get("ids")), value["mode"])
        replace_join(ctx, join, row_id, children)
    else:
        replace_join(ctx, join, row_id, numbers(value))


def _apply_texts(ctx: RequestContext, where: Texts, row_id: int, value: Any) -> None:
    if isinstance(value, dict):
        value = combined(current_texts(ctx, where, row_id), value.get("values") or [], value["mode"])
    replace_texts(ctx, where, row_id, value or [])


def touch(ctx: RequestContext, table: str, row_id: int) -> None:
    """Set updated_at to now."""
    ctx.library.update(table, row_id, {"updated_at": ctx.local_now()})
