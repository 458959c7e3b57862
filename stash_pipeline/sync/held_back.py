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
from stash_pipeline.sync.safeguards import Safeguards

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


def _elements(relation: _Relation, value: Any) -> list[Any]:
    """What a relation refers to: ids, or what else its elements are."""
    if value is None:
        return []
    elements = value if isinstance(value, list) else [value]
    return [one.get(relation.key) if isinstance(one, dict) else one for one in elements]


class _Loss(NamedTuple):
    """What a document takes away of one relation: the elements before that are none after, and how many came."""

    relation: _Relation
    removed: list[Any]
    added: int

    def number(self, gone: Mapping[str, Collection[int]]) -> int:
        """How much less it is, but for what is gone itself."""
        targets = gone.get(self.relation.target or "", ())
        return max(len(self.removed) - sum(one in targets for one in self.removed) - self.added, 0)


_MOST_BYTES = 100_000_000
"""Of documents that wait; where there are more, the guard is asked before the end."""


class HeldBack:
    """The documents of one reading that wait.

    Args:
        guard: that says how much may be taken away.
    """

    def __init__(self, guard: Safeguards) -> None:
        self._guard = guard
        self._waiting: dict[str, dict[int, tuple[Document, list[_Loss]]]] = {}
        self._bytes = 0

    def any(self, entity: str) -> bool:
        """Whether documents of a kind wait."""
        return bool(self._waiting.get(entity))

    def forget(self, entity: str, ids: Iterable[int]) -> None:
        """These objects were read again: what was read of them before does not count."""
        waiting = self._waiting.get(entity)
        if waiting:
            for identifier in ids:
                waiting.pop(identifier, None)

    def keep(
        self, entity: str, changed: list[Document], before: Mapping[int, Json], after: Mapping[int, Json]
    ) -> list[Document]:
        """Keeps those documents that take something away; returns the others.

        Args:
            before, after: what live documents are, and what they become, by id.

        Raises:
            SuspiciousServerError: if that is more than edits would explain, and more than can wait for the end.
        """
        others = []
        for document in changed:
            losses = _losses(entity, before.get(document.id, {}), after[document.id])
            if losses:
                self._waiting.setdefault(entity, {})[document.id] = document, losses
                self._bytes += len(document.json)
            else:
                others.append(document)
        if self._bytes > _MOST_BYTES:
            self._check({})
        return others

    def _check(self, gone: Mapping[str, Collection[int]]) -> None:
        for entity, waiting in self._waiting.items():
            lost: Counter[str] = Counter()
            for _, losses in waiting.values():
                for loss in losses:
                    lost[loss.relation.name] += loss.number(gone)
            for name, number in lost.items():
                self._guard.relation(entity, name, number)

    def release(self, gone: Mapping[str, Collection[int]]) -> dict[str, list[Document]]:
        """All that waits, by kind; nothing waits any more.

        Args:
            gone: ids by kind; that an object is gone explains that nothing refers to it.

        Raises:
            SuspiciousServerError: if more is taken away than edits would explain.
        """
        self._check(gone)
        found = {entity: [one for one, _ in waiting.values()] for entity, waiting in self._waiting.items() if waiting}
        self._waiting, self._bytes = {}, 0
        return found


def _losses(entity: str, before: Json, after: Json) -> list[_Loss]:
    found = []
    for relation in _relations(entity):
        was, becomes = before.get(relation.name), after.get(relation.name)
        if was is None or was == becomes:
            continue
        there, then = (
            Counter(map(_hashable, _elements(relation, was))),
            Counter(map(_hashable, _elements(relation, becomes))),
        )
        removed, added = list((there - then).elements()), (then - there).total()
        if len(removed) > added:
            found.append(_Loss(relation, removed, added))
    return found


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | str) or value is None else str(value)
