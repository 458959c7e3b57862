"""Links to copies of the library, served until shortly after they were first used.

Here: the links, and answering requests for parts of a file. Not here: keys and faults (http), the file (copies).

As on the real server, the life of a link begins with its first request, whether that one gets to its end or not, and
a link does not end while it is being used.
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
from stash_pipeline.simulator.copies import copy_version, write_copy
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.protocols import HasBackups
from stash_pipeline.simulator.timestamps import http_date

_ADDRESS = re.compile(r"/downloads/([0-9a-f]+)/[^/]+")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_CHUNK = 256 * 1024
_STAGE = "/config/generated/download_stage"


class FilePart(Response):
    """A part of a file, read while it is sent.

    `ended` is called when the last byte was sent, or none will be any more.
    """

    def __init__(
        self, path: Path, start: int, length: int, status: int, headers: dict[str, str], ended: Callable[[], None]
    ) -> None:
        super().__init__(status_code=status, headers={**headers, "Content-Length": str(length)})
        self.path, self.start, self.length, self.ended = path, start, length, ended
        self.dropped = False

    def drop(self) -> "FilePart":
        """The connection ends in the middle of the part."""
        self.length //= 2
        self.dropped = True
        return self

    def shorten(self) -> "FilePart":
        """The part ends in its middle, as if there were no more of it."""
        self.length //= 2
        self.headers["Content-Length"] = str(self.length)
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the head and then the part."""
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
    """One file that may be downloaded.

    Attributes:
        first: when it was first asked for. users: requests that are being answered.
    """

    path: Path
    made: datetime
    first: datetime | None = None
    users: int = 0


class Downloads:
    """The links of one server. Their files lie in a folder of their own, which goes when the server goes."""

    def __init__(self, stash: HasBackups) -> None:
        self.stash = stash
        self.folder: Path | None = None
        self._links: dict[str, _Link] = {}
        self._lock = threading.Lock()

    def require_folder(self) -> None:
        """Fail as a server does that must not write where its copies go."""
        if self.stash.backups.forbidden:
            raise AnswerError(f"could not create backup directory {_STAGE}: mkdir {_STAGE}: permission denied")

    def offer(self, ctx: RequestContext) -> str:
        """Make a copy of the library, and return its address."""
        backups = self.stash.backups
        name, now = secrets.token_hex(4), ctx.now()
        path = self._folder() / name
        try:
            write_copy(self.stash.library, self.stash.release, path, backups)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._remove_dead()
            self._links[name] = _Link(path, now)
        stamp = now.astimezone(ctx.zone).strftime("%Y%m%d_%H%M%S")
        version = copy_version(self.stash.release, backups)
        return f"{ctx.base_url}/downloads/{name}/stash-go.sqlite.{version}.{stamp}"

    def response(self, request: Request) -> Response:
        """The response to GET of an address below /downloads; 404 when there is no such link any more."""
        match = _ADDRESS.fullmatch(request.url.path)
        with self._lock:
            self._remove_dead()
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
        asked = request.headers.get("range")
        # one part at a time; whoever wants several, or has the beginning of another file, gets the whole
        if not asked or "," in asked or request.headers.get("if-range", modified) != modified:
            return FilePart(link.path, 0, size, 200, headers, lambda: self._leave(link))
        try:
            start, end = _span(asked, size)
        except ValueError as error:
            refused = {**headers, "Content-Type": "text/plain; charset=utf-8", "Content-Range": f"bytes */{size}"}
            return Response(f"{error}\n", status_code=416, headers=refused)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return FilePart(link.path, start, end - start, 206, headers, lambda: self._leave(link))

    def _leave(self, link: _Link) -> None:
        with self._lock:
            link.users -= 1

    def _remove_dead(self) -> None:
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


def _span(asked: str, size: int) -> tuple[int, int]:
    """The first byte of a range and the one after its last; ValueError when the file has none of it."""
    match = _RANGE.fullmatch(asked.strip())
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
