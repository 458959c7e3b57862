"""Documents: what the mirror keeps of an object, in one canonical form whatever release it came from.

A document is a JSON object: ids as integers, relations as lists of ids, the newest spelling of every field, lists
without an order of their own sorted, URLs without host, key and cache buster. Nulls, empty lists and empty objects
are left out, so that a field that a newer release adds empty changes nothing. Two readings of an unchanged object
are equal byte for byte; the hash is of these bytes.

A value that cannot be what its column wants (a number beyond 64 bits, a time that is none) never loses the object:
its text is kept under ``unreadable`` and the field is left out.
"""

import calendar
import datetime
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from stash_pipeline.stash.fields import Joined, Reference
from stash_pipeline.stash.planning import Plan, PlannedField
from stash_pipeline.stash.selection import linear_path

Json = dict[str, Any]

_TIME = re.compile(
    r"(?!0000)(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"(Z|[+-](0\d|1[0-4]):[0-5]\d)\Z",
    re.ASCII,
)
_INT4 = 2**31
_INT8 = 2**63
_UTC_SECONDS = len("2026-01-01T00:00:00Z")
_DAYS_OF_400_YEARS = 146_097
_LONGEST_KEY = 500
"""Characters: a B-tree entry holds 2704 bytes, a character at most four, and keys have two texts."""


class Unreadable(ValueError):
    """A value that its column cannot hold."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A list without the elements that its table cannot hold, and what those were."""

    values: list[Any]
    refused: str


class Document(NamedTuple):
    """One object: its id, canonical JSON, 16-byte hash, and the server's timestamps as the server spells them.

    A tuple, because a library is many of them: they are made, and sent between processes, at a third of the cost.
    """

    id: int
    json: bytes
    hash: bytes
    created_at: str | None
    updated_at: str | None
    unreadable: tuple[str, ...] = ()


# --- values ---------------------------------------------------------------------------------------------


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    raise Unreadable


def _as_integer(limit: int) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not -limit <= value < limit:
            raise Unreadable
        return value

    return convert


def _as_float(value: Any) -> Any:
    if type(value) is int and -_INT8 <= value < _INT8:
        return value
    if type(value) is not float:
        raise Unreadable
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _as_boolean(value: Any) -> Any:
    if type(value) is not bool:
        raise Unreadable
    return value


def as_time(value: Any) -> Any:
    """A timestamp, kept in the server's own spelling; refused if Postgres could not read it."""
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        raise Unreadable
    day = match[3]
    if day > "28" and int(day) > calendar.monthrange(int(match[1]), int(match[2]))[1]:
        raise Unreadable
    return value


def in_order_of_time(times: list[str]) -> list[str]:
    """Timestamps as the server spells them, in the order of the moments that they mean."""
    if all(len(time) == _UTC_SECONDS and time.endswith("Z") for time in times):
        return sorted(times)
    return sorted(times, key=_moment)


def _moment(time: str) -> tuple[int, str, str]:
    """Seconds, their fraction, and the spelling."""
    date, clock, rest = time[:10], time[11:19], time[19:]
    year, month, day = (int(part) for part in date.split("-"))
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    fraction = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    offset = rest[len(fraction) :]
    ahead = 0 if offset in ("", "Z") else int(offset[0] + "1") * (int(offset[1:3]) * 60 + int(offset[4:6]))
    # the year 0, which a text may have, is a leap year as 400 is
    days = datetime.date(year or 400, month, day).toordinal() - (0 if year else _DAYS_OF_400_YEARS)
    return ((days * 24 + hours) * 60 + minutes - ahead) * 60 + seconds, fraction.rstrip("0"), time


