"""Simulated servers that go on changing: by seed, and across restarts."""

import asyncio
import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.generate import generate_box
from stash_pipeline.simulator.box.happenings import box_kinds
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.happenings import library_kinds
from stash_pipeline.simulator.kept import keep
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.life import Kind, Life, NothingToChangeError
from stash_pipeline.simulator.releases import known_releases
from stash_pipeline.simulator.server import SimulatedStash

OPTIONS = {"scenes": 30, "seed": 4, "variants": False}


def _generated(path: Path | None = None) -> Library:
    library = Library.create(path)
    generate_library(library, scenes=30, seed=4)
    return library


def _life(library: Library, release: str = "v0.30.1", seed: int = 4) -> Life:
    return Life(library, seed, library_kinds(SimulatedStash(library, release=release), seed, None))


def _steps(life: Life, count: int) -> list[str]:
    return [life.step() for _ in range(count)]


def test_the_same_seed_changes_a_library_in_the_same_way() -> None:
    first, second = (_steps(_life(_generated()), 40) for _ in range(2))
    assert first == second
    assert _steps(_life(_generated(), seed=5), 40) != first


@pytest.mark.integration
@pytest.mark.parametrize("release", known_releases())
def test_every_release_can_do_everything(release: str) -> None:
    library = Library.create()
    # with enough tags and scenes to merge and delete
    generate_library(library, scenes=160, seed=1)
    server = SimulatedStash(library, release=release)
    kinds = library_kinds(server, 1, None)
    refused = {"sceneMerge"} if not server.release.since(21) else set()
    for kind in kinds:
        try:
            assert kind.happen(random.Random(3), 1)
        except NothingToChangeError as error:
            assert any(name in str(error) for name in refused), (release, error)


def test_a_kept_library_continues_where_it_stopped(tmp_path: Path) -> None:
    expected = _steps(_life(_generated()), 40)
    path = tmp_path / "library.sqlite"
    found = []
    for _ in range(4):
        library = keep(path, OPTIONS, _generated, Library.reopen)
        found += _steps(_life(library), 10)
        library.close()
    assert found == expected


def test_a_kept_library_is_not_served_with_other_options(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    keep(path, OPTIONS, _generated, Library.reopen).close()
    with pytest.raises(ValueError, match="it was made with --scenes 30 --seed 4; name another file"):
        keep(path, {**OPTIONS, "seed": 5}, _generated, Library.reopen)
    path.write_text("notes")
    with pytest.raises(ValueError, match="no simulator made it"):
        keep(path, OPTIONS, _generated, Library.reopen)
    assert path.read_text() == "notes"


def test_a_library_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    path.with_name("library.sqlite.new").write_text("half of a library")
    assert keep(path, OPTIONS, _generated, Library.reopen).scalar("SELECT count(*) FROM scenes") == 30


def test_snapshots_do_not_contain_the_state_of_the_simulator(tmp_path: Path) -> None:
    library = keep(tmp_path / "library.sqlite", OPTIONS, _generated, Library.reopen)
    library.copy_into(tmp_path / "copy.sqlite")
    copy = Library.reopen(tmp_path / "copy.sqlite")
    tables = {row[0] for row in copy.tuples("SELECT name FROM sqlite_master")}
    assert "scenes" in tables and "simulator_state" not in tables


def test_servers_with_the_same_overlap_seed_find_the_same_videos() -> None:
    found = []
    for seed in (1, 2):
        library = Library.create()
        generate_library(library, scenes=10, seed=seed, overlap_seed=7)
        before = library.scalar("SELECT max(id) FROM files")
        for step in range(12):
            for kind in library_kinds(SimulatedStash(library), seed, 7):
                if kind.happen.__name__ == "finds_videos":
                    kind.happen(random.Random(step), step)
        rows = library.tuples(
            "SELECT fingerprint FROM files_fingerprints WHERE type = 'oshash' AND file_id > ?", (before,)
        )
        found.append({row[0] for row in rows})
    assert found[0] & found[1] and found[0] - found[1] and found[1] - found[0]


def test_an_empty_library_does_not_change() -> None:
    with pytest.raises(NothingToChangeError):
        Life(Library.create(), 1, [Kind(1, _impossible)]).step()


def _impossible(rng: random.Random, number: int) -> str:
    raise NothingToChangeError


def test_pauses_are_as_long_as_asked_and_sometimes_a_burst() -> None:
    pauses = list(islice(_life(_generated()).pauses(20), 30))
    assert all(10 <= pause <= 30 or pause < 1 for pause in pauses)


def test_a_kept_box_continues_where_it_stopped(tmp_path: Path) -> None:
    libraries = [Library.create()]
    generate_library(libraries[0], scenes=60, seed=1, overlap_seed=7)
    box, _ = generate_box(libraries)
    expected = _steps(Life(box, 1, box_kinds(box, 1, libraries)), 30)
    found = []
    for _ in range(3):
        kept = keep(
            tmp_path / "box.sqlite", {"scenes": 60}, lambda path: generate_box(libraries, path=path)[0], Box.in_file
        )
        found += _steps(Life(kept, 1, box_kinds(kept, 1, libraries)), 10)
        kept.close()
    assert found == expected
    assert any("described a scene" in one for one in found)


def test_subscribers_hear_of_what_happens() -> None:
    """Without that, the pipeline would notice a living server by asking it only."""
    stash = SimulatedStash(_generated())
    life = Life(stash.library, 4, library_kinds(stash, 4, None))

    async def listen() -> list[tuple[str, Any]]:
        queue = stash.subscribers.add()
        await asyncio.to_thread(_steps, life, 30)
        return [queue.get_nowait() for _ in range(queue.qsize())]

    heard = asyncio.run(listen())
    assert ("scanCompleteSubscribe", True) in heard
    lines = [entry["message"] for field, entries in heard if field == "loggingSubscribe" for entry in entries]
    assert any("Scene.Update.Post" in line for line in lines)
