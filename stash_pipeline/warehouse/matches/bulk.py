"""Candidates of everything: all pairs with a key in common, or with near perceptual hashes, when many are compared."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.matching.phash_pairs import Pairs, find_pairs
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.candidates import (
    LARGEST_BLOCK,
    MANY,
    NearScenes,
    Pair,
    PhashRow,
    hashed_keys,
    ordered,
    phash_rows,
    remove_keys,
    remove_phashes,
    write_keys,
    write_phashes,
)
from stash_pipeline.warehouse.matches.differences import Rows, differing, read_rows
from stash_pipeline.warehouse.matches.features import Node, Object


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
            found.append(np.column_stack([owners[same], owners[same + shift]]))
        if not found:
            return set()
        objects = self._objects
        distinct = np.unique(np.concatenate(found), axis=0).tolist()
        return {ordered(objects[one].node, objects[other].node) for one, other in distinct}

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


NearFiles = Counter[tuple[int, int, int]]
"""Per file (instance, scene, file), how many files have a near perceptual hash."""


def all_phashes(scenes: Sequence[Object]) -> list[PhashRow]:
    """The perceptual hashes of all scenes, as they are stored."""
    return [row for one in scenes for row in phash_rows(one)]


def store_phashes(connection: Connection, listed: Sequence[PhashRow]) -> None:
    """Writes the perceptual hashes of all scenes that differ from the stored ones."""
    gone, new = differing(_stored_phashes(connection), np.array(listed, np.int64).reshape(-1, 5))
    if len(gone):
        remove_phashes(connection, gone.T.tolist())
    write_phashes(connection, new)


def _stored_phashes(connection: Connection) -> Rows:
    query = "SELECT instance_id, scene_id, file_id, duration, phash FROM matches.phashes"
    return read_rows(connection, query, (4, 8, 8, 4, 8))


class NearPairs:
    """All stored perceptual hashes that are near to each other, for those near to the files of many scenes."""

    def __init__(self, connection: Connection) -> None:
        rows = _stored_phashes(connection)
        pairs = list(_near_pairs(rows))
        left, right = (np.concatenate([_NONE, *(pair[side] for pair in pairs)]) for side in (0, 1))
        near, numbers = np.unique(np.concatenate([left, right]), return_inverse=True)
        self._files = [(row[0], row[1], row[2]) for row in rows[near].tolist()]
        self._ones, others = numbers.reshape(-1), numbers.reshape(2, -1)
        self._others = np.concatenate([others[1], others[0]])

    def of(self, scenes: Collection[Node]) -> NearScenes:
        """As :func:`~stash_pipeline.warehouse.matches.candidates.near_scenes`."""
        files = self._files
        wanted = np.array([file[:2] in scenes for file in files], np.bool_)[self._ones]
        near: NearScenes = {}
        for one, other in zip(self._ones[wanted].tolist(), self._others[wanted].tolist(), strict=True):
            near.setdefault(files[one], []).append(files[other][:2])
        return near


_NONE: Final = np.zeros(0, np.int64)


def _near_pairs(rows: Rows) -> Iterator[Pairs]:
    """The pairs of rows with near perceptual hashes, by their numbers."""
    limits = PARAMETERS["phash"]
    hashes, durations = rows[:, 4].copy().view(np.uint64), rows[:, 3].copy()
    return find_pairs(hashes, durations, distance=limits["distance"], window=limits["window"])


def all_phash_pairs(listed: Sequence[PhashRow]) -> tuple[set[Pair], NearFiles]:
    """All pairs of scenes that have near perceptual hashes, and how many are near to each file."""
    rows = np.array(listed, np.int64).reshape(-1, 5)
    pairs: set[Pair] = set()
    neighbours: NDArray[np.int64] = np.zeros(len(rows), np.int64)
    for chunk in _near_pairs(rows):
        np.add.at(neighbours, chunk.left, 1)
        np.add.at(neighbours, chunk.right, 1)
        for left, right in zip(chunk.left.tolist(), chunk.right.tolist(), strict=True):
            one, other = listed[left][:2], listed[right][:2]
            if one != other:
                pairs.add(ordered(one, other))
    near = np.flatnonzero(neighbours).tolist()
    return pairs, Counter({listed[position][:3]: int(neighbours[position]) for position in near})
