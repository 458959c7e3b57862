"""Stored introspections of releases, for query plans without a server.

Each file in the folder ``introspection`` is the response of one minor release to
:data:`~stash_pipeline.stash.schema.INTROSPECTION`, reduced to the types that query plans use. All patch releases of a
minor release have the same types.
"""

import gzip
import json
import re
from importlib import resources
from typing import Any, Final

from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.schema import ServerSchema

_FOLDER: Final = resources.files("stash_pipeline.stash") / "introspection"
_SUFFIX: Final = ".json.gz"
_RELEASE: Final = re.compile(r"v?(\d+\.\d+)(\.\d+)?")


def stored_releases() -> list[str]:
    """The minor releases whose schema is stored, oldest first."""
    names = [file.name.removesuffix(_SUFFIX) for file in _FOLDER.iterdir() if file.name.endswith(_SUFFIX)]
    return sorted(names, key=lambda name: [int(part) for part in name.removeprefix("v").split(".")])


def stored_introspection(release: str) -> dict[str, Any]:
    """The ``data`` of the introspection of a minor release, such as v0.27, or of a patch of it.

    Raises:
        StashError: if the schema of that release is not stored.
    """
    releases = stored_releases()
    match = _RELEASE.fullmatch(release.strip())
    if match is None or f"v{match[1]}" not in releases:
        raise StashError(f"Unknown release {release!r}. Known releases: {', '.join(releases)}.")
    data: dict[str, Any] = json.loads(gzip.decompress((_FOLDER / f"v{match[1]}{_SUFFIX}").read_bytes()))
    return data


def stored_schema(release: str) -> ServerSchema:
    """The schema of a minor release, such as v0.27, or of a patch of it.

    Raises:
        StashError: if the schema of that release is not stored.
    """
    return ServerSchema(stored_introspection(release), f"The stored schema of {release}")
