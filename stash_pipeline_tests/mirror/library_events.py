"""What happens to a library, as a real server does it: with the timestamps that it moves, and those that it does not.

What a person does goes through the server's mutations, what a task does (a scan, a clean, a generator) is written to
the tables, stamped by the server's own clock. Each event is one row of what was measured on real servers, or a part
of one; ``stash_pipeline_tests/mirror/events.py`` has changes that move nothing at all.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from stash_pipeline.simulator.releases import parse_version
from stash_pipeline.simulator.server import SimulatedStash

Happening = Callable[[SimulatedStash, random.Random], None]

PICTURE = "data:image/png;base64,iVBORw0KGgo="


class NothingToDo(Exception):
    """The library has nothing that this could happen to, or the server refuses it."""


@dataclass(frozen=True)
class Event:
    """Something that happens on a server.

    Attributes:
        since: the first release that can do it.
        seen: the first release of which a reading of changes brings all of it; None where only more would.
    """

    name: str
    happen: Happening
    since: str = "v0.20.0"
    seen: str | None = None

    def possible(self, release: str) -> bool:
        """Whether a server of that release can do it."""
        return parse_version(release) >= parse_version(self.since)

    def seen_by_changes(self, release: str) -> bool:
        """Whether a reading of changes brings all of it."""
        return self.seen is not None and parse_version(release) >= parse_version(self.seen)


EVENTS: dict[str, Event] = {}

ALWAYS = "v0.20.0"
COUNTED_PLAYS = "v0.26.0"
"""Scenes can be asked for by their last play."""
COUNTED_FILES = "v0.29.0"
"""Files and folders have queries of their own; before, one that nothing holds any more is missed by changes."""


def event(name: str, *, seen: str | None = None, since: str = ALWAYS) -> Callable[[Happening], Happening]:
    """Registers an event."""

    def register(happen: Happening) -> Happening:
        EVENTS[name] = Event(name, happen, since, seen)
        return happen

    return register


def happen(stash: SimulatedStash, name: str, seed: int) -> None:
    """Lets an event happen, to objects that the seed chooses; all of it or nothing.

    Raises:
        NothingToDo: if it cannot.
    """
    event = EVENTS[name]
    if not event.possible(stash.release.name):
        raise NothingToDo(f"{stash.release.name} cannot do that")
    with stash.library.transaction():
        event.happen(stash, random.Random(f"{name}/{seed}"))


# --- how events are written -----------------------------------------------------------------------------


def mutate(stash: SimulatedStash, mutation: str, **arguments: Any) -> None:
    """Sends a mutation.

    Raises:
        NothingToDo: with the server's words, if it refuses.
    """
    root = stash.engine.schema.mutation_type
    assert isinstance(root, GraphQLObjectType)
    field = root.fields[mutation]
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
    passed = ", ".join(f"{name}: ${name}" for name in arguments)
    selection = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    answer = stash.execute(f"mutation({declared}) {{ {mutation}({passed}) {selection} }}", arguments)
    if answer.get("errors"):
        raise NothingToDo(str(answer["errors"]))


def numbers(stash: SimulatedStash, sql: str) -> list[int]:
    """The first column of a query, in order."""
    return sorted(row[0] for row in stash.library.tuples(sql))


def one(stash: SimulatedStash, rng: random.Random, sql: str) -> int:
    """One of the ids that a query finds."""
    found = numbers(stash, sql)
    if not found:
        raise NothingToDo(sql)
    return rng.choice(found)


def some(stash: SimulatedStash, rng: random.Random, sql: str, most: int = 3) -> list[int]:
    """Some of the ids that a query finds, at least one."""
    found = numbers(stash, sql)
    if not found:
        raise NothingToDo(sql)
    return sorted(rng.sample(found, min(rng.randint(1, most), len(found))))


def any_of(stash: SimulatedStash, rng: random.Random, table: str) -> int:
    """One of the objects of a table."""
    return one(stash, rng, f"SELECT id FROM {table}")


def fresh(stash: SimulatedStash, what: str) -> str:
    """A name that nothing has had yet."""
    return f"{what} {stash.library.scalar('SELECT total_changes()')}"


def stamp(stash: SimulatedStash, table: str, *ids: int) -> None:
    """Moves ``updated_at``, as the server's own tasks do."""
    for identifier in ids:
        stash.library.update(table, identifier, {"updated_at": stash.context().local_now()})


