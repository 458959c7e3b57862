"""Decisions on local scenes and scenes of stash-boxes: which scenes they are on now.

The local side is found as that of every decision. By content, it is found by keys of the scenes as they were when the
layer last followed, so the layer looks whether it is another one after it has written the keys. The side of the box is
the record into which the box has merged the one that was decided on.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stash_pipeline.stashbox.endpoints import endpoint_key, same_endpoint_sql
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.decisions import SAME, BoxRecord, list_decisions, resolve
from stash_pipeline.warehouse.matches.features import Node

NOT_BY: Final = "stash_id"
"""No local side is recognised by ids of boxes: which ids a scene has depends on decisions."""

Sides = dict[int, Node]
"""The local scenes of decisions, by number."""

_STORED: Final = """
SELECT r.decision_id, r.left_instance_id, r.left_id
FROM matches.decisions AS d JOIN matches.resolved_decisions AS r ON r.decision_id = d.id
WHERE d.stashbox_id IS NOT NULL"""

_DECIDED: Final = f"""
SELECT d.id, d.verdict, e.id, coalesce(s.successor_id, d.stashbox_id)
FROM matches.decisions AS d
JOIN ops.stashbox_endpoints AS e ON {same_endpoint_sql("e.url", "d.stashbox_url")}
LEFT JOIN stashbox.scenes AS s ON s.endpoint_id = e.id AND s.id = d.stashbox_id
WHERE d.id = ANY(%s)
ORDER BY d.id"""


@dataclass(frozen=True)
class BoxDecision:
    """What a person decided about a scene of a box for a local one."""

    number: int
    accepted: bool


Decided = dict[Node, dict[int, dict[str, BoxDecision]]]
"""By local scene, endpoint and id on the box."""


def stored_sides(connection: Connection) -> Sides:
    """The local sides as the layer last stored them."""
    return {row[0]: (row[1], row[2]) for row in connection.execute(_STORED)}


def current_sides(connection: Connection) -> Sides:
    """The local sides by the scenes and keys that there are now."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM matches.decisions WHERE stashbox_id IS NOT NULL AND withdrawn_at IS NULL)"
    ).fetchone()
    if not (row and row[0]):
        return {}
    return {number: left for number, (left, _) in resolve(connection, "scenes", only_on_boxes=True).items()}


def moved(before: Mapping[int, Node], now: Mapping[int, Node]) -> set[Node]:
    """The scenes that decisions were on before or are on now, of those that are on another one."""
    numbers = {number for number in before.keys() | now.keys() if before.get(number) != now.get(number)}
    return {sides[number] for sides in (before, now) for number in numbers if number in sides}


def read_decided(connection: Connection, sides: Mapping[int, Node]) -> Decided:
    """What was decided about the boxes that are registered; of two decisions on one pair the newer one counts."""
    decided: Decided = defaultdict(lambda: defaultdict(dict))
    if sides:
        for number, verdict, endpoint_id, key in connection.execute(_DECIDED, [list(sides)]):
            decided[sides[number]][endpoint_id][key] = BoxDecision(number, verdict == SAME)
    return decided


# --- writing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InForce:
    """A decision on a pair.

    Attributes:
        number: None of one that is being written.
    """

    number: int | None
    verdict: str


class BoxRecords:
    """The records of the registered stash-boxes, as decisions name them.

    Args:
        entity: what the records are.
    """

    def __init__(self, connection: Connection, entity: str) -> None:
        self._connection = connection
        self._entity = entity
        rows = connection.execute("SELECT url, name FROM ops.stashbox_endpoints").fetchall()
        self._names = {endpoint_key(url): name for url, name in rows}
        self._by_pair: dict[tuple[Node, BoxRecord], list[int]] = defaultdict(list)
        self._current: dict[BoxRecord, BoxRecord] = {}

    def current(self, record: BoxRecord) -> BoxRecord:
        """The record into which the box has merged it, or itself."""
        if record not in self._current:
            row = self._connection.execute(
                f"SELECT d.successor_id FROM ops.stashbox_endpoints AS e\n"
                f"JOIN stashbox.{self._entity} AS d ON d.endpoint_id = e.id AND d.id = %(id)s\n"
                f"WHERE {same_endpoint_sql('e.url', '%(url)s')}",
                {"id": record.id, "url": record.endpoint},
            ).fetchone()
            self._current[record] = BoxRecord(record.endpoint, row[0]) if row and row[0] else record
        return self._current[record]

    def in_force(self) -> dict[tuple[Node, BoxRecord], InForce]:
        """The decisions in force by object and current record; of two on one pair the newer one."""
        sides = resolve(self._connection, self._entity, only_on_boxes=True)
        decisions: dict[tuple[Node, BoxRecord], InForce] = {}
        for decision in list_decisions(self._connection, self._entity):
            if decision.box is not None and decision.number in sides:
                pair = (sides[decision.number][0], self.current(decision.box))
                self._by_pair[pair].append(decision.number)
                decisions[pair] = InForce(decision.number, decision.verdict)
        return decisions

    def numbers(self, node: Node, record: BoxRecord) -> list[int]:
        """All decisions in force on a pair; there are several if the box merged their records."""
        return self._by_pair.get((node, record), [])

    def describe(self, record: BoxRecord) -> str:
        """A record as commands name it."""
        return f"{self._names.get(record.endpoint, record.endpoint)}:{record.id}"
