"""Loads the copies in groups of duplicates: objects and their files, with what the keeper rules compare."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np

from stash_pipeline.matching.duplicates import Copy
from stash_pipeline.matching.keeper_rules import codec_rank
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.copy_columns import copy_columns, int4, int8
from stash_pipeline.warehouse.matches.database_thread import DatabaseThread
from stash_pipeline.warehouse.matches.duplicate_sql import GROUPED, LISTS, SELECTED, TAGS, files_query, objects_query
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.ops.protection import Protection, read_protection

Row = tuple[Any, ...]
Lists = Mapping[str, Mapping[str, str]]
"""By name: what identifies each item, and its name."""

_BITS: Final = 62
"""Members of a group that fit into a number of Postgres."""

_LARGEST: Final = 2**48
"""Bytes. Larger files are invented; the sum of many would be no integer of Postgres."""

_ROWS_AT_ONCE: Final = 5_000
_NUMBERS: Final = count()
"""Of cursors, whose names are distinct."""


def select_objects(connection: Connection, nodes: Iterable[Node]) -> None:
    """Makes some objects those whose groups are made again."""
    connection.execute(f"DROP TABLE IF EXISTS {SELECTED}")
    connection.execute("CREATE TEMP TABLE duplicate_objects (instance_id integer, id bigint) ON COMMIT DROP")
    rows = np.array(sorted(set(nodes)), np.int64).reshape(-1, 2)
    copy_columns(connection, SELECTED, ("instance_id", "id"), [int4(rows[:, 0]), int8(rows[:, 1])])
    connection.execute(f"ANALYZE {SELECTED}")


def select_groups(connection: Connection, groups: Sequence[Sequence[Node]]) -> None:
    """Makes some groups, which have their positions as numbers, those that queries read."""
    rows = [
        (number, 1 << place % _BITS, (1 << len(group)) - 1 if len(group) <= _BITS else 0, *node)
        for number, group in enumerate(groups)
        for place, node in enumerate(group)
    ]
    connection.execute(f"DROP TABLE IF EXISTS {GROUPED}")
    connection.execute(
        "CREATE TEMP TABLE duplicate_groups (\n"
        "    number integer, member bigint, everyone bigint, instance_id integer, id bigint\n"
        ") ON COMMIT DROP"
    )
    number, member, everyone, instance_id, identifier = np.array(rows, np.int64).reshape(-1, 5).T
    columns = [int4(number), int8(member), int8(everyone), int4(instance_id), int8(identifier)]
    copy_columns(connection, GROUPED, ("number", "member", "everyone", "instance_id", "id"), columns)
    connection.execute(f"ANALYZE {GROUPED}")


@dataclass(frozen=True)
class InstanceFacts:
    """What is known of instances."""

    priorities: Mapping[int, int]
    protection: Mapping[int, Protection]


def instance_facts(connection: Connection) -> InstanceFacts:
    """The priorities of all instances, and what is protected there."""
    priorities = dict(connection.execute("SELECT id, priority FROM ops.instances").fetchall())
    return InstanceFacts(priorities, read_protection(connection))


class File(NamedTuple):
    """A file of a scene, as the table has it."""

    id: int
    primary: bool
    path: str | None
    size: int | None
    width: int | None
    height: int | None
    duration: int | None
    codec: str | None
    bit_rate: int | None
    frame_rate: float | None
    created: float | None
    hashes: Sequence[str] | None
    phash: int | None

    @property
    def phashes(self) -> tuple[int, ...]:
        """Unsigned: one, or none."""
        return () if self.phash is None else (self.phash % (1 << 64),)


class KnownCopy(NamedTuple):
    """A copy, with what its row shows."""

    copy: Copy
    file: File | None = None
    markers: int = 0


_NO_LISTS: Final[Lists] = {}


@dataclass(frozen=True)
class Loaded:
    """What is known of the objects of some groups: one row of each, and more by object, or by group and object.

    Attributes:
        lists: the items that not all objects of the group have.
        tags: the names of all tags; only of instances that protect tags.
        files: the best of a scene first.
    """

    rows: dict[Node, Row] = field(default_factory=dict)
    lists: dict[tuple[int, Node], dict[str, dict[str, str]]] = field(default_factory=dict)
    tags: dict[Node, Sequence[str]] = field(default_factory=dict)
    files: dict[Node, list[File]] = field(default_factory=dict)


class Reader:
    """Reads what is known of the wanted groups, in their order, some at a time.

    Args:
        database: the thread that reads.
        some: they are few, and read at once; otherwise each query has a cursor, so that none runs several times.
    """

    def __init__(self, connection: Connection, entity: str, database: DatabaseThread, *, some: bool) -> None:
        self._database = database
        self._connection = connection
        self._some = some
        self._lists = {name: self._rows(query) for name, query in LISTS[entity].items()}
        self._tags = self._rows(TAGS[entity]) if entity in TAGS else _Rows(iter(()))
        self._files = self._rows(files_query(some=some)) if entity == "scenes" else _Rows(iter(()))
        self._objects = self._rows(objects_query(entity, some=some))

    def read(self, end: int) -> Loaded:
        """What is known of the groups that were not read yet, with numbers below the end."""
        loaded = Loaded()
        for name, rows in self._lists.items():
            for number, instance_id, identifier, item, shown in rows.until(end):
                items = loaded.lists.setdefault((number, (instance_id, identifier)), {}).setdefault(name, {})
                # of two that are the same thing, such as tags of one cluster, always the same name
                items[item] = min(shown, items.get(item, shown))
        loaded.tags.update((row[1:3], row[3]) for row in self._tags.until(end))
        for _, group in groupby(self._files.until(end), itemgetter(0)):
            of_group: dict[Node, list[File]] = {}
            for row in group:
                of_group.setdefault(row[1:3], []).append(File._make(row[3:]))
            # an object is in several groups if a person has to decide on it
            loaded.files.update(of_group)
        loaded.rows.update((row[1:3], row[1:]) for row in self._objects.until(end))
        return loaded

    def _rows(self, query: str) -> "_Rows":
        if self._some:
            return _Rows(iter(self._connection.execute(query).fetchall()))
        rows = _read(self._connection, query)
        self._database.close_at_end(rows)
        return _Rows(rows)


def _read(connection: Connection, query: str) -> Generator[Row, None, None]:
    """The rows of a query. Its cursor, and the memory of Postgres for it, ends with the last one."""
    with connection.cursor(name=f"copies_{next(_NUMBERS)}") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(query)
        yield from cursor


class _Rows:
    """Rows in the order of their first column."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._next: Row | None = next(rows, None)

    def until(self, end: int) -> Iterator[Row]:
        """The next rows whose first column is below the end."""
        row = self._next
        while row is not None and row[0] < end:
            yield row
            row = next(self._rows, None)
        self._next = row


