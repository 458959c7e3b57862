"""A library of a few records with two servers, on which examples and commands are tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path
from uuid import UUID

from stash_pipeline.search.api import Search
from stash_pipeline.search.backend import IndexState, SearchBackend
from stash_pipeline.search.documents import Document
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.warehouse.connect import Connection, connect

HOME, CABIN = 1, 2
"""Ids of the servers."""


def id_of(number: int) -> UUID:
    """A readable id."""
    return UUID(int=number)


OUTDOOR, WALK, DANCE, TOAST = (id_of(number) for number in range(10, 14))
LAKE, SHORTS = id_of(20), id_of(21)
ANNA, BEA, LUCJA = (id_of(number) for number in range(30, 33))
TALES = id_of(40)
MORNING, RAIN, EVENING, CITY, SIGNS = (id_of(number) for number in range(50, 55))
FIRST_DANCE, GLASSES = id_of(60), id_of(61)


def _named(entity: str, id: UUID, title: str, **values: object) -> Document:
    return Document(id=id, entity=entity, revision=1, title=title, instance_ids=(HOME, CABIN), **values)  # type: ignore[arg-type]


def _at(*day: int) -> datetime:
    return datetime(*day, tzinfo=timezone.utc)  # type: ignore[arg-type, misc]


_OUTDOORS = {
    "tags": ("Beach Walk", "Outdoor"), "tag_aliases": ("open air",), "tag_ids": (WALK,), "all_tag_ids": (OUTDOOR, WALK),
}  # fmt: skip

DOCUMENTS = (
    _named("tags", OUTDOOR, "Outdoor", aliases=("open air",), tag_ids=(OUTDOOR,), all_tag_ids=(OUTDOOR,)),
    _named("tags", WALK, "Beach Walk", tag_ids=(WALK,), all_tag_ids=(OUTDOOR, WALK), tags=("Outdoor",)),
    _named("tags", DANCE, "Slow Dance", tag_ids=(DANCE,), all_tag_ids=(DANCE,)),
    _named("tags", TOAST, "Toast", tag_ids=(TOAST,), all_tag_ids=(TOAST,)),
    _named("studios", LAKE, "Blue Lake", studio_id=LAKE, studio_ids=(LAKE,)),
    _named("studios", SHORTS, "Blue Lake Shorts", studio_id=SHORTS, studio_ids=(LAKE, SHORTS), studios=("Blue Lake",)),
    _named("performers", ANNA, "Anna Marlow", aliases=("Annie",), performer_ids=(ANNA,), genders=("FEMALE",),
           favorite=True, date=date(1990, 4, 2), stash_box="linked"),
    _named("performers", BEA, "Bea Corvin", performer_ids=(BEA,), genders=("FEMALE",), favorite=False,
           stash_box="candidate"),
    _named("performers", LUCJA, "Łucja Ødegård", performer_ids=(LUCJA,), genders=("NON_BINARY",), favorite=False,
           stash_box="none"),
    _named("groups", TALES, "Winter Tales", group_ids=(TALES,)),
    replace(
        _named("scenes", MORNING, "Morning on the beach", **_OUTDOORS), instance_ids=(HOME,), scene_id=MORNING,
        code="ABC-123", details="A long walk before breakfast.", files=("morning_walk.1080p.mp4",),
        hosts=("example.org",), people=("Anna Marlow",), people_aliases=("Annie",),
        studios=("Blue Lake Shorts", "Blue Lake"),
        studio_id=SHORTS, studio_ids=(LAKE, SHORTS), performer_ids=(ANNA,), genders=("FEMALE",), date=date(2020, 6, 1),
        height=1080, duration=1_500_000, size=1_600_000_000, rating=90, plays=0, o_count=0, organized=True,
        has_markers=False, video_codecs=("h264",), stash_box="linked", created_at=_at(2026, 3, 1),
        updated_at=_at(2026, 3, 9),
    ),
    replace(
        _named("scenes", RAIN, "Rain on the beach"), scene_id=RAIN, files=("rain.mp4",), people=("Bea Corvin",),
        tags=("Outdoor",), tag_aliases=("open air",), tag_ids=(OUTDOOR,), all_tag_ids=(OUTDOOR,),
        studios=("Blue Lake",),
        studio_id=LAKE, studio_ids=(LAKE,), performer_ids=(BEA,), genders=("FEMALE",), date=date(2021, 5, 3),
        height=720, duration=600_000, size=300_000_000, rating=60, plays=3, o_count=1, organized=False,
        has_markers=False, video_codecs=("hevc",), stash_box="none", created_at=_at(2024, 1, 1),
        updated_at=_at(2024, 1, 2),
    ),
    replace(
        _named("scenes", EVENING, "Winter evening"), instance_ids=(CABIN,), scene_id=EVENING, files=("evening.mkv",),
        people=("Anna Marlow", "Łucja Ødegård"), people_aliases=("Annie",), tags=("Slow Dance",), tag_ids=(DANCE,),
        all_tag_ids=(DANCE,), groups=("Winter Tales",), group_ids=(TALES,),
        markers=("First dance", "Slow Dance", "Toast"), marker_tag_ids=(DANCE, TOAST),
        own_marker_tag_ids=(DANCE, TOAST),
        performer_ids=(ANNA, LUCJA), genders=("FEMALE", "NON_BINARY"), date=date(2019, 12, 24), height=2160,
        duration=2_400_000, size=4_000_000_000, plays=1, o_count=0, organized=False, has_markers=True,
        video_codecs=("av1",), stash_box="candidate", created_at=_at(2023, 1, 1), updated_at=_at(2023, 1, 1),
    ),
    replace(_named("scenes", CITY, "東京の朝"), scene_id=CITY, has_markers=False, organized=False, plays=0),
    replace(_named("scenes", SIGNS, "???"), scene_id=SIGNS, has_markers=False, organized=False, plays=0),
    _named("scene_markers", FIRST_DANCE, "First dance", scene_id=EVENING, tags=("Slow Dance",), tag_ids=(DANCE,),
           all_tag_ids=(DANCE,), seconds=60_000, duration=30_000),
    _named("scene_markers", GLASSES, "Toast", scene_id=EVENING, tags=("Toast",), tag_ids=(TOAST,),
           all_tag_ids=(TOAST,), seconds=80_000),
)  # fmt: skip
"""Every record and marker."""

_MARKER_TAGS = ((DANCE, FIRST_DANCE, 60_000), (TOAST, GLASSES, 80_000))


def fill_database(connection: Connection) -> None:
    """The servers, and the tags of markers."""
    for name in ("home", "cabin"):
        connection.execute("insert into ops.instances (name, url) values (%s, 'http://127.0.0.1:9')", [name])
    for tag, marker, begins in _MARKER_TAGS:
        connection.execute(
            "insert into search.marker_tags (tag_id, scene_id, seconds, marker_id, instance_id, own) "
            "values (%s, %s, %s, %s, %s, true)",
            [tag, EVENING, begins, marker, CABIN],
        )


def fill_index(backend: SearchBackend, documents: tuple[Document, ...] = DOCUMENTS) -> None:
    """Writes the documents to an index."""
    with backend.writer(rebuild=True) as writer:
        writer.put(documents)
        writer.commit(IndexState(1, "", backend.version, len(documents)))


@contextmanager
def small_search(database_url: str, directory: Path) -> Iterator[Search]:
    """A search in the library."""
    backend = TantivyBackend(directory)
    fill_index(backend)
    with connect(database_url) as connection:
        fill_database(connection)
        search = Search(backend.reader(), connection)
        yield search
        search.close()
