"""What people decided about pairs of objects: above every rule, for ever.

A decision names its objects by the UUID of the instance, the id and the time of creation, so that it survives
tombstones; an id that was given to another object later is not meant.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.candidates import Pair
from stash_pipeline.warehouse.matches.features import Node


@dataclass(frozen=True)
class Decided:
    """The pairs that people decided on, of objects that are live."""

    same: tuple[Pair, ...] = ()
    different: tuple[Pair, ...] = ()


_DECIDED = """
SELECT DISTINCT d.verdict, l.id, d.left_id, r.id, d.right_id
FROM matches.decisions AS d
JOIN ops.instances AS l ON l.uuid = d.left_instance
JOIN ops.instances AS r ON r.uuid = d.right_instance
JOIN stash.{entity} AS lo ON lo.instance_id = l.id AND lo.id = d.left_id
JOIN stash.{entity} AS ro ON ro.instance_id = r.id AND ro.id = d.right_id
WHERE d.entity = %(entity)s AND NOT d.withdrawn
  AND (d.left_created_at IS NULL OR lo.created_at IS NULL OR d.left_created_at = lo.created_at)
  AND (d.right_created_at IS NULL OR ro.created_at IS NULL OR d.right_created_at = ro.created_at)
"""


def decided(connection: Connection, entity: str) -> Decided:
    """All decisions on live objects of an entity; people make hundreds, not millions."""
    pairs: dict[str, list[Pair]] = {"same": [], "different": []}
    for verdict, left_instance, left, right_instance, right in connection.execute(
        _DECIDED.format(entity=entity), {"entity": entity}
    ):
        one, other = (left_instance, left), (right_instance, right)
        pairs[verdict].append((one, other) if one < other else (other, one))
    return Decided(tuple(sorted(pairs["same"])), tuple(sorted(pairs["different"])))


def partners(decisions: Decided, nodes: Iterable[Node]) -> set[Node]:
    """The objects that people called the same as some others."""
    wanted = set(nodes)
    return {
        other for one, another in decisions.same for node, other in ((one, another), (another, one)) if node in wanted
    }
