"""What earlier runs recorded about a server: the watermark of each entity, and the form in which it was read."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.raw import watermarks
from stash_pipeline.warehouse.raw.page_ledger import CachedPages, cached_pages, form, read_in_same_form


class LocalState:
    """The recorded state at the start of a run.

    Args:
        prefix: of the server's own URL.

    Attributes:
        forms: per entity and purpose, 16 bytes that are equal if equal responses mean equal documents.
        same_form: entities whose last complete read had the current form.
        watermarks: per entity, the time up to which it was read, and the number of objects that could not be read.
        utc_offset: of the newest known timestamp.
    """

    def __init__(self, connection: Connection, instance_id: int, server: ServerState, prefix: str) -> None:
        self._connection = connection
        self._instance_id = instance_id
        self.forms: dict[str, dict[str, bytes]] = {}
        for name, plan in server.plans.items():
            self.forms[name] = {"documents": form(plan, server.release, prefix)}
            if name in server.listing_plans:
                self.forms[name]["listing"] = form(server.listing_plans[name], server.release, prefix)
        documents = {name: forms["documents"] for name, forms in self.forms.items()}
        self.same_form = read_in_same_form(connection, instance_id, documents)
        self.watermarks = watermarks.read_watermarks(connection, instance_id)
        self.utc_offset = watermarks.utc_offset(connection, instance_id)

    @property
    def current(self) -> set[str]:
        """Entities with a watermark and the current form."""
        return self.same_form & self.watermarks.keys()

    def read_at(self, entity: str) -> datetime:
        """The time up to which an entity was read."""
        return self.watermarks[entity][0]

    def missing(self, entity: str) -> int:
        """The number of objects that could not be read."""
        return self.watermarks[entity][1]

    def settled(self) -> dict[str, datetime]:
        """Per entity, the time before which an equal timestamp means an equal object."""
        return {name: moment - watermarks.SETTLING for name, (moment, _) in self.watermarks.items()}

    def unsettled(self, entity: str) -> set[int]:
        """Objects whose timestamp was so recent at the last read that it can stand for a newer state."""
        return watermarks.unsettled(self._connection, self._instance_id, entity, self.read_at(entity))

    def cached_pages(self, entities: Iterable[str], purpose: str) -> CachedPages:
        """Pages of earlier runs whose objects are unchanged."""
        forms = {name: self.forms[name][purpose] for name in entities if purpose in self.forms[name]}
        return cached_pages(self._connection, self._instance_id, forms, purpose)

    def since(self, entity: str, overlap: timedelta) -> str:
        """The server's wall clock when an entity was last read, minus an overlap, to compare ``updated_at`` with."""
        return watermarks.wall_clock(self.read_at(entity), self.utc_offset, overlap)

    def since_utc(self, entity: str, overlap: timedelta) -> str:
        """The same in UTC, because the server stores plays in UTC."""
        return watermarks.wall_clock(self.read_at(entity), timedelta(0), overlap)
