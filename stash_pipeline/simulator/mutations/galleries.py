"""Galleries, their chapters, and images."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.mutations.changes import (
    Join,
    current_join,
    number,
    numbers,
    require,
    touch,
)
from stash_pipeline.simulator.mutations.common import (
    Mutation,
    creates,
    destroys,
    updates,
    updates_bulk,
    updates_list,
)
from stash_pipeline.simulator.mutations.specs import CHAPTER, GALLERY, IMAGE

_IN_GALLERY = Join("galleries_images", "gallery_id", "image_id")


def _check_gallery(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    if "title" not in fields or fields["title"]:
        return
    if row_id is None:
        raise AnswerError("title must not be empty")
    user_made = ctx.library.scalar(
        "SELECT folder_id IS NULL AND id NOT IN (SELECT gallery_id FROM galleries_files) FROM galleries WHERE id = ?",
        (row_id,),
    )
    if user_made:
        raise AnswerError("title must not be empty for user-created galleries")


def _check_image(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    """Changes updated_at of galleries that an image is added to or removed from."""
    if "gallery_ids" not in fields or row_id is None:
        return
    before = set(current_join(ctx, IMAGE.joins["gallery_ids"], row_id))
    value = fields["gallery_ids"]
    if isinstance(value, dict):
        galleries = set(numbers(value.get("ids")))
        mode = value["mode"]
        after = galleries if mode == "SET" else before | galleries if mode == "ADD" else before - galleries
    else:
        after = set(numbers(value))
    for gallery in before ^ after:
        require(ctx, GALLERY, gallery)
        touch(ctx, "galleries", gallery)


def _gallery_images(remove: bool) -> Mutation:
    def change(ctx: RequestContext, args: dict[str, Any]) -> Any:
        gallery, images = number(args["input"]["gallery_id"]), numbers(args["input"]["image_ids"])
        require(ctx, GALLERY, gallery)
        if remove:
            ctx.library.execute_many(
                "DELETE FROM galleries_images WHERE gallery_id = ? AND image_id = ?",
                [(gallery, image) for image in images],
            )
        else:
            current = current_join(ctx, _IN_GALLERY, gallery)
            ctx.library.execute_many(
                "INSERT INTO galleries_images (gallery_id, image_id) VALUES (?, ?)",
                [(gallery, image) for image in images if image not in current],
            )
        touch(ctx, "galleries", gallery)
        return True

    return change


def _set_cover(ctx: RequestContext, args: dict[str, Any]) -> Any:
    gallery, image = number(args["input"]["gallery_id"]), number(args["input"]["cover_image_id"])
    require(ctx, GALLERY, gallery)
    if image not in current_join(ctx, _IN_GALLERY, gallery):
        raise AnswerError(f"image with id {image} not associated with gallery")
    ctx.library.execute("UPDATE galleries_images SET cover = 0 WHERE gallery_id = ?", (gallery,))
    ctx.library.execute("UPDATE galleries_images SET cover = 1 WHERE gallery_id = ? AND image_id = ?", (gallery, image))
    touch(ctx, "galleries", gallery)
    return True


def _reset_cover(ctx: RequestContext, args: dict[str, Any]) -> Any:
    gallery = number(args["input"]["gallery_id"])
    require(ctx, GALLERY, gallery)
    ctx.library.execute("UPDATE galleries_images SET cover = 0 WHERE gallery_id = ?", (gallery,))
    touch(ctx, "galleries", gallery)
    return True


def _destroy_image(ctx: RequestContext, row_id: int, fields: dict[str, Any]) -> None:
    files = ctx.library.tuples("SELECT file_id FROM images_files WHERE image_id = ?", (row_id,))
    ctx.library.execute("DELETE FROM images WHERE id = ?", (row_id,))
    if fields.get("delete_file"):
        ctx.library.execute_many("DELETE FROM files WHERE id = ?", files)


def _destroy_gallery(ctx: RequestContext, row_id: int, fields: dict[str, Any]) -> None:
    files = ctx.library.tuples("SELECT file_id FROM galleries_files WHERE gallery_id = ?", (row_id,))
    has_files = bool(files) or ctx.library.scalar("SELECT folder_id FROM galleries WHERE id = ?", (row_id,)) is not None
    images = current_join(ctx, _IN_GALLERY, row_id) if fields.get("delete_file") and has_files else []
    ctx.library.execute("DELETE FROM galleries WHERE id = ?", (row_id,))
    for image in images:
        _destroy_image(ctx, image, fields)
    if fields.get("delete_file"):
        ctx.library.execute_many("DELETE FROM files WHERE id = ?", files)


def _check_chapter(ctx: RequestContext, row_id: int | None, fields: dict[str, Any]) -> None:
    gallery = fields.get("gallery_id")
    if gallery is None:
        gallery = ctx.library.scalar("SELECT gallery_id FROM galleries_chapters WHERE id = ?", (row_id,))
    require(ctx, GALLERY, number(gallery))
    index = fields.get("image_index")
    if index is not None and not 1 <= index <= len(current_join(ctx, _IN_GALLERY, number(gallery))):
        raise AnswerError("Image # must greater than zero and in range of the gallery images")
    for name in ("title", "image_index", "gallery_id"):
        if fields.get(name, ...) is None:
            del fields[name]


def _update_chapter(ctx: RequestContext, args: dict[str, Any]) -> Any:
    chapter = updates(CHAPTER, _check_chapter)(ctx, args)
    if not ctx.release.since(22):
        # these releases lose the creation time
        ctx.library.update("galleries_chapters", number(args["input"]["id"]), {"created_at": "0001-01-01T00:00:00Z"})
    return chapter


def _destroy_chapter(ctx: RequestContext, row_id: int, fields: dict[str, Any]) -> None:
    ctx.library.execute("DELETE FROM galleries_chapters WHERE id = ?", (row_id,))


def _chapter(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in ("title", "image_index", "gallery_id")}


MUTATIONS: dict[str, Mutation] = {
    "galleryCreate": creates(GALLERY, lambda fields: {}, _check_gallery),
    "galleryUpdate": updates(GALLERY, _check_gallery),
    "galleriesUpdate": updates_list(GALLERY, _check_gallery),
    "bulkGalleryUpdate": updates_bulk(GALLERY, _check_gallery),
    "galleryDestroy": destroys(GALLERY, _destroy_gallery),
    "addGalleryImages": _gallery_images(remove=False),
    "removeGalleryImages": _gallery_images(remove=True),
    "setGalleryCover": _set_cover,
    "resetGalleryCover": _reset_cover,
    "galleryChapterCreate": creates(CHAPTER, _chapter, _check_chapter),
    "galleryChapterUpdate": _update_chapter,
    "galleryChapterDestroy": destroys(CHAPTER, _destroy_chapter),
    "imageUpdate": updates(IMAGE, _check_image),
    "imagesUpdate": updates_list(IMAGE, _check_image),
    "bulkImageUpdate": updates_bulk(IMAGE, _check_image),
    "imageDestroy": destroys(IMAGE, _destroy_image),
    "imagesDestroy": destroys(IMAGE, _destroy_image),
}
