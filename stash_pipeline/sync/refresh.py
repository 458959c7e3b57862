"""What a refresh reads, by its mode, until ``raw`` is as the server is.

* sweep: every document of every kind.
* reconcile: a complete listing of every kind, then the documents that it shows to be new or other than here.
* changes: what the server stamped since the last reading; of kinds whose number does not agree, a listing.
* objects: some ids.

Whatever the mode: what is gone is known before anything is tombstoned, and what refers to it is read again first.
``docs/convergence.md`` says what each mode sees and costs.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from stash_pipeline import progress
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, Lane, record_snapshot
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.errors import IncompleteListingError, StashError
from stash_pipeline.stash.probing import Probe, count_differences, probe, probe_document, read_probe
from stash_pipeline.stash.query_plan import QueryPlan, plan_library
from stash_pipeline.stash.read_request import (
    LISTED,
    LISTING_OBJECTS,
    ReadRequest,
    holders,
    incremental_plan,
    listing_plan,
)
from stash_pipeline.stash.reader import Complete, Expected, NotFound, Page, UnreadableObject, read_library
from stash_pipeline.stash.snapshot.copy import Copy, SnapshotTooLargeError
from stash_pipeline.sync.lane_choice import choose
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.snapshot_lane import read_snapshot
from stash_pipeline.warehouse.entities.referrers import referrers
from stash_pipeline.warehouse.raw import watermarks as clocks
from stash_pipeline.warehouse.raw.page_ledger import Known, form, known_pages, read_like_this
from stash_pipeline.warehouse.raw.stats import EntityStats

log = logging.getLogger(__name__)

Mode = Literal["changes", "reconcile", "sweep", "objects"]

_BATCH_OBJECTS = 2500
_BATCH_BYTES = 16_000_000
_BATCH_SECONDS = 1.0
_CLOCK_TOLERANCE = timedelta(minutes=5)


class Refresh:
    """One refresh of one instance, into a loader.

    Args:
        check: called before every write; raises when the lock is no longer held.
        lane: that is wanted where everything is read.

    Attributes:
        lane, lane_reason: that it took, and why. copy: of the database, if it read one.
        not_in_copy: the kinds that it read by GraphQL although it read a copy, and the fields that the copy lacks.
        release, lacking, unknown: of the server, once it has answered.
        probe_text, probed: the query that tells whether anything changed, and its answer before the first reading.
    """

    def __init__(
        self,
        loader: RawLoader,
        settings: Settings,
        instance: Instance,
        client: StashClient,
        check: Callable[[], None],
        lane: Lane = "graphql",
    ) -> None:
        self.loader = loader
        self.lane = lane
        self.lane_reason = ""
        self.copy: Copy | None = None
        self.not_in_copy: dict[str, list[str]] = {}
        self.settings = settings
        self.instance = instance
        self.client = client
        self.check = check
        self.release = ""
        self.lacking: list[str] = []
        self.unknown: list[str] = []
        self.started: datetime = client.now()
        self.probe_text = ""
        self.probed: dict[str, Any] = {}
        self.probe = Probe()
        self.plans: dict[str, QueryPlan] = {}
        self._listing: dict[str, QueryPlan] = {}
        self._forms: dict[str, dict[str, bytes]] = {}
        self._alike: set[str] = set()
        self._clocks: dict[str, tuple[datetime, int]] = {}
        self._complete: dict[str, set[str]] = {}
        self._concluded: set[str] = set()
        self._hinted: set[str] = set()
        self._asked: dict[str, set[int]] = {}
        self._asked_again: dict[str, set[int]] = {}
        self._begun: dict[str, float] = {}
        self._trouble: str | None = None

    @property
    def changes(self) -> dict[str, EntityStats]:
        """Per kind that was looked at, what happened."""
        return {
            name: change
            for name, change in self.loader.changes.items()
            if change.fetched or change.listed or change.complete or change.failures or change.changed
        }

    def run(self, entities: list[str], mode: Mode, objects: Mapping[str, Iterable[int]] | None = None) -> None:
        """Reads the kinds named.

        Args:
            objects: ids by kind, of mode objects.

        Raises:
            StashError: what the server or the network did. UserError: where the guard stops.
        """
        self._meet(entities)
        readable = [name for name in entities if self.plans[name].query or self.plans[name].entity.embedded_in]
        if not readable:
            raise StashError(f"{self.instance.name} ({self.release}) has none of {', '.join(entities)}.")
        if mode == "objects":
            self._named({name: set(ids) for name, ids in (objects or {}).items()})
        elif self._by_snapshot(readable, mode):
            return
        else:
            self._kinds(readable, mode)
        self._follow_what_is_gone()
        self.check()
        self.agree()
        self.loader.remove_gone()
        self._conclude()
        if self._trouble:
            # the server is well, and its copies are not: the next runs need not try
            self.record_snapshot(None, None, self._trouble)

    def _named(self, objects: dict[str, set[int]]) -> None:
        """Reads some objects, and notes which of them are neither there nor here."""
        for name in objects:
            if not self.plans[name].query:
                raise UserError(f"This server ({self.release}) cannot be asked for {name}; sync without --id.")
        self.loader.todo = {name: set(ids) for name, ids in objects.items()}
        self._read_todo()
        for name, ids in objects.items():
            unknown = ids - self.loader.sink.live(name, ids) - self.loader.failed.get(name, set())
            for identifier in sorted(unknown):
                self._tell(name, f"{identifier}: the server has no such object.")

    def agree(self) -> None:
        """Compares what there will be with the server's own counts, before anything is removed.

        Raises:
            IncompleteListingError: if a kind of which everything was read will have another number of objects.
        """
        differing = self.count_differences(name for name in self._complete if self._complete[name] - {"snapshot"})
        if differing:
            raise IncompleteListingError(
                f"The server counts {_told(differing)}, and sent another number of them; nothing was removed."
            )

    def count_differences(self, names: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Kinds of which there will be another number of objects than the server counts: (here, there)."""
        if not self.loader.sink.writes:
            return {}
        left = {name: self.loader.left(name) for name in names if name in self.probe.counts}
        return count_differences(left, self.probe, lambda: read_probe(probe(self.client, self.probe_text)))

    def compare(self, objects: Mapping[str, set[int]]) -> int:
        """Reads some objects and nothing that they lead to; returns how many the server can be asked for.

        For a loader that writes nothing.
        """
        self._meet(list(objects))
        asked = {name: ids for name, ids in objects.items() if self.plans[name].by_id and ids}
        self._read_objects(asked)
        return sum(len(ids) for ids in asked.values())

    # --- before anything is read --------------------------------------------------------------------------

    def _meet(self, entities: list[str]) -> None:
        guard, connection = self.loader.guard, self.loader.connection
        info = self.client.server_info()
        self.started = self.client.now()
        self.release = info.version
        guard.schema(info.database_schema)
        self.info, self.schema = info, self.client.introspect()
        self.plans = plan_library(self.schema)
        self.lacking = sorted({path for plan in self.plans.values() for path in plan.lacking})
        self.unknown = sorted({path for plan in self.plans.values() for path in plan.unknown})
        self.probe_text = probe_document(self.plans)
        self.probed = probe(self.client, self.probe_text)
        self.probe = read_probe(self.probed)
        guard.counts({name: count for name, count in self.probe.counts.items() if name in entities})
        self.loader.begin(info)
        self.loader.now = self.started
        for name, plan in self.plans.items():
            self._forms[name] = {"documents": form(plan, info.version, self.client.prefix)}
            if name in LISTED:
                self._listing[name] = listing_plan(plan)
                self._forms[name]["listing"] = form(self._listing[name], info.version, self.client.prefix)
        # read completely before, and in the form that they have now
        documents = {name: forms["documents"] for name, forms in self._forms.items()}
        self._alike = read_like_this(connection, self.instance.id, documents)
        self._clocks = clocks.clocks(connection, self.instance.id)
        self._offset = clocks.utc_offset(connection, self.instance.id)
        self.loader.settled = {name: moment - clocks.SETTLING for name, (moment, _) in self._clocks.items()}

    # --- the snapshot lane --------------------------------------------------------------------------------

    def _by_snapshot(self, names: list[str], mode: Mode) -> bool:
        """Reads a copy of the database, if that is the lane; False if GraphQL is."""
        known = self._alike & self._clocks.keys()
        everything = mode in ("reconcile", "sweep") or not known.intersection(names)
        if len(names) < len(ENTITIES) and self.lane == "auto":
            everything = False
        choice = choose(
            self.settings,
            self.instance,
            self.lane,
            self.info,
            self.schema,
            everything=everything,
            again=mode == "sweep",
        )
        self.lane, self.lane_reason = choice.lane, choice.reason
        if choice.lane != "snapshot":
            return False
        try:
            read_snapshot(self, names, limited=not choice.asked)
        except StashError as error:
            # whatever it was: of the same server, GraphQL may well be had
            if choice.asked:
                raise
            told = self.client.masked(str(error))
            if not isinstance(error, SnapshotTooLargeError):
                # that is told by its size
                self._trouble = told
            self.lane, self.lane_reason = "graphql", f"the snapshot failed: {told}"
            self.copy = None
            self.not_in_copy = {}
            self.loader.forget()
            return False
        return True

    def record_snapshot(self, size: int | None, seconds: float | None, trouble: str | None = None) -> None:
        """Notes what a copy cost, or why there is none; see :func:`stash_pipeline.instances.note_snapshot`."""
        if self.loader.sink.writes:
            record_snapshot(self.loader.connection, self.instance.id, size, seconds, trouble)

    def record_not_in_copy(self, kinds: dict[str, list[str]]) -> None:
        """Notes which kinds are read by GraphQL because the copy lacks fields of them, and says so."""
        self.not_in_copy = kinds
        if not kinds:
            return
        fields = ", ".join(f"{kind}.{field}" for kind, lacking in kinds.items() for field in lacking)
        self.lane_reason += f"; {', '.join(kinds)} by GraphQL, because the copy lacks {fields}"
        log.warning(
            "%s: the copy of the database lacks %s. %s read by GraphQL.",
            self.instance.name,
            fields,
            f"{', '.join(kinds)} {'is' if len(kinds) == 1 else 'are'}",
        )

    def read_whole(self, names: list[str]) -> None:
        """Reads all documents of some kinds by GraphQL."""
        self._read(self._documents(names))

    def finish_snapshot(self, names: Iterable[str]) -> None:
        """Notes that these kinds are as the server had them."""
        for name in names:
            self._complete[name] = {"snapshot"}
        self._conclude()

    # --- what is read, by mode ----------------------------------------------------------------------------

    def _kinds(self, names: list[str], mode: Mode) -> None:
        whole = [name for name in names if mode == "sweep" or name not in self._alike or name not in self._clocks]
        rest = [name for name in names if name not in whole]
        if mode == "changes" and any(
            moment > self.started + _CLOCK_TOLERANCE for moment, _ in (self._clocks[name] for name in rest)
        ):
            # the server's clock was set back: its stamps do not tell what came after what
            mode = "reconcile"
        if mode == "changes":
            self._changes(whole, rest)
        else:
            self._read([*self._documents(whole), *self._listings(rest)])
            self._unsettled(rest)
            self._read_todo()

    def _changes(self, whole: list[str], rest: list[str]) -> None:
        overlap = timedelta(hours=self.settings.overlap_hours)
        unstamped = [name for name in rest if self.plans[name].entity.whole]
        self._read([*self._documents(whole), *self._documents(unstamped), *self._hints(rest, overlap)])
        self._read_todo()
        newest = self.loader.newest_stamp
        offset = newest.utcoffset() if newest else None
        if offset is not None and offset != self._offset:
            # the server's wall clock has jumped: what it wrote since may look older than what we know
            self._offset = offset
            self._read(self._hints(rest, clocks.WIDEST))
            self._read_todo()
        counted = self.loader.sink.counted()
        self._read(self._listings([name for name in rest if self._number_differs(name, counted.get(name))]))
        self._read_todo()

    def _number_differs(self, name: str, here: int | None) -> bool:
        """Whether the server has another number of objects than there are here, beyond what it cannot send."""
        if name not in self.probe.counts:
            return False
        return here is None or self.probe.counts[name] - here != self._clocks[name][1]

    def _known(self, names: Iterable[str], purpose: str) -> Known:
        forms = {name: self._forms[name][purpose] for name in names if purpose in self._forms[name]}
        return known_pages(self.loader.connection, self.instance.id, forms, purpose)

    def _with_carriers(self, names: list[str]) -> list[str]:
        """Files that are only found inside others are read with all of those."""
        result = list(names)
        for name in names:
            if not self.plans[name].query:
                result += [owner for owner in self.plans[name].entity.embedded_in if owner not in result]
        return [name for name in result if self.plans[name].query]

    def _documents(self, names: list[str]) -> list[ReadRequest]:
        names = self._with_carriers(names)
        known = self._known(names, "documents")
        return [ReadRequest(self.plans[name], known=known.get(name, {})) for name in names]

    def _listings(self, names: list[str]) -> list[ReadRequest]:
        names = self._with_carriers(names)
        known = self._known(names, "listing")
        result: list[ReadRequest] = []
        for name in names:
            plan = self.plans[name]
            if name not in LISTED:
                # in pages of the size that a sweep has, so that the answers of the one are known to the other
                result += self._documents([name])
                continue
            listing = ReadRequest(self._listing[name], "listing", known=known.get(name, {}), page_size=LISTING_OBJECTS)
            result.append(listing)
            result += holders(plan)
        return result

    def _hints(self, names: list[str], overlap: timedelta) -> list[ReadRequest]:
        """What was stamped since the last reading, or played: of kinds where the newest stamp tells so."""
        result = []
        for name in names:
            plan = self.plans[name]
            if "updated_at" not in plan.filters:
                continue
            self._hinted.add(name)
            moment = self._clocks[name][0]
            since = clocks.wall_clock(moment, self._offset, overlap)
            if (self.probe.newest.get(name) or "")[:19] >= since:
                result.append(self._hint(plan, "updated_at", since))
            if "last_played_at" in plan.filters and self.probe.played:
                # of plays the server writes UTC
                since = clocks.wall_clock(moment, timedelta(0), overlap)
                if self.probe.played[:19] >= since:
                    result.append(self._hint(plan, "last_played_at", since))
        return result

    def _hint(self, plan: QueryPlan, stamp: str, since: str) -> ReadRequest:
        criterion = {stamp: {"value": since, "modifier": "GREATER_THAN"}}
        return ReadRequest(incremental_plan(plan), "hint", criterion, page_size=LISTING_OBJECTS)

    def _unsettled(self, names: list[str]) -> None:
        for name in names:
            if name in LISTED and name in self._clocks:
                moment = self._clocks[name][0]
                found = clocks.unsettled(self.loader.connection, self.instance.id, name, moment)
                self.loader.todo.setdefault(name, set()).update(found)

    # --- objects, and what refers to what is gone -----------------------------------------------------------

    def _read_todo(self) -> None:
        """Reads the documents that were found to differ, each once."""
        todo, self.loader.todo = self.loader.todo, {}
        self._read_objects({name: ids - self._asked.get(name, set()) for name, ids in todo.items()})

    def _read_objects(self, todo: Mapping[str, set[int]]) -> None:
        wanted = []
        for entity in ENTITIES:
            name, plan = entity.name, self.plans[entity.name]
            ids = todo.get(name)
            if not ids or not plan.query or "documents" in self._complete.get(name, ()):
                continue
            self._asked.setdefault(name, set()).update(ids)
            if plan.by_id:
                wanted.append(ReadRequest(plan, "objects", ids=tuple(sorted(ids))))
            else:
                # old releases cannot be asked for some of these
                wanted += self._documents([name])
        if wanted:
            self._before_writing()
            self._read(wanted)

    def _before_writing(self) -> None:
        for name, ids in self.loader.gone.items():
            self.loader.guard.gone(name, len(ids))

    def _follow_what_is_gone(self) -> None:
        followed: dict[str, set[int]] = {}
        while True:
            gone = {name: set(ids) for name, ids in self.loader.gone.items() if ids}
            if gone == followed:
                return
            followed = gone
            found = referrers(self.loader.connection, self.instance.id, gone)
            todo = {name: ids - self._asked_again.get(name, set()) for name, ids in found.items()}
            for name, ids in todo.items():
                self._asked_again.setdefault(name, set()).update(ids)
            self._read_objects(todo)

    # --- reading --------------------------------------------------------------------------------------------

    def _read(self, wanted: list[ReadRequest]) -> None:
        if not wanted:
            return
        waiting: list[Page] = []
        since = time.perf_counter()

        def flush() -> None:
            nonlocal since
            if waiting:
                self.check()
                self.loader.load(waiting)
                for page in waiting:
                    progress.fetched(self.instance.name, page.entity, page.objects)
                waiting.clear()
            since = time.perf_counter()

        try:
            for event in read_library(
                self.client,
                self.plans,
                wanted,
                page_size=self.settings.page_size,
                in_flight=self.settings.requests_in_flight,
            ):
                if isinstance(event, Page):
                    for entity in event.documents or [event.entity]:
                        self._begun.setdefault(entity, time.perf_counter() - event.seconds)
                    waiting.append(event)
                    full = (
                        sum(page.objects for page in waiting) >= _BATCH_OBJECTS
                        or sum(page.size for page in waiting) >= _BATCH_BYTES
                    )
                    if full or time.perf_counter() - since > _BATCH_SECONDS:
                        flush()
                elif isinstance(event, Expected):
                    self.loader.changes[event.entity].expected = event.count
                    progress.expected(self.instance.name, event.entity, event.count)
                elif isinstance(event, UnreadableObject):
                    self._unreadable(event)
                elif isinstance(event, NotFound):
                    self._denied(event)
                elif isinstance(event, Complete):
                    flush()
                    self._completed(event)
            # folders that came with some files are told of last, and are complete only if all were read
            flush()
        except StashError:
            # what came before the fault is good, and need not be fetched in vain
            flush()
            raise

    def _unreadable(self, event: UnreadableObject) -> None:
        if event.id is not None:
            self.loader.record_unreadable(event.entity, event.id)
        self._tell(event.entity, event.message if event.id is None else f"{event.id}: {event.message}")

    def _tell(self, entity: str, what: str) -> None:
        self.loader.changes[entity].tell(what)

    def _denied(self, event: NotFound) -> None:
        here = self.loader.sink.live(event.entity, event.ids)
        self.loader.gone.setdefault(event.entity, set()).update(here)

    def _completed(self, event: Complete) -> None:
        self.check()
        self.loader.complete(event)
        if event.purpose in ("documents", "listing") and not event.holds:
            self._complete.setdefault(event.entity, set()).add(event.purpose)
            change = self.loader.changes[event.entity]
            change.seconds = time.perf_counter() - self._begun.get(event.entity, time.perf_counter())
            progress.complete(self.instance.name, event.entity)
            removes = self.loader.gone.get(event.entity) or self.loader.holds_back(event.entity)
            if event.purpose == "documents" and not removes:
                # nothing refers to what is gone: whatever happens to the rest, this need not be read again
                self._conclude_one(event.entity)

    # --- the end --------------------------------------------------------------------------------------------

    def _conclude(self) -> None:
        for name in self._complete:
            if name not in self._concluded:
                self._conclude_one(name)
        for name in self._hinted - self._complete.keys():
            # what was stamped and could not be read is asked for again
            self.loader.finish_incremental(name, None if self.loader.failed.get(name) else self.started)
        newest = self.loader.newest_stamp
        offset = newest.utcoffset() if newest else None
        if offset is not None:
            self.loader.sink.record_offset(offset)

    def _conclude_one(self, name: str) -> None:
        self._concluded.add(name)
        purposes = self._complete[name]
        if "snapshot" in purposes:
            # what GraphQL answered before is still known, where nothing else was written since
            purposes = set() if name in self._alike else {"documents"}
        if "listing" in purposes and self.loader.failed.get(name):
            # a listing that is known again would hide what has not been read
            purposes = purposes - {"listing"}
        self.loader.finish_entity(name, {purpose: self._forms[name][purpose] for purpose in purposes}, self.started)


def _told(differing: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(f"{there:,} {name} where {here:,} were read" for name, (here, there) in differing.items())
