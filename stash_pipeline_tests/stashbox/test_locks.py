"""Whoever logs objects for a stash-box waits for others before it locks the log, which everybody needs."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.instances import add_instance, edit_instance
from stash_pipeline.stashbox_registry import add_endpoint, edit_endpoint, remove_endpoint
from stash_pipeline.warehouse.connect import Connection, connect, rearrange_partitions, share_partitions
from stash_pipeline.warehouse.ops.object_log import begin_publishing

BOX_URL = "https://box.example/graphql"
OTHER_URL = "https://else.example/graphql"

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def box(database_url: str, home: Path) -> int:
    """A registered box, and a server that uses boxes."""
    with connect(database_url) as connection:
        add_instance(connection, "home", "http://127.0.0.1:9", home=home)
        return add_endpoint(connection, "box", BOX_URL, home=home).id


@contextmanager
def waiting(database_url: str, work: Callable[[Connection], Any]) -> Iterator["Future[Any]"]:
    """Work in another session, which waits for a lock when the block begins."""

    def run() -> Any:
        with connect(database_url) as connection:
            return work(connection)

    with ThreadPoolExecutor(1) as thread, connect(database_url) as observer:
        future = thread.submit(run)
        end = time.monotonic() + 60
        while observer.execute(_WAITING).fetchone() == (0,):
            assert not future.done() and time.monotonic() < end
            time.sleep(0.01)
        yield future


def disable_boxes(connection: Connection, home: Path) -> None:
    edit_instance(connection, "home", home=home, use_stash_boxes=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda connection, home: remove_endpoint(connection, "box"),
        lambda connection, home: edit_endpoint(connection, "box", url=OTHER_URL, home=home),
        disable_boxes,
    ],
    ids=["remove", "edit", "instance"],
)
@pytest.mark.usefixtures("box")
def test_the_log_is_free_while_partitions_are_waited_for(
    database_url: str, home: Path, change: Callable[[Connection, Path], Any]
) -> None:
    with connect(database_url) as rebuild:
        rebuild.execute("BEGIN")
        rearrange_partitions(rebuild)
        with waiting(database_url, lambda connection: change(connection, home)) as changed:
            # a rebuild of partitions logs at its end
            rebuild.execute("SELECT FROM ops.object_log_head FOR UPDATE NOWAIT")
            rebuild.execute("COMMIT")
            changed.result(60)


@pytest.mark.usefixtures("box")
def test_the_log_is_free_while_a_sync_of_the_instance_is_waited_for(database_url: str, home: Path) -> None:
    with connect(database_url) as syncing:
        syncing.execute("BEGIN")
        share_partitions(syncing)
        syncing.execute("UPDATE ops.instances SET revision = revision + 1")
        with waiting(database_url, lambda connection: disable_boxes(connection, home)) as changed:
            begin_publishing(syncing)
            syncing.execute("COMMIT")
            changed.result(60)


@pytest.mark.parametrize(
    "change",
    [
        lambda connection, home: remove_endpoint(connection, "box"),
        lambda connection, home: edit_endpoint(connection, "box", url=OTHER_URL, home=home),
    ],
    ids=["remove", "edit"],
)
def test_the_log_is_free_while_a_reading_of_the_box_is_waited_for(
    database_url: str, home: Path, box: int, change: Callable[[Connection, Path], Any]
) -> None:
    with connect(database_url) as reading:
        reading.execute("BEGIN")
        reading.execute(
            "INSERT INTO stashbox.lookups (endpoint_id, fingerprints, oshashes, phashes, scene_ids, asked_at,\n"
            "    changed_at) VALUES (%s, gen_random_uuid(), '{}', '{}', '{}', now(), now())",
            [box],
        )
        with waiting(database_url, lambda connection: change(connection, home)) as changed:
            begin_publishing(reading)
            reading.execute("COMMIT")
            changed.result(60)
