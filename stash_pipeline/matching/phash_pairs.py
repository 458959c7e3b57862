"""All pairs of hashes within a Hamming distance and a duration difference, exactly.

Two methods find the same pairs:

*Diagonals* sort by duration and compare each hash with its next, its second next, and so on to the end of the window.
Without a window that is brute force.

*Bands* (:mod:`stash_pipeline.matching.phash_bands`) look up equal and almost equal parts of hashes, and compare the
durations afterwards.

Both costs are estimated, the smaller one decides. Nothing is approximate, whatever the distance. Memory beyond the
input grows with the number of hashes and not with the number of pairs, as long as the caller takes them in chunks.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.matching.phash import UNKNOWN_DURATION
from stash_pipeline.matching.phash_bands import Hashes, Indices, NodePairs, band_cost, band_pairs, expand, plan_bands

Durations: TypeAlias = NDArray[np.int64]
Scope: TypeAlias = Literal["all", "across", "within"]
Method: TypeAlias = Literal["auto", "diagonals", "bands"]

CHUNK = 1 << 16
"""About so many pairs are handed out at once."""

_BLOCK = 1 << 15
"""Hashes of a diagonal that are compared at once; they and the results stay in the processor's cache."""

_LARGEST = 1 << 61
_DIAGONAL_COST = 1.3e-9
"""Seconds of the processor per comparison; only its ratio to the costs of bands matters."""


