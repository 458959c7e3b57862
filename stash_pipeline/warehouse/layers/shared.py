"""Layers that are made of all instances: how one follows the object log, and what is known of each.

Who has the advisory lock of the layer reads its watermark in ``ops.shared_layers``, applies what the log has since, and
stores the new watermark, in one transaction that sees one state of the database. Whatever fails is rolled back, and
noted in ``ops.shared_layers``; the next attempt starts from the same watermark. Rows that another version of the layer
made are made anew.
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
"""The version of a layer that was never made."""


class LayerLockedError(UserError):
    """Another process works on the layer."""


class LayerNotReadyError(UserError):
    """A layer that this one reads has not been made."""


@dataclass
class FollowedLayer:
    """What one attempt did.

    Attributes:
        revision: of the object log that the layer holds now.
        tables: by ``schema.table``; empty where there was nothing to follow.
        objects: how many changed objects it followed; None where it was made anew.
    """

    revision: int
    tables: Mapping[str, TableChange] = field(default_factory=dict)
    objects: int | None = 0


@dataclass(frozen=True)
class LayerState:
    """What is known of a shared layer.

    Attributes:
        revision: of the object log that it holds; None before it was made.
        head: the newest revision of the object log.
        outdated: its rows are of another version, or it was never made.
        error: why its last attempt failed. failed_at: when.
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
    """Brings a shared layer to the newest revision of the object log, or makes it anew.

    Args:
        connection: not in a transaction, and without the lock of an instance: another run may wait for that.
        layers: the registry.
        rebuild: make it anew, whatever its watermark says.
        wait_seconds: how long to wait for another process that works on it.

    Raises:
        LayerBusy: if that one did not end in time.
        LayerNotReadyError: if a layer that it reads was never made, or is outdated.
    """
    version = effective_version(layer, shared(layers))
    with working_on(connection, layer, wait_seconds), connection.transaction():
        # the log and all tables as they are at one moment: the locks are there already
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
            # it may have more than the layer is allowed to reach; that is named again the next time
            object_log.collect_changes(connection, revision)
            objects = _collected(connection)
            # nothing else tells the planner how many there are
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
    """Holds the lock of a layer for a block, and keeps partitions from being attached or detached meanwhile.

    The locks are of the session and not of the transaction that the block opens: that one must not look at the
    database before it has them.

    Raises:
        LayerBusy: if another process holds the lock of the layer for so long.
    """
    key = {"class": _LOCK_CLASS, "layer": layer.name}
    # 0 would be no limit
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{max(round(wait_seconds * 1000), 1)}ms"])
    try:
        connection.execute("SELECT pg_advisory_lock(%(class)s, hashtext(%(layer)s))", key)
    except psycopg.errors.LockNotAvailable:
        raise LayerLockedError(
            f"Another run is working on layer {layer.name}; it follows by itself when that has ended."
        ) from None
    finally:
        connection.execute("SET lock_timeout = 0")
    try:
        with partitions_shared(connection):
            yield
    finally:
        # where there is still a connection to say so
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock(%(class)s, hashtext(%(layer)s))", key)


def _limit(connection: Connection, layer: SharedLayer, layers: Sequence[SharedLayer]) -> int:
    """The revision up to which a layer may follow: no further than those that it reads."""
    newest = object_log.newest_revision(connection)
    for other in layers:
        if other.name in layer.after:
            row = connection.execute(
                "SELECT revision FROM ops.shared_layers WHERE layer = %s AND version = %s",
                [other.name, effective_version(other, layers)],
            ).fetchone()
            if row is None:
                raise LayerNotReadyError(
                    f"Layer {layer.name} is made of layer {other.name}, which has not been made yet."
                )
            newest = min(newest, int(row[0]))
    return newest


def _collected(connection: Connection) -> int:
    row = connection.execute(f"SELECT count(*) FROM {object_log.CHANGED_OBJECTS}").fetchone()
    assert row is not None
    return int(row[0])


def record_failure(connection: Connection, layer: SharedLayer, sentence: str) -> None:
    """Notes why an attempt failed; the watermark stays where it is.

    Not while another process works on the layer: what that one does is newer, and it would be in its way.
    """
    with suppress(LayerLockedError), working_on(connection, layer):
        connection.execute(
            "INSERT INTO ops.shared_layers (layer, revision, version, error, failed_at)\n"
            "VALUES (%s, 0, %s, %s, now())\n"
            "ON CONFLICT (layer) DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at",
            [layer.name, _NEVER, sentence],
        )


def states(connection: Connection, layers: Sequence[AnyLayer]) -> list[LayerState]:
    """What is known of every shared layer, in their order; reads two small tables."""
    head = object_log.newest_revision(connection)
    cursor = connection.execute("SELECT layer, revision, version, updated_at, error, failed_at FROM ops.shared_layers")
    known = {row[0]: row[1:] for row in cursor.fetchall()}
    found = []
    for layer in shared(layers):
        revision, version, updated_at, error, failed_at = known.get(layer.name, (None, _NEVER, None, None, None))
        outdated = version != effective_version(layer, shared(layers))
        made = revision if version != _NEVER else None
        found.append(LayerState(layer.name, made, head, outdated, updated_at, error, failed_at))
    return found
