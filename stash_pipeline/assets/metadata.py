"""Metadata of assets, derived from the table registry: columns and their origins, code references, previews."""

import inspect
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Table
from tabulate import tabulate

from stash_pipeline.stash import entities
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import Origin
from stash_pipeline.warehouse.tables import type_name

OWNERS = ["team:stash-pipeline"]

INSERTED = "inserted"
UPDATED = "updated"
UNCHANGED = "unchanged"
REMOVED = "removed"
MERGED = "merged"
LISTED = "listed"
FETCHED = "fetched"
BYTES = "bytes"
PAGES = "pages"
SECONDS = "seconds"
REQUEST_SECONDS = "request_seconds"
ROWS_PER_SECOND = "rows_per_second"
PREVIEW = "preview"
MISSING_FIELDS = "missing_fields"
UNMAPPED_FIELDS = "unmapped_fields"
NOT_IN_SNAPSHOT = "fields_not_in_snapshot"
UNREADABLE = "objects_with_invalid_values"
CHANGED_FIELDS = "changed_fields"
WOULD_CHANGE = "would_change"
LANE = "lane"
LANE_REASON = "lane_reason"
SILENT_CHANGES = "silent_changes"
FAILED = "failed_objects"
FAILURES = "failure_messages"
DANGLING = "dangling_references"
ROW_COUNT = "dagster/partition_row_count"
ALL_ROWS_COUNT = "dagster/row_count"
REVISION = "object_log_revision"
FOLLOWED = "objects_followed"
CAUSE = "caused_by"

DATA_VERSION = dg.DataVersion("followed")
"""The data version of every materialization.

A table that did not change emits no event. By Dagster's own versions, it would look outdated ("Unsynced") as soon as a
table above it changes, although it has followed. Whether a layer is behind is what its check ``is_current`` says.
"""

DATA_VERSION_TAG = "dagster/data_version"

FROM = "from"
REFERS_TO = "refers_to"

_PREVIEW_ROWS = 5
_PREVIEW_WIDTH = 60


def materialized(key: dg.AssetKey, metadata: Mapping[str, Any]) -> dg.MaterializeResult[Any]:
    """The event of a table that a run wrote."""
    return dg.MaterializeResult(asset_key=key, metadata=metadata, data_version=DATA_VERSION)


def format_counts(counts: Mapping[str, int]) -> str:
    """The counts above zero as text, the largest first."""
    largest = sorted(((count, name) for name, count in counts.items() if count), key=lambda pair: (-pair[0], pair[1]))
    return ", ".join(f"{name} {count}" for count, name in largest) or "none"


def column_schema(table: Table, origins: Mapping[str, Origin] | None = None) -> dg.TableSchema:
    """The columns of a table for Dagster, with tags for the origins of their values."""
    keys = {column.name for column in table.primary_key.columns}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type_name(column),
                column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable), other=["primary key"] if column.name in keys else []
                ),
                tags=_origin_tags((origins or {}).get(column.name, Origin())),
            )
            for column in table.columns
        ]
    )


def _origin_tags(origin: Origin) -> dict[str, str]:
    tags = {}
    if len(origin.columns) == 1:
        # a tag has one value; the column lineage has all origins
        tags[FROM] = origin.columns[0]
    if origin.refers_to:
        tags[REFERS_TO] = origin.refers_to
    return tags


def column_lineage(origins: Mapping[str, Origin]) -> dict[str, Any]:
    """Metadata with the origins of each column."""
    if not origins:
        return {}
    deps = {column: [_column_dep(name) for name in origin.columns] for column, origin in origins.items()}
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}


def _column_dep(name: str) -> dg.TableColumnDep:
    table, _, column = name.rpartition(".")
    return dg.TableColumnDep(asset_key=dg.AssetKey(table.split(".")), column_name=column)


@cache
def _lines() -> tuple[Path, dict[str, int]]:
    """The file of the entity specification, and the first line of each entity."""
    file = Path(inspect.getsourcefile(entities) or "")
    lines = {}
    for number, text in enumerate(file.read_text("utf-8").splitlines(), start=1):
        name, separator, _ = text.partition(" = Entity(")
        if separator:
            lines[name.lower()] = number
    return file, lines


def code_reference(entity: str) -> dict[str, Any]:
    """Metadata that links an asset to the lines of the entity specification that define it."""
    file, lines = _lines()
    with warnings.catch_warnings():
        # the classes are beta, but the UI has shown their metadata since 1.7
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(
            file_path=str(file), line_number=lines.get(entity, 1), label="entity specification"
        )
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


def per_second(rows: int, seconds: float) -> float:
    """Rows per second, rounded; 0 if no time was measured."""
    return round(rows / seconds, 1) if seconds > 0 else 0.0


def preview(connection: Connection, table: Table, instance_id: int | None = None) -> dg.MarkdownMetadataValue:
    """The first rows of a table, or of its rows of one instance, as Markdown; long values are truncated."""
    # the names come from the registry; values as text, because Python's range of dates is smaller than Postgres'
    columns_as_text = ", ".join(f"{column.name}::text" for column in table.columns)
    order = ", ".join(column.name for column in table.primary_key.columns) or "1"
    where = "" if instance_id is None else "WHERE instance_id = %(i)s "
    cursor = connection.execute(
        f"SELECT {columns_as_text} FROM {table.fullname} {where}ORDER BY {order} LIMIT {_PREVIEW_ROWS}",
        {"i": instance_id},
    )
    names = [column.name for column in cursor.description or []]
    columns = [
        (name, values)
        for name, values in zip(names, zip(*cursor.fetchall(), strict=True), strict=False)
        if (instance_id is None or name != "instance_id") and any(value is not None for value in values)
    ]
    if not columns:
        return dg.MetadataValue.md("*no rows*")

    def shortened(value: object) -> str:
        text = "" if value is None else str(value)
        text = text.replace("|", "\\|").replace("\n", " ")
        return text if len(text) <= _PREVIEW_WIDTH else text[: _PREVIEW_WIDTH - 1] + "…"

    cells = {name: [shortened(value) for value in values] for name, values in columns}
    return dg.MetadataValue.md(tabulate(cells, headers="keys", tablefmt="pipe", disable_numparse=True))
