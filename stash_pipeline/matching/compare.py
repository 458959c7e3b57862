"""What agrees and what contradicts between two objects: the input of :func:`stash_pipeline.matching.rules.evaluate`.

Values are in their canonical form already, see ``names``, ``dates``, ``urls`` and ``paths``. Whether a value says
anything is known by whoever has all objects: a URL or a name of many, a crowded hash.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from stash_pipeline.matching.dates import PartialDate, compare_dates
from stash_pipeline.matching.names import first_typo, independent_names, parts_differ
from stash_pipeline.matching.paths import depth
from stash_pipeline.matching.rule_table import PARAMETERS


class Comparison(NamedTuple):
    """Names of agreements and contradictions, with details for the evidence."""

    agreements: dict[str, Any]
    contradictions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Performer:
    """What is compared of a performer.

    Attributes:
        names: the name and the aliases, normalised.
        stash_ids: endpoint and id. urls: without those of many.
        rare_names: those of ``names`` that few performers have.
    """

    names: frozenset[str]
    birthdate: PartialDate | None = None
    stash_ids: Collection[tuple[str, str]] = ()
    urls: Collection[str] = ()
    disambiguation: str = ""
    gender: str = ""
    rare_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class File:
    """What is compared of a file. Durations are milliseconds, −1 where they are unknown.

    Attributes:
        weak: the phash proves nothing: the clip is short, the hash degenerate or crowded.
        path: the key of the path below a root of the library.
    """

    oshash: str = ""
    md5: str = ""
    phash: int | None = None
    duration: int = -1
    weak: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is compared of a scene, with all of its files; texts are normalised."""

    files: tuple[File, ...]
    stash_ids: Collection[tuple[str, str]] = ()
    urls: Collection[str] = ()
    title: str = ""
    date: PartialDate | None = None
    code: str = ""
    studio: str = ""
    performers: Collection[str] = ()


def compare_performers(left: Performer, right: Performer) -> Comparison:
    """Agreements and contradictions of two performers."""
    agrees: dict[str, Any] = {}
    differs: dict[str, Any] = {}
    _common(agrees, "stash_id", left.stash_ids, right.stash_ids)
    _common(agrees, "url", left.urls, right.urls)
    names = left.names & right.names
    if names:
        agrees["name"] = some(names)
        if len(independent := independent_names(names)) > 1:
            agrees["two_names"] = independent
        if rare := left.rare_names & right.rare_names:
            agrees["rare_name"] = some(rare)
    elif left.names and right.names:
        if typo := first_typo(left.names, right.names):
            agrees["typo"] = typo
        else:
            differs["names_differ"] = [some(left.names), some(right.names)]
    dates = compare_dates(left.birthdate, right.birthdate)
    if dates == "day":
        agrees["birthdate"] = left.birthdate
    if dates in ("day", "month", "year"):
        agrees["birth_year"] = left.birthdate and left.birthdate.year
    elif dates == "contradicts" and left.birthdate and right.birthdate:
        year_only = left.birthdate.month is None or right.birthdate.month is None
        differs["birth_year_differs" if year_only else "birthdate_differs"] = [left.birthdate, right.birthdate]
    if left.disambiguation and right.disambiguation:
        both = [left.disambiguation, right.disambiguation]
        if both[0] == both[1]:
            agrees["disambiguation"] = both[0]
        else:
            differs["disambiguation_differs"] = both
    if left.gender and right.gender and left.gender != right.gender:
        differs["gender_differs"] = [left.gender, right.gender]
    return Comparison(agrees, differs)


def compare_scenes(left: Scene, right: Scene) -> Comparison:
    """Agreements and contradictions of two scenes: any file of the one with any file of the other."""
    agrees: dict[str, Any] = {}
    differs: dict[str, Any] = {}
    _common(agrees, "stash_id", left.stash_ids, right.stash_ids)
    _common(agrees, "url", left.urls, right.urls)
    _common(agrees, "performers", left.performers, right.performers)
    if left.performers and right.performers and "performers" not in agrees:
        differs["performers_differ"] = [some(left.performers), some(right.performers)]
    for name in ("title", "code", "studio"):
        value = getattr(left, name)
        if value and value == getattr(right, name):
            agrees[name] = value
    if parts_differ(left.title, right.title):
        differs["part_differs"] = [left.title, right.title]
    dates = compare_dates(left.date, right.date)
    if dates == "day":
        agrees["date"] = left.date
    elif dates == "contradicts":
        differs["date_differs"] = [left.date, right.date]
    _compare_files(left.files, right.files, agrees, differs)
    return Comparison(agrees, differs)


def _common(agrees: dict[str, Any], name: str, left: Collection[Any], right: Collection[Any]) -> None:
    if left and right and (common := sorted(set(left) & set(right))):
        agrees[name] = common[:_SHOWN]


_SHOWN = 10
"""Values of one kind in the evidence; an object can have thousands of aliases."""


def some(values: Collection[str]) -> list[str]:
    """The first of many values, for the evidence."""
    return sorted(values)[:_SHOWN]


def _compare_files(
    left: tuple[File, ...], right: tuple[File, ...], agrees: dict[str, Any], differs: dict[str, Any]
) -> None:
    nearest: int | None = None
    farthest: int | None = None
    shares: list[float] = []
    for file in left:
        for other in right:
            difference = abs(file.duration - other.duration) if file.duration >= 0 <= other.duration else None
            _compare_hashes(file, other, difference, agrees, differs)
            if file.path and other.path:
                if file.path == other.path and depth(file.path) >= PARAMETERS["path"]["folders"]:
                    agrees["path"] = file.path
                elif file.path.rpartition("/")[2] == other.path.rpartition("/")[2]:
                    agrees["file_name"] = file.path.rpartition("/")[2]
            if difference is not None:
                nearest = difference if nearest is None else min(nearest, difference)
                shares.append(100 * difference / max(file.duration, other.duration, 1))
            bits = _distance(file, other)
            if bits is not None:
                farthest = bits if farthest is None else min(farthest, bits)
    if nearest is not None and nearest <= PARAMETERS["duration"]["window"]:
        agrees["duration"] = nearest
    elif shares and min(shares) > PARAMETERS["duration_differs"]["percent"]:
        differs["duration_differs"] = nearest
    if farthest is not None and farthest > PARAMETERS["phash_differs"]["distance"]:
        differs["phash_differs"] = farthest


def _compare_hashes(
    left: File, right: File, difference: int | None, agrees: dict[str, Any], differs: dict[str, Any]
) -> None:
    for name in ("oshash", "md5"):
        value = getattr(left, name)
        if value and value == getattr(right, name):
            agrees[name] = value
            if difference is not None and difference > PARAMETERS["duration_differs_same_hash"]["window"]:
                differs["duration_differs_same_hash"] = [left.duration, right.duration]
    if left.phash is None or right.phash is None:
        return
    bits = (left.phash ^ right.phash).bit_count()
    if bits > PARAMETERS["phash"]["distance"]:
        return
    evidence = {"distance": bits, "duration_difference": difference}
    if left.weak or right.weak:
        agrees["phash_weak"] = evidence
    elif difference is not None:
        for name in ("phash", "phash_close", "phash_exact"):
            if bits <= PARAMETERS[name]["distance"] and difference <= PARAMETERS[name]["window"]:
                agrees[name] = evidence


def _distance(left: File, right: File) -> int | None:
    """Different bits of two hashes that prove something."""
    if left.phash is None or right.phash is None or left.weak or right.weak:
        return None
    return (left.phash ^ right.phash).bit_count()
