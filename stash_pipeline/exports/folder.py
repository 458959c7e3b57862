"""The folder of an export: each file appears whole or not at all.

Files are written in a hidden folder beside their place, synced to the disk, and renamed. What a killed export leaves is
that hidden folder, which the next export into the same folder removes.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from stash_pipeline.errors import UserError

_UNFINISHED: Final = ".stash-pipeline-export-"
_LOCK: Final = ".stash-pipeline-export.lock"


class HashedFile:
    """A file that counts and hashes what is written to it. Its interface is what pyarrow needs."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Writes all of the data."""
        view = memoryview(data)
        self._file.write(view)
        self._hash.update(view)
        self.bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """The number of bytes written."""
        return self.bytes

    def flush(self) -> None:
        """Hands everything to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Does nothing: the folder closes the file."""

    def readable(self) -> bool:
        """False: the file is only written."""
        return False

    def writable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """False: the file is written in order."""
        return False

    @property
    def sha256(self) -> str:
        """Of everything written, in hexadecimal digits."""
        return self._hash.hexdigest()


class ExportFolder:
    """A folder while this process exports into it."""

    def __init__(self, path: Path, unfinished: Path) -> None:
        self.path = path
        self._unfinished = unfinished
        self._written: list[str] = []

    @contextmanager
    def file(self, name: str) -> Iterator[HashedFile]:
        """Writes a file, which gets its place when the export is published."""
        with (self._unfinished / name).open("wb", buffering=1 << 20) as file:
            yield HashedFile(file)
            file.flush()
            os.fsync(file.fileno())
        self._written.append(name)

    def publish(self) -> None:
        """Moves the files to their places, in the order in which they were written, over those of earlier exports."""
        for name in self._written:
            os.replace(self._unfinished / name, self.path / name)
        _sync(self.path)


@contextmanager
def export_folder(path: Path) -> Iterator[ExportFolder]:
    """Opens a folder to export into; creates it if there is none.

    Raises:
        UserError: if it cannot be written, is full, or another export writes to it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            for left in path.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left, ignore_errors=True)
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path))
            try:
                yield ExportFolder(path, unfinished)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        text = error.strerror or str(error)
        raise UserError(
            f"The export cannot be written to {path} ({text}); free some space or give another folder. The files that "
            "were there are as before."
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # beside the files, and left there: whoever removes a lock file can remove that of another
    handle = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"Another export is writing to {path}; wait until it has ended, or give another folder."
            ) from None
        yield
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # some network file systems cannot sync a folder
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
