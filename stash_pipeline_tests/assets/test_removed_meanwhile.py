"""Instances that are removed or edited while a run waits in the queue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.assets import pipeline as mirror
from stash_pipeline.instances import Instance, add_instance, edit_instance
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import Connection, InstanceLock, connect, instance_lock
from stash_pipeline.warehouse.ops.removal import archive_instance, remove_instance
from stash_pipeline_tests.assets.running import library, refresh, registered

pytestmark = pytest.mark.integration

Change = Callable[[Connection, Instance, Path], object]


def removed(connection: Connection, instance: Instance, _: Path) -> None:
    remove_instance(connection, instance.id)


def kept(connection: Connection, instance: Instance, _: Path) -> None:
    archive_instance(connection, instance.id)


def removed_and_added(connection: Connection, instance: Instance, home: Path) -> None:
    remove_instance(connection, instance.id)
    add_instance(connection, instance.name, instance.url, home=home)


@contextmanager
def before_its_turn(monkeypatch: pytest.MonkeyPatch, database_url: str, change: Callable[[Connection], object]) -> Any:
    """Applies a change after a run has looked up its instance, and before it has the lock."""

    @contextmanager
    def late(url: str, instance_id: int, name: str, **options: Any) -> Iterator[InstanceLock]:
        with connect(database_url) as connection:
            change(connection)
        with instance_lock(url, instance_id, name, **options) as lock:
            yield lock

    with monkeypatch.context() as patched:
        patched.setattr(mirror, "instance_lock", late)
        yield


@pytest.mark.parametrize(
    ("mode", "change"),
    [
        *(("changes", change) for change in (removed, kept, removed_and_added)),
        ("sweep", removed),
        *(pytest.param("sweep", change, marks=pytest.mark.soak) for change in (kept, removed_and_added)),
    ],
)
def test_a_run_of_an_instance_removed_after_launch_fails_and_writes_nothing(
    dagster: dg.DagsterInstance,
    graph_database: str,
    graph_home: Path,
    change: Change,
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"leaving-{change.__name__.replace('_', '-')}-{mode}"
    stash = SimulatedStash(library(5))
    with registered(dagster, graph_database, graph_home, name, stash) as instance:
        with before_its_turn(monkeypatch, graph_database, lambda c: change(c, instance, graph_home)):
            result = refresh(dagster, name, mode=mode)
        assert not result.success
        assert result.failure == f"The instance {name} was removed meanwhile; nothing was written."
        with connect(graph_database) as connection:
            runs = connection.execute(
                "SELECT count(*) FROM ops.sync_runs r JOIN ops.instances i ON i.id = r.instance_id WHERE i.name = %s",
                [name],
            )
            assert runs.fetchone() == (0,)
            assert connection.execute(
                "SELECT count(*) FROM raw.scenes WHERE instance_id = %s", [instance.id]
            ).fetchone() == (0,)
        if change is removed_and_added:
            assert refresh(dagster, name, mode=mode, entities=["scenes"]).success


def test_a_run_of_an_instance_edited_after_launch_uses_the_new_address(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = SimulatedStash(library(5)), SimulatedStash(library(5))
    new.library.execute("UPDATE scenes SET title = 'of the new address'")
    with registered(dagster, graph_database, graph_home, "moving", old) as instance, new.running() as server:
        with before_its_turn(
            monkeypatch, graph_database, lambda c: edit_instance(c, "moving", home=graph_home, url=server.url)
        ):
            result = refresh(dagster, "moving")
        assert result.success, result.failure
        with connect(graph_database) as connection:
            titles = connection.execute("SELECT DISTINCT title FROM stash.scenes WHERE instance_id = %s", [instance.id])
            assert titles.fetchall() == [("of the new address",)]
