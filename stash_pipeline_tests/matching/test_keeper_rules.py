"""Which of several copies is suggested to be kept, why, and what the others have that it has not."""

from dataclasses import replace
from typing import Any

import pytest

from stash_pipeline.matching.duplicates import Copy, shown_bytes, suggest
from stash_pipeline.matching.keeper_rules import RULES, choose, codec_rank, rules_for
from stash_pipeline_tests.matching.keeper_cases import video


def chosen(entity: str, *copies: dict[str, Any]) -> int:
    return choose(entity, copies)


def test_the_first_rule_that_tells_copies_apart_decides() -> None:
    small = {"resolution": 1280 * 720, "codec": 3, "bit_rate": 9e6}
    large = {"resolution": 1920 * 1080, "codec": 1, "bit_rate": 1e6}
    assert chosen("files", small, large) == 1
    assert chosen("files", {**small, "protected": 1}, {**large, "protected": 0}) == 0


def test_differences_within_the_tolerance_leave_it_to_the_next_rule() -> None:
    cropped = {"resolution": 1920 * 1072, "codec": 3}
    whole = {"resolution": 1920 * 1080, "codec": 2}
    assert chosen("files", cropped, whole) == 0
    assert chosen("files", {**cropped, "resolution": 1920 * 1000}, whole) == 1


def test_bit_rates_are_compared_within_one_codec_only() -> None:
    hevc, h264 = {"resolution": 1, "codec": 2, "bit_rate": 4e6}, {"resolution": 1, "codec": 1, "bit_rate": 9e6}
    assert chosen("files", hevc, h264) == 0
    assert chosen("files", {**hevc, "codec": 1}, h264) == 1


def test_an_unknown_value_loses_against_any_known_one() -> None:
    assert chosen("files", {"resolution": None}, {"resolution": 1}) == 1
    assert chosen("files", {"size": None, "codec": 0}, {"size": 5, "codec": 0}) == 1


def test_what_no_rule_tells_apart_is_decided_by_the_order() -> None:
    assert chosen("tags", {}, {}) == 0
    assert chosen("scenes", {"priority": 2, "created": 1.0}, {"priority": 1, "created": 2.0}) == 1
    assert chosen("scenes", {"priority": 1, "created": 3.0}, {"priority": 1, "created": 2.0}) == 1


def test_a_copy_within_the_tolerance_of_the_best_is_not_dropped_for_one_that_is_dropped_later() -> None:
    # 100 and 95 are alike, 95 and 90 are alike, 100 and 89 are not
    rates = [{"codec": 1, "bit_rate": rate, "size": size} for rate, size in ((100, 10), (95, 20), (89, 99))]
    assert chosen("files", *rates) == 1


@pytest.mark.parametrize(
    ("better", "worse"),
    [("AV1", "hevc"), ("hevc", "h264"), ("h265", "avc1"), ("h264", "vp9"), ("h264", ""), ("h264", None)],
)
def test_codecs_have_an_order(better: str, worse: str | None) -> None:
    assert codec_rank(better) > codec_rank(worse)
    assert codec_rank("hevc") == codec_rank("h265")
    assert codec_rank("mpeg4") == codec_rank(None)


def test_every_entity_has_rules_that_end_with_the_age() -> None:
    for entity in ("scenes", "files", "performers", "studios", "tags"):
        assert rules_for(entity)[0].name == "protected" and rules_for(entity)[-1].name == "created"
    assert len({rule.name for rule in RULES}) == len(RULES)


# --- suggestions --------------------------------------------------------------------------------------------


def test_a_copy_beside_a_better_one_on_its_server_is_bytes_to_gain() -> None:
    best, spare = video(1, 10, height=1080, size=5_000), video(1, 11, height=720, size=3_000)
    keep, other = suggest("files", [best, spare])
    assert keep.keeper and keep.best_here and keep.compared is None
    assert keep.reasons == ["resolution 1920×1080", "size 5.0 kB"]
    assert not other.keeper and not other.best_here and other.compared is best
    assert other.reasons == ["resolution 1280×720, not 1920×1080", "size 3.0 kB, not 5.0 kB"]
    assert (other.bytes, other.bytes_across) == (3_000, 0) and (keep.bytes, keep.bytes_across) == (0, 0)


def test_the_only_copy_of_a_server_is_counted_apart() -> None:
    here, there = video(1, 10, height=1080), video(2, 10, height=720, size=3_000)
    keep, other = suggest("files", [here, there])
    assert keep.keeper and other.best_here and not other.keeper
    assert (other.bytes, other.bytes_across) == (0, 3_000)


def test_copies_on_one_server_are_compared_with_the_best_one_there() -> None:
    best, here, spare = video(1, 1, height=2160), video(2, 2, height=1080), video(2, 3, height=720, size=7)
    suggestions = suggest("files", [best, here, spare])
    assert [one.compared for one in suggestions] == [None, best, here]
    assert [one.best_here for one in suggestions] == [True, True, False]
    assert suggestions[2].bytes == 7


