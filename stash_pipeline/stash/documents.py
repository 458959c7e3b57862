"""Documents: the mirrored form of an object, canonical and independent of the server's release.

A document is a JSON object: ids are integers, relations are lists of ids, every field has its newest spelling,
unordered lists are sorted, URLs have no host, key or cache buster. Nulls, empty lists and empty objects are omitted, so
a field that a newer release adds changes nothing as long as it is empty. An unchanged object always gives the same
bytes; the hash is computed from them.

A value that its column cannot hold (a number beyond 64 bits, an invalid time) does not lose the object: the field is
omitted, and its text is kept under ``unreadable``. A relation that violates the server's own schema (null instead of a
list, an element without an id) is not an empty relation: the object is *broken*. It is not read, and the mirror keeps
its previous document.
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
    excerpt,
    json_type,
    without_surrogates,
)
from stash_pipeline.stash.query_plan import PlannedField, QueryPlan
from stash_pipeline.stash.relations import descend, relation_reader
from stash_pipeline.stash.selection import linear_path

Json = dict[str, Any]

LONGEST_VALUE = 1_000_000
"""Maximum bytes of one field in a document. Real texts and paths are far shorter."""

LONGEST_DOCUMENT = 8_000_000
"""Maximum bytes of a document."""


class Document(NamedTuple):
    """One object: id, canonical JSON, 16-byte hash, and the server's timestamps in the server's spelling.

    A tuple costs a third of a dataclass to create and to send between processes, and a library has many documents.
    """

    id: int
    json: bytes
    hash: bytes
    created_at: str | None
    updated_at: str | None
    unreadable: tuple[str, ...] = ()

    @property
    def broken(self) -> str | None:
        """Why the object is broken; None if it is not. Of a broken object only the id is known."""
        return None if self.json else self.unreadable[0]


def broken_document(identifier: int, reason: str) -> Document:
    """The placeholder for an object that exists but cannot be read."""
    return Document(identifier, b"", b"", None, None, (reason,))


_ROUTE = re.compile(
    r"/(?:scene/[0-9]+/scene_marker/[0-9]+/[^/]+|scene/[^/]*_(?:thumbs\.vtt|sprite\.jpg)"
    r"|(?:scene|performer|studio|tag|group|movie|image|gallery)/[0-9]+/[^/]+)\Z"
)
"""The end of a URL: the server's own route, whatever precedes it."""


def relative_url(url: str, prefix: str = "") -> str:
    """The part of a URL from the server's own route on, without key and cache buster; only ``default=true`` is kept.

    A server's URLs begin with the address of the request or, if set, with its setting ``external_host``: with or
    without a path, with or without a trailing slash, possibly without a scheme. ``default=true`` means that the object
    has no image of its own (releases append it to the cache buster with ``?`` or ``&``).

    Args:
        prefix: path of the server's own URL, removed if the route is unknown.
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
    """:func:`relative_url`, optimised for the URLs of one field, which share their beginning and depth."""
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
"""Name in the document; key in the server's object, or a function that gets the value; function that converts it."""


