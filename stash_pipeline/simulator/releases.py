"""The releases that can be simulated, and their differences.

Contains names and order of releases, and the schema history as data. The GraphQL types are built in ``schema``.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from stash_pipeline.simulator.newest import with_newest

Version = tuple[int, int, int]

_DATABASE_SCHEMAS: list[tuple[Version, int]] = [
    ((0, 20, 0), 45),
    ((0, 21, 0), 46),
    ((0, 22, 0), 48),
    ((0, 23, 0), 52),
    ((0, 24, 0), 54),
    ((0, 25, 0), 55),
    ((0, 26, 0), 58),
    ((0, 27, 0), 67),
    ((0, 27, 1), 68),
    ((0, 28, 0), 72),
    ((0, 30, 0), 75),
]


@dataclass(frozen=True)
class Release:
    """One release: its name ("v0.27.2"), and everything that depends on it."""

    name: str
    version: Version

    def since(self, minor: int, patch: int = 0) -> bool:
        """Whether this release is v0.<minor>.<patch> or newer."""
        return self.version >= (0, minor, patch)

    @property
    def database_schema(self) -> int:
        """The schema version of the database that this release reports."""
        return max(schema for version, schema in _DATABASE_SCHEMAS if version <= self.version)


@cache
def schema_history() -> dict[str, Any]:
    """GraphQL types and fields by release, from the package data."""
    text = (resources.files("stash_pipeline.simulator.data") / "schema_history.json").read_text("utf-8")
    history: dict[str, Any] = json.loads(text)
    return with_newest(history)


def parse_version(name: str) -> Version:
    """ "v0.27.2" -> (0, 27, 2); "HEAD" is newer than every release."""
    if name == "HEAD":
        return (999, 0, 0)
    major, minor, patch = name.lstrip("v").split(".")
    return (int(major), int(minor), int(patch))


def known_releases() -> list[str]:
    """The releases that can be simulated, oldest first."""
    return list(schema_history()["releases"])


def find_release(name: str) -> Release:
    """The release of this name; "v0.27" is the newest patch of v0.27. Unknown names raise ValueError."""
    version = name.strip().removeprefix("v")
    names = known_releases()
    if re.fullmatch(r"\d+\.\d+\.\d+", version):
        matches = [release for release in names if release == f"v{version}"]
    elif re.fullmatch(r"\d+\.\d+", version):
        matches = [release for release in names if release.startswith(f"v{version}.")]
    else:
        matches = []
    if not matches:
        raise ValueError(f"Unknown release {name!r}. Known releases: {', '.join(names)}.")
    return Release(matches[-1], parse_version(matches[-1]))
