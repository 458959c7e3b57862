"""Addresses of images and streams in answers.

Here: how each release writes them. Not here: serving them (media).
"""

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.timestamps import unix_seconds


def version_mark(ctx: RequestContext, row: Row) -> str:
    """What makes an address change with the object: "?t=<seconds>", before v0.21 "?<seconds>"."""
    seconds = unix_seconds(row["updated_at"])
    return f"?t={seconds}" if ctx.release.since(21) else f"?{seconds}"


def default_mark(ctx: RequestContext) -> str:
    """What says that an address leads to a stand-in for a missing image."""
    return "&default=true" if ctx.release.since(21) else "?default=true"


def image_address(ctx: RequestContext, kind: str, row: Row, name: str = "image", blob: str = "image_blob") -> str:
    """The address of the image of a performer, studio, tag or group."""
    address = f"{ctx.base_url}/{kind}/{row['id']}/{name}{version_mark(ctx, row)}"
    # Only studios had a mark for a missing image before v0.21.
    marked = row[blob] is None and (kind == "studio" or ctx.release.since(21))
    return address + default_mark(ctx) if marked else address
