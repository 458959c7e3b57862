"""What people decided about objects: above every rule, for ever.

A decision names its objects by the UUID of the instance, the id and the time of creation. It therefore survives that
an object vanishes and returns, and does not apply to another object that was given the same id later. After a
re-import, where ids and times are new, an object is recognised by its content: the strongest of its keys (hashes,
stash-box ids, names) that exactly one live object of the instance has.

A decision can also be on an object and a record of a stash-box. Such a one has the object as its only side, and names
the record by the address of the endpoint and the id; :mod:`stash_pipeline.warehouse.matches.box_decisions` applies it.

``matches.resolved_decisions`` has the decisions whose objects are live, with their current ids. The layer updates it
before it makes clusters, and makes those anew whose decisions resolve to other objects.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.blocks import LARGEST_BLOCK, Pair, holders, ordered
from stash_pipeline.warehouse.matches.features import Key, Node, key_hash, key_of

SAME: Final = "same"
DIFFERENT: Final = "different"
PRIMARY: Final = "primary"
VERDICTS: Final = (SAME, DIFFERENT, PRIMARY)


@dataclass(frozen=True)
class Side:
    """An object as a decision names it.

    Attributes:
        content: keys by which it is recognised after a re-import, as ``method value``, the strongest first.
    """

    instance: UUID
    id: int
    created_at: datetime | None
    content: tuple[str, ...]


@dataclass(frozen=True, order=True)
class BoxRecord:
    """A record of a stash-box.

    Attributes:
        endpoint: its address as ``endpoint_key`` makes it. id: in lower case.
    """

    endpoint: str
    id: str


@dataclass(frozen=True)
class Decision:
    """A decision that is in force.

    Attributes:
        left, right: the objects; of a decision on a primary object, or on a record of a stash-box, there is only the
            left one.
        box: the record of a stash-box, if the decision is on one.
        field: of a decision on a primary object, the field that it is about; None means all.
    """

    number: int
    entity: str
    verdict: str
    left: Side
    right: Side | None
    field: str | None = None
    note: str | None = None
    decided_at: datetime | None = None
    box: BoxRecord | None = None


@dataclass(frozen=True)
class Resolved:
    """The decisions of an entity whose objects are live.

    Attributes:
        same, different: pairs of objects. primary: objects and fields. None has those on stash-boxes.
        numbers: of the decisions, by verdict, objects and field.
        changed: the objects of decisions that resolve to other objects than before, before and now.
    """

    same: tuple[Pair, ...] = ()
    different: tuple[Pair, ...] = ()
    primary: tuple[tuple[Node, str | None], ...] = ()
    numbers: Mapping[tuple[str, Node, Node | None, str | None], int] = field(default_factory=dict)
    changed: frozenset[Node] = frozenset()


# --- resolving ----------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    "d.id, d.entity, d.verdict, d.left_instance, d.left_id, d.left_created_at, d.left_content,\n"
    "    d.right_instance, d.right_id, d.right_created_at, d.right_content, d.field, d.note, d.decided_at,\n"
    "    d.stashbox_url, d.stashbox_id"
)

CREATED_AT: Final = "CASE WHEN o.created_at BETWEEN '0001-01-01' AND '9999-12-31' THEN o.created_at END"
"""When an object was created; null if Python has no such time."""

_LIVE = f"""
SELECT i.uuid, i.id, o.id, {CREATED_AT}
FROM unnest(%(instances)s::uuid[], %(ids)s::bigint[]) AS w(instance, id)
JOIN ops.instances AS i ON i.uuid = w.instance
JOIN stash.{{entity}} AS o ON o.instance_id = i.id AND o.id = w.id
"""

_RESOLVED: Final = "left_instance_id, left_id, right_instance_id, right_id"


def list_decisions(connection: Connection, entity: str | None = None) -> list[Decision]:
    """All decisions in force, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}\nFROM matches.decisions AS d\n"
        "WHERE d.withdrawn_at IS NULL AND (%(entity)s::text IS NULL OR d.entity = %(entity)s) ORDER BY d.id",
        {"entity": entity},
    )
    return [_decision(row) for row in rows]


def _decision(row: tuple[Any, ...]) -> Decision:
    number, entity, verdict, *sides, about, note, decided_at, box_url, box_id = row
    left = Side(sides[0], sides[1], sides[2], tuple(sides[3] or ()))
    right = None if sides[4] is None else Side(sides[4], sides[5], sides[6], tuple(sides[7] or ()))
    box = None if box_id is None else BoxRecord(box_url, box_id)
    return Decision(number, entity, verdict, left, right, about, note, decided_at, box)


def resolve(connection: Connection, entity: str, *, only_on_boxes: bool = False) -> dict[int, tuple[Node, Node | None]]:
    """The current objects of each decision of an entity; decisions without live objects are left out."""
    decisions = [
        decision for decision in list_decisions(connection, entity) if decision.box is not None or not only_on_boxes
    ]
    live = _live_objects(connection, entity, [side for decision in decisions for side in _sides(decision)])
    resolved: dict[int, tuple[Node, Node | None]] = {}
    for decision in decisions:
        nodes = [live.get(side) for side in _sides(decision)]
        if None in nodes or len(set(nodes)) < len(nodes):
            continue
        left, right = nodes[0], nodes[1] if len(nodes) > 1 else None
        assert left is not None
        resolved[decision.number] = (left, right) if right is None else ordered(left, right)
    return resolved


def _sides(decision: Decision) -> list[Side]:
    return [decision.left] if decision.right is None else [decision.left, decision.right]


