"""What agrees and what contradicts between two studios, tags or groups: objects that are little more than a name.

Galleries and images agree by the hash of their file alone.
"""

from dataclasses import dataclass
from typing import Any

from stash_pipeline.matching.compare import Comparison
from stash_pipeline.matching.dates import PartialDate, compare_dates
from stash_pipeline.matching.names import parts_differ


@dataclass(frozen=True, slots=True)
class Named:
    """What is compared; names are normalised.

    Attributes:
        parent: the normalised name of the studio or tag above. scenes: their clusters.
    """

    name: str
    aliases: frozenset[str] = frozenset()
    stash_ids: frozenset[tuple[str, str]] = frozenset()
    urls: frozenset[str] = frozenset()
    parent: str = ""
    date: PartialDate | None = None
    director: str = ""
    studio: str = ""
    scenes: frozenset[str] = frozenset()


def compare_studios(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two studios."""
    comparison = _compare(left, right, ("stash_ids", "urls", "scenes"), ("parent",))
    if left.parent and right.parent and left.parent != right.parent:
        comparison.contradictions["parent_differs"] = [left.parent, right.parent]
    return _with_names(comparison, left, right)


def compare_tags(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two tags."""
    return _with_names(_compare(left, right, ("stash_ids",), ("parent",)), left, right)


def compare_groups(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two groups."""
    comparison = _compare(left, right, ("urls", "scenes"), ("director", "studio"))
    dates = compare_dates(left.date, right.date)
    if dates in ("day", "month", "year"):
        comparison.agreements["date"] = left.date
    elif dates == "contradicts":
        comparison.contradictions["date_differs"] = [left.date, right.date]
    if parts_differ(left.name, right.name):
        comparison.contradictions["part_differs"] = [left.name, right.name]
    return comparison


def _compare(left: Named, right: Named, sets: tuple[str, ...], values: tuple[str, ...]) -> Comparison:
    agrees: dict[str, Any] = {}
    for name, agreement in (("stash_ids", "stash_id"), ("urls", "url"), ("scenes", "scenes")):
        if name in sets and (common := sorted(getattr(left, name) & getattr(right, name))):
            agrees[agreement] = common
    for name in values:
        value = getattr(left, name)
        if value and value == getattr(right, name):
            agrees[name] = value
    if left.name and left.name == right.name:
        agrees["name"] = left.name
    elif common := sorted((left.aliases | {left.name}) & (right.aliases | {right.name}) - {""}):
        agrees["alias"] = common
    return Comparison(agrees, {})


def _with_names(comparison: Comparison, left: Named, right: Named) -> Comparison:
    if left.name and right.name and not {"name", "alias"} & comparison.agreements.keys():
        comparison.contradictions["names_differ"] = [left.name, right.name]
    return comparison
