"""How much of a server a run has read: which entities are complete, and so known up to its beginning."""

from collections.abc import Iterable

from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.local_state import LocalState
from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.warehouse.raw.page_ledger import COPY


class Coverage:
    """What one run has read completely.

    Attributes:
        complete: per entity, the purposes for which all of it was read.
    """

    def __init__(self, loader: RawLoader, server: ServerState, local: LocalState) -> None:
        self._loader = loader
        self._server = server
        self._local = local
        self.complete: dict[str, set[str]] = {}
        self._incremental: set[str] = set()
        self._finished: set[str] = set()

    def add(self, entity: str, purpose: str) -> None:
        """All of an entity was read for a purpose."""
        self.complete.setdefault(entity, set()).add(purpose)

    def add_incremental(self, entities: Iterable[str]) -> None:
        """Of these entities, what was stamped since the last run is read."""
        self._incremental.update(entities)

    def reset(self) -> None:
        """What was read was rolled back."""
        self.complete.clear()
        self._incremental.clear()
        self._finished.clear()

    def has_documents(self, entity: str) -> bool:
        """Whether all documents of an entity were read by GraphQL."""
        return "documents" in self.complete.get(entity, ())

    def read_by_graphql(self) -> list[str]:
        """The entities that are complete otherwise than by a snapshot."""
        return [name for name, purposes in self.complete.items() if purposes - {COPY}]

    def finish(self) -> None:
        """Records, of every entity, up to when it is known now. To be called when all is written."""
        for name in self.complete:
            if name not in self._finished:
                self.finish_entity(name)
        for name in self._incremental - self.complete.keys():
            # what was stamped and could not be read is asked for again
            self._loader.finish_incremental(name, None if self._loader.failed.get(name) else self._server.started)
        newest = self._loader.newest_stamp
        offset = newest.utcoffset() if newest else None
        if offset is not None:
            self._loader.sink.record_offset(offset)

    def finish_entity(self, entity: str) -> None:
        """Records that an entity is complete and written."""
        self._finished.add(entity)
        purposes = self.complete[entity]
        if COPY in purposes:
            # what GraphQL answered before is still known, where nothing else was written since
            purposes = set() if entity in self._local.same_form else {"documents"}
        if "listing" in purposes and self._loader.failed.get(entity):
            # a listing that is known again would hide what has not been read
            purposes = purposes - {"listing"}
        forms = {purpose: self._local.forms[entity][purpose] for purpose in purposes}
        self._loader.finish_entity(entity, forms, self._server.started)
