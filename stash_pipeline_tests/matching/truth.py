"""Libraries of which is known what is the same: several servers that hold parts of one world, with people's errors.

All names are made of syllables. A record's ``truth`` is the number of the person or the recording that it is.
"""

import random
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np

from stash_pipeline.matching.compare import File, Performer, Scene
from stash_pipeline.matching.dates import PartialDate
from stash_pipeline.matching.names import name_keys, normalise_name
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline_tests.matching.phash_generator import balanced, durations, flipped

BOX = "https://box.example/graphql"
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "ir", "on")]


@dataclass
class Truth:
    """Records, of which instance each is, and what it is."""

    records: list[Performer] | list[Scene] = field(default_factory=list)
    instance: list[int] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)


def _words(random_: random.Random, count: int, syllables: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(random_.choices(_SYLLABLES, k=syllables)).capitalize()] = None
    return list(found)


class _Names:
    """Given and family names, of which few are frequent and many rare."""

    def __init__(self, random_: random.Random, people: int) -> None:
        self.random = random_
        self.given = _words(random_, 600, 2)
        self.family = _words(random_, max(300, people // 12), 3)
        self.given_weights = list(accumulate(1 / (rank + 8) for rank in range(len(self.given))))
        self.family_weights = list(accumulate(1 / (rank + 20) for rank in range(len(self.family))))

    def full(self) -> str:
        given = self.random.choices(self.given, cum_weights=self.given_weights)[0]
        return f"{given} {self.random.choices(self.family, cum_weights=self.family_weights)[0]}"

    def alias(self, name: str) -> str:
        """Another stage name, the given name alone, or an initial."""
        kind = self.random.random()
        given, _, family = name.partition(" ")
        if kind < 0.15:
            return given
        if kind < 0.3:
            return f"{given} {family[0]}."
        return self.full() if kind < 0.75 else f"{given} {self.random.choice(self.family)}"


def _typo(random_: random.Random, name: str) -> str:
    place = random_.randrange(1, len(name) - 1)
    kind = random_.random()
    if kind < 0.4:
        return name[:place] + name[place + 1 :]
    if kind < 0.7:
        return name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    return name[:place] + random_.choice("aeioulnr") + name[place + (kind < 0.85) :]


def performers(seed: int, people: int, instances: int = 3) -> Truth:
    """About ``people * (1 + instances) / 2`` records."""
    rng = random.Random(seed)
    names = _Names(rng, people)
    made = Truth()
    for person in range(people):
        name = names.full()
        aliases = [names.alias(name) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))]
        born = PartialDate(rng.randint(1955, 2004), rng.randint(1, 12), rng.randint(1, 28))
        urls = [f"x.example/{normalise_name(name).replace(' ', '')}{person}", f"pages.example/{person}"]
        gender = rng.choices(("FEMALE", "MALE", "NON_BINARY"), (70, 28, 2))[0]
        for instance in range(instances):
            if rng.random() >= (1 + 1 / instances) / 2:
                continue
            # one in fifty twice in the same library
            for _ in range(2 if rng.random() < 0.02 else 1):
                made.records.append(_performer(rng, person, people, name, aliases, born, urls, gender))  # type: ignore[arg-type]
                made.instance.append(instance)
                made.truth.append(person)
    counts: dict[tuple[int, str], int] = {}
    for record, instance in zip(made.records, made.instance, strict=True):
        assert isinstance(record, Performer)
        for key in record.names:
            counts[instance, key] = counts.get((instance, key), 0) + 1
    frequency: dict[str, int] = {}
    most = PARAMETERS["rare_name"]["most"]
    for (_, key), count in counts.items():
        frequency[key] = max(count, frequency.get(key, 0))
    made.records = [
        replace(record, rare_names=frozenset(key for key in record.names if frequency[key] <= most and " " in key))
        for record in made.records
        if isinstance(record, Performer)
    ]
    return made


def _performer(
    rng: random.Random, person: int, people: int, name: str, aliases: list[str], born: PartialDate,
    urls: list[str], gender: str,
) -> Performer:  # fmt: skip
    """A person as a library has it."""
    known = [alias for alias in aliases if rng.random() < 0.6]
    shown = name
    if known and rng.random() < 0.08:
        shown, known = known[0], [name, *known[1:]]
    if rng.random() < 0.03:
        shown = _typo(rng, shown)
    birthdate: PartialDate | None = None
    if rng.random() < 0.55:
        birthdate = born
        kind = rng.random()
        if kind < 0.03:
            birthdate = PartialDate(born.year)
        elif kind < 0.06:
            birthdate = PartialDate(born.year, 1, 1)
        elif kind < 0.065:
            birthdate = PartialDate(born.year, born.month, rng.randint(1, 28))
        elif kind < 0.07:
            birthdate = PartialDate(rng.randint(1955, 2004), born.month, born.day)
    ids: frozenset[tuple[str, str]] = frozenset()
    if rng.random() < 0.6:
        kind = rng.random()
        number = rng.randrange(people) if kind < 0.004 else person
        ids = frozenset({(BOX, f"old-{number}" if kind > 0.985 else f"id-{number}")})
        if kind > 0.995:  # the pending merge: both
            ids |= {(BOX, f"id-{number}")}
    return Performer(
        names=name_keys(shown, known), birthdate=birthdate, stash_ids=ids,
        urls=frozenset(url for url in urls if rng.random() < 0.2),
        gender=gender if rng.random() < 0.97 else "FEMALE",
        disambiguation=str(rng.randint(1, 3)) if rng.random() < 0.01 else "",
    )  # fmt: skip


