"""Instances are independent: their rows, locks, initial loads and removal."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stash_pipeline.instances import list_instances
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import InstanceLockedError, connect, instance_lock
from stash_pipeline.warehouse.entities.transform import drop_layer
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.mirror.events import EVENTS, statements
from stash_pipeline_tests.mirror.working import Mirror, generated, new_mirror, partitions, row_versions


def together(*work: Callable[[], Any]) -> None:
    """Runs functions concurrently; raises the first error."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(work))

    def one(do: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            do()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(do,), daemon=True) for do in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=180)
        assert not thread.is_alive(), "it hangs"
    if errors:
        raise errors[0]


def remove(server: Mirror) -> None:
    with connect(server.database_url) as connection:
        remove_instance(connection, server.instance.id)


def test_an_initial_load_leaves_statistics_for_the_planner(warehouse: str, home: Path) -> None:
    new_mirror(warehouse, home, generated(150, seed=4)).refresh()
    with psycopg.connect(warehouse) as connection:
        analyzed = {
            (table, column, inherited)
            for table, column, inherited in connection.execute(
                "SELECT regexp_replace(tablename, '_\\d+$', ''), attname, inherited FROM pg_stats\n"
                "WHERE schemaname IN ('stash', 'partitions')"
            )
        }
        own_statistics = {
            ("stash_scenes", "title", False),
            ("stash_scene_tags", "tag_id", False),
            ("stash_file_fingerprints", "value", False),
        }
        assert own_statistics <= analyzed
        if connection.info.server_version >= 180_000:
            assert {("scenes", "id", True), ("files", "instance_id", True)} <= analyzed
            assert ("scenes", "title", True) not in analyzed


def test_equal_ids_of_two_instances_do_not_interfere(warehouse: str, home: Path) -> None:
    one = new_mirror(warehouse, home, generated(40, seed=1))
    other = new_mirror(warehouse, home, generated(50, seed=2), "v0.27")
    one.refresh()
    other.refresh()
    before, state = row_versions(warehouse, other.instance.id), other.state()
    for number, event in enumerate(EVENTS):
        one.sql(*statements(event, number))
    one.refresh()
    assert not one.differences()
    assert row_versions(warehouse, other.instance.id) == before
    assert other.state() == state
    assert not other.differences()


def test_removing_an_instance_removes_all_its_rows_and_no_others(warehouse: str, home: Path) -> None:
    one = new_mirror(warehouse, home, generated(40, seed=1))
    other = new_mirror(warehouse, home, generated(40, seed=2))
    one.refresh()
    other.refresh()
    before, state = row_versions(warehouse, other.instance.id), other.state()
    remove(one)
    with connect(warehouse) as connection:
        assert partitions(connection, one.instance.id) == []
        assert one.instance.name not in [instance.name for instance in list_instances(connection)]
        for schema, table in connection.execute(
            "SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = 'instance_id'\n"
            "AND table_schema IN ('ops', 'raw', 'stash')"
        ).fetchall():
            row = connection.execute(
                f"SELECT count(*) FROM {schema}.{table} WHERE instance_id = %s", [one.instance.id]
            ).fetchone()
            # the log keeps the removal itself, for who follows it
            assert row == (1 if table == "object_log" else 0,), (schema, table)
    assert row_versions(warehouse, other.instance.id) == before
    assert other.state() == state
    other.sql(*statements("a tag is destroyed", 1))
    other.refresh()
    assert not other.differences()


def test_an_unsynced_instance_can_be_removed(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(10))
    remove(server)
    half = new_mirror(warehouse, home, generated(10))
    half.read()
    remove(half)
    with connect(warehouse) as connection:
        assert partitions(connection, half.instance.id) == []


def test_tables_of_an_unsynced_instance_are_empty(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(10))
    server.transform()
    assert server.ids("scenes") == set()
    server.refresh()
    assert not server.differences()


def test_a_name_can_be_reused_after_a_removal(warehouse: str, home: Path) -> None:
    from stash_pipeline.instances import add_instance

    server = new_mirror(warehouse, home, generated(20, seed=1))
    server.refresh()
    remove(server)
    with connect(warehouse) as connection:
        again = add_instance(connection, server.instance.name, server.instance.url, home=home)
    assert again.id != server.instance.id
    server.instance = again
    server.refresh()
    assert not server.differences()


