"""Where the index lies: one directory per generation, of which a small file names the one in use.

A rebuild writes a new generation beside the old one; replacing the file switches every later search over. A generation
that a process still reads stays until that process has gone: readers hold a shared lock on a file of it, which the
kernel releases with the process. One exclusive lock lets one writer in.

Within a generation, tantivy replaces ``meta.json`` by each commit. Every other file is written once and ends with a
checksum, which :meth:`IndexDirectory.is_intact` compares: tantivy itself would notice a damaged block only when it
reads it. Readers, which map the files into memory, look at the ends of the files before they open them, and at their
sizes before each search: the system kills a process that reads where a mapped file has been cut off.
"""

import fcntl
import json
import os
import re
import shutil
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

from stash_pipeline.private_directories import make_private
from stash_pipeline.search.backend import SearchIndexError, SearchIndexLockedError

_CURRENT: Final = "current"
_IN_USE: Final = "in-use"
_LOCK: Final = "writer-lock"
_NAME: Final = re.compile(r"index-[0-9a-f]{32}")
_FOOTER: Final = struct.Struct("<II")
_MAGIC: Final = 1337
_BLOCK: Final = 1 << 20
_WRONG: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error)
"""What is raised where a file is missing or is not what it should be."""


class Lock:
    """A lock on a file, released with the process at the latest."""

    _handle: int | None = None

    def __init__(self, path: Path, kind: int) -> None:
        """Takes the lock without waiting.

        Raises:
            BlockingIOError: if another process has it.
        """
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, kind | fcntl.LOCK_NB)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Lets others have it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self.release()


class IndexDirectory:
    """The directory with all generations."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._intact: dict[tuple[str, int, int, int], bool] = {}

    def lock(self, wait_seconds: float) -> Lock:
        """The writer's lock.

        Raises:
            SearchIndexLockedError: if another process still has it after that time.
        """
        make_private(self.root)
        until = time.monotonic() + wait_seconds
        while True:
            try:
                return Lock(self.root / _LOCK, fcntl.LOCK_EX)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise SearchIndexLockedError(
                        f"Another process writes to the search index in {self.root}; wait until it has finished."
                    ) from None
                time.sleep(0.05)

    def current(self) -> Path | None:
        """The generation in use; None if there is none."""
        try:
            name = (self.root / _CURRENT).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        path = self.root / name
        return path if _NAME.fullmatch(name) and path.is_dir() else None

    def switch(self, generation: Path) -> None:
        """Makes a generation the one in use, also after a power failure."""
        for path in generation.iterdir():
            _sync(path)
        _sync(generation)
        _sync(self.root)
        new = self.root / f"{_CURRENT}.new"
        new.write_text(generation.name, "ascii")
        _sync(new)
        os.replace(new, self.root / _CURRENT)
        _sync(self.root)

    def begin(self) -> Path:
        """A new, empty generation."""
        path = self.root / f"index-{uuid4().hex}"
        path.mkdir(mode=0o700)
        return path

    def clean(self) -> None:
        """Removes generations that are not in use, among them unfinished ones; for the holder of the lock only."""
        current = self.current()
        for path in self.root.glob("index-*"):
            if path == current or not path.is_dir():
                continue
            with suppress(OSError):
                in_use = Lock(path / _IN_USE, fcntl.LOCK_EX)
                shutil.rmtree(path, ignore_errors=True)
                in_use.release()

    def use(self) -> tuple[Path, Lock] | None:
        """The generation in use, kept until the lock is released; None if there is none."""
        while (path := self.current()) is not None:
            try:
                lock = Lock(path / _IN_USE, fcntl.LOCK_SH)
            except OSError:
                if self.current() == path and path.is_dir():
                    raise
                continue
            # it may have been replaced, and removed, before it was locked
            if self.current() == path:
                return path, lock
            lock.release()
        return None

    def is_intact(self, generation: Path, schema: Any) -> bool:
        """Whether every file of a generation is as it was written. What was read once is not read again."""
        meta = _content(generation / "meta.json")
        while not self._are_intact(generation, meta, schema):
            # a commit replaces the list of files, and then removes files that only the old one names
            if meta == (now := _content(generation / "meta.json")):
                return False
            meta = now
        return True

    def _are_intact(self, generation: Path, meta: bytes, schema: Any) -> bool:
        try:
            if json.loads(meta)["schema"] != schema:
                return False
            return all(self._is_intact(generation / name) for name in _files_in(meta))
        except _WRONG:
            return False

    def _is_intact(self, path: Path) -> bool:
        status = path.stat()
        key = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in self._intact:
            self._intact[key] = _checksum_is_right(path, status.st_size)
        return self._intact[key]

    def sizes(self, generation: Path) -> dict[Path, int]:
        """The files of a generation with their sizes, of which only the ends are read.

        Raises:
            SearchIndexError: if one is missing, or was cut off: it does not end as it was written.
        """
        meta = _content(generation / "meta.json")
        while True:
            try:
                return {path: _complete_size(path) for path in (generation / name for name in _files_in(meta))}
            except _WRONG as error:
                if meta == (now := _content(generation / "meta.json")):
                    raise damaged(generation) from error
                meta = now

    def size(self) -> int:
        """Bytes of all generations."""
        return sum(size for path in self.root.glob("index-*") for size in _sizes(path))


def damaged(generation: Path) -> SearchIndexError:
    """What is raised if files of a generation are not as they were written."""
    return SearchIndexError(
        f"The search index in {generation} is damaged: a file is missing or was cut off; run `stash-pipeline rebuild "
        "search`."
    )


def are_as_long(sizes: dict[Path, int]) -> bool:
    """Whether files still have their sizes: a process that reads beyond the end of a mapped file is killed."""
    try:
        return all(path.stat().st_size == size for path, size in sizes.items())
    except OSError:
        return False


def _files_in(meta: bytes) -> list[str]:
    """The names of the files that a list of segments has."""
    names: list[str] = []
    for segment in json.loads(meta)["segments"]:
        segment_id = segment["segment_id"].replace("-", "")
        names += [f"{segment_id}.{kind}" for kind in ("term", "idx", "pos", "fast", "store", "fieldnorm")]
        if deletes := segment.get("deletes"):
            names.append(f"{segment_id}.{deletes['opstamp']}.del")
    return names


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _sizes(directory: Path) -> Iterator[int]:
    with suppress(OSError):
        for path in directory.iterdir():
            with suppress(OSError):
                yield path.stat().st_size


def _complete_size(path: Path) -> int:
    """The size of a file of tantivy.

    Raises:
        ValueError: if it does not end as one.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        _footer(file, size)
    return size


def _footer(file: BinaryIO, size: int) -> tuple[int, int]:
    """Where the footer of a file begins, and the checksum that it has of what is before it."""
    file.seek(max(0, size - _FOOTER.size))
    length, magic = _FOOTER.unpack(file.read(_FOOTER.size))
    start = size - _FOOTER.size - length
    if magic != _MAGIC or start < 0:
        raise ValueError("the file has no footer")
    file.seek(start)
    return start, json.loads(file.read(length))["crc"]


def _checksum_is_right(path: Path, size: int) -> bool:
    """Whether the checksum at the end of a file of tantivy is that of what is before it."""
    with path.open("rb") as file:
        left, expected = _footer(file, size)
        file.seek(0)
        checksum = 0
        while left and (block := file.read(min(_BLOCK, left))):
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
    return checksum == expected


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
