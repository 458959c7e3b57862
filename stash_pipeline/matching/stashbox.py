"""Compares a local scene with the scenes that a stash-box returned for its hashes, and decides on each.

The rules are data (:mod:`stash_pipeline.matching.stashbox_rules`). The result depends on nothing but the two sides, so
that it can be made again from what is stored.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stash_pipeline.matching.compare import File, Scene
from stash_pipeline.matching.dates import PartialDate, compare_dates
from stash_pipeline.matching.names import parts_differ
from stash_pipeline.matching.phash import is_degenerate
from stash_pipeline.matching.rule_table import PARAMETERS as MATCH_PARAMETERS
from stash_pipeline.matching.stashbox_rules import PARAMETERS, PERSON, RULES, Outcome, StashBoxRule

UNKNOWN: Final = -1
"""Instead of milliseconds."""


@dataclass(frozen=True, slots=True)
class BoxFingerprint:
    """A hash that people submitted to a scene.

    Attributes:
        algorithm: OSHASH or PHASH.
        hash: unsigned; boxes write hashes with or without leading zeros.
        duration: milliseconds, of the submitted files; :data:`UNKNOWN` if the box has none.
        submissions, reports: how many people vouch for it, and call it wrong.
    """

    algorithm: str
    hash: int
    duration: int = UNKNOWN
    submissions: int = 1
    reports: int = 0


@dataclass(frozen=True, slots=True)
class BoxScene:
    """A scene of a stash-box; texts are normalised as those of a local scene."""

    id: str
    fingerprints: tuple[BoxFingerprint, ...] = ()
    title: str = ""
    date: PartialDate | None = None
    code: str = ""
    duration: int = UNKNOWN
    studios: frozenset[str] = frozenset()
    performers: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a scene of a box is to a local scene.

    Attributes:
        rule: the id of the rule that decided; ``person``, or None if no evidence is left.
        evidence: what agrees, with details; ``obstacle`` says why an automatic match waits for a person, and ``rules``
            what the rules say where a person decided.
    """

    id: str
    action: Outcome
    confidence: float
    rule: str | None
    evidence: Mapping[str, Any] = field(default_factory=dict)


_HASHES: Final = ("oshash", "phash_exact", "phash_close", "phash_near")


def candidates(
    scene: Scene,
    boxes: Sequence[BoxScene],
    linked: Collection[str] = (),
    decided: Mapping[str, bool] | None = None,
    *,
    hits: int | None = None,
) -> list[Candidate]:
    """Decides on the scenes that a box returned for one local scene, and on those that people decided about.

    Args:
        boxes: without deleted ones.
        linked: ids of this box that the server has for the scene.
        decided: by id, whether people accepted it. A rejected scene no longer competes with the others; besides an
            accepted one, the others wait for a person.
        hits: how many scenes the box returned, if not all of ``boxes``.

    Returns:
        one for each, in order of their ids.
    """
    decided = decided or {}
    crowded = (len(boxes) if hits is None else hits) > PARAMETERS["most_hits"]
    compared = [(box, *_compare(scene, box, crowded)) for box in sorted(boxes, key=lambda box: box.id)]
    ruled = [(box, agrees, differs, _rule(agrees)) for box, agrees, differs in compared]
    left = [entry for entry in ruled if decided.get(entry[0].id) is not False]
    still_linked = [key for key in linked if decided.get(key) is not False]
    another = any(decided.values())
    result = []
    for entry in ruled:
        if entry[0].id not in decided:
            result.append(_judged(entry, left, still_linked, another))
        else:
            by_rules = _judged(entry, ruled, linked)
            person = _by_person(entry[0].id, decided[entry[0].id])
            result.append(replace(person, evidence={**by_rules.evidence, "rules": by_rules.action}))
    return result


def without_document(identifier: str, status: str, accepted: bool | None = None) -> Candidate:
    """A scene that the box has deleted, or that has not been read yet: rejected if no person decided."""
    if accepted is None:
        return Candidate(identifier, "reject", 0.0, None, {"status": status})
    return replace(_by_person(identifier, accepted), evidence={"status": status})


def _by_person(identifier: str, accepted: bool) -> Candidate:
    return Candidate(identifier, "accepted" if accepted else "rejected", float(accepted), PERSON)


