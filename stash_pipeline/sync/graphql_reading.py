"""What each mode reads by GraphQL to make ``raw`` equal to the server.

* sweep: all documents of all entities.
* reconcile: complete listings of all entities, then the documents that are new or different.
* changes: objects with timestamps since the last run, and listings of the entities whose counts differ.
* objects: objects by id.

In every mode all removed objects are known, and the objects that refer to them are read again, before tombstones are
set. ``docs/convergence.md`` describes what each mode detects and costs.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from stash_pipeline.errors import UserError
from stash_pipeline.stash.read_request import LISTED
from stash_pipeline.sync.requests import is_incremental
from stash_pipeline.sync.session import SyncSession
from stash_pipeline.warehouse.entities.referrers import referrers
from stash_pipeline.warehouse.raw.watermarks import WIDEST

Mode = Literal["changes", "reconcile", "sweep", "objects"]

_CLOCK_TOLERANCE: Final = timedelta(minutes=5)


class GraphQLReading:
    """Reads one server by GraphQL; does not set tombstones."""

    def __init__(self, session: SyncSession) -> None:
        self._session = session
        self._loader = session.loader
        self._local = session.local
        self._requests = session.requests
        self._plans = session.server.plans
        self._read_ids: dict[str, set[int]] = {}
        self._reread_referrers: dict[str, set[int]] = {}

    def read(self, entities: list[str], mode: Mode) -> None:
        """Reads entities in any mode except objects."""
        complete = [name for name in entities if mode == "sweep" or name not in self._local.current]
        rest = [name for name in entities if name not in complete]
        if mode == "changes" and not self._clock_was_set_back(rest):
            self._read_changes(complete, rest)
        else:
            self._session.read([*self._requests.documents(complete), *self._requests.listings(rest)])
            for name in rest:
                if name in LISTED:
                    self._loader.todo.setdefault(name, set()).update(self._local.unsettled(name))
            self._read_todo()
        self._reread_objects_that_refer_to_removed_ones()

    def read_named(self, objects: Mapping[str, set[int]]) -> None:
        """Reads objects by id, and reports objects that neither the server nor ``raw`` has.

        Raises:
            UserError: if the server has no query for an entity.
        """
        for name in objects:
            if not self._plans[name].query:
                release = self._session.server.release
                raise UserError(f"This server ({release}) cannot be asked for {name}; sync without --id.")
        self._read_objects(objects)
        for name, ids in objects.items():
            missing = ids - self._loader.sink.live(name, ids) - self._loader.failed.get(name, set())
            for identifier in sorted(missing):
                self._loader.changes[name].add_failure(f"{identifier}: the server has no such object.")
        self._reread_objects_that_refer_to_removed_ones()

    def compare(self, objects: Mapping[str, set[int]]) -> int:
        """Reads only these objects, by id; returns the number of objects that can be requested."""
        by_id = {name: ids for name, ids in objects.items() if self._plans[name].by_id and ids}
        self._read_objects(by_id)
        return sum(len(ids) for ids in by_id.values())

    def _clock_was_set_back(self, entities: list[str]) -> bool:
        """Whether the server's timestamps do not have the order of its changes."""
        latest = self._session.server.started + _CLOCK_TOLERANCE
        return any(self._local.read_at(name) > latest for name in entities)

    def _read_changes(self, complete: list[str], rest: list[str]) -> None:
        overlap = timedelta(hours=self._session.settings.overlap_hours)
        without_stamps = [name for name in rest if self._plans[name].entity.whole]
        self._session.coverage.add_incremental(name for name in rest if is_incremental(self._plans[name]))
        self._session.read(
            [
                *self._requests.documents(complete),
                *self._requests.documents(without_stamps),
                *self._requests.incremental(rest, overlap),
            ]
        )
        self._read_todo()
        newest = self._loader.newest_stamp
        offset = newest.utcoffset() if newest else None
        if offset is not None and offset != self._local.utc_offset:
            # the server's wall clock has jumped, so new timestamps can be older than the watermark
            self._local.utc_offset = offset
            self._session.read(self._requests.incremental(rest, WIDEST))
            self._read_todo()
        stored = self._loader.sink.counted()
        differing = [name for name in rest if self._count_differs(name, stored.get(name))]
        self._session.read(self._requests.listings(differing))
        self._read_todo()

    def _count_differs(self, entity: str, stored: int | None) -> bool:
        """Whether the server's count differs from the stored objects and those that could not be read."""
        counts = self._session.server.probe.counts
        if entity not in counts:
            return False
        return stored is None or counts[entity] - stored != self._local.missing(entity)

    def _read_todo(self) -> None:
        """Reads the documents that differ, each of them once."""
        todo, self._loader.todo = self._loader.todo, {}
        self._read_objects({name: ids - self._read_ids.get(name, set()) for name, ids in todo.items()})

    def _read_objects(self, ids: Mapping[str, set[int]]) -> None:
        todo = {name: entity_ids for name, entity_ids in ids.items() if not self._session.coverage.has_documents(name)}
        for name, entity_ids in todo.items():
            self._read_ids.setdefault(name, set()).update(entity_ids)
        if requests := self._requests.objects(todo):
            self._loader.check_removals()
            self._session.read(requests)

    def _reread_objects_that_refer_to_removed_ones(self) -> None:
        gone: dict[str, set[int]] = {}
        while True:
            before, gone = gone, {name: set(ids) for name, ids in self._loader.gone.items() if ids}
            if gone == before:
                return
            todo = {
                name: ids - self._reread_referrers.get(name, set())
                for name, ids in referrers(self._loader.connection, self._session.instance.id, gone).items()
            }
            for name, ids in todo.items():
                self._reread_referrers.setdefault(name, set()).update(ids)
            self._read_objects(todo)
