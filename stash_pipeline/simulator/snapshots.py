"""Snapshots of a library as files, with the tables of the simulated release.

Contains the creation of the file and its possible defects. Downloads are in ``downloads``, the steps from the newest
tables back to older ones in ``data/downgrade``.
"""

import hashlib
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.releases import Release
from stash_pipeline.simulator.resolvers.performers import INSTAGRAM, TWITTER
from stash_pipeline.simulator.system import present_saved_filter

NEWEST_COPY = 76
"""The schema version of a snapshot by v0.31. The real number is not known, except that it is greater than 75."""

_STEPS = (75, 72, 68, 67, 58, 55, 54, 52, 48, 46, 45)
_BLOB_BYTES = 20_000
_SITES: tuple[tuple[str, re.Pattern[str]], ...] = (("twitter", TWITTER), ("instagram", INSTAGRAM))


@dataclass(frozen=True)
class Backups:
    """How a server creates snapshots of its database, and their defects.

    Attributes:
        life: lifetime of a link in seconds after its first request, see ``downloads``.
        blobs: number of additional, unreferenced images in the snapshot.
        dirty: the snapshot has an unfinished migration.
        version: overrides the schema version in the snapshot.
        offered: the server's GraphQL schema has the mutation; evaluated when the server is created.
        forbidden: the server cannot write into its folder.
        seconds: minimum time to create a snapshot; writers wait.
    """

    life: float = 30.0
    blobs: int = 0
    dirty: bool = False
    version: int | None = None
    offered: bool = True
    forbidden: bool = False
    seconds: float = 0.0


def snapshot_version(release: Release, backups: Backups) -> int:
    """The schema version in a snapshot."""
    if backups.version is not None:
        return backups.version
    return NEWEST_COPY if release.since(31) else release.database_schema


def write_snapshot(library: Library, release: Release, path: Path, backups: Backups) -> None:
    """Write a consistent snapshot of the library into a new file."""
    library.copy_into(path, backups.seconds)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for name, arguments, function in _FUNCTIONS:
            connection.create_function(name, arguments, function, deterministic=True)
        # nobody else uses the file, and an incomplete file is deleted
        for pragma in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(f"BEGIN;\n{_downgrade(release)}COMMIT;")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO blobs (checksum, blob) VALUES (?, ?)", _invented_blobs(backups.blobs))
        connection.execute("DELETE FROM schema_migrations")
        connection.execute(
            "INSERT INTO schema_migrations (version, dirty) VALUES (?, ?)",
            (snapshot_version(release, backups), int(backups.dirty)),
        )
        connection.execute("COMMIT")


def _downgrade(release: Release) -> str:
    """The statements that convert the newest tables to those of a release."""
    if release.since(31):
        return ""
    folder = resources.files("stash_pipeline.simulator.data.downgrade")
    steps = [step for step in _STEPS if step >= release.database_schema]
    return "".join((folder / f"{step}.sql").read_text("utf-8") for step in steps)


def _invented_blobs(count: int) -> Iterator[tuple[str, bytes]]:
    source = random.Random("blobs")
    for _ in range(count):
        content = source.randbytes(_BLOB_BYTES)
        yield hashlib.md5(content).hexdigest(), content


# --- SQL functions for the steps: older columns contain the values of older responses ---------------------


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _site(url: str) -> str | None:
    return next((name for name, pattern in _SITES if pattern.match(url)), None)


def _handle(url: str) -> str:
    for _, pattern in _SITES:
        url = pattern.sub("", url)
    return url


def _whole_filter(find: str | None, objects: str | None) -> Any:
    return present_saved_filter({"find_filter": find, "object_filter": objects, "ui_options": None})["filter"]


_FUNCTIONS: tuple[tuple[str, int, Any], ...] = (
    ("md5", 1, _md5),
    ("site", 1, _site),
    ("handle", 1, _handle),
    ("whole_filter", 2, _whole_filter),
)