def as_id(value: Any) -> int:
    """An id: Stash sends integers as strings."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        number = int(value)
    elif type(value) is int:
        number = value
    else:
        raise Unreadable
    if not 0 <= number < _INT8:
        raise Unreadable
    return number


_ROUTE = re.compile(
    r"/(?:scene/[0-9]+/scene_marker/[0-9]+/[^/]+|scene/[^/]*_(?:thumbs\.vtt|sprite\.jpg)"
    r"|(?:scene|performer|studio|tag|group|movie|image|gallery)/[0-9]+/[^/]+)\Z"
)
"""The end of a URL: what the server answers there, whatever stands before it."""


def relative_url(url: str, prefix: str = "") -> str:
    """A URL from the server's own route on, without key and cache buster; only ``default=true`` is kept.

    A server's URLs begin with the address that it was asked by or, whatever that was, with its setting
    ``external_host``: with a path or without, with a slash at its end, or without a scheme.
    ``default=true`` says that the object has no image of its own (releases spell it ``?default=true`` after
    the cache buster, with ``?`` or ``&``).

    Args:
        prefix: path of the server's own URL, left out where the route is not known.
    """
    path, _, query = url.partition("?")
    route = _ROUTE.search(path)
    path = route[0] if route else _without_host(path, prefix)
    return path + "?default=true" if "default=true" in query else path


def _without_host(url: str, prefix: str) -> str:
    start = url.find("://")
    if start >= 0:
        slash = url.find("/", start + 3)
        url = url[slash:] if slash >= 0 else "/"
    return url[len(prefix) :] if prefix and url.startswith(prefix + "/") else url


def _path_reader(prefix: str) -> Callable[[Any], Any]:
    """:func:`relative_url` for the many URLs of one field, which begin alike and are as deep."""
    beginning = ""
    depth = length = 0

    def convert(value: Any) -> str:
        nonlocal beginning, depth, length
        if type(value) is not str:
            value = _as_text(value)
        if not (beginning and value.startswith(beginning) and value.count("/") == depth):
            relative = relative_url(value, prefix)
            route = _ROUTE.search(value.partition("?")[0])
            if route:
                length = route.start()
                beginning, depth = value[: length + 1], value.count("/")
            return relative
        path = value[length:]
        query = path.find("?")
        if query < 0:
            return path
        return path[:query] + "?default=true" if "default=true" in path[query:] else path[:query]

    return convert


def padded_phash(value: str) -> str:
    """A perceptual hash as 16 hex digits; Stash leaves leading zeros out."""
    return value.lower().rjust(16, "0")


_COLUMN_READERS: dict[str, Callable[[Any], Any]] = {
    "text": _as_text,
    "partial_date": _as_text,
    "integer": _as_integer(_INT4),
    "bigint": _as_integer(_INT8),
    "double precision": _as_float,
    "boolean": _as_boolean,
    "timestamptz": as_time,
    "jsonb": lambda value: value,
}


# --- fields ---------------------------------------------------------------------------------------------


def _descend(path: list[str]) -> Callable[[Json], Any]:
    """Follows ``path`` from an object; a list on the way is followed element by element."""
    if len(path) == 1:
        name = path[0]
        return lambda value: value.get(name)

    if len(path) == 2:
        outer, inner = path

        def step(value: Any) -> Any:
            found = value.get(outer)
            if isinstance(found, list):
                return [None if element is None else element.get(inner) for element in found]
            return None if found is None else found.get(inner)

        return step

    def follow(value: Any, depth: int = 0) -> Any:
        while depth < len(path) and value is not None:
            if isinstance(value, list):
                return [follow(element, depth) for element in value]
            value = value.get(path[depth])
            depth += 1
        return value

    return follow


def _record_reader(joined: Joined) -> Callable[[Any], Any]:
    if len(joined.columns) == 1 and joined.columns[0].key is None:
        column = joined.columns[0]
        return as_id if column.name == joined.target_column else _COLUMN_READERS[column.type]
    readers = []
    for column in joined.columns:
        path = (column.key or column.name).split(".")
        is_id = column.name == joined.target_column or column.key == "id"
        readers.append((column.name, _descend(path), as_id if is_id else _COLUMN_READERS[column.type]))

    def read(record: Json) -> Json:
        result = {}
        for name, get, convert in readers:
            value = get(record)
            if value is not None:
                result[name] = convert(value)
        return result

    return read


def _key(value: Any, joined: Joined) -> Any:
    """What identifies the element among its owner's.

    Raises:
        Unreadable: if a part of the key is missing or too long for an index.
    """
    parts = [value.get(name) for name in joined.primary_key] if isinstance(value, dict) else [value]
    if any(part is None or (isinstance(part, str) and len(part) > _LONGEST_KEY) for part in parts):
        raise Unreadable
    return tuple(parts)


def _sort_key(value: Any) -> Any:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if isinstance(value, dict) else value


def _list_reader(joined: Joined, read: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    read = read or _record_reader(joined)
    by_position = joined.ordinal is not None and joined.ordinal in joined.primary_key
    are_times = [column.type for column in joined.columns] == ["timestamptz"]

    def convert(values: Any) -> Any:
        if not isinstance(values, list):
            raise Unreadable
        if not values:
            return values
        found: list[tuple[Any, Any]] = []
        refused: list[Any] = []
        for value in values:
            if value is None:
                continue
            try:
                element = read(value)
                found.append((None if by_position else _key(element, joined), element))
            except (Unreadable, TypeError, AttributeError, KeyError):
                refused.append(value)
        if joined.first:
            found[1:] = sorted(found[1:], key=_element_key)
        elif joined.sort and not are_times:
            found.sort(key=_element_key)
        if by_position:
            result = [element for _, element in found]
            if are_times:
                result = in_order_of_time(result)
        else:
            # of two rows with one key the first in order stays, whichever came first
            unique: dict[Any, Any] = {}
            for key, element in found:
                unique.setdefault(key, element)
            result = list(unique.values())
        return Partial(result, repr(refused)[:200]) if refused else result

    return convert


def _element_key(pair: tuple[Any, Any]) -> Any:
    return _sort_key(pair[1])


def _read_fingerprint(value: Any) -> Json:
    kind, text = _as_text(value["type"]), _as_text(value["value"])
    return {"type": kind, "value": padded_phash(text) if kind == "phash" else text}


def _id_list_reader(joined: Joined) -> Callable[[Any], Any]:
    """Lists of references are the bulk of a library: the usual case without a call per element."""
    careful = _list_reader(joined)

    def convert(values: Any) -> Any:
        if not values:
            return careful(values)
        try:
            joint = "".join(values)
            if joint.isascii() and joint.isdigit():
                ids = [int(text) for text in values]
                if max(ids) < _INT8:
                    return ids[:1] + sorted(set(ids[1:]) - {ids[0]}) if joined.first else sorted(set(ids))
        except (TypeError, ValueError):
            pass
        return careful(values)

    return convert


def joined_reader(joined: Joined) -> Callable[[Any], Any]:
    if joined.table == "file_fingerprints":
        return _list_reader(joined, _read_fingerprint)
    only = joined.columns[0] if len(joined.columns) == 1 else None
    if only is not None and only.key is None and only.name == joined.target_column:
        return _id_list_reader(joined)
    return _list_reader(joined)


FieldReader = tuple[str, str, Callable[[Json], Any] | None, Callable[[Any], Any]]
"""Name in the document; key in its object, or a function that gets it; what makes the value of it."""


def _field_reader(planned: PlannedField, prefix: str) -> tuple[str, FieldReader]:
    """In which inner object of the server's a field is found (``""``: in none), and how it is read.

    The second function is called for what is not null.
    """
    name = planned.field.name
    form = planned.field.form
    convert: Callable[[Any], Any]
    if isinstance(form, Reference):
        convert = as_id
    elif isinstance(form, Joined):
        convert = joined_reader(form)
    elif form.type == "path":
        convert = _path_reader(prefix)
    else:
        convert = _COLUMN_READERS[form.type]
    combine = planned.source.read
    if combine is not None:
        names = [next(iter(tree)) if tree else None for tree in planned.trees]

        def get_combined(value: Json) -> Any:
            return combine(*(value.get(name) if name else None for name in names))

        return "", (name, "", get_combined, convert)
    tree = planned.trees[0]
    assert tree is not None
    path = linear_path(tree) or [next(iter(tree))]
    # records keep the last step of the path for their own keys
    if isinstance(form, Joined) and not (len(form.columns) == 1 and form.columns[0].key is None):
        path = _path_to_records(path, form)
    # most fields are plain: no call to get them
    if len(path) == 1:
        return "", (name, path[0], None, convert)
    if len(path) == 2 and not isinstance(form, Joined):
        return path[0], (name, path[1], None, convert)
    return "", (name, "", _descend(path), convert)


def _path_to_records(path: list[str], form: Joined) -> list[str]:
    keys = {(column.key or column.name).split(".")[0] for column in form.columns}
    return [step for number, step in enumerate(path) if number == 0 or step not in keys]


# --- objects --------------------------------------------------------------------------------------------


class DocumentReader:
    """Turns the objects of one kind, as one server sends them, into documents.

    Args:
        plan: how the kind is read from this server.
        prefix: path prefix of the server's own URL, left out of the URLs it sends.
    """

    def __init__(self, plan: Plan, prefix: str = "") -> None:
        self.plan = plan
        self._single = plan.entity.single
        groups: dict[str, list[FieldReader]] = {}
        for planned in plan.fields:
            outer, reader = _field_reader(planned, prefix)
            groups.setdefault(outer, []).append(reader)
        self._groups = list(groups.items())

    def read(self, value: Json, extra: Json | None = None) -> Document:
        """The document of one object.

        Args:
            value: the object as the server sent it.
            extra: values that are known from where the object was found (a file's type).

        Raises:
            Unreadable: if the object has no usable id.
        """
        document: Json = {} if self._single else {"id": as_id(value.get("id"))}
        unreadable: Json = {}
        for outer, fields in self._groups:
            where = value.get(outer) if outer else value
            if where is None:
                continue
            for name, key, get, convert in fields:
                try:
                    found = where.get(key) if get is None else get(where)
                    if found is None:
                        continue
                    if convert is _as_text and type(found) is str:
                        document[name] = found
                        continue
                    found = convert(found)
                except (Unreadable, TypeError, AttributeError, KeyError):
                    unreadable[name] = repr(value.get(name))[:200]
                    continue
                kind = type(found)
                if kind is Partial:
                    unreadable[name] = found.refused
                    found = found.values
                    kind = list
                if found or (kind is not list and kind is not dict):
                    document[name] = found
        if extra:
            document.update(extra)
        if unreadable:
            document["unreadable"] = unreadable
        return finish(document, 1 if self._single else document["id"], tuple(unreadable))


def finish(document: Json, identifier: int, unreadable: tuple[str, ...] = ()) -> Document:
    """Serializes and hashes a document; removes what JSONB cannot hold (NUL)."""
    try:
        encoded = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # integers beyond 64 bits and lone surrogates inside free-form values
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        encoded = text.encode("utf-8", "replace")
    if b"\\u0000" in encoded:
        # or it is a text that spells a NUL, which may stay
        decoded = json.loads(encoded)
        cleaned = _without_nul(decoded)
        if cleaned != decoded:
            return finish(cleaned, identifier, unreadable)
    return Document(
        identifier,
        encoded,
        hashlib.blake2b(encoded, digest_size=16).digest(),
        document.get("created_at"),
        document.get("updated_at"),
        unreadable,
    )


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "�")
    if isinstance(value, list):
        return [_without_nul(element) for element in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(element) for key, element in value.items()}
    return value
