"""Typed access to responses. Every error names the path in the response.

Covers the envelope around the objects, and their ids. The contents of objects are read by ``documents.py``.
"""

from collections.abc import Sequence
from typing import Any

from stash_pipeline.stash.errors import IncompleteListingError, InvalidResponseError
from stash_pipeline.stash.json_values import InvalidValueError, as_id, json_type

_MOST = 2**31
"""A count is a GraphQL integer."""


def unexpected(path: str, value: Any, expected: str) -> InvalidResponseError:
    """The error for an unexpected value. It names the value's type only."""
    return InvalidResponseError(f"The server's answer is not valid: {path} is {json_type(value)}, not {expected}.")


def objects_of(data: Any, query: str, result: str, *, single: bool = False) -> list[dict[str, Any]]:
    """The objects in the ``data`` of a response.

    Args:
        query: the query field. result: the field of its result with the list; empty if the result is the list.
        single: the result is one object.

    Raises:
        InvalidResponseError: if the response has anything else in their place.
    """
    value, path = _object(data, "data").get(query), query
    if result:
        value, path = _object(value, query).get(result), f"{query}.{result}"
    if single:
        return [_object(value, path)]
    if not isinstance(value, list):
        raise unexpected(path, value, "a list")
    for position, element in enumerate(value):
        if type(element) is not dict:
            raise unexpected(f"{path}[{position}]", element, "an object")
    return value


def count_of(data: Any, query: str) -> int:
    """The server's own count of the objects of a query.

    Raises:
        InvalidResponseError: if the response has no valid count.
    """
    return as_count(_object(_object(data, "data").get(query), query).get("count"), f"{query}.count")


def as_count(value: Any, path: str) -> int:
    """A number of objects.

    Raises:
        InvalidResponseError: if the value is not a valid number of objects.
    """
    if type(value) is not int:
        raise unexpected(path, value, "a number of objects")
    if not 0 <= value < _MOST:
        raise InvalidResponseError(f"The server's answer is not valid: {path} is out of range.")
    return value


def ids_of(objects: Sequence[dict[str, Any]], path: str) -> list[int]:
    """The ids of the objects of one response.

    Args:
        path: of the list in the response.

    Raises:
        InvalidResponseError: if an object has no usable id.
        IncompleteListingError: if two different objects have the same id, so that another object may be missing.
    """
    try:
        ids = [as_id(entry.get("id")) for entry in objects]
    except InvalidValueError:
        position = next(position for position, entry in enumerate(objects) if not _has_id(entry))
        raise InvalidResponseError(f"The server's answer is not valid: {path}[{position}] has no usable id.") from None
    if len(set(ids)) < len(ids):
        first: dict[int, dict[str, Any]] = {}
        for identifier, entry in zip(ids, objects, strict=True):
            if first.setdefault(identifier, entry) != entry:
                raise IncompleteListingError(
                    f"{path} has id {identifier} twice, as different objects; nothing was removed."
                )
    return ids


def _has_id(entry: dict[str, Any]) -> bool:
    try:
        as_id(entry.get("id"))
    except InvalidValueError:
        return False
    return True


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unexpected(path, value, "an object")
    return value
