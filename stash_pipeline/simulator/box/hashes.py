"""Perceptual hashes like those of real videos.

Contains random hashes and others near them. Real ones have about half of their bits set, and even distances.
"""

import random

DEGENERATE = (0, 1 << 63)
"""Hashes of videos without a picture, which many unrelated scenes have."""

_BITS = 64


def random_phash(rng: random.Random) -> int:
    """A hash with 32 bits set, the highest one among them."""
    return (1 << 63) | sum(1 << bit for bit in rng.sample(range(63), 31))


def near_phash(rng: random.Random, phash: int, distance: int) -> int:
    """A hash at an even distance: as many bits are set as are cleared, where that is possible."""
    ones = [bit for bit in range(_BITS) if phash >> bit & 1]
    zeros = [bit for bit in range(_BITS) if not phash >> bit & 1]
    cleared = min(distance // 2, len(ones))
    chosen = rng.sample(ones, cleared) + rng.sample(zeros, min(distance - cleared, len(zeros)))
    for bit in chosen:
        phash ^= 1 << bit
    return phash


def distance_of(left: int, right: int) -> int:
    """In how many bits two hashes differ, with a sign or without."""
    return ((left ^ right) & ((1 << _BITS) - 1)).bit_count()


def is_degenerate(phash: int) -> bool:
    """Whether a hash says nothing, because it has far more or fewer bits set than that of a picture."""
    return abs((phash & ((1 << _BITS) - 1)).bit_count() - _BITS // 2) > 14
