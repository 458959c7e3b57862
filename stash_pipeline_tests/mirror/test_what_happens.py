"""Whatever a real server does, and whichever timestamps it moves: a reading that compares listings follows it.

One test per row of what was measured on real servers. Those that a reading of changes alone must bring are told so
where they are defined; that it brings no others shows that the rest are still what is said of them.
"""

from collections.abc import Callable, Iterator

import pytest
from _pytest.mark.structures import ParameterSet

from stash_pipeline_tests.mirror.histories import Clock, furnished, what_changed
from stash_pipeline_tests.mirror.library_events import EVENTS, happen
from stash_pipeline_tests.mirror.library_events.writing import stamp
from stash_pipeline_tests.mirror.working import Mirror

RELEASES = ("v0.20.2", "v0.28.1", "v0.30.1", "v0.31.0")
MOST = ("v0.20.2", "v0.30.1")

STAMPED = (
    "tags", "studios", "performers", "groups", "images", "galleries", "scenes", "scene_markers", "files", "folders",
)  # fmt: skip

Lives = Callable[[str], tuple[Mirror, Clock]]


@pytest.fixture(scope="module")
def lives(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """Gives the mirror of a release, which lives through one event after the other, and its server's clock."""
    found: dict[str, tuple[Mirror, Clock]] = {}

    def mirror_of(release: str) -> tuple[Mirror, Clock]:
        if release not in found:
            found[release] = furnished(warehouse, tmp_path_factory.mktemp("home"), release, scenes=25, seed=5)
            server, clock = found[release]
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
        return found[release]

    yield mirror_of


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


@pytest.mark.parametrize(("event", "release"), some_later(rows()))
def test_listings_are_enough_when(event: str, release: str, lives: Lives) -> None:
    server, clock = lives(release)
    clock.forward(hours=6)
    happen(server.stash, event, 1)
    clock.forward(hours=9)
    read, _ = server.refresh(mode="reconcile")
    assert what_changed(read)
    assert not server.differences()
    read = server.read()
    assert not what_changed(read)


def rows_of_changes() -> list[tuple[str, str]]:
    """The same, but old releases, which are asked for more than differs, only for what changes must bring."""
    return [(name, release) for name, release in rows() if release != MOST[0] or EVENTS[name].seen is not None]


def most_later(found: list[tuple[str, str]]) -> list[ParameterSet]:
    """All of an old release is left for the long runs."""
    return [
        pytest.param(name, release, marks=[pytest.mark.soak] if release == MOST[0] else []) for name, release in found
    ]


@pytest.mark.parametrize(("event", "release"), most_later(rows_of_changes()))
def test_changes_are_enough_just_when(event: str, release: str, lives: Lives) -> None:
    server, clock = lives(release)
    clock.forward(hours=6)
    happen(server.stash, event, 2)
    clock.forward(hours=9)
    server.refresh(mode="changes")
    missed = server.differences()
    if missed:
        server.refresh()
    assert bool(missed) != EVENTS[event].seen_by_changes(release), missed
