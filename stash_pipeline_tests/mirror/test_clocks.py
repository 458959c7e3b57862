"""Moving clocks and pages: summer time, time zones, late and early timestamps, objects that come and go."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.simulator.server import find_zone
from stash_pipeline.sync import requests
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline_tests.mirror.histories import furnished, quick_introspection, what_changed
from stash_pipeline_tests.mirror.library_events import NothingToDoError, happen, mutate
from stash_pipeline_tests.mirror.working import Hook, Mirror

pytestmark = pytest.mark.faults

RELEASES = ("v0.20.2", "v0.30.1")

UNSTAMPED = "an o of an image"
"""An event that only listings show."""


def retitle(server: Mirror, title: str, scene: int = 3) -> None:
    """An edit that updates the timestamp."""
    mutate(server.stash, "sceneUpdate", input={"id": scene, "title": title})


def mirrored_title(server: Mirror, scene: int = 3) -> str:
    """The title of a scene in the mirror."""
    sql = "SELECT title FROM stash.scenes WHERE instance_id = %s AND id = %s"
    return str(server.scalar(sql, [server.instance.id, scene]))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("begins", ["2026-10-24T23:30:00+00:00", "2026-03-28T23:30:00+00:00"], ids=["autumn", "spring"])
def test_edits_around_dst_changes_are_detected_at_once(warehouse: str, home: Path, release: str, begins: str) -> None:
    server, clock = furnished(warehouse, home, release)
    clock.set(begins)
    server.refresh()
    stamps = []
    for number in range(8):
        clock.forward(minutes=13)
        retitle(server, f"edit {number}", 1 + number % 4)
        stamps.append(server.stash.library.scalar("SELECT max(updated_at) FROM scenes WHERE title LIKE 'edit %'"))
        clock.forward(minutes=7)
        server.refresh(mode="changes")
        assert not server.differences(), number
    assert len({stamp[19:] for stamp in stamps}) == 2, "the offset never changed"


@pytest.mark.parametrize("release", RELEASES)
def test_a_move_east_is_detected_at_once_and_a_move_west_by_comparison(
    warehouse: str, home: Path, release: str
) -> None:
    server, clock = furnished(warehouse, home, release)
    server.stash.zone = find_zone("UTC")
    server.refresh()
    server.stash.zone = find_zone("Asia/Tokyo")
    clock.forward(hours=5)
    retitle(server, "in the east")
    server.refresh(mode="changes")
    assert not server.differences()
    server.stash.zone = find_zone("America/Los_Angeles")
    clock.forward(hours=5)
    retitle(server, "in the west")
    server.refresh(mode="changes")
    assert mirrored_title(server) == "in the east", "stamps that look old are not looked for"
    server.refresh(mode="reconcile")
    assert not server.differences()
    # from now on the new wall clock is known
    clock.forward(hours=5)
    retitle(server, "still in the west")
    server.refresh(mode="changes")
    assert not server.differences()


@pytest.mark.parametrize("release", RELEASES)
def test_a_new_utc_offset_makes_changes_look_back_by_the_largest_zone_difference(
    warehouse: str, home: Path, release: str
) -> None:
    server, clock = furnished(warehouse, home, release)
    server.stash.zone = find_zone("Asia/Tokyo")
    retitle(server, "in the east")
    clock.forward(hours=30)
    server.refresh()
    server.stash.zone = find_zone("America/Los_Angeles")
    clock.forward(hours=1)
    retitle(server, "in the west")
    clock.forward(hours=1)
    server.refresh(mode="changes")
    assert mirrored_title(server) == "in the east"
    # a new object is found because there is one more, and shows the offset
    mutate(server.stash, "sceneCreate", input={"title": "new in the west"})
    clock.forward(minutes=10)
    server.refresh(mode="changes")
    assert not server.differences()
    offset = server.scalar("SELECT utc_offset FROM ops.instances WHERE id = %s", [server.instance.id])
    assert offset == -8 * 3600


@pytest.mark.parametrize("mode", ["changes", "reconcile", "sweep"])
@pytest.mark.parametrize("later", ["changes", "reconcile"])
def test_an_edit_in_the_second_of_a_sync_is_detected_by_the_next(
    warehouse: str, home: Path, mode: Mode, later: Mode
) -> None:
    server, clock = furnished(warehouse, home, "v0.30.1")
    server.refresh()
    clock.forward(hours=3)
    retitle(server, "before the reading")
    server.refresh(mode=mode)
    assert mirrored_title(server) == "before the reading"
    retitle(server, "in the same second")
    clock.forward(hours=5)
    server.refresh(mode=later)
    assert not server.differences()


@pytest.mark.parametrize("release", RELEASES)
def test_an_edit_committed_after_a_sync_with_an_earlier_timestamp_is_detected(
    warehouse: str, home: Path, release: str
) -> None:
    server, clock = furnished(warehouse, home, release)
    server.refresh()
    for hours, mode in ((1.5, "changes"), (3.0, "reconcile")):
        clock.forward(hours=10)
        server.refresh(mode="changes")
        visible = clock.moment
        clock.forward(hours=-hours)
        retitle(server, f"waited {hours} hours for its transaction")
        clock.moment = visible
        clock.forward(minutes=5)
        server.refresh(mode=mode)
        assert not server.differences()


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("back", [0.2, 20, 24 * 40])
def test_a_clock_that_is_set_back_makes_changes_compare_everything(
    warehouse: str, home: Path, release: str, back: float
) -> None:
    server, clock = furnished(warehouse, home, release)
    retitle(server, "stamped in the future", 2)
    server.refresh()
    clock.forward(hours=-back)
    retitle(server, "by the new clock")
    happen(server.stash, UNSTAMPED, 1)
    read, _ = server.refresh(mode="changes")
    assert read.changes["scenes"].complete
    assert not server.differences()
    # which is known from now on
    clock.forward(minutes=30)
    retitle(server, "later by the new clock")
    read, _ = server.refresh(mode="changes")
    assert not read.changes["scenes"].complete
    assert not server.differences()
    server.read(mode="reconcile")
    assert not what_changed(server.read())


def test_a_clock_that_is_set_back_slightly_is_not_detected(warehouse: str, home: Path) -> None:
    server, clock = furnished(warehouse, home, "v0.30.1")
    server.refresh()
    clock.forward(minutes=-4)
    retitle(server, "by the new clock")
    read, _ = server.refresh(mode="changes")
    assert not read.changes["scenes"].complete
    assert not server.differences()


def at_request(server: Mirror, wanted: int, do: Callable[[], None]) -> Hook:
    """A hook that acts before one request."""

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        if number == wanted:
            do()
        return None

    return quick_introspection(server.stash, hook)


@pytest.mark.parametrize(
    ("mode", "release"),
    # before v0.29 changes miss files that nothing holds any more
    [("changes", "v0.30.1"), ("reconcile", "v0.20.2"), ("reconcile", "v0.30.1")],
)
def test_objects_that_change_between_pages_are_correct_after_the_next_sync(
    warehouse: str, home: Path, release: str, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "LISTING_OBJECTS", 3)
    server, clock = furnished(warehouse, home, release, scenes=12, requests_in_flight=1, page_size=3)
    server.refresh()
    calm = server.hook
    gone = ("a scene is destroyed", "an image is destroyed", "a tag is destroyed", "a marker is destroyed")
    made = ("a scan finds a scene", "a scan finds an image", "a tag is created", "a marker is created")

    def meanwhile(seed: int) -> None:
        for name in (gone[seed % 4], made[seed % 4], made[(seed + 1) % 4]):
            with suppress(NothingToDoError):
                happen(server.stash, name, seed)

    for number, wanted in enumerate(range(4, 40, 9)):
        clock.forward(hours=3)
        # something is always to be read
        retitle(server, f"round {number}", int(server.stash.library.scalar("SELECT max(id) FROM scenes")))
        meanwhile(number)
        server.hook = at_request(server, wanted, lambda number=number: meanwhile(number + 100))  # type: ignore[misc]
        server.refresh(mode=mode)
        server.hook = calm
        clock.forward(minutes=1)
        server.refresh(mode=mode)
        assert not server.differences(), wanted
