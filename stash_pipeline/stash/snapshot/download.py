"""Downloads a snapshot of a server's database into a private file.

The server does not write while it creates the snapshot. It keeps the file for half a minute after the first request, or
until that request ends: a download that is interrupted later cannot be resumed.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit

import xxhash

from stash_pipeline.private_directories import make_home, make_private
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import (
    StashConnectionError,
    StashError,
    StashHTTPError,
    StashQueryError,
    may_pass,
    shortened,
)
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.stash.snapshot.orphans import is_at

MUTATION: Final = "backupDatabase"

_DOCUMENT: Final = "mutation Snapshot { backupDatabase(input: {download: true}) }"
_DOWNLOADS: Final = "/downloads/"
_BLOCK: Final = 1 << 20
_LONGEST_LINK: Final = 4096
_ROOM_BESIDES: Final = 64 * 1024 * 1024
"""Bytes of disk space that must stay free."""


@dataclass(frozen=True)
class SnapshotFile:
    """A complete snapshot.

    Attributes:
        size: in bytes. digest: of its content. create_seconds: to create it. download_seconds: to download it.
    """

    path: Path
    size: int
    digest: bytes
    create_seconds: float
    download_seconds: float


@contextmanager
def downloaded_snapshot(
    client: StashClient, path: Path, *, largest: int | None = None, patience: float = 600.0
) -> Iterator[SnapshotFile]:
    """Downloads a snapshot; the file is removed on exit, in any case.

    Args:
        path: of the file. Its folder is created for the owner only; a leftover of a killed process is removed.
        largest: maximum bytes; a larger snapshot is not downloaded. patience: seconds for the server to create it.

    Raises:
        SnapshotError: if the server creates no snapshot in time, or if it is too large for the limit or for the disk.
        StashError: for network errors.
    """
    try:
        with ExitStack() as stack:
            with _file_errors(path.parent):
                make_home(path.parent.parent)
                make_private(path.parent)
                path.unlink(missing_ok=True)
                started = time.perf_counter()
                link = _create_snapshot(client, patience)
                created = time.perf_counter()
                file = stack.enter_context(_own_file(path))
                size = _download(client, link, file, path.parent, largest)
                downloaded = time.perf_counter()
                snapshot = SnapshotFile(path, size, _digest(path), created - started, downloaded - created)
            yield snapshot
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def _file_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SnapshotError(f"The snapshot cannot be stored in {folder}: {error.strerror}.") from None


@contextmanager
def _own_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, locked while it is in use. The lock ends with the process, so leftovers of killed processes show."""
    while True:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        file = os.fdopen(handle, "wb")
        fcntl.flock(handle, fcntl.LOCK_EX)
        if is_at(path, handle):
            break
        # another process removed it as a leftover before it was locked
        file.close()
    with file:
        yield file


def _digest(path: Path) -> bytes:
    # not for safety: whoever could craft a snapshot with the same digest could send any other snapshot
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()


def _create_snapshot(client: StashClient, patience: float) -> str:
    """Makes the server create a snapshot; returns the path of the link below the server's own URL."""
    try:
        # no retries: each attempt creates another snapshot, and the server does not write in the meantime
        data = client.execute(_DOCUMENT, name=MUTATION, timeout=patience).data
    except StashConnectionError as error:
        if error.reason != "timeout":
            raise
        raise SnapshotError(f"The server did not create a snapshot of its database within {patience:,.0f} s.") from None
    except StashQueryError as error:
        if error.locked:
            raise
        message = shortened("; ".join(error.messages), 300)
        raise SnapshotError(f"The server cannot create a snapshot of its database: {message}") from None
    link = client.part(data, MUTATION).get(MUTATION).text_or_none(_LONGEST_LINK)
    try:
        path = urlsplit(link or "").path
    except ValueError:
        path = ""
    start = path.rfind(_DOWNLOADS)
    if start < 0:
        raise SnapshotError("The server created a snapshot of its database, but sent no link to it.")
    # ignore the host in the link: the key is sent to the known server only
    return path[start:]


class _DownloadInterruptedError(Exception):
    """The connection ended before the end of the file."""


def _download(client: StashClient, link: str, file: BinaryIO, folder: Path, largest: int | None) -> int:
    """Downloads the file, and resumes after an interruption; returns its size."""
    failures = 0
    end = time.monotonic() + client.limits.download_seconds
    while True:
        offset = file.tell()
        try:
            return _download_rest(client, link, file, folder, largest, end)
        except (StashError, _DownloadInterruptedError) as error:
            if time.monotonic() >= end:
                raise SnapshotError(client.limits.download_too_slow()) from None
            if isinstance(error, StashError) and not may_pass(error):
                raise
            failures = 1 if file.tell() > offset else failures + 1
            if failures >= client.retry_policy.attempts:
                if isinstance(error, StashError):
                    raise
                raise SnapshotError("The download of the snapshot was interrupted repeatedly.") from None
            time.sleep(client.retry_policy.pause(failures))


def _download_rest(
    client: StashClient, link: str, file: BinaryIO, folder: Path, largest: int | None, end: float
) -> int:
    offset = file.tell()
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with client.download(link, headers, end) as response:
        status = response.status_code
        if status == 200 and offset:
            # the server does not support ranges
            file.seek(0)
            file.truncate()
            offset = 0
        elif status == 404:
            raise SnapshotError("The server deleted the snapshot before it was downloaded.")
        elif status >= 500:
            raise StashHTTPError(
                status, f"The server answered {status} instead of sending the snapshot of its database."
            )
        elif status not in (200, 206):
            raise SnapshotError(f"The server answered {status} instead of sending the snapshot.")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise SnapshotError("The snapshot is compressed, so its size cannot be checked.")
        total = _total(response.headers.get("content-length"), response.headers.get("content-range"), status, offset)
        if largest is not None and total > largest:
            raise SnapshotTooLargeError(total)
        if total > client.limits.download_bytes:
            raise SnapshotError(client.limits.download_too_long(total))
        free = shutil.disk_usage(folder).free
        if total - offset + _ROOM_BESIDES > free:
            raise SnapshotError(
                f"The snapshot has {total / 1e6:,.0f} MB, but {folder} has only {free / 1e6:,.0f} MB free. "
                "Free disk space, or read this instance by GraphQL."
            )
        for block in response.iter_raw(_BLOCK):
            if file.tell() + len(block) > total:
                raise SnapshotError("The snapshot is longer than the server announced.")
            if time.monotonic() >= end:
                raise SnapshotError(client.limits.download_too_slow())
            file.write(block)
            client.received(len(block))
    file.flush()
    if file.tell() < total:
        raise _DownloadInterruptedError
    return total


def _total(length: str | None, content_range: str | None, status: int, offset: int) -> int:
    """The size of the whole file, from the headers of a partial response."""
    try:
        if status == 200:
            return int(length or "")
        span, _, total = (content_range or "").removeprefix("bytes ").partition("/")
        if int(span.partition("-")[0]) == offset:
            return int(total)
    except ValueError:
        pass
    raise SnapshotError("The server does not report the size of the snapshot.")


class SnapshotTooLargeError(SnapshotError):
    """The snapshot exceeds the size that is downloaded automatically.

    Attributes:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"The snapshot has {size / 1e6:,.0f} MB, more than the limit.")
        self.size = size
