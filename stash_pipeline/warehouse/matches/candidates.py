"""Candidates: the pairs of objects that are compared.

Two objects are candidates if they have a key in common that not too many have, or near perceptual hashes. Keys and
hashes are stored, so that a few changed objects are compared with their neighbours only.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Copy

from stash_pipeline.matching.phash_pairs import find_pairs
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.features import Node, Object, key_hash, keys_of

LARGEST_BLOCK: Final = 50
"""Objects that may have a key in common; a key of more is a category, and makes no candidates."""

_DISTANCE: Final = PARAMETERS["phash"]["distance"]
_WINDOW: Final = PARAMETERS["phash"]["window"]

Pair = tuple[Node, Node]
"""Two objects, the smaller first."""


def ordered(one: Node, other: Node) -> Pair:
    """The pair of two objects."""
    return (one, other) if one < other else (other, one)


def store(connection: Connection, entity: str, objects: Iterable[Object]) -> int:
    """Writes the keys and perceptual hashes of objects of which none are stored; returns the number of keys."""
    phashes: list[PhashRow] = []
    written = 0
    with _copy_of_keys(connection) as copy:
        for one in objects:
            for key in _keys(entity, one):
                copy.write_row((entity, key, *one.node))
                written += 1
            phashes += _phash_rows(one)
    _write_phashes(connection, phashes)
    return written


@dataclass(frozen=True)
class KeyChanges:
    """What became of the keys of some objects.

    Attributes:
        keys: that one of the objects has no longer, or did not have before.
    """

    keys: set[int]
    inserted: int
    removed: int


def update_keys(connection: Connection, entity: str, nodes: Iterable[Node], live: Mapping[Node, Object]) -> KeyChanges:
    """Brings the keys of some objects to what they are now.

    Args:
        live: those of the objects that are not gone.
    """
    before = set(
        connection.execute(
            "SELECT k.key, k.instance_id, k.id FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
            "JOIN matches.keys AS k ON k.entity = %s AND k.instance_id = w.instance_id AND k.id = w.id",
            [*columns(sorted(nodes), 2), entity],
        ).fetchall()
    )
    after = {(key, *node) for node, one in live.items() for key in _keys(entity, one)}
    connection.execute(
        "DELETE FROM matches.keys AS k\n"
        "USING unnest(%s::bigint[], %s::integer[], %s::bigint[]) AS w(key, instance_id, id)\n"
        "WHERE k.entity = %s AND k.instance_id = w.instance_id AND k.id = w.id AND k.key = w.key",
        [*columns(sorted(before - after), 3), entity],
    )
    with _copy_of_keys(connection) as copy:
        for row in sorted(after - before):
            copy.write_row((entity, *row))
    return KeyChanges({row[0] for row in before ^ after}, len(after - before), len(before - after))


@dataclass(frozen=True)
class PhashChanges:
    """Perceptual hashes of some scenes that are no more, and that are new."""

    removed: list["PhashRow"]
    added: list["PhashRow"]

    @property
    def scenes(self) -> set[Node]:
        """The scenes that have or had them."""
        return {row[:2] for row in (*self.removed, *self.added)}


def phash_changes(connection: Connection, nodes: Iterable[Node], live: Mapping[Node, Object]) -> PhashChanges:
    """Compares the stored perceptual hashes of some scenes with what they are now."""
    before = set(
        connection.execute(
            "SELECT p.instance_id, p.scene_id, p.file_id, p.duration, p.phash\n"
            "FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, scene_id)\n"
            "JOIN matches.phashes AS p USING (instance_id, scene_id)",
            columns(sorted(nodes), 2),
        ).fetchall()
    )
    after = {row for one in live.values() for row in _phash_rows(one)}
    return PhashChanges(sorted(before - after), sorted(after - before))


def update_phashes(connection: Connection, changes: PhashChanges) -> None:
    """Stores changes of perceptual hashes."""
    connection.execute(
        "DELETE FROM matches.phashes AS p USING unnest(%s::integer[], %s::bigint[], %s::bigint[])\n"
        "    AS w(instance_id, scene_id, file_id)\n"
        "WHERE p.instance_id = w.instance_id AND p.scene_id = w.scene_id AND p.file_id = w.file_id",
        columns([row[:3] for row in changes.removed], 3),
    )
    _write_phashes(connection, changes.added)


PhashRow = tuple[int, int, int, int, int]


def _keys(entity: str, one: Object) -> set[int]:
    return {key_hash(key) for key in keys_of(entity, one.features)}


def _phash_rows(one: Object) -> list[PhashRow]:
    return [(*one.node, each.file_id, each.duration, each.phash) for each in one.phashes]


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as one list per column, also where there is none; for ``unnest``."""
    return [[row[position] for row in rows] for position in range(width)]


