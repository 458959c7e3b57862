"""Fingerprints: how they are compared and sent, and how groups of them are packed into requests.

Hashes are integers. As text, the same hash exists with and without leading zeros, and a box reads a text of more
than 16 digits as 0 without an error.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Algorithm = Literal["OSHASH", "PHASH"]
_ORDER: Final[tuple[Algorithm, ...]] = ("OSHASH", "PHASH")
"""The order in a request: matches come in the order of the fingerprints, and equal files come first."""

GROUPS_PER_REQUEST: Final = 40
"""A box refuses more."""
PHASHES_PER_REQUEST: Final = 64
"""A box serves as many in one search of its index."""

_HEX: Final = re.compile(r"[0-9a-fA-F]{1,16}")


@dataclass(frozen=True)
class Fingerprint:
    """One hash of a file. There is no MD5: boxes ignore it, or no longer have it."""

    algorithm: Algorithm
    hash: int

    def __post_init__(self) -> None:
        if self.algorithm not in _ORDER:
            raise ValueError(f"A stash-box is not asked for {self.algorithm}.")
        if not 0 <= self.hash < 1 << 64:
            raise ValueError("A hash is an unsigned integer of 64 bits.")

    @classmethod
    def parse(cls, algorithm: str, text: str) -> "Fingerprint | None":
        """A fingerprint as Stash writes it; None if a box cannot be asked for it (MD5, or not 1 to 16 digits)."""
        name = algorithm.upper()
        if name not in _ORDER or not _HEX.fullmatch(text):
            return None
        return cls(name, int(text, 16))

    def as_input(self) -> dict[str, str]:
        """As a box takes it. Boxes before v0.8 compare text: an OSHASH has leading zeros there, a PHASH has none."""
        return {"hash": f"{self.hash:016x}" if self.algorithm == "OSHASH" else f"{self.hash:x}",
                "algorithm": self.algorithm}  # fmt: skip


@dataclass(frozen=True)
class GroupPart:
    """A group of fingerprints, or a part of it, in a request; ``final`` if no other part follows."""

    position: int
    fingerprints: list[Fingerprint]
    final: bool


def pack_groups(
    groups: Sequence[Sequence[Fingerprint]],
    *,
    most_groups: Callable[[], int] = lambda: GROUPS_PER_REQUEST,
    most_phashes: int = PHASHES_PER_REQUEST,
) -> Iterator[list[GroupPart]]:
    """Packs groups into requests, in order. Empty groups are left out, and a group with too many PHASHes is split.

    In each group, OSHASHes come before PHASHes, and each fingerprint once.

    Args:
        most_groups: is asked before each group, because a box may turn out to take fewer.
    """
    request: list[GroupPart] = []
    phashes = 0
    for position, group in enumerate(groups):
        ordered = sorted(dict.fromkeys(group), key=lambda fingerprint: _ORDER.index(fingerprint.algorithm))
        parts = list(_split(ordered, most_phashes))
        for number, part in enumerate(parts, start=1):
            needed = sum(fingerprint.algorithm == "PHASH" for fingerprint in part)
            if request and (len(request) >= most_groups() or phashes + needed > most_phashes):
                yield request
                request, phashes = [], 0
            request.append(GroupPart(position, part, final=number == len(parts)))
            phashes += needed
    if request:
        yield request


def _split(group: list[Fingerprint], most_phashes: int) -> Iterator[list[Fingerprint]]:
    phashes = [fingerprint for fingerprint in group if fingerprint.algorithm == "PHASH"]
    others = [fingerprint for fingerprint in group if fingerprint.algorithm != "PHASH"]
    for start in range(0, max(len(phashes), 1), most_phashes):
        part = (others if not start else []) + phashes[start : start + most_phashes]
        if part:
            yield part
