"""Perceptual hashes of videos: how they are written, how far apart two are, and which of them prove nothing.

Stash hashes a montage of 25 frames and sets a bit for each of 64 coefficients above their median: half of the bits of a
healthy hash are set. :mod:`stash_pipeline.matching.phash_pairs` finds the pairs.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]
Durations: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

UNKNOWN_DURATION = -1
"""Instead of milliseconds, where a file has no duration."""

SHORT_CLIP = 150_000
"""Milliseconds. Below it the 25 frames lie so close together that hashes of different clips clump (stash#3722)."""

FEWEST_BITS, MOST_BITS = 16, 48
"""A hash of a picture with any detail has about 32 bits set; black and plain frames leave that range."""

FEWEST_TRANSITIONS = 10
"""In the eight rows of a hash together. Of eight random rows one in a million has fewer (28 are usual); gradients and
plain frames do (``f8fcfcfcf8e00100`` has 6, stash#2149), though half of their bits may be set."""

_HEX = re.compile(r"[0-9a-fA-F]{1,16}")
_BITS = 1 << 64


def parse_phash(value: int | str) -> int:
    """The unsigned value of a hash, from a signed or unsigned integer of 64 bits or 1 to 16 hexadecimal digits.

    Stash's database has a signed integer, its API hexadecimal digits without leading zeros. Text is always
    hexadecimal, also where all of its digits are decimal.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(value, str):
        if _HEX.fullmatch(value):
            return int(value, 16)
    elif isinstance(value, int | np.integer) and not isinstance(value, bool) and -(_BITS // 2) <= value < _BITS:
        return int(value) % _BITS
    raise ValueError(f"{value!r} is no phash: give an integer of 64 bits, or 1 to 16 hexadecimal digits.")


def parse_phashes(values: Iterable[int | str]) -> Hashes:
    """Many hashes, see :func:`parse_phash`."""
    return np.fromiter((parse_phash(value) for value in values), dtype=np.uint64)


def format_phash(value: int) -> str:
    """Sixteen hexadecimal digits."""
    return f"{parse_phash(value):016x}"


def parse_durations(seconds: Sequence[float | None]) -> Durations:
    """Seconds as whole milliseconds; ``None``, NaN and what is not above zero are unknown durations.

    Two floats and their difference disagree about the edge of a window, integers do not.
    """
    values = np.array([np.nan if value is None else value for value in seconds], dtype=np.float64)
    known = np.isfinite(values) & (values > 0)
    return np.where(known, np.rint(np.where(known, values, 0) * 1000), UNKNOWN_DURATION).astype(np.int64)


def hamming(left: int, right: int) -> int:
    """The number of bits in which two unsigned hashes differ."""
    return (left ^ right).bit_count()


def degenerate(phash: Hashes) -> Mask:
    """Which hashes are those of plain frames: far from half of the bits set, or hardly a change along the rows."""
    bits = np.bitwise_count(phash)
    inner = np.uint64(0x7F7F7F7F7F7F7F7F)  # a bit and its right neighbour, within each row of eight
    transitions = np.bitwise_count((phash ^ (phash >> np.uint64(1))) & inner)
    return (bits < FEWEST_BITS) | (bits > MOST_BITS) | (transitions < FEWEST_TRANSITIONS)


def is_degenerate(phash: int) -> bool:
    """The same of a single unsigned hash."""
    transitions = ((phash ^ (phash >> 1)) & 0x7F7F7F7F7F7F7F7F).bit_count()
    return not FEWEST_BITS <= phash.bit_count() <= MOST_BITS or transitions < FEWEST_TRANSITIONS


def short_clips(duration: Durations, minimum: int = SHORT_CLIP) -> Mask:
    """Which files are too short for their hash to prove anything. An unknown duration counts as too short."""
    return duration < minimum


def copies(phash: Hashes) -> NDArray[np.int64]:
    """How many of the hashes equal each one, itself included."""
    _, inverse, counts = np.unique(phash, return_inverse=True, return_counts=True)
    return counts[inverse].astype(np.int64)


def neighbours(left: NDArray[np.integer], right: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """How many pairs each of ``size`` files is in."""
    return (np.bincount(left, minlength=size) + np.bincount(right, minlength=size)).astype(np.int64)


def crowded(left: NDArray[np.integer], right: NDArray[np.integer], size: int, most: int) -> Mask:
    """Which files have more than ``most`` neighbours: templates and clumps rather than copies."""
    return neighbours(left, right, size) > most


def resemblance(
    hashes: Sequence[Sequence[tuple[int, int]]], distance: int, window: int | None
) -> Callable[[int, int], bool]:
    """Whether two nodes are within the limits: any hash of the one and any of the other.

    Args:
        hashes: per node, the phash and the duration in milliseconds of each of its files. A node without any cannot
            be compared, and stands in nobody's way. An unknown duration (negative) is within no window.
    """

    def within(left: int, right: int) -> bool:
        first, second = hashes[left], hashes[right]
        if not first or not second:
            return True
        for phash, duration in first:
            for other, length in second:
                if (phash ^ other).bit_count() <= distance and (
                    window is None or (duration >= 0 <= length and abs(duration - length) <= window)
                ):
                    return True
        return False

    return within
