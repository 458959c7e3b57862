"""After any sequence of events and failures, the next complete sync gives an exact mirror."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest

from stash_pipeline.instances import LaneName
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync import requests
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.mirror.histories import (
    Fails,
    Happens,
    History,
    InOneSecond,
    KilledAtRequest,
    KilledAtWrite,
    Life,
    Meanwhile,
    Passes,
    Read,
    ReadKinds,
    ReadObjects,
    Rebuilt,
    Step,
    Trouble,
    Upgraded,
    Zone,
    furnished,
    live,
)
from stash_pipeline_tests.mirror.library_events import EVENTS

RELEASES = ("v0.20.2", "v0.28.1", "v0.30.1", "v0.31.0")
ZONES = ("UTC", "Europe/Paris", "Asia/Tokyo", "America/Los_Angeles")
MODES: tuple[Mode, ...] = ("changes", "changes", "reconcile", "sweep")
LANES: tuple[LaneName, ...] = ("graphql", "auto")
ASKED = ("tags", "studios", "performers", "groups", "images", "galleries", "scenes", "scene_markers")
"""Kinds of which single objects can be read everywhere."""

FEW, SHORT = 10, 20
MANY, LONG = 5_000, 60
"""Histories, and their steps at most: with the other tests, and when there is time."""

ATTEMPTS = 60
"""Histories that are tried to make one that goes wrong shorter."""


def random_trouble(rng: random.Random) -> Trouble:
    """A fault during a sync, early or late."""
    at = rng.randint(1, rng.choice((10, 60)))
    return rng.choice(
        (
            Fails(at, rng.choice((1, 1000))),
            KilledAtRequest(at),
            KilledAtWrite(at),
            Meanwhile(at, rng.choice(sorted(EVENTS)), rng.randrange(100)),
        )
    )


def random_event(rng: random.Random) -> Step:
    """Any event of a library."""
    return Happens(rng.choice(sorted(EVENTS)), rng.randrange(100))


def random_time(rng: random.Random) -> Step:
    """Seconds or hours; rarely backwards."""
    if rng.random() < 0.1:
        return Passes(-rng.randint(1, 5 * 3600))
    return Passes(rng.choice((rng.randint(0, 5), rng.randint(1, 12 * 3600))))


def random_read(rng: random.Random) -> Step:
    """A sync with or without a fault, in either lane."""
    trouble = random_trouble(rng) if rng.random() < 0.5 else None
    return Read(rng.choice(MODES), rng.random() < 0.7, trouble, rng.choice(LANES))


def random_burst(rng: random.Random) -> Step:
    """Several steps within one second."""
    return InOneSecond(rng.choice(sorted(EVENTS)), rng.randrange(100), rng.choice(MODES))


def random_entities(rng: random.Random) -> Step:
    """A sync of some entities, in any mode."""
    return ReadKinds(rng.choice(MODES), tuple(rng.sample(list(BY_NAME), rng.randint(1, 4))))


def random_objects(rng: random.Random) -> Step:
    """A sync of some objects, some of which may not exist."""
    return ReadObjects(rng.choice(ASKED), tuple(sorted(rng.sample(range(1, 25), rng.randint(1, 6)))))


def random_restart(rng: random.Random) -> Step:
    """A restart of the server with another configuration."""
    return rng.choice((Upgraded(rng.choice(RELEASES)), Zone(rng.choice(ZONES))))


STEPS: dict[Callable[[random.Random], Step], int] = {
    random_event: 12,
    random_time: 4,
    random_read: 6,
    random_burst: 1,
    random_entities: 1,
    random_objects: 1,
    random_restart: 1,
    lambda rng: Rebuilt(): 1,
}


def random_history(rng: random.Random, most: int) -> list[Step]:
    """Steps, in any number and order.

    Not by Hypothesis: of six of its examples, five are the sixth with one part copied over another.
    """
    chosen = rng.choices(list(STEPS), list(STEPS.values()), k=rng.randint(1, most))
    return [make(rng) for make in chosen]


def minimized(history: History, fails_again: Callable[[History], bool]) -> History:
    """The minimal failing part of a history."""
    attempts, size = 0, len(history)
    while size:
        start = 0
        while start < len(history) and attempts < ATTEMPTS:
            shorter = [*history[:start], *history[start + size :]]
            attempts += 1
            if fails_again(shorter):
                history = shorter
            else:
                start += size
        size //= 2
    return history


@pytest.fixture(scope="module")
def kept_home() -> Iterator[Path]:
    """A home that lives as long as the database."""
    with TemporaryDirectory(prefix="stash-pipeline-test-") as directory:
        yield Path(directory)


@dataclass
class Survivor:
    """Lives through histories, each with a server and a mirror of its own.

    Attributes:
        pace: seconds that pass with each request; with none, much happens within one second.
    """

    warehouse: str
    home: Path
    release: str
    page_size: int
    pace: float

    def live(self, history: History) -> None:
        """Runs one history, and leaves nothing in the database."""
        server, clock = furnished(
            self.warehouse, self.home, self.release, scenes=8, requests_in_flight=1, page_size=self.page_size
        )
        try:
            with patch.object(requests, "LISTING_OBJECTS", self.page_size):
                live(Life(server, clock, self.pace), history)
        finally:
            with connect(self.warehouse) as connection:
                remove_instance(connection, server.instance.id)

    def fails_again(self, history: History) -> bool:
        """Whether a history fails."""
        try:
            self.live(history)
        except Exception:
            return True
        return False

    def tell(self, history: Sequence[Step]) -> str:
        """How to run the history again."""
        steps = "".join(f"    {step!r},\n" for step in history)
        return f"Survivor(warehouse, home, {self.release!r}, {self.page_size}, {self.pace}).live([\n{steps}])"


def survive(warehouse: str, home: Path, seed: int, most: int) -> None:
    """Runs the history of a seed; on failure, prints how to repeat it in few steps."""
    rng = random.Random(seed)
    survivor = Survivor(warehouse, home, rng.choice(RELEASES), rng.choice((100, 4)), rng.choice((0.0, 0.3)))
    history = random_history(rng, most)
    try:
        survivor.live(history)
    except Exception as error:
        short = minimized(history, survivor.fails_again)
        raise AssertionError(f"Seed {seed}: {error}\n\nIt also goes wrong with\n{survivor.tell(short)}") from error


@pytest.mark.parametrize(
    "seed",
    [
        *(pytest.param(seed, marks=pytest.mark.integration) for seed in range(2)),
        *(pytest.param(seed, marks=pytest.mark.faults) for seed in range(2, FEW)),
    ],
)
def test_a_random_history_ends_with_an_exact_mirror(warehouse: str, kept_home: Path, seed: int) -> None:
    survive(warehouse, kept_home, seed, SHORT)


@pytest.mark.soak
@pytest.mark.parametrize("hundred", range(1, 1 + MANY // 100))
def test_long_random_histories_end_with_an_exact_mirror(warehouse: str, kept_home: Path, hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        survive(warehouse, kept_home, seed, LONG)


def test_a_failing_history_is_minimized() -> None:
    history = random_history(random.Random(1), 40)
    cause = [history[5], history[-3]]
    assert minimized(history, lambda shorter: all(step in shorter for step in cause)) == cause
