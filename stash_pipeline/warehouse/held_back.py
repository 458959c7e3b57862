"""Documents that take something away from a relation wait until a reading has seen everything.

An answer, or a copy, that has lost the tags of every scene is as well-formed as one of scenes without tags. So what
such documents take away is added up per relation; where it is too much, the reading stops before one of them was
written. The others are written with the tombstones, in one transaction.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.guard import Guard

Json = Mapping[str, Any]


class _Relation(NamedTuple):
    """A field that refers to others, and how: to which kind, and by which key of its elements."""

    name: str
    target: str | None
    key: str | None


@cache
def _relations(entity: str) -> tuple[_Relation, ...]:
    found = [_Relation(field.name, reference.target, None) for field, reference in BY_NAME[entity].references]
    for field, joined in BY_NAME[entity].joins:
        single = len(joined.columns) == 1 and joined.columns[0].key is None
        found.append(_Relation(field.name, joined.target, None if single else joined.target_column))
    return tuple(found)


def _size(relation: _Relation, value: Any, gone: Collection[int]) -> int:
    """How much a relation holds, but for what is gone itself."""
    if value is None:
        return 0
    elements = value if isinstance(value, list) else [value]
    if not gone:
        return len(elements)
    return sum((one.get(relation.key) if isinstance(one, dict) else one) not in gone for one in elements)


class HeldBack:
    """The documents of one reading that wait.

    Args:
        guard: that says how much may be taken away.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._documents: dict[str, dict[int, Document]] = {}
        self._losses: dict[str, dict[int, Counter[str]]] = {}
        self._lost: Counter[tuple[str, str]] = Counter()

    def any(self, entity: str) -> bool:
        """Whether documents of a kind wait."""
        return bool(self._documents.get(entity))

    def forget(self, entity: str, ids: Iterable[int]) -> None:
        """These objects were read again: what they were before does not count."""
        waiting = self._documents.get(entity)
        if not waiting:
            return
        for identifier in ids:
            if waiting.pop(identifier, None) is not None:
                for name, number in self._losses[entity].pop(identifier).items():
                    self._lost[entity, name] -= number

    def keep(
        self,
        entity: str,
        changed: list[Document],
        before: Mapping[int, Json],
        after: Mapping[int, Json],
        gone: Mapping[str, Collection[int]],
    ) -> list[Document]:
        """Keeps those documents that take something away; returns the others.

        Args:
            before, after: what live documents are, and what they become, by id. gone: ids by kind; that an object is
                gone explains what referred to it.

        Raises:
            SuspiciousServer: if that is more than edits would explain.
        """
        others = []
        for document in changed:
            losses = self._loss(entity, before.get(document.id, {}), after[document.id], gone)
            if not losses:
                others.append(document)
                continue
            self._documents.setdefault(entity, {})[document.id] = document
            self._losses.setdefault(entity, {})[document.id] = losses
            for name, number in losses.items():
                self._lost[entity, name] += number
        for (kind, name), number in self._lost.items():
            if kind == entity:
                self._guard.relation(entity, name, number)
        return others

    def _loss(self, entity: str, before: Json, after: Json, gone: Mapping[str, Collection[int]]) -> Counter[str]:
        found: Counter[str] = Counter()
        for relation in _relations(entity):
            was = before.get(relation.name)
            if was is None or was == after.get(relation.name):
                continue
            targets = gone.get(relation.target or "", ())
            less = _size(relation, was, targets) - _size(relation, after.get(relation.name), targets)
            if less > 0:
                found[relation.name] = less
        return found

    def release(self) -> dict[str, list[Document]]:
        """All that waits, by kind; nothing waits any more."""
        found = {entity: list(waiting.values()) for entity, waiting in self._documents.items() if waiting}
        self.__init__(self._guard)  # type: ignore[misc]
        return found
