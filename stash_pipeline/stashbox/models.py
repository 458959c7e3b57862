"""What the client returns, besides documents."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from stash_pipeline.stash.client import release_numbers

Document: TypeAlias = dict[str, Any]
"""An object as the box sent it."""


@dataclass(frozen=True)
class BoxUser:
    """The user of the key; ``roles`` is None where the box does not say."""

    name: str
    roles: tuple[str, ...] | None


@dataclass(frozen=True)
class MergeTarget:
    """What an object was merged into. It may have been deleted or merged since."""

    id: str
    deleted: bool
    merged_at: str | None


@dataclass(frozen=True)
class ScenesPage:
    """A page of scenes; ``count`` is the number of all, and is only asked with the first page."""

    scenes: list[Document]
    count: int | None
    more: bool


def exact_phashes_only(version: str | None) -> bool:
    """Whether a release finds equal PHASHes only, whatever distance its owner has set: a fault of v0.7 and v0.8."""
    numbers = release_numbers(version or "")
    return (0, 7) <= numbers[:2] < (0, 9)
