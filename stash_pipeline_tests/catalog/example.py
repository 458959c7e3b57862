"""Two small servers, of which the examples of docs/matching.md and docs/catalog.md ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stash_pipeline_tests.catalog.documented import DocumentedServers
from stash_pipeline_tests.matches.documents import video
from stash_pipeline_tests.mirror.working import stop_looking

KITE, LANTERN, BOAT = (f"{letter * 16}" for letter in "abc")
"""Oshashes."""


def _tags(*names: str) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in enumerate(names, 1)]


def _scene(number: int, title: str, *tags: int) -> dict[str, Any]:
    return {"id": number, "title": title, "files": [number], "tags": list(tags)}


def _performer(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": name, "image_path": f"/performer/{number}/image?t=1", **more}


@contextmanager
def example(database_url: str, home: Path) -> Iterator[DocumentedServers]:
    """Server ``home`` has the kite twice, and the lantern alone; ``attic`` has the kite, a larger boat, and a hill."""
    servers = DocumentedServers(database_url, home)
    servers.register(
        {
            "tags": _tags("Outdoor", "Indoor"),
            "performers": [
                _performer(17, "Anna Marlow", birthdate="1990-04-02"),
                _performer(18, "Bea Corvin"),
            ],
            "files": [
                video(1, oshash=KITE, bit_rate=5_000_000), video(2, oshash=KITE), video(12, oshash=LANTERN),
                video(4, oshash=BOAT, height=720, width=1280),
            ],
            "scenes": [
                _scene(1, "Kites", 2), _scene(2, "Kite", 1), _scene(12, "Lantern walk", 1), _scene(4, "Boat"),
            ],
        },
        "home",
    )  # fmt: skip
    servers.register(
        {
            "tags": _tags("Indoor", "Outdoor"),
            "performers": [_performer(3, "Anna Marlow", birthdate="1990"), _performer(4, "Bea Corvin")],
            "files": [
                video(1, oshash=BOAT, width=3840, height=2160, size=9_000_000),
                video(2, oshash="d" * 16),
                video(3, oshash=KITE, width=640, height=480),
            ],
            "scenes": [_scene(1, "Boat trip", 2), _scene(2, "Hill"), _scene(3, "Kites", 1)],
        },
        "attic",
    )
    servers.follow()
    yield servers
    stop_looking()
