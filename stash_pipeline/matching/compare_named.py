"""What agrees and what contradicts between two studios, tags or groups: objects that are little more than a name.

Galleries and images are compared by the hashes and paths of their files.
"""

from dataclasses import dataclass
from typing import Any

from stash_pipeline.matching.compare import Comparison, some
from stash_pipeline.matching.dates import PartialDate, compare_dates
from stash_pipeline.matching.names import parts_differ
from stash_pipeline.matching.paths import depth
from stash_pipeline.matching.rule_table import PARAMETERS


@dataclass(frozen=True, slots=True)
class Named:
    """What is compared; names are normalised.

    Attributes:
        parents: the normalised names of the studio or tags above.
        hashes: MD5 of files. paths: keys of paths below a root of the library.
    """

    name: str = ""
    aliases: frozenset[str] = frozenset()
    stash_ids: frozenset[tuple[str, str]] = frozenset()
    urls: frozenset[str] = frozenset()
    parents: frozenset[str] = frozenset()
    date: PartialDate | None = None
    director: str = ""
    studio: str = ""
    hashes: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()


def compare_studios(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two studios."""
    comparison = _compare(left, right, ("stash_ids", "urls", "parents"), ())
    if left.parents and right.parents and left.parents.isdisjoint(right.parents):
        comparison.contradictions["parent_differs"] = [sorted(left.parents), sorted(right.parents)]
    return _with_names(comparison, left, right)


def compare_tags(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two tags."""
    return _with_names(_compare(left, right, ("stash_ids", "parents"), ()), left, right)


def compare_groups(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two groups."""
    comparison = _compare(left, right, ("urls",), ("director", "studio"))
    dates = compare_dates(left.date, right.date)
    if dates in ("day", "month", "year"):
        comparison.agreements["date"] = left.date
    elif dates == "contradicts":
        comparison.contradictions["date_differs"] = [left.date, right.date]
    if parts_differ(left.name, right.name):
        comparison.contradictions["part_differs"] = [left.name, right.name]
    return comparison


def compare_galleries(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two galleries, whose name is their title."""
    comparison = _compare_files(left, right)
    comparison.agreements.update(_common(left, right, ("urls",)))
    if left.name and left.name == right.name:
        comparison.agreements["title"] = left.name
    dates = compare_dates(left.date, right.date)
    if dates == "day":
        comparison.agreements["date"] = left.date
    elif dates == "contradicts":
        comparison.contradictions["date_differs"] = [left.date, right.date]
    return comparison


def compare_images(left: Named, right: Named) -> Comparison:
    """Agreements of two images."""
    return _compare_files(left, right)


def _compare_files(left: Named, right: Named) -> Comparison:
    agrees: dict[str, Any] = {}
    if hashes := sorted(left.hashes & right.hashes):
        agrees["md5"] = hashes
    if paths := sorted(path for path in left.paths & right.paths if depth(path) >= PARAMETERS["path"]["folders"]):
        agrees["path"] = paths
    return Comparison(agrees, {})


_SETS = {"stash_ids": "stash_id", "urls": "url", "parents": "parent"}
"""Attributes that are sets, and the agreement where they have something in common."""


def _common(left: Named, right: Named, sets: tuple[str, ...]) -> dict[str, Any]:
    common = {_SETS[name]: sorted(getattr(left, name) & getattr(right, name)) for name in sets}
    return {name: values for name, values in common.items() if values}


def _compare(left: Named, right: Named, sets: tuple[str, ...], values: tuple[str, ...]) -> Comparison:
    agrees = _common(left, right, sets)
    for name in values:
        value = getattr(left, name)
        if value and value == getattr(right, name):
            agrees[name] = value
    if left.name and left.name == right.name:
        agrees["name"] = left.name
    elif common := (left.aliases | {left.name}) & (right.aliases | {right.name}) - {""}:
        agrees["alias"] = some(common)
    return Comparison(agrees, {})


def _with_names(comparison: Comparison, left: Named, right: Named) -> Comparison:
    if left.name and right.name and not {"name", "alias"} & comparison.agreements.keys():
        comparison.contradictions["names_differ"] = [left.name, right.name]
    return comparison