def scenes(seed: int, recordings: int, instances: int = 3) -> Truth:
    """About ``recordings * (1 + instances) / 2`` records."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    names = _Names(rng, recordings // 4 + 100)
    cast = [normalise_name(names.full()) for _ in range(recordings // 6 + 10)]
    words = _words(rng, 400, 2)
    studios = [f"{one} Pictures" for one in _words(rng, recordings // 300 + 5, 2)]
    templates = numbers.standard_normal((len(studios), 64))
    studio = numbers.integers(0, len(studios), recordings)
    templated = (numbers.random(recordings) < 0.3)[:, None]
    phash = balanced(numbers, recordings, np.where(templated, templates[studio], 0.0))
    length = durations(numbers, recordings)
    # series on one set: near hashes and lengths, different recordings
    series = np.flatnonzero(numbers.random(recordings) < 0.02)[1:]
    phash[series] = flipped(numbers, phash[series - 1], numbers.integers(2, 7, len(series)))
    length[series] = np.maximum(1000, length[series - 1] + numbers.integers(-60_000, 60_000, len(series)))
    studio[series] = studio[series - 1]
    clips = np.flatnonzero(numbers.random(recordings) < 0.05)
    clumps = balanced(numbers, max(1, len(clips) // 15))
    clump = numbers.integers(0, len(clumps), len(clips))
    phash[clips] = flipped(numbers, clumps[clump], numbers.integers(0, 6, len(clips)))
    length[clips] = numbers.integers(3_000, 60_000, len(clips))
    phash[numbers.random(recordings) < 0.002] = np.uint64(0xF8FCFCFCF8E00100)
    versions = np.repeat(phash, instances + 1)
    again = flipped(numbers, versions, np.minimum(numbers.geometric(0.55, len(versions)) - 1, 4))
    other = balanced(numbers, recordings)
    made = Truth()
    for number in range(recordings):
        title = " ".join(rng.choices(words, k=3))
        scene = Scene(
            files=(File(f"{number:x}-0", "", int(phash[number]), int(length[number])),),
            stash_ids=frozenset({(BOX, f"id-{number}")}), title=normalise_name(title),
            date=PartialDate(rng.randint(2005, 2025), rng.randint(1, 12), rng.randint(1, 28)),
            studio=normalise_name(studios[studio[number]]), performers=frozenset(rng.sample(cast, rng.randint(1, 3))),
        )  # fmt: skip
        path = f"{scene.studio}/{scene.title}.mp4"
        for instance in range(instances):
            if rng.random() >= (1 + 1 / instances) / 2:
                continue
            for turn in range(2 if rng.random() < 0.03 else 1):
                version = again[number * (instances + 1) + (instance if not turn else instances)]
                file = _file(rng, scene.files[0], int(version), int(other[number]), f"{instance}-{turn}", path)
                neighbour = number - 1 if rng.random() < 0.5 else rng.randrange(recordings)
                made.records.append(_scene(rng, scene, file, neighbour))  # type: ignore[arg-type]
                made.instance.append(instance)
                made.truth.append(number)
    return made


def _file(rng: random.Random, file: File, near: int, other: int, suffix: str, path: str) -> File:
    """A recording as a library has it: the same file, a re-encode, or a trim."""
    kind = rng.random()
    if kind >= 0.45:
        file = replace(file, oshash=f"{file.oshash}-{suffix}", phash=near)
        file = replace(file, duration=max(1, file.duration + round(max(-900, min(900, rng.gauss(0, 200))))))
    if kind >= 0.92:
        file = replace(file, phash=other, duration=file.duration + rng.randint(6_000, 120_000))
    if rng.random() < 0.01:
        file = replace(file, oshash="")
    if rng.random() < 0.02:
        file = replace(file, phash=None)
    if rng.random() < 0.002:  # the hash of a file that was replaced since
        file = replace(file, duration=file.duration + 300_000)
    return replace(file, path=path if rng.random() < 0.3 else f"{suffix}/{rng.randrange(10**9)}.mp4")


def _scene(rng: random.Random, scene: Scene, file: File, neighbour: int) -> Scene:
    """What a library says of it."""
    ids = scene.stash_ids if rng.random() < 0.7 else frozenset()
    kind = rng.random()
    if ids and kind < 0.005:
        ids = frozenset({(BOX, f"id-{neighbour}")})
    elif ids and kind < 0.02:  # moved
        ids = frozenset((BOX, f"old-{number}") for _, number in ids)
    title, date = scene.title, scene.date
    if rng.random() < 0.15:
        title = "" if rng.random() < 0.4 else f"{title.split()[0]} again"
    if rng.random() < 0.05 and date:  # a re-release
        title, date = f"best of {title}", PartialDate(date.year + 2, date.month, date.day)
    return replace(
        scene, files=(file,), stash_ids=ids, title=title, date=date if rng.random() < 0.8 else None,
        studio=scene.studio if rng.random() < 0.85 else "",
        performers=scene.performers if rng.random() < 0.85 else frozenset(),
    )  # fmt: skip
