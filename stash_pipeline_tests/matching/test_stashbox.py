"""Scenes of a stash-box as candidates for a local scene."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.matching.compare import File, Scene
from stash_pipeline.matching.dates import PartialDate
from stash_pipeline.matching.stashbox import BoxFingerprint, BoxScene, Candidate, candidates
from stash_pipeline.matching.stashbox_documents import parse_fingerprints, parse_hash, parse_scene
from stash_pipeline.matching.stashbox_rules import OBSTACLES, PARAMETERS, RULES

OSHASH = 0x1F2E3D4C5B6A7988
PHASH = 0xB1E2C3D4A5968778
LONG = 1_800_000
FILE = File(f"{OSHASH:x}", "", PHASH, LONG)
SCENE = Scene((FILE,), title="blue kites", date=PartialDate(2015, 4, 2), studio="kite works")


def oshash(**values: Any) -> BoxFingerprint:
    return BoxFingerprint("OSHASH", **{"hash": OSHASH, "duration": LONG, **values})


def phash(bits: int = 0, **values: Any) -> BoxFingerprint:
    """A perceptual hash so many bits apart."""
    return BoxFingerprint("PHASH", **{"hash": PHASH ^ ((1 << bits) - 1), "duration": LONG, **values})


def box(name: str, *fingerprints: BoxFingerprint, **values: Any) -> BoxScene:
    return BoxScene(name, tuple(fingerprints), **values)


def judged(*boxes: BoxScene, scene: Scene = SCENE, linked: tuple[str, ...] = ()) -> list[Candidate]:
    return candidates(scene, boxes, linked)


def actions(*boxes: BoxScene, scene: Scene = SCENE, linked: tuple[str, ...] = ()) -> list[str]:
    return [one.action for one in judged(*boxes, scene=scene, linked=linked)]


def obstacles(*boxes: BoxScene, linked: tuple[str, ...] = ()) -> list[str | None]:
    return [one.evidence.get("obstacle") for one in judged(*boxes, linked=linked)]


@pytest.mark.parametrize(
    ("one", "action"),
    [
        (box("a", oshash(submissions=2)), "automatic"),
        (box("a", oshash(), duration=LONG + 3_000), "automatic"),
        (box("a", oshash(), title="blue kites"), "automatic"),
        (box("a", oshash(), phash(6)), "automatic"),
        (box("a", oshash()), "review"),
        # one submission contains all hashes of a file, and its duration
        (box("a", oshash(), phash()), "review"),
        (box("a", oshash(submissions=2, reports=2)), "review"),
        (box("a", phash(submissions=2)), "automatic"),
        (box("a", phash(submissions=9, reports=1)), "review"),
        # of a long video, half a percent is more than five seconds
        (box("a", phash(submissions=2, duration=LONG + 9_000)), "automatic"),
        (box("a", phash(submissions=2, duration=LONG + 9_001)), "reject"),
        (box("a", phash(), studios=frozenset({"kite works"})), "automatic"),
        (box("a", phash()), "review"),
        (box("a", phash(4), date=PartialDate(2015, 4, 3)), "automatic"),
        (box("a", phash(4), date=PartialDate(2015)), "review"),
        (box("a", phash(4)), "review"),
        (box("a", phash(8), duration=LONG), "review"),
        (box("a", phash(8)), "reject"),
        (box("a", phash(10), title="blue kites"), "reject"),
        (box("a", title="blue kites", duration=LONG), "reject"),
        (box("a", phash(submissions=2, duration=-1)), "reject"),
    ],
)
def test_evidence_decides(one: BoxScene, action: str) -> None:
    assert actions(one) == [action]


def test_a_hash_of_a_short_clip_proves_nothing() -> None:
    clip = replace(SCENE, files=(replace(FILE, duration=30_000),))
    other = box("a", phash(submissions=5, duration=30_000))
    assert actions(other, scene=clip) == ["reject"]
    assert actions(replace(other, title="blue kites"), scene=clip) == ["review"]
    assert actions(box("a", oshash(submissions=5, duration=30_000)), scene=clip) == ["automatic"]


@pytest.mark.parametrize("plain", [0, 1 << 63, 0xF8FCFCFCF8E00100])
def test_a_hash_of_a_plain_frame_proves_nothing(plain: int) -> None:
    black = replace(SCENE, files=(replace(FILE, phash=plain, oshash=""),))
    assert actions(box("a", phash(hash=plain, submissions=9)), scene=black) == ["reject"]


def test_a_hash_of_many_scenes_proves_nothing() -> None:
    many = [box(f"{number:02}", phash(submissions=3)) for number in range(int(PARAMETERS["most_hits"]) + 1)]
    assert set(actions(*many)) == {"reject"}


def test_of_several_scenes_with_evidence_as_good_none_is_automatic() -> None:
    both = box("a", phash(submissions=2)), box("b", phash(submissions=7))
    assert actions(*both) == ["review", "review"]
    assert obstacles(*both) == ["ambiguous", "ambiguous"]


def test_the_scene_of_the_file_goes_before_those_of_its_picture() -> None:
    """A compilation or another release shares the picture."""
    boxes = box("a", oshash(submissions=3), phash(submissions=3)), box("b", phash(2), title="blue kites")
    assert actions(*boxes) == ["automatic", "review"]


def test_hashes_of_one_file_that_lead_to_two_scenes_are_for_a_person() -> None:
    boxes = box("a", oshash(submissions=3)), box("b", phash(submissions=3))
    assert actions(*boxes) == ["review", "review"]
    assert obstacles(*boxes) == ["hashes_disagree", "ambiguous"]
    doubted = box("a", oshash(submissions=1, reports=1)), box("b", phash(submissions=3))
    assert obstacles(*doubted) == [None, "hashes_disagree"]


def test_another_id_on_the_server_is_for_a_person() -> None:
    one = box("a", oshash(submissions=3))
    assert actions(one, linked=("a", "z")) == ["automatic"]
    assert actions(one, linked=("z",)) == ["review"]
    assert obstacles(one, linked=("z",)) == ["linked_elsewhere"]


@pytest.mark.parametrize("submitted", [LONG, LONG * 2])
def test_another_length_is_for_a_person(submitted: int) -> None:
    """Whoever submits a file to the wrong scene submits its duration, too."""
    one = box("a", oshash(submissions=3, duration=submitted), duration=LONG * 2)
    assert obstacles(one) == ["duration_differs"]


def test_a_scene_with_other_people_is_for_a_person() -> None:
    scene = replace(SCENE, performers=frozenset({"anna bright"}))
    one = box("a", oshash(submissions=3), performers=frozenset({"ben dale"}))
    assert [each.evidence["obstacle"] for each in judged(one, scene=scene)] == ["metadata_differs"]
    assert actions(replace(one, title="blue kites"), scene=scene) == ["automatic"]


def test_a_title_with_more_words_is_for_a_person_unless_the_file_is_the_same() -> None:
    """A dub has the pictures of the scene, and its metadata."""
    assert obstacles(box("a", phash(submissions=3), title="blue kites other language")) == ["title_extended"]
    assert actions(box("a", oshash(submissions=3), title="blue kites other language")) == ["automatic"]
    assert actions(box("a", phash(submissions=3), title="kites")) == ["automatic"]


def test_part_one_is_not_part_two() -> None:
    scene = replace(SCENE, title="blue kites part 1")
    assert actions(box("a", phash(submissions=3), title="blue kites part 2"), scene=scene) == ["review"]


FINGERPRINTS = st.builds(
    BoxFingerprint,
    st.sampled_from(["OSHASH", "PHASH"]),
    st.sampled_from([OSHASH, PHASH, PHASH ^ 3, PHASH ^ 0xFF, 7]),
    st.sampled_from([-1, LONG, LONG + 4_000, 3 * LONG]),
    st.integers(0, 3),
    st.integers(0, 2),
)
BOXES = st.lists(
    st.builds(
        BoxScene,
        st.sampled_from("abcdef"),
        st.lists(FINGERPRINTS, max_size=3).map(tuple),
        title=st.sampled_from(["", "blue kites", "red kites"]),
        duration=st.sampled_from([-1, LONG, 3 * LONG]),
    ),
    max_size=5,
    unique_by=lambda one: one.id,
)


@given(BOXES, st.randoms())
def test_at_most_one_scene_is_automatic_in_whatever_order_they_come(boxes: list[BoxScene], random: Any) -> None:
    result = candidates(SCENE, boxes)
    assert [one.id for one in result] == sorted(one.id for one in boxes)
    assert sum(one.action == "automatic" for one in result) <= 1
    shuffled = list(boxes)
    random.shuffle(shuffled)
    assert candidates(SCENE, shuffled) == result
    assert {one.evidence.get("obstacle") for one in result} <= {None, *OBSTACLES}


def test_every_rule_can_decide() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for number, rule in enumerate(RULES):
        evidence = rule.requires | (set(sorted(rule.any_of)[:1]))
        assert not any(
            earlier.requires <= evidence and (not earlier.any_of or earlier.any_of & evidence)
            for earlier in RULES[:number]
        )


# --- documents ----------------------------------------------------------------------------------------------


def test_documents_are_parsed_whatever_they_lack() -> None:
    assert parse_scene({"id": "a"}) == BoxScene("a")
    parsed = parse_scene(
        {
            "id": "a",
            "title": "Blue  Kites!",
            "release_date": "2015",
            "date": "2015-01-01",
            "duration": 1800,
            "studio": {"name": "Kite Works", "aliases": ["KW"], "parent": {"name": "Kite Group", "parent": None}},
            "performers": [{"as": "Wind", "performer": {"name": "Anna Bright (2)", "aliases": None}}, {}],
            "urls": [{"url": "https://kites.example/scenes/12"}, {"url": None}],
            "fingerprints": [{"algorithm": "PHASH", "hash": "00ab", "duration": 0, "submissions": 3, "reports": None}],
        }
    )
    assert parsed.date == PartialDate(2015)
    assert parsed.studios == {"kite works", "kw", "kite group"}
    assert parsed.performers == {"wind", "anna bright"}
    assert parsed.duration == LONG
    assert parsed.fingerprints == (BoxFingerprint("PHASH", 0xAB, -1, 3, 0),)


def test_hashes_are_compared_as_numbers() -> None:
    assert parse_hash("00000000000000ab") == parse_hash("AB") == 0xAB
    for wrong in ("", "xyz", "0" * 17, None, 12):
        assert parse_hash(wrong) is None
    document = {"fingerprints": [{"algorithm": "MD5", "hash": "0" * 32}, {"algorithm": "OSHASH", "hash": "0"}, {}]}
    assert parse_fingerprints(document) == []
