"""Libraries of search documents: invented, harmless names with the distributions of real ones.

Words follow Zipf's law: the commonest is in more than a fifth of the titles, most of them are in a few. The same seed
and size make the same documents. Four fifths are scenes and markers. Contains no index and no query: the truth of the
quality figures is in ``truth.py``.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate, islice
from typing import NamedTuple
from uuid import UUID

from stash_pipeline.search.documents import Document


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COMMON = _words(
    "beach summer night garden river morning city lake winter party island house blue golden mountain forest "
    "secret holiday evening dance rain autumn window road harbour kitchen little first last return story journey "
    "weekend sunset picnic lantern orchard meadow castle bridge village market station painting piano violin theatre "
    "library museum gallery carousel lighthouse sailing cycling climbing skating swimming cooking baking weaving "
    "pottery chess archery fencing rowing hiking camping fishing reading singing drumming carpentry gardening"
)
"""The commonest words of titles, in order."""

_SYLLABLES = _words(
    "ba bel bor bra cal cas cor dan del dor el en fal fer gal gran hal har il is jor ka kel kir lan len lor ma mer mil "
    "mon na nel nor ol or pal per quil ra ren rin ros sa sel sil sor ta tel tor tran ul ur va vel ven vin wal wen wil "
    "yor za zel"
)
_ENDINGS = ("", "", "", "s", "n", "a", "ing", "er", "field", "wood", "ton", "ly", "moor", "stead")
_GIVEN = _words(
    "Anna Marlow Elira Tobin Sanna Corvin Ysolde Amadis Birla Joss Ottilie Ruvan Calla Dorrin Maelis Isaura Quill "
    "Tamsin Oriel Wendel Zephra Hollis Nerine Alaric Vesper Idris Lorcan Emeric Junia Kestrel Odette Rowan Zoë André "
    "Łucja Søren Ólafur Đorđe Chloé Núria Jürgen François Siân Žofia Åsa"
)
_ACCENTED = (
    "Café",
    "Über",
    "Façade",
    "Straße",
    "Łódź",
    "Smørrebrød",
    "Crème",
    "Piñata",
    "Đà",
    "Fjäll",
    "Naïve",
    "Élan",
)
_CJK = "山川海空花月雪風森星夏冬春秋朝夜東西南北京都市町村道橋駅島浜"
_STUDIO_ENDINGS = ("Pictures", "Films", "Media", "Studio", "Collective", "Cinema", "Workshop", "Archive")
_GENDERS = ("FEMALE", "MALE", "NON_BINARY", "TRANSGENDER_FEMALE", "TRANSGENDER_MALE", "INTERSEX")
_HEIGHTS = (240, 360, 480, 540, 720, 1080, 1080, 1080, 1440, 2160, 2160, 2880, 4320)
_CODECS = ("h264", "h264", "h264", "hevc", "hevc", "av1", "vp9", "mpeg4")
_BOXES = ("none", "none", "linked", "linked", "candidate")
_FIRST_DAY, _NOW = date(1996, 1, 1), datetime(2025, 6, 1, 12, tzinfo=timezone.utc)


class _Tag(NamedTuple):
    id: UUID
    name: str
    aliases: tuple[str, ...]
    ancestors: tuple[int, ...]


class _Studio(NamedTuple):
    id: UUID
    name: str
    aliases: tuple[str, ...]
    parents: tuple[int, ...]
    prefix: str


class _Performer(NamedTuple):
    id: UUID
    name: str
    aliases: tuple[str, ...]
    gender: str
    birthdate: date | None


class _World:
    """What the documents are made of."""

    def __init__(self, seed: int, size: int, instances: int) -> None:
        self.random = random.Random(f"{seed} {size}")
        self.instances = tuple(range(1, instances + 1))
        count = max(400, int(30 * size**0.5), size // 30)
        self.words = self._invented(count)
        # the constant keeps the commonest word from being in half of the titles
        self.word_weights = list(accumulate(1 / (rank + 1.0) for rank in range(len(self.words))))
        self.family = [self.words[-1 - n].capitalize() for n in range(count // 3)]
        self.tags = self._tags(max(24, size // 60))
        self.studios = self._studios(max(8, size // 100))
        self.performers = self._performers(max(20, size * 2 // 25))
        self.tag_weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.tags))))
        self.studio_weights = list(accumulate(1 / (rank + 4) for rank in range(len(self.studios))))
        self.performer_weights = list(accumulate(1 / (rank + 20) for rank in range(len(self.performers))))
        self.groups = [(self.id(), self.title()) for _ in range(max(4, size // 60))]

    def id(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def _invented(self, count: int) -> list[str]:
        found = dict.fromkeys(COMMON)
        while len(found) < count:
            syllables = self.random.choices(_SYLLABLES, k=self.random.choice((1, 2, 2, 2, 3, 3)))
            found["".join(syllables) + self.random.choice(_ENDINGS)] = None
        return list(found)

    def some_words(self, count: int) -> list[str]:
        return self.random.choices(self.words, cum_weights=self.word_weights, k=count)

    def title(self) -> str:
        luck = self.random.random()
        if luck < 0.01:
            return "".join(self.random.choices(_CJK, k=self.random.randint(2, 7)))
        words = list(dict.fromkeys(self.some_words(self.random.choice((2, 3, 3, 4, 4, 4, 5, 5, 6, 7)))))
        if luck < 0.06:
            words.insert(self.random.randrange(len(words) + 1), self.random.choice(_ACCENTED))
        elif luck < 0.12:
            words.append(str(self.random.randint(1, 12)))
        return " ".join(words) if luck < 0.2 else " ".join(word.capitalize() for word in words)

    def person(self) -> str:
        rank = min(self.random.randrange(len(self.family)), self.random.randrange(len(self.family)))
        return f"{self.random.choice(_GIVEN)} {self.family[rank]}"

    def _tags(self, count: int) -> list[_Tag]:
        made: list[_Tag] = []
        names: set[str] = set()
        while len(made) < count:
            name = " ".join(self.some_words(self.random.choice((1, 1, 2)))).capitalize()
            if name in names:
                continue
            names.add(name)
            ancestors: tuple[int, ...] = ()
            if made and self.random.random() < 0.6:
                parent = self.random.randrange(len(made))
                ancestors = (parent, *made[parent].ancestors)[:4]
            aliases = (self.random.choice(self.words).capitalize(),) if self.random.random() < 0.3 else ()
            made.append(_Tag(self.id(), name, aliases, ancestors))
        return made

    def _studios(self, count: int) -> list[_Studio]:
        made: list[_Studio] = []
        for number in range(count):
            word = self.random.choice(self.words)
            name = f"{word.capitalize()} {self.random.choice(_STUDIO_ENDINGS)}"
            parents: tuple[int, ...] = ()
            if made and self.random.random() < 0.4:
                parent = self.random.randrange(len(made))
                parents = (parent, *made[parent].parents)[:3]
            aliases = (word[:3].upper(),) if self.random.random() < 0.2 else ()
            made.append(_Studio(self.id(), name, aliases, parents, f"{word[:3].upper()}{number % 10}"))
        return made

    def _performers(self, count: int) -> list[_Performer]:
        made = []
        for _ in range(count):
            aliases = tuple(sorted({self.person() for _ in range(self.random.choice((0, 0, 0, 1, 1, 2)))}))
            born = self.day() if self.random.random() < 0.6 else None
            gender = self.random.choices(_GENDERS, weights=(50, 40, 4, 3, 2, 1))[0]
            made.append(_Performer(self.id(), self.person(), aliases, gender, born))
        return made

    def day(self) -> date:
        return _FIRST_DAY + timedelta(days=self.random.randrange(10_500))

    def of_instances(self) -> tuple[int, ...]:
        if self.random.random() < 0.15:
            return tuple(sorted(self.random.sample(self.instances, min(2, len(self.instances)))))
        return (self.random.choice(self.instances),)

    def or_none(self, share: float, low: int, high: int) -> int | None:
        return self.random.randint(low, high) if self.random.random() < share else None


def documents(size: int, seed: int = 1, instances: int = 3) -> Iterator[Document]:
    """A library of so many documents; equal arguments make equal ones. A fifth are markers, three fifths scenes."""
    return islice(_all(_World(seed, size, instances), size), size)


def changed(documents: list[Document], share: float, seed: int = 1, revision: int = 1_000) -> list[Document]:
    """A part of the documents with other titles, ratings and tags, as edits make them."""
    world = _World(seed + 1, 1_000, 3)
    chosen = world.random.sample(documents, max(1, int(len(documents) * share)))
    return [
        replace(document, revision=revision, title=world.title(), rating=world.random.randint(0, 100))
        for document in chosen
    ]


def _all(world: _World, size: int) -> Iterator[Document]:
    yield from _tag_documents(world)
    yield from _studio_documents(world)
    yield from _performer_documents(world)
    for id, title in world.groups:
        yield _media(world, "groups", id, title)
    for _ in range(max(4, size // 16)):
        yield _media(world, "galleries", world.id(), world.title())
    while True:
        markers = world.random.choice((0, 0, 0, 0, 1, 2))
        scene = _scene(world, markers > 0)
        of_scene = [_marker(world, scene) for _ in range(markers)]
        yield replace(
            scene,
            marker_tag_ids=tuple(sorted({tag for one in of_scene for tag in one.all_tag_ids})),
            own_marker_tag_ids=tuple(sorted({tag for one in of_scene for tag in one.tag_ids})),
        )
        yield from of_scene


def _tag_documents(world: _World) -> Iterator[Document]:
    for tag in world.tags:
        above = [world.tags[number] for number in tag.ancestors]
        yield Document(
            id=tag.id,
            entity="tags",
            revision=1,
            title=tag.name,
            aliases=tag.aliases,
            tags=tuple(one.name for one in above),
            tag_aliases=tuple(sorted({alias for one in above for alias in one.aliases})),
            instance_ids=world.of_instances(),
            tag_ids=(tag.id,),
            all_tag_ids=tuple(sorted({tag.id, *(one.id for one in above)})),
            favorite=world.random.random() < 0.05,
            stash_box="linked" if world.random.random() < 0.3 else "none",
        )


def _studio_documents(world: _World) -> Iterator[Document]:
    for studio in world.studios:
        above = [world.studios[number] for number in studio.parents]
        yield Document(
            id=studio.id,
            entity="studios",
            revision=1,
            title=studio.name,
            aliases=studio.aliases,
            studios=tuple(one.name for one in above),
            hosts=(f"{studio.prefix.lower()}.example",),
            instance_ids=world.of_instances(),
            studio_id=studio.id,
            studio_ids=(studio.id, *(one.id for one in above)),
            rating=world.or_none(0.2, 0, 100),
            favorite=world.random.random() < 0.1,
            stash_box=world.random.choice(_BOXES),
        )


def _performer_documents(world: _World) -> Iterator[Document]:
    for performer in world.performers:
        yield Document(
            id=performer.id,
            entity="performers",
            revision=1,
            title=performer.name,
            aliases=performer.aliases,
            disambiguation="the younger" if world.random.random() < 0.02 else "",
            instance_ids=world.of_instances(),
            performer_ids=(performer.id,),
            genders=(performer.gender,),
            date=performer.birthdate,
            rating=world.or_none(0.3, 0, 100),
            favorite=world.random.random() < 0.1,
            stash_box=world.random.choice(_BOXES),
        )


def _tagged(world: _World, count: int) -> tuple[list[_Tag], list[_Tag]]:
    """Tags, and their ancestors that are not among them."""
    chosen = dict.fromkeys(world.random.choices(range(len(world.tags)), cum_weights=world.tag_weights, k=count))
    above = dict.fromkeys(up for number in chosen for up in world.tags[number].ancestors if up not in chosen)
    return [world.tags[number] for number in chosen], [world.tags[number] for number in above]


def _media(world: _World, entity: str, id: UUID, title: str) -> Document:
    """A group or a gallery."""
    studio = world.random.choices(world.studios, cum_weights=world.studio_weights)[0]
    own, above = _tagged(world, world.random.choice((0, 1, 2, 3)))
    return Document(
        id=id,
        entity=entity,
        revision=1,
        title=title,
        details=" ".join(world.some_words(12)) if world.random.random() < 0.2 else "",
        tags=tuple(tag.name for tag in (*own, *above)),
        tag_aliases=tuple(sorted({alias for tag in (*own, *above) for alias in tag.aliases})),
        studios=(studio.name, *(world.studios[number].name for number in studio.parents)),
        studio_aliases=studio.aliases,
        instance_ids=world.of_instances(),
        studio_id=studio.id,
        studio_ids=(studio.id, *(world.studios[number].id for number in studio.parents)),
        tag_ids=tuple(sorted(tag.id for tag in own)),
        all_tag_ids=tuple(sorted({tag.id for tag in (*own, *above)})),
        group_ids=(id,) if entity == "groups" else (),
        date=world.day() if world.random.random() < 0.7 else None,
        rating=world.or_none(0.3, 0, 100),
        organized=world.random.random() < 0.4 if entity == "galleries" else None,
        created_at=_NOW - timedelta(minutes=world.random.randrange(3_000_000)),
        updated_at=_NOW - timedelta(minutes=world.random.randrange(300_000)),
    )


def _scene(world: _World, has_markers: bool) -> Document:
    draw = world.random
    studio = draw.choices(world.studios, cum_weights=world.studio_weights)[0]
    parents = [world.studios[number] for number in studio.parents]
    cast = list(
        dict.fromkeys(
            draw.choices(world.performers, cum_weights=world.performer_weights, k=draw.choice((0, 1, 1, 2, 2, 3)))
        )
    )
    own, above = _tagged(world, draw.choice((0, 1, 2, 3, 4, 5, 6)))
    title, day = world.title(), world.day() if draw.random() < 0.85 else None
    height = draw.choice(_HEIGHTS) if draw.random() < 0.97 else None
    plays = 0 if draw.random() < 0.8 else draw.randint(1, 40)
    code = f"{studio.prefix}-{draw.randint(1, 9_999):04}" if draw.random() < 0.4 else ""
    stem = title.lower().replace(" ", ".")
    file = f"{studio.prefix.lower()}.{day or 'undated'}.{stem}.{height}p.mp4" if height else ""
    group = draw.choice(world.groups) if draw.random() < 0.1 else None
    id = world.id()
    return Document(
        id=id,
        entity="scenes",
        revision=1,
        # a tenth has no title of its own: the file is what a person sees
        title=title if draw.random() < 0.9 or not file else file,
        code=code,
        details=" ".join(world.some_words(20)).capitalize() + "." if draw.random() < 0.4 else "",
        files=(file,) if file else (),
        hosts=(f"{studio.prefix.lower()}.example",) if draw.random() < 0.5 else (),
        people=tuple(one.name for one in cast),
        people_aliases=tuple(sorted({alias for one in cast for alias in one.aliases})),
        tags=tuple(tag.name for tag in (*own, *above)),
        tag_aliases=tuple(sorted({alias for tag in (*own, *above) for alias in tag.aliases})),
        studios=(studio.name, *(one.name for one in parents)),
        studio_aliases=studio.aliases,
        groups=(group[1],) if group else (),
        markers=tuple(sorted({tag.name for tag in own[:2]})) if has_markers else (),
        instance_ids=world.of_instances(),
        studio_id=studio.id,
        studio_ids=(studio.id, *(one.id for one in parents)),
        performer_ids=tuple(sorted(one.id for one in cast)),
        tag_ids=tuple(sorted(tag.id for tag in own)),
        all_tag_ids=tuple(sorted({tag.id for tag in (*own, *above)})),
        group_ids=(group[0],) if group else (),
        scene_id=id,
        genders=tuple(sorted({one.gender for one in cast})),
        date=day,
        height=height,
        duration=draw.randint(20_000, 5_400_000) if height else None,
        size=draw.randint(10_000_000, 8_000_000_000) if height else None,
        rating=world.or_none(0.4, 0, 100),
        plays=plays,
        o_count=plays // 5,
        organized=draw.random() < 0.4,
        has_markers=has_markers,
        video_codecs=(draw.choice(_CODECS),) if height else (),
        stash_box=draw.choice(_BOXES),
        created_at=_NOW - timedelta(minutes=draw.randrange(3_000_000)),
        updated_at=_NOW - timedelta(minutes=draw.randrange(300_000)),
    )


def _marker(world: _World, scene: Document) -> Document:
    draw = world.random
    own, above = _tagged(world, draw.choice((1, 1, 2)))
    seconds = draw.randrange(scene.duration or 1_000)
    return Document(
        id=world.id(),
        entity="scene_markers",
        revision=1,
        title=" ".join(world.some_words(2)).capitalize() if draw.random() < 0.2 else own[0].name,
        people=scene.people,
        people_aliases=scene.people_aliases,
        tags=tuple(tag.name for tag in (*own, *above)),
        tag_aliases=tuple(sorted({alias for tag in (*own, *above) for alias in tag.aliases})),
        studios=scene.studios,
        studio_aliases=scene.studio_aliases,
        instance_ids=scene.instance_ids[:1],
        studio_id=scene.studio_id,
        studio_ids=scene.studio_ids,
        performer_ids=scene.performer_ids,
        tag_ids=tuple(sorted(tag.id for tag in own)),
        all_tag_ids=tuple(sorted({tag.id for tag in (*own, *above)})),
        scene_id=scene.id,
        genders=scene.genders,
        date=scene.date,
        height=scene.height,
        duration=draw.randint(1_000, 60_000) if draw.random() < 0.3 else None,
        seconds=seconds,
        created_at=scene.created_at,
        updated_at=scene.updated_at,
    )
