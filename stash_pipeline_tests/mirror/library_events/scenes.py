"""Events of scenes: edits, merges, plays, o's, and their markers."""

import random
from typing import Any

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.mirror.library_events.writing import (
    ALWAYS,
    COUNTED_FILES,
    COUNTED_PLAYS,
    GALLERIES,
    GROUPS,
    IMAGES,
    MARKERS,
    PERFORMERS,
    PICTURE,
    SCENES,
    SECONDARY,
    TAGS,
    VIDEOS,
    any_of,
    event,
    fresh,
    mutate,
    one,
    some,
)

# --- scenes ---------------------------------------------------------------------------------------------


@event("a scene is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneCreate", input={"title": fresh(stash, "scene"), "tag_ids": some(stash, rng, TAGS)})


@event("a scene is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {
        "title": fresh(stash, "title ✎"),
        "details": rng.choice((None, "", "a\ttab\nand a line")),
        "date": rng.choice((None, "2021-02-03")),
        "rating100": rng.choice((None, 0, 77)),
        "organized": rng.random() < 0.5,
    }
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes"), **given})


@event("a scene is saved without a change", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes")})


@event("a scene gets tags, performers, a studio and galleries", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {
        "tag_ids": some(stash, rng, TAGS),
        "performer_ids": some(stash, rng, PERFORMERS),
        "studio_id": any_of(stash, rng, "studios"),
        "gallery_ids": some(stash, rng, GALLERIES),
    }
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes"), **given})


@event("a scene loses everything", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    lists: dict[str, Any] = dict.fromkeys(("tag_ids", "performer_ids", "gallery_ids", "stash_ids"), [])
    given = {**lists, "studio_id": None, "rating100": None, "date": ""}
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes"), **given})


@event("a scene gets urls and stash ids", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    address = f"https://scenes.example/{rng.randrange(100)}"
    urls = {"urls": [address, address]} if stash.release.since(22) else {"url": address}
    given = {"stash_ids": [{"endpoint": "https://box.example/graphql", "stash_id": f"{rng.getrandbits(64):x}"}]}
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes"), **urls, **given})


@event("a scene gets a cover", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes"), "cover_image": PICTURE})


@event("a scene joins groups", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    kind = "group" if stash.release.since(27) else "movie"
    given = [{f"{kind}_id": one, "scene_index": rng.choice((None, 3))} for one in some(stash, rng, GROUPS)]
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes"), f"{kind}s": given})


@event("another file of a scene becomes the primary one", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    file = one(stash, rng, SECONDARY)
    scene = stash.library.scalar("SELECT scene_id FROM scenes_files WHERE file_id = ?", [file])
    mutate(stash, "sceneUpdate", input={"id": scene, "primary_file_id": file})


@event("scenes are edited in bulk", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {
        "ids": some(stash, rng, SCENES, 6),
        "tag_ids": {"ids": some(stash, rng, TAGS), "mode": rng.choice(("ADD", "REMOVE", "SET"))},
        "organized": rng.random() < 0.5,
    }
    mutate(stash, "bulkSceneUpdate", input=given)


@event("scenes are edited together", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = [{"id": scene, "title": fresh(stash, "together")} for scene in some(stash, rng, SCENES)]
    mutate(stash, "scenesUpdate", input=given)


@event("counters of a scene are set, which newer releases ignore", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"play_count": 2, "o_counter": 1, "resume_time": 5.0}
    mutate(stash, "sceneUpdate", input={"id": any_of(stash, rng, "scenes"), **given})


@event("scenes are merged", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # markers move with their timestamps, files without any
    source = one(stash, rng, "SELECT scene_id FROM scenes_files UNION SELECT scene_id FROM scene_markers")
    destination = one(stash, rng, f"{SCENES} WHERE id <> {source}")
    mutate(stash, "sceneMerge", input={"source": [source], "destination": destination})


@event("scenes are merged with their histories", seen=ALWAYS, since="v0.25.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    source = one(stash, rng, "SELECT scene_id FROM scenes_view_dates UNION SELECT scene_id FROM scenes_o_dates")
    given = {
        "source": [source],
        "destination": one(stash, rng, f"{SCENES} WHERE id <> {source}"),
        "play_history": True,
        "o_history": True,
    }
    mutate(stash, "sceneMerge", input=given)


@event("a scene is destroyed", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneDestroy", input={"id": one(stash, rng, VIDEOS.replace("file_id", "scene_id"))})


@event("scenes are destroyed with their files", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    scenes = some(stash, rng, VIDEOS.replace("file_id", "scene_id"), 2)
    mutate(stash, "scenesDestroy", input={"ids": scenes, "delete_file": True})


# --- histories and counters -----------------------------------------------------------------------------


@event("a scene is played", seen=COUNTED_PLAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutation = "sceneAddPlay" if stash.release.since(25) else "sceneIncrementPlayCount"
    mutate(stash, mutation, id=any_of(stash, rng, "scenes"))


@event("a play of long ago is noted", since="v0.25.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # a scene that was never played would be no different
    mutate(stash, "sceneAddPlay", id=any_of(stash, rng, "scenes"), times=["2001-02-03T04:05:06+01:00"])


@event("a play is taken back", since="v0.25.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneDeletePlay", id=one(stash, rng, "SELECT scene_id FROM scenes_view_dates"))


@event("the plays of a scene are forgotten", since="v0.25.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneResetPlayCount", id=one(stash, rng, "SELECT scene_id FROM scenes_view_dates"))


@event("an o of a scene")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutation = "sceneAddO" if stash.release.since(25) else "sceneIncrementO"
    mutate(stash, mutation, id=any_of(stash, rng, "scenes"))


@event("an o of a scene is taken back")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutation = "sceneDeleteO" if stash.release.since(25) else "sceneDecrementO"
    mutate(stash, mutation, id=one(stash, rng, "SELECT scene_id FROM scenes_o_dates"))


@event("the o's of a scene are forgotten")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneResetO", id=one(stash, rng, "SELECT scene_id FROM scenes_o_dates"))


@event("activity is saved")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"resume_time": rng.randrange(1, 900) / 4, "playDuration": rng.randrange(1, 90) / 4}
    mutate(stash, "sceneSaveActivity", id=any_of(stash, rng, "scenes"), **given)


@event("activity is reset", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    scene = one(stash, rng, f"{SCENES} WHERE resume_time <> 0 OR play_duration <> 0")
    mutate(stash, "sceneResetActivity", id=scene, reset_resume=True, reset_duration=True)


@event("an o of an image")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "imageIncrementO", id=any_of(stash, rng, "images"))


@event("an o of an image is taken back")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "imageDecrementO", id=one(stash, rng, f"{IMAGES} WHERE o_counter > 0"))


@event("the o's of an image are forgotten")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "imageResetO", id=one(stash, rng, f"{IMAGES} WHERE o_counter > 0"))


# --- markers --------------------------------------------------------------------------------------------


@event("a marker is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {
        "title": fresh(stash, "marker"),
        "seconds": rng.randrange(100) / 4,
        "scene_id": any_of(stash, rng, "scenes"),
        "primary_tag_id": any_of(stash, rng, "tags"),
        "tag_ids": some(stash, rng, TAGS),
    }
    mutate(stash, "sceneMarkerCreate", input=given)


def _marker(stash: SimulatedStash, rng: random.Random) -> dict[str, Any]:
    """A marker as an update must send it before v0.23."""
    columns = "id, title, seconds, scene_id, primary_tag_id"
    (found,) = stash.library.rows(
        f"SELECT {columns} FROM scene_markers WHERE id = {any_of(stash, rng, 'scene_markers')}"
    )
    return found


@event("a marker is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"title": fresh(stash, "marker"), "tag_ids": some(stash, rng, TAGS)}
    mutate(stash, "sceneMarkerUpdate", input={**_marker(stash, rng), **given})


@event("a marker moves to another scene", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    marker = _marker(stash, rng)
    marker["scene_id"] = one(stash, rng, f"{SCENES} WHERE id <> {marker['scene_id']}")
    mutate(stash, "sceneMarkerUpdate", input=marker)


@event("markers are edited in bulk", seen=ALWAYS, since="v0.30.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"ids": some(stash, rng, MARKERS), "title": fresh(stash, "marker")}
    mutate(stash, "bulkSceneMarkerUpdate", input=given)


@event("a marker is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneMarkerDestroy", id=any_of(stash, rng, "scene_markers"))
