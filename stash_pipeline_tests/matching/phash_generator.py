"""Hashes and durations like those of a real library, with known copies.

About 32 bits are set, as more than half of the coefficients cannot lie above their median. Studios have templates:
their hashes agree in many bits. Short clips clump around a few pictures. Some durations are far more common than
others. Copies are planted: re-encodes within 8 bits and one second, exact copies, trims that agree in neither.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.matching.phash_bands import Hashes
from stash_pipeline.matching.phash_pairs import Durations

COMMON_SECONDS = np.array([15, 30, 60, 600, 1200, 1800, 2700, 3600])


class Library(NamedTuple):
    """Generated files, and which pairs of them are copies of one video within 8 bits and one second."""

    phash: Hashes
    duration: Durations
    group: NDArray[np.int64]
    copies: NDArray[np.int64]


def _from_bits(bits: NDArray[np.bool_]) -> Hashes:
    packed = np.packbits(bits, axis=1)
    return packed.view(">u8").ravel().astype(np.uint64)


def balanced(random: np.random.Generator, count: int, bias: NDArray[np.floating] | None = None) -> Hashes:
    """Hashes with 32 bits set, each bit the likelier the greater its bias: the median of noisy coefficients."""
    found = np.empty(count, np.uint64)
    for begin in range(0, count, 1 << 16):
        end = min(count, begin + (1 << 16))
        coefficients = random.standard_normal((end - begin, 64), dtype=np.float32)
        if bias is not None:
            coefficients += bias[begin:end] if bias.ndim == 2 else bias
        found[begin:end] = _from_bits(coefficients > np.median(coefficients, axis=1, keepdims=True))
    return found


def flipped(random: np.random.Generator, hashes: Hashes, swaps: NDArray[np.integer]) -> Hashes:
    """Each hash with so many of its set bits moved elsewhere: the distance is twice as many, or less."""
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1).astype(np.bool_)
    rows = np.arange(len(hashes))
    for turn in range(int(swaps.max(initial=0))):
        some = rows[swaps > turn]
        noise = random.random((len(some), 64), dtype=np.float32)
        set_bit = np.where(bits[some], noise, -1).argmax(axis=1)
        clear_bit = np.where(bits[some], -1, noise).argmax(axis=1)
        bits[some, set_bit] = False
        bits[some, clear_bit] = True
    return _from_bits(bits)


def durations(random: np.random.Generator, count: int) -> Durations:
    """Milliseconds: spread around 25 minutes, one in seven near a common value."""
    spread = np.exp(random.normal(np.log(1500), 0.7, count))
    common = random.choice(COMMON_SECONDS, count) + random.normal(0, 0.4, count)
    seconds = np.where(random.random(count) < 0.15, common, spread)
    return np.maximum(1000, np.rint(seconds * 1000)).astype(np.int64)


def library(
    seed: int,
    size: int,
    *,
    templates: float = 0.2,
    clips: float = 0.03,
    copied: float = 0.15,
    unknown: float = 0.002,
    strength: float = 1.0,
    groups: int = 2,
) -> Library:
    """A library of ``size`` files.

    Args:
        templates: share of files that a studio's template makes alike, and by how much (``strength``: the template's
            weight against the picture's own).
        clips: share of short clips in clumps. copied: share of files that are copies of others.
        unknown: share of files without a duration.
    """
    random = np.random.default_rng(seed)
    made = int(size * copied)
    own = size - made
    # what all pictures have in common: brightness falls off towards the edges
    common = random.standard_normal(64) * 0.3
    phash = balanced(random, own, common)
    duration = durations(random, own)
    places = random.permutation(own)
    alike = places[: int(own * templates)]
    if len(alike):
        studios = random.standard_normal((max(1, own // 2000), 64)).astype(np.float32) * strength
        studio = random.integers(0, len(studios), len(alike))
        for begin in range(0, len(alike), 1 << 16):
            some = slice(begin, begin + (1 << 16))
            phash[alike[some]] = balanced(random, len(alike[some]), studios[studio[some]])
    short = places[len(alike) : len(alike) + int(own * clips)]
    if len(short):
        clumps = balanced(random, max(1, len(short) // 40))
        phash[short] = flipped(
            random, clumps[random.integers(0, len(clumps), len(short))], random.integers(0, 8, len(short))
        )
        duration[short] = random.integers(3_000, 60_000, len(short))
    tied = random.random(own) < 0.02  # coefficients at the median: fewer bits
    phash[tied] &= phash[tied] - np.uint64(1)
    source = random.choice(own, made, replace=False) if made <= own else random.integers(0, own, made)
    near = flipped(random, phash[source], np.minimum(random.geometric(0.5, made) - 1, 4))
    length = np.maximum(
        1, duration[source] + np.clip(np.rint(random.normal(0, 250, made)), -1000, 1000).astype(np.int64)
    )
    kind = random.random(made)
    exact, trimmed = kind < 0.4, kind > 0.93
    near[exact], length[exact] = phash[source[exact]], duration[source[exact]]
    near[trimmed] = balanced(random, int(trimmed.sum()))
    length[trimmed] += random.integers(10_000, 120_000, int(trimmed.sum()))
    copies = np.column_stack((source, np.arange(own, size)))[~trimmed]
    order = random.permutation(size)
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    all_durations = np.concatenate((duration, length))[order]
    lost = random.random(size) < unknown
    all_durations[lost] = -1
    copies = place[copies]
    copies.sort(axis=1)
    copies = copies[~lost[copies].any(axis=1)]
    return Library(np.concatenate((phash, near))[order], all_durations, random.integers(0, groups, size), copies)
