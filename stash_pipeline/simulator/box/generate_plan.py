"""The common part of the generators of a box: local objects by their identity, and the time.

Contains the plan of one box. Its entities are in ``generate_catalogue`` and ``generate_scenes``.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.content import Kind
from stash_pipeline.simulator.box.truth import BoxTruth, LocalObject
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.library import Identity, Library

FIRST_DAY = datetime(2023, 6, 1, tzinfo=timezone.utc)


class Calendar:
    """A clock that advances with every look at it, so that a generated box is the same on every day."""

    def __init__(self) -> None:
        self.now = FIRST_DAY

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=37, microseconds=1009)
        return self.now


@dataclass
class Shares:
    """How much of the libraries a box has, and how often what is difficult occurs; shares of 1.

    Attributes:
        scenes: local scenes that the box has. catalogue: local performers, studios and tags that it has.
        extra: scenes of the box that no library has, in proportion to those of the libraries.
        exact: of the scenes that the box has, those of which it knows the local oshash.
        near: of the phashes, those that differ by 2 or 4 bits. no_hash: scenes of which it has no local hash.
        hazard: of each hazard: wrong, moved and reported fingerprints, re-releases, dubs, compilations, deletions.
    """

    scenes: float = 0.6
    catalogue: float = 0.85
    extra: float = 0.5
    exact: float = 0.7
    near: float = 0.3
    no_hash: float = 0.08
    hazard: float = 0.03


@dataclass
class BoxPlan:
    """The state that all generators of a box share.

    Attributes:
        ids: by kind and identity, the id in the box of what libraries have.
    """

    libraries: Sequence[Library]
    box: Box
    truth: BoxTruth
    shares: Shares
    seed: int
    rng: random.Random
    ids: dict[Kind, dict[Identity, str]] = field(default_factory=dict)

    def local(self, kind: Kind) -> dict[Identity, list[tuple[LocalObject, Row]]]:
        """The rows of an entity in all libraries, by identity."""
        by_identity: dict[Identity, list[tuple[LocalObject, Row]]] = {}
        for number, library in enumerate(self.libraries):
            known = library.identities.get(f"{kind}s", {})
            for row in library.rows(f"SELECT * FROM {kind}s ORDER BY id"):
                # what was not generated is in this library only
                identity = known.get(row["id"], (f"library/{number}", row["id"]))
                by_identity.setdefault(identity, []).append(((number, row["id"]), row))
        return by_identity

    def texts(self, sql: str) -> dict[LocalObject, list[str]]:
        """Texts of local objects: the query returns ids and texts."""
        by_object: dict[LocalObject, list[str]] = {}
        for number, library in enumerate(self.libraries):
            for row_id, text in library.tuples(sql):
                by_object.setdefault((number, row_id), []).append(text)
        return by_object

    def identity(self, kind: Kind, local: LocalObject) -> Identity:
        """The identity of a local object."""
        number, row_id = local
        return self.libraries[number].identities.get(f"{kind}s", {}).get(row_id, (f"library/{number}", row_id))

    def chance(self, share: float) -> bool:
        """True as often as the share says."""
        return self.rng.random() < share
