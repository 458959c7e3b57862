"""Generated boxes: a part of what libraries have, with the difficulties of real boxes, and the truth about them."""

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.content import KINDS, number_of
from stash_pipeline.simulator.box.generate import generate_box, link_library
from stash_pipeline.simulator.box.generate_plan import Shares
from stash_pipeline.simulator.box.hashes import DEGENERATE, distance_of, near_phash, random_phash
from stash_pipeline.simulator.box.truth import BoxTruth
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library

ENDPOINT = "https://box.example/graphql"
Generated = tuple[list[Library], Box, BoxTruth]


def _libraries(scenes: int = 1000) -> list[Library]:
    libraries = []
    for seed in (1, 2):
        libraries.append(Library.create())
        generate_library(libraries[-1], scenes=scenes, seed=seed, overlap_seed=9, variants=True)
    return libraries


@cache
def _generated() -> Generated:
    libraries = _libraries()
    return libraries, *generate_box(libraries)


@pytest.fixture
def generated() -> Iterator[Generated]:
    """Two libraries that overlap, and their box; tests must not modify the box."""
    yield _generated()


def _local_hashes(libraries: list[Library], kind: str) -> dict[tuple[int, int], set[Any]]:
    sql = (
        "SELECT scene_id, fingerprint FROM scenes_files JOIN files_fingerprints USING (file_id)"
        " WHERE type = ? ORDER BY scene_id"
    )
    found: dict[tuple[int, int], set[Any]] = {}
    for number, library in enumerate(libraries):
        for scene, fingerprint in library.tuples(sql, (kind,)):
            found.setdefault((number, scene), set()).add(fingerprint)
    return found


