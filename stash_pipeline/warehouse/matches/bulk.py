"""What candidates are found by, of everything: when many objects are compared."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.blocks import LARGEST_BLOCK, MANY
from stash_pipeline.warehouse.matches.candidates import (
    phash_rows,
    remove_keys,
    remove_phashes,
    write_keys,
    write_phashes,
)
from stash_pipeline.warehouse.matches.differences import Rows, differing, read_rows
from stash_pipeline.warehouse.matches.features import Object, key_digest, keys_of
from stash_pipeline.warehouse.matches.nearness import files_of, stored_phashes, uncrowded_pairs


class AllKeys:
    """The keys of all objects of an entity.

    Args:
        loaded: all objects, in any order. Their keys are hashed as they come: meanwhile Postgres makes more of them.

    Attributes:
        objects: in their order. Elsewhere an object is the number of its place there.
    """

    def __init__(self, entity: str, loaded: Iterable[Object]) -> None:
        self._entity = entity
        arrived: list[Object] = []
        digests, counts = array("Q"), array("q")
        for obj in loaded:
            digests_of_one = set(map(key_digest, keys_of(obj.features)))
            digests.extend(digests_of_one)
            counts.append(len(digests_of_one))
            arrived.append(obj)
        order = sorted(range(len(arrived)), key=lambda number: arrived[number].node)
        self.objects = [arrived[number] for number in order]
        self._nodes = np.array([obj.node for obj in self.objects], np.int64).reshape(-1, 2)
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        held = (np.array(digests, np.uint64) - np.uint64(1 << 63)).view(np.int64)
        owned = np.repeat(places, np.array(counts, np.int64))
        by_key = np.lexsort((owned, held))
        self._keys, self._owners = held[by_key], owned[by_key]
        first = _changes(self._keys)
        self._starts = np.flatnonzero(first)
        self._number = np.cumsum(first) - 1
        self._sizes = np.diff(np.r_[self._starts, len(self._keys)])

    def __len__(self) -> int:
        return len(self._keys)

    def forget(self) -> None:
        """Releases the objects and their keys."""
        self.objects = []
        self._keys = self._owners = self._number = self._sizes = self._starts = np.zeros(0, np.int64)

    def store(self, connection: Connection) -> tuple[int, int]:
        """Writes those that differ from the stored ones; returns how many it wrote, and how many it removed."""
        made = np.column_stack([self._keys, self._nodes[self._owners]])
        query = f"SELECT key, instance_id, id FROM matches.keys WHERE entity = '{self._entity}'"
        gone, new = differing(read_rows(connection, query, (8, 4, 8)), made)
        if len(gone):
            remove_keys(connection, self._entity, gone.T.tolist())
        write_keys(connection, self._entity, *new.T)
        return len(new), len(gone)

    def pairs(self) -> NDArray[np.int64]:
        """All pairs of objects with a key in common that not too many have, see :func:`pair_numbers`; also twice."""
        sizes = self._sizes[self._number]
        small = (sizes > 1) & (sizes <= LARGEST_BLOCK)
        keys, owners = self._keys[small], self._owners[small]
        pairs = [np.zeros(0, np.int64)]
        for shift in range(1, LARGEST_BLOCK):
            same = np.flatnonzero(keys[shift:] == keys[:-shift])
            if not len(same):
                break
            # owners of one key ascend
            pairs.append(pair_numbers(owners[same], owners[same + shift], len(self._nodes)))
        return np.concatenate(pairs)

    def frequent(self, limit: int) -> tuple[dict[int, int], NDArray[np.bool_]]:
        """(per key, in how many objects of one instance it is, at most; the objects that have such keys).

        Args:
            limit: keys that not more objects have are left out. Those that too many objects have get a large number.
        """
        instances = self._nodes[self._owners, 0]
        order = np.lexsort((instances, self._number))
        starts = np.flatnonzero(_changes(self._number[order]) | _changes(instances[order]))
        if not len(starts):
            return {}, np.zeros(len(self._nodes), np.bool_)
        each = np.diff(np.r_[starts, len(order)])
        most = np.maximum.reduceat(each, np.flatnonzero(_changes(self._number[order][starts])))
        most[self._sizes > LARGEST_BLOCK] = MANY
        several = most > limit
        owned = np.zeros(len(self._nodes), np.bool_)
        owned[self._owners[several[self._number]]] = True
        return dict(zip(self._keys[self._starts[several]].tolist(), most[several].tolist(), strict=True)), owned


def _changes(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each value differs from the one before it."""
    return np.r_[True, values[1:] != values[:-1]][: len(values)]


def pair_numbers(left: NDArray[np.int64], right: NDArray[np.int64], objects: int) -> NDArray[np.int64]:
    """Pairs of objects, the smaller first, as single numbers, because rows take long to sort.

    Args:
        objects: how many there are.
    """
    return left * objects + right


def all_phashes(scenes: Sequence[Object]) -> tuple[Rows, NDArray[np.int64]]:
    """(the perceptual hashes of all scenes, as they are stored; the number of the scene of each)."""
    numbers, owners = array("q"), array("q")
    for position, scene in enumerate(scenes):
        for row in phash_rows(scene):
            numbers.extend(row)
            owners.append(position)
    return np.array(numbers, np.int64).reshape(-1, 5), np.array(owners, np.int64)


class NearScenes:
    """Scenes whose files are near to each other.

    Args:
        phashes: see :func:`all_phashes`.
        scenes: how many there are.

    Attributes:
        crowded: files, see :class:`~stash_pipeline.warehouse.matches.nearness.Near`.
    """

    def __init__(self, phashes: tuple[Rows, NDArray[np.int64]], scenes: int) -> None:
        rows, self._owners = phashes
        self._scenes = scenes
        self._left, self._right, self._crowded = uncrowded_pairs(rows)
        self.crowded = set(files_of(rows[self._crowded]))

    def pairs(self) -> NDArray[np.int64]:
        """The pairs of scenes that have near files, none of them crowded, see :func:`pair_numbers`; also twice."""
        left, right = self._owners[self._left], self._owners[self._right]
        several = left != right
        left, right = left[several], right[several]
        return pair_numbers(np.minimum(left, right), np.maximum(left, right), self._scenes)

    def with_crowded(self) -> NDArray[np.bool_]:
        """The scenes that have crowded files."""
        scenes = np.zeros(self._scenes, np.bool_)
        scenes[self._owners[self._crowded]] = True
        return scenes


def store_phashes(connection: Connection, made: Rows) -> None:
    """Writes the perceptual hashes of all scenes that differ from the stored ones."""
    gone, new = differing(stored_phashes(connection), made)
    if len(gone):
        remove_phashes(connection, gone.T.tolist())
    write_phashes(connection, new)
