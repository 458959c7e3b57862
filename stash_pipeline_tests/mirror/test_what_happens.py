"""Whatever a real server does, and whichever timestamps it moves: a reading that compares listings follows it.

One test per row of what was measured on real servers. Those that a reading of changes alone must bring are told so
where they are defined; that it brings no others shows that the rest are still what is said of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from _pytest.mark.structures import ParameterSet

from stash_pipeline_tests.mirror.histories import Clock, furnished, what_changed
from stash_pipeline_tests.mirror.library_events import EVENTS, NothingToDoError, happen
from stash_pipeline_tests.mirror.library_events.writing import stamp
from stash_pipeline_tests.mirror.working import Mirror

pytestmark = pytest.mark.integration

RELEASES = ("v0.20.2", "v0.28.1", "v0.30.1", "v0.31.0")
MOST = ("v0.20.2", "v0.30.1")

STAMPED = (
    "tags", "studios", "performers", "groups", "images", "galleries", "scenes", "scene_markers", "files", "folders",
)  # fmt: skip

EVENTS_PER_SWEEP = 8
"""A document that one of so many events left behind is found by the sweep after them: nothing else reads it."""


@dataclass
class Life:
    """The mirror of a release, which lives through one event after the other, and its server's clock."""

    mirror: Mirror
    clock: Clock
    events: list[str] = field(default_factory=list)

    def happens(self, event: str, seed: int) -> None:
        """The event, between two readings that are hours apart."""
        self.clock.forward(hours=6)
        happen(self.mirror.stash, event, seed)
        self.clock.forward(hours=9)
        self.events.append(event)

    def sweep(self) -> None:
        """After some events, reads every document: those that compared listings left none behind."""
        read = self.mirror.read()
        assert not what_changed(read), f"after one of {self.events}"
        self.events.clear()


class Lives(Protocol):
    """Gives the life of a release; anew where events have used up what an event needs."""

    def __call__(self, release: str, *, anew: bool = False) -> Life: ...


@pytest.fixture(scope="module")
def lives(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """Gives the life of a release; when all are over, sweeps each."""
    found: dict[str, Life] = {}

    def life_of(release: str, *, anew: bool = False) -> Life:
        if anew and release in found:
            found.pop(release).sweep()
        if release not in found:
            server, clock = furnished(warehouse, tmp_path_factory.mktemp("home"), release, scenes=12, seed=5)
            server.refresh()
            # what was made a moment ago is looked at once more, and so is the last day when the first stamp of summer
            # is seen: both would tell what changes do not know. These events are over before winter.
            clock.forward(days=35)
            for table in STAMPED:
                stamp(server.stash, table, 1)
            clock.forward(hours=6)
            for _ in range(2):
                server.refresh(mode="reconcile")
                clock.forward(hours=3)
            assert not server.differences()
            found[release] = Life(server, clock)
        return found[release]

    yield life_of
    for life in found.values():
        life.sweep()


def rows() -> list[tuple[str, str]]:
    """(event, release): with and without queries for files, and others for what only they can do."""
    found = []
    for name, event in EVENTS.items():
        able = [release for release in RELEASES if event.possible(release)]
        found += [(name, release) for release in able if release in MOST or able[0] == release]
    return found


def some_later(found: list[tuple[str, str]]) -> list[ParameterSet]:
    """An old release is left for the long runs where the newest sees the same."""
    return [
        pytest.param(name, release, marks=[pytest.mark.soak] if release == MOST[0] and _is_alike(name) else [])
        for name, release in found
    ]


def _is_alike(name: str) -> bool:
    event = EVENTS[name]
    return event.possible(MOST[1]) and event.seen_by_changes(MOST[0]) == event.seen_by_changes(MOST[1])


def _changes_tell(event: str, release: str) -> bool:
    """Whether what changes bring is said: old releases are asked for more than differs."""
    return release != MOST[0] or EVENTS[event].seen is not None


def after(event: str, seed: int, release: str, lives: Lives) -> Life:
    """The life of a release in which the event has just happened."""
    try:
        life = lives(release)
        life.happens(event, seed)
    except NothingToDoError:
        life = lives(release, anew=True)
        life.happens(event, seed)
    return life


@pytest.mark.parametrize(("event", "release"), some_later(rows()))
def test_listings_are_enough_and_changes_just_when_stamps_tell(event: str, release: str, lives: Lives) -> None:
    life = lives(release)
    missed = ""
    if _changes_tell(event, release):
        life = after(event, 2, release, lives)
        server = life.mirror
        server.refresh(mode="changes")
        missed = server.differences()
        assert bool(missed) != EVENTS[event].seen_by_changes(release), missed
    if not missed:
        # otherwise listings have that one to find
        life = after(event, 1, release, lives)
    server = life.mirror
    read, _ = server.refresh(mode="reconcile")
    assert what_changed(read)
    assert not server.differences()
    if len(life.events) >= EVENTS_PER_SWEEP:
        life.sweep()
