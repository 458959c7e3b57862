"""What is true about a generated box and the libraries that it was generated from.

Contains the correct match of every local object, and the evidence that the box has for it. Tests measure against it.
"""

from dataclasses import dataclass, field
from typing import Literal

from stash_pipeline.simulator.box.content import Kind

LocalObject = tuple[int, int]
"""The number of a library, in the order in which they were given, and the id of an object there."""

Hazard = Literal[
    "compilation",
    "crowded",
    "degenerate",
    "deleted",
    "dub",
    "merged",
    "moved",
    "no duration",
    "rerelease",
    "reported",
    "short",
    "wrong fingerprint",
]
"""What makes a match harder, or lures to a wrong one.

A dub has the same pictures as the scene, a compilation and a re-release contain it; of these, only the re-release is a
correct match too.
"""


@dataclass(frozen=True)
class SceneTruth:
    """What is true about a local scene.

    Attributes:
        correct: the scenes of the box that are this scene and not deleted; several if it was released again.
        oshash: whether a correct scene has an oshash of a local file, with more submissions than reports.
        phash_distance: the smallest distance between a phash of a local file and one of a correct scene; None without.
        hazards: what makes the match harder.
    """

    correct: frozenset[str] = frozenset()
    oshash: bool = False
    phash_distance: int | None = None
    hazards: frozenset[Hazard] = frozenset()


@dataclass
class BoxTruth:
    """What is true about a box.

    Attributes:
        scenes: by local scene. performers, studios, tags: the id in the box, by local object; None if it has none.
        former: by kind and id, older ids that were merged into it.
        dead: by kind, ids that were deleted, softly or entirely.
        prolific: performers of the box who have more scenes there than any library has of them.
    """

    scenes: dict[LocalObject, SceneTruth] = field(default_factory=dict)
    performers: dict[LocalObject, str | None] = field(default_factory=dict)
    studios: dict[LocalObject, str | None] = field(default_factory=dict)
    tags: dict[LocalObject, str | None] = field(default_factory=dict)
    former: dict[Kind, dict[str, list[str]]] = field(default_factory=dict)
    dead: dict[Kind, list[str]] = field(default_factory=dict)
    prolific: list[str] = field(default_factory=list)

    def of(self, kind: Kind) -> dict[LocalObject, str | None]:
        """The id in the box by local object; for scenes, the first of the correct ones."""
        if kind == "scene":
            return {local: min(truth.correct, default=None) for local, truth in self.scenes.items()}
        return {"performer": self.performers, "studio": self.studios, "tag": self.tags}[kind]
