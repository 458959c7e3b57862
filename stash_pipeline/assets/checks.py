"""The asset checks: whether the tables match the server after a run. They are evaluated inside the run's single step.

Checks are blocking if everything downstream would inherit the error. ``sync/verify.py`` compares the data.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import dagster as dg

from stash_pipeline.assets.raw import PAGES_KEY
from stash_pipeline.assets.resources import StashClients
from stash_pipeline.assets.search import index_checks_of
from stash_pipeline.assets.specs import IS_CURRENT, check_spec, is_current_spec, table_key
from stash_pipeline.instances import Instance
from stash_pipeline.layers import LAYERS, Layers
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync import verify
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.warehouse.connect import Connection, cancel_statements, connect
from stash_pipeline.warehouse.entities import integrity
from stash_pipeline.warehouse.layers.layer import (
    AnyLayer,
    CheckOutcome,
    InstanceLayer,
    LayerCheck,
    SharedLayer,
    shared,
)

COUNTS = dg.AssetCheckSpec(
    "counts_match_server",
    asset=PAGES_KEY,
    blocking=True,
    description="The number of live documents of each entity equals the server's count.",
)
SAMPLE = dg.AssetCheckSpec(
    "sample_matches_server",
    asset=PAGES_KEY,
    description="A random sample of objects, read again from the server, is equal field by field. "
    "STASH_PIPELINE_SAMPLE_OBJECTS sets its size.",
)
SWEEP = dg.AssetCheckSpec(
    "sweep_found_nothing",
    asset=PAGES_KEY,
    description="A sweep, which reads everything, found nothing that the preceding reconcile missed.",
)
FRESH = dg.AssetCheckSpec(
    "instances_are_fresh",
    asset=PAGES_KEY,
    description="Every enabled instance, not only this run's, had a successful sync within "
    "STASH_PIPELINE_FRESH_HOURS. Runs of all instances evaluate it.",
)
INTACT = dg.AssetCheckSpec(
    "documents_match_hashes",
    asset=PAGES_KEY,
    description="Stored documents still have the hashes with which they were read: all of them after a sweep, "
    "otherwise a random sample. A document with another hash was changed in the database; "
    "`stash-pipeline verify --repair` reads it again.",
)
RAW_CHECKS = [COUNTS, SAMPLE, SWEEP, FRESH, INTACT]

_RAW_CHECKS_BY_MODE = {
    "changes": [COUNTS],
    "reconcile": [COUNTS, SAMPLE, FRESH, INTACT],
    "sweep": RAW_CHECKS,
    "objects": [],
    "rebuild": [],
}


def checks_of(mode: str, layers: Layers = LAYERS) -> frozenset[dg.AssetCheckKey]:
    """The checks that a run of this mode evaluates by default."""
    keys = {spec.key for spec in _RAW_CHECKS_BY_MODE[mode]}
    keys |= {check_spec(check).key for layer in layers for check in layer.checks if mode in check.modes}
    keys |= {is_current_spec(layer).key for layer in shared(layers)}
    return frozenset(keys | index_checks_of(mode, layers))


_LINES = 50


def _result(
    spec: dg.AssetCheckSpec, instance: Instance, passed: bool, warn: bool = False, **metadata: Any
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=spec.asset_key,
        check_name=spec.name,
        severity=dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR,
        # Dagster stores no partition for a check that is evaluated inside a run
        metadata={"instance": instance.name, **metadata},
    )


def _joined(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def raw_checks(
    selected: Any,
    connection: Connection,
    settings: Settings,
    clients: StashClients,
    instance: Instance,
    synced: SyncResult,
    entities: list[str],
    missed: Mapping[str, int] | None,
    mode: str,
) -> Iterator[dg.AssetCheckResult]:
    """Evaluates the checks of raw.

    Args:
        selected: keys of the checks to evaluate.
        entities: entities that the run reads.
        missed: per entity, what a sweep found after a reconcile; None if the run was no such pair.
        mode: of the run.
    """
    counted = [entity for entity in entities if entity in synced.probe.counts]
    with ExitStack() as stack:
        client = cache(lambda: stack.enter_context(clients.client(settings, instance)))
        if COUNTS.key in selected and counted:
            yield _counts(connection, instance, synced, counted, client)
        if SAMPLE.key in selected and counted and settings.sample_objects:
            sample = verify.compare_sample(connection, settings, instance, client(), counted)
            yield _result(
                SAMPLE,
                instance,
                not sample.differences,
                objects=sample.objects,
                differences=len(sample.differences),
                details="\n".join(sample.differences[:_LINES]) or "nothing",
            )
    if SWEEP.key in selected and missed is not None:
        yield _result(SWEEP, instance, not missed, warn=True, objects=sum(missed.values()), by_entity=_joined(missed))
    if INTACT.key in selected:
        yield _intact(connection, settings, instance, everything=mode == "sweep")
    if FRESH.key in selected:
        stale = verify.stale_instances(connection, settings.fresh_hours)
        last = {row["instance"]: row["last"] or "never" for row in stale}
        yield _result(FRESH, instance, not stale, warn=True, stale=len(stale), last_successful_sync=_joined(last))


def _counts(
    connection: Connection,
    instance: Instance,
    synced: SyncResult,
    entities: list[str],
    client: Callable[[], StashClient],
) -> dg.AssetCheckResult:
    differing = verify.count_differences(connection, instance.id, entities, synced.probe, client, synced.probe_text)
    counts = {name: f"{stored} stored, {on_server} on the server" for name, (stored, on_server) in differing.items()}
    documents = sum(synced.probe.counts[entity] for entity in entities)
    return _result(COUNTS, instance, not differing, documents=documents, differing=_joined(counts))


def _intact(connection: Connection, settings: Settings, instance: Instance, *, everything: bool) -> dg.AssetCheckResult:
    sample = None if everything else max(settings.sample_objects, 1)
    report = integrity.check_documents(connection, instance.id, sample)
    return _result(
        INTACT,
        instance,
        report.intact,
        documents=report.documents,
        damaged=len(report.damaged),
        details="\n".join(report.lines()[:_LINES]) or "nothing",
    )


Pending = Callable[[], CheckOutcome | None]


@contextmanager
def evaluating(
    selected: Any, layers: Iterable[InstanceLayer], database_url: str, instance_id: int
) -> Iterator[dict[dg.AssetCheckKey, Pending]]:
    """Starts the concurrent checks on their own connections; yields functions that wait for their results.

    If the block fails or is interrupted, their statements are canceled, because they could wait for a lock.
    """
    connections: list[Connection] = []

    def evaluate(check: LayerCheck) -> CheckOutcome | None:
        with connect(database_url) as connection:
            connections.append(connection)
            return check.evaluate(connection, instance_id)

    concurrent = [
        check for layer in layers for check in layer.checks if check.concurrent and check_spec(check).key in selected
    ]
    if not concurrent:
        yield {}
        return
    with ThreadPoolExecutor(len(concurrent), "checks") as pool:
        pending = {check_spec(check).key: pool.submit(evaluate, check) for check in concurrent}
        try:
            yield {key: future.result for key, future in pending.items()}
        except BaseException:
            cancel_statements(connections)
            raise


def layer_checks(
    selected: Any,
    connection: Connection,
    layer: AnyLayer,
    instance: Instance | None,
    mode: str,
    pending: Mapping[dg.AssetCheckKey, Pending],
) -> Iterator[dg.AssetCheckResult]:
    """Evaluates the checks of a layer after it has followed.

    Args:
        instance: for an instance layer.
        pending: the checks started by :func:`evaluating`.
    """
    arguments = [instance.id] if instance and isinstance(layer, InstanceLayer) else []
    # the concurrent checks last, so that the others do not wait for them
    for check in sorted(layer.checks, key=lambda check: check_spec(check).key in pending):
        key = check_spec(check).key
        if key not in selected or (check.only_in_modes and mode not in check.modes):
            continue
        outcome = pending[key]() if key in pending else check.evaluate(connection, *arguments)
        if outcome is not None:
            yield dg.AssetCheckResult(
                passed=outcome.passed,
                asset_key=table_key(check.table),
                check_name=check.name,
                severity=dg.AssetCheckSeverity.WARN if check.warn else dg.AssetCheckSeverity.ERROR,
                description=outcome.description,
                metadata={**({"instance": instance.name} if arguments and instance else {}), **outcome.metadata},
            )


def is_current(layer: SharedLayer, error: str | None, *, warn: bool, **metadata: Any) -> dg.AssetCheckResult:
    """Whether a shared layer has followed the object log.

    Args:
        error: why it has not.
        warn: whether the error is temporary.
    """
    return dg.AssetCheckResult(
        passed=error is None,
        asset_key=table_key(layer.tables[0].name),
        check_name=IS_CURRENT,
        severity=dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR,
        description=error,
        metadata=metadata,
    )


def missed_by_reconcile(connection: Connection, instance: Instance, synced: SyncResult) -> dict[str, int]:
    """What a sweep wrote that the preceding reconcile should have found, except objects with fresh timestamps."""
    assert synced.started_at is not None
    since = synced.started_at - timedelta(minutes=5)
    changed = verify.changed_by(connection, instance.id, synced.run_id, synced.revision_before, since)
    # without those that have no timestamps, because a recent edit looks the same
    return {name: count for name, count in changed.items() if not BY_NAME[name].whole}
