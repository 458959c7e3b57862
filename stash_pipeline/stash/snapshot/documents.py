"""The documents of a copy of the database: byte for byte those that GraphQL's answers would have become."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stash_pipeline.stash.documents import Document, Json, broken_document, finish
from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.stash.fields import JoinTable, Reference
from stash_pipeline.stash.json_values import InvalidRelationError, InvalidValueError, Partial, shown
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.relations import relation_reader
from stash_pipeline.stash.snapshot import catalogue, media, values
from stash_pipeline.stash.snapshot.database import ERRORS, Row, Snapshot, SnapshotError, spelled
from stash_pipeline.stash.snapshot.mapping import completed, table_of, unmapped
from stash_pipeline.stash.snapshot.spec import ALL, Kind, Several, Stretch, between, grouped

KINDS: Final = tuple(entity.name for entity in ENTITIES if not entity.single)
"""What a database may hold. How the server is set up is not in it."""

_EXACT: Final = 2**53
_AFTER_ALL: Final = (2**63, None)
_REFUSED: Final = (InvalidValueError, TypeError, AttributeError, KeyError, ValueError, IndexError)


@dataclass(frozen=True)
class Naming:
    """What documents name and the database does not hold.

    Attributes:
        hash_type: of the fingerprint that generated files are named by. cover_names: a regular expression.
        previews: ids of images that are video clips and have a generated preview.
        windows: the server runs there, and joins paths as there.
    """

    hash_type: str = "oshash"
    cover_names: str = r"(poster|cover|folder|board)\.[^\.]+$"
    previews: frozenset[int] = frozenset()
    windows: bool = False

    def told(self) -> str:
        """The same text for the same names."""
        return f"{self.hash_type} {self.cover_names} {sorted(self.previews)} {self.windows}"


def kind_of(snapshot: Snapshot, plans: dict[str, QueryPlan], name: str, naming: Naming) -> Kind:
    """Where a kind lies in this copy.

    Args:
        plans: of the same server: some releases show less than they have.
    """
    return completed(snapshot, BY_NAME[name], _special(snapshot, plans, name, naming))


def _special(snapshot: Snapshot, plans: dict[str, QueryPlan], name: str, naming: Naming) -> Kind:
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
    makers: dict[str, Callable[[Snapshot], Kind]] = {
        "tags": catalogue.tags,
        "studios": catalogue.studios,
        "performers": catalogue.performers,
        "groups": catalogue.groups,
        "saved_filters": catalogue.saved_filters,
    }
    return makers[name](snapshot) if name in makers else Kind(f'"{name}" AS t', "t.id", {})


def unmapped_fields(
    snapshot: Snapshot, plans: dict[str, QueryPlan], naming: Naming | None = None
) -> dict[str, list[str]]:
    """The kinds that cannot be read from this copy, each with its fields that the copy does not have.

    Args:
        plans: of the same server.
    """
    found: dict[str, list[str]] = {}
    for name in KINDS:
        plan = plans[name]
        if not plan.fields:
            continue
        kind = kind_of(snapshot, plans, name, naming or Naming())
        if missing := unmapped(plan, kind):
            found[name] = missing
    carried = ("files", "folders", *BY_NAME["files"].embedded_in)
    if not plans["files"].query and not found.keys().isdisjoint(carried):
        # files come with the objects that have them: all of these have to come from one source
        found = {name: found.get(name, []) for name in KINDS if name in found or name in carried}
    return found


def last_id(snapshot: Snapshot, kind: Kind) -> int:
    """The greatest id of a kind, or a greater one; -1 if there is nothing of it.

    Raises:
        SnapshotError: if the copy is damaged, or is not what its version says.
    """
    try:
        found = list(snapshot.rows(f"SELECT {kind.id} FROM {kind.source} ORDER BY {kind.id} DESC LIMIT 1"))
    except ERRORS as error:
        raise snapshot.unusable(error) from None
    return found[0][0] if found and type(found[0][0]) is int else -1


def documents(
    snapshot: Snapshot,
    plans: dict[str, QueryPlan],
    name: str,
    naming: Naming | None = None,
    stretch: Stretch = ALL,
) -> Iterator[Document]:
    """The documents of one kind, or of a stretch of it, in the order of their ids.

    Raises:
        SnapshotError: if the copy is damaged, or is not what its version says.
    """
    kind = kind_of(snapshot, plans, name, naming or Naming())
    last = stretch.after
    while True:
        try:
            for document in _KindReader(snapshot, plans[name], kind, Stretch(last, stretch.until)).read():
                last = document.id
                yield document
            return
        except ERRORS as error:
            if snapshot.tolerant or "decode to UTF-8" not in str(error):
                raise snapshot.unusable(error) from None
            snapshot.tolerate()


@dataclass(slots=True)
class _List:
    """One of the lists, walked beside the objects."""

    name: str
    several: Several
    convert: Callable[[Any], Any]
    pairs: Iterator[tuple[Any, Any]]
    owner: int
    members: Any


class _KindReader:
    def __init__(self, snapshot: Snapshot, plan: QueryPlan, kind: Kind, stretch: Stretch) -> None:
        table = table_of(kind)
        if not snapshot.is_keyed(table):
            # rows without a number would be no objects, and be taken to be gone
            raise SnapshotError(f"The copy of the database is not what its version says (the ids of {table}).")
        if missing := unmapped(plan, kind):
            # left out they would look empty
            lacking = ", ".join(f"{plan.entity.name}.{name}" for name in missing)
            raise SnapshotError(f"The copy of the database is not what its version says: it lacks {lacking}.")
        self.snapshot = snapshot
        self.stretch = stretch
        fields = {planned.field.name: planned.field for planned in plan.fields}
        columns = {name: value for name, value in kind.columns.items() if name in fields}
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
        for name, several in kind.lists.items():
            if name not in fields:
                continue
            form = fields[name].form
            convert = relation_reader(form) if isinstance(form, JoinTable) and not several.canonical else _as_it_is
            self.lists.append(_List(name, several, convert, iter(()), *_AFTER_ALL))
        where = f"({kind.where}) AND " if kind.where else ""
        selected = spelled({"id": kind.id, **{name: value.sql for name, value in columns.items()}})
        self.sql = f"SELECT {selected}\nFROM {kind.source}\nWHERE {where}{between(kind.id)}\nORDER BY {kind.id}"
        self.fields = fields

    def read(self) -> Iterator[Document]:
        for one in self.lists:
            one.pairs = grouped(self.snapshot, one.several, self.stretch)
            one.owner, one.members = next(one.pairs, _AFTER_ALL)
        last = self.stretch.after
        names, lists = self.names, self.lists
        for row in self.snapshot.rows(self.sql, self.stretch._asdict()):
            identifier = row[0]
            if identifier == last:
                # an object with two primary files, which no server writes
                continue
            last = identifier
            document: Json = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            unreadable: Json = {}
            broken = None
            if not self._usual(row, document):
                document = {name: value for name, value in zip(names, row, strict=True) if value is not None}
                broken = self._carefully(document, unreadable)
            for one in lists:
                if one.owner > identifier:
                    continue
                while one.owner < identifier:
                    # of an object that is not there, or not shown
                    one.owner, one.members = next(one.pairs, _AFTER_ALL)
                if one.owner == identifier:
                    members = one.members
                    one.owner, one.members = next(one.pairs, _AFTER_ALL)
                    if type(members) is orjson.Fragment:
                        document[one.name] = members
                    elif members is None:
                        broken = f"{one.name} has an element without a usable id."
                    else:
                        try:
                            self._add(document, unreadable, one, members)
                        except InvalidRelationError as error:
                            broken = f"{one.name}{error}"
            if broken:
                yield broken_document(identifier, broken)
                continue
            if unreadable:
                document["unreadable"] = unreadable
            yield finish(document, identifier, tuple(unreadable))

    def _usual(self, row: Row, document: Json) -> bool:
        """Makes the values of a row in which nothing is odd; False where something is.

        The values of nearly all rows are as they should be: to look is less work than to call a function for each.
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

    def _carefully(self, document: Json, unreadable: Json) -> str | None:
        """Makes the values of any row; what cannot be read is kept as a text. Returns what breaks the whole object."""
        for name, read in self.readers:
            if name in document:
                value = document[name]
                try:
                    _put(document, name, read(value))
                except _REFUSED:
                    if isinstance(self.fields[name].form, Reference):
                        return f"{name} is no usable id."
                    unreadable[name] = shown(value)
                    del document[name]
        return None

    def _add(self, document: Json, unreadable: Json, one: _List, members: list[Any]) -> None:
        """Makes the value of a list, and of what else it tells.

        Raises:
            InvalidRelationError: if an element is none.
        """
        several = one.several
        if several.short and (found := several.short(members)) is not None:
            document[one.name] = found
            return
        assert several.read is not None
        for name, tell in several.also.items():
            if name in self.fields:
                told = tell(members)
                if told is not None:
                    document[name] = told
        try:
            found = one.convert(several.read(members))
        except InvalidRelationError:
            raise
        except _REFUSED:
            unreadable[one.name] = shown(members)
            return
        if type(found) is Partial:
            unreadable[one.name], found = found.refused, found.values
        if found or not isinstance(found, list | dict):
            document[one.name] = found


def _put(document: Json, name: str, value: Any) -> None:
    """Nothing and what is empty is left out."""
    if value is None or (not value and isinstance(value, list | dict)):
        del document[name]
    else:
        document[name] = value


def _as_it_is(value: Any) -> Any:
    return value
