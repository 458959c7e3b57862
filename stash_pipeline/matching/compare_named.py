"""Comparison of objects that are known by names: studios, tags, groups, galleries and images."""

from dataclasses import dataclass
from typing import Any

from stash_pipeline.matching.compare import Comparison
from stash_pipeline.matching.dates import PartialDate, compare_dates
from stash_pipeline.matching.names import part_number
from stash_pipeline.matching.paths import depth
from stash_pipeline.matching.rule_table import AGREEMENTS, PARAMETERS


@dataclass(frozen=True, slots=True)
class Named:
    """What is compared of a studio, tag, group, gallery or image. Texts are in their canonical form.

    Attributes:
        entity: says which of the fields count, see :data:`AGREEMENTS`.
        name: or title. aliases: other names. stash_ids: endpoint and id. urls: without those of many.
        parents: names of the parents. hashes: MD5 of files. paths: keys of paths below a root of the library.
    """

    entity: str
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

    @property
    def names(self) -> frozenset[str]:
        """The name and the aliases."""
        return self.aliases | {self.name} if self.name else self.aliases


def compare_named(left: Named, right: Named) -> Comparison:
    """Agreements and contradictions of two objects of one entity."""
    known = AGREEMENTS[left.entity]
    agrees: dict[str, Any] = {}
    differs: dict[str, Any] = {}
    for name, values in (
        ("stash_id", left.stash_ids & right.stash_ids),
        ("url", left.urls & right.urls),
        ("md5", left.hashes & right.hashes),
        ("parent", left.parents & right.parents),
        ("path", {path for path in left.paths & right.paths if depth(path) >= PARAMETERS["path"]["folders"]}),
    ):
        if values and name in known:
            agrees[name] = sorted(values)
    _compare_names(left, right, agrees, differs)
    for name in ("director", "studio"):
        value = getattr(left, name)
        if value and value == getattr(right, name) and name in known:
            agrees[name] = value
    _compare_dates(left, right, agrees, differs)
    if left.parents and right.parents and "parent" not in agrees and left.entity == "studios":
        differs["parent_differs"] = [sorted(left.parents), sorted(right.parents)]
    return Comparison(agrees, differs)


def _compare_names(left: Named, right: Named, agrees: dict[str, Any], differs: dict[str, Any]) -> None:
    known = AGREEMENTS[left.entity]
    own = "title" if "title" in known else "name"
    if left.name and left.name == right.name and own in known:
        agrees[own] = left.name
    elif "alias" in known and (common := sorted(left.names & right.names)):
        agrees["alias"] = common
    elif left.names and right.names and left.entity in ("studios", "tags"):
        differs["names_differ"] = [sorted(left.names), sorted(right.names)]
    if left.entity == "groups":
        parts = part_number(left.name), part_number(right.name)
        if None not in parts and parts[0] != parts[1]:
            differs["part_differs"] = list(parts)


def _compare_dates(left: Named, right: Named, agrees: dict[str, Any], differs: dict[str, Any]) -> None:
    if "date" not in AGREEMENTS[left.entity]:
        return
    dates = compare_dates(left.date, right.date)
    if dates == "day":
        agrees["date"] = left.date
    elif dates == "contradicts":
        differs["date_differs"] = [left.date, right.date]
