"""Clusters of objects that are the same thing, from links between two of them: union-find with cannot-links.

Links are taken strongest first. One that would break a constraint is refused and recorded with its reason, so that a
person can look at it; weaker links do not undo stronger ones. The order is that of strength and then of the objects,
never that of the input: the same links make the same clusters.

People come first. What they call the same is joined before any link and above every constraint; what they call
different is joined by no link. Where both contradict each other nothing can be right: the objects stay joined, and the
contradiction is reported with the chain of decisions that makes it.

Perceptual hashes must not chain: A resembles B and B resembles C does not make A and C the same. A link of a rule with
``complete`` linkage joins only if *all* pairs of both sides are within the limits. Both sides are those objects that
resemblance or an equal hash has joined before, not whole clusters: what two stash-box ids have joined need not look
alike, two cuts of a film do not. All pairs rather than a representative: clusters are small, any two members are then
within the distance that the rule names, and the result depends on no choice of a representative.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.matching.rules import LinkRule

Pair: TypeAlias = tuple[int, int]

_CHUNK = 1 << 16


class Links(NamedTuple):
    """Links between nodes, which are numbers from 0 in the order of the objects' ids."""

    left: NDArray[np.integer]
    right: NDArray[np.integer]
    strength: NDArray[np.floating]
    rule: NDArray[np.integer]
    """Positions in the list of rules."""


@dataclass(frozen=True)
class OneValue:
    """A cluster has one value of an attribute, such as a birthdate. Negative values are unknown.

    A cluster that people made has as many values as it has; another one fits where it adds none.
    """

    name: str
    values: NDArray[np.integer]
    compatible: Callable[[int, int], bool] | None = None
    """Whether two different values may be of one thing: a year and a day of that year."""


@dataclass(frozen=True)
class OneEach:
    """A cluster has one object of each value, such as an instance, unless a hash or a person joins these objects.

    Objects are joined by a hash or a person if a chain of such links leads from one to the other. Negative values are
    free.
    """

    name: str
    values: NDArray[np.integer]


Exclusion: TypeAlias = OneValue | OneEach


class Refusal(NamedTuple):
    """A link that did not join: a constraint says that ``between`` are different things."""

    left: int
    right: int
    strength: float
    rule: str
    reason: str
    """``decision``, ``linkage``, or the name of an exclusion."""
    between: Pair


class Contradiction(NamedTuple):
    """A pair that people call different, and a chain of decisions that calls it the same."""

    left: int
    right: int
    chain: tuple[int, ...]


class Clustering(NamedTuple):
    """Per node the smallest node of its cluster; what was refused, strongest first; contradictions, sorted."""

    labels: NDArray[np.int64]
    refusals: list[Refusal]
    contradictions: list[Contradiction]


class _Forest:
    """Union-find. Arrays, as lists of a million numbers miss the processor's caches."""

    def __init__(self, size: int) -> None:
        self.parent = array("i", range(size))
        self.more = array("i", bytes(4 * size))  # members beyond the root

    def find(self, node: int) -> int:
        parent = self.parent
        while (above := parent[node]) != node:
            parent[node] = node = parent[above]
        return node

    def union(self, left_root: int, right_root: int) -> tuple[int, int]:
        """Joins the sets of two roots; the root that remains and the other one."""
        more = self.more
        few, many = more[left_root], more[right_root]
        if few < many or (few == many and right_root < left_root):
            left_root, right_root = right_root, left_root
        self.parent[right_root] = left_root
        more[left_root] = few + many + 1
        return left_root, right_root

    def join(self, left: int, right: int) -> None:
        """Joins the sets of two nodes."""
        left_root, right_root = self.find(left), self.find(right)
        if left_root != right_root:
            self.union(left_root, right_root)


