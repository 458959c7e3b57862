"""Generates a box that knows a part of what libraries have, and links libraries to it.

Contains the order of the steps, and writing stash ids. The entities are in ``generate_catalogue`` and
``generate_scenes``.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.content import KINDS, Kind
from stash_pipeline.simulator.box.generate_catalogue import write_performers, write_studios, write_tags
from stash_pipeline.simulator.box.generate_plan import BoxPlan, Calendar, Shares
from stash_pipeline.simulator.box.generate_scenes import write_scenes
from stash_pipeline.simulator.box.truth import BoxTruth
from stash_pipeline.simulator.library import Library

_LINKED = "2024-01-01T00:00:00Z"


def generate_box(
    libraries: Sequence[Library], *, seed: int = 1, shares: Shares | None = None, path: Path | None = None
) -> tuple[Box, BoxTruth]:
    """A box for generated libraries, and what is true about it. The same arguments give identical rows.

    Everything was written before the present: later changes have the time of the box's clock. With `path`, the box is
    in that new file.
    """
    calendar = Calendar()
    box, truth = Box.create(seed) if path is None else Box.in_file(path, seed), BoxTruth()
    box.clock = calendar
    plan = BoxPlan(libraries, box, truth, shares or Shares(), seed, random.Random(f"box/{seed}/content"))
    with box.transaction():
        for write in (write_tags, write_studios, write_performers, write_scenes):
            write(plan)
    box.execute("ANALYZE")
    box.clock = Box.create().clock
    return box, truth


def link_library(
    library: Library,
    number: int,
    truth: BoxTruth,
    endpoint: str,
    *,
    seed: int = 1,
    share: float = 0.5,
    stale: float = 0.5,
    wrong: float = 0.02,
    kinds: Sequence[Kind] = KINDS,
) -> dict[Kind, dict[int, str]]:
    """Write stash ids of a box into a library; returns them by kind and id.

    Args:
        library: the library to write into. number: its position among those that the box was generated from.
        truth: what is true about the box. endpoint: the address of the box as the library has it.
        seed: that of the choices. share: of the objects that the box has, those that get an id.
        stale: of those whose id has older ones, the share that gets an older one.
        wrong: the share of ids that are those of another object, or of a deleted one.
        kinds: the entities that get ids.
    """
    written: dict[Kind, dict[int, str]] = {}
    with library.transaction():
        for kind in kinds:
            rng = random.Random(f"links/{seed}/{number}/{kind}")
            known = {
                row_id: box_id
                for (owner, row_id), box_id in sorted(truth.of(kind).items())
                if owner == number and box_id
            }
            former, dead = truth.former.get(kind, {}), truth.dead.get(kind, [])
            chosen: dict[int, str] = {}
            for row_id, box_id in known.items():
                roll, misled = rng.random(), rng.random()
                older = former.get(box_id, [])
                if older and rng.random() < stale:
                    chosen[row_id] = rng.choice(older)
                elif roll < share:
                    other = rng.choice([*dead, *known.values()])
                    chosen[row_id] = other if misled < wrong else box_id
            library.execute(f"DELETE FROM {kind}_stash_ids WHERE endpoint = ?", (endpoint,))
            library.execute_many(
                f"INSERT INTO {kind}_stash_ids ({kind}_id, endpoint, stash_id, updated_at) VALUES (?, ?, ?, ?)",
                [(row_id, endpoint, box_id, _LINKED) for row_id, box_id in chosen.items()],
            )
            written[kind] = chosen
    return written
