"""The name of a home, by which hosts that share a database tell theirs apart: host names repeat, and paths do too."""

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import make_home

_FILE = ".name"


def home_name(home: Path) -> str:
    """The name of a home, made on first use. No other home has it, on any host.

    Raises:
        UserError: if the home cannot be written.
    """
    file = home / _FILE
    try:
        status = file.stat()
    except FileNotFoundError:
        _make(home, file)
        status = file.stat()
    return _read(file, status.st_mtime_ns, status.st_ino)


@lru_cache(8)
def _read(file: Path, _modified: int, _inode: int) -> str:
    return file.read_text("ascii").strip()


def _make(home: Path, file: Path) -> None:
    fresh = home / f"{_FILE}-{uuid4().hex}"
    try:
        make_home(home)
        fresh.write_text(uuid4().hex, "ascii")
        with suppress(FileExistsError):
            # atomic, and keeps the name that another process made meanwhile
            os.link(fresh, file)
        fresh.unlink()
    except OSError as error:
        raise UserError(
            f"Cannot write to {home} ({error.strerror or error}); make it writable, or set STASH_PIPELINE_HOME to "
            "another directory."
        ) from error
