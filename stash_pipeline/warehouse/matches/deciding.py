"""Writes what people decide: checks that it contradicts nothing, and logs the objects, so that every layer follows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.blocks import Pair, ordered
from stash_pipeline.warehouse.matches.box_decisions import NOT_BY, BoxRecords, InForce
from stash_pipeline.warehouse.matches.decisions import (
    CREATED_AT,
    DIFFERENT,
    PRIMARY,
    SAME,
    BoxRecord,
    Resolved,
    contradictions,
    read_resolved,
)
from stash_pipeline.warehouse.matches.features import Node, content_keys, load_objects, load_roots
from stash_pipeline.warehouse.ops.object_log import Touched, publish

_CONTRADICTIONS_NAMED: Final = 5
_ENDS_NAMED: Final = 3
"""Of a long chain of objects, or a long list of decisions, so many of each end."""


class ContradictionError(UserError):
    """A decision contradicts earlier ones."""


@dataclass(frozen=True)
class NewDecision:
    """What a person decides.

    Attributes:
        verdict: same, different or primary.
        right: None if the verdict is primary, or the other side is a record of a stash-box.
        field: of a primary object, the field that it is about; None means all.
    """

    entity: str
    verdict: str
    left: Node
    right: Node | None = None
    field: str | None = None
    note: str | None = None
    box: BoxRecord | None = None

    @property
    def pair(self) -> Pair | None:
        """Both objects in order; None if there is only one."""
        return None if self.right is None else ordered(self.left, self.right)


@dataclass
class Decided:
    """What became of decisions.

    Attributes:
        written: numbers of the new ones. unchanged: how many said what was decided already.
        replaced: numbers of earlier decisions on the same objects that no longer apply.
    """

    written: list[int] = field(default_factory=list)
    unchanged: int = 0
    replaced: list[int] = field(default_factory=list)


def decide(connection: Connection, new: Sequence[NewDecision]) -> Decided:
    """Writes decisions, all or none. The next run of the layer applies them.

    A decision on a pair replaces an earlier one on the same pair.

    Args:
        connection: the statements are one transaction; in an outer one, that can still be rolled back.

    Raises:
        ContradictionError: if one contradicts another, also through a chain of objects called the same.
        UserError: if an object does not exist.
    """
    result = Decided()
    names = dict(connection.execute("SELECT id, name FROM ops.instances").fetchall())
    with connection.transaction():
        # of two people who decide at once, the second one sees what the first one decided
        connection.execute("LOCK TABLE matches.decisions IN SHARE ROW EXCLUSIVE MODE")
        by_entity: dict[str, list[NewDecision]] = defaultdict(list)
        for decision in new:
            by_entity[decision.entity].append(decision)
        touched: dict[int, Touched] = defaultdict(Touched)
        for entity, decisions in sorted(by_entity.items()):
            _refuse_contradicting_rows(decisions, names)
            on_boxes = [decision for decision in decisions if decision.box is not None]
            on_objects = [decision for decision in decisions if decision.box is None]
            if on_objects:
                _write(connection, entity, on_objects, result, touched, names)
            if on_boxes:
                _write_on_boxes(connection, entity, on_boxes, result, touched, names)
        _log(connection, touched)
    return result


def withdraw(connection: Connection, numbers: Iterable[int]) -> list[int]:
    """Withdraws decisions; returns those that were in force. The next run of the layer applies it.

    Raises:
        UserError: if there is no such decision.
    """
    distinct = sorted(set(numbers))
    with connection.transaction():
        existing = {
            row[0] for row in connection.execute("SELECT id FROM matches.decisions WHERE id = ANY(%s)", [distinct])
        }
        missing = [number for number in distinct if number not in existing]
        if missing:
            raise UserError(
                f"There is no decision {missing[0]}; `stash-pipeline matches decisions` lists all that are in force."
            )
        touched: dict[int, Touched] = defaultdict(Touched)
        withdrawn = _withdraw(connection, distinct, touched)
        _log(connection, touched)
    return withdrawn


def _withdraw(connection: Connection, numbers: Sequence[int], touched: Mapping[int, Touched]) -> list[int]:
    rows = connection.execute(
        "UPDATE matches.decisions SET withdrawn_at = now() WHERE id = ANY(%s) AND withdrawn_at IS NULL RETURNING id",
        [list(numbers)],
    ).fetchall()
    withdrawn = sorted(row[0] for row in rows)
    for entity, *sides in connection.execute(
        "SELECT entity, left_instance_id, left_id, right_instance_id, right_id\n"
        "FROM matches.resolved_decisions WHERE decision_id = ANY(%s)",
        [withdrawn],
    ):
        for instance_id, identifier in (sides[:2], sides[2:]):
            if instance_id is not None:
                touched[instance_id].add(entity, [identifier])
    return withdrawn


def _refuse_contradicting_rows(decisions: Sequence[NewDecision], names: Mapping[int, str]) -> None:
    verdicts: dict[Pair, str] = {}
    for decision in decisions:
        if decision.pair is None:
            continue
        if decision.left == decision.right:
            raise UserError(f"{describe(decision.entity, decision.left, names)} is given twice; name two objects.")
        if verdicts.setdefault(decision.pair, decision.verdict) != decision.verdict:
            left, right = (describe(decision.entity, node, names) for node in decision.pair)
            raise ContradictionError(f"{left} and {right} are called both the same and different; keep one of the two.")


def _write(
    connection: Connection,
    entity: str,
    new: Sequence[NewDecision],
    result: Decided,
    touched: Mapping[int, Touched],
    names: Mapping[int, str],
) -> None:
    before = read_resolved(connection, entity)
    identities = _identities(connection, entity, new, names)
    replaced: set[int] = set()
    added: list[NewDecision] = []
    for decision in dict.fromkeys(new):
        nodes = (decision.left, None) if decision.pair is None else decision.pair
        if decision.verdict != PRIMARY and (decision.verdict, *nodes, None) in before.numbers:
            result.unchanged += 1
            continue
        # of primary objects the newest decision counts, so an earlier one on the same object is written anew
        earlier = {SAME: DIFFERENT, DIFFERENT: SAME, PRIMARY: PRIMARY}[decision.verdict]
        number = before.numbers.get((earlier, *nodes, decision.field))
        if number is not None:
            replaced.add(number)
        added.append(decision)
    _refuse_contradictions(entity, _after(before, added), before, names)
    result.replaced += _withdraw(connection, sorted(replaced), touched)
    for decision in added:
        result.written.append(_insert(connection, decision, identities))
        for node in (decision.left, decision.right):
            if node is not None:
                touched[node[0]].add(entity, [node[1]])


def _write_on_boxes(
    connection: Connection,
    entity: str,
    new: Sequence[NewDecision],
    result: Decided,
    touched: Mapping[int, Touched],
    names: Mapping[int, str],
) -> None:
    """Writes decisions on records of stash-boxes; one on the successor of a record is on the same pair."""
    identities = _identities(connection, entity, new, names)
    records = BoxRecords(connection, entity)
    decided = records.in_force()
    replaced: set[int] = set()
    added: list[NewDecision] = []
    for decision in dict.fromkeys(new):
        assert decision.box is not None
        pair = (decision.left, records.current(decision.box))
        earlier = decided.get(pair)
        if earlier is not None and earlier.number is None and earlier.verdict != decision.verdict:
            raise ContradictionError(
                f"{describe(entity, decision.left, names)} and {records.describe(pair[1])} are called both the same "
                "and different; keep one of the two."
            )
        if earlier is not None and earlier.verdict == decision.verdict:
            result.unchanged += 1
            continue
        replaced.update(records.numbers(*pair))
        decided[pair] = InForce(None, decision.verdict)
        added.append(decision)
    _refuse_several(entity, decided, {decision.left for decision in added}, records, names)
    result.replaced += _withdraw(connection, sorted(replaced), touched)
    for decision in added:
        result.written.append(_insert(connection, decision, identities))
        touched[decision.left[0]].add(entity, [decision.left[1]])


def _refuse_several(
    entity: str,
    decided: Mapping[tuple[Node, BoxRecord], InForce],
    nodes: Collection[Node],
    records: BoxRecords,
    names: Mapping[int, str],
) -> None:
    """Refuses that objects are several records of one box."""
    accepted: dict[tuple[Node, str], list[tuple[BoxRecord, int | None]]] = defaultdict(list)
    for (node, record), decision in decided.items():
        if decision.verdict == SAME and node in nodes:
            accepted[node, record.endpoint].append((record, decision.number))
    for (node, _), several in sorted(accepted.items()):
        # those that were accepted earlier may be several since a box split or merged them
        if len(several) > 1 and any(number is None for _, number in several):
            listed = " and ".join(records.describe(record) for record, _ in several)
            numbers = ", ".join(str(number) for _, number in several if number is not None)
            raise ContradictionError(
                f"{describe(entity, node, names)} would be {listed}, which are different. "
                + (f"Withdraw the decision {numbers} first." if numbers else "Accept one of them.")
            )


def _after(before: Resolved, new: Sequence[NewDecision]) -> Resolved:
    """The decisions as they would be."""
    verdicts = dict.fromkeys(before.same, SAME) | dict.fromkeys(before.different, DIFFERENT)
    verdicts.update({decision.pair: decision.verdict for decision in new if decision.pair is not None})
    return Resolved(
        tuple(sorted(pair for pair, verdict in verdicts.items() if verdict == SAME)),
        tuple(sorted(pair for pair, verdict in verdicts.items() if verdict == DIFFERENT)),
    )


def _refuse_contradictions(entity: str, after: Resolved, before: Resolved, names: Mapping[int, str]) -> None:
    existing = {pair for pair, _ in contradictions(before)}
    sentences = []
    for pair, chain in contradictions(after):
        if pair in existing:
            continue
        objects = [describe(entity, node, names) for node in chain]
        numbers = [
            number
            for verdict, nodes in [(DIFFERENT, pair), *((SAME, ordered(a, b)) for a, b in pairwise(chain))]
            if (number := before.numbers.get((verdict, *nodes, None))) is not None
        ]
        listed = _shortened([str(number) for number in sorted(numbers)], ", ")
        sentences.append(
            f"{objects[0]} and {objects[-1]} would be different, and the same through {_shortened(objects, ' = ')}."
            + (f" Withdraw one of the decisions {listed} first." if numbers else "")
        )
    if sentences:
        more = len(sentences) - _CONTRADICTIONS_NAMED
        raise ContradictionError(
            " ".join(sentences[:_CONTRADICTIONS_NAMED])
            + (f" There are {more:,} more contradictions." if more > 0 else "")
        )


def _shortened(words: Sequence[str], between: str) -> str:
    """All of a few words, or the first and the last ones: people can chain hundreds of objects."""
    left_out = len(words) - 2 * _ENDS_NAMED
    if left_out <= 1:
        return between.join(words)
    return between.join([*words[:_ENDS_NAMED], f"… {left_out:,} more …", *words[-_ENDS_NAMED:]])


@dataclass(frozen=True)
class _Identity:
    uuid: Any
    created_at: datetime | None
    content: list[str]


def _identities(
    connection: Connection, entity: str, new: Sequence[NewDecision], names: Mapping[int, str]
) -> dict[Node, _Identity]:
    """By what the objects of decisions are recognised later."""
    nodes = sorted({node for decision in new for node in (decision.left, decision.right) if node is not None})
    rows = connection.execute(
        f"SELECT i.id, o.id, i.uuid, {CREATED_AT} FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
        "JOIN ops.instances AS i ON i.id = w.instance_id\n"
        f"JOIN stash.{entity} AS o ON o.instance_id = i.id AND o.id = w.id",
        [[node[0] for node in nodes], [node[1] for node in nodes]],
    )
    live = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    for node in nodes:
        if node not in live:
            raise UserError(f"{describe(entity, node, names)} does not exist; check the instance and the id.")
    objects = load_objects(connection, entity, load_roots(connection), nodes)
    contents = {obj.node: content_keys(obj.features) for obj in objects}
    return {node: _Identity(*live[node], contents.get(node, [])) for node in nodes}


def _insert(connection: Connection, decision: NewDecision, identities: Mapping[Node, _Identity]) -> int:
    left = identities[decision.left]
    right = identities[decision.right] if decision.right is not None else None
    content = (
        left.content if decision.box is None else [key for key in left.content if not key.startswith(f"{NOT_BY} ")]
    )
    row = connection.execute(
        "INSERT INTO matches.decisions (entity, verdict, left_instance, left_id, left_created_at, left_content,\n"
        "    right_instance, right_id, right_created_at, right_content, stashbox_url, stashbox_id, field, note)\n"
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        [
            decision.entity,
            decision.verdict,
            *(left.uuid, decision.left[1], left.created_at, content),
            *(
                (right.uuid, decision.right[1], right.created_at, right.content)
                if right and decision.right
                else [None] * 4
            ),
            *((decision.box.endpoint, decision.box.id) if decision.box else (None, None)),
            decision.field,
            decision.note,
        ],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _log(connection: Connection, touched: Mapping[int, Touched]) -> None:
    for instance_id in sorted(touched):
        publish(connection, instance_id, touched[instance_id])


def describe(entity: str, node: Node, names: Mapping[int, str]) -> str:
    """An object as commands name it."""
    return f"{entity} {names.get(node[0], node[0])}:{node[1]}"
