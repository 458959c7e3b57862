"""Reads a stash-box: looks up the hashes of local scenes, and reads the records that local objects are linked to.

Every answer is stored, and the local objects that it concerns are logged, in the transaction of its request. A process
that is killed loses the request in flight, and the next run asks nothing that was answered. What is asked is limited by
the ages of the answers that are stored, and by the budget of the endpoint.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from stash_pipeline import progress
from stash_pipeline.errors import UserError
from stash_pipeline.stashbox.client import StashBoxClient
from stash_pipeline.stashbox.endpoints import Entity
from stash_pipeline.stashbox.errors import BudgetExhaustedError, StashBoxPausedError, StashBoxUnsupportedError
from stash_pipeline.stashbox.fingerprints import GROUPS_PER_REQUEST, Fingerprint
from stash_pipeline.sync.pace import Pace, duration
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.stashbox.documents import (
    mark_stale,
    renew_statistics,
    store_documents,
    store_successors,
)
from stash_pipeline.warehouse.stashbox.due import due_documents, ids_without_successor, is_id
from stash_pipeline.warehouse.stashbox.lookups import DueLookup, due_lookups, remove_unused, store_lookups
from stash_pipeline.warehouse.stashbox.touched import objects_of, publish_objects, scenes_of

Document = Mapping[str, Any]

LOOKUPS: Final = "lookups"
LINKED_ENTITIES: Final[tuple[Entity, ...]] = ("scenes", "performers", "studios", "tags")
_ROWS_ANALYZED: Final = 250
"""Rows that changed, after which statistics are renewed; after each renewal, twice as many."""

_LOCK_CLASS: Final = 0x53544258
"""First half of the advisory lock key ("STBX"); the second is the endpoint's id."""


_MERGES_FOLLOWED: Final = 10
"""Times that a run reads what the records before were merged into: a box could name ever new ones."""


@dataclass(frozen=True)
class BoxSchedule:
    """After how many days answers are due again."""

    unmatched_days: float = 7.0
    matched_days: float = 30.0
    document_days: float = 7.0


@dataclass
class Counts:
    """What was done for one table.

    Attributes:
        due: questions or records that were due at the start. asked: those that were answered.
        changed: rows that changed.
        matched: questions with an answer that is not empty; records that exist.
    """

    due: int = 0
    asked: int = 0
    changed: int = 0
    matched: int = 0


@dataclass
class BoxReport:
    """What one run did.

    Attributes:
        tables: lookups and the entities.
        asked_again: questions that had an answer before. lost: those that have none now.
        failures: why an answer could not be used, by id or question. missing: queries and fields that the box lacks.
        stopped: why the run ended before everything that is due was asked.
    """

    version: str | None = None
    tables: dict[str, Counts] = field(default_factory=dict)
    asked_again: int = 0
    lost: int = 0
    failures: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()
    stopped: str | None = None

    @property
    def left(self) -> int:
        """Questions and records that are still due."""
        return sum(counts.due - counts.asked for counts in self.tables.values())


def _silent(_: str) -> None:
    """Says nothing."""


