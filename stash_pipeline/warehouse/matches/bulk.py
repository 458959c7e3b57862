"""What candidates are found by, of everything: when many objects are compared."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.candidates import (
    LARGEST_BLOCK,
    MANY,
    Pair,
    hashed_keys,
    ordered,
    phash_rows,
    remove_keys,
    remove_phashes,
    write_keys,
    write_phashes,
)
from stash_pipeline.warehouse.matches.differences import Rows, differing, read_rows
from stash_pipeline.warehouse.matches.features import Object
from stash_pipeline.warehouse.matches.nearness import stored_phashes


class AllKeys:
    """The keys of all objects of an entity.

    Args:
        objects: in any order.
    """

    def __init__(self, entity: str, objects: Sequence[Object]) -> None:
        keys, owners = array("q"), array("q")
        for position, one in enumerate(objects):
            for key in hashed_keys(entity, one):
                keys.append(key)
                owners.append(position)
        self._entity = entity
        self._objects = objects
        self._nodes = np.array([one.node for one in objects], np.int64).reshape(-1, 2)
        held, owned = np.array(keys, np.int64), np.array(owners, np.int64)
        order = np.lexsort((owned, held))
        self._keys, self._owners = held[order], owned[order]

    def __len__(self) -> int:
        return len(self._keys)

    def store(self, connection: Connection) -> tuple[int, int]:
        """Writes those that differ from the stored ones; returns how many it wrote, and how many it removed."""
        made = np.column_stack([self._keys, self._nodes[self._owners]])
        query = f"SELECT key, instance_id, id FROM matches.keys WHERE entity = '{self._entity}'"
        gone, new = differing(read_rows(connection, query, (8, 4, 8)), made)
        if len(gone):
            remove_keys(connection, self._entity, gone.T.tolist())
        write_keys(connection, self._entity, *new.T)
        return len(new), len(gone)

    def pairs(self) -> set[Pair]:
        """All pairs of objects with a key in common that not too many have."""
        _, inverse, sizes = np.unique(self._keys, return_inverse=True, return_counts=True)
        size = sizes[inverse.reshape(-1)]
        small = (size > 1) & (size <= LARGEST_BLOCK)
        keys, owners = self._keys[small], self._owners[small]
        found = []
        for shift in range(1, LARGEST_BLOCK):
            same = np.flatnonzero(keys[shift:] == keys[:-shift])
            if not len(same):
                break
            # owners of one key ascend; both in one number, because rows take long to sort
            found.append(owners[same] * len(self._objects) + owners[same + shift])
        if not found:
            return set()
        nodes = [one.node for one in self._objects]
        left, right = np.divmod(np.unique(np.concatenate(found)), len(nodes))
        return {ordered(nodes[one], nodes[other]) for one, other in zip(left.tolist(), right.tolist(), strict=True)}

    def largest_counts(self) -> dict[int, int]:
        """Per key, in how many objects of one instance it is, at most; of a key that too many have, a large number.

        Keys that at most one object of each instance has are left out.
        """
        instances = self._nodes[self._owners, 0]
        order = np.lexsort((instances, self._keys))
        keys, instances = self._keys[order], instances[order]
        if not len(keys):
            return {}
        starts = np.flatnonzero(np.r_[True, (keys[1:] != keys[:-1]) | (instances[1:] != instances[:-1])])
        each = np.diff(np.r_[starts, len(keys)])
        firsts = np.flatnonzero(np.r_[True, keys[starts][1:] != keys[starts][:-1]])
        most = np.maximum.reduceat(each, firsts)
        most[np.add.reduceat(each, firsts) > LARGEST_BLOCK] = MANY
        several = most > 1
        return dict(zip(keys[starts][firsts][several].tolist(), most[several].tolist(), strict=True))


def all_phashes(scenes: Iterable[Object]) -> Rows:
    """The perceptual hashes of all scenes, as they are stored."""
    numbers = array("q")
    for one in scenes:
        for row in phash_rows(one):
            numbers.extend(row)
    return np.array(numbers, np.int64).reshape(-1, 5)


def store_phashes(connection: Connection, made: Rows) -> None:
    """Writes the perceptual hashes of all scenes that differ from the stored ones."""
    gone, new = differing(stored_phashes(connection), made)
    if len(gone):
        remove_phashes(connection, gone.T.tolist())
    write_phashes(connection, new)
