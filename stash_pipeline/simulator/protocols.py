"""What the parts of a simulated server need from the server.

Contains protocols, which allow typing a part without importing the server, because the server imports all parts.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.releases import Release
from stash_pipeline.simulator.snapshots import Backups


class HasLibrary(Protocol):
    """A server that serves a library as a given release does."""

    library: Library
    release: Release


class HasBackups(HasLibrary, Protocol):
    """A server that also creates snapshots of its database."""

    backups: Backups
    clock: Callable[[], datetime]
