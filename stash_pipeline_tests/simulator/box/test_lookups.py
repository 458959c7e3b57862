"""Finding scenes by fingerprints."""

import pytest

from stash_pipeline_tests.simulator.box.conftest import LOOKUP, Serve
from stash_pipeline_tests.simulator.box.sample import PHASH, Sample

TWO_BITS = f"{int(PHASH, 16) ^ 0b1010000:016x}"


def test_groups_and_results_are_aligned(boxed: Sample, serve: Serve) -> None:
    found = serve(boxed.box).lookup([("OSHASH", "dd")], [], [("OSHASH", "77")], [("OSHASH", "ee")])
    assert found == [[boxed.scenes[5]], [], [], [boxed.scenes[6]]]


def test_results_follow_the_order_of_the_fingerprints_and_are_in_no_order_within_one(
    boxed: Sample, serve: Serve
) -> None:
    client = serve(boxed.box)
    orders = set()
    for _ in range(20):
        (found,) = client.lookup([("OSHASH", "dd"), ("PHASH", PHASH)])
        assert found[0] == boxed.scenes[5] and set(found[1:]) == {boxed.scenes[0], boxed.scenes[1]}
        orders.add(tuple(found))
    assert len(orders) == 2


def test_more_than_40_groups_are_refused(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    assert client.lookup(*[[("OSHASH", "dd")]] * 40) == [[boxed.scenes[5]]] * 40
    groups = {"f": [[{"hash": "dd", "algorithm": "OSHASH"}]] * 41}
    assert client.only_error(LOOKUP, groups) == "too many scenes"


def test_hashes_are_numbers_and_are_returned_with_16_digits(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    expected = [[boxed.scenes[2]]] * 3
    assert client.lookup([("OSHASH", "bb")], [("OSHASH", "BB")], [("OSHASH", "00000000000000bb")]) == expected
    variables = {"f": [[{"hash": "bb", "algorithm": "OSHASH"}]]}
    hashes = client.ask(LOOKUP, variables)["findScenesBySceneFingerprints"][0][0]["fingerprints"]
    assert {"hash": "00000000000000bb", "algorithm": "OSHASH"} in hashes


def test_a_hash_of_more_than_16_digits_becomes_0(boxed: Sample, serve: Serve) -> None:
    assert serve(boxed.box).lookup([("OSHASH", "0123456789abcdef0123456789abcdef")]) == [[boxed.scenes[3]]]


def test_an_md5_is_dropped_even_if_it_would_match(boxed: Sample, serve: Serve) -> None:
    assert serve(boxed.box).lookup([("MD5", PHASH)], [("MD5", "dd"), ("OSHASH", "ee")]) == [[], [boxed.scenes[6]]]


@pytest.mark.parametrize("text", ["", "xyz", "0x12", " 12"])
def test_one_invalid_hash_fails_the_whole_request(boxed: Sample, serve: Serve, text: str) -> None:
    client = serve(boxed.box)
    groups = {"f": [[{"hash": "dd", "algorithm": "OSHASH"}], [{"hash": text, "algorithm": "PHASH"}]]}
    response = client.post(LOOKUP, groups)
    assert response.status_code == 200 and response.json()["data"] is None
    (error,) = response.json()["errors"]
    assert error["message"].startswith("invalid fingerprint hash: ")
    assert error["path"] == ["findScenesBySceneFingerprints", "fingerprints", 1, 0, "hash"]


@pytest.mark.parametrize(("distance", "found"), [(0, []), (1, []), (2, [0]), (3, [0]), (4, [0, 5])])
def test_the_distance_is_that_of_the_box(boxed: Sample, serve: Serve, distance: int, found: list[int]) -> None:
    client = serve(boxed.box, phash_distance=distance)
    boxed.box.submit(boxed.scenes[5], "PHASH", int(TWO_BITS, 16) ^ 0b1111000000000000, 3000)
    boxed.box.delete("scene", boxed.scenes[1])
    assert set(client.lookup([("PHASH", TWO_BITS)])[0]) == {boxed.scenes[number] for number in found}


@pytest.mark.parametrize(
    ("release", "near"), [("v0.6", True), ("v0.7", False), ("v0.8", False), ("v0.9", True), ("v0.10", True)]
)
def test_from_v07_to_v08_near_phashes_are_lost(boxed: Sample, serve: Serve, release: str, near: bool) -> None:
    client = serve(boxed.box, release=release, phash_distance=2)
    assert (boxed.scenes[0] in client.lookup([("PHASH", TWO_BITS)])[0]) is near
    assert boxed.scenes[0] in client.lookup([("PHASH", PHASH)])[0]


def test_before_v08_hashes_are_compared_as_texts(boxed: Sample, serve: Serve) -> None:
    boxed.box.submit(boxed.scenes[4], "PHASH", "0abc", 10)
    groups = [[("PHASH", text)] for text in ("abc", "0abc", "ABC")]
    assert serve(boxed.box, release="v0.7").lookup(*groups) == [[boxed.scenes[4]], [], []]
    assert serve(boxed.box).lookup(*groups) == [[boxed.scenes[4]]] * 3


def test_flat_lookups_exist_until_v07(boxed: Sample, serve: Serve) -> None:
    query = '{ findScenesByFullFingerprints(fingerprints: [{hash: "00000000000000dd", algorithm: OSHASH}]) { id } }'
    old = serve(boxed.box, release="v0.7.9")
    assert old.ask(query) == {"findScenesByFullFingerprints": [{"id": boxed.scenes[5]}]}
    assert serve(boxed.box, release="v0.8").post(query).status_code == 422


def test_a_reported_fingerprint_still_matches(boxed: Sample, serve: Serve) -> None:
    boxed.box.report(boxed.scenes[5], "OSHASH", "dd", users=9)
    assert serve(boxed.box).lookup([("OSHASH", "dd")]) == [[boxed.scenes[5]]]


def test_deleted_scenes_are_not_found(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    boxed.box.destroy("scene", boxed.scenes[5])
    boxed.box.merge("scene", boxed.scenes[6], boxed.scenes[2])
    boxed.box.delete("scene", boxed.scenes[3])
    assert client.lookup([("OSHASH", "dd")], [("OSHASH", "ee")], [("PHASH", "0")]) == [[], [], []]


def test_a_moved_fingerprint_leaves_its_reports_behind(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    query = '{ findScene(id: "%s") { updated fingerprints { hash submissions reports duration } } }'
    target = query % boxed.scenes[4]
    updated = client.ask(target)["findScene"]["updated"]
    boxed.box.move("PHASH", PHASH, boxed.scenes[0], boxed.scenes[4])
    scene = client.ask(target)["findScene"]
    assert {"hash": PHASH, "submissions": 5, "reports": 0, "duration": 1800} in scene["fingerprints"]
    assert scene["updated"] == updated
    assert set(client.lookup([("PHASH", PHASH)])[0]) == {boxed.scenes[1], boxed.scenes[4], boxed.scenes[0]}
    boxed.box.withdraw(boxed.scenes[0], "OSHASH", PHASH)
    assert boxed.scenes[0] not in client.lookup([("PHASH", PHASH)])[0]


def test_fingerprints_count_the_votes_of_users(boxed: Sample, serve: Serve) -> None:
    fields = "fingerprints { hash algorithm submissions reports duration }"
    first = serve(boxed.box).ask(f'{{ findScene(id: "{boxed.scenes[0]}") {{ {fields} }} }}')["findScene"][
        "fingerprints"
    ][0]
    assert first == {"hash": PHASH, "algorithm": "PHASH", "submissions": 5, "reports": 1, "duration": 1800}
