"""The evidence on a scene of a stash-box in plain words."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stash_pipeline.matching.stashbox_rules import OBSTACLES

_STRONG: Final = ("phash_exact", "phash_close", "phash_near")

_STATUSES: Final = {
    "unknown": "its record has not been read yet",
    "merged": "the box merged it into another one",
    "deleted": "the box deleted it",
    "missing": "the box no longer has it",
}


def in_words(evidence: Mapping[str, Any]) -> list[str]:
    """What agrees, what contradicts, and why it waits for a person; each a part of a sentence."""
    agrees, contradicts = evidence.get("agrees") or {}, evidence.get("contradicts") or {}
    return [*_agreements(agrees), *_contradictions(contradicts), *_state(evidence)]


def _agreements(agrees: Mapping[str, Any]) -> Iterator[str]:
    if details := agrees.get("oshash"):
        yield f"the same oshash ({_people(details)})"
    elif details := agrees.get("oshash_doubted"):
        yield f"the same oshash, which is doubted ({_people(details)})"
    near = next((agrees[name] for name in _STRONG if name in agrees), None)
    if near:
        yield f"{_perceptual(near)} ({_people(near)})"
    elif details := agrees.get("phash_weak"):
        yield f"{_perceptual(details)}, which proves nothing ({_people(details)})"
    if "another_hash" in agrees:
        yield "a hash of another file close by"
    if agrees.get("duration") is not None:
        yield f"as long as the scene to {_seconds(agrees['duration'])}"
    if metadata := agrees.get("metadata"):
        yield f"the same {_listed([name.removesuffix('s') if name == 'urls' else name for name in sorted(metadata)])}"


def _contradictions(contradicts: Mapping[str, Any]) -> Iterator[str]:
    if "duration_differs" in contradicts:
        yield f"{_seconds(contradicts['duration_differs'])} longer or shorter"
    if "part_differs" in contradicts:
        yield "another part of a title"


def _state(evidence: Mapping[str, Any]) -> Iterator[str]:
    obstacle = evidence.get("obstacle")
    # of these two, the contradiction has been said
    if obstacle and obstacle not in ("duration_differs", "part_differs"):
        yield OBSTACLES.get(obstacle, obstacle)
    if "status" in evidence:
        yield _STATUSES.get(evidence["status"], evidence["status"])
    if "rules" in evidence:
        yield f"the rules alone say {evidence['rules']}"
    if "decision" in evidence:
        yield f"decision {evidence['decision']}"


def _people(details: Mapping[str, Any]) -> str:
    submissions, reports = details.get("submissions", 0), details.get("reports", 0)
    people = f"{submissions:,} {'person' if submissions == 1 else 'people'}"
    return people + (f", {reports:,} {'report' if reports == 1 else 'reports'}" if reports else "")


def _perceptual(details: Mapping[str, Any]) -> str:
    distance, difference = details.get("distance"), details.get("duration_difference")
    hash_ = (
        "the same perceptual hash"
        if distance == 0
        else f"a perceptual hash {distance} {'bit' if distance == 1 else 'bits'} apart"
    )
    return hash_ + (f", as long to {_seconds(difference)}" if difference is not None else ", of unknown duration")


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
