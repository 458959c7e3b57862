"""Answers as typed values; every way in which one can be wrong has a sentence with the path in the answer.

Here: what surrounds the objects, and their ids. Not here: what an object holds (``documents.py``).
"""

from collections.abc import Sequence
from typing import Any

from stash_pipeline.stash.errors import IncompleteListingError, InvalidResponseError
from stash_pipeline.stash.json_values import InvalidValueError, as_id, kind_of

_MOST = 2**31
"""A count is one of GraphQL's integers."""


def wrong(path: str, found: Any, due: str) -> InvalidResponseError:
    """What to raise for a value that is not the one that is due. Of the value only its kind is said."""
    return InvalidResponseError(f"The server's answer is not valid: {path} is {kind_of(found)}, not {due}.")


def objects_of(data: Any, query: str, result: str, *, single: bool = False) -> list[dict[str, Any]]:
    """The objects in the ``data`` of an answer.

    Args:
        query: that was asked. result: the field of its result that has the list; empty where the result is the list.
        single: the result is one object.

    Raises:
        InvalidResponseError: if there is anything else in their place.
    """
    found, path = _object(data, "data").get(query), query
    if result:
        found, path = _object(found, query).get(result), f"{query}.{result}"
    if single:
        return [_object(found, path)]
    if not isinstance(found, list):
        raise wrong(path, found, "a list")
    for place, one in enumerate(found):
        if type(one) is not dict:
            raise wrong(f"{path}[{place}]", one, "an object")
    return found


def count_of(data: Any, query: str) -> int:
    """The server's own count of what a query finds.

    Raises:
        InvalidResponseError: if it is none.
    """
    return as_count(_object(_object(data, "data").get(query), query).get("count"), f"{query}.count")


def as_count(value: Any, path: str) -> int:
    """A number of objects.

    Raises:
        InvalidResponseError: if it is none.
    """
    if type(value) is not int:
        raise wrong(path, value, "a number of objects")
    if not 0 <= value < _MOST:
        raise InvalidResponseError(f"The server's answer is not valid: {path} is out of range.")
    return value


def ids_of(objects: Sequence[dict[str, Any]], path: str) -> list[int]:
    """The ids of the objects of one answer.

    Args:
        path: of the list in the answer.

    Raises:
        InvalidResponseError: if an object has none that can be used.
        IncompleteListingError: if two objects have the same id, and differ: one of them stands where another should.
    """
    try:
        ids = [as_id(one.get("id")) for one in objects]
    except InvalidValueError:
        place = next(place for place, one in enumerate(objects) if not _has_id(one))
        raise InvalidResponseError(f"The server's answer is not valid: {path}[{place}] has no usable id.") from None
    if len(set(ids)) < len(ids):
        first: dict[int, dict[str, Any]] = {}
        for identifier, one in zip(ids, objects, strict=True):
            if first.setdefault(identifier, one) != one:
                raise IncompleteListingError(
                    f"{path} has id {identifier} twice, as different objects; nothing was removed."
                )
    return ids


def _has_id(one: dict[str, Any]) -> bool:
    try:
        as_id(one.get("id"))
    except InvalidValueError:
        return False
    return True


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(path, value, "an object")
    return value
