"""Tools of the robustness tests: a private Postgres, an instance, and consistency checks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stash_pipeline.instances import Instance, LaneName, add_instance
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect, instance_lock
from stash_pipeline.warehouse.entities.transform import drop_layer, transform
from stash_pipeline_tests.mirror.oracle import whole_state

KINDS = {
    "scenes": "scenes", "performers": "performers", "studios": "studios", "tags": "tags", "groups": "groups",
    "galleries": "galleries", "images": "images", "scene_markers": "scene_markers", "files": "files",
}  # fmt: skip


def simulated(scenes: int, *, seed: int = 7, latency: float = 0.0) -> SimulatedStash:
    """A server with a generated library."""
    library = Library.create()
    generate_library(library, scenes=scenes, seed=seed)
    return SimulatedStash(library, latency=latency)


def register(database_url: str, home: Path, url: str, name: str = "home", *, lane: LaneName = "auto") -> Instance:
    """Registers a server."""
    with connect(database_url) as connection:
        return add_instance(connection, name, url, home=home, lane=lane)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 180) -> Any:
    """What the condition gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


def documents(database_url: str) -> int:
    """The number of documents."""
    with connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM raw.scenes").fetchone()
        return int(row[0]) if row else 0


def assert_consistent(database_url: str, instance_id: int) -> None:
    """Checks that nothing is partially written: the layer contains exactly what it claims to have of ``raw``.

    The layer is either not there, or equal to one that is built anew from the documents up to its watermark; that
    can be told when no newer ones have come.
    """
    with connect(database_url) as connection:
        row = connection.execute(
            "SELECT i.revision = w.revision FROM ops.instances i LEFT JOIN ops.layer_watermarks w\n"
            "ON w.instance_id = i.id WHERE i.id = %s",
            [instance_id],
        ).fetchone()
        if row is None or not row[0]:
            return
        before = whole_state(connection, instance_id)
        drop_layer(connection, instance_id)
        transform(connection, instance_id)
        assert whole_state(connection, instance_id) == before


def assert_converged(database_url: str, instance_id: int, stash: SimulatedStash) -> None:
    """Checks that the mirror equals the server and a rebuild, and is not locked."""
    with instance_lock(database_url, instance_id, "home"):
        pass
    with connect(database_url) as connection:
        for kind, table in KINDS.items():
            there = stash.library.tuples(f'SELECT count(*) FROM "{table}"')[0][0]
            for schema, condition in (("raw", "AND deleted_at IS NULL"), ("stash", "")):
                row = connection.execute(
                    f"SELECT count(*) FROM {schema}.{kind} WHERE instance_id = %s {condition}", [instance_id]
                ).fetchone()
                assert row == (there,), (schema, kind)
        titles = connection.execute(
            "SELECT id, coalesce(title, '') FROM stash.scenes WHERE instance_id = %s ORDER BY id", [instance_id]
        ).fetchall()
        wanted = stash.library.tuples("SELECT id, coalesce(title, '') FROM scenes ORDER BY id")
        assert [tuple(row) for row in titles] == [tuple(row) for row in wanted]
        running = connection.execute("SELECT count(*) FROM ops.sync_runs WHERE status = 'running'").fetchone()
        assert running == (0,)
        row = connection.execute(
            "SELECT i.revision = w.revision FROM ops.instances i JOIN ops.layer_watermarks w\n"
            "ON w.instance_id = i.id WHERE i.id = %s",
            [instance_id],
        ).fetchone()
        assert row == (True,)
    assert_consistent(database_url, instance_id)


def change(stash: SimulatedStash, number: int) -> None:
    """Edits objects of four entities, with timestamps, and removes one of a fifth."""
    stamp = [stash.context().local_now()]
    for table, column in (("scenes", "title"), ("performers", "name"), ("tags", "name"), ("images", "title")):
        stash.library.execute(f"UPDATE \"{table}\" SET {column} = {column} || 'x{number}', updated_at = ?", stamp)
    stash.library.execute("DELETE FROM scene_markers WHERE id = (SELECT max(id) FROM scene_markers)")


@contextmanager
def blocking(database_url: str, table: str) -> Iterator[None]:
    """Holds a lock that blocks all writes to a table, so that a run stays where it is."""
    with connect(database_url) as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
