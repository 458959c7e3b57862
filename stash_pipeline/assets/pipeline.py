"""The step that syncs one instance into raw and its layers, and then lets the shared layers follow.

One step materializes many assets: Dagster would skip a second step as soon as one table of the first did not change,
and each step costs 0.1 s on Postgres. A table that did not change emits no event. The assets of shared layers have no
partition. If only they are selected, they follow without a partition, and no server is read.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import dagster as dg
import psycopg
from pydantic import Field

from stash_pipeline.assets import metadata as md
from stash_pipeline.assets.checks import RAW_CHECKS, evaluating, layer_checks, missed_by_reconcile, raw_checks
from stash_pipeline.assets.failures import RetriedRequest, failure, sentence
from stash_pipeline.assets.raw import raw_key, raw_specs
from stash_pipeline.assets.resources import StashClients, WarehouseResource
from stash_pipeline.assets.results import instance_results, raw_results
from stash_pipeline.assets.search import index_check_specs, index_keys, index_specs
from stash_pipeline.assets.servers import observations
from stash_pipeline.assets.shared import Results, SharedFollowing
from stash_pipeline.assets.specs import keys_of, layer_check_specs, layer_specs
from stash_pipeline.assets.tags import LANE_TAG, MODE_TAG, REASON_TAG
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, LaneName, get_instance, read_again, stored_probes
from stash_pipeline.layers import Layers, layer_named
from stash_pipeline.settings import Settings
from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.stash.errors import StashError, may_pass
from stash_pipeline.stash.probing import read_probe
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.sync.dry_run import dry_run
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.run import SyncResult, run_sync
from stash_pipeline.warehouse.connect import Connection, InstanceLock, connect, database_sentence, instance_lock
from stash_pipeline.warehouse.layers.layer import FollowedInstance, InstanceLayer, of_instances, shared
from stash_pipeline.warehouse.ops.sync_runs import record_merged, was_read
from stash_pipeline.warehouse.raw.stats import EntityStats

OP: Final = "sync_instance"
"""The name of the step in the run configuration."""

NO_INSTANCE: Final = (
    "No instance was selected. Launch the job or asset with an instance as its partition: in the UI, or on the command "
    "line with `--partition NAME`."
)


class SyncConfig(dg.Config):
    """The configuration of a run, set in the launchpad or by the command line."""

    mode: Literal["job", "changes", "reconcile", "sweep", "objects"] = Field(
        default="job",
        description="How much to read. job: the mode with the name of the job, else changes; changes: objects with "
        "timestamps since the last read; reconcile: complete listings, then the objects that differ; sweep: "
        "everything; objects: the given ids. Entities that were never read are read in full in every mode.",
    )
    entities: list[str] = Field(default=[], description="Entities to read; empty reads all selected ones.")
    lane: Literal["instance", "auto", "graphql", "snapshot"] = Field(
        default="instance",
        description="How to read everything: from a snapshot of the server's database (snapshot), by GraphQL "
        "(graphql), from a snapshot if available (auto), or as configured for the instance (instance).",
    )
    ids: list[int] = Field(default=[], description="Ids to read in mode objects, of one entity.")
    report_unchanged: bool = Field(default=False, description="Also report tables that did not change.")
    dry_run: bool = Field(
        default=False, description="Write nothing; observations of the raw assets show what would change."
    )
    accept_removals: bool = Field(
        default=False,
        description="Sync even if many objects are gone, or ids belong to other objects than before.",
    )
    rebuild: list[str] = Field(
        default=[],
        description="Names of layers to rebuild from the layers above them, instead of following the changes.",
    )
    wait_seconds: float = Field(
        default=60.0, description="How long to wait for another run that writes to the same instance."
    )
    shared_wait_seconds: float = Field(
        default=10.0,
        description="How long to wait for another run that works on the same shared layer. After that, "
        "shared_layers_sensor lets the layer follow.",
    )


def sync_assets(layers: Layers, settings: Settings) -> dg.AssetsDefinition:
    """The step with the assets and checks of raw, of all layers, and of the search index."""

    @dg.multi_asset(
        name=OP,
        specs=[
            *raw_specs(settings.fresh_hours),
            *(spec for layer in layers for spec in layer_specs(layer)),
            *index_specs(layers, settings),
        ],
        check_specs=[
            *RAW_CHECKS,
            *(spec for layer in layers for spec in layer_check_specs(layer)),
            *index_check_specs(layers),
        ],
        can_subset=True,
    )
    def sync_instance(
        context: dg.AssetExecutionContext,
        config: SyncConfig,
        warehouse: dg.ResourceParam[WarehouseResource],
        clients: dg.ResourceParam[StashClients],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Reads one Stash server into ``raw``, then updates all layers."""
        yield from _run(context, config, layers, warehouse.settings, warehouse, clients)

    return sync_instance


