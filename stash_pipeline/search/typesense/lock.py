"""One writer at a time on this machine: a lock on a file under the home, which ends with the process.

Writers on other machines are noticed at the commit.
"""

import fcntl
import time
from pathlib import Path
from typing import IO, Final

from stash_pipeline.private_directories import make_home
from stash_pipeline.search.backend import SearchIndexLockedError

_PAUSE_SECONDS: Final = 0.05


class WriterLock:
    """The lock of one index.

    Args:
        path: of the file. wait_seconds: how long to wait for another process.
    """

    def __init__(self, path: Path, wait_seconds: float) -> None:
        self._path = path
        self._wait_seconds = wait_seconds
        self._file: IO[bytes] | None = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            SearchIndexLockedError: if another process still has it.
        """
        make_home(self._path.parent)
        file = self._path.open("ab")
        end = time.monotonic() + self._wait_seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._file = file
                return
            except OSError:
                if time.monotonic() >= end:
                    file.close()
                    raise SearchIndexLockedError(
                        "Another process writes to the search index; try again when it has ended."
                    ) from None
                time.sleep(_PAUSE_SECONDS)

    def release(self) -> None:
        """Lets the next writer in."""
        if self._file is not None:
            self._file.close()
            self._file = None
