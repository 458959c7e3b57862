"""Download links for snapshots of the library, which expire shortly after their first use.

Contains the links and range requests. Keys and faults are in ``http``, the creation of the file is in ``snapshots``.

As on the real server, the lifetime of a link begins with its first request, even if that request is incomplete, and a
link does not expire while it is in use.
"""

import re
import secrets
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.protocols import HasBackups
from stash_pipeline.simulator.snapshots import snapshot_version, write_snapshot
from stash_pipeline.simulator.timestamps import http_date

_ADDRESS = re.compile(r"/downloads/([0-9a-f]+)/[^/]+")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_CHUNK = 256 * 1024
_STAGE = "/config/generated/download_stage"


class FilePart(Response):
    """A part of a file, streamed from disk.

    `ended` is called after the last byte was sent, or after sending failed.
    """

    def __init__(
        self, path: Path, start: int, length: int, status: int, headers: dict[str, str], ended: Callable[[], None]
    ) -> None:
        super().__init__(status_code=status, headers={**headers, "Content-Length": str(length)})
        self.path, self.start, self.length, self.ended = path, start, length, ended
        self.dropped = False

    def drop(self) -> "FilePart":
        """Makes the connection end in the middle of the part."""
        self.length //= 2
        self.dropped = True
        return self

    def shorten(self) -> "FilePart":
        """Makes the part half as long, with a matching length header."""
        self.length //= 2
        self.headers["Content-Length"] = str(self.length)
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the headers and the part."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            left = self.length
            with self.path.open("rb") as file:
                file.seek(self.start)
                while left:
                    chunk = await run_in_threadpool(file.read, min(left, _CHUNK))
                    left -= len(chunk)
                    more = left > 0 or self.dropped
                    await send({"type": "http.response.body", "body": chunk, "more_body": more})
        finally:
            self.ended()


@dataclass
class _Link:
    """One file that can be downloaded.

    Attributes:
        first: time of the first request. users: number of active requests.
    """

    path: Path
    made: datetime
    first: datetime | None = None
    users: int = 0


class Downloads:
    """The links of one server. Their files are in a temporary folder, which is removed with the server."""

    def __init__(self, stash: HasBackups) -> None:
        self.stash = stash
        self.folder: Path | None = None
        self._links: dict[str, _Link] = {}
        self._lock = threading.Lock()

    def require_folder(self) -> None:
        """Fail like a server that may not write into its backup folder."""
        if self.stash.backups.forbidden:
            raise AnswerError(f"could not create backup directory {_STAGE}: mkdir {_STAGE}: permission denied")

    def offer(self, ctx: RequestContext) -> str:
        """Create a snapshot of the library, and return its URL."""
        backups = self.stash.backups
        name, now = secrets.token_hex(4), ctx.now()
        path = self._folder() / name
        try:
            write_snapshot(self.stash.library, self.stash.release, path, backups)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._remove_expired()
            self._links[name] = _Link(path, now)
        stamp = now.astimezone(ctx.zone).strftime("%Y%m%d_%H%M%S")
        version = snapshot_version(self.stash.release, backups)
        return f"{ctx.base_url}/downloads/{name}/stash-go.sqlite.{version}.{stamp}"

    def response(self, request: Request) -> Response:
        """The response to a GET below /downloads; 404 if the link does not exist or has expired."""
        match = _ADDRESS.fullmatch(request.url.path)
        with self._lock:
            self._remove_expired()
            link = self._links.get(match.group(1)) if match else None
            if link is None:
                return Response("404 page not found\n", status_code=404, media_type="text/plain")
            link.first = link.first or self.stash.clock()
            link.users += 1
        response = self._part(link, request)
        if not isinstance(response, FilePart):
            self._leave(link)
        return response

    def _part(self, link: _Link, request: Request) -> Response:
        size = link.path.stat().st_size
        modified = http_date(link.made)
        headers = {"Accept-Ranges": "bytes", "Last-Modified": modified, "Content-Type": "application/octet-stream"}
        if self.stash.release.since(21):
            headers["Cache-Control"] = "no-store"
        range_header = request.headers.get("range")
        # single ranges only; several ranges, or a range of another file, get the whole file
        if not range_header or "," in range_header or request.headers.get("if-range", modified) != modified:
            return FilePart(link.path, 0, size, 200, headers, lambda: self._leave(link))
        try:
            start, end = _span(range_header, size)
        except ValueError as error:
            rejected = {
                **headers,
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Range": f"bytes */{size}",
            }
            return Response(f"{error}\n", status_code=416, headers=rejected)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return FilePart(link.path, start, end - start, 206, headers, lambda: self._leave(link))

    def _leave(self, link: _Link) -> None:
        with self._lock:
            link.users -= 1

    def _remove_expired(self) -> None:
        now, life = self.stash.clock(), timedelta(seconds=self.stash.backups.life)
        for name, link in list(self._links.items()):
            if link.first is not None and not link.users and now >= link.first + life:
                del self._links[name]
                link.path.unlink(missing_ok=True)

    def _folder(self) -> Path:
        with self._lock:
            if self.folder is None:
                self.folder = Path(tempfile.mkdtemp(prefix="simulated-stash-"))
                weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            return self.folder


def _span(range_header: str, size: int) -> tuple[int, int]:
    """The bounds of a range, half-open; ValueError if the file does not contain it."""
    match = _RANGE.fullmatch(range_header.strip())
    if not match or not any(match.groups()):
        raise ValueError("invalid range")
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        raise ValueError("invalid range: failed to overlap")
    if start >= end:
        raise ValueError("invalid range")
    return start, end
