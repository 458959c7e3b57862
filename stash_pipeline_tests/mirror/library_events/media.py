"""Events of galleries and images."""

import random

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.mirror.library_events.writing import (
    ALWAYS,
    COUNTED_FILES,
    GALLERIES,
    IMAGES,
    PERFORMERS,
    SCENES,
    TAGS,
    any_of,
    event,
    fresh,
    mutate,
    one,
    some,
)

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
