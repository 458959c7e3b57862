"""The small box that real ones of several releases were filled with when their answers were recorded.

Its ids and times are those of the recordings: changing anything here changes them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from stash_pipeline.simulator.box.box import Box

PHASH = "f0e1d2c3b4a59687"


class _Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=61, microseconds=1500)
        return self.now


@dataclass(frozen=True)
class Sample:
    """The box, and the ids of what is changed after the first half of the recordings."""

    box: Box
    studios: list[str]
    performers: list[str]
    tags: list[str]
    scenes: list[str]


def sample() -> Sample:
    """The box before anything happens to it."""
    box = Box.create(seed=5, clock=_Clock())
    site = box.add_site(
        "Other stash-boxes",
        ["PERFORMER", "SCENE", "STUDIO"],
        description="Same record elsewhere",
        url="https://boxes.example",
    )
    places, light = box.add_tag_category("Places"), box.add_tag_category("Light", "ACTION")
    network = box.add_studio("Harbour Network", aliases=["Harbor Network"])
    studios = [
        box.add_studio(
            "Quiet Pictures",
            parent=network,
            aliases=["QP", "Quiet Pics"],
            urls=["https://quiet.example", "https://q.example"],
            images=[box.add_image(400, 300)],
        ),
        box.add_studio("Paper Media", parent=network),
        box.add_studio("Amber Archive"),
    ]
    sizes = ((600, 900), (1920, 1080), (1280, 720), (300, 300), (400, 600))
    images = [box.add_image(width, height) for width, height in sizes]
    performers = _performers(box, images, site)
    tags = [
        box.add_tag("Outdoor", category=places, aliases=["Outside", "Open air"], description="Under the sky"),
        box.add_tag("Night", category=light),
        box.add_tag("Dusk"),
        box.add_tag("Evening", aliases=["Late"]),
    ]
    scenes = _scenes(box, studios, performers, tags, images, site)
    _submit(box, scenes)
    return Sample(box, studios, performers, tags, scenes)


def _performers(box: Box, images: list[str], site: str) -> list[str]:
    performers = [
        box.add_performer(
            "Tobin Wrenfield",
            aliases=["Toby W", "A Tobin"],
            birthdate="1990-05-06",
            gender="MALE",
            country="FR",
            height=180,
            images=[images[0], images[3], images[4]],
            urls=["https://tobin.example", ("https://boxes.example/tobin", site)],
        ),
        box.add_performer(
            "Calla Ashgrove",
            birthdate="1991-07",
            gender="FEMALE",
            ethnicity="OTHER",
            cup_size="B",
            band_size=75,
            waist_size=60,
            hip_size=90,
            breast_type="NATURAL",
            eye_color="GREEN",
            hair_color="RED",
            career_start_year=2010,
        ),
        box.add_performer(
            "Calla Ashgrove",
            disambiguation="the second",
            birthdate="1980",
            deathdate="2020-02-03",
            gender="FEMALE",
        ),
        box.add_performer("Posy Larkspur"),
        box.add_performer("Rosy Larkspur", aliases=["Posy L"]),
        box.add_performer("Idris Mossop", gender="NON_BINARY"),
    ]
    box.execute("INSERT INTO performer_tattoos VALUES (?, ?, ?)", (performers[1], "left arm", "compass"))
    box.execute("INSERT INTO performer_piercings VALUES (?, ?, ?)", (performers[1], "ear", None))
    return performers


def _scenes(
    box: Box, studios: list[str], performers: list[str], tags: list[str], images: list[str], site: str
) -> list[str]:
    return [
        box.add_scene(
            "Copper Lantern",
            studio=studios[0],
            performers=[performers[0], (performers[1], "Cal")],
            tags=[tags[0], tags[1]],
            urls=["https://s.example/1", ("https://boxes.example/s1", site)],
            images=images[1:4],
            date="2015",
            duration=1800,
            code="C-1",
            director="Joss Tillerby",
            details="One\ntwo",
        ),
        box.add_scene(
            "Silver Harbour",
            studio=studios[1],
            performers=[performers[1], performers[3]],
            tags=[tags[2]],
            date="2016-03",
            production_date="2015-12-01",
            duration=600,
        ),
        box.add_scene(
            "Quiet Orchard",
            studio=studios[1],
            performers=[performers[3], performers[4]],
            tags=[tags[2], tags[3]],
            date="2016-03-09",
        ),
        box.add_scene("Painted Meadow", performers=[performers[2]], date="2018-11-30", duration=90),
        box.add_scene(None, studio=studios[2], tags=[tags[3]]),
        box.add_scene(
            "Hollow Compass",
            studio=studios[0],
            performers=[performers[0], performers[5]],
            date="2020-01-02",
            duration=3000,
        ),
        box.add_scene(
            "Hollow Compass", studio=studios[0], performers=[performers[0]], date="2021-01-02", duration=3001
        ),
        box.add_scene("Amber Teacup", studio=studios[2], performers=[performers[5]], tags=[tags[0]], date="2019"),
    ]


def _submit(box: Box, scenes: list[str]) -> None:
    number = int(PHASH, 16)
    box.submit(scenes[0], "PHASH", PHASH, 1800, users=3)
    box.submit(scenes[0], "PHASH", PHASH, 1801, users=box.users(5)[3:5])
    box.report(scenes[0], "PHASH", PHASH)
    box.submit(scenes[0], "OSHASH", "0123456789abcdef", 1800, users=2)
    box.submit(scenes[1], "PHASH", PHASH, 600)
    box.submit(scenes[1], "PHASH", number ^ 0b101, 605, users=2)
    box.submit(scenes[1], "OSHASH", "00000000000000aa", 600)
    box.submit(scenes[2], "PHASH", number ^ 0b1111, 700)
    box.submit(scenes[2], "OSHASH", "00000000000000bb", 700, users=4)
    box.submit(scenes[3], "PHASH", 0, 90, users=2)
    box.submit(scenes[3], "PHASH", "8000000000000000", 91)
    box.submit(scenes[4], "OSHASH", "00000000000000cc", 10)
    box.report(scenes[4], "OSHASH", "00000000000000cc", users=3)
    box.submit(scenes[5], "OSHASH", "00000000000000dd", 3000, users=2)
    box.submit(scenes[5], "PHASH", "aaaa5555aaaa5555", 3000, users=2)
    box.submit(scenes[6], "OSHASH", "00000000000000ee", 3000)
    box.submit(scenes[7], "OSHASH", "00000000000000ff", 50)
    box.submit(scenes[7], "PHASH", "bbbb4444bbbb4444", 50, users=2)
    box.submit(scenes[7], "PHASH", "bbbb4444bbbb4444", 60, users=box.users(4)[2:])
    box.submit(scenes[0], "OSHASH", PHASH, 1)  # an oshash that is equal to a phash
    box.submit(scenes[2], "OSHASH", "00000000000000aa", 3)


def change(sample: Sample) -> None:
    """Merges and deletions, which happened before the second half of the recordings."""
    box = sample.box
    box.merge("performer", sample.performers[4], sample.performers[3], keep_names=True)
    box.merge("studio", sample.studios[1], sample.studios[0])
    box.merge("tag", sample.tags[2], sample.tags[3])
    box.merge("scene", sample.scenes[6], sample.scenes[5])
    box.destroy("scene", sample.scenes[7])
    box.destroy("performer", sample.performers[5])
