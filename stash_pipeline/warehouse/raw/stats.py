"""What a reading did to one kind: the counts that people see in pages, tables and commands."""

from collections import Counter
from dataclasses import dataclass, field

from stash_pipeline.warehouse.raw.history import FieldChanges

FAILURES_TOLD = 10


@dataclass
class EntityStats:
    """What one reading of one kind did to ``raw``.

    Attributes:
        expected: the server's own count when the reading began.
        seconds: from the first answer to the end of the kind. request_seconds: sum over its requests, some of
            which were under way at the same time.
        rows: live documents afterwards, known when the reading is complete.
        first: the kind had never been read to its end before.
        known: pages that were equal to one of the reading before, and not decoded again.
        fields: in how many of the updated documents each field changed.
        unstamped: updated documents whose ``updated_at`` did not tell so. causes: in how many of those each field
            changed.
        listed: objects of which only so much was read as shows whether they changed.
        merged: removed objects whose successor is known.
        failed: objects that the server has and cannot send. failures: what it said of the first of them.
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

    def tell(self, failure: str) -> None:
        """Adds what was wrong with one object; of many, the first."""
        if len(self.failures) < FAILURES_TOLD:
            self.failures.append(failure)

    def note(self, found: FieldChanges) -> None:
        """Adds what differs of some more documents."""
        self.fields.update(found.fields)
        self.silent_changes += found.silent
        self.silent_fields.update(found.silent_fields)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.inserted or self.updated or self.removed)
