"""Blocks: the objects that have a stored key in common, and the pairs that they make."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.features import Node

LARGEST_BLOCK: Final = 50
"""Objects that may have a key in common; a key of more is a category, and makes no candidates."""

Pair = tuple[Node, Node]
"""Two objects, the smaller first."""


def ordered(left: Node, right: Node) -> Pair:
    """The pair of two objects."""
    return (left, right) if left < right else (right, left)


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as one list per column, also where there is none; for ``unnest``."""
    return [[row[position] for row in rows] for position in range(width)]


def nodes_by_key(rows: Iterable[tuple[int, int, int]]) -> dict[int, set[Node]]:
    """The objects of each key, of rows of a key, an instance and an id."""
    by_key: dict[int, set[Node]] = {}
    for key, *node in rows:
        by_key.setdefault(key, set()).add((node[0], node[1]))
    return by_key


def holders(connection: Connection, entity: str, keys: Mapping[int, int]) -> dict[int, set[Node]]:
    """The objects that have some keys; of a key that too many have, one more than :data:`LARGEST_BLOCK`.

    Args:
        keys: with how many more objects to read of each.
    """
    listed = sorted(keys)
    return nodes_by_key(
        connection.execute(
            "SELECT k.key, k.instance_id, k.id FROM unnest(%s::bigint[], %s::integer[]) AS w(key, most)\n"
            "CROSS JOIN LATERAL (SELECT key, instance_id, id FROM matches.keys\n"
            "    WHERE entity = %s AND key = w.key LIMIT w.most) AS k",
            [listed, [LARGEST_BLOCK + 1 + keys[key] for key in listed], entity],
        )
    )


def keys_in_common(connection: Connection, entity: str, nodes: Iterable[Node]) -> dict[int, set[Node]]:
    """The keys of some objects, each with all objects that have it; see :func:`holders`."""
    rows = connection.execute(
        "SELECT DISTINCT k.key FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
        "JOIN matches.keys AS k ON k.entity = %s AND k.instance_id = w.instance_id AND k.id = w.id",
        [*columns(sorted(nodes), 2), entity],
    )
    return holders(connection, entity, {row[0]: 0 for row in rows})


MANY: Final = 1 << 30
"""The count of a key that more than :data:`LARGEST_BLOCK` objects have."""


def largest_counts(by_key: Mapping[int, set[Node]]) -> dict[int, int]:
    """Per key, in how many objects of one instance it is, at most; of a key that too many have, a large number."""
    return {
        key: MANY if len(nodes) > LARGEST_BLOCK else max(Counter(node[0] for node in nodes).values(), default=0)
        for key, nodes in by_key.items()
    }
