"""The step that carries one instance through raw, entities and joins.

One step, many assets: Dagster would skip a second step as soon as one table of the first did not change, and each
step costs 0.1 s on Postgres. A table that did not change emits nothing.
"""

import logging
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import dagster as dg
import psycopg
from pydantic import Field

from stash_pipeline.assets import metadata as md
from stash_pipeline.assets.checks import (
    CHECKS,
    looking_for_orphans,
    missed_by_reconcile,
    raw_checks,
    stash_checks,
)
from stash_pipeline.assets.failures import TriedAgain, failure, sentence
from stash_pipeline.assets.raw import HISTORY_KEY, PAGES_KEY, raw_key, raw_specs
from stash_pipeline.assets.stash import MERGES_KEY, entity_specs, join_specs, merges_spec, stash_key
from stash_pipeline.assets.tags import LANE_TAG, MODE_TAG
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, Lane, get_instance, read_again
from stash_pipeline.partitions import INSTANCES
from stash_pipeline.settings import Settings, get_settings
from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.stash.errors import StashError, may_pass
from stash_pipeline.warehouse.changes import EntityChange
from stash_pipeline.warehouse.connect import Connection, InstanceLock, connect, database_sentence, instance_lock
from stash_pipeline.warehouse.merges import merges_counted
from stash_pipeline.warehouse.mirror import Mirrored, mirror
from stash_pipeline.warehouse.preview import preview
from stash_pipeline.warehouse.refresh import Mode
from stash_pipeline.warehouse.runs import note_merged, was_read
from stash_pipeline.warehouse.session import join_warehouse
from stash_pipeline.warehouse.transform import Transformation, rebuild_layer, transform

_FIRST_PAUSE = 10.0
"""Seconds before a run that failed on the network is tried again."""


