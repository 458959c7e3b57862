"""What tests ask of many perceptual hashes at once."""

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.matching.phash import FEWEST_BITS, FEWEST_TRANSITIONS, MOST_BITS
from stash_pipeline.matching.phash_bands import Hashes
from stash_pipeline.matching.phash_pairs import Durations, Method, Pairs, Scope, find_pairs

Mask = NDArray[np.bool_]


def degenerate(phash: Hashes) -> Mask:
    """Which hashes are those of plain frames."""
    bits = np.bitwise_count(phash)
    transitions = np.bitwise_count((phash ^ (phash >> np.uint64(1))) & np.uint64(0x7F7F7F7F7F7F7F7F))
    return (bits < FEWEST_BITS) | (bits > MOST_BITS) | (transitions < FEWEST_TRANSITIONS)


def crowded(left: NDArray[np.integer], right: NDArray[np.integer], size: int, most: int) -> Mask:
    """Which of ``size`` files are in more than ``most`` pairs."""
    return np.bincount(left, minlength=size) + np.bincount(right, minlength=size) > most


def all_pairs(
    phash: Hashes,
    duration: Durations | None = None,
    group: NDArray[np.integer] | None = None,
    *,
    distance: int = 8,
    window: int | None = None,
    scope: Scope = "all",
    method: Method = "auto",
) -> Pairs:
    """The pairs of :func:`find_pairs` at once, sorted."""
    chunks = list(
        find_pairs(phash, duration, group, distance=distance, window=window, scope=scope, method=method)
    )  # fmt: skip
    if not chunks:
        none = np.empty(0, np.int64)
        return Pairs(none, none, np.empty(0, np.uint8), none)
    left, right = (np.concatenate([chunk[column] for chunk in chunks]) for column in (0, 1))
    order = np.lexsort((right, left))
    return Pairs(
        left[order],
        right[order],
        np.concatenate([chunk.distance for chunk in chunks])[order],
        np.concatenate([chunk.duration_difference for chunk in chunks])[order],
    )