def _judged(
    entry: "Ruled", others: Sequence["Ruled"], linked: Collection[str], another_accepted: bool = False
) -> Candidate:
    """What the rules say."""
    box, agrees, differs, rule = entry
    evidence: dict[str, Any] = {"agrees": agrees, "contradicts": differs}
    if rule is None:
        return Candidate(box.id, "reject", 0.0, None, evidence)
    action: Outcome = rule.action
    if action == "automatic":
        automatic = [ruled for ruled in others if ruled[3] is not None and ruled[3].action == "automatic"]
        obstacle = (
            "accepted_another"
            if another_accepted
            else _obstacle(box, agrees, differs, others, _unique_best(automatic), linked)
        )
        if obstacle:
            action, evidence["obstacle"] = "review", obstacle
    return Candidate(box.id, action, rule.confidence, rule.id, evidence)


Ruled = tuple[BoxScene, dict[str, Any], dict[str, Any], StashBoxRule | None]


def _rule(agrees: Mapping[str, Any]) -> StashBoxRule | None:
    for rule in RULES:
        if rule.requires <= agrees.keys() and (not rule.any_of or not rule.any_of.isdisjoint(agrees)):
            return rule
    return None


def _unique_best(automatic: Sequence[Ruled]) -> str | None:
    """The only scene with the strongest kind of evidence, if there is one."""
    for name in _HASHES:
        having = [entry[0].id for entry in automatic if name in entry[1]]
        if having:
            return having[0] if len(having) == 1 else None
    return None


def _obstacle(
    box: BoxScene,
    agrees: Mapping[str, Any],
    differs: Mapping[str, Any],
    ruled: Iterable[Ruled],
    best: str | None,
    linked: Collection[str],
) -> str | None:
    """Why an automatic match waits for a person."""
    if box.id != best:
        return "ambiguous"
    phash = "phash_exact" in agrees or "phash_close" in agrees
    for other, others_agree, _, _ in ruled:
        if other.id == box.id:
            continue
        if "oshash" in agrees and not phash and "phash_exact" in others_agree and "votes" in others_agree:
            return "hashes_disagree"
        if "oshash" not in agrees and ("oshash" in others_agree or "oshash_doubted" in others_agree):
            return "hashes_disagree"
        # a few bits tell a copy of the same scene as little from another version as none do
        if "oshash" not in agrees and "phash_close" in others_agree:
            return "ambiguous"
    for name in ("duration_differs", "metadata_differs", "part_differs", "title_extended"):
        if name in differs:
            return name
    return "linked_elsewhere" if linked and box.id not in linked else None


# --- evidence -----------------------------------------------------------------------------------------------


