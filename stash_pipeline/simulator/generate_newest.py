"""Generates the data that only the newest release exposes.

Contains values of the columns and tables that ``newest`` adds. It has its own random source, so the rows of the other
generators do not depend on it.
"""

import random
import re

from stash_pipeline.simulator.generate_plan import LibraryPlan
from stash_pipeline.simulator.newest import CUSTOM_FIELDS


def write_newest(plan: LibraryPlan) -> None:
    """Custom fields of all entities, organized studios, and career dates."""
    rng = random.Random(f"newest/{plan.seed}/{plan.overlap_seed}")
    for table, column, owner in CUSTOM_FIELDS.values():
        rows: list[tuple[int, str, str | int | float]] = []
        for (number,) in plan.library.tuples(f'SELECT id FROM "{owner}" ORDER BY id'):
            if rng.random() < 0.15:
                rows.append((number, "source", rng.choice(("tape", "naïve “disc”", "2024-05"))))
                if rng.random() < 0.5:
                    rows.append((number, "shelf", rng.choice((7, 2.5, -1))))
        plan.write(table, f"{column}, field, value", rows)
    for (number,) in plan.library.tuples("SELECT id FROM studios ORDER BY id"):
        plan.library.execute("UPDATE studios SET organized = ? WHERE id = ?", (int(rng.random() < 0.3), number))
    for number, length in plan.library.tuples("SELECT id, career_length FROM performers ORDER BY id"):
        # careers used to be free texts; an upgrade takes over their years
        years = re.findall(r"\d{4}", length or "")
        precision = rng.choice((0, 1, 2))
        for name, year in zip(("career_start", "career_end"), years, strict=False):
            plan.library.execute(
                f"UPDATE performers SET {name} = ?, {name}_precision = ? WHERE id = ?",
                (f"{year}-01-01", precision, number),
            )