def _run(
    context: dg.AssetExecutionContext,
    config: SyncConfig,
    layers: Layers,
    settings: Settings,
    warehouse: WarehouseResource,
    clients: StashClients,
) -> Results:
    context.log.addFilter(_is_not_about_omitted_outputs)
    name = ""
    try:
        config = _with_mode_of_job(config, context.run.job_name)
        rebuild = frozenset(layer_named(layer, layers).name for layer in config.rebuild)
        if _is_of_shared_layers_only(context, layers):
            _tag(context, {MODE_TAG: "rebuild" if rebuild else "follow"})
            yield from _follow_alone(context, config, layers, settings, warehouse.url(), rebuild)
            return
        if not context.has_partition_key:
            raise UserError(NO_INSTANCE)
        name = context.partition_key
        _tag(context, {MODE_TAG: "rebuild" if rebuild else config.mode})
        database_url = warehouse.url()
        with connect(database_url) as connection:
            instance = get_instance(connection, name)
            entities = _selected_entities(config, context.selected_asset_keys)
            if config.dry_run:
                _observe(context, settings, clients, database_url, instance, entities, config)
                return
            step = _Step(
                context, config, layers, rebuild, settings, clients, database_url, connection, instance, entities
            )
            yield from _name_omitted_checks(context, config.mode, step.run())
    except (StashError, UserError) as error:
        message = sentence(error, name)
        if may_pass(error) and _is_retried(context, settings):
            policy = _retry_policy(settings)
            pause = policy.pause_before_run(context.retry_number)
            raise RetriedRequest(message, max_retries=policy.run_retries, seconds_to_wait=pause) from None
        # no traceback: the cause is outside this program
        raise failure(message) from None
    except psycopg.OperationalError as error:
        # Postgres was restarted or its disk is full; every transaction was rolled back
        raise failure(database_sentence(error)) from None


def _is_of_shared_layers_only(context: dg.AssetExecutionContext, layers: Layers) -> bool:
    keys = {*keys_of(shared(layers)), *index_keys(layers)}
    return bool(keys) and (
        context.selected_asset_keys <= keys and {check.asset_key for check in context.selected_asset_check_keys} <= keys
    )


def _follow_alone(
    context: dg.AssetExecutionContext,
    config: SyncConfig,
    layers: Layers,
    settings: Settings,
    database_url: str,
    rebuild: frozenset[str],
) -> Results:
    """Lets shared layers follow in a separate run, which fails if one of them fails."""
    following = SharedFollowing(
        context,
        layers,
        settings,
        database_url,
        mode="rebuild" if rebuild else "changes",
        cause=context.run.tags.get(REASON_TAG, "a separate run"),
        wait_seconds=config.wait_seconds,
        rebuild=rebuild,
        report_unchanged=config.report_unchanged,
        alone=True,
    )
    yield from following.run()
    if following.errors:
        raise failure(" ".join(following.errors.values()))