def _field_reader(planned: PlannedField, prefix: str) -> tuple[str, FieldReader]:
    """The inner object of the server's object that has a field (``""``: the object itself), and the field's reader.

    The reader's second function is called for values that are not null.
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
    combine, shape = planned.spelling.read, planned.shape
    if combine is not None:
        names = [next(iter(tree)) if tree else None for tree in planned.trees]

        def get_combined(value: Json) -> Any:
            if shape is not None:
                elements = value.get(names[0] or "")
                if not isinstance(elements, list) and (elements is not None or shape.required):
                    raise InvalidRelationError(f" is {json_type(elements)}, not a list.")
            return combine(*(value.get(name) if name else None for name in names))

        return "", (name, "", get_combined, convert)
    tree = planned.trees[0]
    assert tree is not None
    path = linear_path(tree) or [next(iter(tree))]
    # the last step of the path belongs to the keys of the records
    if isinstance(form, JoinTable) and not (len(form.columns) == 1 and form.columns[0].key is None):
        path = _path_to_records(path, form)
    # most fields are plain and need no function call
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
    """Converts the objects of one entity, as one server sends them, into documents.

    Args:
        plan: how the entity is read from this server.
        prefix: path prefix of the server's own URL, removed from the URLs it sends.
    """

    def __init__(self, plan: QueryPlan, prefix: str = "") -> None:
        self.plan = plan
        self._single = plan.entity.single
        groups: dict[str, list[FieldReader]] = {}
        for planned in plan.fields:
            outer, reader = _field_reader(planned, prefix)
            groups.setdefault(outer, []).append(reader)
        self._groups = list(groups.items())
        # the server's spelling of each relation, and the relations that are never null
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
        # an inner object that exists but has no id
        self._required.update(name for outer, fields in self._groups if outer for name, *_ in fields)
        self._required &= self._relations.keys()

    def read(self, value: Json, extra: Json | None = None, without: frozenset[str] = frozenset()) -> Document:
        """The document of one object; a broken document if a relation violates the server's schema.

        Args:
            value: the object as the server sent it.
            extra: values that follow from the object's origin (a file's type).
            without: the server's fields that were not requested.

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
            source = value.get(outer) if outer else value
            if source is None:
                continue
            for name, key, get, convert in fields:
                try:
                    field_value = source.get(key) if get is None else get(source)
                    if field_value is None:
                        if name in required:
                            return broken_document(identifier, self._breach(name, None, value))
                        continue
                    if convert is as_text and type(field_value) is str:
                        document[name] = field_value
                        continue
                    field_value = convert(field_value)
                except (InvalidValueError, TypeError, AttributeError, KeyError) as error:
                    if name in self._relations:
                        return broken_document(identifier, self._breach(name, error, value))
                    unreadable[name] = excerpt(value.get(name))
                    continue
                value_type = type(field_value)
                if value_type is Partial:
                    unreadable[name] = field_value.refused
                    field_value = field_value.values
                    value_type = list
                if field_value or (value_type is not list and value_type is not dict):
                    document[name] = field_value
        if extra:
            document.update(extra)
        if unreadable:
            document["unreadable"] = unreadable
        return finish(document, identifier, tuple(unreadable))

    def _breach(self, name: str, error: Exception | None, value: Json) -> str:
        """Describes how a relation violates the schema, with its path in the object."""
        path = self._relations[name]
        if isinstance(error, InvalidRelationError):
            return f"{path}{error}"
        relation: Any = value
        for step in path.split("."):
            relation = relation.get(step) if isinstance(relation, dict) else None
        if isinstance(relation, list):
            position = next((n for n, element in enumerate(relation) if not isinstance(element, dict)), None)
            if position is not None:
                return f"{path}[{position}] is {json_type(relation[position])}, not an object."
        if isinstance(relation, dict):
            return f"{path} has no usable id."
        return f"{path} is {json_type(relation)}, not {'a list' if name in self._lists else 'an object'}."


def finish(document: Json, identifier: int, unreadable: tuple[str, ...] = ()) -> Document:
    """Serializes and hashes a document; replaces what JSONB cannot hold (NUL, lone surrogates)."""
    try:
        encoded = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # integers beyond 64 bits and lone surrogates inside JSON values
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_fragment)
        encoded = without_surrogates(text).encode()
    if len(encoded) > LONGEST_VALUE and (shortened := _shortened(encoded, identifier, unreadable)):
        return shortened
    if b"\\u0000" in encoded:
        # a text that merely spells \u0000 stays as it is
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
    """A serialized fragment inside a document that orjson rejects."""
    return json.loads(orjson.dumps(value))


def _shortened(encoded: bytes, identifier: int, unreadable: tuple[str, ...]) -> Document | None:
    """The document without values that are too long; None if nothing is too long."""
    document: Json = json.loads(encoded)
    long = [
        name
        for name, value in document.items()
        if name != "unreadable" and len(json.dumps(value, ensure_ascii=False).encode()) > LONGEST_VALUE
    ]
    if not long:
        if len(encoded) <= LONGEST_DOCUMENT:
            return None
        return broken_document(identifier, f"The object has more than {LONGEST_DOCUMENT:,} bytes.")
    for name in long:
        value = document.pop(name)
        if isinstance(value, list):
            # an omitted list would look empty
            return broken_document(identifier, f"{name} has more than {LONGEST_VALUE:,} bytes.")
        document.setdefault("unreadable", {})[name] = excerpt(value)
    return finish(document, identifier, tuple(dict.fromkeys([*unreadable, *long])))


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "�")
    if isinstance(value, list):
        return [_without_nul(element) for element in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(element) for key, element in value.items()}
    return value