def born(stash: SimulatedStash) -> dict[str, str]:
    """The timestamps of something new."""
    now = stash.context().local_now()
    return {"created_at": now, "updated_at": now}


def number_of(rng: random.Random) -> int:
    """A 64-bit number, as hashes are."""
    return rng.getrandbits(64) - (1 << 63)


def new_file(stash: SimulatedStash, rng: random.Random, kind: str, folder: int | None = None) -> int:
    """A file that a scan has found."""
    if folder is None:
        folder = one(stash, rng, "SELECT id FROM folders WHERE zip_file_id IS NULL")
    extension = {"video": "mp4", "image": "jpg", "zip": "zip"}[kind]
    zipped = stash.library.scalar("SELECT zip_file_id FROM folders WHERE id = ?", [folder])
    now = stash.context().local_now()
    file = stash.library.insert(
        "files",
        {
            "basename": f"{fresh(stash, 'found')}.{extension}",
            "parent_folder_id": folder,
            "zip_file_id": zipped,
            "size": rng.randrange(1, 10**9),
            "mod_time": now,
            **born(stash),
        },
    )
    fingerprint = {"file_id": file, "type": "md5", "fingerprint": f"{rng.getrandbits(128):032x}"}
    if kind == "video":
        stash.library.insert("video_files", {"file_id": file, **_encoding(rng)})
        fingerprint.update(type="oshash", fingerprint=f"{rng.getrandbits(64):016x}")
    elif kind == "image":
        stash.library.insert("image_files", {"file_id": file, "format": "jpeg", "width": 640, "height": 480})
    stash.library.insert("files_fingerprints", fingerprint)
    return file


def _encoding(rng: random.Random) -> dict[str, Any]:
    return {
        "duration": round(rng.uniform(1, 5000), 2),
        "video_codec": rng.choice(("h264", "hevc", "av1")),
        "format": "mp4",
        "audio_codec": "aac",
        "width": 1920,
        "height": 1080,
        "frame_rate": rng.choice((25.0, 29.97)),
        "bit_rate": rng.randrange(10**5, 10**7),
    }


def new_folder(stash: SimulatedStash, path: str, **more: Any) -> int:
    """A folder that a scan has found."""
    now = stash.context().local_now()
    return stash.library.insert("folders", {"path": path, "mod_time": now, **more, **born(stash)})


def attach(stash: SimulatedStash, table: str, owner: int, file: int) -> None:
    """Gives a file to a scene, an image or a gallery; the first one is its primary file."""
    column = {"scenes_files": "scene_id", "images_files": "image_id", "galleries_files": "gallery_id"}[table]
    there = stash.library.scalar(f"SELECT count(*) FROM {table} WHERE {column} = ?", [owner])
    stash.library.insert(table, {column: owner, "file_id": file, "primary": int(not there)})


def _as_group(stash: SimulatedStash, mutation: str) -> str:
    """Groups were movies before v0.27."""
    return mutation if stash.release.since(27) else mutation.replace("group", "movie").replace("Group", "Movie")


SCENES = "SELECT id FROM scenes"
TAGS = "SELECT id FROM tags"
PERFORMERS = "SELECT id FROM performers"
STUDIOS = "SELECT id FROM studios"
GROUPS = "SELECT id FROM groups"
GALLERIES = "SELECT id FROM galleries"
IMAGES = "SELECT id FROM images"
MARKERS = "SELECT id FROM scene_markers"
VIDEOS = "SELECT file_id FROM scenes_files"
SECONDARY = 'SELECT file_id FROM scenes_files WHERE "primary" = 0'

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
    """A marker as an update has to give it before v0.23."""
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


