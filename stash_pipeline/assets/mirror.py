"""The step that carries one instance through raw, entities and joins.

One step, many assets: Dagster would skip a second step as soon as one table of the first did not change, and each
step costs 0.1 s on Postgres. A table that did not change emits nothing.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import dagster as dg
import psycopg
from pydantic import Field

from stash_pipeline.assets import metadata as md
from stash_pipeline.assets.raw import HISTORY_KEY, PAGES_KEY, raw_key, raw_specs
from stash_pipeline.assets.stash import entity_specs, join_specs, stash_key
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, get_instance
from stash_pipeline.partitions import INSTANCES
from stash_pipeline.settings import Settings, get_settings
from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.stash.errors import StashError
from stash_pipeline.warehouse.connect import Connection, connect, database_sentence, instance_lock
from stash_pipeline.warehouse.first_load import sqlalchemy_table
from stash_pipeline.warehouse.mirror import Mirrored, mirror
from stash_pipeline.warehouse.preview import preview
from stash_pipeline.warehouse.statements import TABLES
from stash_pipeline.warehouse.transform import Transformation, drop_layer, transform


class MirrorConfig(dg.Config):
    """What a run may be asked for, in the launchpad or by the command line."""

    mode: Literal["changes", "reconcile", "sweep", "objects"] = Field(
        default="changes",
        description="how much is read. changes: what the server stamped since the last reading; reconcile: listings of "
        "everything, and what they show to differ; sweep: everything; objects: the ids named. What was never read "
        "is read whole in any mode",
    )
    entities: list[str] = Field(default=[], description="kinds to read; empty reads all of those selected")
    ids: list[int] = Field(default=[], description="of mode objects: the ids of one kind to read again")
    report_unchanged: bool = Field(default=False, description="also report the tables that did not change")
    dry_run: bool = Field(
        default=False, description="write nothing; observations of the raw assets say what would change"
    )
    accept_removals: bool = Field(
        default=False,
        description="follow the server also where many objects are gone, or ids mean other objects than before",
    )
    rebuild: bool = Field(
        default=False, description="make entities and joins anew from raw, instead of following what changed"
    )
    wait_seconds: float = Field(
        default=60.0, description="how long to wait for another run that writes to the same instance"
    )


@dg.multi_asset(
    name="mirror",
    specs=[*raw_specs(), *entity_specs(), *join_specs()],
    partitions_def=INSTANCES,
    can_subset=True,
)
def mirror_assets(context: dg.AssetExecutionContext, config: MirrorConfig) -> Iterator[dg.MaterializeResult[Any]]:
    """Reads one Stash server into ``raw``, then brings its entities and joins to the same revision."""
    settings = get_settings()
    selected = context.selected_asset_keys
    try:
        database_url = settings.database()
        if database_url is None:
            raise UserError("STASH_PIPELINE_DATABASE_URL is not set; start Dagster with `stash-pipeline up`.")
        wanted = _wanted(config, selected)
        with connect(database_url) as connection:
            instance = get_instance(connection, context.partition_key)
            if config.dry_run:
                _observe(context, settings, database_url, instance, wanted, config)
                return
            with instance_lock(database_url, instance.id, instance.name, wait_seconds=config.wait_seconds) as lock:
                mirrored = None
                if wanted:
                    run_id = context.run.run_id
                    mirrored = mirror(
                        settings,
                        database_url,
                        instance,
                        wanted,
                        mode=config.mode,
                        ids=config.ids,
                        dagster_run_id=run_id,
                        check=lock.check,
                        accept_removals=config.accept_removals,
                    )
                lock.check()
                if config.rebuild:
                    drop_layer(connection, instance.id)
                transformed = transform(connection, instance.id, partial(connect, database_url))
            if mirrored:
                yield from _raw_results(connection, instance, mirrored, selected, config)
            yield from _stash_results(connection, instance, transformed, selected, config)
    except (StashError, UserError) as error:
        # a sentence, not a traceback: the cause is outside of this program
        raise dg.Failure(description=str(error), allow_retries=False) from None
    except psycopg.OperationalError as error:
        # restarted, or its disk is full: nothing half-written, and nothing that this program could mend
        raise dg.Failure(description=database_sentence(error), allow_retries=False) from None


def _observe(
    context: dg.AssetExecutionContext,
    settings: Settings,
    database_url: str,
    instance: Instance,
    wanted: list[str],
    config: MirrorConfig,
) -> None:
    """Says what a reading would change, and changes nothing."""
    seen, lines = preview(
        settings,
        database_url,
        instance,
        wanted,
        mode=config.mode,
        ids=config.ids,
        accept_removals=config.accept_removals,
    )
    for name, change in seen.changes.items():
        if not change.changed:
            continue
        context.log_event(
            dg.AssetObservation(
                raw_key(name),
                description="dry run: nothing of this was written",
                partition=instance.name,
                metadata={
                    md.FETCHED: change.fetched,
                    md.INSERTED: change.inserted,
                    md.UPDATED: change.updated,
                    md.UNCHANGED: change.unchanged,
                    md.REMOVED: change.removed,
                    md.CHANGED_FIELDS: md.counted(change.fields),
                    md.WOULD_CHANGE: "\n".join(lines.get(name, [])) or "everything is new",
                    "release": seen.release,
                },
            )
        )


def _wanted(config: MirrorConfig, selected: Any) -> list[str]:
    """The kinds to read: those whose raw asset is selected, cut to what the configuration names."""
    unknown = [name for name in config.entities if name not in BY_NAME]
    if unknown:
        raise UserError(f"There is no entity {unknown[0]!r}; there are {', '.join(BY_NAME)}.")
    if (config.mode == "objects") != bool(config.ids) or (config.ids and len(config.entities) != 1):
        raise UserError("Mode objects takes the ids to read, and one entity; the other modes take no ids.")
    return [
        entity.name
        for entity in ENTITIES
        if raw_key(entity.name) in selected and (not config.entities or entity.name in config.entities)
    ]


def _raw_results(
    connection: Connection, instance: Instance, mirrored: Mirrored, selected: Any, config: MirrorConfig
) -> Iterator[dg.MaterializeResult[Any]]:
    for name, change in mirrored.changes.items():
        told = change.changed or change.first or change.failures or config.report_unchanged
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
                md.BYTES: change.bytes,
                md.PAGES: change.pages,
                md.SECONDS: round(change.seconds, 3),
                md.REQUEST_SECONDS: round(change.request_seconds, 3),
                md.ROWS_PER_SECOND: md.per_second(change.fetched, change.seconds),
                md.LACKING: ", ".join(lacking) or "none",
                md.UNREADABLE: change.unreadable,
                md.CHANGED_FIELDS: md.counted(change.fields),
                md.FAILED: change.failed,
                md.FAILURES: "\n".join(change.failures) or "none",
                md.PREVIEW: md.preview(connection, f"raw.{name}", instance.id),
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
                md.PAGES: pages,
                md.FETCHED: fetched,
                md.BYTES: sum(change.bytes for change in mirrored.changes.values()),
                md.SECONDS: round(mirrored.seconds, 3),
                md.ROWS_PER_SECOND: md.per_second(fetched, mirrored.seconds),
                "release": mirrored.release,
                md.LACKING: ", ".join(mirrored.lacking) or "none",
                md.UNKNOWN: ", ".join(mirrored.unknown) or "none",
            },
        )


def _stash_results(
    connection: Connection, instance: Instance, transformed: Transformation, selected: Any, config: MirrorConfig
) -> Iterator[dg.MaterializeResult[Any]]:
    for name, change in transformed.tables.items():
        if stash_key(name) not in selected or not (change.changed or change.first or config.report_unchanged):
            continue
        entity = TABLES[name].entity
        joined = next((j for _, j in entity.joins if j.table == name), None)
        lineage = md.join_lineage(entity, joined, sqlalchemy_table(name)) if joined else md.entity_lineage(entity)
        touched = change.inserted + change.updated + change.removed
        yield dg.MaterializeResult(
            asset_key=stash_key(name),
            metadata={
                md.ROW_COUNT: change.rows,
                md.INSERTED: change.inserted,
                md.UPDATED: change.updated,
                md.UNCHANGED: max(change.rows - change.inserted - change.updated, 0),
                md.REMOVED: change.removed,
                md.SECONDS: round(change.seconds, 3),
                md.ROWS_PER_SECOND: md.per_second(touched, change.seconds),
                md.DANGLING: change.dangling,
                "dagster/column_lineage": lineage,
                md.PREVIEW: md.preview(connection, f"stash.{name}", instance.id),
            },
        )