@contextmanager
def _copy_of_keys(connection: Connection) -> Iterator[Copy]:
    statement = "COPY matches.keys (entity, key, instance_id, id) FROM STDIN (FORMAT binary)"
    with connection.cursor().copy(statement) as copy:
        copy.set_types(["text", "int8", "int4", "int8"])
        yield copy


def _write_phashes(connection: Connection, rows: Iterable[PhashRow]) -> None:
    statement = "COPY matches.phashes (instance_id, scene_id, file_id, duration, phash) FROM STDIN (FORMAT binary)"
    with connection.cursor().copy(statement) as copy:
        copy.set_types(["int4", "int8", "int8", "int4", "int8"])
        for row in rows:
            copy.write_row(row)


def all_key_pairs(connection: Connection, entity: str) -> tuple[list[Node], NDArray[np.int64], NDArray[np.int64]]:
    """All pairs with a key in common: objects in their order, and the positions of both of each pair."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT instance_id, id, key FROM matches.keys WHERE entity = %s AND key IN (\n"
            "    SELECT key FROM matches.keys WHERE entity = %s GROUP BY key HAVING count(*) BETWEEN 2 AND %s)",
            [entity, entity, LARGEST_BLOCK],
        )
        rows = np.array(cursor.fetchall(), np.int64).reshape(-1, 3)
    nodes, positions = np.unique(rows[:, :2], axis=0, return_inverse=True)
    order = np.lexsort((positions, rows[:, 2]))
    block, member = rows[order, 2], positions.reshape(-1)[order]
    left, right = [], []
    for shift in range(1, LARGEST_BLOCK):
        same = np.flatnonzero(block[shift:] == block[:-shift])
        if not len(same):
            break
        left.append(member[same])
        right.append(member[same + shift])
    if not left:
        return [], np.empty(0, np.int64), np.empty(0, np.int64)
    pairs = np.unique(np.stack([np.concatenate(left), np.concatenate(right)], axis=1), axis=0)
    return [(int(a), int(b)) for a, b in nodes], pairs[:, 0], pairs[:, 1]


def phash_pairs_of_all(connection: Connection) -> tuple[set[Pair], Counter[tuple[int, int, int]]]:
    """All pairs of scenes with near perceptual hashes; and how many near hashes each file has."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT instance_id, scene_id, file_id, duration, phash FROM matches.phashes")
        rows = np.array(cursor.fetchall(), np.int64).reshape(-1, 5)
    pairs: set[Pair] = set()
    neighbours = np.zeros(len(rows), np.int64)
    for chunk in find_pairs(rows[:, 4].copy().view(np.uint64), rows[:, 3].copy(), distance=_DISTANCE, window=_WINDOW):
        np.add.at(neighbours, chunk.left, 1)
        np.add.at(neighbours, chunk.right, 1)
        for left, right in zip(rows[chunk.left, :2].tolist(), rows[chunk.right, :2].tolist(), strict=True):
            one, other = (left[0], left[1]), (right[0], right[1])
            if one != other:
                pairs.add(ordered(one, other))
    counted = Counter(
        {(row[0], row[1], row[2]): count for row, count in zip(rows[:, :3].tolist(), neighbours.tolist(), strict=True)}
    )
    return pairs, counted


