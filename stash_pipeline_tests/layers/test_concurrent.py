"""Shared layers that do not read each other follow at the same time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Barrier, Event, Timer

import pytest

from stash_pipeline.layers import Layers
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.concurrent import following_together
from stash_pipeline.warehouse.layers.layer import SharedLayer, TableChange, shared
from stash_pipeline.warehouse.layers.shared import LayerNotReadyError, states
from stash_pipeline_tests.layers.sample import TAG_NAMES

_SECONDS = 60
_WRITE = "INSERT INTO tag_names.names (name, tags) VALUES ('somebody', 1)"

Work = Callable[[Connection], object]


def layer(name: str, work: Work, *after: str) -> SharedLayer:
    """A layer that does something whenever it is built."""

    def rebuild(connection: Connection, _: int) -> Mapping[str, TableChange]:
        work(connection)
        return {}

    return replace(TAG_NAMES, name=name, rebuild=rebuild, after=after)


def nothing(_: Connection) -> None:
    """Does nothing."""


def built(database_url: str, layers: Layers) -> set[str]:
    """The names of the layers that have followed."""
    with connect(database_url) as connection:
        return {state.name for state in states(connection, layers) if state.revision is not None}


def test_layers_that_read_the_same_one_follow_at_the_same_time_after_it(warehouse: str) -> None:
    together = Barrier(2, timeout=_SECONDS)
    order: list[str] = []

    def first(_: Connection) -> None:
        time.sleep(0.1)
        order.append("first")

    def meet(_: Connection) -> None:
        order.append("meet")
        together.wait()

    layers = (layer("first", first), layer("left", meet, "first"), layer("right", meet, "first"))
    with following_together(warehouse, shared(layers), layers) as attempts:
        assert [attempts[name]().followed.objects for name in ("first", "left", "right")] == [None] * 3
    assert order == ["first", "meet", "meet"]
    assert built(warehouse, layers) == {"first", "left", "right"}


def test_a_layer_does_not_follow_if_one_that_it_reads_fails(warehouse: str) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(_WRITE)
        raise ValueError("broken")

    layers = (layer("first", fail), layer("second", nothing, "first"), layer("apart", nothing))
    with following_together(warehouse, shared(layers), layers) as attempts:
        with pytest.raises(ValueError, match="broken"):
            attempts["first"]()
        with pytest.raises(LayerNotReadyError, match="Layer second waits for layer first"):
            attempts["second"]()
        attempts["apart"]()
    assert built(warehouse, layers) == {"apart"}
    with connect(warehouse) as connection:
        assert not connection.execute("SELECT FROM tag_names.names").fetchall()


@pytest.mark.parametrize("waits", [True, False])
def test_an_interrupt_ends_the_layers_that_still_follow(warehouse: str, waits: bool) -> None:
    begun, interrupted = Event(), Event()

    def work(connection: Connection) -> None:
        connection.execute(_WRITE)
        begun.set()
        if waits:
            connection.execute("SELECT pg_sleep(%s)", [_SECONDS])
        else:
            # between two statements there is nothing to cancel
            assert interrupted.wait(_SECONDS)
            connection.execute("SELECT 1")

    layers = (layer("first", work), layer("second", nothing, "first"))
    with pytest.raises(KeyboardInterrupt), following_together(warehouse, shared(layers), layers):
        assert begun.wait(_SECONDS)
        if not waits:
            # the thread goes on after the statements were canceled
            Timer(1, interrupted.set).start()
        raise KeyboardInterrupt
    assert not built(warehouse, layers)
    with connect(warehouse) as connection:
        assert not connection.execute("SELECT FROM tag_names.names").fetchall()
