"""Responses of two real Stash servers, and their databases.

Both libraries are invented; they have every kind of object and the odd values that a library can have: partial dates,
several files of a scene and none, texts outside ASCII, plays in other time zones, timestamps on both sides of both
changes of the clock. Per release:

* ``answers.json``: per query, the document, its variables, and the whole response;
* ``backup.sqlite``: the database at the same moment, as the mutation ``backupDatabase`` gave it;
* ``introspection.json``: the schema, without descriptions;
* ``http.json``: status, headers and body of requests that a client would not expect.

``box`` has answers of real stash-boxes, one file per release; their content is in ``simulator/box/sample.py``.
"""

import atexit
import gzip
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

RELEASES = ("v0.30.1", "v0.20.2")
"""The newest and the oldest release that are supported."""

FOLDER = Path(__file__).parent


@cache
def recorded_json(release: str, name: str) -> dict[str, Any]:
    """One of the files, without ``.json``; callers must not modify the result."""
    found: dict[str, Any] = json.loads(gzip.decompress((FOLDER / release / f"{name}.json.gz").read_bytes()))
    return found


@cache
def _unpacked() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="stash-pipeline-recordings-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def recorded_database(release: str) -> Path:
    """The database of a release, unpacked into a temporary folder of this process."""
    folder = _unpacked() / release
    folder.mkdir()
    path = folder / "backup.sqlite"
    path.write_bytes(gzip.decompress((FOLDER / release / "backup.sqlite.gz").read_bytes()))
    return path
