"""What earlier runs know of a server: up to when each entity is known, and in which form it was read."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from stash_pipeline.sync.server_state import ServerState
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.raw import watermarks
from stash_pipeline.warehouse.raw.page_ledger import Known, form, known_pages, read_like_this


class LocalState:
    """The state at the beginning of a run.

    Args:
        prefix: of the server's own URL.

    Attributes:
        forms: per entity and purpose, 16 bytes that are equal where equal answers mean equal documents.
        same_form: entities that were read completely before, in the form that they have now.
        watermarks: per entity, the moment up to which it is known, and how many objects could not be read.
        utc_offset: of the newest timestamp that was seen.
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
        self.same_form = read_like_this(connection, instance_id, documents)
        self.watermarks = watermarks.read_watermarks(connection, instance_id)
        self.utc_offset = watermarks.utc_offset(connection, instance_id)

    @property
    def current(self) -> set[str]:
        """Entities of which it is known up to when they are read, in the form that they have now."""
        return self.same_form & self.watermarks.keys()

    def read_at(self, entity: str) -> datetime:
        """The moment up to which an entity is known."""
        return self.watermarks[entity][0]

    def missing(self, entity: str) -> int:
        """How many objects of an entity could not be read then."""
        return self.watermarks[entity][1]

    def settled(self) -> dict[str, datetime]:
        """Per entity, the moment before which an equal timestamp means an equal object."""
        return {name: moment - watermarks.SETTLING for name, (moment, _) in self.watermarks.items()}

    def unsettled(self, entity: str) -> set[int]:
        """Objects whose timestamp was so fresh at the last reading that it may stand for a newer state."""
        return watermarks.unsettled(self._connection, self._instance_id, entity, self.read_at(entity))

    def cached_pages(self, entities: Iterable[str], purpose: str) -> Known:
        """Pages of earlier runs whose objects still stand as they brought them."""
        forms = {name: self.forms[name][purpose] for name in entities if purpose in self.forms[name]}
        return known_pages(self._connection, self._instance_id, forms, purpose)

    def since(self, entity: str, overlap: timedelta) -> str:
        """The server's wall clock when an entity was last read, less an overlap; to compare ``updated_at`` with."""
        return watermarks.wall_clock(self.read_at(entity), self.utc_offset, overlap)

    def since_utc(self, entity: str, overlap: timedelta) -> str:
        """The same in UTC, which the server writes plays in."""
        return watermarks.wall_clock(self.read_at(entity), timedelta(0), overlap)
