"""Pairs of different hashes within a Hamming distance, by looking up parts of them.

The 64 bits are dealt to three bands of 21, 21 and 22. If two hashes differ in at most ``d`` bits, at least one band has
at most its share of them: the shares (2, 2 and 2 for ``d = 8``) plus one each add up to ``d + 1``, so a pair that
exceeds all of them differs in more than ``d`` bits. Every hash is looked up in the band's table with up to its share of
bits flipped. A pair is reported by the first band that finds it, so none has to be remembered.

Bands degrade where hashes are correlated: bits that hardly vary make buckets crowded. Three things keep the cost near
that of the pairs themselves. Which bits make a band is chosen by a sample, among several deals. Crowded buckets are
compared in blocks, at the speed of brute force. And where even the best deal promises more work than brute force, the
caller takes that.
"""

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]
Indices: TypeAlias = NDArray[np.int32]
NodePairs: TypeAlias = tuple[Indices, Indices, NDArray[np.uint8]]

WIDTHS = (21, 21, 22)

_EXPANDED = 1 << 18
"""Candidates that are compared at once."""

_CROWDED = 1 << 12
"""Buckets with so many pairs are compared in blocks."""

_SAMPLE = 1000
_DEALS = 12
_LOOKUP_COST, _CANDIDATE_COST = 9e-9, 30e-9
_OVERHEAD = 30e-6
"""Seconds of the processor per lookup, per candidate, and per set of flipped bits."""


class BandPlan(NamedTuple):
    """How hashes are cut into bands, and what the search costs by estimate.

    ``deal`` says which bit of the hash becomes bit 0, bit 1 and so on. ``shares`` says how many bits may differ in each
    band; it is −1 for a band that need not be looked at.
    """

    deal: tuple[int, ...]
    shares: tuple[int, ...]
    cost: float


def band_shares(distance: int) -> tuple[int, ...]:
    """How many bits may differ in each band."""
    shares = [-1] * len(WIDTHS)
    for number in range(distance + 1):
        shares[number % len(WIDTHS)] += 1
    # the widest band finds the fewest false candidates: it takes the odd one
    return tuple(reversed(shares))


def band_cost(size: int, distance: int = 8, rate: float | None = None) -> float:
    """Seconds of the processor, about, for so many hashes.

    Args:
        rate: candidates per pair; that of random hashes where it is not known.
    """
    masks = [sum(comb(width, flips) for flips in range(share + 1)) for width, share in _used(distance)]
    if rate is None:
        rate = sum(count / 2**width for count, (width, _) in zip(masks, _used(distance), strict=True))
    return sum(masks) * (_OVERHEAD + size / 2 * _LOOKUP_COST) + rate * size * size / 2 * _CANDIDATE_COST


def _used(distance: int) -> list[tuple[int, int]]:
    return [(width, share) for width, share in zip(WIDTHS, band_shares(distance), strict=True) if share >= 0]


def plan_bands(unique: Hashes, distance: int) -> BandPlan:
    """Deals the bits to bands so that few pairs of a sample share one. Any deal is exact; it decides only the cost."""
    shares = band_shares(distance)
    identity = tuple(range(64))
    if len(unique) < 4 * _SAMPLE:
        return BandPlan(identity, shares, band_cost(len(unique), distance))
    random = np.random.default_rng(64)
    sample = random.choice(unique, 2 * _SAMPLE, replace=False)
    xor = (sample[:_SAMPLE, None] ^ sample[None, _SAMPLE:]).ravel()
    best: tuple[float, tuple[int, ...]] | None = None
    deals = [identity, tuple(bit for band in range(3) for bit in range(63 - band, -1, -3))]
    deals += [tuple(random.permutation(64).tolist()) for _ in range(_DEALS - len(deals))]
    for deal in deals:
        rate = 0.0
        for mask, share in zip(_masks(deal), shares, strict=True):
            if share >= 0:
                rate += float(np.count_nonzero(np.bitwise_count(xor & mask) <= share)) / len(xor)
        if best is None or rate < best[0]:
            best = rate, deal
    assert best
    return BandPlan(best[1], shares, band_cost(len(unique), distance, best[0]))


def _masks(deal: tuple[int, ...]) -> list[np.uint64]:
    """The bits of each band, in the hash as it is."""
    masks, begin = [], 0
    for width in WIDTHS:
        masks.append(np.uint64(sum(1 << bit for bit in deal[begin : begin + width])))
        begin += width
    return masks


def _keys(unique: Hashes, bits: tuple[int, ...]) -> NDArray[np.uint32]:
    """The bits of one band of each hash, moved together."""
    keys = np.zeros(len(unique), np.uint32)
    for place, bit in enumerate(bits):
        keys |= ((unique >> np.uint64(bit)) & np.uint64(1)).astype(np.uint32) << np.uint32(place)
    return keys


class _Band(NamedTuple):
    """A table of one band: hashes sorted by their bits of the band, and where each combination begins."""

    hashes: Hashes
    nodes: Indices
    keys: NDArray[np.uint32]
    starts: Indices
    counts: Indices
    slots: Indices
    """Per combination of bits, its position among the keys plus one; 0 where no hash has it."""


def _table(unique: Hashes, bits: tuple[int, ...]) -> _Band:
    keys = _keys(unique, bits)
    order = np.argsort(keys, kind="stable").astype(np.int32)
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))).astype(np.int32)
    counts = np.diff(np.append(starts, np.int32(len(keys)))).astype(np.int32)
    keys = keys[starts]
    slots = np.zeros(1 << len(bits), np.int32)
    slots[keys] = np.arange(1, len(keys) + 1, dtype=np.int32)
    return _Band(unique[order], order, keys, starts, counts, slots)


