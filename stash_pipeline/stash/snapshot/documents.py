"""Builds documents from a snapshot of the database, byte for byte equal to the documents of GraphQL responses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stash_pipeline.stash.documents import Document, Json, broken_document, finish
from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.stash.fields import JoinTable, Reference
from stash_pipeline.stash.json_values import InvalidRelationError, InvalidValueError, Partial, excerpt
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.relations import relation_reader
from stash_pipeline.stash.snapshot import catalogue, media, values
from stash_pipeline.stash.snapshot.database import ERRORS, Row, Snapshot, SnapshotError, spelled
from stash_pipeline.stash.snapshot.mapping import completed, table_of, unmapped
from stash_pipeline.stash.snapshot.spec import ALL, EntityMapping, IdSpan, ListMapping, between, grouped

SNAPSHOT_ENTITIES: Final = tuple(entity.name for entity in ENTITIES if not entity.single)
"""The entities in a database. The server's configuration is not in it."""

_EXACT: Final = 2**53
_AFTER_ALL: Final = (2**63, None)
_REFUSED: Final = (InvalidValueError, TypeError, AttributeError, KeyError, ValueError, IndexError)


@dataclass(frozen=True)
class Naming:
    """Facts that documents need and the database does not have.

    Attributes:
        hash_type: the fingerprint in the names of generated files. cover_names: a regular expression.
        previews: ids of images that are video clips and have a generated preview.
        windows: the server runs on Windows and joins paths accordingly.
    """

    hash_type: str = "oshash"
    cover_names: str = r"(poster|cover|folder|board)\.[^\.]+$"
    previews: frozenset[int] = frozenset()
    windows: bool = False

    def as_key(self) -> str:
        """A text that is equal for equal facts."""
        return f"{self.hash_type} {self.cover_names} {sorted(self.previews)} {self.windows}"


def mapping_of(snapshot: Snapshot, plans: dict[str, QueryPlan], name: str, naming: Naming) -> EntityMapping:
    """The mapping of an entity to this snapshot.

    Args:
        plans: of the same server; some releases expose less than their database has.
    """
    return completed(snapshot, BY_NAME[name], _special(snapshot, plans, name, naming))


def _special(snapshot: Snapshot, plans: dict[str, QueryPlan], name: str, naming: Naming) -> EntityMapping:
    embedded = not plans["files"].query
    if name == "files":
        return catalogue.files(snapshot, embedded=embedded, windows=naming.windows)
    if name == "folders":
        return catalogue.folders(snapshot, embedded=embedded, windows=naming.windows)
    if name == "galleries":
        return media.galleries(snapshot, cover_names=naming.cover_names, windows=naming.windows)
    if name == "images":
        return media.images(snapshot, previews=naming.previews)
    if name == "scenes":
        return media.scenes(snapshot, hash_type=naming.hash_type)
    makers: dict[str, Callable[[Snapshot], EntityMapping]] = {
        "tags": catalogue.tags,
        "studios": catalogue.studios,
        "performers": catalogue.performers,
        "groups": catalogue.groups,
        "saved_filters": catalogue.saved_filters,
    }
    return makers[name](snapshot) if name in makers else EntityMapping(f'"{name}" AS t', "t.id", {})


def unmapped_fields(
    snapshot: Snapshot, plans: dict[str, QueryPlan], naming: Naming | None = None
) -> dict[str, list[str]]:
    """The entities that cannot be read from this snapshot, with the fields that the snapshot does not have.

    Args:
        plans: of the same server.
    """
    result: dict[str, list[str]] = {}
    for name in SNAPSHOT_ENTITIES:
        plan = plans[name]
        if not plan.fields:
            continue
        mapping = mapping_of(snapshot, plans, name, naming or Naming())
        if missing := unmapped(plan, mapping):
            result[name] = missing
    carried = ("files", "folders", *BY_NAME["files"].embedded_in)
    if not plans["files"].query and not result.keys().isdisjoint(carried):
        # embedded files come with their owners, so all of these entities have to come from the same source
        result = {name: result.get(name, []) for name in SNAPSHOT_ENTITIES if name in result or name in carried}
    return result


