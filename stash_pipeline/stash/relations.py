"""Converts a server's lists of ids, texts or records into the form that documents use.

A list that violates the server's schema does not count as empty, and an element without its id does not count as
missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from stash_pipeline.stash.fields import JoinTable
from stash_pipeline.stash.json_values import (
    COLUMN_READERS,
    INT8,
    InvalidRelationError,
    InvalidValueError,
    Partial,
    as_id,
    excerpt,
    in_order_of_time,
    json_type,
)
from stash_pipeline.stash.query_plan import ListShape

Json = dict[str, Any]

_LONGEST_KEY = 500
"""Maximum characters of a key. A B-tree entry holds 2704 bytes, a character has up to four, and keys have two texts."""


def descend(path: list[str]) -> Callable[[Json], Any]:
    """A function that follows ``path`` from an object; it follows a list element by element."""
    if len(path) == 1:
        name = path[0]
        return lambda value: value.get(name)

    if len(path) == 2:
        outer, inner = path

        def step(value: Any) -> Any:
            inner_value = value.get(outer)
            if isinstance(inner_value, list):
                return [None if element is None else element.get(inner) for element in inner_value]
            return None if inner_value is None else inner_value.get(inner)

        return step

    def follow(value: Any, depth: int = 0) -> Any:
        while depth < len(path) and value is not None:
            if isinstance(value, list):
                return [follow(element, depth) for element in value]
            value = value.get(path[depth])
            depth += 1
        return value

    return follow


@dataclass(frozen=True)
class _Member:
    """A column of a record: its key in the response, its reader, and whether it is part of the element's identity."""

    name: str
    key: str
    get: Callable[[Any], Any]
    convert: Callable[[Any], Any]
    identifies: bool


def _members(joined: JoinTable) -> list[_Member]:
    members = []
    for column in joined.columns:
        key = column.key or column.name
        is_id = column.name == joined.target_column or column.key == "id"
        convert = as_id if is_id else COLUMN_READERS[column.type]
        members.append(_Member(column.name, key, descend(key.split(".")), convert, column.name in joined.primary_key))
    return members


def _is_single(joined: JoinTable) -> bool:
    """The elements are values, not records."""
    return len(joined.columns) == 1 and joined.columns[0].key is None


def _element_reader(joined: JoinTable) -> Callable[[Any], Any]:
    if _is_single(joined):
        column = joined.columns[0]
        return as_id if column.name == joined.target_column else COLUMN_READERS[column.type]
    members = [(member.name, member.get, member.convert) for member in _members(joined)]

    def read(record: Json) -> Json:
        result = {}
        for name, get, convert in members:
            value = get(record)
            if value is not None:
                result[name] = convert(value)
        return result

    return read


def _kept_of(record: Any, joined: JoinTable) -> tuple[Json, Json] | None:
    """An element without the values that their columns cannot hold, and with them as they were sent.

    Both have the names of the columns, so that they do not depend on how a server or a snapshot spells the element.
    None if what identifies the element is not usable.
    """
    if _is_single(joined) or joined.read or not isinstance(record, dict):
        return None
    kept, refused = {}, {}
    for member in _members(joined):
        try:
            value = member.get(record)
        except (TypeError, AttributeError):
            return None
        if value is None:
            continue
        try:
            kept[member.name] = member.convert(value)
        except (InvalidValueError, TypeError, AttributeError, KeyError):
            if member.identifies:
                return None
            refused[member.name] = value
    try:
        _key(kept, joined)
    except InvalidValueError:
        return None
    return kept, {**kept, **refused}


def _breach(value: Any, joined: JoinTable, shape: ListShape) -> str | None:
    """How an unreadable element violates the server's schema; None if it is unusual but valid."""
    if _is_single(joined):
        column = joined.columns[0]
        if column.name == joined.target_column:
            return None if value is None and not shape.elements_required else " has no usable id."
        if value is None:
            return " is null." if shape.elements_required else None
        is_wrong = isinstance(value, dict | list) or (column.type == "timestamptz" and not isinstance(value, str))
        return f" is {json_type(value)}." if is_wrong else None
    if value is None:
        return " is null." if shape.elements_required else None
    if not isinstance(value, dict):
        return f" is {json_type(value)}, not an object."
    for member in _members(joined):
        if not member.identifies:
            continue
        try:
            part = member.get(value)
            if part is not None:
                member.convert(part)
                continue
        except (InvalidValueError, AttributeError, TypeError):
            pass
        return f" has no usable {member.key}."
    return None


