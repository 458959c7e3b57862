"""Shared layers follow the object log exactly once, in one transaction, one process at a time."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.layers import Layers
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.entities.layer import STASH_LAYER
from stash_pipeline.warehouse.entities.sql import TABLES
from stash_pipeline.warehouse.entities.transform import rebuild_layer
from stash_pipeline.warehouse.layers.layer import SharedLayer, TableChange, shared
from stash_pipeline.warehouse.layers.shared import (
    FollowedLayer,
    LayerLockedError,
    LayerNotReadyError,
    LayerState,
    follow,
    record_failure,
    states,
    working_on,
)
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.layers.sample import (
    LETTERS_LAYER,
    SAMPLE,
    TAG_NAMES,
    contents,
    create_tables,
    expected,
    fail_with,
    of_version,
)
from stash_pipeline_tests.mirror.working import Mirror, generated, new_mirror, settings_for

_ORIGINAL = "with_layers"
_copies = count()


@pytest.fixture(scope="module")
def _instance(postgres: str, _migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The instance of a database to copy, whose server was read once."""
    url = create_database(postgres, _ORIGINAL, _migrated)
    with connect(url) as connection:
        create_tables(connection)
    made = new_mirror(url, tmp_path_factory.mktemp("home"), generated(20, seed=3))
    made.refresh()
    yield made.instance
    drop_database(postgres, _ORIGINAL)


@pytest.fixture
def warehouse(postgres: str, _instance: Instance) -> Iterator[str]:
    """The URL of a copy."""
    name = f"{_ORIGINAL}_{next(_copies)}"
    yield create_database(postgres, name, _ORIGINAL)
    drop_database(postgres, name)


@pytest.fixture
def server(warehouse: str, home: Path, _instance: Instance) -> Mirror:
    return Mirror(warehouse, _instance, SimulatedStash(generated(20, seed=3)), settings_for(home, warehouse))


def follow_all(connection: Connection, layers: Layers = SAMPLE) -> dict[str, FollowedLayer]:
    return {layer.name: follow(connection, layer, layers) for layer in shared(layers)}


def state_of(connection: Connection, layer: SharedLayer, layers: Layers = SAMPLE) -> LayerState:
    return next(state for state in states(connection, layers) if state.name == layer.name)


def watermark(connection: Connection) -> object:
    return connection.execute("SELECT layer, revision, xmin::text FROM ops.shared_layers ORDER BY layer").fetchall()


def rename_a_tag(server: Mirror, name: str = "renamed") -> None:
    server.stash.library.execute(f"UPDATE tags SET name = '{name}' WHERE id = 1")
    server.refresh()


