"""The boxes that can be simulated: releases of stash-box, and ThePornDB's own software.

Contains names, order and behaviour that depends on the release. The GraphQL types are built in ``schema``.
"""

import re
from dataclasses import dataclass

from stash_pipeline.simulator.releases import Version, parse_version

RELEASES = ("v0.6.17", "v0.7.9", "v0.8.4", "v0.9.4", "v0.10.2")
"""Releases of stash-box, oldest first."""

TPDB = "tpdb"
"""ThePornDB, which implements a part of the interface."""


@dataclass(frozen=True)
class BoxRelease:
    """The software of a box: its name ("v0.10.2" or "tpdb"), and everything that depends on it."""

    name: str
    version: Version

    @property
    def is_tpdb(self) -> bool:
        """Whether this is ThePornDB's software."""
        return self.name == TPDB

    def since(self, minor: int, patch: int = 0) -> bool:
        """Whether this release is v0.<minor>.<patch> or newer."""
        return self.version >= (0, minor, patch)

    @property
    def hashes_are_texts(self) -> bool:
        """Whether hashes are stored and compared as texts; since v0.8 they are numbers."""
        return not self.since(8)

    @property
    def pads_dates(self) -> bool:
        """Whether the deprecated `date` of a scene is a full day; since v0.7 it is the same text as `release_date`."""
        return not self.since(7) or self.is_tpdb

    @property
    def answers_wrong_keys_with_401(self) -> bool:
        """Whether the answer to a wrong key is 401 with an empty body; before v0.9 it is 500 with a text."""
        return self.since(9)

    @property
    def locates_errors(self) -> bool:
        """Whether errors of fields have locations."""
        return self.since(8)

    @property
    def not_authorized(self) -> str:
        """What it answers without a key."""
        return "not authorized" if self.since(7) else "Not authorized"

    @property
    def has_md5(self) -> bool:
        """Whether MD5 is an algorithm like the others; since v0.8 it is dropped from requests."""
        return not self.since(8)

    @property
    def loses_near_phashes(self) -> bool:
        """Whether a phash at a distance is found and then dropped, as from v0.7 to v0.8."""
        return self.since(7) and not self.since(9)

    @property
    def ranks_searches(self) -> bool:
        """Whether searches match any word and are ranked; before v0.8 they match all words, in no order."""
        return self.since(8)

    @property
    def too_many_scenes(self) -> str:
        """What it answers to a lookup of more than 40 groups."""
        return "too many scenes" if self.since(7) else "Too many scenes"

    @property
    def too_many_fingerprints(self) -> str:
        """What it answers to a flat lookup of more than 100 fingerprints."""
        return "too many fingerprints" if self.since(7) else "Too many fingerprints"


def known_releases() -> list[str]:
    """The releases that can be simulated, oldest first, and ThePornDB."""
    return [*RELEASES, TPDB]


def find_release(name: str) -> BoxRelease:
    """The release of this name; "v0.8" is the newest patch of v0.8. Unknown names raise ValueError."""
    version = name.strip().removeprefix("v")
    if version == TPDB:
        return BoxRelease(TPDB, parse_version(RELEASES[-1]))
    if re.fullmatch(r"\d+\.\d+(\.\d+)?", version):
        for release in RELEASES:
            if release == f"v{version}" or release.startswith(f"v{version}."):
                return BoxRelease(release, parse_version(release))
    raise ValueError(f"Unknown release {name!r}. Known releases: {', '.join(known_releases())}.")
