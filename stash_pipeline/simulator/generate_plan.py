"""The common part of the generators: slots, times, ratings, images, and writing rows.

Contains the plan of one library. The entities are in ``generate`` and its parts.
"""

import hashlib
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from stash_pipeline.simulator import invented
from stash_pipeline.simulator.context import local_text
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.media import picture

_FIRST_DAY = datetime(2022, 1, 10, tzinfo=timezone.utc)
_SPAN = 4 * 365 * 86400
# Instants around DST changes in Europe and America, when wall-clock times repeat or do not exist.
ODD_INSTANTS = tuple(
    datetime.fromisoformat(text)
    for text in (
        "2025-10-26T00:30:00+00:00",
        "2025-10-26T01:30:00+00:00",
        "2025-03-30T00:59:59+00:00",
        "2025-03-30T01:00:00+00:00",
        "2025-11-02T05:30:00+00:00",
        "2025-11-02T06:30:00+00:00",
        "2024-12-31T23:30:00+00:00",
    )
)


@dataclass(frozen=True)
class Slot:
    """One object of a library: the origin of its identity."""

    shared: bool
    index: int


@dataclass
class LibraryPlan:
    """The state that all generators of a library share."""

    library: Library
    seed: int
    overlap_seed: int | None
    zone: tzinfo
    rng: random.Random
    counts: dict[str, int]
    clips: bool = True
    variants: bool = False
    slots: dict[str, list[Slot]] = field(default_factory=dict)
    ids: dict[str, dict[Slot, int]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def world(self, kind: str, slot: Slot) -> random.Random:
        """The random source of an object, the same in every library that contains it."""
        return random.Random(f"{self._source(slot)}/{kind}/{slot.index}")

    def _source(self, slot: Slot) -> str:
        return f"shared/{self.overlap_seed}" if slot.shared else f"own/{self.seed}"

    def variant(self, kind: str, slot: Slot) -> random.Random | None:
        """The random source of how this library differs in a shared object; None if it does not."""
        if not (self.variants and slot.shared):
            return None
        return random.Random(f"variant/{self.seed}/{kind}/{slot.index}")

    def fill(self, kind: str) -> list[tuple[int, Slot, random.Random]]:
        """(id, slot, random source) for every object of an entity."""
        count = self.counts[kind]
        shared = count // 2 if self.overlap_seed is not None else 0
        slots = [Slot(True, index) for index in range(shared)]
        slots += [Slot(False, index) for index in range(count - shared)]
        self.rng.shuffle(slots)
        self.slots[kind] = slots
        self.library.identities[kind] = {
            number: (self._source(slot), slot.index) for number, slot in enumerate(slots, 1)
        }
        self.ids[kind] = {slot: number for number, slot in enumerate(slots, 1)}
        return [(number, slot, self.world(kind, slot)) for number, slot in enumerate(slots, 1)]

    def alike(self, kind: str, slot: Slot, rng: random.Random, most: int) -> list[int]:
        """Ids of related objects of an entity; shared objects are related to shared objects only."""
        pool = self.counts[kind] // 2 if slot.shared else self.counts[kind]
        if pool <= 0 or most <= 0:
            return []
        chosen = []
        for _ in range(rng.randint(0, most)):
            # Low numbers are more frequent: some tags are on half of the scenes, most on few.
            index = int(pool * rng.random() ** 2)
            other = Slot(True, index) if slot.shared else self.slots[kind][index]
            chosen.append(self.ids[kind][other])
        return sorted(set(chosen))

    def moment(self) -> datetime:
        """A random time in the past."""
        if self.rng.random() < 0.01:
            return self.rng.choice(ODD_INSTANTS)
        return _FIRST_DAY + timedelta(seconds=self.rng.randrange(_SPAN))

    def times(self) -> tuple[str, str]:
        """created_at and updated_at as stored."""
        first, second = self.moment(), self.moment()
        if second < first:
            first, second = second, first
        return local_text(first, self.zone), local_text(second if self.rng.random() < 0.7 else first, self.zone)

    def image(self, chance: float) -> str | None:
        """The checksum of an image, stored once, or None."""
        if self.rng.random() >= chance:
            return None
        content = picture(self.rng.randrange(240))
        checksum = hashlib.md5(content).hexdigest()
        self.blobs[checksum] = content
        return checksum

    def rating(self) -> int | None:
        """null, an extreme value, or a value in between."""
        roll = self.rng.random()
        return None if roll < 0.4 else 0 if roll < 0.44 else 100 if roll < 0.5 else self.rng.randint(1, 99)

    def write(self, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows."""
        marks = ", ".join("?" for _ in columns.split(","))
        names = ", ".join(f'"{column.strip()}"' for column in columns.split(","))
        self.library.execute_many(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)


def partial_date(rng: random.Random, first: int, last: int) -> tuple[str | None, int | None]:
    """(date, precision): null, a day, a month or a year."""
    roll = rng.random()
    if roll < 0.25:
        return None, None
    year, month, day = rng.randint(first, last), rng.randint(1, 12), rng.randint(1, 28)
    if roll < 0.85:
        return f"{year}-{month:02}-{day:02}", 0
    return (f"{year}-{month:02}-01", 1) if roll < 0.93 else (f"{year}-01-01", 2)


def stash_ids(plan: LibraryPlan, rng: random.Random, chance: float) -> list[tuple[str, str, str]]:
    """(endpoint, id, updated_at) of an object; the ids belong to the shared object."""
    first, second = invented.uuid_text(rng), invented.uuid_text(rng)
    roll = rng.random()
    pairs = [(invented.ENDPOINTS[0], first)] if roll < chance else []
    if roll < chance / 4 or chance <= roll < chance + 0.05:
        pairs.append((invented.ENDPOINTS[1], second))
    stamp = "1970-01-01T00:00:00Z"
    if plan.rng.random() < 0.8:
        moment = plan.moment()
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{plan.rng.randrange(1, 10**9):09d}Z"
    return [(endpoint, stash_id, stamp) for endpoint, stash_id in pairs]
