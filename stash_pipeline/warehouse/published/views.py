"""The published views, in the order in which they are created."""

from typing import Final

from stash_pipeline.warehouse.published.changes import RECENT_CHANGES
from stash_pipeline.warehouse.published.duplicate_files import DUPLICATE_FILES
from stash_pipeline.warehouse.published.hierarchies import MARKER_ALL_TAGS, STUDIO_TREE, TAG_DESCENDANTS
from stash_pipeline.warehouse.published.scenes import SCENES_FULL
from stash_pipeline.warehouse.published.watching import WATCH_STATISTICS
from stash_pipeline.warehouse.views import View

PUBLISHED: Final[dict[str, View]] = {
    view.name: view
    for view in (
        SCENES_FULL,
        TAG_DESCENDANTS,
        STUDIO_TREE,
        MARKER_ALL_TAGS,
        RECENT_CHANGES,
        DUPLICATE_FILES,
        WATCH_STATISTICS,
    )
}

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "stash.scenes_full": ("instance_id", "id"),
    "stash.tag_descendants": ("instance_id", "tag_id", "descendant_id"),
    "stash.studio_tree": ("instance_id", "id"),
    "stash.marker_all_tags": ("instance_id", "marker_id", "tag_id"),
    "stash.recent_changes": ("instance_id", "entity", "id", "revision", "field"),
    "stash.duplicate_files": ("instance_id", "file_id"),
    "stash.watch_statistics": ("instance_id", "entity", "id"),
}
"""The columns that tell the rows of each view apart; ``field`` is null in the row of a removed object."""
