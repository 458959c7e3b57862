"""Candidates: the pairs of objects that are compared.

Two objects are candidates if they have a key in common that not too many have, or near perceptual hashes. Keys and
hashes are stored, so that a few changed objects are compared with their neighbours only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.copy_columns import copy_columns, int4, int8, text
from stash_pipeline.warehouse.matches.blocks import LARGEST_BLOCK, columns, holders, nodes_by_key
from stash_pipeline.warehouse.matches.features import Node, Object, key_hash, keys_of


@dataclass(frozen=True)
class KeyChanges:
    """What became of the keys of some objects.

    Attributes:
        gone, new: objects of keys that they have no longer, or did not have before.
    """

    gone: Mapping[int, set[Node]]
    new: Mapping[int, set[Node]]
    inserted: int
    removed: int


def update_keys(connection: Connection, entity: str, nodes: Iterable[Node], live: Mapping[Node, Object]) -> KeyChanges:
    """Brings the keys of some objects to what they are now.

    Args:
        live: those of the objects that are not gone.
    """
    before = set(
        connection.execute(
            "SELECT k.key, k.instance_id, k.id FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
            "JOIN matches.keys AS k ON k.entity = %s AND k.instance_id = w.instance_id AND k.id = w.id",
            [*columns(sorted(nodes), 2), entity],
        ).fetchall()
    )
    after = {(key, *node) for node, obj in live.items() for key in hashed_keys(obj)}
    gone, new = sorted(before - after), sorted(after - before)
    if gone:
        remove_keys(connection, entity, columns(gone, 3))
    write_keys(connection, entity, *np.array(new, np.int64).reshape(-1, 3).T)
    return KeyChanges(nodes_by_key(gone), nodes_by_key(new), len(new), len(gone))


def of_changed_keys(connection: Connection, entity: str, changes: KeyChanges) -> set[Node]:
    """The objects that have a key that changed, and that too many have neither now nor had before.

    The holders of a key that has become one of too many had candidates by it, and those of one that no longer is have
    some now.
    """
    nodes: set[Node] = set()
    more = {key: len(changes.new.get(key, ())) for key in changes.gone.keys() | changes.new.keys()}
    for key, now in holders(connection, entity, more).items():
        # complete, unless too many had the key before as well
        complete = len(now) <= LARGEST_BLOCK + more[key]
        before = now - changes.new.get(key, set()) | changes.gone.get(key, set())
        if len(now) <= LARGEST_BLOCK or (complete and len(before) <= LARGEST_BLOCK):
            nodes |= now
    return nodes


@dataclass(frozen=True)
class PhashChanges:
    """Perceptual hashes of some scenes that are no more, and that are new."""

    removed: list["PhashRow"]
    added: list["PhashRow"]

    @property
    def scenes(self) -> set[Node]:
        """The scenes that have or had them."""
        return {row[:2] for row in (*self.removed, *self.added)}


def phash_changes(connection: Connection, nodes: Iterable[Node], live: Mapping[Node, Object]) -> PhashChanges:
    """Compares the stored perceptual hashes of some scenes with what they are now."""
    before = set(
        connection.execute(
            "SELECT p.instance_id, p.scene_id, p.file_id, p.duration, p.phash\n"
            "FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, scene_id)\n"
            "JOIN matches.phashes AS p USING (instance_id, scene_id)",
            columns(sorted(nodes), 2),
        ).fetchall()
    )
    after = {row for scene in live.values() for row in phash_rows(scene)}
    return PhashChanges(sorted(before - after), sorted(after - before))


def update_phashes(connection: Connection, changes: PhashChanges) -> None:
    """Stores changes of perceptual hashes."""
    if changes.removed:
        remove_phashes(connection, columns(changes.removed, 5))
    write_phashes(connection, np.array(changes.added, np.int64).reshape(-1, 5))


PhashRow = tuple[int, int, int, int, int]


def hashed_keys(obj: Object) -> set[int]:
    """The keys of an object, as they are stored."""
    return {key_hash(key) for key in keys_of(obj.features)}


def phash_rows(scene: Object) -> list[PhashRow]:
    """The perceptual hashes of a scene, as they are stored."""
    return [(*scene.node, phash.file_id, phash.duration, phash.phash) for phash in scene.phashes]


def remove_keys(connection: Connection, entity: str, keys: Sequence[Sequence[int]]) -> None:
    """Removes keys of objects.

    Args:
        keys: the columns key, instance_id, id.
    """
    connection.execute(
        "DELETE FROM matches.keys AS k\n"
        "USING unnest(%s::bigint[], %s::integer[], %s::bigint[]) AS w(key, instance_id, id)\n"
        "WHERE k.entity = %s AND k.instance_id = w.instance_id AND k.id = w.id AND k.key = w.key",
        [*keys, entity],
    )


def remove_phashes(connection: Connection, phashes: Sequence[Sequence[int]]) -> None:
    """Removes perceptual hashes.

    Args:
        phashes: the columns of the table.
    """
    connection.execute(
        "DELETE FROM matches.phashes AS p USING unnest(%s::integer[], %s::bigint[], %s::bigint[])\n"
        "    AS w(instance_id, scene_id, file_id)\n"
        "WHERE p.instance_id = w.instance_id AND p.scene_id = w.scene_id AND p.file_id = w.file_id",
        phashes[:3],
    )


def write_keys(
    connection: Connection, entity: str, keys: NDArray[np.int64], instances: NDArray[np.int64], ids: NDArray[np.int64]
) -> None:
    """Stores new keys of objects."""
    columns = [text(entity), int8(keys), int4(instances), int8(ids)]
    copy_columns(connection, "matches.keys", ("entity", "key", "instance_id", "id"), columns)


def write_phashes(connection: Connection, table: NDArray[np.int64]) -> None:
    """Stores new perceptual hashes, rows of the columns of the table."""
    names = ("instance_id", "scene_id", "file_id", "duration", "phash")
    types = (int4, int8, int8, int4, int8)
    values = [make(table[:, position]) for position, make in enumerate(types)]
    copy_columns(connection, "matches.phashes", names, values)