class Copies:
    """Makes the copies of groups of what was loaded."""

    def __init__(self, entity: str, loaded: Loaded, context: InstanceFacts) -> None:
        self._entity = entity
        self._loaded = loaded
        self._context = context

    def objects(self, number: int, nodes: Iterable[Node]) -> list[KnownCopy]:
        """The objects of a group that are there.

        Args:
            number: of the group, by which it was wanted.
        """
        loaded = self._loaded
        make = self._scene if self._entity == "scenes" else self._named
        return [
            make(node, loaded.rows[node], loaded.lists.get((number, node), _NO_LISTS))
            for node in nodes
            if node in loaded.rows
        ]

    def files(self, nodes: Iterable[Node]) -> list[KnownCopy]:
        """The files of some scenes. One of two scenes is one copy, of the first of the scenes."""
        by_file: dict[tuple[int, int], tuple[Node, File]] = {}
        for node in nodes:
            for file in self._loaded.files.get(node, ()):
                by_file.setdefault((node[0], file.id), (node, file))
        return [self._video(node, file) for node, file in by_file.values()]

    def _protected(self, instance_id: int, paths: Iterable[str], tags: Iterable[str]) -> str | None:
        protection = self._context.protection.get(instance_id)
        return protection.reason(paths, tags) if protection else None

    def _scene(self, node: Node, row: Row, lists: Lists) -> KnownCopy:
        _, _, created, rating, filled, stash_ids, organized, plays, o_counter, markers = row
        files = self._loaded.files.get(node, ())
        best = files[0] if files else None
        size = min(sum(_size(file) or 0 for file in files), _LARGEST) if files else None
        paths = sorted(file.path or "" for file in files)
        protected = self._protected(node[0], paths, self._loaded.tags.get(node, ()))
        values = {
            **_video_values(best),
            "protected": float(protected is not None),
            "markers": markers,
            "plays": plays,
            "organized": float(organized),
            "stash_ids": stash_ids,
            "priority": self._context.priorities.get(node[0]),
            "created": created,
        }
        copy = Copy(
            node,
            values,
            protected,
            lists=lists,
            counts={"markers": markers, "plays": plays, "o": o_counter},
            fields=filled,
            rating=rating,
            organized=organized,
            hashes=frozenset(value for file in files for value in file.hashes or ()),
            phashes=tuple(phash for file in files for phash in file.phashes),
            duration=best.duration if best else None,
            size=size,
            width=best.width if best else None,
            height=best.height if best else None,
            codec=best.codec if best else None,
            location="\n".join(paths) or None,
        )
        return KnownCopy(copy, best, markers)

    def _video(self, node: Node, file: File) -> KnownCopy:
        protected = self._protected(node[0], [file.path or ""], ())
        values = {
            **_video_values(file),
            "protected": float(protected is not None),
            "primary": float(file.primary),
            "priority": self._context.priorities.get(node[0]),
            "created": file.created,
        }
        copy = Copy(
            (*node, file.id),
            values,
            protected,
            hashes=frozenset(file.hashes or ()),
            phashes=file.phashes,
            duration=file.duration,
            size=_size(file),
            width=file.width,
            height=file.height,
            codec=file.codec,
            location=file.path,
        )
        return KnownCopy(copy, file)

    def _named(self, node: Node, row: Row, lists: Lists) -> KnownCopy:
        _, _, created, rating, filled, stash_ids, aliases, favorite, name = row
        tags = [name or ""] if self._entity == "tags" else self._loaded.tags.get(node, ())
        protected = self._protected(node[0], (), tags)
        values = {
            "protected": float(protected is not None),
            "stash_ids": stash_ids,
            "favorite": float(favorite),
            "fields": len(filled),
            "aliases": aliases,
            "priority": self._context.priorities.get(node[0]),
            "created": created,
        }
        copy = Copy(node, values, protected, lists=lists, fields=filled, rating=rating)
        return KnownCopy(copy)


def _size(file: File) -> int | None:
    return file.size and min(max(file.size, 0), _LARGEST)


def _video_values(file: File | None) -> dict[str, float | None]:
    if file is None:
        return {}
    return {
        "resolution": file.width * file.height if file.width and file.height else None,
        "codec": codec_rank(file.codec),
        "bit_rate": file.bit_rate or None,
        "size": _size(file),
    }
