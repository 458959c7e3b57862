"""Metadata of assets, derived from the table registry: columns, lineage of columns, where the code is, previews."""

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
from stash_pipeline.stash.fields import Entity, Joined
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.tables import METADATA, partial_date_columns, type_name

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
LACKING = "fields_the_server_lacks"
UNKNOWN = "fields_nobody_knows"
UNREADABLE = "objects_with_unreadable_values"
CHANGED_FIELDS = "changed_fields"
WOULD_CHANGE = "would_change"
LANE = "lane"
LANE_REASON = "why_that_lane"
UNSTAMPED = "changed_without_a_stamp"
FAILED = "objects_the_server_could_not_send"
FAILURES = "what_the_server_said_of_them"
DANGLING = "references_without_target"
ROW_COUNT = "dagster/partition_row_count"

_PREVIEW_ROWS = 5
_PREVIEW_WIDTH = 60


def counted(counts: Mapping[str, int]) -> str:
    """What there is of each, the most frequent first."""
    most = sorted(((count, name) for name, count in counts.items() if count), key=lambda pair: (-pair[0], pair[1]))
    return ", ".join(f"{name} {count}" for count, name in most) or "none"


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table as Dagster shows them."""
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
            )
            for column in table.columns
        ]
    )


def _document(entity: Entity) -> dg.TableColumnDep:
    return dg.TableColumnDep(dg.AssetKey(["raw", entity.name]), "document")


def _identifier(entity: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(dg.AssetKey(["stash", entity]), "id")


def entity_lineage(entity: Entity) -> dg.TableColumnLineage:
    """Which column of which asset each column of an entity comes from."""
    raw = dg.AssetKey(["raw", entity.name])
    lineage = {
        "instance_id": [dg.TableColumnDep(raw, "instance_id")],
        "id": [dg.TableColumnDep(raw, "id")],
    }
    for field, scalar in entity.scalars:
        names = partial_date_columns(field.name) if scalar.type == "partial_date" else (field.name,)
        lineage |= {name: [_document(entity)] for name in names}
    for field, reference in entity.references:
        column = [_document(entity)]
        if reference.target != entity.name:
            column.append(_identifier(reference.target))
        lineage[f"{field.name}_id"] = column
    return dg.TableColumnLineage(lineage)


def join_lineage(entity: Entity, joined: Joined, table: Table) -> dg.TableColumnLineage:
    """The same for a join table: both ends are ids of entities."""
    lineage = {}
    for column in table.columns:
        deps = [_document(entity)]
        if column.name == entity.owner_column(joined):
            deps = [_identifier(entity.name)]
        elif column.name == joined.target_column and joined.target:
            deps.append(_identifier(joined.target))
        elif column.name == "instance_id":
            deps = [dg.TableColumnDep(dg.AssetKey(["raw", entity.name]), "instance_id")]
        lineage[column.name] = deps
    return dg.TableColumnLineage(lineage)


@cache
def _lines() -> tuple[Path, dict[str, int]]:
    """The file of the entity specification, and the line where each kind begins."""
    file = Path(inspect.getsourcefile(entities) or "")
    found = {}
    for number, text in enumerate(file.read_text("utf-8").splitlines(), start=1):
        name, begins, _ = text.partition(" = Entity(")
        if begins:
            found[name.lower()] = number
    return file, found


def code_reference(entity: str) -> dict[str, Any]:
    """Metadata that links an asset to the lines of the entity specification that define it."""
    file, lines = _lines()
    with warnings.catch_warnings():
        # the classes are beta, their metadata has been shown by the UI since 1.7
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(
            file_path=str(file), line_number=lines.get(entity, 1), label="entity specification"
        )
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


def per_second(rows: int, seconds: float) -> float:
    """Rows per second, rounded; 0 when nothing was measured."""
    return round(rows / seconds, 1) if seconds > 0 else 0.0


def preview(connection: Connection, table: str, instance_id: int) -> dg.MarkdownMetadataValue:
    """The first rows of one instance's part of a table, as Markdown; long values are cut."""
    # the registry's own names, and an integer; as text, because Python's dates end before Postgres's
    columns_as_text = ", ".join(f"{column.name}::text" for column in METADATA.tables[table].columns)
    order = ", ".join(column.name for column in METADATA.tables[table].primary_key.columns)
    cursor = connection.execute(
        f"SELECT {columns_as_text} FROM {table} WHERE instance_id = %s ORDER BY {order} LIMIT {_PREVIEW_ROWS}",
        [instance_id],
    )
    names = [column.name for column in cursor.description or []]
    columns = [
        (name, values)
        for name, values in zip(names, zip(*cursor.fetchall(), strict=True), strict=False)
        if name != "instance_id" and any(value is not None for value in values)
    ]
    if not columns:
        return dg.MetadataValue.md("*no rows*")

    def shortened(value: object) -> str:
        text = "" if value is None else str(value)
        text = text.replace("|", "\\|").replace("\n", " ")
        return text if len(text) <= _PREVIEW_WIDTH else text[: _PREVIEW_WIDTH - 1] + "…"

    cells = {name: [shortened(value) for value in values] for name, values in columns}
    return dg.MetadataValue.md(tabulate(cells, headers="keys", tablefmt="pipe", disable_numparse=True))
