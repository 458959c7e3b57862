"""The change feed of schema ``stash``: which objects changed, for the layers that are made of them.

``ops.object_log`` has one row per object whose typed row or any of whose join rows changed, vanished or got a
successor (``stash.merges``), with the revision of the log at which that was committed. The row is written in the
transaction of the change. A change is logged where it happens, in entities and joins: the documents of ``raw`` do not
tell, because a reference whose target arrives later adds rows of an owner that did not change.

The revision is one counter for all instances, in the single row of ``ops.object_log_head``. Who increments it holds
the lock of that row until the commit, so that revisions are committed in their order, and none appears behind a reader
that has passed it. It is therefore incremented last in a transaction.

Instances are in the log too, as kind ``instances``, written by triggers: added, removed, enabled, disabled, renamed, or
of another priority. Removing an instance removes the rows of its objects from the log; its own row remains.
"""

from collections.abc import Iterable

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.tables import partition

INSTANCES = "instances"
"""The kind of an instance in the log; its id is that of the instance."""

CHANGED_OBJECTS = "pg_temp.changed_objects"
"""What :func:`collect_changes` makes: a table of (instance_id, kind, id)."""

TOUCHED = "pg_temp.touched_objects"
"""What one transaction has changed so far: a table of (kind, id), with repetitions."""


def begin(connection: Connection) -> None:
    """Makes the table of what the transaction changes; does nothing if it is there."""
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS touched_objects (kind text NOT NULL, id bigint NOT NULL) ON COMMIT DROP"
    )


def touch_all(connection: Connection, instance_id: int, kinds: Iterable[str]) -> None:
    """Notes every object that there is, of kinds whose tables are about to be dropped, or were filled."""
    for kind in kinds:
        connection.execute(
            f"INSERT INTO {TOUCHED} (kind, id) SELECT %s, id FROM {partition('stash.' + kind, instance_id)}", [kind]
        )


def publish(connection: Connection, instance_id: int) -> int | None:
    """Logs what was noted since :func:`begin`. To be the last statement of its transaction.

    Returns:
        the revision of the log; None where nothing was noted.
    """
    row = connection.execute(
        "UPDATE ops.object_log_head SET revision = revision + 1\n"
        f"WHERE EXISTS (SELECT FROM {TOUCHED}) RETURNING revision"
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "INSERT INTO ops.object_log AS l (instance_id, kind, id, revision)\n"
        f"SELECT %(i)s, kind, id, %(r)s FROM (SELECT DISTINCT kind, id FROM {TOUCHED}) AS t ORDER BY kind, id\n"
        "ON CONFLICT (instance_id, kind, id) DO UPDATE SET revision = excluded.revision",
        {"i": instance_id, "r": row[0]},
    )
    return int(row[0])


def newest_revision(connection: Connection) -> int:
    """The revision up to which the log is complete."""
    row = connection.execute("SELECT revision FROM ops.object_log_head").fetchone()
    assert row is not None
    return int(row[0])


def collect_changes(connection: Connection, since: int) -> int:
    """Makes the temporary table :data:`CHANGED_OBJECTS` of what changed after a revision, until the transaction ends.

    Args:
        connection: in a transaction. What it reads of ``stash`` afterwards may be newer than the log that it has read;
            the log will then name those objects again.
        since: the revision returned the last time; 0 for all that was ever logged.

    Returns:
        the revision to continue from, once what was collected has been applied.
    """
    # first: what is committed after this statement has a greater revision
    newest = newest_revision(connection)
    connection.execute(
        "CREATE TEMP TABLE changed_objects (\n"
        "    instance_id integer, kind text, id bigint, PRIMARY KEY (instance_id, kind, id)\n"
        ") ON COMMIT DROP"
    )
    connection.execute(
        f"INSERT INTO {CHANGED_OBJECTS} SELECT instance_id, kind, id FROM ops.object_log WHERE revision > %s", [since]
    )
    return newest