def last_id(snapshot: Snapshot, mapping: EntityMapping) -> int:
    """An upper bound for the ids of an entity; -1 if it has no objects.

    Raises:
        SnapshotError: if the snapshot is damaged, or does not match its version.
    """
    try:
        rows = list(snapshot.rows(f"SELECT {mapping.id} FROM {mapping.source} ORDER BY {mapping.id} DESC LIMIT 1"))
    except ERRORS as error:
        raise snapshot.unusable(error) from None
    return rows[0][0] if rows and type(rows[0][0]) is int else -1


def documents(
    snapshot: Snapshot,
    plans: dict[str, QueryPlan],
    name: str,
    naming: Naming | None = None,
    span: IdSpan = ALL,
) -> Iterator[Document]:
    """The documents of one entity, or of a span of its ids, in the order of their ids.

    Raises:
        SnapshotError: if the snapshot is damaged, or does not match its version.
    """
    mapping = mapping_of(snapshot, plans, name, naming or Naming())
    last = span.after
    while True:
        try:
            for document in _EntityReader(snapshot, plans[name], mapping, IdSpan(last, span.until)).read():
                last = document.id
                yield document
            return
        except ERRORS as error:
            if snapshot.tolerant or "decode to UTF-8" not in str(error):
                raise snapshot.unusable(error) from None
            snapshot.tolerate()


@dataclass(slots=True)
class _List:
    """A list that is read in parallel with the objects."""

    name: str
    list_mapping: ListMapping
    convert: Callable[[Any], Any]
    pairs: Iterator[tuple[Any, Any]]
    owner: int
    members: Any


