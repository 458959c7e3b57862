"""The documents of a copy of the database: byte for byte those that GraphQL's answers would have become."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stash_pipeline.stash.documents import Document, Json, Partial, Unreadable, finish, joined_reader
from stash_pipeline.stash.fields import Joined
from stash_pipeline.stash.planning import Plan
from stash_pipeline.stash.snapshot import catalogue, media
from stash_pipeline.stash.snapshot.database import ERRORS, Snapshot, spelled
from stash_pipeline.stash.snapshot.spec import Kind, Several, grouped

KINDS: Final = (
    "tags", "folders", "files", "studios", "performers", "groups", "images", "galleries", "scenes", "scene_markers",
    "saved_filters",
)  # fmt: skip
"""What the database holds. How the server is set up is not in it."""

_AFTER_ALL: Final = (2**63, None)
_MOST_UNREADABLE: Final = 200
_REFUSED: Final = (Unreadable, TypeError, AttributeError, KeyError, ValueError, IndexError)


@dataclass(frozen=True)
class Naming:
    """What the server's configuration says about names that documents have.

    Attributes:
        hash_type: of the fingerprint that generated files are named by. cover_names: a regular expression.
    """

    hash_type: str = "oshash"
    cover_names: str = r"(poster|cover|folder|board)\.[^\.]+$"


def kind_of(snapshot: Snapshot, plans: dict[str, Plan], name: str, naming: Naming) -> Kind:
    """Where a kind lies in this copy.

    Args:
        plans: of the same server: some releases show less than they have.
    """
    embedded = not plans["files"].query
    if name == "files":
        return catalogue.files(snapshot, embedded=embedded)
    if name == "folders":
        return catalogue.folders(snapshot, embedded=embedded)
    if name == "galleries":
        return media.galleries(snapshot, cover_names=naming.cover_names)
    if name == "scenes":
        return media.scenes(snapshot, hash_type=naming.hash_type)
    makers: dict[str, Callable[[Snapshot], Kind]] = {
        "tags": catalogue.tags,
        "studios": catalogue.studios,
        "performers": catalogue.performers,
        "groups": catalogue.groups,
        "saved_filters": catalogue.saved_filters,
        "images": media.images,
        "scene_markers": media.scene_markers,
    }
    return makers[name](snapshot)


def documents(
    snapshot: Snapshot, plans: dict[str, Plan], name: str, naming: Naming | None = None
) -> Iterator[Document]:
    """The documents of one kind, in the order of their ids.

    Raises:
        UnusableSnapshot: if the copy is damaged, or is not what its version says.
    """
    kind = kind_of(snapshot, plans, name, naming or Naming())
    last = -1
    while True:
        try:
            for document in _KindReader(snapshot, plans[name], kind, last).read():
                last = document.id
                yield document
            return
        except ERRORS as error:
            if snapshot.tolerant or "decode to UTF-8" not in str(error):
                raise snapshot.unusable(error) from None
            snapshot.tolerate()


@dataclass
class _List:
    """One of the lists, walked beside the objects."""

    name: str
    several: Several
    convert: Callable[[Any], Any]
    pairs: Iterator[tuple[Any, Any]]
    head: tuple[Any, Any]


class _KindReader:
    def __init__(self, snapshot: Snapshot, plan: Plan, kind: Kind, after: int) -> None:
        self.snapshot = snapshot
        self.after = after
        shown = {planned.field.name: planned.field for planned in plan.fields}
        columns = {name: value for name, value in kind.columns.items() if name in shown}
        self.names = ["id", *columns]
        self.readers = [(name, value.read) for name, value in columns.items() if value.read]
        self.lists: list[_List] = []
        for name, several in kind.lists.items():
            if name not in shown:
                continue
            form = shown[name].form
            convert = joined_reader(form) if isinstance(form, Joined) and not several.canonical else _as_it_is
            self.lists.append(_List(name, several, convert, iter(()), _AFTER_ALL))
        where = f"({kind.where}) AND " if kind.where else ""
        selected = spelled({"id": kind.id, **{name: value.sql for name, value in columns.items()}})
        self.sql = f"SELECT {selected}\nFROM {kind.source}\nWHERE {where}{kind.id} > ?\nORDER BY {kind.id}"
        self.shown = shown

    def read(self) -> Iterator[Document]:
        for one in self.lists:
            one.pairs = grouped(self.snapshot, one.several)
            one.head = next(one.pairs, _AFTER_ALL)
        last = self.after
        names, readers, lists = self.names, self.readers, self.lists
        for row in self.snapshot.rows(self.sql, (self.after,)):
            identifier = row[0]
            if identifier == last:
                # an object with two primary files, which no server writes
                continue
            last = identifier
            document: Json = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            unreadable: Json = {}
            for name, read in readers:
                if name in document:
                    value = document[name]
                    try:
                        found = read(value)
                    except _REFUSED:
                        unreadable[name] = repr(value)[:_MOST_UNREADABLE]
                        found = None
                    if found is None or (not found and isinstance(found, list | dict)):
                        del document[name]
                    else:
                        document[name] = found
            for one in lists:
                owner, members = one.head
                while owner is None or owner < identifier:
                    # of an object that is not there, or not shown
                    owner, members = one.head = next(one.pairs, _AFTER_ALL)
                if owner == identifier:
                    one.head = next(one.pairs, _AFTER_ALL)
                    if type(members) is orjson.Fragment:
                        document[one.name] = members
                    else:
                        self._add(document, unreadable, one, members)
            if unreadable:
                document["unreadable"] = unreadable
            yield finish(document, identifier, tuple(unreadable))

    def _add(self, document: Json, unreadable: Json, one: _List, members: list[Any]) -> None:
        """Makes the value of a list, and of what else it tells."""
        several = one.several
        assert several.read is not None
        for name, tell in several.also.items():
            if name in self.shown:
                told = tell(members)
                if told is not None:
                    document[name] = told
        try:
            found = one.convert(several.read(members))
        except _REFUSED:
            unreadable[one.name] = repr(members)[:_MOST_UNREADABLE]
            return
        if type(found) is Partial:
            unreadable[one.name], found = found.refused, found.values
        if found or not isinstance(found, list | dict):
            document[one.name] = found


def _as_it_is(value: Any) -> Any:
    return value