def _key(value: Any, joined: JoinTable) -> Any:
    """The key of an element among the elements of its owner.

    Raises:
        InvalidValueError: if a part of the key is missing, or too long for an index.
    """
    parts = [value.get(name) for name in joined.primary_key] if isinstance(value, dict) else [value]
    if any(part is None or (isinstance(part, str) and len(part) > _LONGEST_KEY) for part in parts):
        raise InvalidValueError
    return tuple(parts)


def _sort_key(value: Any) -> Any:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if isinstance(value, dict) else value


def _list_reader(joined: JoinTable, shape: ListShape, read: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    read = read or _element_reader(joined)
    by_position = joined.ordinal is not None and joined.ordinal in joined.primary_key
    are_times = [column.type for column in joined.columns] == ["timestamptz"]

    def convert(values: Any) -> Any:
        if not isinstance(values, list):
            raise InvalidRelationError(f" is {json_type(values)}, not a list.")
        if not values:
            return values
        elements: list[tuple[Any, Any]] = []
        refused: list[Any] = []
        spoiled: list[Json] = []
        nulls = False
        for value in values:
            if value is None:
                nulls = True
                continue
            try:
                element = read(value)
                elements.append((None if by_position else _key(element, joined), element))
            except (InvalidValueError, TypeError, AttributeError, KeyError):
                usable = None if by_position else _kept_of(value, joined)
                if usable is None:
                    refused.append(value)
                else:
                    kept, whole = usable
                    elements.append((_key(kept, joined), kept))
                    spoiled.append(whole)
        if refused or spoiled or nulls:
            _look_for_breaches(values)
        if joined.primary_flag:
            elements[1:] = sorted(elements[1:], key=_element_key)
        elif joined.sort and not are_times:
            elements.sort(key=_element_key)
        if by_position:
            result = [element for _, element in elements]
            if are_times:
                result = in_order_of_time(result)
        else:
            # of two rows with the same key, the first in sort order stays
            unique: dict[Any, Any] = {}
            for key, element in elements:
                unique.setdefault(key, element)
            result = list(unique.values())
        if spoiled or refused:
            return Partial(result, excerpt([*sorted(spoiled, key=str), *refused]))
        return result

    def _look_for_breaches(values: list[Any]) -> None:
        for position, value in enumerate(values):
            try:
                element = read(value)
                if not by_position:
                    _key(element, joined)
            except (InvalidValueError, TypeError, AttributeError, KeyError):
                breach = _breach(value, joined, shape)
                if breach:
                    raise InvalidRelationError(f"[{position}]{breach}") from None

    return convert


def _element_key(pair: tuple[Any, Any]) -> Any:
    return _sort_key(pair[1])


def _id_list_reader(joined: JoinTable, shape: ListShape) -> Callable[[Any], Any]:
    """Lists of references are the bulk of a library, so the usual case needs no function call per element."""
    careful = _list_reader(joined, shape)

    def convert(values: Any) -> Any:
        if type(values) is not list or not values:
            return careful(values)
        try:
            joint = "".join(values)
            if joint.isascii() and joint.isdigit():
                ids = [int(text) for text in values]
                if max(ids) < INT8:
                    return ids[:1] + sorted(set(ids[1:]) - {ids[0]}) if joined.primary_flag else sorted(set(ids))
        except (TypeError, ValueError):
            pass
        return careful(values)

    return convert


_STRICT = ListShape("", required=True, elements_required=True)
"""The shape of every list in every known release; the plan has the shape that a given server declares."""


def relation_reader(joined: JoinTable, shape: ListShape | None = None) -> Callable[[Any], Any]:
    """A function that converts a list of the server into the list of the document.

    The function raises :class:`InvalidRelationError` if the list violates its shape. It omits what the table cannot
    hold, see :class:`Partial`: values of elements, and elements without a usable key.

    Args:
        shape: what the server's schema guarantees about the list.
    """
    shape = shape or _STRICT
    if joined.read:
        return _list_reader(joined, shape, joined.read)
    if _is_single(joined) and joined.columns[0].name == joined.target_column:
        return _id_list_reader(joined, shape)
    return _list_reader(joined, shape)
