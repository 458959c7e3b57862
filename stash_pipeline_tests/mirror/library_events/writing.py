"""What happens to a library, as a real server does it: with the timestamps that it moves, and those that it does not.

What a person does goes through the server's mutations, what a task does (a scan, a clean, a generator) is written to
the tables, stamped by the server's own clock. Each event is one row of what was measured on real servers, or a part
of one; ``stash_pipeline_tests/mirror/events.py`` has changes that move nothing at all.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from stash_pipeline.simulator.releases import parse_version
from stash_pipeline.simulator.server import SimulatedStash

Happening = Callable[[SimulatedStash, random.Random], None]

PICTURE = "data:image/png;base64,iVBORw0KGgo="


class NothingToDoError(Exception):
    """The library has no object that this event applies to, or the server rejects it."""


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
        """Whether a server of that release supports the event."""
        return parse_version(release) >= parse_version(self.since)

    def seen_by_changes(self, release: str) -> bool:
        """Whether an incremental sync detects all of the event."""
        return self.seen is not None and parse_version(release) >= parse_version(self.seen)


EVENTS: dict[str, Event] = {}

ALWAYS = "v0.20.0"
COUNTED_PLAYS = "v0.26.0"
"""Scenes can be asked for by their last play."""
STAMPED_BY_AUTO_TAG = "v0.23.0"
"""Auto tag moves what it tags."""
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
        NothingToDoError: if it cannot.
    """
    event = EVENTS[name]
    if not event.possible(stash.release.name):
        raise NothingToDoError(f"{stash.release.name} cannot do that")
    with stash.library.transaction():
        event.happen(stash, random.Random(f"{name}/{seed}"))


# --- how events are written -----------------------------------------------------------------------------


def mutate(stash: SimulatedStash, mutation: str, **arguments: Any) -> None:
    """Sends a mutation.

    Raises:
        NothingToDoError: with the server's words, if it refuses.
    """
    root = stash.engine.schema.mutation_type
    assert isinstance(root, GraphQLObjectType)
    field = root.fields[mutation]
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
    passed = ", ".join(f"{name}: ${name}" for name in arguments)
    selection = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    answer = stash.execute(f"mutation({declared}) {{ {mutation}({passed}) {selection} }}", arguments)
    if answer.get("errors"):
        raise NothingToDoError(str(answer["errors"]))


def numbers(stash: SimulatedStash, sql: str) -> list[int]:
    """The first column of a query, in order."""
    return sorted(row[0] for row in stash.library.tuples(sql))


def one(stash: SimulatedStash, rng: random.Random, sql: str) -> int:
    """One of the ids that a query returns."""
    found = numbers(stash, sql)
    if not found:
        raise NothingToDoError(sql)
    return rng.choice(found)


def some(stash: SimulatedStash, rng: random.Random, sql: str, most: int = 3) -> list[int]:
    """Some of the ids that a query returns, at least one, none twice."""
    found = sorted(set(numbers(stash, sql)))
    if not found:
        raise NothingToDoError(sql)
    return sorted(rng.sample(found, min(rng.randint(1, most), len(found))))


def any_of(stash: SimulatedStash, rng: random.Random, table: str) -> int:
    """An arbitrary object of a table."""
    return one(stash, rng, f"SELECT id FROM {table}")


def fresh(stash: SimulatedStash, what: str) -> str:
    """A name that is not used yet."""
    return f"{what} {stash.library.scalar('SELECT total_changes()')}"


def stamp(stash: SimulatedStash, table: str, *ids: int) -> None:
    """Updates ``updated_at``, as the server's own tasks do."""
    for identifier in ids:
        stash.library.update(table, identifier, {"updated_at": stash.context().local_now()})


def born(stash: SimulatedStash) -> dict[str, str]:
    """The timestamps of a new object."""
    now = stash.context().local_now()
    return {"created_at": now, "updated_at": now}


def number_of(rng: random.Random) -> int:
    """A 64-bit number, as hashes are."""
    return rng.getrandbits(64) - (1 << 63)


def new_file(stash: SimulatedStash, rng: random.Random, kind: str, folder: int | None = None) -> int:
    """A file found by a scan."""
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
    """A folder found by a scan."""
    now = stash.context().local_now()
    return stash.library.insert("folders", {"path": path, "mod_time": now, **more, **born(stash)})


def attach(stash: SimulatedStash, table: str, owner: int, file: int) -> None:
    """Attaches a file to a scene, an image or a gallery; the first one is its primary file."""
    column = {"scenes_files": "scene_id", "images_files": "image_id", "galleries_files": "gallery_id"}[table]
    there = stash.library.scalar(f"SELECT count(*) FROM {table} WHERE {column} = ?", [owner])
    stash.library.insert(table, {column: owner, "file_id": file, "primary": int(not there)})


def as_group(stash: SimulatedStash, mutation: str) -> str:
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
