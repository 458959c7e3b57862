"""Provides a warehouse that is ready to use: running (the private Postgres if no URL is set) and migrated."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from stash_pipeline.settings import Settings, settings_in_use
from stash_pipeline.stash.snapshot.orphans import remove_orphaned_snapshots
from stash_pipeline.warehouse.embedded.keeper import join_server
from stash_pipeline.warehouse.embedded.server import running_server
from stash_pipeline.warehouse.migrate import upgrade

_upgraded: set[str] = set()
_lock = threading.Lock()


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[Settings]:
    """The settings with the address of a running, migrated database. Also removes what killed runs left.

    Raises:
        UserError: if the database is not available; the message says why.
    """
    with ExitStack() as stack:
        remove_orphaned_snapshots(settings.snapshots)
        url = settings.database()
        if url is None:
            url = stack.enter_context(running_server(settings.home, port=settings.private_port))
        upgrade(url)
        yield stack.enter_context(settings_in_use(settings.with_database(url)))


def join_warehouse(settings: Settings) -> str:
    """The address of a running, migrated database, for the rest of this process.

    Used by processes that Dagster starts, when they first need the database.

    Raises:
        UserError: if the database is not available.
    """
    url = settings.database() or join_server(settings.home, settings.private_port)
    with _lock:
        if url not in _upgraded:
            upgrade(url)
            _upgraded.add(url)
    return url
