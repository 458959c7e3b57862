"""Many files of one hash or one perceptual hash: what is near is found, crowds prove nothing, and cost no squares."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stash_pipeline.layers import LAYERS
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.matches import following, matcher
from stash_pipeline.warehouse.matches.blocks import LARGEST_BLOCK
from stash_pipeline.warehouse.matches.bulk import NearScenes, pair_numbers
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline.warehouse.matches.nearness import NearFiles, uncrowded_pairs
from stash_pipeline_tests.matches.conftest import EmptyServers
from stash_pipeline_tests.matches.documents import remove_documents, server_of, video, write_documents
from stash_pipeline_tests.matches.working import contents

MOST = PARAMETERS["phash"]["most_neighbours"]
DISTANCE, WINDOW = PARAMETERS["phash"]["distance"], PARAMETERS["phash"]["window"]
HEALTHY = 0x8B75E036364D1F0A


def _rows(seed: int) -> Any:
    """Clumps of equal and of almost equal hashes, of all sizes around the limit, and files that are near to few."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, int]] = []
    for size in (1, 2, 5, MOST, MOST + 1, MOST + 2, 2 * MOST, 3 * MOST, 150, 400):
        hash_ = int(rng.integers(0, 1 << 62))
        spread = int(rng.choice([1, WINDOW, 4 * WINDOW, 40 * WINDOW]))
        flips = int(rng.choice([0, 0, 3]))
        for _ in range(size):
            value = hash_
            for bit in rng.integers(0, 62, flips):
                value ^= 1 << int(bit)
            rows.append((200_000 + int(rng.integers(0, spread)), value))
        # at the edge of the clump
        rows.append((200_000 + spread // 2, hash_ ^ 0b1111111))
    table = np.array(rows, np.int64)
    table = table[rng.permutation(len(table))]
    numbers = np.arange(len(table), dtype=np.int64)
    return np.column_stack([np.ones(len(table), np.int64), numbers, numbers, table])


@pytest.mark.parametrize("seed", range(6))
def test_near_files_that_are_not_crowded_are_those_of_all_comparisons(seed: int) -> None:
    rows = _rows(seed)
    phash, duration = rows[:, 4].view(np.uint64), rows[:, 3]
    near = np.bitwise_count(phash[:, None] ^ phash[None, :]) <= DISTANCE
    near &= np.abs(duration[:, None] - duration[None, :]) <= WINDOW
    np.fill_diagonal(near, False)
    crowded = near.sum(axis=1) > MOST
    near[crowded, :] = near[:, crowded] = False
    expected = {(one, other) for one, other in np.argwhere(near).tolist() if one < other}
    left, right, found_crowded = uncrowded_pairs(rows)
    assert {(min(pair), max(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)} == expected
    assert found_crowded.tolist() == crowded.tolist() and crowded.any() and expected
    everything = NearFiles(rows)
    assert everything.crowded == {tuple(row[:3]) for row in rows[crowded].tolist()}
    # each file is one of a scene of its own
    scenes = NearScenes((rows, rows[:, 1]), len(rows))
    assert scenes.crowded == everything.crowded
    assert scenes.with_crowded()[rows[:, 1]].tolist() == crowded.tolist()
    places = np.sort(np.stack([rows[left, 1], rows[right, 1]]), axis=0)
    assert sorted(scenes.pairs().tolist()) == sorted(pair_numbers(places[0], places[1], len(rows)).tolist())


def test_a_scene_is_not_near_to_itself() -> None:
    rows = np.array([[1, scene, file, 200_000, HEALTHY >> 1] for scene, file in ((1, 1), (1, 2), (2, 3))], np.int64)
    assert NearScenes((rows, np.array([0, 0, 1])), 2).pairs().tolist() == [1, 1]


def test_no_files_are_near_to_none() -> None:
    nothing = NearFiles(np.zeros((0, 5), np.int64))
    assert not nothing.crowded and not nothing.of({(1, 1)}).others
    assert not len(NearScenes((np.zeros((0, 5), np.int64), np.zeros(0, np.int64)), 0).pairs())


def _follow(connection: Connection) -> dict[str, list[Any]]:
    shared_layers.follow(connection, MATCHES_LAYER, LAYERS)
    return contents(connection)


def _rebuild(connection: Connection) -> dict[str, list[Any]]:
    shared_layers.follow(connection, MATCHES_LAYER, LAYERS, rebuild=True)
    return contents(connection)


def _clump(first: int, size: int) -> dict[str, list[dict[str, Any]]]:
    numbers = range(first, first + size)
    return {
        "files": [video(n, oshash=f"{n:016x}", phash=f"{HEALTHY:x}", duration=600 + n % 7 / 10) for n in numbers],
        "scenes": [{"id": n, "title": f"Number {n}", "files": [n]} for n in numbers],
    }


@pytest.mark.parametrize("many", [False, True], ids=["few changes", "many changes"])
def test_a_crowd_that_comes_and_goes_ends_in_the_same_rows_as_a_rebuild(
    empty_servers: EmptyServers, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    monkeypatch.setattr(matcher, "_MANY_SCENES", 0 if many else 1 << 30)
    database, (first, second) = empty_servers
    with connect(database) as connection:
        write_documents(connection, first.id, _clump(1, MOST - 1))
        write_documents(connection, second.id, _clump(101, 2))
        rows = _follow(connection)
        pairs = len(list(combinations(range(MOST + 1), 2)))
        assert rows == _rebuild(connection) and len(rows["links"]) == pairs, "one more is a crowd"
        # others in the crowd lose their links to each other, though they did not change
        write_documents(connection, first.id, _clump(50, 1))
        rows = _follow(connection)
        assert rows == _rebuild(connection) and not rows["links"]
        # one leaves: its file has another hash, then its scene is gone
        other = f"{HEALTHY ^ 0xFFFF:x}"
        write_documents(connection, first.id, {"files": [video(50, oshash="ff", phash=other, duration=600)]})
        rows = _follow(connection)
        assert rows == _rebuild(connection) and len(rows["links"]) == pairs
        write_documents(connection, first.id, _clump(50, 3))
        assert not _follow(connection)["links"]
        remove_documents(connection, first.id, "scenes", [50, 51, 52])
        rows = _follow(connection)
        assert rows == _rebuild(connection) and len(rows["links"]) == pairs


def _named(*numbers: int, name: str = "Alba Kite") -> dict[str, list[dict[str, Any]]]:
    return {"performers": [{"id": number, "name": name} for number in numbers]}


@pytest.mark.parametrize("large", [False, True], ids=["few changes", "many changes"])
def test_a_name_that_becomes_one_of_too_many_and_back_ends_in_the_same_rows_as_a_rebuild(
    empty_servers: EmptyServers, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr(following, "is_large_share", lambda *_: large)
    database, (first, second) = empty_servers
    with connect(database) as connection:
        write_documents(connection, first.id, _named(*range(1, LARGEST_BLOCK)))
        write_documents(connection, second.id, _named(1))
        rows = _follow(connection)
        pairs = len(list(combinations(range(LARGEST_BLOCK), 2)))
        assert rows == _rebuild(connection) and len(rows["links"]) == pairs, "one more is a category"
        # the others lose their links to each other, though they did not change
        write_documents(connection, second.id, _named(2, 3))
        rows = _follow(connection)
        assert rows == _rebuild(connection) and not rows["links"]
        # one goes while another one comes, and one more goes
        write_documents(connection, second.id, _named(4))
        remove_documents(connection, first.id, "performers", [1])
        assert not _follow(connection)["links"]
        write_documents(connection, first.id, _named(2, 3, name="Bruno Lampion"))
        rows = _follow(connection)
        assert rows == _rebuild(connection) and len(rows["links"]) == pairs + 1


@pytest.mark.parametrize("hashes", [{"phash": f"{HEALTHY:x}"}, {"oshash": "aa" * 8}, {"md5": "bb" * 16}])
def test_thousands_of_scenes_with_one_hash_make_no_links(database: str, home: Path, hashes: dict[str, str]) -> None:
    scenes = 3000  # all of their pairs would need minutes and gigabytes
    documents = {
        "files": [video(number, **hashes) for number in range(1, scenes + 1)],
        "scenes": [{"id": number, "files": [number]} for number in range(1, scenes + 1)],
    }
    with connect(database) as connection:
        server = server_of(database, home, connection, documents)
        assert not _follow(connection)["links"]
        write_documents(connection, server.id, {"files": [video(7, **hashes, duration=601.0)]})
        rows = _follow(connection)
        assert not rows["links"] and len(rows["clusters"]) == scenes