def _compare(scene: Scene, box: BoxScene, crowded: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    agrees: dict[str, Any] = {}
    differs: dict[str, Any] = {}
    _compare_oshash(scene, box, agrees)
    pairs = list(_near_pairs(scene.files, box.fingerprints, crowded))
    _compare_phash(pairs, agrees)
    if metadata := _metadata(scene, box):
        agrees["metadata"] = metadata
    elif other := _other_metadata(scene, box):
        differs["metadata_differs"] = other
    if parts_differ(scene.title, box.title):
        differs["part_differs"] = [scene.title, box.title]
    if "oshash" not in agrees and _is_extended(scene.title, box.title):
        differs["title_extended"] = [scene.title, box.title]
    lengths = [file.duration for file in scene.files if file.duration > 0]
    if box.duration > 0 and lengths:
        difference = min(abs(length - box.duration) for length in lengths)
        if difference <= PARAMETERS["window"]:
            agrees["duration"] = difference
    if (differing := _nearest_duration(lengths, box)) is not None:
        differs["duration_differs"] = differing
    return agrees, differs


def _compare_oshash(scene: Scene, box: BoxScene, agrees: dict[str, Any]) -> None:
    oshashes = {int(file.oshash, 16) for file in scene.files if _is_hex(file.oshash)} - {0}
    for fingerprint in box.fingerprints:
        if fingerprint.algorithm != "OSHASH" or fingerprint.hash not in oshashes:
            continue
        details = _details(fingerprint)
        if fingerprint.submissions <= fingerprint.reports:
            agrees.setdefault("oshash_doubted", details)
        elif "oshash" not in agrees or details["submissions"] > agrees["oshash"]["submissions"]:
            agrees["oshash"] = details
        if fingerprint.submissions >= PARAMETERS["votes"] and not fingerprint.reports:
            agrees["votes"] = fingerprint.submissions


def _is_hex(text: str) -> bool:
    try:
        return bool(text) and int(text, 16) < 1 << 64
    except ValueError:
        return False


def _details(fingerprint: BoxFingerprint) -> dict[str, Any]:
    return {
        "hash": f"{fingerprint.hash:016x}",
        "submissions": fingerprint.submissions,
        "reports": fingerprint.reports,
    }


@dataclass(frozen=True, slots=True)
class _Pair:
    """A file and a submitted hash up to eight bits apart."""

    distance: int
    difference: int | None
    weak: bool
    exact_window: float
    fingerprint: BoxFingerprint


def _near_pairs(files: Sequence[File], fingerprints: Sequence[BoxFingerprint], crowded: bool) -> Iterator[_Pair]:
    for file in files:
        if file.phash is None:
            continue
        short = file.duration < MATCH_PARAMETERS["phash"]["minimum_duration"]
        for fingerprint in fingerprints:
            if fingerprint.algorithm != "PHASH":
                continue
            distance = (file.phash ^ fingerprint.hash).bit_count()
            if distance > PARAMETERS["near_distance"]:
                continue
            difference = None
            if file.duration > 0 and fingerprint.duration > 0:
                difference = abs(file.duration - fingerprint.duration)
            exact = max(PARAMETERS["exact_window"], PARAMETERS["exact_window_share"] * file.duration)
            weak = (
                crowded
                or short
                or is_degenerate(file.phash)
                or fingerprint.reports >= fingerprint.submissions
                or difference is None
                or difference > (PARAMETERS["window"] if distance else max(PARAMETERS["window"], exact))
            )
            yield _Pair(distance, difference, weak, exact, fingerprint)


def _compare_phash(pairs: Sequence[_Pair], agrees: dict[str, Any]) -> None:
    strong = sorted((pair for pair in pairs if not pair.weak), key=lambda pair: (pair.distance, pair.difference or 0))
    for pair in strong:
        names = ["phash_near"]
        if pair.distance <= PARAMETERS["close_distance"]:
            names.append("phash_close")
        if pair.distance == 0 and pair.difference is not None and pair.difference <= pair.exact_window:
            names.append("phash_exact")
            if pair.fingerprint.submissions >= PARAMETERS["votes"] and not pair.fingerprint.reports:
                agrees["votes"] = max(agrees.get("votes", 0), pair.fingerprint.submissions)
        details = {**_details(pair.fingerprint), "distance": pair.distance, "duration_difference": pair.difference}
        for name in names:
            agrees.setdefault(name, details)
    if strong and strong[-1].distance and ("oshash" in agrees or "phash_exact" in agrees):
        agrees["another_hash"] = strong[-1].distance
    weak = [pair for pair in pairs if pair.weak]
    if weak and not strong:
        nearest = min(weak, key=lambda pair: pair.distance)
        agrees["phash_weak"] = {
            **_details(nearest.fingerprint),
            "distance": nearest.distance,
            "duration_difference": nearest.difference,
        }


def _metadata(scene: Scene, box: BoxScene) -> dict[str, Any]:
    """What agrees of title, code, date, studio, performers, URLs."""
    agrees: dict[str, Any] = {}
    for name in ("title", "code"):
        value = getattr(scene, name)
        if value and value == getattr(box, name):
            agrees[name] = value
    if scene.studio and scene.studio in box.studios:
        agrees["studio"] = scene.studio
    if compare_dates(scene.date, box.date) in ("day", "near"):
        agrees["date"] = scene.date
    for name in ("performers", "urls"):
        if common := sorted(set(getattr(scene, name)) & getattr(box, name)):
            agrees[name] = common
    return agrees


def _is_extended(title: str, other: str) -> bool:
    """Whether one of two titles is the other one with more words."""
    words, others = title.split(), other.split()
    shorter, longer = sorted((words, others), key=len)
    return bool(shorter) and len(shorter) < len(longer) and longer[: len(shorter)] == shorter


def _other_metadata(scene: Scene, box: BoxScene) -> dict[str, Any]:
    """What both know of performers and studio, and is not the same."""
    differs: dict[str, Any] = {}
    if scene.performers and box.performers:
        differs["performers"] = [sorted(scene.performers), sorted(box.performers)]
    if scene.studio and box.studios:
        differs["studio"] = [scene.studio, sorted(box.studios)]
    return differs


def _nearest_duration(lengths: Sequence[int], box: BoxScene) -> int | None:
    """Milliseconds to the duration on the box, if that is far. A submission says nothing about its own scene."""
    known = (
        [box.duration]
        if box.duration > 0
        else [fingerprint.duration for fingerprint in box.fingerprints if fingerprint.duration > 0]
    )
    if not lengths or not known:
        return None
    nearest, longer = min((abs(length - other), max(length, other)) for length in lengths for other in known)
    return nearest if nearest > PARAMETERS["differs_share"] * longer else None
