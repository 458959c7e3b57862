"""The asset checks: whether a run left the mirror as the server is. They are evaluated inside the run's one step.

Blocking ones are those whose error everything downstream would inherit. The questions themselves are in
``warehouse/verify.py``.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import dagster as dg

from stash_pipeline.assets.raw import PAGES_KEY
from stash_pipeline.assets.stash import stash_key
from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse import integrity, verify
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.mirror import Mirrored

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
ORPHANS = dg.AssetCheckSpec(
    "no_orphans",
    asset=stash_key("scenes"),
    blocking=True,
    description="No row of any entity or join refers to an object that is not there.",
)
WATERMARK = dg.AssetCheckSpec(
    "watermark_at_head",
    asset=stash_key("scenes"),
    blocking=True,
    description="Entities and joins hold the newest revision of the documents.",
)
INTACT = dg.AssetCheckSpec(
    "documents_match_hashes",
    asset=PAGES_KEY,
    description="Stored documents still have the hashes with which they were read: all of them after a sweep, else a "
    "random sample. A document that does not was changed in the database; `stash-pipeline verify --repair` reads it "
    "again.",
)
REBUILT = dg.AssetCheckSpec(
    "tables_match_rebuild",
    asset=stash_key("scenes"),
    description="Entities and joins are what a rebuild from the documents makes, row by row. Evaluated after a sweep; "
    "`stash-pipeline verify --repair` rebuilds tables that differ.",
)
CHECKS = [COUNTS, SAMPLE, SWEEP, FRESH, INTACT, ORPHANS, WATERMARK, REBUILT]

_BY_MODE = {
    "changes": [COUNTS, WATERMARK],
    "reconcile": [COUNTS, SAMPLE, FRESH, INTACT, ORPHANS, WATERMARK],
    "sweep": CHECKS,
    "objects": [WATERMARK],
    "rebuild": [ORPHANS, WATERMARK],
}


def checks_of(mode: str) -> frozenset[dg.AssetCheckKey]:
    """The checks that a refresh of this mode is asked for, where no person chooses them."""
    return frozenset(spec.key for spec in _BY_MODE[mode])


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
    instance: Instance,
    mirrored: Mirrored,
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
        client = cache(lambda: stack.enter_context(instance.client(settings)))
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
                what_differs="\n".join(sample.differences[:_LINES]) or "nothing",
            )
    if SWEEP.key in selected and missed is not None:
        yield _result(SWEEP, instance, not missed, warn=True, objects=sum(missed.values()), by_kind=_told(missed))
    if INTACT.key in selected:
        yield _intact(connection, settings, instance, everything=mode == "sweep")
    if FRESH.key in selected:
        stale = verify.stale_instances(connection, settings.fresh_hours)
        last = {one["instance"]: one["last"] or "never" for one in stale}
        yield _result(FRESH, instance, not stale, warn=True, stale=len(stale), last_good_refresh=_told(last))


def _counts(
    connection: Connection, instance: Instance, mirrored: Mirrored, kinds: list[str], client: Callable[[], StashClient]
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
        what_differs="\n".join(report.lines()[:_LINES]) or "nothing",
    )


@contextmanager
def looking_for_orphans(selected: Any, database_url: str, instance_id: int) -> Iterator[Callable[[], dict[str, int]]]:
    """Looks for orphans on a connection of its own while the block goes on; gives what waits for the result."""

    def look() -> dict[str, int]:
        with connect(database_url) as connection:
            return verify.orphans(connection, instance_id)

    if ORPHANS.key not in selected:
        yield dict
        return
    with ThreadPoolExecutor(1, "orphans") as pool:
        yield pool.submit(look).result


def stash_checks(
    selected: Any,
    connection: Connection,
    instance: Instance,
    mode: str,
    orphans: Callable[[], dict[str, int]],
) -> Iterator[dg.AssetCheckResult]:
    """Of entities and joins, once they have followed.

    Args:
        orphans: gives the orphans by column.
    """
    if REBUILT.key in selected and mode == "sweep":
        tables = integrity.compare_with_rebuild(connection, instance.id)
        # None: another run has written since, and will be checked itself
        if tables is not None:
            lines = [line for table in tables for line in table.lines()]
            rows = sum(table.missing + table.stale + table.different for table in tables)
            differing = "\n".join(lines[:_LINES]) or "nothing"
            yield _result(REBUILT, instance, not tables, rows=rows, what_differs=differing)
    if WATERMARK.key in selected:
        newest, held = verify.behind(connection, instance.id)
        yield _result(WATERMARK, instance, newest == held, newest_revision=newest, held_revision=held)
    if ORPHANS.key in selected:
        found = orphans()
        yield _result(ORPHANS, instance, not found, orphans=sum(found.values()), by_column=_told(found))


def missed_by_reconcile(connection: Connection, instance: Instance, mirrored: Mirrored) -> dict[str, int]:
    """What a sweep wrote that the reconcile before it should have found; fresh stamps explain a change."""
    assert mirrored.started_at is not None
    since = mirrored.started_at - timedelta(minutes=5)
    found = verify.changed_by(connection, instance.id, mirrored.run_id, mirrored.revision_before, since)
    # they have no timestamp, so that an edit just now looks the same
    return {name: count for name, count in found.items() if not BY_NAME[name].whole}
