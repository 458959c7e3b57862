"""A library with a little of everything that events need."""

from contextlib import suppress

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.mirror.library_events.writing import NothingToDoError, happen

_FURNITURE = (
    *("a tag is created", "a performer is created", "a studio is created", "a group is created") * 3,
    *("a gallery is created", "a scan finds a zip with images", "images are put into a gallery") * 2,
    *("a scan finds a duplicate of a scene's file", "captions appear", "a marker is created") * 3,
    *("a chapter is created", "a scene joins groups", "a filter is saved") * 3,
    *("a group gets a sub-group",) * 7,
    *("an o of an image", "an o of a scene", "a scene is played", "activity is saved") * 2,
)


def furnish(stash: SimulatedStash) -> None:
    """Adds to a library of some scenes a little of everything that events need."""
    # what no server would write: the primary tag of a marker among its others
    stash.library.execute(
        "DELETE FROM scene_markers_tags WHERE (scene_marker_id, tag_id) IN"
        " (SELECT id, primary_tag_id FROM scene_markers)"
    )
    if stash.release.since(21):
        happen(stash, "a scan finds a clip", 1)
    for seed, name in enumerate(_FURNITURE):
        with suppress(NothingToDoError):
            happen(stash, name, seed)