class _MemberForest(_Forest):
    """Union-find that knows the members of a set: they are a ring."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.ring = array("i", range(size))

    def union(self, left_root: int, right_root: int) -> tuple[int, int]:
        self.ring[left_root], self.ring[right_root] = self.ring[right_root], self.ring[left_root]
        return super().union(left_root, right_root)

    def members(self, node: int) -> list[int]:
        members = [node]
        while (node := self.ring[node]) != members[0]:
            members.append(node)
        return members


class _Values:
    """The values of each cluster: one node of each, kept only where it is not the root alone."""

    def __init__(self, exclusion: Exclusion) -> None:
        self.name = exclusion.name
        self.values = array("q", np.ascontiguousarray(exclusion.values, np.int64).tobytes())
        self.kept: dict[int, tuple[int, ...]] = {}
        self.compatible = exclusion.compatible if isinstance(exclusion, OneValue) else None

    def of(self, root: int) -> tuple[int, ...]:
        kept = self.kept.get(root)
        return kept if kept is not None else (root,) if self.values[root] >= 0 else ()

    def merge(self, root: int, gone: int) -> None:
        if gone not in self.kept and root not in self.kept:  # by far the most frequent case
            value = self.values[gone]
            if value >= 0 and value != self.values[root]:
                self.kept[root] = (root, gone) if self.values[root] >= 0 else (gone,)
            return
        mine, theirs = self.of(root), self.of(gone)
        self.kept.pop(gone, None)
        if theirs:
            known = {self.values[node] for node in mine}
            new = tuple(node for node in theirs if self.values[node] not in known)
            if new:
                self.kept[root] = mine + new

    def differ(self, left_root: int, right_root: int) -> Pair | None:
        """Two nodes with values that no one thing has."""
        values = self.values
        if left_root not in self.kept and right_root not in self.kept:
            a, b = values[left_root], values[right_root]
            if a < 0 or b < 0 or a == b or (self.compatible and self.compatible(a, b)):
                return None
            return left_root, right_root
        mine, theirs = self.of(left_root), self.of(right_root)
        if not mine or not theirs:
            return None
        first, second = {values[node] for node in mine}, {values[node] for node in theirs}
        if first <= second or second <= first:
            return None
        for left in mine:
            for right in theirs:
                a, b = values[left], values[right]
                if a != b and not (self.compatible and self.compatible(a, b)):
                    return left, right
        return None

    def meet(self, left_root: int, right_root: int) -> Sequence[Pair]:
        """Pairs of nodes with the same value."""
        values = self.values
        if left_root not in self.kept and right_root not in self.kept:
            return ((left_root, right_root),) if values[left_root] == values[right_root] >= 0 else ()
        theirs = self.of(right_root)
        return [(left, right) for left in self.of(left_root) for right in theirs if values[left] == values[right]]


class _Clusterer:
    def __init__(
        self,
        size: int,
        rules: Sequence[LinkRule],
        exclusions: Sequence[Exclusion],
        within: Callable[[int, int], bool] | None,
    ) -> None:
        self.clusters = _Forest(size)
        self.identical = _Forest(size)
        self.alike = _MemberForest(size) if any(rule.complete for rule in rules) else None
        self.rules = rules
        self.within = within
        self.one_value = [_Values(exclusion) for exclusion in exclusions if isinstance(exclusion, OneValue)]
        self.one_each = [_Values(exclusion) for exclusion in exclusions if isinstance(exclusion, OneEach)]
        self.different: dict[int, list[Pair]] = {}
        self.refusals: list[Refusal] = []

    def decide(self, same: Sequence[Pair], different: Sequence[Pair]) -> list[Contradiction]:
        for left, right in same:
            self._join(left, right, self.clusters.find(left), self.clusters.find(right), True)
        contradictions = []
        for left, right in different:
            left_root, right_root = self.clusters.find(left), self.clusters.find(right)
            if left_root == right_root:
                contradictions.append(Contradiction(left, right, _chain(same, left, right)))
            else:
                self.different.setdefault(left_root, []).append((left, right))
                self.different.setdefault(right_root, []).append((right, left))
        return contradictions

    def apply(self, links: Links, order: NDArray[np.int64]) -> None:
        parent, rules = self.clusters.parent, self.rules
        for begin in range(0, len(order), _CHUNK):
            some = order[begin : begin + _CHUNK]
            columns = (links.left[some], links.right[some], links.strength[some], links.rule[some])
            for left, right, strength, number in zip(*(column.tolist() for column in columns), strict=True):
                rule = rules[number]
                left_root, right_root = left, right  # find() of both, without the calls
                while (above := parent[left_root]) != left_root:
                    parent[left_root] = left_root = parent[above]
                while (above := parent[right_root]) != right_root:
                    parent[right_root] = right_root = parent[above]
                refused = self._forbidden(left, right, left_root, right_root, rule) if left_root != right_root else None
                if refused:
                    low, high = refused[1]
                    between = (low, high) if low < high else (high, low)
                    self.refusals.append(Refusal(left, right, strength, rule.name, refused[0], between))
                elif left_root != right_root:
                    self._join(left, right, left_root, right_root, rule.identity)
                    if rule.complete and self.alike:
                        self.alike.join(left, right)
                elif rule.identity:
                    self._join(left, right, left_root, right_root, True)

    def _join(self, left: int, right: int, left_root: int, right_root: int, identity: bool) -> None:
        if left_root != right_root:
            root, gone = self.clusters.union(left_root, right_root)
            for values in self.one_value:
                values.merge(root, gone)
            for values in self.one_each:
                values.merge(root, gone)
            apart = self.different.pop(gone, None)
            if apart:
                self.different.setdefault(root, []).extend(apart)
        if identity:
            self.identical.join(left, right)
            if self.alike:
                self.alike.join(left, right)

    def _forbidden(
        self, left: int, right: int, left_root: int, right_root: int, rule: LinkRule
    ) -> tuple[str, Pair] | None:
        """Why two clusters must not be joined by a link, and between which nodes."""
        if left_root in self.different and right_root in self.different:
            fewer, more = (
                (left_root, right_root)
                if len(self.different[left_root]) <= len(self.different[right_root])
                else (right_root, left_root)
            )
            apart = [pair for pair in self.different[fewer] if self.clusters.find(pair[1]) == more]
            if apart:
                return "decision", min((min(pair), max(pair)) for pair in apart)
        for values in self.one_value:
            differ = values.differ(left_root, right_root)
            if differ:
                return values.name, differ
        for values in self.one_each:
            for first, second in values.meet(left_root, right_root):
                if rule.identity and {first, second} == {left, right}:
                    continue
                ends = {self.identical.find(first), self.identical.find(second)}
                if len(ends) == 2 and not (
                    rule.identity and ends == {self.identical.find(left), self.identical.find(right)}
                ):
                    return values.name, (first, second)
        if rule.complete and self.alike and self.within:
            for first in self.alike.members(left):
                for second in self.alike.members(right):
                    if not self.within(first, second):
                        return "linkage", (first, second)
        return None


def cluster(
    size: int,
    links: Links,
    rules: Sequence[LinkRule],
    *,
    same: Iterable[Pair] = (),
    different: Iterable[Pair] = (),
    exclusions: Sequence[Exclusion] = (),
    within: Callable[[int, int], bool] | None = None,
) -> Clustering:
    """Joins ``size`` nodes by links, within constraints.

    Args:
        same, different: what people decided.
        within: whether two nodes are within the limits of the rules with complete linkage, or cannot be compared;
            see :func:`stash_pipeline.matching.phash.resemblance`.

    Raises:
        ValueError: if a link is of no node, of no rule, or of no strength, or a rule lacks what it needs.
    """
    left, right = np.asarray(links.left, np.int64), np.asarray(links.right, np.int64)
    kinds = np.asarray(links.rule, np.int64)
    strength = np.asarray(links.strength, np.float64)
    if not len(left) == len(right) == len(kinds) == len(strength):
        raise ValueError("Links have as many left as right nodes, strengths and rules.")
    decided = sorted({(min(pair), max(pair)) for pair in same})
    apart = sorted({(min(pair), max(pair)) for pair in different})
    for column in (left, right, np.array([node for pair in (*decided, *apart) for node in pair], np.int64)):
        if len(column) and not 0 <= column.min() <= column.max() < size:
            raise ValueError(f"A node is from 0 to {size - 1}.")
    if len(kinds) and not 0 <= kinds.min() <= kinds.max() < len(rules):
        raise ValueError(f"A rule is from 0 to {len(rules) - 1}.")
    if np.isnan(strength).any():
        raise ValueError("A link needs a strength.")
    if any(len(exclusion.values) != size for exclusion in exclusions):
        raise ValueError("An exclusion has a value for each node.")
    if within is None and any(rule.complete for rule in rules):
        raise ValueError("Complete linkage needs a comparison of two nodes.")
    clusterer = _Clusterer(size, rules, exclusions, within)
    contradictions = clusterer.decide(decided, apart)
    # one way round, or what a refusal names would depend on the input
    left, right = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((kinds, right, left, -strength))
    clusterer.apply(Links(left, right, strength, kinds), order)
    return Clustering(_labels(clusterer.clusters, size), clusterer.refusals, contradictions)


def _labels(forest: _Forest, size: int) -> NDArray[np.int64]:
    roots = np.array(forest.parent, np.int64)
    while not np.array_equal(above := roots[roots], roots):
        roots = above
    smallest = np.full(size, size, np.int64)
    np.minimum.at(smallest, roots, np.arange(size))
    return smallest[roots]


def _chain(same: Sequence[Pair], left: int, right: int) -> tuple[int, ...]:
    """The shortest chain of decisions from one node to another; of several the first in order."""
    neighbours: dict[int, list[int]] = {}
    for a, b in same:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    before = {left: left}
    waiting = deque([left])
    while right not in before:
        node = waiting.popleft()
        for following in sorted(neighbours.get(node, [])):
            if following not in before:
                before[following] = node
                waiting.append(following)
    chain = [right]
    while chain[-1] != left:
        chain.append(before[chain[-1]])
    return tuple(reversed(chain))
