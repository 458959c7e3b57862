"""Perceptual hashes of videos: which of them prove nothing, and which objects resemble each other.

Stash hashes a montage of 25 frames and sets a bit for each of 64 coefficients above their median: half of the bits of a
healthy hash are set. :mod:`stash_pipeline.matching.phash_pairs` finds the pairs.
"""

from collections.abc import Callable, Sequence

UNKNOWN_DURATION = -1
"""Instead of milliseconds, where a file has no duration."""

FEWEST_BITS, MOST_BITS = 16, 48
"""A hash of a picture with any detail has about 32 bits set; black and plain frames leave that range."""

FEWEST_TRANSITIONS = 10
"""In the eight rows of a hash together. Of eight random rows one in a million has fewer (28 are usual); gradients and
plain frames do (``f8fcfcfcf8e00100`` has 6, stash#2149), though half of their bits may be set."""


def is_degenerate(phash: int) -> bool:
    """Whether an unsigned hash is that of a plain frame: far from half of its bits set, or hardly a change in rows."""
    # a bit and its right neighbour, within each row of eight
    transitions = ((phash ^ (phash >> 1)) & 0x7F7F7F7F7F7F7F7F).bit_count()
    return not FEWEST_BITS <= phash.bit_count() <= MOST_BITS or transitions < FEWEST_TRANSITIONS


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
