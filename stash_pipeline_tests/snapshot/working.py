"""Snapshots of libraries as files, and their documents."""

import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.query_plan import QueryPlan, plan_library
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import SNAPSHOT_ENTITIES, documents


@cache
def plans(release: str = "v0.30.1") -> dict[str, QueryPlan]:
    """The query plans for a server of that release."""
    with_nothing = SimulatedStash(Library.create(), release=release)
    return plan_library(ServerSchema(with_nothing.execute(INTROSPECTION)["data"]))


def library_file(path: Path, scenes: int = 30, *statements: str) -> Path:
    """The database of a generated library in the newest known layout, changed by some statements."""
    library = Library.create()
    generate_library(library, scenes=scenes, seed=1)
    for statement in statements:
        library.connection.execute(statement)
    library.connection.execute("VACUUM INTO ?", [str(path)])
    library.close()
    return path


def change(path: Path, *statements: str) -> Path:
    """Changes a file by statements that a server would not execute."""
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


def all_documents(path: Path, **options: Any) -> dict[str, list[Document]]:
    """All documents of a snapshot."""
    with Snapshot(path, **options) as snapshot:
        return {kind: list(documents(snapshot, plans(), kind)) for kind in SNAPSHOT_ENTITIES}
