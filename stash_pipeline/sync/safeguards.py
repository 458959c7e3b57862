"""Stops a sync with a server whose database was emptied, restored or replaced.

Such a server responds without errors, but has far fewer objects, or other objects with the same ids. The sync would
remove or mix up everything, so a person must confirm it first.
"""

from collections.abc import Mapping

from stash_pipeline.errors import UserError
from stash_pipeline.stash.documents import Document
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.row_counts import documents_counted
from stash_pipeline.warehouse.partition_names import partition

ALWAYS_ALLOWED = 50
"""The number of objects of an entity that may always be removed, whatever the size of the library."""

_SHARE = 5
"""One in this many objects may be removed."""

ASK = (
    "Nothing of that was written. If the server is right, confirm it with `stash-pipeline sync {name} "
    "--accept-removals` (in the web page's launchpad: accept_removals: true)."
)


class SuspiciousServerError(UserError):
    """Edits do not explain what the server responds."""


def allowed(live: int) -> int:
    """How many of these objects may be removed at once."""
    return max(ALWAYS_ALLOWED, live // _SHARE)


class Safeguards:
    """Checks what a sync is about to do.

    Args:
        accept: a person has confirmed that the server is right.
    """

    def __init__(self, connection: Connection, instance_id: int, name: str, *, accept: bool = False) -> None:
        self.connection = connection
        self.instance_id = instance_id
        self.name = name
        self.accept = accept
        self.live = documents_counted(connection, instance_id)
        self._elements: dict[tuple[str, str], int] = {}

    def _stop(self, reason: str) -> None:
        if not self.accept:
            raise SuspiciousServerError(f"{reason} {ASK.format(name=self.name)}")

    def schema(self, now: int | None) -> None:
        """Checks the schema version of the server's database, which only increases.

        Raises:
            SuspiciousServerError: if it has decreased.
        """
        row = self.connection.execute(
            "SELECT database_schema FROM ops.instances WHERE id = %s", [self.instance_id]
        ).fetchone()
        before = row[0] if row else None
        if before is not None and now is not None and now < before:
            self._stop(
                f"The server's database has schema version {now} and had {before}: an older database was restored, or "
                "another server has this address."
            )

    def counts(self, counts: Mapping[str, int]) -> None:
        """Checks the server's counts before anything is read.

        Raises:
            SuspiciousServerError: if too many objects of an entity are missing.
        """
        for entity, count in counts.items():
            self.gone(entity, self.live.get(entity, 0) - count)

    def gone(self, entity: str, gone: int) -> None:
        """Checks the number of objects of an entity that are about to be removed.

        Raises:
            SuspiciousServerError: if edits do not explain it.
        """
        live = self.live.get(entity, 0)
        if gone > allowed(live):
            self._stop(
                f"{gone:,} of {live:,} {entity} would be removed, more than {allowed(live):,}: was the database "
                "restored or emptied?"
            )

    def relation(self, entity: str, name: str, lost: int) -> None:
        """Checks how many elements of a relation are about to be removed although both objects still exist.

        Raises:
            SuspiciousServerError: if edits do not explain it.
        """
        if lost <= ALWAYS_ALLOWED or self.accept:
            return
        live = self._elements.get((entity, name))
        if live is None:
            live = self._elements[entity, name] = self._count_elements(entity, name)
        if lost > allowed(live):
            self._stop(
                f"{lost:,} of {live:,} {name} of {entity} would be removed, more than {allowed(live):,}: does the "
                "server send fewer than it has?"
            )

    def _count_elements(self, entity: str, name: str) -> int:
        """The number of elements of a relation. Scans all documents of the entity, but only if many are removed."""
        row = self.connection.execute(
            "SELECT coalesce(sum(\n"
            "    CASE jsonb_typeof(d.value) WHEN 'array' THEN jsonb_array_length(d.value) ELSE 1 END), 0)\n"
            f"FROM {partition('raw.' + entity, self.instance_id)} AS r,\n"
            "    LATERAL (SELECT r.document->%s AS value) AS d\n"
            "WHERE r.instance_id = %s AND r.deleted_at IS NULL AND d.value IS NOT NULL",
            [name, self.instance_id],
        ).fetchone()
        return int(row[0]) if row else 0

    def created(self, entity: str, changed: list[Document]) -> None:
        """Checks that changed documents have the same creation time as the stored ones.

        Raises:
            SuspiciousServerError: if one of them differs.
        """
        if self.accept:
            return
        row = self.connection.execute(
            # as text, because Postgres has times that Python does not
            "SELECT r.id, r.server_created_at::text, n.created_at::text\n"
            "FROM unnest(%(ids)s::bigint[], %(times)s::timestamptz[]) AS n(id, created_at)\n"
            f"JOIN {partition('raw.' + entity, self.instance_id)} AS r ON r.instance_id = %(i)s AND r.id = n.id\n"
            "WHERE r.server_created_at <> n.created_at ORDER BY r.id LIMIT 1",
            {
                "ids": [document.id for document in changed],
                "times": [document.created_at for document in changed],
                "i": self.instance_id,
            },
        ).fetchone()
        if row is not None:
            identifier, before, now = row
            self._stop(
                f"{entity} {identifier} was created at {before}, but the server now has {now}: the ids belong to other "
                "objects than before, as in a restored or re-imported database."
            )
