"""What a run reports of the tables that it wrote: materializations, with numbers and a preview."""

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
from stash_pipeline.warehouse.layers.layer import FollowedInstance, InstanceLayer, Layer, SharedLayer, TableChange
from stash_pipeline.warehouse.layers.shared import FollowedLayer
from stash_pipeline.warehouse.tables import RAW


def raw_results(
    connection: Connection, instance: Instance, mirrored: SyncResult, selected: Any, mode: str, report_unchanged: bool
) -> Iterator[dg.MaterializeResult[Any]]:
    """Of the documents: what changed, or could not be read; and the ledger."""
    for name, change in mirrored.changes.items():
        told = change.changed or change.first or change.failures or report_unchanged
        if raw_key(name) not in selected or not told:
            continue
        lacking = [path for path in mirrored.lacking if path.split(".")[0] == name]
        yield dg.MaterializeResult(
            asset_key=raw_key(name),
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
                md.SECONDS: round(change.seconds, 3),
                md.REQUEST_SECONDS: round(change.request_seconds, 3),
                md.ROWS_PER_SECOND: md.per_second(change.fetched, change.seconds),
                md.LACKING: ", ".join(lacking) or "none",
                md.UNREADABLE: change.unreadable,
                md.CHANGED_FIELDS: md.counted(change.fields),
                # a number, and one per cause: the page plots them
                md.UNSTAMPED: change.unstamped,
                **{f"{md.UNSTAMPED}: {cause}": count for cause, count in sorted(change.causes.items())},
                md.FAILED: change.failed,
                md.FAILURES: "\n".join(change.failures) or "none",
                md.PREVIEW: md.preview(connection, RAW[name], instance.id),
            },
        )
    kept = {name: change.updated + change.removed for name, change in mirrored.changes.items()}
    first = any(change.first for change in mirrored.changes.values())
    if HISTORY_KEY in selected and (first or any(kept.values())):
        yield dg.MaterializeResult(
            asset_key=HISTORY_KEY,
            metadata={
                "documents_kept": sum(kept.values()),
                "by_kind": md.counted(kept),
                md.CHANGED_FIELDS: md.counted(
                    {
                        f"{name}.{field}": count
                        for name, change in mirrored.changes.items()
                        for field, count in change.fields.items()
                    }
                ),
            },
        )
    if PAGES_KEY in selected:
        pages = sum(change.pages for change in mirrored.changes.values())
        fetched = sum(change.fetched for change in mirrored.changes.values())
        yield dg.MaterializeResult(
            asset_key=PAGES_KEY,
            metadata={
                "mode": mode,
                md.LANE: mirrored.lane,
                md.LANE_REASON: mirrored.lane_reason or "it reads no more than what has changed",
                **_copied(mirrored),
                md.UNSTAMPED: sum(change.unstamped for change in mirrored.changes.values()),
                **_causes(mirrored),
                "requests": mirrored.requests,
                md.PAGES: pages,
                md.FETCHED: fetched,
                md.LISTED: sum(change.listed for change in mirrored.changes.values()),
                md.BYTES: sum(change.bytes for change in mirrored.changes.values()),
                md.SECONDS: round(mirrored.seconds, 3),
                md.ROWS_PER_SECOND: md.per_second(fetched, mirrored.seconds),
                "release": mirrored.release,
                md.LACKING: ", ".join(mirrored.lacking) or "none",
                md.UNKNOWN: ", ".join(mirrored.unknown) or "none",
            },
        )


def _copied(mirrored: SyncResult) -> dict[str, float | str]:
    """What the copy of the database cost: the server, which writes nothing while it makes it, and the network."""
    copy = mirrored.copy
    if copy is None:
        return {}
    return {
        "snapshot_bytes": copy.size,
        "snapshot_create_seconds": round(copy.create_seconds, 3),
        "snapshot_download_seconds": round(copy.download_seconds, 3),
        md.NOT_IN_COPY: ", ".join(mirrored.not_in_copy) or "none",
    }


def _causes(mirrored: SyncResult) -> dict[str, int]:
    """What changed without a stamp, by field of all kinds; and what vanished, which never leaves one."""
    causes: Counter[str] = Counter()
    for name, change in mirrored.changes.items():
        causes.update({f"{name}.{field}": count for field, count in change.causes.items()})
        if change.removed:
            causes[f"{name} removed"] += change.removed
    return {f"{md.UNSTAMPED}: {cause}": count for cause, count in sorted(causes.items())}


def instance_results(
    connection: Connection,
    layer: InstanceLayer,
    instance: Instance,
    followed: FollowedInstance,
    selected: Any,
    report_unchanged: bool,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Of the tables of a layer that changed for one instance."""
    for name, change in _reported(layer, followed.tables, selected, report_unchanged):
        table = next(table for table in layer.tables if table.name == name)
        yield dg.MaterializeResult(
            asset_key=table_key(name),
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
    cause: str,
    report_unchanged: bool,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Of the tables of a shared layer that changed.

    Args:
        cause: what the layer followed.
    """
    # one that was made anew is new, also where it is empty
    everything = report_unchanged or followed.objects is None
    for name, change in _reported(layer, followed.tables, selected, everything):
        table = next(table for table in layer.tables if table.name == name)
        yield dg.MaterializeResult(
            asset_key=table_key(name),
            metadata={
                md.ALL_ROWS_COUNT: change.rows,
                **_numbers(change),
                md.REVISION: followed.revision,
                md.FOLLOWED: "all" if followed.objects is None else followed.objects,
                md.CAUSE: cause,
                **change.details,
                md.PREVIEW: md.preview(connection, table.table),
            },
        )


def _reported(
    layer: Layer, tables: Mapping[str, TableChange], selected: Any, report_unchanged: bool
) -> Iterator[tuple[str, TableChange]]:
    """In the order of the layer."""
    for table in layer.tables:
        change = tables.get(table.name)
        if change is None or table_key(table.name) not in selected:
            continue
        if change.changed or change.first or report_unchanged:
            yield table.name, change


def _numbers(change: TableChange) -> dict[str, float]:
    touched = change.inserted + change.updated + change.removed
    return {
        md.INSERTED: change.inserted,
        md.UPDATED: change.updated,
        md.REMOVED: change.removed,
        md.SECONDS: round(change.seconds, 3),
        md.ROWS_PER_SECOND: md.per_second(touched, change.seconds),
    }
