"""URLs of images and streams in responses.

Contains the format of each release. The images are served by ``media``.
"""

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.timestamps import unix_seconds


def version_mark(ctx: RequestContext, row: Row) -> str:
    """The cache buster of a URL: "?t=<seconds>", before v0.21 "?<seconds>"."""
    seconds = unix_seconds(row["updated_at"])
    return f"?t={seconds}" if ctx.release.since(21) else f"?{seconds}"


def default_mark(ctx: RequestContext) -> str:
    """The mark of a URL that leads to a placeholder for a missing image."""
    return "&default=true" if ctx.release.since(21) else "?default=true"


def image_address(ctx: RequestContext, kind: str, row: Row, name: str = "image", blob: str = "image_blob") -> str:
    """The URL of the image of a performer, studio, tag or group."""
    address = f"{ctx.base_url}/{kind}/{row['id']}/{name}{version_mark(ctx, row)}"
    # Before v0.21, only studios have a mark for a missing image.
    marked = row[blob] is None and (kind == "studio" or ctx.release.since(21))
    return address + default_mark(ctx) if marked else address