class _EntityReader:
    def __init__(self, snapshot: Snapshot, plan: QueryPlan, mapping: EntityMapping, span: IdSpan) -> None:
        table = table_of(mapping)
        if not snapshot.is_keyed(table):
            # rows without an id would look like removed objects
            raise SnapshotError(f"The snapshot does not match its version (the ids of {table}).")
        if missing := unmapped(plan, mapping):
            # omitted fields would look empty
            paths = ", ".join(f"{plan.entity.name}.{name}" for name in missing)
            raise SnapshotError(f"The snapshot does not match its version: {paths} not found.")
        self.snapshot = snapshot
        self.span = span
        fields = {planned.field.name: planned.field for planned in plan.fields}
        columns = {name: value for name, value in mapping.columns.items() if name in fields}
        self.names = ["id", *columns]
        self.readers = [(name, value.read) for name, value in columns.items() if value.read]
        places = {name: place for place, name in enumerate(self.names)}
        self.whole, self.big, self.times, self.reals, self.booleans = (
            [(name, places[name]) for name, read in self.readers if read is kind_of_value]
            for kind_of_value in (values.whole, values.big, values.set_time, values.number, values.boolean)
        )
        usual = (values.whole, values.big, values.set_time, values.number, values.boolean)
        self.others = [(name, places[name], read) for name, read in self.readers if read not in usual]
        self.lists: list[_List] = []
        for name, list_mapping in mapping.lists.items():
            if name not in fields:
                continue
            form = fields[name].form
            convert = (
                relation_reader(form) if isinstance(form, JoinTable) and not list_mapping.canonical else _unchanged
            )
            self.lists.append(_List(name, list_mapping, convert, iter(()), *_AFTER_ALL))
        where = f"({mapping.where}) AND " if mapping.where else ""
        selected = spelled({"id": mapping.id, **{name: value.sql for name, value in columns.items()}})
        self.sql = (
            f"SELECT {selected}\nFROM {mapping.source}\nWHERE {where}{between(mapping.id)}\nORDER BY {mapping.id}"
        )
        self.fields = fields

    def read(self) -> Iterator[Document]:
        for list_ in self.lists:
            list_.pairs = grouped(self.snapshot, list_.list_mapping, self.span)
            list_.owner, list_.members = next(list_.pairs, _AFTER_ALL)
        last = self.span.after
        names, lists = self.names, self.lists
        for row in self.snapshot.rows(self.sql, self.span._asdict()):
            identifier = row[0]
            if identifier == last:
                # an object with two primary files; no server writes that
                continue
            last = identifier
            document: Json = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            unreadable: Json = {}
            broken = None
            if not self._convert_common(row, document):
                document = {name: value for name, value in zip(names, row, strict=True) if value is not None}
                broken = self._convert_any(document, unreadable)
            for list_ in lists:
                if list_.owner > identifier:
                    continue
                while list_.owner < identifier:
                    # the owner does not exist, or is not exposed
                    list_.owner, list_.members = next(list_.pairs, _AFTER_ALL)
                if list_.owner == identifier:
                    members = list_.members
                    list_.owner, list_.members = next(list_.pairs, _AFTER_ALL)
                    if type(members) is orjson.Fragment:
                        document[list_.name] = members
                    elif members is None:
                        broken = f"{list_.name} has an element without a usable id."
                    else:
                        try:
                            self._add(document, unreadable, list_, members)
                        except InvalidRelationError as error:
                            broken = f"{list_.name}{error}"
            if broken:
                yield broken_document(identifier, broken)
                continue
            if unreadable:
                document["unreadable"] = unreadable
            yield finish(document, identifier, tuple(unreadable))

    def _convert_common(self, row: Row, document: Json) -> bool:
        """Converts the values of a common row; returns False for an unusual one.

        Nearly all rows are common, and checking their values costs less than calling a function for each.
        """
        for _, place in self.whole:
            value = row[place]
            if value is not None and (type(value) is not int or not -values.INT4 <= value < values.INT4):
                return False
        for _, place in self.big:
            value = row[place]
            if value is not None and type(value) is not int:
                return False
        for _, place in self.times:
            value = row[place]
            if value is not None and (type(value) is not str or not values.usual_time(value)):
                return False
        for name, place in self.booleans:
            value = row[place]
            if value is not None:
                if type(value) is not int:
                    return False
                document[name] = value > 0
        for name, place in self.reals:
            value = row[place]
            if type(value) is float:
                if value.is_integer() and abs(value) < _EXACT:
                    document[name] = int(value)
            elif value is not None and type(value) is not int:
                return False
        for name, place, read in self.others:
            value = row[place]
            if value is not None:
                try:
                    _put(document, name, read(value))
                except _REFUSED:
                    return False
        return True

    def _convert_any(self, document: Json, unreadable: Json) -> str | None:
        """Converts the values of any row; keeps invalid values as texts. Returns why the object is broken, if it is."""
        for name, read in self.readers:
            if name in document:
                value = document[name]
                try:
                    _put(document, name, read(value))
                except _REFUSED:
                    if isinstance(self.fields[name].form, Reference):
                        return f"{name} is no usable id."
                    unreadable[name] = excerpt(value)
                    del document[name]
        return None

    def _add(self, document: Json, unreadable: Json, list_: _List, members: list[Any]) -> None:
        """Adds the value of a list, and the fields that are derived from it.

        Raises:
            InvalidRelationError: if an element is invalid.
        """
        list_mapping = list_.list_mapping
        if list_mapping.fast and (value := list_mapping.fast(members)) is not None:
            document[list_.name] = value
            return
        assert list_mapping.read is not None
        for name, derive in list_mapping.also.items():
            if name in self.fields:
                derived = derive(members)
                if derived is not None:
                    document[name] = derived
        try:
            value = list_.convert(list_mapping.read(members))
        except InvalidRelationError:
            raise
        except _REFUSED:
            unreadable[list_.name] = excerpt(members)
            return
        if type(value) is Partial:
            unreadable[list_.name], value = value.refused, value.values
        if value or not isinstance(value, list | dict):
            document[list_.name] = value


def _put(document: Json, name: str, value: Any) -> None:
    """Sets a field, or removes it if the value is null or empty."""
    if value is None or (not value and isinstance(value, list | dict)):
        del document[name]
    else:
        document[name] = value


def _unchanged(value: Any) -> Any:
    return value
