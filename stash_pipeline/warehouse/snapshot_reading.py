"""Brings ``raw`` to what a copy of the server's database holds: all of it, in one transaction."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from stash_pipeline import progress
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.stash.snapshot.copy import TooLarge, taken
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import KINDS, Naming, documents
from stash_pipeline.warehouse.connect import share_partitions
from stash_pipeline.warehouse.ledger import COPY, copy_form, copy_is_known, note_reading
from stash_pipeline.warehouse.ranges import LAST_ID, load_range

if TYPE_CHECKING:
    from stash_pipeline.warehouse.refresh import Refresh

_BATCH: Final = 2000
"""Objects that are compared by one digest."""

_AHEAD: Final = 3
"""Batches that wait to be compared."""

_MB: Final = 1_000_000
_SECONDS: Final = 60.0
_SECONDS_PER_MB: Final = 1.0
"""How long a copy may take to be read: far more than one needs, so that a crafted one comes to an end."""


def naming_of(client: StashClient, schema: ServerSchema) -> Naming:
    """What the server's configuration says about names, as far as the release says anything."""
    known = schema.fields("ConfigGeneralResult")
    names = [name for name in ("videoFileNamingAlgorithm", "galleryCoverRegex") if name in known]
    if not names:
        return Naming()
    data = client.execute(f"{{configuration{{general{{{' '.join(names)}}}}}}}", name="configuration").data
    general = data["configuration"]["general"]
    usual = Naming()
    return Naming(
        "md5" if general.get("videoFileNamingAlgorithm") == "MD5" else usual.hash_type,
        str(general.get("galleryCoverRegex") or usual.cover_names),
    )


def read_snapshot(refresh: "Refresh", names: list[str], *, limited: bool) -> None:
    """Reads the kinds named.

    Args:
        limited: a copy that is larger than the setting is not fetched.

    Raises:
        UnusableSnapshot: if there is none, or it cannot be read; nothing of it was written then. StashError: what
            the network did. UserError: where the guard stops.
    """
    settings, instance = refresh.settings, refresh.instance
    folder = settings.home / "snapshots"
    limit = settings.snapshot_max_mb * _MB if limited else None
    naming = naming_of(refresh.client, refresh.schema)
    try:
        with taken(refresh.client, folder / f"{instance.uuid}.sqlite", largest=limit) as copy:
            refresh.note_snapshot(copy.size, copy.making)
            # what the database does not know, before the transaction: it asks the server
            refresh.read_whole([name for name in names if name not in KINDS])
            kinds = [name for name in KINDS if name in names]
            documents_asked = [refresh.plans[name].page_document() for name in kinds]
            form = copy_form(copy.digest, [*documents_asked, refresh.release, str(naming)])
            if copy_is_known(refresh.loader.connection, instance.id, form):
                _pass_known(refresh, kinds)
                return
            seconds = _SECONDS + copy.size / _MB * _SECONDS_PER_MB
            with Snapshot(copy.path, seconds=seconds) as snapshot:
                _load(refresh, snapshot, kinds, naming, form)
    except TooLarge as error:
        refresh.note_snapshot(error.size, None)
        raise


def _pass_known(refresh: "Refresh", names: Sequence[str]) -> None:
    """The copy is byte for byte the last one, and nothing was written since: everything is as it was."""
    counted = refresh.loader.counted()
    for name in names:
        change = refresh.loader.changes[name]
        change.fetched = change.unchanged = counted.get(name, 0)
        change.complete = True
        progress.complete(refresh.instance.name, name)
    refresh.check()
    refresh.conclude_snapshot(names)


def _load(refresh: "Refresh", snapshot: Snapshot, names: Sequence[str], naming: Naming, form: bytes) -> None:
    loader = refresh.loader
    with loader.connection.transaction():
        share_partitions(loader.connection)
        for name in names:
            refresh.check()
            began = time.perf_counter()
            after = -1
            for batch in _in_thread(_batches(documents(snapshot, refresh.plans, name, naming))):
                until = batch[-1].id
                load_range(loader, name, batch, after, until)
                after = until
                progress.fetched(refresh.instance.name, name, len(batch))
            load_range(loader, name, [], after, LAST_ID)
            loader.changes[name].complete = True
            loader.changes[name].seconds = time.perf_counter() - began
            progress.complete(refresh.instance.name, name)
        refresh.check()
        loader.remove_gone()
        refresh.conclude_snapshot(names)
        if loader.writes:
            note_reading(loader.connection, refresh.instance.id, loader.run_id, COPY, form, COPY)


def _batches(found: Iterator[Document]) -> Iterator[list[Document]]:
    while batch := list(islice(found, _BATCH)):
        yield batch


_END: Final = object()


def _in_thread(items: Iterator[Any]) -> Iterator[Any]:
    """The same items, made while the caller works on those before."""
    ready: queue.Queue[Any] = queue.Queue(maxsize=_AHEAD)
    stop = threading.Event()

    def put(item: Any) -> None:
        while not stop.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=0.2)
                return

    def make() -> None:
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    return
            put(_END)
        except BaseException as error:
            put(error)

    maker = threading.Thread(target=make, name="snapshot-documents", daemon=True)
    maker.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        # the file must not be closed under it
        maker.join()
