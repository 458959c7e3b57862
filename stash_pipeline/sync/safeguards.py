"""Stops a reading that would follow a server which has lost its mind, or its database.

A library that was restored, re-imported or replaced answers perfectly well: with other objects under the same ids, or
with far fewer of them. Following it would tombstone, or mix up, everything; so a person is asked first.
"""

from collections.abc import Mapping

from stash_pipeline.errors import UserError
from stash_pipeline.stash.documents import Document
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.row_counts import documents_counted
from stash_pipeline.warehouse.tables import partition

ALWAYS_ALLOWED = 50
"""Objects of a kind that may vanish from one reading to the next whatever the size of the library."""

_SHARE = 5
"""One in so many may vanish."""

ASK = (
    "Nothing of that was written. If the server is right, accept it with `stash-pipeline sync {name} "
    "--accept-removals` (in the web page's launchpad: accept_removals: true)."
)


class SuspiciousServerError(UserError):
    """What the server answers is not what it would answer after edits."""


def allowed(live: int) -> int:
    """How many of so many objects may vanish at once."""
    return max(ALWAYS_ALLOWED, live // _SHARE)


class Safeguards:
    """Looks at what a reading is about to do.

    Args:
        accept: a person has said that the server is right.
    """

    def __init__(self, connection: Connection, instance_id: int, name: str, *, accept: bool = False) -> None:
        self.connection = connection
        self.instance_id = instance_id
        self.name = name
        self.accept = accept
        self.live = documents_counted(connection, instance_id)
        self._elements: dict[tuple[str, str], int] = {}

    def _stop(self, what: str) -> None:
        if not self.accept:
            raise SuspiciousServerError(f"{what} {ASK.format(name=self.name)}")

    def schema(self, now: int | None) -> None:
        """The version of the server's database: it only ever grows.

        Raises:
            SuspiciousServerError: if it is smaller than it was.
        """
        row = self.connection.execute(
            "SELECT database_schema FROM ops.instances WHERE id = %s", [self.instance_id]
        ).fetchone()
        before = row[0] if row else None
        if before is not None and now is not None and now < before:
            self._stop(
                f"The server's database has schema version {now} and had {before}: an older database was restored, or "
                "another server answers at this address."
            )

    def counts(self, counts: Mapping[str, int]) -> None:
        """The server's own counts, before anything is read.

        Raises:
            SuspiciousServerError: if too many objects of a kind are gone.
        """
        for entity, count in counts.items():
            self.gone(entity, self.live.get(entity, 0) - count)

    def gone(self, entity: str, gone: int) -> None:
        """How many objects of a kind are about to be tombstoned.

        Raises:
            SuspiciousServerError: if that is more than edits would explain.
        """
        live = self.live.get(entity, 0)
        if gone > allowed(live):
            self._stop(
                f"{gone:,} of {live:,} {entity} would be removed, more than {allowed(live):,}: was the database "
                "restored, or emptied?"
            )

    def relation(self, entity: str, name: str, lost: int) -> None:
        """How much of one relation of a kind is about to be removed, though both sides are still there.

        Raises:
            SuspiciousServerError: if that is more than edits would explain.
        """
        if lost <= ALWAYS_ALLOWED or self.accept:
            return
        live = self._elements.get((entity, name))
        if live is None:
            live = self._elements[entity, name] = self._count_elements(entity, name)
        if lost > allowed(live):
            self._stop(
                f"{lost:,} of {live:,} {name} of {entity} would be removed, more than {allowed(live):,}: does the "
                "server send less than it has?"
            )

    def _count_elements(self, entity: str, name: str) -> int:
        """What one relation holds; looks at all documents of the kind, and only where much of it is lost."""
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
        """Documents that are about to replace others: an object keeps the time of its creation.

        Raises:
            SuspiciousServerError: if one of them was created at another time than the object it would replace.
        """
        if self.accept:
            return
        row = self.connection.execute(
            # as texts: Postgres holds times that Python does not
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
                f"{entity} {identifier} was created at {before} and now says {now}: ids mean other objects than "
                "before, as after a restored or re-imported database."
            )
