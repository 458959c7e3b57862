"""Fingerprints and dates: hashes are numbers, groups fit into requests, dates keep their precision."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.stashbox.dates import FuzzyDate, birth_date, fuzzy_date, normalise_dates, release_date
from stash_pipeline.stashbox.fingerprints import Fingerprint, pack_groups

FINGERPRINTS = st.builds(Fingerprint, st.sampled_from(["OSHASH", "PHASH"]), st.integers(0, 2**64 - 1))


@pytest.mark.parametrize("text", ["00ff", "ff", "FF", "00000000000000ff"])
def test_a_hash_is_a_number_however_it_is_written(text: str) -> None:
    assert Fingerprint.parse("phash", text) == Fingerprint("PHASH", 255)


@pytest.mark.parametrize(
    ("algorithm", "text"),
    [
        ("md5", "0" * 32), ("MD5", "ff"), ("oshash", "0" * 32), ("phash", ""), ("phash", "xyz"), ("phash", "-1"),
        ("phash", "0x1f"), ("phash", " ff"),
    ],
)  # fmt: skip
def test_what_a_box_would_read_as_another_hash_is_not_sent(algorithm: str, text: str) -> None:
    assert Fingerprint.parse(algorithm, text) is None


def test_there_is_no_md5() -> None:
    with pytest.raises(ValueError, match="MD5"):
        Fingerprint("MD5", 1)  # type: ignore[arg-type]
    for wrong in (-1, 2**64):
        with pytest.raises(ValueError, match="64 bits"):
            Fingerprint("PHASH", wrong)


def test_hashes_are_sent_as_boxes_that_compare_text_have_them() -> None:
    assert Fingerprint("OSHASH", 0xAB).as_input() == {"hash": "00000000000000ab", "algorithm": "OSHASH"}
    assert Fingerprint("PHASH", 0xAB).as_input() == {"hash": "ab", "algorithm": "PHASH"}


@given(st.lists(st.lists(FINGERPRINTS, max_size=150), max_size=100))
def test_requests_are_within_the_limits_and_have_every_fingerprint_once_in_order(
    groups: list[list[Fingerprint]],
) -> None:
    requests = list(pack_groups(groups))
    parts = [part for request in requests for part in request]
    for request in requests:
        assert 1 <= len(request) <= 40
        assert sum(one.algorithm == "PHASH" for part in request for one in part.fingerprints) <= 64
    assert [part.position for part in parts] == sorted(part.position for part in parts)
    for position, group in enumerate(groups):
        own = [part for part in parts if part.position == position]
        sent = [one for part in own for one in part.fingerprints]
        assert len(sent) == len(set(sent)) and set(sent) == set(group)
        assert [part.final for part in own] == [False] * (len(own) - 1) + [True] * bool(own)
        algorithms = [one.algorithm for one in sent]
        assert algorithms == sorted(algorithms)


def test_forty_usual_groups_are_one_request() -> None:
    groups = [[Fingerprint("PHASH", n), Fingerprint("OSHASH", n)] for n in range(80)]
    assert [len(request) for request in pack_groups(groups)] == [40, 40]


@pytest.mark.parametrize(
    ("text", "padded", "date"),
    [
        ("2015", False, FuzzyDate("2015", "year")),
        ("2015-03", False, FuzzyDate("2015-03", "month")),
        ("2015-03-04", False, FuzzyDate("2015-03-04", "day")),
        ("2015-01-01", False, FuzzyDate("2015-01-01", "day")),
        ("2015-01-01", True, FuzzyDate("2015", "year")),
        ("2015-03-01", True, FuzzyDate("2015-03", "month")),
        ("2015-01-04", True, FuzzyDate("2015-01-04", "day")),
        ("", False, None),
        ("15-01-01", False, None),
        (None, False, None),
        (2015, False, None),
    ],
)
def test_a_date_has_the_precision_of_its_text(text: Any, padded: bool, date: FuzzyDate | None) -> None:
    assert fuzzy_date(text, padded=padded) == date


def test_dates_with_precision_are_preferred_to_padded_ones() -> None:
    assert release_date({"release_date": "2015", "date": "2015-01-01"}) == FuzzyDate("2015", "year")
    assert release_date({"date": "2015-06-01"}) == FuzzyDate("2015-06", "month")
    assert release_date({"release_date": None}) is None
    assert birth_date({"birth_date": "1990-02"}) == FuzzyDate("1990-02", "month")
    former = {"birthdate": {"date": "1990-02-01", "accuracy": "MONTH"}}
    assert birth_date(former) == FuzzyDate("1990-02", "month")
    assert birth_date({"birth_date": "1990-02-03 00:00:00"}) is None


def test_midnight_is_removed_from_dates_and_from_nothing_else() -> None:
    document = {
        "birth_date": "1990-02-03 00:00:00",
        "created": "2020-01-01T00:00:00Z",
        "title": "2020-01-01 00:00:00",
        "performers": [{"performer": {"birth_date": "1990-02-03T00:00:00Z", "death_date": "2001"}}],
    }
    normalise_dates(document)
    assert document == {
        "birth_date": "1990-02-03",
        "created": "2020-01-01T00:00:00Z",
        "title": "2020-01-01 00:00:00",
        "performers": [{"performer": {"birth_date": "1990-02-03", "death_date": "2001"}}],
    }