def band_pairs(unique: Hashes, plan: BandPlan, distance: int) -> Iterator[NodePairs]:
    """Pairs of positions of different hashes with at most ``distance`` different bits, each once."""
    if len(unique) < 2:
        return
    masks = _masks(plan.deal)
    begin = 0
    for number, (width, share) in enumerate(zip(WIDTHS, plan.shares, strict=True)):
        if share >= 0:
            band = _table(unique, plan.deal[begin : begin + width])
            earlier = [
                (masks[previous], plan.shares[previous]) for previous in range(number) if plan.shares[previous] >= 0
            ]
            for left, right, xor in _compared(band, share, distance):
                yield from _checked(band, left, right, xor, distance, earlier)
        begin += width


def _checked(
    band: _Band, left: Indices, right: Indices, xor: Hashes, distance: int, earlier: list[tuple[np.uint64, int]]
) -> Iterator[NodePairs]:
    """Those within the distance that no earlier band has found."""
    bits = np.bitwise_count(xor)
    hits = np.flatnonzero(bits <= distance)
    for mask, share in earlier:
        hits = hits[np.bitwise_count(xor[hits] & mask) > share]
    if len(hits):
        yield band.nodes[left[hits]], band.nodes[right[hits]], bits[hits]


def _buckets(band: _Band, share: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of different buckets whose bits differ in at most ``share`` places, each once."""
    for top in range(int(band.slots.size).bit_length() - 1):
        flipped = np.uint32(1 << top)
        rows = np.flatnonzero(band.keys & flipped == 0).astype(np.int32)
        if not len(rows) or not share:
            continue
        keys = band.keys[rows] | flipped
        for flips in range(share):
            for places in combinations(range(top), flips):
                partner = band.slots[keys ^ np.uint32(sum(1 << place for place in places))]
                hits = np.flatnonzero(partner)
                if len(hits):
                    yield rows[hits], partner[hits] - np.int32(1)


def _compared(band: _Band, share: int, distance: int) -> Iterator[tuple[Indices, Indices, Hashes]]:
    """Candidates as positions in the table, with their different bits; of crowded buckets only close pairs."""

    def compare(left: Indices, right: Indices) -> tuple[Indices, Indices, Hashes]:
        return left, right, band.hashes[left] ^ band.hashes[right]

    squares = band.counts.astype(np.int64) ** 2
    inner = np.flatnonzero((squares > 1) & (squares < _CROWDED)).astype(np.int32)
    for index, position in expand(band.starts[inner], band.counts[inner]):
        bucket = inner[index]
        next_ = position + np.int32(1)
        for inside, other in expand(next_, band.starts[bucket] + band.counts[bucket] - next_):
            yield compare(position[inside], other)
    for crowd in np.flatnonzero(squares >= _CROWDED).tolist():
        yield from _blocks(band, crowd, crowd, distance)
    for left, right in _buckets(band, share):
        product = band.counts[left].astype(np.int64) * band.counts[right]
        single = product == 1
        yield compare(band.starts[left[single]], band.starts[right[single]])
        several = np.flatnonzero((product > 1) & (product < _CROWDED))
        if len(several):
            second = right[several]
            for index, position in expand(band.starts[left[several]], band.counts[left[several]]):
                bucket = second[index]
                for inside, other in expand(band.starts[bucket], band.counts[bucket]):
                    yield compare(position[inside], other)
        for number in np.flatnonzero(product >= _CROWDED).tolist():
            yield from _blocks(band, int(left[number]), int(right[number]), distance)


def _blocks(band: _Band, left: int, right: int, distance: int) -> Iterator[tuple[Indices, Indices, Hashes]]:
    """Compares two buckets, or one with itself, in blocks."""
    first, last = int(band.starts[left]), int(band.starts[left] + band.counts[left])
    begin, end = int(band.starts[right]), int(band.starts[right] + band.counts[right])
    rows = max(1, (1 << 15) // (end - begin))
    for start in range(first, last, rows):
        low = start + 1 if left == right else begin
        columns = max(1, 1 << 15)
        for column in range(low, end, columns):
            stop, edge = min(start + rows, last), min(column + columns, end)
            xor = band.hashes[start:stop, None] ^ band.hashes[None, column:edge]
            row, inside = np.nonzero(np.bitwise_count(xor) <= distance)
            if left == right:
                keep = column + inside > start + row
                row, inside = row[keep], inside[keep]
            if len(row):
                yield (start + row).astype(np.int32), (column + inside).astype(np.int32), xor[row, inside]


def expand(starts: Indices, counts: Indices) -> Iterator[tuple[Indices, Indices]]:
    """All positions of many ranges, in chunks: which range, and the position.

    A chunk has about ``_EXPANDED`` positions, and more only where a single range has.
    """
    ends = np.cumsum(counts, dtype=np.int64)
    begin = 0
    while begin < len(counts):
        before = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + _EXPANDED, side="right")))
        some = counts[begin:end]
        index = np.repeat(np.arange(begin, end, dtype=np.int32), some)
        first = (starts[begin:end] - (ends[begin:end] - some - before)).astype(np.int32)
        position = np.repeat(first, some)
        position += np.arange(len(index), dtype=np.int32)
        if len(index):
            yield index, position
        begin = end
