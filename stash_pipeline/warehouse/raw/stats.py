"""The statistics of a sync per entity, shown in the UI, in ``ops.sync_runs`` and by commands."""

from collections import Counter
from copy import copy
from dataclasses import dataclass, field

from stash_pipeline.warehouse.raw.history import FieldChanges

FAILURES_KEPT = 10


@dataclass
class EntityStats:
    """What one sync of one entity did to ``raw``.

    Attributes:
        expected: the server's count when the read started.
        seconds: from the first response to the end of the entity.
        request_seconds: sum over its requests, some of which ran concurrently.
        rows: live documents afterwards, known when the read is complete.
        first: the entity had never been read completely before.
        unchanged_pages: pages equal to one of the previous complete read, and not decoded again.
        fields: in how many of the updated documents each field changed.
        silent_changes: updated documents without a new ``updated_at``.
        silent_fields: in how many of those each field changed.
        listed: objects that were listed, with only the fields that show a change.
        merged: removed objects whose successor is known.
        failed: objects that the server has but cannot send.
        failures: the errors of the first of them.
    """

    expected: int | None = None
    fetched: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    pages: int = 0
    bytes: int = 0
    seconds: float = 0.0
    request_seconds: float = 0.0
    unreadable: int = 0
    complete: bool = False
    rows: int = 0
    first: bool = False
    unchanged_pages: int = 0
    listed: int = 0
    merged: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    silent_changes: int = 0
    silent_fields: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    def copy(self) -> "EntityStats":
        """Another object of equal values. A read makes one for every page; `copy.deepcopy` takes five times as long."""
        copied = copy(self)
        copied.fields, copied.silent_fields = self.fields.copy(), self.silent_fields.copy()
        copied.failures = list(self.failures)
        return copied

    def add_failure(self, failure: str) -> None:
        """Adds the error of one object; keeps the first ones."""
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(failure)

    def add_field_changes(self, changes: FieldChanges) -> None:
        """Adds the differences of more documents."""
        self.fields.update(changes.fields)
        self.silent_changes += changes.silent
        self.silent_fields.update(changes.silent_fields)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.inserted or self.updated or self.removed)
