"""Defers documents that remove elements from a relation until everything is read.

A response or a snapshot that has lost the tags of all scenes is as well-formed as one of scenes without tags. The
removed elements are therefore counted per relation. If there are too many, the sync stops before any of these documents
is written. Otherwise they are written together with the tombstones, in one transaction.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.safeguards import Safeguards

Json = Mapping[str, Any]

_MOST_BYTES = 100_000_000
"""Bytes of deferred documents after which the safeguards are checked before the end."""


class _Relation(NamedTuple):
    """A field that refers to other objects.

    Attributes:
        target: the entity. key: of the elements that are objects.
    """

    name: str
    target: str | None
    key: str | None


@cache
def _relations(entity: str) -> tuple[_Relation, ...]:
    relations = [_Relation(field.name, reference.target, None) for field, reference in BY_NAME[entity].references]
    for field, joined in BY_NAME[entity].joins:
        single = len(joined.columns) == 1 and joined.columns[0].key is None
        relations.append(_Relation(field.name, joined.target, None if single else joined.target_column))
    return tuple(relations)


def _elements(relation: _Relation, value: Any) -> list[Any]:
    """The elements of a relation: ids, or other values."""
    if value is None:
        return []
    elements = value if isinstance(value, list) else [value]
    return [element.get(relation.key) if isinstance(element, dict) else element for element in elements]


class _Loss(NamedTuple):
    """The elements that a document removes from one relation, and the number that it adds."""

    relation: _Relation
    removed: list[Any]
    added: int

    def number(self, gone: Mapping[str, Collection[int]]) -> int:
        """How many elements fewer there are, without those whose target was removed."""
        targets = gone.get(self.relation.target or "", ())
        explained = sum(element in targets for element in self.removed)
        return max(len(self.removed) - explained - self.added, 0)


class DeferredDocuments:
    """The deferred documents of one run.

    Args:
        guard: limits what may be removed.
    """

    def __init__(self, guard: Safeguards) -> None:
        self._guard = guard
        self._waiting: dict[str, dict[int, tuple[Document, list[_Loss]]]] = {}
        self._bytes = 0

    def has(self, entity: str) -> bool:
        """Whether documents of an entity are deferred."""
        return bool(self._waiting.get(entity))

    def discard(self, entity: str, ids: Iterable[int]) -> None:
        """Drops the documents of objects that were read again."""
        waiting = self._waiting.get(entity)
        if waiting:
            for identifier in ids:
                waiting.pop(identifier, None)

    def defer(
        self, entity: str, changed: list[Document], before: Mapping[int, Json], after: Mapping[int, Json]
    ) -> list[Document]:
        """Defers the documents that remove elements; returns the others.

        Args:
            before, after: the live documents and their replacements, by id.

        Raises:
            SuspiciousServerError: if too much is deferred, and edits do not explain it.
        """
        immediate = []
        for document in changed:
            losses = _losses(entity, before.get(document.id, {}), after[document.id])
            if losses:
                self._waiting.setdefault(entity, {})[document.id] = document, losses
                self._bytes += len(document.json)
            else:
                immediate.append(document)
        if self._bytes > _MOST_BYTES:
            self._check({})
        return immediate

    def _check(self, gone: Mapping[str, Collection[int]]) -> None:
        for entity, waiting in self._waiting.items():
            lost: Counter[str] = Counter()
            for _, losses in waiting.values():
                for loss in losses:
                    lost[loss.relation.name] += loss.number(gone)
            for name, number in lost.items():
                self._guard.relation(entity, name, number)

    def release(self, gone: Mapping[str, Collection[int]]) -> dict[str, list[Document]]:
        """Returns all deferred documents by entity; none is deferred afterwards.

        Args:
            gone: ids of removed objects by entity; their removal explains that nothing refers to them.

        Raises:
            SuspiciousServerError: if more elements are removed than edits explain.
        """
        self._check(gone)
        documents = {
            entity: [document for document, _ in waiting.values()]
            for entity, waiting in self._waiting.items()
            if waiting
        }
        self._waiting, self._bytes = {}, 0
        return documents


def _losses(entity: str, before: Json, after: Json) -> list[_Loss]:
    losses = []
    for relation in _relations(entity):
        old, new = before.get(relation.name), after.get(relation.name)
        if old is None or old == new:
            continue
        old_elements = Counter(map(_hashable, _elements(relation, old)))
        new_elements = Counter(map(_hashable, _elements(relation, new)))
        removed, added = list((old_elements - new_elements).elements()), (new_elements - old_elements).total()
        if len(removed) > added:
            losses.append(_Loss(relation, removed, added))
    return losses


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | str) or value is None else str(value)
