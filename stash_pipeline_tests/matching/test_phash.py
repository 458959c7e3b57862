"""Telling the hashes that prove nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.matching.phash import is_degenerate
from stash_pipeline_tests.matching.phash_arrays import degenerate
from stash_pipeline_tests.matching.phash_generator import library


@pytest.mark.parametrize("plain", ["0", "8000000000000000", "f8fcfcfcf8e00100", "ffffffffffffffff", "ffffffff00000000"])
def test_hashes_of_plain_frames_are_degenerate(plain: str) -> None:
    assert is_degenerate(int(plain, 16))


def test_hashes_of_pictures_are_not_degenerate() -> None:
    assert degenerate(library(3, 20_000).phash).mean() < 1e-3
    assert not any(is_degenerate(phash) for phash in (0xD9A5266DD2B12D9A, 0xB5E2C61D1B3A6CC9))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_one_hash_is_judged_as_many_are(hashes: list[int]) -> None:
    assert [is_degenerate(one) for one in hashes] == degenerate(np.array(hashes, np.uint64)).tolist()