def _live_objects(connection: Connection, entity: str, sides: Sequence[Side]) -> dict[Side, Node]:
    """The live object of each side, where there is one."""
    if not sides:
        return {}
    live: dict[tuple[UUID, int], tuple[Node, datetime | None]] = {
        (row[0], row[2]): ((row[1], row[2]), row[3])
        for row in connection.execute(
            _LIVE.format(entity=entity),
            {"instances": [side.instance for side in sides], "ids": [side.id for side in sides]},
        )
    }
    result: dict[Side, Node] = {}
    missing: set[Side] = set()
    for side in sides:
        node, created_at = live.get((side.instance, side.id), (None, None))
        if node and (side.created_at is None or created_at is None or side.created_at == created_at):
            result[side] = node
        elif side.content:
            missing.add(side)
    return result | _by_content(connection, entity, missing)


def _by_content(connection: Connection, entity: str, sides: set[Side]) -> dict[Side, Node]:
    """The objects that are recognised by what they are: by the strongest key that exactly one of the instance has.

    A key that too many objects have is a category, and recognises none.
    """
    if not sides:
        return {}
    instances = dict(connection.execute("SELECT uuid, id FROM ops.instances").fetchall())
    hashes = {key: key_hash(_key(key)) for side in sides for key in side.content}
    by_hash = holders(connection, entity, dict.fromkeys(hashes.values(), 0))
    result = {}
    for side in sides:
        for key in side.content:
            listed = by_hash.get(hashes[key], set())
            nodes = [node for node in listed if node[0] == instances.get(side.instance)]
            # of a category, not all objects are listed
            if len(nodes) == 1 and len(listed) <= LARGEST_BLOCK:
                result[side] = nodes[0]
                break
    return result


def _key(text: str) -> Key:
    method, _, value = text.partition(" ")
    return key_of(method, value)


def update_resolved(connection: Connection, entity: str) -> Resolved:
    """Brings ``matches.resolved_decisions`` to what the decisions of an entity resolve to now."""
    before = {
        row[0]: _nodes(row[1:])
        for row in connection.execute(
            f"SELECT r.decision_id, {_RESOLVED} FROM matches.resolved_decisions AS r WHERE r.entity = %s", [entity]
        )
    }
    now = resolve(connection, entity)
    outdated = {number for number, nodes in before.items() if now.get(number) != nodes}
    new = {number: nodes for number, nodes in now.items() if before.get(number) != nodes}
    if outdated:
        connection.execute("DELETE FROM matches.resolved_decisions WHERE decision_id = ANY(%s)", [sorted(outdated)])
    if new:
        with connection.cursor().copy(
            f"COPY matches.resolved_decisions (decision_id, entity, {_RESOLVED}) FROM STDIN"
        ) as copy:
            for number, (left, right) in new.items():
                copy.write_row((number, entity, *left, *(right or (None, None))))
    changed = [node for number in outdated for node in before[number]] + [n for nodes in new.values() for n in nodes]
    return _by_verdict(connection, entity, now, frozenset(node for node in changed if node is not None))


def read_resolved(connection: Connection, entity: str) -> Resolved:
    """The decisions of an entity whose objects are live, without storing what they resolve to."""
    return _by_verdict(connection, entity, resolve(connection, entity))


def _nodes(row: Sequence[Any]) -> tuple[Node, Node | None]:
    return (row[0], row[1]), None if row[2] is None else (row[2], row[3])


def _by_verdict(
    connection: Connection,
    entity: str,
    resolved: Mapping[int, tuple[Node, Node | None]],
    changed: frozenset[Node] = frozenset(),
) -> Resolved:
    same, different, primary = [], [], []
    numbers: dict[tuple[str, Node, Node | None, str | None], int] = {}
    for decision in list_decisions(connection, entity):
        if decision.number not in resolved or decision.box is not None:
            continue
        left, right = resolved[decision.number]
        numbers[decision.verdict, left, right, decision.field] = decision.number
        if right is None:
            primary.append((left, decision.field))
        elif decision.verdict == SAME:
            same.append((left, right))
        else:
            different.append((left, right))
    return Resolved(
        tuple(sorted(set(same))), tuple(sorted(set(different))), tuple(dict.fromkeys(primary)), numbers, changed
    )


def partners(decisions: Resolved, nodes: Iterable[Node]) -> set[Node]:
    """The objects that people called the same as some others."""
    own = set(nodes)
    return {other for left, right in decisions.same for node, other in ((left, right), (right, left)) if node in own}


# --- contradictions -----------------------------------------------------------------------------------------


def contradictions(decisions: Resolved) -> list[tuple[Pair, list[Node]]]:
    """Pairs that people called different, with the chain of pairs called the same that joins them."""
    neighbours: dict[Node, list[Node]] = {}
    for left, right in decisions.same:
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    result = []
    for left, right in decisions.different:
        chain = _path(neighbours, left, right)
        if chain:
            result.append(((left, right), chain))
    return result


def _path(neighbours: Mapping[Node, Sequence[Node]], start: Node, end: Node) -> list[Node]:
    """The shortest path, empty if there is none."""
    previous: dict[Node, Node | None] = {start: None}
    queue = [start]
    for node in queue:
        if node == end:
            path: list[Node] = []
            step: Node | None = node
            while step is not None:
                path.append(step)
                step = previous[step]
            return path[::-1]
        for other in neighbours.get(node, ()):
            if other not in previous:
                previous[other] = node
                queue.append(other)
    return []