@pytest.mark.parametrize("round_", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_concurrent_initial_loads_of_two_instances_succeed(warehouse: str, home: Path, round_: int) -> None:
    one = new_mirror(warehouse, home, generated(30, seed=1))
    other = new_mirror(warehouse, home, generated(30, seed=2), "v0.27")
    together(one.refresh, other.refresh)
    assert not one.differences()
    assert not other.differences()


@pytest.mark.faults
def test_concurrent_transformations_of_two_instances_succeed(warehouse: str, home: Path) -> None:
    servers = [new_mirror(warehouse, home, generated(30, seed=n)) for n in range(3)]
    for server in servers:
        server.read()
    together(*[server.transform for server in servers])
    for number in range(3):
        for server in servers:
            for event in list(EVENTS)[number * 10 : number * 10 + 10]:
                server.sql(*statements(event, number))
        together(*[server.refresh for server in servers])
    for server in servers:
        assert not server.differences()


@pytest.mark.faults
def test_removing_and_rebuilding_instances_does_not_fail_another_refresh(warehouse: str, home: Path) -> None:
    """Dropping partitions locks the tables of all instances, which must not cause a deadlock."""
    busy = new_mirror(warehouse, home, generated(40, seed=1))
    busy.refresh()

    def refresh_again_and_again() -> None:
        for number in range(7):
            for event in ("tags are put on and taken off", "a scene gets another title", "objects are created"):
                busy.sql(*statements(event, 100 + number))
            busy.sql(f"UPDATE scenes SET title = 't{number}'", f"UPDATE files SET size = size + {number + 1}")
            busy.refresh()

    def come_and_go() -> None:
        for number in range(3):
            server = new_mirror(warehouse, home, generated(20, seed=number))
            server.refresh()
            with connect(warehouse) as connection:
                drop_layer(connection, server.instance.id)
            server.transform()
            remove(server)

    together(refresh_again_and_again, come_and_go)
    assert not busy.differences()


def test_a_second_writer_is_rejected_or_waits(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(10))
    other = new_mirror(warehouse, home, generated(10))
    name = server.instance.name
    with instance_lock(warehouse, server.instance.id, name):
        with (
            pytest.raises(InstanceLockedError, match=name),
            instance_lock(warehouse, server.instance.id, name),
        ):
            raise AssertionError("two writers")
        with instance_lock(warehouse, other.instance.id, other.instance.name):
            pass
    held, got = threading.Event(), threading.Event()

    def hold() -> None:
        with instance_lock(warehouse, server.instance.id, name):
            held.set()
            threading.Event().wait(0.5)

    def wait() -> None:
        assert held.wait(60)
        with instance_lock(warehouse, server.instance.id, name, wait_seconds=60):
            got.set()

    together(hold, wait)
    assert got.is_set()


def test_the_lock_ends_with_the_connection_of_its_owner(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(10))
    with psycopg.connect(warehouse, autocommit=True) as admin, instance_lock(warehouse, server.instance.id, "x"):
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
            [server.instance.id],
        )
        with instance_lock(warehouse, server.instance.id, "x", wait_seconds=60):
            pass


def test_revisions_follow_the_commit_order(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(40))
    seen = [0]
    for number in range(4):
        server.sql(f"UPDATE scenes SET title = 'r{number}' WHERE id = {number + 1}")
        server.refresh()
        newest = server.scalar("SELECT revision FROM ops.instances WHERE id = %s", [server.instance.id])
        assert newest > seen[-1]
        layer = server.scalar("SELECT revision FROM ops.layer_watermarks WHERE instance_id = %s", [server.instance.id])
        assert layer == newest
        in_raw = max(
            server.scalar(
                f"SELECT coalesce(max(revision), 0) FROM raw.{kind} WHERE instance_id = %s", [server.instance.id]
            )
            for kind in BY_NAME
        )
        assert in_raw == newest
        seen.append(newest)
