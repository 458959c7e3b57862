"""Generates a library from a seed, with everything in proportion to the number of scenes.

Contains the order of the steps. The catalogue is in ``generate_catalogue``, media with files in ``generate_media``.

Two libraries with the same `overlap_seed` share about half of their scenes, performers, tags and studios: the same
objects with the same stash ids and hashes, but with different ids and slightly different texts. With `variants` they
differ more, see ``generate_variants``.
"""

import random
from zoneinfo import ZoneInfo

from stash_pipeline.simulator.generate_catalogue import (
    write_groups,
    write_performers,
    write_studios,
    write_tags,
)
from stash_pipeline.simulator.generate_media import write_galleries, write_images, write_scenes
from stash_pipeline.simulator.generate_newest import write_newest
from stash_pipeline.simulator.generate_plan import LibraryPlan
from stash_pipeline.simulator.library import Library


def _saved_filters(plan: LibraryPlan) -> None:
    find = '{"q":"","page":1,"per_page":40,"sort":"date","direction":"DESC"}'
    plan.write(
        "saved_filters",
        "name, mode, find_filter, object_filter, ui_options",
        [
            ("Organised", "SCENES", find, '{"organized":true}', "null"),
            ("Favorites", "PERFORMERS", find, '{"filter_favorites":true}', '{"display_mode":1}'),
            ("Ünlabelled ✎", "IMAGES", find, "{}", "null"),
        ],
    )


def generate_library(
    library: Library,
    *,
    scenes: int,
    seed: int,
    timezone: str = "Europe/Paris",
    overlap_seed: int | None = None,
    clips: bool = True,
    variants: bool = False,
) -> None:
    """Fill an empty library. The same arguments give identical rows.

    `clips` adds images that are videos; releases before v0.21 do not support them. With `variants`, what two libraries
    share differs as in real ones: files have other names, some are encoded again, performers go by an alias.
    """
    counts = {
        "scenes": scenes,
        "performers": max(4, scenes // 10),
        "tags": max(6, scenes * 3 // 20),
        "studios": max(3, scenes * 3 // 100),
        "groups": max(3, scenes * 3 // 100),
        "galleries": max(3, scenes // 20),
        "images": max(6, scenes * 3 // 4),
        "markers": scenes * 3 // 10,
    }
    plan = LibraryPlan(
        library,
        seed,
        overlap_seed,
        ZoneInfo(timezone),
        random.Random(f"library/{seed}/{overlap_seed}"),
        counts,
        clips,
        variants,
    )
    library.execute("PRAGMA foreign_keys = OFF")
    with library.transaction():
        for part in (
            write_tags,
            write_studios,
            write_performers,
            write_groups,
            write_scenes,
            write_images,
            write_galleries,
            _saved_filters,
            write_newest,
        ):
            part(plan)
        plan.write("blobs", "checksum, blob", sorted(plan.blobs.items()))
    library.execute("PRAGMA foreign_keys = ON")
    library.execute("ANALYZE")


def move_to_windows(library: Library, drive: str = "E:") -> None:
    """Give all folders Windows paths on a drive."""
    library.execute("UPDATE folders SET path = ? || replace(path, '/', '\\')", (drive,))
