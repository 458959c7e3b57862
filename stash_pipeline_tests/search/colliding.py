"""Servers whose documents have values of small pools, so that each value collides with others of all kinds."""

import random
from collections.abc import Sequence
from typing import Any, Final

from stash_pipeline_tests.matches.documents import STAMP, video

NAMES: Final = ("Alba Kite", "alba  kite", "Bruno Lampion", "Cleo", "Vol. 1", "Vol. 2", "???", "", "東京", None)
URLS: Final = (
    "https://example.org/a/1",
    "http://www.example.org/a/1/",
    "https://kite.example/p?id=1",
    "no address",
    "",
)
DATES: Final = ("2020-01-01", "2020-01-02", "2020-01", "2020", "0000-00-00", "2020-13-77", "", None)
PHASHES: Final = ("8b75e036364d1f0a", "8b75e036364d1f0b", "8b75e036364dffff", "1234567812345678", "0" * 16)
PATHS: Final = ("/media/a/x.mp4", "/data/a/x.mp4", "/media/b/y.mp4", "x.mp4", "D:\\media\\a\\x.mp4")
BOX: Final = "https://kite.example/graphql"
SPELLINGS: Final = (BOX, "https://KITE.example:443/graphql/", "https://lantern.example/graphql")
BOX_IDS: Final = ("aa", "AA", "bb", "cc", "no id")
CREATED: Final = (STAMP, "2026-05-06T07:08:09Z")

ENTITIES: Final = (
    "tags", "studios", "performers", "groups", "files", "images", "galleries", "scenes", "scene_markers",
    "configuration",
)  # fmt: skip
NUMBERS: Final = range(1, 8)
"""Ids of the objects of an entity; some references lead nowhere."""


def numbers_of(entity: str) -> Sequence[int]:
    """The ids that objects of an entity may have."""
    return (0,) if entity == "configuration" else NUMBERS


def any_object(rng: random.Random, entity: str, number: int) -> dict[str, Any]:
    """A document of an entity, as a server may have it."""

    def some(values: Sequence[Any], most: int = 2) -> list[Any]:
        return list(dict.fromkeys(rng.choice(values) for _ in range(rng.randint(0, most))))

    def others(most: int = 2) -> list[int]:
        return [other for other in some(NUMBERS, most) if other != number]

    ids = [{"endpoint": endpoint, "stash_id": key, "updated_at": STAMP}
           for endpoint, key in some([(url, key) for url in SPELLINGS for key in BOX_IDS])]  # fmt: skip
    named = {"name": rng.choice(NAMES), "aliases": [name for name in some(NAMES) if name]}
    titled = {"title": rng.choice(NAMES), "date": rng.choice(DATES), "urls": some(URLS), "tags": others()}
    studio = rng.choice((None, *NUMBERS))
    made: dict[str, Any]
    match entity:
        case "tags":
            made = {**named, "parents": others(1), "stash_ids": ids, "favorite": rng.random() < 0.5}
        case "studios":
            made = {**named, "urls": some(URLS), "parent_studio": studio, "stash_ids": ids, "tags": others(1)}
        case "performers":
            made = {**named, "urls": some(URLS), "birthdate": rng.choice(DATES), "stash_ids": ids, "tags": others(),
                    "gender": rng.choice((None, "FEMALE", "MALE"))}  # fmt: skip
        case "groups":
            made = {"name": named["name"], "aliases": rng.choice((None, "Cleo, Alba Kite", ",,")), "studio": studio,
                    "date": rng.choice(DATES), "urls": some(URLS), "director": rng.choice((None, "Cleo"))}  # fmt: skip
        case "files":
            hashes = {"oshash": rng.choice((None, "aa" * 8, "bb" * 8)), "md5": rng.choice((None, None, "1f" * 16)),
                      "phash": rng.choice((None, *PHASHES))}  # fmt: skip
            duration = rng.choice((600.0, 600.4, 603.0, 149.9, 0, None, -3.0, 3e6))
            return video(number, path=rng.choice(PATHS), duration=duration, **hashes)
        case "images" | "galleries":
            made = {**titled, "files": some(NUMBERS), "performers": others(1), "studio": studio}
        case "scenes":
            made = {**titled, "code": rng.choice((None, "AB1", "")), "files": some(NUMBERS), "studio": studio,
                    "performers": others(), "stash_ids": ids, "play_count": rng.choice((None, 0, 3))}  # fmt: skip
        case "scene_markers":
            made = {"title": rng.choice(NAMES), "seconds": rng.choice((0, 7.5, -1)), "scene": rng.choice(NUMBERS),
                    "primary_tag": rng.choice(NUMBERS), "tags": others()}  # fmt: skip
        case _:
            made = {"stashes": [{"path": path} for path in some(("/media", "/data", "/media/a", "D:\\media", ""))]}
    return {"id": number, "created_at": rng.choice(CREATED), **made}


def any_objects(rng: random.Random, share: float) -> dict[str, list[dict[str, Any]]]:
    """Documents of all entities.

    Args:
        share: of the objects that there may be.
    """
    return {
        entity: [any_object(rng, entity, number) for number in numbers_of(entity) if rng.random() < share]
        for entity in ENTITIES
    }