def test_the_seed_determines_the_box(generated: Generated) -> None:
    libraries, box, truth = generated
    again, same = generate_box(_libraries())
    for (table,) in box.tuples("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
        assert again.tuples(f"SELECT * FROM {table}") == box.tuples(f"SELECT * FROM {table}"), table
    assert same == truth
    other, _ = generate_box(libraries, seed=2)
    assert other.tuples("SELECT id FROM scenes") != box.tuples("SELECT id FROM scenes")


def test_about_the_given_share_of_the_scenes_is_in_the_box(generated: Generated) -> None:
    libraries, _, truth = generated
    count = sum(library.scalar("SELECT COUNT(*) FROM scenes") for library in libraries)
    assert len(truth.scenes) == count
    assert 0.5 < sum(bool(one.correct) for one in truth.scenes.values()) / count < 0.7
    _, none = generate_box(libraries, shares=Shares(scenes=0.0))
    assert not any(one.correct for one in none.scenes.values())


def test_the_evidence_is_what_the_box_has(generated: Generated) -> None:
    libraries, box, truth = generated
    oshashes, phashes = _local_hashes(libraries, "oshash"), _local_hashes(libraries, "phash")
    for local, one in truth.scenes.items():
        stored: dict[str, set[int]] = {"OSHASH": set(), "PHASH": set()}
        for scene in one.correct:
            assert box.scalar("SELECT deleted FROM scenes WHERE id = ?", (scene,)) == 0
            for algorithm, number, votes in box.tuples(
                "SELECT algorithm, hash, SUM(vote) FROM scene_fingerprints JOIN fingerprints ON id = fingerprint_id"
                " WHERE scene_id = ? GROUP BY id",
                (scene,),
            ):
                if algorithm == "PHASH" or votes > 0:
                    stored[algorithm].add(number)
        assert one.oshash is bool({number_of(text) for text in oshashes.get(local, ())} & stored["OSHASH"])
        distances = [distance_of(int(mine), other) for mine in phashes.get(local, ()) for other in stored["PHASH"]]
        assert one.phash_distance == min(distances, default=None)


def test_what_two_libraries_share_has_the_same_match(generated: Generated) -> None:
    libraries, _, truth = generated
    first, second = (
        {identity: row_id for row_id, identity in library.identities["scenes"].items()} for library in libraries
    )
    shared = first.keys() & second.keys()
    assert len(shared) > 400
    for identity in shared:
        one, other = truth.scenes[0, first[identity]], truth.scenes[1, second[identity]]
        assert one.correct == other.correct


@pytest.mark.parametrize(
    "hazard",
    ["compilation", "crowded", "degenerate", "deleted", "dub", "merged", "moved", "no duration", "rerelease",
     "reported", "short", "wrong fingerprint"],
)  # fmt: skip
def test_every_difficulty_occurs(generated: Generated, hazard: str) -> None:
    _, _, truth = generated
    assert sum(hazard in one.hazards for one in truth.scenes.values()) >= 3


def test_a_wrong_fingerprint_is_on_a_scene_that_is_no_match(generated: Generated) -> None:
    libraries, box, truth = generated
    oshashes = _local_hashes(libraries, "oshash")
    misled = 0
    for local, one in truth.scenes.items():
        numbers = [number_of(text) for text in oshashes.get(local, ())]
        marks = ", ".join("?" for _ in numbers)
        found = box.tuples(
            "SELECT DISTINCT scene_id FROM scene_fingerprints JOIN fingerprints ON id = fingerprint_id"
            f" WHERE algorithm = 'OSHASH' AND hash IN ({marks})",
            numbers,
        )
        wrong = {scene for (scene,) in found} - one.correct
        assert bool(wrong) <= bool(one.hazards & {"wrong fingerprint", "merged"})
        misled += bool(wrong)
    assert misled > 20


def test_a_rerelease_is_a_second_correct_match_and_a_dub_is_not(generated: Generated) -> None:
    _, _, truth = generated
    plain = [one for one in truth.scenes.values() if not one.hazards & {"deleted", "merged"}]
    assert all(len(one.correct) == 2 for one in plain if "rerelease" in one.hazards)
    assert all(len(one.correct) == 1 for one in plain if "dub" in one.hazards and "rerelease" not in one.hazards)


def test_degenerate_hashes_belong_to_many_scenes(generated: Generated) -> None:
    _, box, _ = generated
    for phash in DEGENERATE:
        sql = (
            "SELECT COUNT(DISTINCT scene_id) FROM scene_fingerprints JOIN fingerprints ON id = fingerprint_id"
            " WHERE hash = ?"
        )
        assert box.scalar(sql, (number_of(phash),)) > 10


def test_generated_hashes_are_like_those_of_pictures() -> None:
    rng = random.Random("hashes")
    for distance in (0, 2, 4, 8):
        phash = random_phash(rng)
        near = near_phash(rng, phash, distance)
        assert phash.bit_count() == near.bit_count() == 32 and phash >> 63 == 1
        assert distance_of(phash, near) == distance


def test_names_and_dates_agree_in_part(generated: Generated) -> None:
    libraries, box, truth = generated
    same_name = same_date = known = dated = 0
    for (number, row_id), performer in truth.performers.items():
        if performer is None:
            continue
        (local,) = libraries[number].rows("SELECT * FROM performers WHERE id = ?", (row_id,))
        (theirs,) = box.rows("SELECT * FROM performers WHERE id = ?", (performer,))
        known += 1
        same_name += local["name"] == theirs["name"]
        if local["birthdate"] and local["birthdate_precision"] == 0:
            dated += 1
            same_date += local["birthdate"] == theirs["birthdate"]
    assert 0.5 < same_name / known < 0.98
    assert 0.5 < same_date / dated < 0.95


def test_some_performers_have_more_scenes_than_any_library_has(generated: Generated) -> None:
    libraries, box, truth = generated
    assert truth.prolific
    for performer in truth.prolific:
        count = box.scalar("SELECT COUNT(*) FROM scene_performers WHERE performer_id = ?", (performer,))
        assert count >= 12
        assert box.scalar("SELECT deleted FROM performers WHERE id = ?", (performer,)) == 0


def test_libraries_are_linked_with_stale_and_wrong_ids() -> None:
    libraries = _libraries(600)
    box, truth = generate_box(libraries, shares=Shares(hazard=0.2))
    links = link_library(libraries[0], 0, truth, ENDPOINT, share=0.6, stale=1.0, wrong=0.1)
    for kind in KINDS:
        rows = libraries[0].tuples(f"SELECT {kind}_id, stash_id FROM {kind}_stash_ids WHERE endpoint = ?", (ENDPOINT,))
        assert dict(rows) == links[kind] and len(rows) == len(links[kind])
    right = truth.of("performer")
    older = {old for ids in truth.former["performer"].values() for old in ids}
    stale = [one for one in links["performer"].values() if one in older]
    assert stale
    for one in stale:
        (target,) = box.tuples("SELECT target_id FROM performer_redirects WHERE source_id = ?", (one,))[0]
        assert target in right.values()
    correct = {row_id: truth.scenes[0, row_id].correct for row_id in links["scene"]}
    former = truth.former["scene"]
    wrong = [
        row_id
        for row_id, box_id in links["scene"].items()
        if box_id not in correct[row_id] and not any(box_id in former.get(one, ()) for one in correct[row_id])
    ]
    assert 0 < len(wrong) < len(links["scene"]) / 4


def test_a_box_for_empty_libraries_is_empty() -> None:
    library = Library.create()
    box, truth = generate_box([library])
    assert box.scalar("SELECT COUNT(*) FROM scenes") == 0 and truth.scenes == {}
