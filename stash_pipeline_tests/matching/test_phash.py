"""Reading hashes, and telling those that prove nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.matching.phash import (
    UNKNOWN_DURATION,
    copies,
    crowded,
    degenerate,
    format_phash,
    hamming,
    is_degenerate,
    parse_durations,
    parse_phash,
    parse_phashes,
    short_clips,
)
from stash_pipeline_tests.matching.phash_generator import library


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("f8fcfcfcf8e00100", 0xF8FCFCFCF8E00100),
        ("F8FCFCFCF8E00100", 0xF8FCFCFCF8E00100),
        ("1f", 0x1F),
        ("0000000000000010", 16),
        ("10", 16),
        (10, 10),
        (0, 0),
        (-1, 2**64 - 1),
        (-(2**63), 2**63),
        (2**63, 2**63),
        (2**64 - 1, 2**64 - 1),
        (np.int64(-2), 2**64 - 2),
        (np.uint64(7), 7),
    ],
)
def test_signed_unsigned_and_hexadecimal_hashes_are_read(written: int | str, value: int) -> None:
    assert parse_phash(written) == value


@pytest.mark.parametrize(
    "written", ["", "g", "-1", "0x1f", " 1f", "1f\n", "1" * 17, "\u0661", 2**64, -(2**63) - 1, 1.0, None, True, b"1f"]
)
def test_anything_else_is_rejected(written: object) -> None:
    with pytest.raises(ValueError, match="is no phash"):
        parse_phash(written)  # type: ignore[arg-type]


@given(st.integers(0, 2**64 - 1))
def test_a_hash_is_the_same_in_every_form(value: int) -> None:
    signed = value - 2**64 if value >= 2**63 else value
    forms: list[int | str] = [value, signed, format_phash(value), f"{value:x}", f"{value:X}"]
    assert parse_phashes(forms).tolist() == [value] * len(forms)
    assert hamming(value, value ^ 0b1011) == 3


def test_durations_are_whole_milliseconds_and_what_is_none_is_unknown() -> None:
    seconds = [1.0005, None, float("nan"), 0, -3, float("inf"), 59.9994, 0.29]
    unknown = UNKNOWN_DURATION
    assert parse_durations(seconds).tolist() == [1000, unknown, unknown, unknown, unknown, unknown, 59999, 290]
    assert parse_durations([]).tolist() == []


@pytest.mark.parametrize("plain", ["0", "8000000000000000", "f8fcfcfcf8e00100", "ffffffffffffffff", "ffffffff00000000"])
def test_hashes_of_plain_frames_are_degenerate(plain: str) -> None:
    assert degenerate(parse_phashes([plain])).tolist() == [True]


def test_hashes_of_pictures_are_not_degenerate() -> None:
    assert degenerate(library(3, 20_000).phash).mean() < 1e-3
    assert not degenerate(parse_phashes(["d9a5266dd2b12d9a", "b5e2c61d1b3a6cc9"])).any()


def test_short_clips_and_unknown_durations_prove_nothing() -> None:
    assert short_clips(np.array([149_999, 150_000, UNKNOWN_DURATION])).tolist() == [True, False, True]


def test_hashes_of_many_files_and_with_many_neighbours_are_counted() -> None:
    assert copies(np.array([5, 9, 5, 5], np.uint64)).tolist() == [3, 1, 3, 3]
    left, right = np.array([0, 0, 1]), np.array([1, 2, 2])
    assert crowded(left, right, 4, 1).tolist() == [True, True, True, False]
    assert crowded(left, right, 4, 2).tolist() == [False] * 4


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_one_hash_is_judged_as_many_are(hashes: list[int]) -> None:
    assert [is_degenerate(one) for one in hashes] == degenerate(np.array(hashes, np.uint64)).tolist()
