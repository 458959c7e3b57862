"""Documents: what the mirror keeps of an object, in one canonical form whatever release it came from.

A document is a JSON object: ids as integers, relations as lists of ids, the newest spelling of every field, lists
without an order of their own sorted, URLs without host, key and cache buster. Nulls, empty lists and empty objects
are left out, so that a field that a newer release adds empty changes nothing. Two readings of an unchanged object
are equal byte for byte; the hash is of these bytes.

A value that cannot be what its column wants (a number beyond 64 bits, a time that is none) never loses the object:
its text is kept under ``unreadable`` and the field is left out. A relation that is not what the server's own schema
says (null where a list is due, an element without an id) is no empty relation: the object is *broken*, nothing of it
is read, and it stays as it was.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from stash_pipeline.stash.fields import JoinTable, Reference
from stash_pipeline.stash.json_values import (
    COLUMN_READERS,
    InvalidRelationError,
    InvalidValueError,
    Partial,
    as_id,
    as_text,
    kind_of,
    shown,
    without_surrogates,
)
from stash_pipeline.stash.query_plan import PlannedField, QueryPlan
from stash_pipeline.stash.relations import descend, relation_reader
from stash_pipeline.stash.selection import linear_path

Json = dict[str, Any]

LONGEST_VALUE = 1_000_000
"""Bytes of one field in the document: what people write, and paths, are far shorter."""

LONGEST_DOCUMENT = 8_000_000
"""Bytes."""


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

    @property
    def broken(self) -> str | None:
        """What is wrong with the object, of which nothing is known but its id."""
        return None if self.json else self.unreadable[0]


def broken_document(identifier: int, why: str) -> Document:
    """In place of the document of an object that is there and cannot be read."""
    return Document(identifier, b"", b"", None, None, (why,))


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
            value = as_text(value)
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
    elif isinstance(form, JoinTable):
        convert = relation_reader(form, planned.shape)
    elif form.type == "path":
        convert = _path_reader(prefix)
    else:
        convert = COLUMN_READERS[form.type]
    combine, shape = planned.source.read, planned.shape
    if combine is not None:
        names = [next(iter(tree)) if tree else None for tree in planned.trees]

        def get_combined(value: Json) -> Any:
            if shape is not None:
                found = value.get(names[0] or "")
                if not isinstance(found, list) and (found is not None or shape.required):
                    raise InvalidRelationError(f" is {kind_of(found)}, and no list.")
            return combine(*(value.get(name) if name else None for name in names))

        return "", (name, "", get_combined, convert)
    tree = planned.trees[0]
    assert tree is not None
    path = linear_path(tree) or [next(iter(tree))]
    # records keep the last step of the path for their own keys
    if isinstance(form, JoinTable) and not (len(form.columns) == 1 and form.columns[0].key is None):
        path = _path_to_records(path, form)
    # most fields are plain: no call to get them
    if len(path) == 1:
        return "", (name, path[0], None, convert)
    if len(path) == 2 and not isinstance(form, JoinTable):
        return path[0], (name, path[1], None, convert)
    return "", (name, "", descend(path), convert)


def _path_to_records(path: list[str], form: JoinTable) -> list[str]:
    keys = {(column.key or column.name).split(".")[0] for column in form.columns}
    return [step for number, step in enumerate(path) if number == 0 or step not in keys]


# --- objects --------------------------------------------------------------------------------------------


class DocumentReader:
    """Turns the objects of one kind, as one server sends them, into documents.

    Args:
        plan: how the kind is read from this server.
        prefix: path prefix of the server's own URL, left out of the URLs it sends.
    """

    def __init__(self, plan: QueryPlan, prefix: str = "") -> None:
        self.plan = plan
        self._single = plan.entity.single
        groups: dict[str, list[FieldReader]] = {}
        for planned in plan.fields:
            outer, reader = _field_reader(planned, prefix)
            groups.setdefault(outer, []).append(reader)
        self._groups = list(groups.items())
        # how the server spells what is a relation, and which of these are never null
        self._relations = {
            planned.field.name: planned.shape.path if planned.shape else planned.field.name
            for planned in plan.fields
            if isinstance(planned.field.form, Reference)
            or (isinstance(planned.field.form, JoinTable) and planned.shape)
        }
        self._required = {
            planned.field.name for planned in plan.fields if planned.shape and planned.shape.required
        } & self._relations.keys()
        self._lists = {planned.field.name for planned in plan.fields if planned.shape}
        # an object that is there and has no id
        self._required.update(name for outer, fields in self._groups if outer for name, *_ in fields)
        self._required &= self._relations.keys()

    def read(self, value: Json, extra: Json | None = None, without: frozenset[str] = frozenset()) -> Document:
        """The document of one object; one that is broken where a relation is not what the server's schema says.

        Args:
            value: the object as the server sent it.
            extra: values that are known from where the object was found (a file's type).
            without: fields of the server's that were not asked for.

        Raises:
            InvalidValueError: if the object has no usable id.
        """
        document: Json = {} if self._single else {"id": as_id(value.get("id"))}
        identifier = 1 if self._single else document["id"]
        unreadable: Json = {}
        required = self._required
        if without:
            required = {name for name in required if self._relations[name] not in without}
        for outer, fields in self._groups:
            where = value.get(outer) if outer else value
            if where is None:
                continue
            for name, key, get, convert in fields:
                try:
                    found = where.get(key) if get is None else get(where)
                    if found is None:
                        if name in required:
                            return broken_document(identifier, self._breach(name, None, value))
                        continue
                    if convert is as_text and type(found) is str:
                        document[name] = found
                        continue
                    found = convert(found)
                except (InvalidValueError, TypeError, AttributeError, KeyError) as error:
                    if name in self._relations:
                        return broken_document(identifier, self._breach(name, error, value))
                    unreadable[name] = shown(value.get(name))
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
        return finish(document, identifier, tuple(unreadable))

    def _breach(self, name: str, error: Exception | None, value: Json) -> str:
        """What is wrong with a relation, with its path in the object."""
        path = self._relations[name]
        if isinstance(error, InvalidRelationError):
            return f"{path}{error}"
        found: Any = value
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, list):
            place = next((n for n, element in enumerate(found) if not isinstance(element, dict)), None)
            if place is not None:
                return f"{path}[{place}] is {kind_of(found[place])}, and no object."
        if isinstance(found, dict):
            return f"{path} has no usable id."
        return f"{path} is {kind_of(found)}, and no {'list' if name in self._lists else 'object'}."


def finish(document: Json, identifier: int, unreadable: tuple[str, ...] = ()) -> Document:
    """Serializes and hashes a document; removes what JSONB cannot hold (NUL, halves of surrogate pairs)."""
    try:
        encoded = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # integers beyond 64 bits and lone surrogates inside free-form values
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_fragment)
        encoded = without_surrogates(text).encode()
    if len(encoded) > LONGEST_VALUE and (shortened := _shortened(encoded, identifier, unreadable)):
        return shortened
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


def _fragment(value: Any) -> Any:
    """JSON that is ready, inside a document that orjson does not take."""
    return json.loads(orjson.dumps(value))


def _shortened(encoded: bytes, identifier: int, unreadable: tuple[str, ...]) -> Document | None:
    """The document without the values that are too long; None if none is, and the whole is not."""
    document: Json = json.loads(encoded)
    long = [
        name
        for name, value in document.items()
        if name != "unreadable" and len(json.dumps(value, ensure_ascii=False).encode()) > LONGEST_VALUE
    ]
    if not long:
        if len(encoded) <= LONGEST_DOCUMENT:
            return None
        return broken_document(identifier, f"It has more than {LONGEST_DOCUMENT:,} bytes.")
    for name in long:
        value = document.pop(name)
        if isinstance(value, list):
            # it would look as if it had lost its elements
            return broken_document(identifier, f"{name} has more than {LONGEST_VALUE:,} bytes.")
        document.setdefault("unreadable", {})[name] = shown(value)
    return finish(document, identifier, tuple(dict.fromkeys([*unreadable, *long])))


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "�")
    if isinstance(value, list):
        return [_without_nul(element) for element in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(element) for key, element in value.items()}
    return value
