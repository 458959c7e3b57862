"""A box gets the requests that docs/stash-box.md promises, and no more: the simulated box counts them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.content import KINDS, Kind
from stash_pipeline.simulator.box.engine import BoxEngine
from stash_pipeline.simulator.box.releases import find_release
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.conftest import EmptyServers, _servers_without_objects, empty_servers
from stash_pipeline_tests.matches.documents import STAMP, video, write_documents
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import Mirror, generated, settings_for
from stash_pipeline_tests.stashbox.working import ReadBox, new_box

__all__ = ["_servers_without_objects", "empty_servers"]

pytestmark = pytest.mark.usefixtures("unhurried")

PAGE = (Path(__file__).parents[2] / "docs/stash-box.md").read_text("utf-8")
LOOKUP = "findScenesBySceneFingerprints"
FINDS = {"findScene", "findPerformer", "findStudio", "findTag"}
MERGED = 7
"""One of so many linked records was merged on the box, into a record that no server links."""
LINKED = 100_000
"""The first id of an object that is linked and has no hash."""


def most_requests(sets: int, records: Iterable[int]) -> int:
    """The formula of the page.

    Args:
        sets: of hashes. records: of each kind and step: those that are linked, and what they were merged into.
    """
    return ceil(sets / 40) + sum(2 * ceil(number / 30) for number in records) + 1


def test_the_page_has_the_formula() -> None:
    assert "`⌈g / 40⌉ + Σ 2 · ⌈r / 30⌉ + 1`" in PAGE


def steps_of(linked: Mapping[Kind, int], chain: int) -> list[int]:
    """The records of each step, if every merged one leads to a chain of records that nobody links."""
    steps = []
    for kind, number in linked.items():
        # the box itself shortens the chains of performers
        following = [ceil(number / MERGED)] * (min(chain, 1) if kind == "performer" else chain)
        steps += [number, *following]
    return steps


def scenes_with_hashes(first: int, sets: int, phashes: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Scenes, each with so many files of one perceptual hash."""
    numbers = range(first, first + sets)
    files = {number: [number * 10 + place for place in range(phashes)] for number in numbers}
    return {
        "files": [
            video(file, oshash=f"{file:016x}", phash=f"{file << 32 | ~file & 0xFFFFFFFF:016x}", duration=600.0)
            for some in files.values()
            for file in some
        ],
        "scenes": [{"id": number, "title": f"Scene {number}", "files": files[number]} for number in numbers],
    }


@contextmanager
def new_reading(
    empty_servers: EmptyServers, home: Path, sets: int, linked: Mapping[Kind, int], *, phashes: int = 1, chain: int = 1
) -> Iterator[ReadBox]:
    """A box, and a server with sets of hashes and objects that are linked to records of the box.

    The box has a scene for every second set. Every seventh linked record was merged, and what it was merged into as
    well, so many times.
    """
    content = Box.create()
    ids: dict[Kind, list[str]] = {kind: [] for kind in KINDS}
    with content.transaction():
        for kind, number in linked.items():
            add = getattr(content, f"add_{kind}")
            ids[kind] = [add(f"{kind} {place}") for place in range(number)]
            for old in ids[kind][::MERGED]:
                for step in range(chain):
                    new = add(f"{old} {step}")
                    content.merge(kind, old, new)
                    old = new
        for number in range(1, sets + 1, 2):
            scene = content.add_scene(f"Box scene {number}", duration=600)
            content.submit(scene, "OSHASH", number * 10, 600, users=2)
    database_url, (instance, *_) = empty_servers
    library, settings = generated(1), settings_for(home, database_url)
    with connect(database_url) as connection:
        write_documents(connection, instance.id, scenes_with_hashes(1, sets, phashes))
        mirror = Mirror(database_url, instance, SimulatedStash(library), settings)
        with new_box(Servers(mirror, mirror), settings, content) as made:
            objects = {
                f"{kind}s": [
                    {
                        "id": place,
                        "title" if kind == "scene" else "name": f"{kind} {place}",
                        "stash_ids": [{"endpoint": made.endpoint.url, "stash_id": key, "updated_at": STAMP}],
                    }
                    for place, key in enumerate(ids[kind], LINKED)
                ]
                for kind in KINDS
            }
            write_documents(connection, instance.id, objects)
            yield made


def numbers_of_ids(box: ReadBox) -> list[int]:
    """How many records each request asked for by their ids."""
    return [one.aliases for one in box.simulated.requests.all() if FINDS.intersection(one.operations)]


