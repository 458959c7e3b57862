"""The log of changed objects: complete up to its revision, whoever writes beside, and one row per object."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.instances import add_instance, edit_instance
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.ops.object_log import (
    CHANGED_OBJECTS,
    INSTANCES,
    Touched,
    collect_changes,
    newest_revision,
    publish,
)
from stash_pipeline.warehouse.ops.removal import archive_instance, remove_instance

WRITERS, TRANSACTIONS, OBJECTS = 4, 60, 12


def changed_since(connection: Connection, revision: int) -> tuple[int, set[tuple[int, str, int]]]:
    with connection.transaction():
        newest = collect_changes(connection, revision)
        return newest, set(connection.execute(f"SELECT instance_id, entity, id FROM {CHANGED_OBJECTS}").fetchall())


def touched(kind: str, *ids: int) -> Touched:
    objects = Touched()
    objects.add(kind, ids)
    return objects


def write(url: str, instance_id: int, seed: int) -> None:
    """Transactions that change some objects; some of them are rolled back, and they take their time."""
    rng = random.Random(seed)
    with connect(url) as connection:
        for number in range(TRANSACTIONS):
            ids = rng.sample(range(OBJECTS), rng.randint(0, 4))
            with connection.transaction(force_rollback=rng.random() < 0.2):
                for identifier in sorted(ids):
                    connection.execute(
                        "INSERT INTO public.things VALUES (%(i)s, %(id)s, %(n)s)\n"
                        "ON CONFLICT (instance_id, id) DO UPDATE SET content = excluded.content",
                        {"i": instance_id, "id": identifier, "n": f"{seed} {number}"},
                    )
                publish(connection, instance_id, touched("things", *ids))
                connection.execute("SELECT pg_sleep(%s)", [rng.choice((0, 0, 0.002))])


def test_readers_miss_no_change_of_concurrent_writers(database_url: str) -> None:
    with connect(database_url) as connection, ExitStack() as stack:
        connection.execute(
            "CREATE TABLE public.things (instance_id integer, id bigint, content text, PRIMARY KEY (instance_id, id))"
        )
        # one writer per instance: it holds the instance's lock
        pool = stack.enter_context(ThreadPoolExecutor(WRITERS))
        writers = [pool.submit(write, database_url, number, number) for number in range(1, WRITERS + 1)]
        copy: dict[tuple[int, int], Any] = {}
        revision, last = 0, False
        while not last:
            last = all(writer.done() for writer in writers)
            newest, changed = changed_since(connection, revision)
            assert newest >= revision
            for instance_id, kind, identifier in changed:
                assert kind == "things"
                row = connection.execute(
                    "SELECT content FROM public.things WHERE instance_id = %s AND id = %s", [instance_id, identifier]
                ).fetchone()
                assert row is not None, "a change is visible no later than its row of the log"
                copy[instance_id, identifier] = row[0]
            revision = newest
        for writer in writers:
            writer.result()
        rows = connection.execute("SELECT instance_id, id, content FROM public.things").fetchall()
        assert copy == {(instance_id, identifier): content for instance_id, identifier, content in rows}
        # one row per object, however often it changed
        assert connection.execute("SELECT count(*) FROM ops.object_log").fetchone() == (len(rows),)


def test_a_transaction_without_changes_logs_nothing_and_does_not_wait(database_url: str) -> None:
    with connect(database_url) as busy, connect(database_url) as idle:
        before = newest_revision(idle)
        with busy.transaction():
            assert publish(busy, 1, touched("things", 1)) == before + 1
            idle.execute("SET lock_timeout = '5s'")
            with idle.transaction():
                assert publish(idle, 2, touched("things")) is None
            assert changed_since(idle, 0) == (before, set())
        assert changed_since(idle, before) == (before + 1, {(1, "things", 1)})


def instances_changed(connection: Connection, since: int) -> tuple[int, set[int]]:
    newest, changed = changed_since(connection, since)
    assert all(kind == INSTANCES and instance_id == identifier for instance_id, kind, identifier in changed)
    return newest, {identifier for _, _, identifier in changed}


def test_changes_to_instances_are_logged(database_url: str, home: Path) -> None:
    with connect(database_url) as connection:
        revision, _ = instances_changed(connection, 0)
        one = add_instance(connection, "one", "http://127.0.0.1:9", home=home)
        two = add_instance(connection, "two", "http://127.0.0.1:10", home=home)
        revision, changed = instances_changed(connection, revision)
        assert changed == {one.id, two.id}
        for change in ({"priority": 3}, {"enabled": False}, {"enabled": True}):
            edit_instance(connection, "one", home=home, **change)
            revision, changed = instances_changed(connection, revision)
            assert changed == {one.id}, change
        archive_instance(connection, two.id)
        revision, changed = instances_changed(connection, revision)
        assert changed == {two.id}
        add_instance(connection, "two", "http://127.0.0.1:10", home=home)
        revision, changed = instances_changed(connection, revision)
        assert changed == {two.id}
        remove_instance(connection, one.id)
        revision, changed = instances_changed(connection, revision)
        assert changed == {one.id}


@pytest.mark.parametrize("change", [{"priority": 0}, {"url": "http://127.0.0.1:11"}, {"lane": "graphql"}])
def test_instance_settings_that_no_layer_depends_on_are_not_logged(
    database_url: str, home: Path, change: dict[str, Any]
) -> None:
    with connect(database_url) as connection:
        add_instance(connection, "one", "http://127.0.0.1:9", home=home)
        revision, _ = instances_changed(connection, 0)
        edit_instance(connection, "one", home=home, **change)
        assert instances_changed(connection, revision) == (revision, set())


def test_a_removed_instance_leaves_one_row(database_url: str, home: Path) -> None:
    with connect(database_url) as connection:
        instance = add_instance(connection, "one", "http://127.0.0.1:9", home=home)
        with connection.transaction():
            publish(connection, instance.id, touched("scenes", *range(1, 101)))
        remove_instance(connection, instance.id)
        rows = connection.execute(
            "SELECT entity, id FROM ops.object_log WHERE instance_id = %s", [instance.id]
        ).fetchall()
        assert rows == [("instances", instance.id)]