class MirrorConfig(dg.Config):
    """What a run may be asked for, in the launchpad or by the command line."""

    mode: Literal["job", "changes", "reconcile", "sweep", "objects"] = Field(
        default="job",
        description="how much is read. job: as the job is named, and changes where it has another name; changes: what "
        "the server stamped since the last reading; reconcile: listings of everything, and what they show to differ; "
        "sweep: everything; objects: the ids named. What was never read is read whole in any mode",
    )
    entities: list[str] = Field(default=[], description="kinds to read; empty reads all of those selected")
    lane: Literal["instance", "auto", "graphql", "snapshot"] = Field(
        default="instance",
        description="how everything is read: by a copy of the server's database (snapshot), by its answers (graphql), "
        "by the copy where that can be had (auto), or as the instance is configured",
    )
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
    specs=[*raw_specs(), *entity_specs(), *join_specs(), merges_spec()],
    check_specs=CHECKS,
    partitions_def=INSTANCES,
    can_subset=True,
)
def mirror_assets(
    context: dg.AssetExecutionContext, config: MirrorConfig
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Reads one Stash server into ``raw``, then brings its entities and joins to the same revision."""
    settings = get_settings()
    context.log.addFilter(_is_not_about_omitted_outputs)
    name = ""
    try:
        if not context.has_partition_key:
            raise UserError(
                "No instance was chosen. Launch again with one as the partition: in the page by the button of the job "
                "or asset, at the command line with `--partition NAME`."
            )
        name = context.partition_key
        config = _with_mode_of_job(config, context.run.job_name)
        _tag(context, {MODE_TAG: "rebuild" if config.rebuild else config.mode})
        database_url = join_warehouse(settings)
        with connect(database_url) as connection:
            instance = get_instance(connection, name)
            wanted = _wanted(config, context.selected_asset_keys)
            if config.dry_run:
                _observe(context, settings, database_url, instance, wanted, config)
                return
            step = _Step(context, config, settings, database_url, connection, instance, wanted)
            yield from _name_omitted_checks(context, config.mode, step.run())
    except (StashError, UserError) as error:
        said = sentence(error, name)
        if may_pass(error) and _is_retried(context):
            pause = _pause(context.retry_number)
            raise TriedAgain(said, max_retries=settings.network_retries, seconds_to_wait=pause) from None
        # a sentence, not a traceback: the cause is outside of this program
        raise failure(said) from None
    except psycopg.OperationalError as error:
        # restarted, or its disk is full: nothing half-written, and nothing that this program could mend
        raise failure(database_sentence(error)) from None


def _with_mode_of_job(config: MirrorConfig, job: str) -> MirrorConfig:
    """The configuration with the mode that is meant."""
    if config.mode != "job":
        return config
    return config.model_copy(update={"mode": job if job in ("reconcile", "sweep") else "changes"})


def _mode(config: MirrorConfig) -> Mode:
    """Of a configuration that has it from the job."""
    return "changes" if config.mode == "job" else config.mode


def _tag(context: dg.AssetExecutionContext, tags: dict[str, str]) -> None:
    """Says in the list of runs what this one is, as far as it was not said when it was launched."""
    news = {name: value for name, value in tags.items() if context.run.tags.get(name) != value}
    if news:
        context.instance.add_run_tags(context.run.run_id, news)


def _is_not_about_omitted_outputs(record: logging.LogRecord) -> bool:
    """Drops what Dagster says of checks without a result: a set of its internal names, at the end of the log."""
    return "did not yield or return expected outputs" not in record.getMessage()


def _name_omitted_checks(
    context: dg.AssetExecutionContext, mode: str, results: Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Passes the results on, and says at the end which checks have none."""
    omitted = {key.name for key in context.selected_asset_check_keys}
    for result in results:
        if isinstance(result, dg.AssetCheckResult):
            omitted.discard(str(result.check_name))
        yield result
    if omitted:
        names = ", ".join(sorted(omitted))
        context.log.info(f"Not evaluated, because this run of mode {mode} read nothing that tells: {names}.")


def _is_retried(context: dg.AssetExecutionContext) -> bool:
    """Whether a failure on the network is tried again: not where a person waits for the end of a command."""
    attended = context.run.tags.get("dagster/max_retries") == "0"
    return not attended and context.retry_number < get_settings().network_retries


def _pause(retries: int) -> float:
    """Seconds before the next attempt: longer each time, and never in step with others."""
    return _FIRST_PAUSE * 2**retries * random.uniform(0.8, 1.2)


@dataclass
class _Step:
    """One run of the step: read, follow, check, report."""

    context: dg.AssetExecutionContext
    config: MirrorConfig
    settings: Settings
    database_url: str
    connection: Connection
    instance: Instance
    wanted: list[str]

    def run(self) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Everything under the instance's lock but the checks."""
        config, connection, instance = self.config, self.connection, self.instance
        mirrored, missed = None, None
        selected, checks = self.context.selected_asset_keys, self.context.selected_asset_check_keys
        wait = config.wait_seconds
        with instance_lock(self.database_url, instance.id, instance.name, wait_seconds=wait) as lock:
            # removed, or edited, while this run came to its turn
            instance = self.instance = read_again(connection, instance)
            if self.wanted:
                if config.mode == "sweep" and set(self.wanted) == set(BY_NAME) and was_read(connection, instance.id):
                    # what the sweep then still finds, a reconcile does not see: by listings, that is; a copy of the
                    # database sees all, and is itself compared with them here
                    self._mirror(lock, "reconcile", "graphql")
                    mirrored = self._mirror(lock, "sweep")
                    missed = missed_by_reconcile(connection, instance, mirrored)
                else:
                    mirrored = self._mirror(lock, _mode(config))
            lock.check()
            transformed = (
                rebuild_layer(connection, instance.id)
                if config.rebuild
                else transform(connection, instance.id, partial(connect, self.database_url))
            )
            if transformed.outdated:
                self.context.log.info("Another version of this program made the rows of entities and joins: made anew.")
            if mirrored and transformed.merged:
                note_merged(connection, mirrored.run_id, transformed.merged)
                for name, count in transformed.merged.items():
                    mirrored.changes.setdefault(name, EntityChange()).merged = count
        # a scan of all tables, which need not wait for the server's answers to the sample
        with looking_for_orphans(checks, self.database_url, instance.id) as orphans:
            if mirrored:
                _tag(self.context, {LANE_TAG: mirrored.lane})
                yield from _raw_results(connection, instance, mirrored, selected, config)
            yield from _stash_results(connection, instance, transformed, selected, config)
            if mirrored and config.mode != "objects":
                yield from raw_checks(
                    checks, connection, self.settings, instance, mirrored, self.wanted, missed, config.mode
                )
            yield from stash_checks(checks, connection, instance, "rebuild" if config.rebuild else config.mode, orphans)

    def _mirror(self, lock: InstanceLock, mode: Mode, lane: Lane | None = None) -> Mirrored:
        return mirror(
            self.settings,
            self.database_url,
            self.instance,
            self.wanted,
            mode=mode,
            objects=_objects(self.config),
            dagster_run_id=self.context.run.run_id,
            check=lock.check,
            accept_removals=self.config.accept_removals,
            lane=lane or _lane(self.config),
        )


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
        mode=_mode(config),
        objects=_objects(config),
        accept_removals=config.accept_removals,
        lane=_lane(config),
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


def _objects(config: MirrorConfig) -> dict[str, list[int]]:
    return {config.entities[0]: config.ids} if config.mode == "objects" else {}


def _lane(config: MirrorConfig) -> Lane | None:
    return None if config.lane == "instance" else config.lane


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
                "mode": config.mode,
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


def _copied(mirrored: Mirrored) -> dict[str, float | str]:
    """What the copy of the database cost: the server, which writes nothing while it makes it, and the network."""
    copy = mirrored.copy
    if copy is None:
        return {}
    return {
        "copy_bytes": copy.size,
        "copy_seconds_of_the_server": round(copy.making, 3),
        "copy_seconds_of_the_network": round(copy.fetching, 3),
        md.NOT_IN_COPY: ", ".join(mirrored.not_in_copy) or "none",
    }


def _causes(mirrored: Mirrored) -> dict[str, int]:
    """What changed without a stamp, by field of all kinds; and what vanished, which never leaves one."""
    causes: Counter[str] = Counter()
    for name, change in mirrored.changes.items():
        causes.update({f"{name}.{field}": count for field, count in change.causes.items()})
        if change.removed:
            causes[f"{name} removed"] += change.removed
    return {f"{md.UNSTAMPED}: {cause}": count for cause, count in sorted(causes.items())}


def _stash_results(
    connection: Connection, instance: Instance, transformed: Transformation, selected: Any, config: MirrorConfig
) -> Iterator[dg.MaterializeResult[Any]]:
    for name, change in transformed.tables.items():
        if stash_key(name) not in selected or not (change.changed or change.first or config.report_unchanged):
            continue
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
                md.PREVIEW: md.preview(connection, f"stash.{name}", instance.id),
            },
        )
    first = any(change.first for change in transformed.tables.values())
    if MERGES_KEY in selected and (transformed.merged or transformed.returned or first or config.report_unchanged):
        yield dg.MaterializeResult(
            asset_key=MERGES_KEY,
            metadata={
                md.ROW_COUNT: merges_counted(connection, instance.id),
                md.INSERTED: sum(transformed.merged.values()),
                md.UPDATED: 0,
                md.REMOVED: transformed.returned,
                "by_kind": md.counted(transformed.merged),
                md.PREVIEW: md.preview(connection, "stash.merges", instance.id),
            },
        )
