"""Shared layers that follow at the same time, each in a transaction of its own, once those that it reads have followed.

Layers that read the same one but not each other use two processors: while Postgres makes the records of one, the other
compares copies in this process, for example.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from stash_pipeline.warehouse.connect import Connection, cancel_statements, connect
from stash_pipeline.warehouse.layers.layer import AnyLayer, SharedLayer
from stash_pipeline.warehouse.layers.shared import FollowedLayer, LayerNotReadyError, follow


class LayerBlockedError(LayerNotReadyError):
    """A layer that this one reads could not follow."""


@dataclass(frozen=True)
class Attempt:
    """A layer that has followed.

    Attributes:
        connection: over which it did; open as long as the block of :func:`following_together`.
    """

    connection: Connection
    followed: FollowedLayer


@contextmanager
def following_together(
    database_url: str,
    selected: Sequence[SharedLayer],
    layers: Sequence[AnyLayer],
    *,
    rebuild: Collection[str] = (),
    wait_seconds: float = 0.0,
) -> Iterator[Mapping[str, Callable[[], Attempt]]]:
    """Lets shared layers follow in threads; yields by name what waits for the layer, and raises what it raised.

    A layer does not follow if one of the selected ones that it reads failed. If the block is left by an error or an
    interrupt, the layers that have not followed yet do not.

    Args:
        selected: in the order of the registry.
        layers: the registry.
        rebuild: names of the layers to rebuild whatever their watermarks are.
        wait_seconds: see :func:`~stash_pipeline.warehouse.layers.shared.follow`.
    """
    connections: list[Connection] = []
    pending: dict[str, Future[Attempt]] = {}
    stopped = False

    def attempt(layer: SharedLayer, above: Mapping[str, Future[Attempt]]) -> Attempt:
        # connecting takes as long as following a few changes, so it does not wait
        connection = connect(database_url)
        connections.append(connection)
        for name, other in above.items():
            if other.exception() is not None:
                raise LayerBlockedError(f"Layer {layer.name} waits for layer {name}.")
        if stopped:
            cancel_statements([connection])
        return Attempt(
            connection,
            follow(connection, layer, layers, rebuild=layer.name in rebuild, wait_seconds=wait_seconds),
        )

    try:
        with ThreadPoolExecutor(max(len(selected), 1), "layers") as pool:
            try:
                for layer in selected:
                    above = {name: pending[name] for name in layer.after if name in pending}
                    pending[layer.name] = pool.submit(attempt, layer, above)
                yield {name: future.result for name, future in pending.items()}
            except BaseException:
                stopped = True
                cancel_statements(connections)
                raise
    finally:
        for connection in connections:
            connection.close()