def holders(connection: Connection, entity: str, keys: Iterable[int]) -> dict[int, set[Node]]:
    """The objects that have some keys; of a key that too many have, one more than :data:`LARGEST_BLOCK`."""
    by_key: dict[int, set[Node]] = {}
    for key, instance_id, identifier in connection.execute(
        "SELECT k.key, k.instance_id, k.id FROM unnest(%s::bigint[]) AS w(key)\n"
        "CROSS JOIN LATERAL (SELECT key, instance_id, id FROM matches.keys\n"
        "    WHERE entity = %s AND key = w.key LIMIT %s) AS k",
        [sorted(keys), entity, LARGEST_BLOCK + 1],
    ):
        by_key.setdefault(key, set()).add((instance_id, identifier))
    return by_key


def keys_in_common(connection: Connection, entity: str, nodes: Iterable[Node]) -> dict[int, set[Node]]:
    """The keys of some objects, each with all objects that have it; see :func:`holders`."""
    rows = connection.execute(
        "SELECT DISTINCT k.key FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
        "JOIN matches.keys AS k ON k.entity = %s AND k.instance_id = w.instance_id AND k.id = w.id",
        [*columns(sorted(nodes), 2), entity],
    )
    return holders(connection, entity, [row[0] for row in rows])


NearScenes = dict[tuple[int, int, int], list[Node]]
"""Per file (instance, scene, file), the scenes of all other files with a near perceptual hash."""


def near_scenes(connection: Connection, scenes: Iterable[Node]) -> NearScenes:
    """What is near to the files of some scenes."""
    near: NearScenes = {}
    for instance_id, scene_id, file_id, other_instance, other_scene in connection.execute(
        "SELECT a.instance_id, a.scene_id, a.file_id, b.instance_id, b.scene_id\n"
        "FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, scene_id)\n"
        "JOIN matches.phashes AS a USING (instance_id, scene_id)\n"
        "CROSS JOIN LATERAL (\n"
        "    SELECT p.instance_id, p.scene_id, p.file_id FROM matches.phashes AS p\n"
        "    WHERE p.duration BETWEEN a.duration - %s AND a.duration + %s\n"
        "      AND bit_count(int8send(p.phash # a.phash)) <= %s\n"
        "      AND (p.instance_id, p.scene_id, p.file_id) <> (a.instance_id, a.scene_id, a.file_id)\n"
        ") AS b",
        [*columns(sorted(scenes), 2), _WINDOW, _WINDOW, _DISTANCE],
    ):
        near.setdefault((instance_id, scene_id, file_id), []).append((other_instance, other_scene))
    return near


_MANY: Final = 1 << 30


def largest_counts(by_key: Mapping[int, set[Node]]) -> dict[int, int]:
    """Per key, in how many objects of one instance it is, at most; of a key that too many have, a large number."""
    return {
        key: _MANY if len(nodes) > LARGEST_BLOCK else max(Counter(node[0] for node in nodes).values(), default=0)
        for key, nodes in by_key.items()
    }


def largest_counts_of_all(connection: Connection, entity: str) -> dict[int, int]:
    """The same of all keys, but for those that one object of each instance has."""
    rows = connection.execute(
        "SELECT key, CASE WHEN sum(n) > %s THEN %s ELSE max(n) END FROM (\n"
        "    SELECT key, instance_id, count(*) AS n FROM matches.keys WHERE entity = %s GROUP BY 1, 2) AS c\n"
        "GROUP BY key HAVING max(n) > 1 OR sum(n) > %s",
        [LARGEST_BLOCK, _MANY, entity, LARGEST_BLOCK],
    )
    return {key: int(count) for key, count in rows}
