"""The images of a server: covers of scenes, images of performers, studios, tags and groups.

Contains their bytes and caching headers. Their URLs are in ``addresses``, keys in ``http``.
"""

import hashlib
import re
import struct
import zlib
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from stash_pipeline.simulator.protocols import HasLibrary

_BLOBS = {
    ("scene", "screenshot"): ("scenes", "cover_blob"),
    ("performer", "image"): ("performers", "image_blob"),
    ("studio", "image"): ("studios", "image_blob"),
    ("tag", "image"): ("tags", "image_blob"),
    ("group", "frontimage"): ("groups", "front_image_blob"),
    ("group", "backimage"): ("groups", "back_image_blob"),
}
_ADDRESS = re.compile(r"^/(scene|performer|studio|tag|group|movie|image|gallery)/(\d+)/(\w+)$")
_YEAR = "private, max-age=31536000, immutable"
_WEEK = "public, max-age=604800, immutable"
_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}">'
    '<rect width="{0}" height="{1}" fill="#2d3b46"/><circle cx="{2}" cy="{3}" r="40" fill="#8fa3b0"/></svg>'
)


@lru_cache(maxsize=4096)
def picture(seed: int, width: int = 24, height: int = 16) -> bytes:
    """A small generated PNG: two colours that depend on the seed."""
    first = bytes(((seed * 37 + shift) % 200 + 40) for shift in (0, 85, 170))
    second = bytes(255 - value for value in first)
    lines = b"".join(
        b"\x00" + b"".join(first if (x // 4 + y // 4) % 2 else second for x in range(width)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def drawing(kind: str) -> bytes:
    """The placeholder for a missing image of an entity."""
    width, height = (400, 600) if kind in ("group", "movie") else (1280, 720) if kind == "scene" else (200, 200)
    return _DRAWING.format(width, height, width // 2, height // 2).encode()


def _content_type(content: bytes) -> str:
    if content.startswith(b"\x89PNG"):
        return "image/png"
    if content.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if content.startswith(b"GIF8"):
        return "image/gif"
    if content.startswith(b"RIFF"):
        return "image/webp"
    return "image/svg+xml" if b"<svg" in content[:200] else "application/octet-stream"


def _stored(stash: HasLibrary, kind: str, number: int, name: str) -> tuple[bool, bytes | None]:
    """Whether the object exists, and its stored image."""
    library = stash.library
    table, column = _BLOBS[kind, name]
    rows = library.tuples(f'SELECT "{column}" FROM "{table}" WHERE id = ?', (number,))
    if not rows:
        return False, None
    return True, library.scalar("SELECT blob FROM blobs WHERE checksum = ?", (rows[0][0],))


def image_response(stash: HasLibrary, request: Request) -> Response:
    """The response to a GET of an image; 404 if the image does not exist."""
    match = _ADDRESS.match(request.url.path)
    if not match:
        return Response("404 page not found\n", status_code=404, media_type="text/plain")
    kind, number, name = match.group(1), int(match.group(2)), match.group(3)
    if kind in ("group", "movie"):
        kind = "group" if (kind == "group") == stash.release.since(27) else "none"
    missing = Response("Not Found\n", status_code=404, media_type="text/plain")
    if kind == "image" and name in ("image", "thumbnail"):
        exists = stash.library.scalar("SELECT 1 FROM images WHERE id = ?", (number,))
        return _served(stash, request, picture(number), False) if exists else missing
    if kind == "gallery" and name in ("cover", "preview"):
        return _gallery_cover(stash, request, number) or missing
    if (kind, name) not in _BLOBS:
        return missing
    exists, content = _stored(stash, kind, number, name)
    if not exists:
        return missing
    asked_default = request.query_params.get("default") == "true"
    if content is None or asked_default:
        placeholder = picture(number % 7, 60, 90) if kind == "performer" else drawing(kind)
        return _served(stash, request, placeholder, kind == "scene")
    return _served(stash, request, content, False)


def _gallery_cover(stash: HasLibrary, request: Request, number: int) -> Response | None:
    if not stash.library.scalar("SELECT 1 FROM galleries WHERE id = ?", (number,)):
        return None
    image = stash.library.scalar(
        "SELECT image_id FROM galleries_images WHERE gallery_id = ? ORDER BY cover DESC, image_id", (number,)
    )
    return _served(stash, request, drawing("gallery") if image is None else picture(image), False)


def _served(stash: HasLibrary, request: Request, content: bytes, bare: bool) -> Response:
    digest = hashlib.md5(content).hexdigest()
    kind = _content_type(content)
    if not stash.release.since(21):
        if bare:
            return Response(content, headers={"Content-Type": kind})
        headers = {"Content-Type": kind, "Cache-Control": _WEEK, "ETag": digest}
    else:
        fresh = _YEAR if request.query_params.get("t") else "no-cache"
        headers = {"Content-Type": kind, "Cache-Control": fresh, "ETag": f'"{digest}"'}
    given = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if headers["ETag"] in given:
        return Response(status_code=304, headers={k: v for k, v in headers.items() if k != "Content-Type"})
    return Response(content, headers=headers)