@pytest.mark.parametrize(
    ("sets", "linked", "chain"),
    [
        (1, {}, 0),
        (0, {"tag": 1}, 1),
        (40, {"studio": 30}, 1),
        (41, {"studio": 31}, 1),
        (133, {"scene": 61, "performer": 95, "studio": 8, "tag": 130}, 1),
        (79, {"scene": 29, "performer": 31, "studio": 15, "tag": 1}, 4),
    ],
)
def test_a_first_reading_is_within_the_formula_of_the_page(
    empty_servers: EmptyServers, home: Path, sets: int, linked: Mapping[Kind, int], chain: int
) -> None:
    with new_reading(empty_servers, home, sets, linked, chain=chain) as box:
        report = box.read()
        requests = box.simulated.requests.all()
        steps = steps_of(linked, chain)
        assert report.stopped is None and not report.failures
        assert len(requests) <= most_requests(sets, steps)
        # nothing is asked about twice, nothing is left out
        lookups = box.simulated.requests.of(LOOKUP)
        assert (len(lookups), sum(one.groups for one in lookups)) == (ceil(sets / 40), sets)
        assert sum(numbers_of_ids(box)) == sum(steps)
        assert sum(one.aliases for one in box.simulated.requests.of("queryEdits")) == sum(
            ceil(number / MERGED) * (0 if kind == "performer" else chain) for kind, number in linked.items()
        )
        box.servers.follow()
        box.read(days=0)
        assert box.simulated.requests.all() == []


def test_records_that_were_not_merged_need_one_request_for_thirty(empty_servers: EmptyServers, home: Path) -> None:
    with new_reading(empty_servers, home, 0, {"tag": 90, "performer": 60}, chain=0) as box:
        box.read()
        assert len(box.simulated.requests.all()) == 3 + 2


def test_a_request_has_64_perceptual_hashes_at_most(empty_servers: EmptyServers, home: Path) -> None:
    with new_reading(empty_servers, home, 65, {}, phashes=2) as box:
        box.read()
        assert [(one.groups, one.phashes) for one in box.simulated.requests.of(LOOKUP)] == [(32, 64), (32, 64), (1, 2)]


def test_a_later_run_without_changes_asks_what_is_due_and_nothing_else(empty_servers: EmptyServers, home: Path) -> None:
    linked: Mapping[Kind, int] = {"scene": 20, "performer": 40, "studio": 10, "tag": 70}
    records = steps_of(linked, 1)
    with new_reading(empty_servers, home, 100, linked) as box:
        box.read()
        box.servers.follow()
        # half of the sets have a scene on the box: these are candidates, and so records
        candidates = 50
        for days, empty, full, every in (
            (6.9, 0, 0, False),
            (0.2, 50, 0, True),
            (6.9, 0, 0, False),
            (16.1, 50, 50, True),
        ):
            box.read(days=days)
            groups = sum(one.groups for one in box.simulated.requests.of(LOOKUP))
            assert groups == empty + full
            # what a lookup returned is not asked for by its id
            found = sum(records) + candidates - full if every else 0
            assert sum(numbers_of_ids(box)) == found
            most = most_requests(groups, [*records, candidates]) if every else 0
            assert len(box.simulated.requests.all()) <= most
            box.servers.follow()


def test_what_is_new_is_asked_and_nothing_else(empty_servers: EmptyServers, home: Path) -> None:
    with new_reading(empty_servers, home, 90, {"tag": 70}) as box:
        box.read()
        box.servers.follow()
        with connect(box.servers.database_url) as connection:
            write_documents(connection, box.servers.home.instance.id, scenes_with_hashes(201, 3))
        box.read()
        (version, lookup) = box.simulated.requests.all()
        assert version.operations == ("version",) and lookup.groups == 3


@pytest.mark.parametrize(
    ("release", "refused"), [("v0.10.2", 0), ("v0.8", 0), ("v0.7.9", 0), ("v0.6.17", 0), ("tpdb", 5)]
)
def test_what_a_box_lacks_is_refused_once_and_asked_again_without_it(
    empty_servers: EmptyServers, home: Path, release: str, refused: int
) -> None:
    # a second request for hashes, and for tags
    linked: Mapping[Kind, int] = {"scene": 10, "performer": 20, "studio": 10, "tag": 40}
    with new_reading(empty_servers, home, 50, linked) as box:
        box.simulated.release = find_release(release)
        box.simulated.engine = BoxEngine(box.simulated.release)
        report = box.read()
        requests = box.simulated.requests.all()
        # a document that is refused names no operation
        assert sum(not one.operations for one in requests) == refused
        assert len(requests) - refused <= most_requests(50, steps_of(linked, 1))
        assert report.left == 0 and not report.failures
