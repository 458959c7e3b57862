"""How right the matches with a stash-box are, on a box of a known truth, read and matched as in production."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from stash_pipeline.simulator.box.truth import BoxTruth, Hazard, SceneTruth
from stash_pipeline.warehouse.connect import Connection

AMBIGUOUS: frozenset[Hazard] = frozenset({"compilation", "dub", "rerelease"})
"""Other scenes of the box have the same picture."""
DISPUTED: frozenset[Hazard] = frozenset({"wrong fingerprint", "reported", "moved"})
"""People disagree about hashes of the scene."""
WEAK: frozenset[Hazard] = frozenset({"short", "degenerate", "crowded"})
"""The picture proves nothing."""


def is_decidable(truth: SceneTruth, distance: int) -> bool:
    """Whether there is evidence that allows an automatic match.

    The file itself is known on the box and nobody disputes it; or its picture is, which is long enough, of no other
    scene, and at most four bits apart.

    Args:
        distance: at which the box finds pictures.
    """
    if not truth.correct or truth.hazards & DISPUTED:
        return False
    if truth.oshash:
        return True
    near = truth.phash_distance is not None and truth.phash_distance <= min(distance, 4)
    return near and not truth.hazards & (WEAK | AMBIGUOUS)


@dataclass
class BoxQuality:
    """The counts of one measurement.

    Attributes:
        by_rule: by rule, how many automatic matches are right and wrong.
        wrong: hazards of the scenes with a wrong automatic match.
        decidable, decided: scenes with evidence, and those of them with a right automatic match.
        to_review: scenes that wait for a person. right_in_review: of those, the ones whose right scene is among them.
    """

    by_rule: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    decidable: int = 0
    decided: int = 0
    to_review: int = 0
    right_in_review: int = 0
    missed: Counter[str] = field(default_factory=Counter)

    @property
    def automatic(self) -> Counter[str]:
        """All automatic matches: right and wrong."""
        return sum(self.by_rule.values(), Counter())

    @property
    def precision(self) -> float:
        """Right ones of the automatic matches."""
        total = self.automatic
        return total["right"] / max(total.total(), 1)

    @property
    def recall(self) -> float:
        """Right automatic matches of the scenes with evidence."""
        return self.decided / max(self.decidable, 1)

    def figures(self) -> dict[str, Any]:
        """For the table of figures."""
        return {
            "automatic": self.automatic.total(),
            "precision": round(self.precision, 5),
            "scenes with evidence": self.decidable,
            "recall": round(self.recall, 4),
            "scenes to review": self.to_review,
            "of those, right scene offered": self.right_in_review,
            "by rule": {
                rule: {"matches": counts.total(), "precision": round(counts["right"] / counts.total(), 5)}
                for rule, counts in sorted(self.by_rule.items())
            },
        }


def measure(connection: Connection, truth: BoxTruth, instances: list[int], distance: int) -> BoxQuality:
    """Compares ``matches.stashbox_candidates`` with the truth.

    Args:
        instances: the ids of the instances, in the order of the libraries of the truth.
        distance: at which the box finds pictures.
    """
    rows = connection.execute(
        "SELECT instance_id, scene_id, box_scene_id, action, rule FROM matches.stashbox_candidates"
    ).fetchall()
    candidates: dict[tuple[int, int], list[tuple[str, str, str]]] = {}
    for instance_id, scene_id, key, action, rule in rows:
        candidates.setdefault((instances.index(instance_id), scene_id), []).append((key, action, rule))
    quality = BoxQuality()
    for local, known in truth.scenes.items():
        mine = candidates.get(local, [])
        automatic = [(key, rule) for key, action, rule in mine if action == "automatic"]
        review = [key for key, action, _ in mine if action == "review"]
        for key, rule in automatic:
            right = key in known.correct
            quality.by_rule.setdefault(rule, Counter())["right" if right else "wrong"] += 1
            if not right:
                quality.wrong[" ".join(sorted(known.hazards)) or "none"] += 1
        if review and not automatic:
            quality.to_review += 1
            quality.right_in_review += bool(known.correct.intersection(review))
        if is_decidable(known, distance):
            quality.decidable += 1
            if any(key in known.correct for key, _ in automatic):
                quality.decided += 1
            else:
                quality.missed[" ".join(sorted(known.hazards)) or "none"] += 1
    return quality
