"""The asset checks: whether a run left the mirror as the server is. They are evaluated inside the run's one step.

Blocking ones are those whose error everything downstream would inherit. The questions themselves are in
``sync/verify.py``.
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
from stash_pipeline.assets.specs import IS_CURRENT, check_spec, is_current_spec, table_key
from stash_pipeline.instances import Instance
from stash_pipeline.layers import LAYERS, Layers
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync import verify
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.warehouse.connect import Connection, connect
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
    description="Of each kind there are as many live documents as the server counts.",
)
SAMPLE = dg.AssetCheckSpec(
    "sample_matches_server",
    asset=PAGES_KEY,
    description="A random sample of objects, read again from the server, is equal field by field. "
    "STASH_PIPELINE_SAMPLE_OBJECTS says how many.",
)
SWEEP = dg.AssetCheckSpec(
    "sweep_found_nothing",
    asset=PAGES_KEY,
    description="A sweep, which reads everything, found nothing that the reconcile just before it had missed.",
)
FRESH = dg.AssetCheckSpec(
    "instances_are_fresh",
    asset=PAGES_KEY,
    description="Every enabled instance, not only this run's, had a good refresh within "
    "STASH_PIPELINE_FRESH_HOURS. Evaluated by the runs of all instances.",
)
INTACT = dg.AssetCheckSpec(
    "documents_match_hashes",
    asset=PAGES_KEY,
    description="Stored documents still have the hashes with which they were read: all of them after a sweep, else a "
    "random sample. A document that does not was changed in the database; `stash-pipeline verify --repair` reads it "
    "again.",
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
    """The checks that a run of this mode is asked for, where no person chooses them."""
    found = {spec.key for spec in _RAW_CHECKS_BY_MODE[mode]}
    found |= {check_spec(check).key for layer in layers for check in layer.checks if mode in check.modes}
    return frozenset(found | {is_current_spec(layer).key for layer in shared(layers)})


_LINES = 50


def _result(
    spec: dg.AssetCheckSpec, instance: Instance, passed: bool, warn: bool = False, **metadata: Any
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=spec.asset_key,
        check_name=spec.name,
        severity=dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR,
        # Dagster knows no partition of a check that is evaluated inside a run
        metadata={"instance": instance.name, **metadata},
    )


def _told(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def raw_checks(
    selected: Any,
    connection: Connection,
    settings: Settings,
    clients: StashClients,
    instance: Instance,
    mirrored: SyncResult,
    kinds: list[str],
    missed: Mapping[str, int] | None,
    mode: str,
) -> Iterator[dg.AssetCheckResult]:
    """Of the documents.

    Args:
        selected: keys of the checks to evaluate. kinds: those that were to be read.
        missed: per kind, what a sweep found after a reconcile; None where there was no such pair.
        mode: of the refresh.
    """
    counted = [kind for kind in kinds if kind in mirrored.probe.counts]
    with ExitStack() as stack:
        client = cache(lambda: stack.enter_context(clients.client(settings, instance)))
        if COUNTS.key in selected and counted:
            yield _counts(connection, instance, mirrored, counted, client)
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
        yield _result(SWEEP, instance, not missed, warn=True, objects=sum(missed.values()), by_entity=_told(missed))
    if INTACT.key in selected:
        yield _intact(connection, settings, instance, everything=mode == "sweep")
    if FRESH.key in selected:
        stale = verify.stale_instances(connection, settings.fresh_hours)
        last = {one["instance"]: one["last"] or "never" for one in stale}
        yield _result(FRESH, instance, not stale, warn=True, stale=len(stale), last_good_refresh=_told(last))


def _counts(
    connection: Connection,
    instance: Instance,
    mirrored: SyncResult,
    kinds: list[str],
    client: Callable[[], StashClient],
) -> dg.AssetCheckResult:
    differing = verify.count_differences(connection, instance.id, kinds, mirrored.probe, client, mirrored.probe_text)
    told = {name: f"{here} here, {there} there" for name, (here, there) in differing.items()}
    documents = sum(mirrored.probe.counts[kind] for kind in kinds)
    return _result(COUNTS, instance, not differing, documents=documents, differing=_told(told))


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
    """Begins those checks that need not wait, on connections of their own; gives what waits for their results."""

    def evaluate(check: LayerCheck) -> CheckOutcome | None:
        with connect(database_url) as connection:
            return check.evaluate(connection, instance_id)

    begun = [
        check for layer in layers for check in layer.checks if check.concurrent and check_spec(check).key in selected
    ]
    if not begun:
        yield {}
        return
    with ThreadPoolExecutor(len(begun), "checks") as pool:
        yield {check_spec(check).key: pool.submit(evaluate, check).result for check in begun}


def layer_checks(
    selected: Any,
    connection: Connection,
    layer: AnyLayer,
    instance: Instance | None,
    mode: str,
    pending: Mapping[dg.AssetCheckKey, Pending],
) -> Iterator[dg.AssetCheckResult]:
    """The checks of a layer, once it has followed.

    Args:
        instance: of a layer of instances. pending: those that were begun by :func:`evaluating`.
    """
    arguments = [instance.id] if instance and isinstance(layer, InstanceLayer) else []
    # those that were begun last: the others need not wait for them
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


def is_current(layer: SharedLayer, trouble: str | None, *, warn: bool, **metadata: Any) -> dg.AssetCheckResult:
    """Whether a shared layer holds what the object log has.

    Args:
        trouble: why it does not. warn: whether that passes by itself.
    """
    return dg.AssetCheckResult(
        passed=trouble is None,
        asset_key=table_key(layer.tables[0].name),
        check_name=IS_CURRENT,
        severity=dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR,
        description=trouble,
        metadata=metadata,
    )


def missed_by_reconcile(connection: Connection, instance: Instance, mirrored: SyncResult) -> dict[str, int]:
    """What a sweep wrote that the reconcile before it should have found; fresh stamps explain a change."""
    assert mirrored.started_at is not None
    since = mirrored.started_at - timedelta(minutes=5)
    found = verify.changed_by(connection, instance.id, mirrored.run_id, mirrored.revision_before, since)
    # they have no timestamp, so that an edit just now looks the same
    return {name: count for name, count in found.items() if not BY_NAME[name].whole}