def test_a_new_layer_is_built_from_everything(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        assert [state.revision for state in states(connection, SAMPLE)] == [None, None]
        done = follow_all(connection)
        assert all(one.objects is None and one.tables for one in done.values())
        assert contents(connection) == expected(connection) and contents(connection)["tag_names.names"]
        assert all(state.current for state in states(connection, SAMPLE))


def test_a_layer_follows_only_changes_and_writes_nothing_without_any(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        follow_all(connection)
        before = watermark(connection)
        assert all(one.objects == 0 and not one.tables for one in follow_all(connection).values())
        assert watermark(connection) == before
        rename_a_tag(server)
        done = follow_all(connection)
        assert 0 < (done["tag_names"].objects or 0) < 10
        assert done["tag_names"].tables["tag_names.members"].updated == 1
        assert contents(connection) == expected(connection)


def test_a_removed_instance_disappears_from_the_layer(warehouse: str, server: Mirror, home: Path) -> None:
    other = new_mirror(warehouse, home, generated(10, seed=4))
    other.refresh()
    with connect(warehouse) as connection:
        follow_all(connection)
        remove_instance(connection, other.instance.id)
        assert not state_of(connection, TAG_NAMES).current
        follow_all(connection)
        assert contents(connection) == expected(connection)
        assert {row[0] for row in contents(connection)["tag_names.members"]} == {server.instance.id}


def test_a_failure_is_rolled_back_and_the_next_attempt_catches_up(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        follow_all(connection)
        rename_a_tag(server)
        before = contents(connection), watermark(connection)
        fail_with(connection, "the disk is made of cheese")
        with pytest.raises(RuntimeError, match="cheese"):
            follow(connection, TAG_NAMES, SAMPLE)
        assert (contents(connection), watermark(connection)) == before
        record_failure(connection, TAG_NAMES, "Layer tag_names could not follow.")
        failed = state_of(connection, TAG_NAMES)
        assert failed.error == "Layer tag_names could not follow." and failed.failed_at and not failed.current
        fail_with(connection, None)
        follow_all(connection)
        assert contents(connection) == expected(connection)
        assert state_of(connection, TAG_NAMES).error is None


def test_a_layer_whose_first_build_fails_stays_unbuilt(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        record_failure(connection, TAG_NAMES, "It failed.")
        state = state_of(connection, TAG_NAMES)
        assert state.revision is None and state.outdated and state.error == "It failed."
        assert follow(connection, TAG_NAMES, SAMPLE).objects is None


def test_an_error_is_cleared_when_there_is_nothing_to_follow(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        follow_all(connection)
        record_failure(connection, TAG_NAMES, "It failed after its commit.")
        assert follow(connection, TAG_NAMES, SAMPLE).objects == 0
        assert state_of(connection, TAG_NAMES).current


def test_a_new_version_rebuilds_a_layer_and_its_readers(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        follow_all(connection)
        connection.execute("UPDATE tag_names.members SET name = 'of the old version'")
        newer = of_version("2")
        assert state_of(connection, TAG_NAMES, newer).outdated and state_of(connection, LETTERS_LAYER, newer).outdated
        done = follow_all(connection, newer)
        assert all(one.objects is None for one in done.values())
        assert contents(connection) == expected(connection)
        assert all(one.objects == 0 for one in follow_all(connection, newer).values())


def test_a_rebuild_needs_no_change(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        follow_all(connection)
        connection.execute("DELETE FROM tag_names.members")
        assert follow(connection, TAG_NAMES, SAMPLE, rebuild=True).objects is None
        assert contents(connection) == expected(connection)


def test_a_layer_never_gets_ahead_of_its_sources(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as connection:
        with pytest.raises(
            LayerNotReadyError, match="letters is derived from layer tag_names, which this version has not built yet"
        ):
            follow(connection, LETTERS_LAYER, SAMPLE)
        done = follow_all(connection)
        rename_a_tag(server)
        assert follow(connection, LETTERS_LAYER, SAMPLE).revision == done["tag_names"].revision
        assert not state_of(connection, LETTERS_LAYER).current
        follow_all(connection)
        assert contents(connection) == expected(connection)
        assert all(state.current for state in states(connection, SAMPLE))


def test_a_second_process_waits_and_then_fails_with_a_sentence(warehouse: str, server: Mirror) -> None:
    with connect(warehouse) as one, connect(warehouse) as two:
        with working_on(one, TAG_NAMES):
            with pytest.raises(LayerLockedError, match="Another run is working on layer tag_names"):
                follow(two, TAG_NAMES, SAMPLE)
            with pytest.raises(LayerLockedError):
                follow(two, TAG_NAMES, SAMPLE, wait_seconds=0.2)
            # the lock is of that layer alone
            with pytest.raises(LayerNotReadyError):
                follow(two, LETTERS_LAYER, SAMPLE)
        follow(two, TAG_NAMES, SAMPLE)


def test_two_concurrent_processes_follow_each_change_once(warehouse: str, server: Mirror, home: Path) -> None:
    servers = [server, *(new_mirror(warehouse, home, generated(10, seed=seed)) for seed in (5, 6))]

    def live(number: int) -> None:
        with connect(warehouse) as connection:
            for turn in range(4):
                servers[number].stash.library.execute(f"UPDATE tags SET name = 'tag {turn}' WHERE id = {turn + 1}")
                servers[number].refresh()
                for layer in shared(SAMPLE):
                    follow(connection, layer, SAMPLE, wait_seconds=60)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(live, range(3)))
    with connect(warehouse) as connection:
        assert all(state.current for state in states(connection, SAMPLE))
        assert contents(connection) == expected(connection)


def test_an_instance_can_be_rebuilt_while_a_layer_follows(warehouse: str, server: Mirror) -> None:
    """Dropping and attaching partitions locks all tables, and a reader of some of them could deadlock with it."""
    reading = Event()
    with ThreadPoolExecutor(1) as pool, connect(warehouse) as follower, connect(warehouse) as builder:
        pid = builder.info.backend_pid

        def read_tables(connection: Connection, revision: int) -> dict[str, TableChange]:
            connection.execute("SELECT count(*) FROM stash.scenes")
            reading.set()
            end = time.monotonic() + 60
            while time.monotonic() < end:
                waiting = connection.execute(
                    "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [pid]
                ).fetchone()
                if waiting and waiting[0]:
                    break
                time.sleep(0.02)
            for name in TABLES:
                connection.execute(f"SELECT count(*) FROM stash.{name}")
            return {}

        def rebuild() -> None:
            assert reading.wait(60)
            rebuild_layer(builder, server.instance.id)

        building = pool.submit(rebuild)
        layer = replace(TAG_NAMES, follow=read_tables, rebuild=read_tables)
        follow(follower, layer, (STASH_LAYER, layer))
        building.result()


def test_checks_of_a_shared_layer_do_not_fail_instance_runs() -> None:
    (check,) = TAG_NAMES.checks
    with pytest.raises(ValueError, match="names_have_tags"):
        replace(TAG_NAMES, checks=(replace(check, blocking=True),))
