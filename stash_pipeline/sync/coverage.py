"""Which entities a run has read completely, so that their watermarks can advance to its start."""

from collections.abc import Iterable

from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.local_state import LocalState
from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.warehouse.raw.page_ledger import SNAPSHOT


class Coverage:
    """The entities that one run has read completely.

    Attributes:
        complete: per entity, the purposes for which it was read completely.
    """

    def __init__(self, loader: RawLoader, server: ServerState, local: LocalState) -> None:
        self._loader = loader
        self._server = server
        self._local = local
        self.complete: dict[str, set[str]] = {}
        self._incremental: set[str] = set()
        self._finished: set[str] = set()

    def add(self, entity: str, purpose: str) -> None:
        """Records that an entity was read completely for a purpose."""
        self.complete.setdefault(entity, set()).add(purpose)

    def add_incremental(self, entities: Iterable[str]) -> None:
        """Records that the objects of these entities with newer timestamps are read."""
        self._incremental.update(entities)

    def reset(self) -> None:
        """Starts over after a rollback."""
        self.complete.clear()
        self._incremental.clear()
        self._finished.clear()

    def has_documents(self, entity: str) -> bool:
        """Whether all documents of an entity were read by GraphQL."""
        return "documents" in self.complete.get(entity, ())

    def read_by_graphql(self) -> list[str]:
        """The entities that were read completely by GraphQL."""
        return [name for name, purposes in self.complete.items() if purposes - {SNAPSHOT}]

    def finish(self) -> None:
        """Records the new watermark of every entity; call it after everything is written."""
        with self._loader.connection.transaction():
            for name in self.complete:
                if name not in self._finished:
                    self._finish(name)
            for name in self._incremental - self.complete.keys():
                # without a new watermark, the next run requests the objects that could not be read again
                self._loader.finish_incremental(name, None if self._loader.failed.get(name) else self._server.started)
            newest = self._loader.newest_stamp
            offset = newest.utcoffset() if newest else None
            if offset is not None:
                self._loader.sink.record_offset(offset)

    def finish_entity(self, entity: str) -> None:
        """Records that an entity is complete and written."""
        with self._loader.connection.transaction():
            self._finish(entity)

    def _finish(self, entity: str) -> None:
        self._finished.add(entity)
        purposes = self.complete[entity]
        if SNAPSHOT in purposes:
            # the record of the last read by GraphQL is kept, so that its pages stay cached
            purposes = set() if entity in self._local.same_form else {"documents"}
        if "listing" in purposes and self._loader.failed.get(entity):
            # a cached listing would hide the objects that could not be read
            purposes = purposes - {"listing"}
        forms = {purpose: self._local.forms[entity][purpose] for purpose in purposes}
        self._loader.finish_entity(entity, forms, self._server.started)
