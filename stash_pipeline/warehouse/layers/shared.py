"""Shared layers, which are derived from all instances: how they follow the object log, and their states.

Under the advisory lock of the layer, a run reads the watermark in ``ops.shared_layers``, applies the newer entries of
the log, and stores the new watermark, in one transaction that sees one state of the database. A failure is rolled back
and recorded in ``ops.shared_layers``; the next attempt starts from the same watermark. Rows of another version of the
layer are rebuilt.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import psycopg

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import Connection, partitions_shared
from stash_pipeline.warehouse.layers.layer import AnyLayer, SharedLayer, TableChange, effective_version, shared
from stash_pipeline.warehouse.ops import object_log

_LOCK_CLASS: Final = 0x53544C59
"""First half of the advisory lock key ("STLY"); the second is a hash of the layer's name."""

_NEVER: Final = ""
"""The version of a layer that was never built."""


class LayerLockedError(UserError):
    """Another process works on the layer."""


class LayerNotReadyError(UserError):
    """A layer that this one reads has not been built."""


@dataclass
class FollowedLayer:
    """The result of one attempt.

    Attributes:
        revision: of the object log that the layer has reached.
        tables: by ``schema.table``; empty if there was nothing to follow.
        objects: how many changed objects it followed; None if it was rebuilt.
    """

    revision: int
    tables: Mapping[str, TableChange] = field(default_factory=dict)
    objects: int | None = 0


@dataclass(frozen=True)
class LayerState:
    """The state of a shared layer.

    Attributes:
        revision: of the object log that it has reached; None if it was never built.
        head: the newest revision of the object log.
        outdated: its rows are of another version, or it was never built.
        error: why its last attempt failed.
        failed_at: when it failed.
    """

    name: str
    revision: int | None
    head: int
    outdated: bool
    updated_at: datetime | None = None
    error: str | None = None
    failed_at: datetime | None = None

    @property
    def current(self) -> bool:
        """Whether there is nothing to do."""
        return not self.outdated and self.revision == self.head and self.error is None


def follow(
    connection: Connection,
    layer: SharedLayer,
    layers: Sequence[AnyLayer],
    *,
    rebuild: bool = False,
    wait_seconds: float = 0.0,
) -> FollowedLayer:
    """Lets a shared layer follow to the newest revision of the object log, or rebuilds it.

    Args:
        connection: not in a transaction, and without the lock of an instance, for which another run may wait.
        layers: the registry.
        rebuild: rebuild it whatever its watermark is.
        wait_seconds: how long to wait for another process that works on it.

    Raises:
        LayerLockedError: if the other process did not end in time.
        LayerNotReadyError: if a layer that it reads was never built, or is outdated.
    """
    version = effective_version(layer, shared(layers))
    with working_on(connection, layer, wait_seconds), connection.transaction():
        # one state of the log and all tables, after the locks are acquired
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        known = connection.execute(
            "SELECT revision, version, error FROM ops.shared_layers WHERE layer = %s", [layer.name]
        ).fetchone()
        revision, held_version, error = known or (0, _NEVER, None)
        until = _limit(connection, layer, shared(layers))
        if rebuild or held_version != version:
            done = FollowedLayer(until, layer.rebuild(connection, until), None)
        elif until <= revision and error is None:
            return FollowedLayer(revision)
        else:
            until = max(until, revision)
            # can include objects beyond the limit; the log lists those again next time
            object_log.collect_changes(connection, revision)
            objects = _collected(connection)
            # the planner has no other estimate of their number
            connection.execute(f"ANALYZE {object_log.CHANGED_OBJECTS}")
            done = FollowedLayer(until, layer.follow(connection, until) if objects else {}, objects)
        connection.execute(
            "INSERT INTO ops.shared_layers (layer, revision, version) VALUES (%s, %s, %s)\n"
            "ON CONFLICT (layer) DO UPDATE SET revision = excluded.revision, version = excluded.version,\n"
            "    updated_at = now(), error = NULL, failed_at = NULL",
            [layer.name, until, version],
        )
    return done


@contextmanager
def working_on(connection: Connection, layer: SharedLayer, wait_seconds: float = 0.0) -> Iterator[None]:
    """Holds the lock of a layer for a block, and prevents partitions from being attached or detached meanwhile.

    These are session locks, because the transaction in the block must take its snapshot after they are acquired.

    Raises:
        LayerLockedError: if another process still holds the lock of the layer after that time.
    """
    key = {"class": _LOCK_CLASS, "layer": layer.name}
    # 0 would mean no limit
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{max(round(wait_seconds * 1000), 1)}ms"])
    try:
        connection.execute("SELECT pg_advisory_lock(%(class)s, hashtext(%(layer)s))", key)
    except psycopg.errors.LockNotAvailable:
        raise LayerLockedError(
            f"Another run is working on layer {layer.name}; shared_layers_sensor lets it follow after that run."
        ) from None
    finally:
        connection.execute("SET lock_timeout = 0")
    try:
        with partitions_shared(connection):
            yield
    finally:
        # if the connection still works
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock(%(class)s, hashtext(%(layer)s))", key)


def _limit(connection: Connection, layer: SharedLayer, layers: Sequence[SharedLayer]) -> int:
    """The revision up to which a layer may follow: that of the layers that it reads."""
    newest = object_log.newest_revision(connection)
    for other in layers:
        if other.name in layer.after:
            row = connection.execute(
                "SELECT revision FROM ops.shared_layers WHERE layer = %s AND version = %s",
                [other.name, effective_version(other, layers)],
            ).fetchone()
            if row is None:
                raise LayerNotReadyError(
                    f"Layer {layer.name} is derived from layer {other.name}, which this version has not built yet: "
                    f"`stash-pipeline rebuild {other.name}` builds it, or the next sync."
                )
            newest = min(newest, int(row[0]))
    return newest


def _collected(connection: Connection) -> int:
    row = connection.execute(f"SELECT count(*) FROM {object_log.CHANGED_OBJECTS}").fetchone()
    assert row is not None
    return int(row[0])


def record_failure(connection: Connection, layer: SharedLayer, sentence: str) -> None:
    """Records why an attempt failed; the watermark does not change.

    Does nothing while another process works on the layer, because its result is newer.
    """
    with suppress(LayerLockedError), working_on(connection, layer):
        connection.execute(
            "INSERT INTO ops.shared_layers (layer, revision, version, error, failed_at)\n"
            "VALUES (%s, 0, %s, %s, now())\n"
            "ON CONFLICT (layer) DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at",
            [layer.name, _NEVER, sentence],
        )


def states(connection: Connection, layers: Sequence[AnyLayer]) -> list[LayerState]:
    """The states of all shared layers, in order; reads two small tables."""
    head = object_log.newest_revision(connection)
    cursor = connection.execute("SELECT layer, revision, version, updated_at, error, failed_at FROM ops.shared_layers")
    rows = {row[0]: row[1:] for row in cursor.fetchall()}
    result = []
    for layer in shared(layers):
        revision, version, updated_at, error, failed_at = rows.get(layer.name, (None, _NEVER, None, None, None))
        outdated = version != effective_version(layer, shared(layers))
        reached = revision if version != _NEVER else None
        result.append(LayerState(layer.name, reached, head, outdated, updated_at, error, failed_at))
    return result
