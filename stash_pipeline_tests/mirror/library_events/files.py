"""Events of files, by users or tasks, and of objects without timestamps."""

import random
from collections.abc import Mapping
from typing import Any

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.mirror.library_events.writing import (
    ALWAYS,
    COUNTED_FILES,
    SCENES,
    SECONDARY,
    STAMPED_BY_AUTO_TAG,
    VIDEOS,
    NothingToDoError,
    any_of,
    attach,
    born,
    event,
    fresh,
    mutate,
    new_file,
    new_folder,
    number_of,
    numbers,
    one,
    some,
    stamp,
)

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


@event("a scan finds a clip", seen=ALWAYS, since="v0.21.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    attach(stash, "images_files", stash.library.insert("images", born(stash)), new_file(stash, rng, "video"))


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


@event("the file of an image without a title is renamed on disk", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # before v0.28 it is the image's title
    nameless = (
        "SELECT image_id FROM images_files JOIN images ON id = image_id WHERE coalesce(title, '') = ''"
        # the cover of a gallery may follow from the names of its files
        " AND image_id NOT IN (SELECT image_id FROM galleries_images)"
    )
    image = one(stash, rng, f'{nameless} AND "primary" = 1')
    (file,) = numbers(stash, f'SELECT file_id FROM images_files WHERE image_id = {image} AND "primary" = 1')
    stash.library.update("files", file, {"basename": f"{fresh(stash, 'renamed')}.jpg"})
    stamp(stash, "files", file)


@event("a file is put into a folder, whose own time moves")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # its stamp does not
    folder = one(stash, rng, "SELECT folder_id FROM galleries WHERE folder_id IS NOT NULL")
    stash.library.update("folders", folder, {"mod_time": stash.context().local_now()})


@event("an image that was taken for a video is taken for an image", since="v0.21.0", seen=COUNTED_FILES)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # a GIF that an older release has scanned; what that knew of it stays where it was
    clip = one(
        stash,
        rng,
        "SELECT file_id FROM images_files JOIN video_files USING (file_id)"
        " WHERE file_id NOT IN (SELECT file_id FROM image_files)",
    )
    stash.library.insert("image_files", {"file_id": clip, "format": "gif", "width": 64, "height": 48})
    stamp(stash, "files", clip)


@event("the content of a file changes")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # the file moves; its scene, whose sprite is called by the hash of its first file, does not
    file = one(stash, rng, f'{VIDEOS} WHERE "primary" = 1')
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
        raise NothingToDoError("all languages are there")
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


def _tag_automatically(stash: SimulatedStash, rng: random.Random, table: str, owner: str) -> None:
    """Files in a folder named like a tag, performer or studio get it."""
    tag, performer = any_of(stash, rng, "tags"), any_of(stash, rng, "performers")
    without = f"SELECT id FROM {table} WHERE id NOT IN (SELECT {owner} FROM {table}_tags WHERE tag_id = {tag})"
    found = some(stash, rng, without)
    for one_of_them in found:
        stash.library.insert(f"{table}_tags", {owner: one_of_them, "tag_id": tag})
        stash.library.execute(
            f"INSERT OR IGNORE INTO performers_{table} ({owner}, performer_id) VALUES (?, ?)", [one_of_them, performer]
        )
        stash.library.execute(
            f"UPDATE {table} SET studio_id = ? WHERE id = ? AND studio_id IS NULL",
            [any_of(stash, rng, "studios"), one_of_them],
        )
    if stash.release.since(23):
        stamp(stash, table, *found)


@event("scenes are tagged automatically", seen=STAMPED_BY_AUTO_TAG)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    _tag_automatically(stash, rng, "scenes", "scene_id")


@event("images are tagged automatically", seen=STAMPED_BY_AUTO_TAG)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    _tag_automatically(stash, rng, "images", "image_id")


@event("galleries are tagged automatically", seen=STAMPED_BY_AUTO_TAG)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    _tag_automatically(stash, rng, "galleries", "gallery_id")


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
