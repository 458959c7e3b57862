"""What tests ask a box about fingerprints, and what it answers."""

from collections.abc import Sequence
from typing import Any

from stash_pipeline.stashbox.fingerprints import Fingerprint
from stash_pipeline_tests.stashbox.scripted import (
    Reply,
    Request,
    data,
    identifier,
)

LOOKUP = "findScenesBySceneFingerprints"


def group(number: int) -> list[Fingerprint]:
    """Two fingerprints of one scene."""
    return [Fingerprint("PHASH", number), Fingerprint("OSHASH", number)]


def matches(*groups: Any, errors: Sequence[Any] = ()) -> Reply:
    """The answer to a lookup."""
    members: dict[str, Any] = {LOOKUP: list(groups)}
    return data(errors, **members)


def scene(number: int, **more: Any) -> dict[str, Any]:
    """A scene as a box answers it."""
    return {"id": identifier(number), "title": f"Scene {number}", "deleted": False, **more}


def echo(request: Request) -> Reply:
    """Finds, for each hash, the scene of that number."""
    found = [[scene(int(entry["hash"], 16)) for entry in group] for group in request.groups]
    return matches(*(list({one["id"]: one for one in group}.values()) for group in found))


def ids_of(results: list[list[dict[str, Any]] | None]) -> list[list[str] | None]:
    """The ids of the scenes of each group."""
    return [None if scenes is None else [one["id"] for one in scenes] for scenes in results]