# --- tags -----------------------------------------------------------------------------------------------


@event("a tag is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "tag"), "parent_ids": some(stash, rng, TAGS, 2)}
    mutate(stash, "tagCreate", input=given)


@event("a tag is renamed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "tagUpdate", input={"id": any_of(stash, rng, "tags"), "name": fresh(stash, "Tag")})


@event("a tag gets an image", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "tagUpdate", input={"id": any_of(stash, rng, "tags"), "image": PICTURE})


@event("a tag gets aliases", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"aliases": [fresh(stash, "alias"), fresh(stash, "Ältere")]}
    mutate(stash, "tagUpdate", input={"id": any_of(stash, rng, "tags"), **given})


def _above(stash: SimulatedStash, tag: int) -> str:
    """What a tag cannot have below it: itself, and what is above."""
    return (
        f"WITH RECURSIVE up(id) AS (SELECT {tag} UNION"
        " SELECT parent_id FROM tags_relations JOIN up ON child_id = up.id) SELECT id FROM up"
    )


def _lone(stash: SimulatedStash, rng: random.Random) -> tuple[int, int]:
    """A tag, and another that may come below it."""
    tag = any_of(stash, rng, "tags")
    below = f"SELECT child_id FROM tags_relations WHERE parent_id = {tag}"
    return tag, one(stash, rng, f"{TAGS} WHERE id NOT IN ({_above(stash, tag)}) AND id NOT IN ({below})")


@event("a tag gets parents", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    parent, child = _lone(stash, rng)
    mutate(stash, "tagUpdate", input={"id": child, "parent_ids": [parent]})


@event("a tag gets children")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # the children, whose parents these are, keep their timestamps
    parent, child = _lone(stash, rng)
    mutate(stash, "tagUpdate", input={"id": parent, "child_ids": [child]})


def _two(stash: SimulatedStash, rng: random.Random, table: str, used: str) -> tuple[int, int]:
    """One of the objects that are used somewhere, and another one."""
    source = one(stash, rng, used)
    return source, one(stash, rng, f"SELECT id FROM {table} WHERE id <> {source}")


_USED_TAGS = "SELECT tag_id FROM scenes_tags UNION SELECT primary_tag_id FROM scene_markers"


@event("tags are merged", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    source, destination = _two(stash, rng, "tags", _USED_TAGS)
    mutate(stash, "tagsMerge", input={"source": [source], "destination": destination})


@event("tags are merged with values", seen=ALWAYS, since="v0.31.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    source, destination = _two(stash, rng, "tags", _USED_TAGS)
    values = {"id": destination, "description": fresh(stash, "merged")}
    mutate(stash, "tagsMerge", input={"source": [source], "destination": destination, "values": values})


@event("a tag is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    tag = one(stash, rng, f"{TAGS} WHERE id NOT IN (SELECT primary_tag_id FROM scene_markers)")
    mutate(stash, "tagDestroy", input={"id": tag})


# --- performers, studios, groups ------------------------------------------------------------------------


@event("a performer is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "performer"), "tag_ids": some(stash, rng, TAGS)}
    mutate(stash, "performerCreate", input=given)


@event("a performer is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "Performer"), "birthdate": rng.choice((None, "1990-02-03")), "favorite": True}
    mutate(stash, "performerUpdate", input={"id": any_of(stash, rng, "performers"), **given})


@event("a performer gets an image, aliases and tags", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"image": PICTURE, "alias_list": [fresh(stash, "alias")], "tag_ids": some(stash, rng, TAGS)}
    mutate(stash, "performerUpdate", input={"id": any_of(stash, rng, "performers"), **given})


@event("a performer gets custom fields", seen=ALWAYS, since="v0.28.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"custom_fields": {"partial": {"number": rng.randrange(9), "text": fresh(stash, "text")}}}
    mutate(stash, "performerUpdate", input={"id": any_of(stash, rng, "performers"), **given})


@event("performers are merged", seen=ALWAYS, since="v0.31.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    source, destination = _two(stash, rng, "performers", "SELECT performer_id FROM performers_scenes")
    mutate(stash, "performerMerge", input={"source": [source], "destination": destination})


@event("a performer is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "performerDestroy", input={"id": any_of(stash, rng, "performers")})


@event("a studio is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "studio"), "parent_id": any_of(stash, rng, "studios")}
    mutate(stash, "studioCreate", input=given)


@event("a studio is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "Studio"), "image": rng.choice((None, PICTURE)), "rating100": 50}
    mutate(stash, "studioUpdate", input={"id": any_of(stash, rng, "studios"), **given})


@event("a studio gets another parent", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    studio = any_of(stash, rng, "studios")
    below = (
        f"WITH RECURSIVE down(id) AS (SELECT {studio} UNION"
        " SELECT s.id FROM studios s JOIN down ON s.parent_id = down.id) SELECT id FROM down"
    )
    parent = one(stash, rng, f"{STUDIOS} WHERE id NOT IN ({below})")
    mutate(stash, "studioUpdate", input={"id": studio, "parent_id": parent})


@event("a studio is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "studioDestroy", input={"id": any_of(stash, rng, "studios")})


@event("a group is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "group"), "studio_id": any_of(stash, rng, "studios")}
    mutate(stash, _as_group(stash, "groupCreate"), input=given)


@event("a group is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "Group"), "front_image": PICTURE, "duration": rng.randrange(9999)}
    mutate(stash, _as_group(stash, "groupUpdate"), input={"id": any_of(stash, rng, "groups"), **given})


@event("a group is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, _as_group(stash, "groupDestroy"), input={"id": any_of(stash, rng, "groups")})


def _apart(stash: SimulatedStash, rng: random.Random) -> tuple[int, int]:
    """Two groups of which the first does not contain the second yet; groups do not contain each other in a circle."""
    pairs = stash.library.tuples(
        "SELECT a.id, b.id FROM groups a JOIN groups b ON b.id > a.id WHERE (a.id, b.id) NOT IN"
        " (SELECT containing_id, sub_id FROM groups_relations) ORDER BY 1, 2"
    )
    if not pairs:
        raise NothingToDo("all groups contain each other")
    containing, sub = rng.choice(pairs)
    return containing, sub


@event("a group gets a sub-group", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing, sub = _apart(stash, rng)
    given = {"sub_groups": [{"group_id": sub, "description": rng.choice((None, "part"))}], "insert_index": 0}
    mutate(stash, "addGroupSubGroups", input={"containing_group_id": containing, **given})


@event("a group says which groups contain it", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing, sub = _apart(stash, rng)
    given = {"containing_groups": [{"group_id": containing, "description": "told by the other side"}]}
    mutate(stash, "groupUpdate", input={"id": sub, **given})


@event("a group loses a sub-group", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing = one(stash, rng, "SELECT containing_id FROM groups_relations")
    sub = one(stash, rng, f"SELECT sub_id FROM groups_relations WHERE containing_id = {containing}")
    mutate(stash, "removeGroupSubGroups", input={"containing_group_id": containing, "sub_group_ids": [sub]})


@event("sub-groups change places", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing = one(
        stash, rng, "SELECT containing_id FROM groups_relations GROUP BY containing_id HAVING count(*) > 1"
    )
    ordered = f"SELECT sub_id FROM groups_relations WHERE containing_id = {containing} ORDER BY order_index"
    first, *_, last = [row[0] for row in stash.library.tuples(ordered)]
    given = {"sub_group_ids": [last], "insert_at_id": first, "insert_after": False}
    mutate(stash, "reorderSubGroups", input={"group_id": containing, **given})


# --- galleries and images -------------------------------------------------------------------------------


@event("a gallery is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "galleryCreate", input={"title": fresh(stash, "gallery"), "tag_ids": some(stash, rng, TAGS)})


@event("a gallery is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"title": fresh(stash, "Gallery"), "performer_ids": some(stash, rng, PERFORMERS)}
    mutate(stash, "galleryUpdate", input={"id": any_of(stash, rng, "galleries"), **given})


@event("a gallery is destroyed", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    gallery = one(stash, rng, "SELECT gallery_id FROM galleries_files")
    mutate(stash, "galleryDestroy", input={"ids": [gallery]})


@event("a gallery without files is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    of_disk = "SELECT gallery_id FROM galleries_files"
    gallery = one(stash, rng, f"{GALLERIES} WHERE folder_id IS NULL AND id NOT IN ({of_disk})")
    mutate(stash, "galleryDestroy", input={"ids": [gallery]})


@event("a gallery says which scenes it belongs to")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # the gallery moves, the scenes do not
    gallery = any_of(stash, rng, "galleries")
    others = f"SELECT scene_id FROM scenes_galleries WHERE gallery_id = {gallery}"
    scene = one(stash, rng, f"{SCENES} WHERE id NOT IN ({others})")
    mutate(stash, "galleryUpdate", input={"id": gallery, "scene_ids": [scene]})


@event("images are put into a gallery")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    gallery = any_of(stash, rng, "galleries")
    inside = f"SELECT image_id FROM galleries_images WHERE gallery_id = {gallery}"
    images = some(stash, rng, f"{IMAGES} WHERE id NOT IN ({inside})")
    mutate(stash, "addGalleryImages", input={"gallery_id": gallery, "image_ids": images})


@event("images are taken out of a gallery")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    gallery = one(stash, rng, "SELECT gallery_id FROM galleries_images")
    images = some(stash, rng, f"SELECT image_id FROM galleries_images WHERE gallery_id = {gallery}")
    mutate(stash, "removeGalleryImages", input={"gallery_id": gallery, "image_ids": images})


@event("an image says which galleries it is in", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"gallery_ids": some(stash, rng, GALLERIES)}
    mutate(stash, "imageUpdate", input={"id": any_of(stash, rng, "images"), **given})


@event("a gallery gets a cover", seen=ALWAYS, since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    gallery = one(stash, rng, "SELECT gallery_id FROM galleries_images")
    image = one(stash, rng, f"SELECT image_id FROM galleries_images WHERE gallery_id = {gallery}")
    mutate(stash, "setGalleryCover", input={"gallery_id": gallery, "cover_image_id": image})


@event("a gallery loses its cover", seen=ALWAYS, since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "resetGalleryCover", input={"gallery_id": any_of(stash, rng, "galleries")})


@event("a chapter is created")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    gallery = one(stash, rng, "SELECT gallery_id FROM galleries_images")
    given = {"title": fresh(stash, "chapter"), "image_index": 1}
    mutate(stash, "galleryChapterCreate", input={"gallery_id": gallery, **given})


@event("a chapter is edited")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    chapter = any_of(stash, rng, "galleries_chapters")
    gallery = stash.library.scalar("SELECT gallery_id FROM galleries_chapters WHERE id = ?", [chapter])
    given = {"title": fresh(stash, "Chapter"), "gallery_id": gallery, "image_index": 1}
    mutate(stash, "galleryChapterUpdate", input={"id": chapter, **given})


@event("a chapter is destroyed")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "galleryChapterDestroy", id=any_of(stash, rng, "galleries_chapters"))


@event("an image is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"title": fresh(stash, "image"), "tag_ids": some(stash, rng, TAGS), "rating100": rng.randrange(101)}
    mutate(stash, "imageUpdate", input={"id": any_of(stash, rng, "images"), **given})


@event("an image is destroyed", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    image = one(stash, rng, "SELECT image_id FROM galleries_images")
    mutate(stash, "imageDestroy", input={"id": image, "delete_file": rng.random() < 0.5})


# --- files ----------------------------------------------------------------------------------------------


@event("files are moved", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    destination = f"/media/moved/{rng.randrange(3)}"
    mutate(stash, "moveFiles", input={"ids": some(stash, rng, VIDEOS), "destination_folder": destination})


@event("a fingerprint is set", since="v0.24.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"fingerprints": [{"type": "phash", "value": f"{rng.getrandbits(64):x}"}]}
    mutate(stash, "fileSetFingerprints", input={"id": one(stash, rng, VIDEOS), **given})


@event("a file is assigned to another scene")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # neither scene moves
    file = one(stash, rng, SECONDARY)
    owner = stash.library.scalar("SELECT scene_id FROM scenes_files WHERE file_id = ?", [file])
    scene = one(stash, rng, f"{SCENES} WHERE id <> {owner}")
    mutate(stash, "sceneAssignFile", input={"file_id": file, "scene_id": scene})


@event("a secondary file is deleted", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "deleteFiles", ids=[one(stash, rng, SECONDARY)])


# --- scans ----------------------------------------------------------------------------------------------


@event("a scan finds a scene", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    file = new_file(stash, rng, "video")
    attach(stash, "scenes_files", stash.library.insert("scenes", born(stash)), file)


@event("a scan finds a folder with a scene", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    parent = one(stash, rng, "SELECT id FROM folders WHERE zip_file_id IS NULL")
    path = stash.library.scalar("SELECT path FROM folders WHERE id = ?", [parent])
    folder = new_folder(stash, f"{path}/{fresh(stash, 'folder')}", parent_folder_id=parent)
    file = new_file(stash, rng, "video", folder)
    attach(stash, "scenes_files", stash.library.insert("scenes", born(stash)), file)


@event("a scan finds an image", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    file = new_file(stash, rng, "image")
    attach(stash, "images_files", stash.library.insert("images", born(stash)), file)


@event("a scan finds a zip with images", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    archive = new_file(stash, rng, "zip")
    gallery = stash.library.insert("galleries", born(stash))
    attach(stash, "galleries_files", gallery, archive)
    path = stash.library.scalar(
        "SELECT folders.path || '/' || basename FROM files JOIN folders ON folders.id = files.parent_folder_id"
        " WHERE files.id = ?",
        [archive],
    )
    parent = stash.library.scalar("SELECT parent_folder_id FROM files WHERE id = ?", [archive])
    folder = new_folder(stash, path, parent_folder_id=parent, zip_file_id=archive)
    for _ in range(2):
        image = stash.library.insert("images", born(stash))
        attach(stash, "images_files", image, new_file(stash, rng, "image", folder))
        stash.library.insert("galleries_images", {"gallery_id": gallery, "image_id": image})


@event("a scan finds a duplicate of a scene's file", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    scene = one(stash, rng, "SELECT scene_id FROM scenes_files")
    attach(stash, "scenes_files", scene, new_file(stash, rng, "video"))
    stamp(stash, "scenes", scene)


@event("a scan finds that a zip belongs to a scene beside it")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # neither moves
    gallery = one(stash, rng, "SELECT gallery_id FROM galleries_files")
    others = f"SELECT scene_id FROM scenes_galleries WHERE gallery_id = {gallery}"
    scene = one(stash, rng, f"{SCENES} WHERE id NOT IN ({others})")
    stash.library.insert("scenes_galleries", {"scene_id": scene, "gallery_id": gallery})


@event("a file is renamed on disk", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    file = one(stash, rng, VIDEOS)
    stash.library.update("files", file, {"basename": f"{fresh(stash, 'renamed')}.mp4"})
    stamp(stash, "files", file)


@event("the content of a file changes")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # the file moves; its scene, whose sprite is called by the hash, does not
    file = one(stash, rng, VIDEOS)
    now = stash.context().local_now()
    stash.library.update("files", file, {"size": rng.randrange(10**9), "mod_time": now, "updated_at": now})
    stash.library.execute("UPDATE video_files SET duration = duration + 1 WHERE file_id = ?", [file])
    stash.library.execute("DELETE FROM files_fingerprints WHERE file_id = ?", [file])
    oshash = f"{rng.getrandbits(64):016x}"
    stash.library.insert("files_fingerprints", {"file_id": file, "type": "oshash", "fingerprint": oshash})


@event("all files are scanned again", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    stamp(stash, "files", *numbers(stash, "SELECT id FROM files"))


@event("a folder is renamed on disk")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # nothing moves, and every path below is another
    folder = one(stash, rng, "SELECT parent_folder_id FROM files JOIN scenes_files ON file_id = files.id")
    before = stash.library.scalar("SELECT path FROM folders WHERE id = ?", [folder])
    after = f"{before} {fresh(stash, 'renamed')}"
    stash.library.execute(
        "UPDATE folders SET path = ? || substr(path, ?) WHERE path = ? OR path LIKE ? || '/%'",
        [after, len(before) + 1, before, before],
    )


@event("captions appear")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    file = one(stash, rng, 'SELECT file_id FROM scenes_files WHERE "primary" = 1')
    there = {
        row[0] for row in stash.library.tuples("SELECT language_code FROM video_captions WHERE file_id = ?", [file])
    }
    language = rng.choice(sorted({"de", "en", "fr", "it"} - there) or [""])
    if not language:
        raise NothingToDo("all languages are there")
    values = {"file_id": file, "language_code": language, "filename": f"x.{language}.srt", "caption_type": "srt"}
    stash.library.insert("video_captions", values)


_PRIMARY_CAPTIONS = 'SELECT file_id FROM video_captions JOIN scenes_files USING (file_id) WHERE "primary" = 1'


@event("captions are of another language")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    file = one(stash, rng, _PRIMARY_CAPTIONS)
    stash.library.execute("DELETE FROM video_captions WHERE file_id = ?", [file])
    language = f"x{stash.library.scalar('SELECT total_changes()') % 100}"
    values = {"file_id": file, "language_code": language, "filename": "x.vtt", "caption_type": "vtt"}
    stash.library.insert("video_captions", values)


@event("captions vanish")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    stash.library.execute("DELETE FROM video_captions WHERE file_id = ?", [one(stash, rng, _PRIMARY_CAPTIONS)])


@event("a funscript appears")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    plain = 'SELECT file_id FROM scenes_files JOIN video_files USING (file_id) WHERE "primary" = 1 AND interactive = 0'
    stash.library.execute("UPDATE video_files SET interactive = 1 WHERE file_id = ?", [one(stash, rng, plain)])


# --- generators, clean, and what else runs by itself ----------------------------------------------------


@event("phashes are generated")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    for file in some(stash, rng, VIDEOS):
        stash.library.execute("DELETE FROM files_fingerprints WHERE file_id = ? AND type = 'phash'", [file])
        values = {"file_id": file, "type": "phash", "fingerprint": number_of(rng)}
        stash.library.insert("files_fingerprints", values)


@event("an md5 is filled in later")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    without = f"{VIDEOS} WHERE file_id NOT IN (SELECT file_id FROM files_fingerprints WHERE type = 'md5')"
    values = {"file_id": one(stash, rng, without), "type": "md5", "fingerprint": f"{rng.getrandbits(128):032x}"}
    stash.library.insert("files_fingerprints", values)


@event("covers are generated", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    stamp(stash, "scenes", *some(stash, rng, SCENES))


@event("a screenshot is generated", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "sceneGenerateScreenshot", id=any_of(stash, rng, "scenes"))


@event("a heatmap is generated", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    scene = one(stash, rng, "SELECT scene_id FROM scenes_files")
    stash.library.execute(
        "UPDATE video_files SET interactive = 1, interactive_speed = ?"
        " WHERE file_id IN (SELECT file_id FROM scenes_files WHERE scene_id = ?)",
        [rng.randrange(1, 400), scene],
    )
    stamp(stash, "scenes", scene)


@event("a clean finds a secondary file gone", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    file = one(stash, rng, SECONDARY)
    scene = stash.library.scalar("SELECT scene_id FROM scenes_files WHERE file_id = ?", [file])
    stash.library.execute("DELETE FROM files WHERE id = ?", [file])
    stamp(stash, "scenes", scene)


@event("a clean finds the last file of a scene gone", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    scene = one(stash, rng, "SELECT scene_id FROM scenes_files GROUP BY scene_id HAVING count(*) = 1")
    (file,) = numbers(stash, f"SELECT file_id FROM scenes_files WHERE scene_id = {scene}")
    stash.library.execute("DELETE FROM scene_markers WHERE scene_id = ?", [scene])
    stash.library.execute("DELETE FROM scenes WHERE id = ?", [scene])
    stash.library.execute("DELETE FROM files WHERE id = ?", [file])


@event("scenes are tagged automatically", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    tag = any_of(stash, rng, "tags")
    without = f"{SCENES} WHERE id NOT IN (SELECT scene_id FROM scenes_tags WHERE tag_id = {tag})"
    for scene in some(stash, rng, without):
        stash.library.insert("scenes_tags", {"scene_id": scene, "tag_id": tag})
        stamp(stash, "scenes", scene)


@event("objects are imported with the timestamps that they had", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    before = {"created_at": "2019-01-02T03:04:05Z", "updated_at": "2019-02-03T04:05:06-08:00"}
    scene = stash.library.insert("scenes", {"title": fresh(stash, "imported"), **before})
    tag = stash.library.insert("tags", {"name": fresh(stash, "imported"), **before})
    stash.library.insert("scenes_tags", {"scene_id": scene, "tag_id": tag})


# --- what has no timestamps -----------------------------------------------------------------------------


def _filter(stash: SimulatedStash, **more: Any) -> Mapping[str, Any]:
    parts: dict[str, Any] = {"filter": '{"q":"","c":{"a":[1]}}'}
    if stash.release.since(23):
        parts = {"find_filter": {"q": "x", "per_page": 20}, "object_filter": {"a": {"b": [1, None]}}}
    return {"name": fresh(stash, "filter"), "mode": "SCENES", **parts, **more}


@event("a filter is saved", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "saveFilter", input=_filter(stash))


@event("a filter is saved again", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "saveFilter", input=_filter(stash, id=any_of(stash, rng, "saved_filters")))


@event("a filter is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "destroySavedFilter", input={"id": any_of(stash, rng, "saved_filters")})


# --- libraries ------------------------------------------------------------------------------------------

_FURNITURE = (
    *("a tag is created", "a performer is created", "a studio is created", "a group is created") * 3,
    *("a gallery is created", "a scan finds a zip with images", "images are put into a gallery") * 2,
    *("a scan finds a duplicate of a scene's file", "captions appear", "a marker is created") * 3,
    *("a chapter is created", "a scene joins groups", "a filter is saved") * 3,
    *("a group gets a sub-group",) * 7,
    *("an o of an image", "an o of a scene", "a scene is played", "activity is saved") * 2,
)


def furnish(stash: SimulatedStash) -> None:
    """Gives a library of some scenes a little of everything that can happen to it."""
    # what no server would write: the primary tag of a marker among its others
    stash.library.execute(
        "DELETE FROM scene_markers_tags WHERE (scene_marker_id, tag_id) IN"
        " (SELECT id, primary_tag_id FROM scene_markers)"
    )
    for seed, name in enumerate(_FURNITURE):
        with suppress(NothingToDo):
            happen(stash, name, seed)