def _with_mode_of_job(config: SyncConfig, job: str) -> SyncConfig:
    """The configuration with the mode that the job implies."""
    if config.mode != "job":
        return config
    return config.model_copy(update={"mode": job if job in ("reconcile", "sweep") else "changes"})


def _mode(config: SyncConfig) -> Mode:
    """The mode of a configuration."""
    return "changes" if config.mode == "job" else config.mode


def _tag(context: dg.AssetExecutionContext, tags: dict[str, str]) -> None:
    """Adds the tags that the run does not have yet."""
    missing = {name: value for name, value in tags.items() if context.run.tags.get(name) != value}
    if missing:
        context.instance.add_run_tags(context.run.run_id, missing)


def _is_not_about_omitted_outputs(record: logging.LogRecord) -> bool:
    """Drops Dagster's message about checks without a result, which lists internal names."""
    return "did not yield or return expected outputs" not in record.getMessage()


def _name_omitted_checks(
    context: dg.AssetExecutionContext, mode: str, results: Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Yields the results, and finally logs which checks have none."""
    omitted = {key.name for key in context.selected_asset_check_keys}
    for result in results:
        if isinstance(result, dg.AssetCheckResult):
            omitted.discard(str(result.check_name))
        yield result
    if omitted:
        names = ", ".join(sorted(omitted))
        context.log.info(f"Not evaluated, because a run of mode {mode} does not read enough for them: {names}.")


def _is_retried(context: dg.AssetExecutionContext, settings: Settings) -> bool:
    """Whether a run that failed on the network is retried; not if a command waits for it."""
    attended = context.run.tags.get("dagster/max_retries") == "0"
    return not attended and context.retry_number < _retry_policy(settings).run_retries


def _retry_policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(run_retries=settings.network_retries)


@dataclass
class _Step:
    """One execution of the step: reads, follows, checks, reports."""

    context: dg.AssetExecutionContext
    config: SyncConfig
    layers: Layers
    rebuild: frozenset[str]
    settings: Settings
    clients: StashClients
    database_url: str
    connection: Connection
    instance: Instance
    entities: list[str]

    def run(self) -> Results:
        """Reads and follows under the instance's lock; then evaluates checks and lets shared layers follow."""
        config, connection, instance = self.config, self.connection, self.instance
        synced, missed = None, None
        selected, checks = self.context.selected_asset_keys, self.context.selected_asset_check_keys
        mode = "rebuild" if self.rebuild else config.mode
        layers = of_instances(self.layers)
        wait = config.wait_seconds
        with instance_lock(self.database_url, instance.id, instance.name, wait_seconds=wait) as lock:
            # it may have been removed or edited while this run waited
            instance = self.instance = read_again(connection, instance)
            _, last_response = stored_probes(connection).get(instance.id, ("", {}))
            if self.entities:
                if config.mode == "sweep" and set(self.entities) == set(BY_NAME) and was_read(connection, instance.id):
                    # whatever the sweep finds after this, a reconcile by listings misses; if the sweep reads a
                    # snapshot, this also compares the two lanes
                    self._sync(lock, "reconcile", "graphql")
                    synced = self._sync(lock, "sweep")
                    missed = missed_by_reconcile(connection, instance, synced)
                else:
                    synced = self._sync(lock, _mode(config))
            followed = [(layer, self._follow(lock, layer, synced)) for layer in layers]
        with evaluating(checks, layers, self.database_url, instance.id) as pending:
            if synced:
                _tag(self.context, {LANE_TAG: synced.lane})
                for observation in observations(instance, read_probe(last_response), synced.probe):
                    self.context.log_event(observation)
                yield from raw_results(connection, instance, synced, selected, config.mode, config.report_unchanged)
            for layer, done in followed:
                yield from instance_results(connection, layer, instance, done, selected, config.report_unchanged)
            yield from self._follow_shared(mode)
            if synced and config.mode != "objects":
                yield from raw_checks(
                    checks,
                    connection,
                    self.settings,
                    self.clients,
                    instance,
                    synced,
                    self.entities,
                    missed,
                    config.mode,
                )
            for layer in layers:
                yield from layer_checks(checks, connection, layer, instance, mode, pending)

    def _follow(self, lock: InstanceLock, layer: InstanceLayer, synced: SyncResult | None) -> FollowedInstance:
        """Updates one layer from the layers above it."""
        lock.check()
        if layer.name in self.rebuild:
            done = layer.rebuild(self.connection, self.instance.id)
        else:
            done = layer.follow(self.connection, self.instance.id, partial(connect, self.database_url))
        if done.outdated:
            self.context.log.info(
                f"Rebuilt {' and '.join(layer.groups)}, because another version of this program made the rows."
            )
        if synced and done.merged:
            record_merged(self.connection, synced.run_id, done.merged)
            for name, count in done.merged.items():
                synced.changes.setdefault(name, EntityStats()).merged = count
        return done

    def _follow_shared(self, mode: str) -> Results:
        """Runs after the instance's lock is released, so that another run can read this server meanwhile."""
        following = SharedFollowing(
            self.context,
            self.layers,
            self.settings,
            self.database_url,
            mode=mode,
            cause=f"{self.context.run.job_name} of {self.instance.name}",
            wait_seconds=self.config.shared_wait_seconds,
            rebuild=self.rebuild,
            report_unchanged=self.config.report_unchanged,
        )
        yield from following.run()

    def _sync(self, lock: InstanceLock, mode: Mode, lane: LaneName | None = None) -> SyncResult:
        return run_sync(
            self.settings,
            self.database_url,
            self.instance,
            self.entities,
            mode=mode,
            objects=_objects(self.config),
            dagster_run_id=self.context.run.run_id,
            open_client=self.clients.client,
            check=lock.check,
            accept_removals=self.config.accept_removals,
            lane=lane or _lane(self.config),
        )


def _observe(
    context: dg.AssetExecutionContext,
    settings: Settings,
    clients: StashClients,
    database_url: str,
    instance: Instance,
    entities: list[str],
    config: SyncConfig,
) -> None:
    """Reports what a sync would change, without writing."""
    result, lines = dry_run(
        settings,
        database_url,
        instance,
        entities,
        mode=_mode(config),
        objects=_objects(config),
        accept_removals=config.accept_removals,
        lane=_lane(config),
        client=clients.client(settings, instance),
    )
    for name, change in result.changes.items():
        if not change.changed:
            continue
        context.log_event(
            dg.AssetObservation(
                raw_key(name),
                description="Dry run: nothing was written.",
                partition=instance.name,
                metadata={
                    md.FETCHED: change.fetched,
                    md.INSERTED: change.inserted,
                    md.UPDATED: change.updated,
                    md.UNCHANGED: change.unchanged,
                    md.REMOVED: change.removed,
                    md.CHANGED_FIELDS: md.format_counts(change.fields),
                    md.WOULD_CHANGE: "\n".join(lines.get(name, [])) or "everything is new",
                    "release": result.release,
                },
            )
        )


def _objects(config: SyncConfig) -> dict[str, list[int]]:
    return {config.entities[0]: config.ids} if config.mode == "objects" else {}


def _lane(config: SyncConfig) -> LaneName | None:
    return None if config.lane == "instance" else config.lane


def _selected_entities(config: SyncConfig, selected: Any) -> list[str]:
    """The entities to read: those whose raw asset is selected, limited to those in the configuration."""
    unknown = [name for name in config.entities if name not in BY_NAME]
    if unknown:
        raise UserError(f"There is no entity {unknown[0]!r}; choose one of {', '.join(BY_NAME)}.")
    if (config.mode == "objects") != bool(config.ids) or (config.ids and len(config.entities) != 1):
        raise UserError("Mode objects needs ids and exactly one entity; the other modes take no ids.")
    return [
        entity.name
        for entity in ENTITIES
        if raw_key(entity.name) in selected and (not config.entities or entity.name in config.entities)
    ]