def test_the_keeper_is_the_best_of_its_own_server_whatever_the_tolerance() -> None:
    # of the first server alone the second one would win: by size, as the bit rates are alike
    copies = [
        video(1, 1, bit_rate=100, size=10), video(1, 2, bit_rate=91, size=20), video(2, 3, bit_rate=108, size=5)
    ]  # fmt: skip
    suggestions = suggest("files", copies)
    assert [one.keeper for one in suggestions] == [True, False, False]
    assert [one.best_here for one in suggestions] == [True, False, True]


def test_a_protected_copy_is_no_bytes_to_gain() -> None:
    keep = video(1, 1, height=1080, protected="protected: tag Keep")
    both = [keep, video(1, 2, height=720, size=9, protected="protected: below /vault")]
    assert [one.bytes for one in suggest("files", both)] == [0, 0]
    assert suggest("files", both)[1].reasons[0] == "protected: below /vault"
    low = [video(1, 1, height=1080, size=8), video(1, 2, height=720, size=9, protected="protected: below /vault")]
    assert [one.keeper for one in suggest("files", low)] == [False, True]
    assert suggest("files", low)[0].reasons[0] == "not protected"


def test_one_path_and_size_on_two_servers_may_be_one_file_and_is_not_counted() -> None:
    one, other = video(1, 1, size=500, location="/media/a.mp4"), video(2, 7, size=500, location="/media/a.mp4")
    second = suggest("files", [one, other])[1]
    assert second.bytes_across == 0 and "may be one file" in second.reasons[0]
    assert suggest("files", [one, replace(other, location="/media/b.mp4")])[1].bytes_across == 500


def test_what_a_merge_would_lose_is_what_the_other_one_lacks() -> None:
    keep = Copy((1, 1), {"resolution": 9.0}, lists={"tags": {"a": "Amber", "b": "Blue"}}, fields=["title"], rating=60)
    other = Copy(
        (1, 2),
        {"resolution": 8.0},
        lists={"tags": {"b": "blue", "c": "Cobalt"}, "urls": {"u": "u"}, "performers": {}},
        counts={"markers": 2, "plays": 0, "o": 1},
        fields=["details", "title"],
        rating=80,
        organized=True,
    )
    loses = suggest("scenes", [keep, other])[1].loses
    assert loses == {
        "tags": ["Cobalt"], "urls": ["u"], "markers": 2, "o": 1, "rating": 80, "organized": True, "fields": ["details"],
    }  # fmt: skip
    assert suggest("scenes", [keep, replace(keep, key=(1, 2))])[1].loses == {}


def test_a_longer_copy_and_a_better_picture_are_named_as_losses() -> None:
    keep = video(1, 1, height=1080, codec="h264", duration=600_000)
    other = video(1, 2, height=720, codec="hevc", duration=660_000)
    found = suggest("files", [keep, other])[1]
    assert found.loses == {"seconds": 60.0, "quality": ["codec hevc, not h264"]}
    assert found.duration_difference == 60_000
    assert suggest("files", [keep, replace(keep, key=(1, 2, 2), duration=601_900)])[1].loses == {}


def test_distance_and_checksums_are_those_to_the_compared_copy() -> None:
    keep = video(1, 1, phashes=(0b1111,), hashes=frozenset({"oshash a"}))
    same = video(1, 2, phashes=(0b1010,), hashes=frozenset({"oshash a", "md5 b"}))
    other = video(1, 3, phashes=(), hashes=frozenset({"oshash c"}))
    unknown = video(1, 4, hashes=frozenset())
    found = suggest("files", [keep, same, other, unknown])
    assert [one.identical for one in found] == [None, True, False, None]
    assert [one.phash_distance for one in found] == [None, 2, None, None]


def test_a_reason_says_what_the_other_copy_has_instead() -> None:
    keep = Copy((1, 1), {"organized": 1, "stash_ids": 2, "created": 1.0})
    other = Copy((1, 2), {"organized": 0, "stash_ids": 0, "created": 2.0})
    assert suggest("scenes", [keep, other])[0].reasons == ["organized", "stash ids 2", "created first"]
    assert suggest("scenes", [keep, other])[1].reasons == ["not organized", "stash ids 0, not 2", "created later"]
    alike = [Copy((1, 1), {}), Copy((1, 2), {})]
    assert [one.reasons for one in suggest("scenes", alike)] == [["nothing tells them apart"]] * 2


def test_the_order_in_which_copies_are_given_does_not_matter() -> None:
    copies = [video(2, 5, height=720), video(1, 4, height=720), video(1, 3, height=1080), video(3, 1, height=1080)]
    forwards = dict(zip((copy.key for copy in copies), suggest("files", copies), strict=True))
    backwards = dict(zip((copy.key for copy in copies[::-1]), suggest("files", copies[::-1]), strict=True))
    assert forwards == backwards


def test_bytes_are_shown_with_their_unit() -> None:
    assert [shown_bytes(size) for size in (0, 999, 1_000, 2_340_000, 5 * 10**9, 7 * 10**12)] == [
        "0 bytes", "999 bytes", "1.0 kB", "2.3 MB", "5.0 GB", "7.0 TB",
    ]  # fmt: skip