def read_box(
    connection: Connection,
    client: StashBoxClient,
    endpoint_id: int,
    name: str,
    *,
    requests_per_minute: int,
    schedule: BoxSchedule,
    say: Callable[[str], object] = _silent,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> BoxReport:
    """Asks a box what is due, and stores the answers.

    Args:
        connection: in autocommit mode; it holds the lock of the endpoint meanwhile.
        name: of the endpoint, for messages and progress.
        say: gets sentences about how much is left.

    Raises:
        UserError: if another process reads the same box.
        StashBoxError: if the box fails; what was answered before is stored.
    """
    with endpoint_lock(connection, endpoint_id, name):
        reader = _Reader(connection, client, endpoint_id, name, requests_per_minute, schedule, say, now)
        try:
            reader.run()
        except (BudgetExhaustedError, StashBoxPausedError) as error:
            reader.report.stopped = str(error)
        finally:
            reader.report.failures, reader.report.missing = dict(client.failures), client.missing
        return reader.report


@contextmanager
def endpoint_lock(connection: Connection, endpoint_id: int, name: str) -> Iterator[None]:
    """Holds the lock of a box: one process at a time reads it.

    Raises:
        UserError: if another process holds it.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_CLASS, endpoint_id]).fetchone()
    if not (row and row[0]):
        raise UserError(f"Another run is reading {name}; try again after it ends.")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK_CLASS, endpoint_id])


@dataclass
class _Reader:
    """One run."""

    connection: Connection
    client: StashBoxClient
    endpoint_id: int
    name: str
    requests_per_minute: int
    schedule: BoxSchedule
    say: Callable[[str], object]
    now: Callable[[], datetime]
    report: BoxReport = field(default_factory=BoxReport)
    analyze_at: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        """Looks up hashes first, because the answers contain documents."""
        progress.started(self.name)
        # also if the box fails
        self._mark_stale()
        self._look_up()
        for entity in LINKED_ENTITIES:
            self._read(entity)

    def _mark_stale(self) -> None:
        for entity in LINKED_ENTITIES:
            with self.connection.transaction():
                stale = mark_stale(self.connection, self.endpoint_id, entity, now=self.now())
                self._publish(entity, stale)

    def _look_up(self) -> None:
        started = self.now()
        counts = self.report.tables.setdefault(LOOKUPS, Counts())
        counts.changed += remove_unused(self.connection, self.endpoint_id)
        due = due_lookups(
            self.connection,
            self.endpoint_id,
            unmatched_before=started - timedelta(days=self.schedule.unmatched_days),
            matched_before=started - timedelta(days=self.schedule.matched_days),
        )
        counts.due = len(due)
        pace = self._announce(LOOKUPS, len(due), -(-len(due) // GROUPS_PER_REQUEST))
        if due:
            # what a box finds depends on its release
            self.report.version = self.client.version()
        try:
            for answered in self.client.lookups([_group(lookup) for lookup in due]):
                answers = {due[position]: scenes for position, scenes in answered.items() if scenes is not None}
                self._store_answers(answers, counts)
                progress.fetched(self.name, LOOKUPS, len(answered))
                pace.advance()
        except StashBoxUnsupportedError as error:
            self.report.stopped = str(error)
        progress.complete(self.name, LOOKUPS)

    def _announce(self, what: str, due: int, requests: int) -> Pace:
        progress.expected(self.name, what, due)
        if due:
            self.say(
                f"{due:,} {what} are due: about {requests:,} requests, "
                f"{duration(60 * requests / self.requests_per_minute)} at {self.requests_per_minute} per minute."
            )
        return Pace(self.say, what.capitalize(), requests)

    def _store_answers(self, answers: Mapping[DueLookup, Sequence[Document]], counts: Counts) -> None:
        now = self.now()
        documents = {key: scene for scenes in answers.values() for scene in scenes if (key := _id(scene))}
        ids = {lookup: [key for scene in scenes if (key := _id(scene))] for lookup, scenes in answers.items()}
        scenes_read = self.report.tables.setdefault("scenes", Counts())
        with self.connection.transaction():
            changed = store_documents(self.connection, self.endpoint_id, "scenes", documents, now=now)
            stored = store_lookups(self.connection, self.endpoint_id, ids, now=now, box_version=self.report.version)
            touched = scenes_of(self.connection, answers, stored.changed)
            if changed:
                touched |= objects_of(self.connection, self.endpoint_id, "scenes", changed)
            publish_objects(self.connection, "scenes", touched)
        scenes_read.changed += len(changed)
        counts.asked += len(answers)
        counts.changed += len(stored.changed)
        self.report.asked_again += stored.known
        self.report.lost += stored.lost
        counts.matched += sum(bool(scenes) for scenes in answers.values())
        self._renew_statistics("scenes", counts.changed + scenes_read.changed)

    def _read(self, entity: Entity) -> None:
        before = self.now() - timedelta(days=self.schedule.document_days)
        due = due_documents(self.connection, self.endpoint_id, entity, before=before)
        counts = self.report.tables.setdefault(entity, Counts())
        counts.due = len(due)
        pace = self._announce(entity, len(due), -(-len(due) // self.client.ids_per_request))
        asked: set[str] = set()
        for _ in range(_MERGES_FOLLOWED):
            if not due:
                break
            for records in self.client.documents(entity, due):
                self._store_records(entity, records, counts)
                progress.fetched(self.name, entity, len(records))
                pace.advance()
            asked.update(due)
            # successors of what was read, and candidates
            following = due_documents(self.connection, self.endpoint_id, entity, before=before)
            due = [key for key in following if key not in asked]
            counts.due += len(due)
        progress.complete(self.name, entity)

    def _store_records(self, entity: Entity, records: Mapping[str, Document | None], counts: Counts) -> None:
        now = self.now()
        dead = {key: record for key, record in records.items() if record is not None and record.get("deleted")}
        with self.connection.transaction():
            changed = store_documents(self.connection, self.endpoint_id, entity, records, now=now)
            self._publish(entity, changed)
        counts.changed += len(changed)
        counts.asked += len(records)
        counts.matched += sum(record is not None and not record.get("deleted") for record in records.values())
        self._renew_statistics(entity, counts.changed)
        successors = self._successors(entity, sorted(dead))
        if successors:
            with self.connection.transaction():
                changed = store_successors(self.connection, self.endpoint_id, entity, successors, now=now)
                self._publish(entity, changed)

    def _successors(self, entity: Entity, ids: Sequence[str]) -> dict[str, str]:
        """Into what deleted records were merged, as far as the box says."""
        lost = ids_without_successor(self.connection, self.endpoint_id, entity, ids)
        if not lost or not self.client.has("queryEdits"):
            return {}
        try:
            targets = self.client.merge_targets(entity, sorted(lost))
        except StashBoxUnsupportedError:
            return {}
        return {key: target.id for key, target in targets.items() if target is not None}

    def _renew_statistics(self, entity: str, changed: int) -> None:
        """Does so while a first reading fills the tables."""
        if changed >= self.analyze_at.get(entity, _ROWS_ANALYZED):
            renew_statistics(self.connection, entity)
            self.analyze_at[entity] = 2 * changed

    def _publish(self, entity: str, changed: set[str]) -> None:
        if changed:
            nodes = objects_of(self.connection, self.endpoint_id, entity, changed)
            publish_objects(self.connection, entity, nodes)


def _group(lookup: DueLookup) -> list[Fingerprint]:
    return [
        *(Fingerprint("OSHASH", value) for value in lookup.oshashes),
        *(Fingerprint("PHASH", value) for value in lookup.phashes),
    ]


def _id(document: Document) -> str | None:
    """The id of a record; None for what no box would send."""
    value = document.get("id")
    key = value.lower() if isinstance(value, str) else ""
    return key if is_id(key) else None
