"""Options that several commands share, and the refusal of contradictory options."""

import math
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Final, TypeVar

import typer

from stash_pipeline.errors import UserError

_T = TypeVar("_T")

LARGEST_ID: Final = 2**63 - 1
"""The largest id of a server's objects and of runs: the range of BIGINT."""

SMALLEST_INTEGER: Final = -(2**31)
LARGEST_INTEGER: Final = 2**31 - 1
"""The range of INTEGER."""


class MatchedEntity(str, Enum):
    """The entities that are matched."""

    scenes = "scenes"
    performers = "performers"
    studios = "studios"
    tags = "tags"
    groups = "groups"
    galleries = "galleries"
    images = "images"


Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the UI on 127.0.0.1.")]


def finite(value: float | None) -> float | None:
    """Refuses NaN and infinity, which pass every comparison with bounds."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number.")
    return value


def refuse_together(options: Mapping[str, bool], reason: str | None = None) -> None:
    """Refuses options that exclude each other, or one of which would be ignored.

    Args:
        options: by name, whether each is given.
        reason: why they exclude each other, if it is not obvious.

    Raises:
        UserError: if more than one is given.
    """
    if sum(options.values()) > 1:
        names = " and ".join(name for name, given in options.items() if given)
        because = f": {reason}" if reason else ""
        raise UserError(f"{names} exclude each other{because}; give only one of them.")


def require(option: str, needed: str, given: bool, present: bool) -> None:
    """Refuses an option that has no effect without another.

    Raises:
        UserError: if it is ``given`` and the other is not ``present``.
    """
    if given and not present:
        raise UserError(f"{option} has no effect without {needed}; give both, or neither.")


def each_once(names: list[_T]) -> list[_T]:
    """The given names in order, without duplicates."""
    return list(dict.fromkeys(names))