class Pairs(NamedTuple):
    """Pairs of positions in the input, ``left < right``, each pair once.

    The duration difference is in milliseconds, and ``UNKNOWN_DURATION`` where one of both is unknown.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    distance: NDArray[np.uint8]
    duration_difference: NDArray[np.int64]


def find_pairs(
    phash: Hashes,
    duration: Durations | None = None,
    group: NDArray[np.integer] | None = None,
    *,
    distance: int = 8,
    window: int | None = None,
    scope: Scope = "all",
    method: Method = "auto",
) -> Iterator[Pairs]:
    """Chunks of all pairs with at most ``distance`` different bits and at most ``window`` milliseconds of difference.

    A hash of many files makes half as many pairs as their square: leave out such hashes, and degenerate ones.

    Args:
        duration: milliseconds; ``UNKNOWN_DURATION`` is within no window, and in any pair where there is no window.
        group: the instance of each hash, for ``scope``: pairs across instances, within one, or all of them.
        window: None asks for all pairs, whatever their durations.
        method: for tests and benchmarks.

    Raises:
        ValueError: if the arrays or the limits do not fit.
    """
    size = len(phash)
    if phash.dtype != np.uint64:
        raise ValueError(f"Hashes are of type uint64, not {phash.dtype}.")
    if not 0 <= distance <= 64 or (window is not None and not 0 <= window <= _LARGEST) or size >= 1 << 31:
        raise ValueError("A distance is from 0 to 64, a window from 0 milliseconds; hashes are fewer than 2^31.")
    if (duration is not None and len(duration) != size) or (group is not None and len(group) != size):
        raise ValueError("Durations and groups are as many as hashes.")
    if duration is None and window is not None:
        raise ValueError("A window needs durations.")
    if group is None and scope != "all":
        raise ValueError(f"The scope {scope} needs groups.")
    if duration is not None and size and (duration.max() > _LARGEST or duration.min() < UNKNOWN_DURATION):
        raise ValueError("A duration is from 0 milliseconds, or UNKNOWN_DURATION.")
    return _gather(_search(phash, duration, distance, window, method), duration, group, window, scope)


def _search(
    phash: Hashes, duration: Durations | None, distance: int, window: int | None, method: Method
) -> Iterator[NodePairs]:
    """Pairs of positions within the distance; those beyond the window may be among them."""
    rows: Indices | None = None
    if duration is not None and window is not None:
        rows = np.argsort(duration, kind="stable").astype(np.int32)
        rows = rows[np.searchsorted(duration, 0, sorter=rows) :]
        durations = duration[rows]
        reach = _reach(durations, window)
        comparisons = float(reach.sum(dtype=np.int64))
        hashes = phash[rows]
        if method == "diagonals" or (method == "auto" and comparisons * _DIAGONAL_COST < band_cost(len(rows))):
            for left, right, bits in _diagonals(hashes, reach, distance):
                yield rows[left], rows[right], bits
            return
        del durations
    else:
        hashes = phash
        comparisons = len(phash) * (len(phash) - 1) / 2
    # identical hashes are one node, which may have many files
    unique, unique_counts = np.unique(hashes, return_counts=True)
    members = np.argsort(hashes, kind="stable").astype(np.int32)
    if rows is not None:
        members = rows[members]
    del hashes, rows
    counts: Indices = unique_counts.astype(np.int32)
    starts: Indices = (np.cumsum(counts) - counts).astype(np.int32)
    for left, right in _identical(starts, counts):
        yield members[left], members[right], np.zeros(len(left), np.uint8)
    plan = plan_bands(unique, distance)
    brute = len(unique) * (len(unique) - 1) / 2 * _DIAGONAL_COST
    if method == "diagonals" or (method == "auto" and brute <= plan.cost):
        nodes = _diagonals(unique, np.arange(len(unique) - 1, -1, -1, dtype=np.int32), distance)
    else:
        nodes = band_pairs(unique, plan, distance)
    for left, right, bits in nodes:
        if len(members) == len(unique):
            yield members[left], members[right], bits
            continue
        # all files of the one hash with all files of the other
        for index, position in expand(starts[left], counts[left]):
            second = right[index]
            for inner, other in expand(starts[second], counts[second]):
                yield members[position[inner]], members[other], bits[index[inner]]


def _reach(durations: Durations, window: int) -> Indices:
    """Per file of a sorted list, how many of the next ones are within the window."""
    positions = np.arange(len(durations), dtype=np.int32)
    last = np.searchsorted(durations, durations + window, side="right").astype(np.int32)
    return last - positions - np.int32(1)


def _identical(starts: Indices, counts: Indices) -> Iterator[tuple[Indices, Indices]]:
    """The pairs of files, as positions in the list of members, that have the same hash."""
    crowds = np.flatnonzero(counts > 1)
    ends = (starts + counts)[crowds]
    for index, position in expand(starts[crowds], counts[crowds]):
        second = position + np.int32(1)
        for inside, other in expand(second, ends[index] - second):
            yield position[inside], other


def _diagonals(hashes: Hashes, reach: Indices, distance: int) -> Iterator[NodePairs]:
    """Pairs within the distance of each hash and the ``reach`` next ones. A few beyond the reach are among them."""
    xor, bits, close = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint8), np.empty(_BLOCK, np.bool_)
    for begin in range(0, len(hashes), _BLOCK):
        block = reach[begin : begin + _BLOCK]
        most = int(block.max())
        if not most:
            continue
        shifts = np.arange(1, most + 1, dtype=np.int32)
        # between the first and the last hash of the block that reaches so far
        first = begin + np.searchsorted(np.maximum.accumulate(block), shifts)
        behind = begin + len(block) - np.searchsorted(np.maximum.accumulate(block[::-1]), shifts)
        for shift, start, end in zip(range(1, most + 1), first.tolist(), behind.tolist(), strict=True):
            end = min(end, len(hashes) - shift)
            count = end - start
            np.bitwise_xor(hashes[start:end], hashes[start + shift : end + shift], out=xor[:count])
            np.bitwise_count(xor[:count], out=bits[:count])
            np.less_equal(bits[:count], distance, out=close[:count])
            if close[:count].any():
                hits = np.flatnonzero(close[:count])
                left = (hits + start).astype(np.int32)
                yield left, left + np.int32(shift), bits[hits]


def _gather(
    pairs: Iterator[NodePairs],
    duration: Durations | None,
    group: NDArray[np.integer] | None,
    window: int | None,
    scope: Scope,
) -> Iterator[Pairs]:
    """Applies the window and the scope, and joins small chunks."""
    waiting: list[Pairs] = []
    count = 0
    for a, b, bits in pairs:
        left, right = np.minimum(a, b), np.maximum(a, b)
        if group is not None and scope != "all":
            keep = (group[left] == group[right]) == (scope == "within")
            left, right, bits = left[keep], right[keep], bits[keep]
        difference = np.full(len(left), UNKNOWN_DURATION, np.int64)
        if duration is not None:
            first, second = duration[left], duration[right]
            known = (first >= 0) & (second >= 0)
            difference = np.where(known, np.abs(first - second), difference)
            if window is not None:
                keep = known & (difference <= window)
                left, right, bits, difference = left[keep], right[keep], bits[keep], difference[keep]
        if not len(left):
            continue
        waiting.append(Pairs(left.astype(np.int64), right.astype(np.int64), bits, difference))
        count += len(left)
        if count >= CHUNK:
            yield _joined(waiting)
            waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(chunks: list[Pairs]) -> Pairs:
    left, right, bits, difference = (np.concatenate(column) for column in zip(*chunks, strict=True))
    return Pairs(left, right, bits, difference)
