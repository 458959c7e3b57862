"""The materializations of the tables that a run wrote, with statistics and a preview."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from stash_pipeline.assets import metadata as md
from stash_pipeline.assets.raw import HISTORY_KEY, PAGES_KEY, raw_key
from stash_pipeline.assets.specs import table_key
from stash_pipeline.instances import Instance
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import (
    FollowedInstance,
    InstanceLayer,
    Layer,
    Markdown,
    SharedLayer,
    TableChange,
)
from stash_pipeline.warehouse.layers.shared import FollowedLayer
from stash_pipeline.warehouse.tables import RAW

_COMPARES_EVERYTHING = frozenset({"reconcile", "sweep"})


def raw_results(
    connection: Connection, instance: Instance, synced: SyncResult, selected: Any, mode: str, report_unchanged: bool
) -> Iterator[dg.MaterializeResult[Any]]:
    """The results of raw: documents that changed or could not be read, history, and the ledger."""
    for name, change in synced.changes.items():
        reported = change.changed or change.first or change.failures or report_unchanged
        if raw_key(name) not in selected or not reported:
            continue
        missing = [path for path in synced.missing_fields if path.split(".")[0] == name]
        yield md.materialized(
            raw_key(name),
            metadata={
                md.ROW_COUNT: change.rows,
                md.FETCHED: change.fetched,
                md.INSERTED: change.inserted,
                md.UPDATED: change.updated,
                md.UNCHANGED: change.unchanged,
                md.REMOVED: change.removed,
                md.MERGED: change.merged,
                md.LISTED: change.listed,
                md.BYTES: change.bytes,
                md.PAGES: change.pages,
                md.REQUEST_SECONDS: round(change.request_seconds, 3),
                **_speed(change.fetched, change.seconds),
                md.MISSING_FIELDS: ", ".join(missing) or "none",
                md.UNREADABLE: change.unreadable,
                md.CHANGED_FIELDS: md.format_counts(change.fields),
                # a total, and a number per field: the UI plots them
                md.SILENT_CHANGES: change.silent_changes,
                **{f"{md.SILENT_CHANGES}: {field}": count for field, count in sorted(change.silent_fields.items())},
                md.FAILED: change.failed,
                md.FAILURES: "\n".join(change.failures) or "none",
                md.PREVIEW: md.preview(connection, RAW[name], instance.id),
            },
        )
    archived = {name: change.updated + change.removed for name, change in synced.changes.items()}
    first = any(change.first for change in synced.changes.values())
    if HISTORY_KEY in selected and (first or any(archived.values())):
        yield md.materialized(
            HISTORY_KEY,
            metadata={
                "documents_archived": sum(archived.values()),
                "by_entity": md.format_counts(archived),
                md.CHANGED_FIELDS: md.format_counts(
                    {
                        f"{name}.{field}": count
                        for name, change in synced.changes.items()
                        for field, count in change.fields.items()
                    }
                ),
            },
        )
    if PAGES_KEY in selected:
        pages = sum(change.pages for change in synced.changes.values())
        fetched = sum(change.fetched for change in synced.changes.values())
        yield md.materialized(
            PAGES_KEY,
            metadata={
                "mode": mode,
                md.LANE: synced.lane,
                md.LANE_REASON: synced.lane_reason or "mode changes reads little",
                **_snapshot(synced),
                md.SILENT_CHANGES: sum(change.silent_changes for change in synced.changes.values()),
                **_silent_changes(synced),
                "requests": synced.requests,
                md.PAGES: pages,
                md.FETCHED: fetched,
                md.LISTED: sum(change.listed for change in synced.changes.values()),
                md.BYTES: sum(change.bytes for change in synced.changes.values()),
                md.SECONDS: round(synced.seconds, 3),
                md.ROWS_PER_SECOND: md.per_second(fetched, synced.seconds),
                "release": synced.release,
                md.MISSING_FIELDS: ", ".join(synced.missing_fields) or "none",
                md.UNMAPPED_FIELDS: ", ".join(synced.unmapped_fields) or "none",
            },
        )


def _snapshot(synced: SyncResult) -> dict[str, float | str]:
    """The cost of the snapshot: to create it, which blocks writes on the server, and to download it."""
    snapshot = synced.snapshot
    if snapshot is None:
        return {}
    return {
        "snapshot_bytes": snapshot.size,
        "snapshot_create_seconds": round(snapshot.create_seconds, 3),
        "snapshot_download_seconds": round(snapshot.download_seconds, 3),
        md.NOT_IN_SNAPSHOT: ", ".join(synced.not_in_snapshot) or "none",
    }


def _silent_changes(synced: SyncResult) -> dict[str, int]:
    """Silent changes per field of all entities, and removals, which never leave a timestamp."""
    counts: Counter[str] = Counter()
    for name, change in synced.changes.items():
        counts.update({f"{name}.{field}": count for field, count in change.silent_fields.items()})
        if change.removed:
            counts[f"{name} removed"] += change.removed
    return {f"{md.SILENT_CHANGES}: {field}": count for field, count in sorted(counts.items())}


def instance_results(
    connection: Connection,
    layer: InstanceLayer,
    instance: Instance,
    followed: FollowedInstance,
    selected: Any,
    report_unchanged: bool,
) -> Iterator[dg.MaterializeResult[Any]]:
    """The results of the tables of a layer that changed for one instance."""
    for name, change in _reported(layer, followed.tables, selected, report_unchanged):
        table = next(table for table in layer.tables if table.name == name)
        yield md.materialized(
            table_key(name),
            metadata={
                md.ROW_COUNT: change.rows,
                **_numbers(change),
                md.UNCHANGED: max(change.rows - change.inserted - change.updated, 0),
                md.DANGLING: change.dangling,
                **change.details,
                md.PREVIEW: md.preview(connection, table.table, instance.id),
            },
        )


def shared_results(
    connection: Connection,
    layer: SharedLayer,
    followed: FollowedLayer,
    selected: Any,
    mode: str,
    cause: str,
    report_unchanged: bool,
) -> Iterator[dg.MaterializeResult[Any]]:
    """The results of the tables of a shared layer that changed.

    Args:
        mode: of the run.
        cause: what the layer followed.
    """
    rebuilt = followed.objects is None
    # a rebuilt table is reported even if it is empty
    reported = list(_reported(layer, followed.tables, selected, report_unchanged or rebuilt))
    described: Mapping[str, Mapping[str, Any]] = {}
    if reported and layer.describe:
        described = layer.describe(connection, rebuilt or mode in _COMPARES_EVERYTHING)
    for name, change in reported:
        table = next(table for table in layer.tables if table.name == name)
        yield md.materialized(
            table_key(name),
            metadata={
                md.ALL_ROWS_COUNT: change.rows,
                **_numbers(change),
                md.REVISION: followed.revision,
                md.FOLLOWED: "all" if followed.objects is None else followed.objects,
                md.CAUSE: cause,
                **change.details,
                **{key: _rendered(value) for key, value in described.get(name, {}).items()},
                md.PREVIEW: md.preview(connection, table.table),
            },
        )


def _rendered(value: Any) -> Any:
    return dg.MetadataValue.md(value.text) if isinstance(value, Markdown) else value


def _reported(
    layer: Layer, tables: Mapping[str, TableChange], selected: Any, report_unchanged: bool
) -> Iterator[tuple[str, TableChange]]:
    """The changes to report, in the order of the layer's tables."""
    for table in layer.tables:
        change = tables.get(table.name)
        if change is None or table_key(table.name) not in selected:
            continue
        if change.changed or change.first or report_unchanged:
            yield table.name, change


def _numbers(change: TableChange) -> dict[str, float]:
    numbers: dict[str, float] = {
        md.INSERTED: change.inserted,
        md.UPDATED: change.updated,
        md.REMOVED: change.removed,
    }
    return numbers | _speed(change.inserted + change.updated + change.removed, change.seconds)


def _speed(rows: int, seconds: float) -> dict[str, float]:
    """Seconds and rows per second; nothing for what was written together with others and has no time of its own."""
    return {md.SECONDS: round(seconds, 3), md.ROWS_PER_SECOND: md.per_second(rows, seconds)} if seconds else {}
