"""Brings ``raw`` to what a copy of the server's database holds: all of it, in one transaction."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stash_pipeline import progress
from stash_pipeline.stash.snapshot.copy import Copy, SnapshotTooLargeError, taken
from stash_pipeline.stash.snapshot.database import Snapshot, SnapshotError
from stash_pipeline.stash.snapshot.documents import KINDS, Naming, unmapped_fields
from stash_pipeline.stash.snapshot.ranges import Job, Range
from stash_pipeline.stash.snapshot.reader_pool import readers
from stash_pipeline.stash.snapshot.server_facts import naming_of, previews_of
from stash_pipeline.sync.snapshot_ranges import Ranges, hashes
from stash_pipeline.warehouse.connect import share_partitions
from stash_pipeline.warehouse.raw.page_ledger import COPY, copy_form, copy_is_known, record_copy, record_reading

if TYPE_CHECKING:
    from stash_pipeline.sync.refresh import Refresh

_PATIENCE: Final = 2.0
"""So many times as long as a server may need for a copy it is waited for, to know how long it does need."""

_PATIENCE_WHERE_ASKED: Final = 3600.0
_MB: Final = 1_000_000
_SECONDS: Final = 60.0
_SECONDS_PER_MB: Final = 1.0
"""How long a copy may take to be read: far more than one needs, so that a crafted one comes to an end."""


def read_snapshot(refresh: "Refresh", names: list[str], *, limited: bool) -> None:
    """Reads the kinds named.

    Args:
        limited: a copy that is larger than the setting is not fetched.

    Raises:
        SnapshotError: if there is none, or it cannot be read; nothing of it was written then. StashError: what
            the network did. UserError: where the guard stops.
    """
    settings, instance = refresh.settings, refresh.instance
    limit = settings.snapshot_max_mb * _MB if limited else None
    naming = naming_of(refresh.client, refresh.schema, refresh.info)
    try:
        path = settings.snapshots / f"{instance.uuid}.sqlite"
        patience = settings.snapshot_max_seconds * _PATIENCE if limited else _PATIENCE_WHERE_ASKED
        with taken(refresh.client, path, largest=limit, patience=patience) as copy:
            refresh.record_snapshot(copy.size, copy.making)
            refresh.copy = copy
            refresh.record_not_in_copy(_not_in_copy(refresh, copy, names))
            kinds = [name for name in KINDS if name in names and name not in refresh.not_in_copy]
            # what the database does not know, before the transaction: it asks the server
            refresh.read_whole([name for name in names if name not in kinds])
            seconds = _SECONDS + copy.size / _MB * _SECONDS_PER_MB
            if "images" in kinds:
                naming = replace(naming, previews=previews_of(refresh.client, refresh.plans, copy.path, seconds))
            documents_asked = [refresh.plans[name].page_document() for name in kinds]
            form = copy_form(copy.digest, [*documents_asked, refresh.release, naming.told()])
            if copy_is_known(refresh.loader.connection, instance.id, form):
                _pass_known(refresh, kinds)
                _note(refresh, copy, kinds, known=True)
                return
            _load(refresh, copy, seconds, kinds, naming, form)
            _note(refresh, copy, kinds, known=False)
    except SnapshotTooLargeError as error:
        refresh.record_snapshot(error.size, None)
        raise


def _not_in_copy(refresh: "Refresh", copy: Copy, names: Sequence[str]) -> dict[str, list[str]]:
    """The kinds of these that the copy does not hold whole, each with the fields that it lacks."""
    with Snapshot(copy.path, seconds=_SECONDS, check=False) as snapshot:
        found = unmapped_fields(snapshot, refresh.plans)
    return {name: fields for name, fields in found.items() if name in names}


def _note(refresh: "Refresh", copy: Copy, kinds: Sequence[str], *, known: bool) -> None:
    loader = refresh.loader
    if loader.sink.writes:
        objects = sum(loader.changes[name].fetched for name in kinds)
        record_copy(loader.connection, refresh.instance.id, loader.sink.run_id, copy, objects, known)


def _pass_known(refresh: "Refresh", names: Sequence[str]) -> None:
    """The copy is byte for byte the last one, and nothing was written since: everything is as it was."""
    counted = refresh.loader.sink.counted()
    for name in names:
        change = refresh.loader.changes[name]
        change.fetched = change.unchanged = counted.get(name, 0)
        change.complete = True
        progress.complete(refresh.instance.name, name)
    refresh.check()
    refresh.agree()
    refresh.loader.remove_gone()
    refresh.finish_snapshot(names)


def _load(refresh: "Refresh", copy: Copy, seconds: float, names: Sequence[str], naming: Naming, form: bytes) -> None:
    loader = refresh.loader
    with readers(copy.size) as these, loader.transaction():
        share_partitions(loader.connection)
        known = {name: hashes(loader, name) for name in names if not loader.is_new(name)}
        job = Job(copy.path, seconds, refresh.plans, tuple(names), naming)
        began: dict[str, float] = {}
        ranges = Ranges(loader)
        refresh.check()
        for one in these.read(job, known):
            began.setdefault(one.kind, time.perf_counter())
            if isinstance(one, Range):
                ranges.take(one)
                progress.fetched(refresh.instance.name, one.kind, one.unchanged + len(one.rows))
                continue
            refresh.check()
            ranges.end(one.kind)
            change = loader.changes[one.kind]
            change.complete = True
            change.seconds = time.perf_counter() - began[one.kind]
            progress.complete(refresh.instance.name, one.kind)
        refresh.check()
        differing = refresh.count_differences(names)
        if differing:
            told = ", ".join(f"{here:,} {name}, of {there:,}" for name, (here, there) in differing.items())
            raise SnapshotError(f"The copy of the database has not what the server counts: {told}.")
        refresh.agree()
        loader.remove_gone()
        refresh.finish_snapshot(names)
        if loader.sink.writes:
            record_reading(loader.connection, refresh.instance.id, loader.sink.run_id, COPY, form, COPY)
