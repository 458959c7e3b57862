"""Where the rows of each table come from: which are lost without a backup, and which can be made again.

``docs/backup.md`` shows it. A test fails for a table that no rule covers.
"""

from enum import Enum
from typing import Final

from sqlalchemy import Table

from stash_pipeline import layers  # noqa: F401 - its layers register their tables
from stash_pipeline.warehouse.tables import METADATA, RAW

RUNS_SCHEMA: Final = "dagster"
"""The schema of Dagster's storage: runs, events, ticks, and which sensors are switched on."""


class Origin(Enum):
    """Where the rows of a table come from, and how to get them again."""

    settings = "what you entered: servers, stash-boxes, keys (encrypted), protected folders. **Lost** without a backup"
    decisions = "what you decided. **Lost** without a backup"
    history = (
        "what happened: earlier versions of objects, merges, journals, and the ids of clusters and records. **Lost** "
        "without a backup, because a server only has the present"
    )
    servers = "read from the servers: `stash-pipeline sync` reads it again"
    boxes = "read from stash-boxes: `stash-pipeline boxes sync` asks again, within the requests of a day"
    derived = "made of other tables: `stash-pipeline rebuild` makes it again"
    bookkeeping = "how far each part is; made again by the next sync"

    @property
    def irreplaceable(self) -> bool:
        """Whether only a backup has it."""
        return self in (Origin.settings, Origin.decisions, Origin.history)


_TABLES: Final[dict[str, Origin]] = {
    "ops.instances": Origin.settings,
    "ops.stashbox_endpoints": Origin.settings,
    "ops.protected": Origin.settings,
    "ops.sync_runs": Origin.history,
    "ops.notifications": Origin.history,
    "ops.layer_watermarks": Origin.bookkeeping,
    "ops.object_log_head": Origin.bookkeeping,
    "ops.object_log": Origin.bookkeeping,
    "ops.shared_layers": Origin.bookkeeping,
    "ops.dangling_references": Origin.derived,
    "ops.row_counts": Origin.bookkeeping,
    "ops.cadence": Origin.bookkeeping,
    "ops.complete_reads": Origin.bookkeeping,
    "ops.read_watermarks": Origin.bookkeeping,
    "raw.history": Origin.history,
    "raw.pages": Origin.bookkeeping,
    "stash.merges": Origin.history,
    "matches.decisions": Origin.decisions,
    # ids, which others may have stored; a rebuild keeps them, and without the old ones it gives new ones
    "matches.clusters": Origin.history,
    "matches.members": Origin.history,
    "matches.redirects": Origin.history,
}
_SCHEMAS: Final[dict[str, Origin]] = {
    "stash": Origin.derived,
    "stashbox": Origin.boxes,
    "matches": Origin.derived,
    "catalog": Origin.derived,
    "search": Origin.derived,
}


def origin_of(table: Table) -> Origin:
    """Where the rows of a table come from.

    Raises:
        KeyError: if no rule covers the table.
    """
    if table.fullname in _TABLES:
        return _TABLES[table.fullname]
    if table.schema == "raw" and table.name in RAW:
        return Origin.servers
    return _SCHEMAS[table.schema or ""]


def contents_table() -> str:
    """The table of ``docs/backup.md``: the tables by the origin of their rows."""
    lines = ["| tables | rows are |", "|---|---|"]
    for origin in Origin:
        names = [table.fullname for table in METADATA.tables.values() if origin_of(table) is origin]
        if origin is Origin.servers:
            names = ["raw.<entity>"]
        schemas = [schema for schema, schema_origin in _SCHEMAS.items() if schema_origin is origin]
        shown = [f"all other tables of `{schema}`" for schema in schemas]
        shown = [f"`{name}`" for name in sorted(names) if name.partition(".")[0] not in schemas] + shown
        lines.append(f"| {', '.join(shown)} | {origin.value} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(contents_table(), end="")
