"""What people protect: folders and tags of an instance, whose scenes and files are always suggested to be kept.

It is stored per instance, because paths and tags are those of one server, and in the database, because every process
must come to the same suggestions. A change is logged as a change of the instance, so that layers follow it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.object_log import INSTANCES, Touched, publish


@dataclass(frozen=True)
class Protection:
    """What is protected on one instance.

    Attributes:
        paths: without separators at the end.
        tags: names as they were given.
    """

    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def reason(self, paths: Iterable[str], tags: Iterable[str]) -> str | None:
        """Why something is protected that has some files and tags; None if it is not."""
        protected = {name.casefold(): name for name in self.tags}
        for tag in sorted(tags):
            if tag.casefold() in protected:
                return f"protected: tag {tag}"
        for path in sorted(paths):
            for folder in self.paths:
                if path == folder or path.startswith((folder + "/", folder + "\\")):
                    return f"protected: below {folder}"
        return None


def read_protection(connection: Connection) -> dict[int, Protection]:
    """What is protected, by instance."""
    rows = connection.execute(
        "SELECT instance_id, array_remove(array_agg(CASE WHEN kind = 'path' THEN value END ORDER BY value), NULL),\n"
        "    array_remove(array_agg(CASE WHEN kind = 'tag' THEN value END ORDER BY value), NULL)\n"
        "FROM ops.protected GROUP BY 1"
    )
    return {row[0]: Protection(tuple(row[1]), tuple(row[2])) for row in rows}


def protect(connection: Connection, instance: int, paths: Iterable[str], tags: Iterable[str]) -> bool:
    """Protects folders and tags of an instance as well; returns whether anything is new."""
    entries = [("path", path.rstrip("/\\") or path) for path in paths] + [("tag", tag) for tag in tags]
    with connection.transaction():
        added = connection.execute(
            "INSERT INTO ops.protected (instance_id, kind, value)\n"
            "SELECT %s, w.kind, w.value FROM unnest(%s::text[], %s::text[]) AS w(kind, value) ON CONFLICT DO NOTHING",
            [instance, [kind for kind, _ in entries], [value for _, value in entries]],
        ).rowcount
        _log(connection, instance, added)
    return added > 0


def unprotect(connection: Connection, instance: int) -> bool:
    """Protects nothing of an instance any more; returns whether anything was protected."""
    with connection.transaction():
        removed = connection.execute("DELETE FROM ops.protected WHERE instance_id = %s", [instance]).rowcount
        _log(connection, instance, removed)
    return removed > 0


def _log(connection: Connection, instance: int, changes: int) -> None:
    if changes:
        touched = Touched()
        touched.add(INSTANCES, [instance])
        publish(connection, instance, touched)
