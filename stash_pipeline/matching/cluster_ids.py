"""Ids of clusters that outlive a change of their members."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Node = TypeVar("Node", int, str, tuple[str, int], tuple[int, int])
Id = TypeVar("Id")


@dataclass
class Assignment(Generic[Node, Id]):
    """The ids of a new partition.

    Attributes:
        ids: per node.
        redirects: an id that was merged into an older one, and that one. Never to an id that is itself redirected.
        created: new ids, in the order of the smallest node of their clusters.
        retired: ids of which no object is left.
    """

    ids: dict[Node, Id] = field(default_factory=dict)
    redirects: dict[Id, Id] = field(default_factory=dict)
    created: list[Id] = field(default_factory=list)
    retired: set[Id] = field(default_factory=set)


def assign_ids(
    old: Mapping[Node, Id],
    age: Mapping[Id, int],
    clusters: Iterable[Collection[Node]],
    new_id: Callable[[], Id],
) -> Assignment[Node, Id]:
    """Gives each cluster of a partition its id.

    An id stays with the cluster that holds the largest part of its former nodes, of equal parts the one with the
    smallest node. Of several ids that a cluster could keep so, it keeps the oldest, and the others redirect to it. A
    cluster that keeps none gets a new id.

    Args:
        old: the id of each node so far; of nodes that are gone as well.
        age: when each id was created: the smaller the older. Equal ages are in the order of the smallest former node.
        clusters: the new partition, in any order.
    """
    ordered = sorted((sorted(members) for members in clusters if members), key=lambda members: members[0])
    parts: dict[Id, dict[int, list[Node]]] = {}
    for number, members in enumerate(ordered):
        for node in members:
            if node in old:
                parts.setdefault(old[node], {}).setdefault(number, []).append(node)
    first: dict[Id, Node] = {}
    for node, identity in old.items():
        if identity not in first or node < first[identity]:
            first[identity] = node
    kept: dict[int, list[Id]] = {}
    for identity, by_cluster in parts.items():
        # members are sorted: the first of a part is its smallest
        holder = min(by_cluster, key=lambda number: (-len(by_cluster[number]), by_cluster[number][0]))
        kept.setdefault(holder, []).append(identity)
    result: Assignment[Node, Id] = Assignment(retired=set(first) - set(parts))
    for number, members in enumerate(ordered):
        candidates = sorted(kept.get(number, []), key=lambda identity: (age[identity], first[identity]))
        if candidates:
            identity = candidates[0]
            result.redirects.update(dict.fromkeys(candidates[1:], identity))
        else:
            identity = new_id()
            result.created.append(identity)
        result.ids.update(dict.fromkeys(members, identity))
    return result
