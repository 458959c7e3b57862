"""All pairs of hashes within a distance and a window, against comparing each with each."""

from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stash_pipeline.matching import phash_bands, phash_pairs
from stash_pipeline.matching.phash import UNKNOWN_DURATION
from stash_pipeline.matching.phash_bands import WIDTHS, Hashes, band_shares, expand
from stash_pipeline.matching.phash_pairs import Durations, Method, Pairs, Scope, find_pairs
from stash_pipeline_tests.examples import examples
from stash_pipeline_tests.matching.phash_arrays import all_pairs
from stash_pipeline_tests.matching.phash_generator import library

METHODS: tuple[Method, ...] = ("diagonals", "bands", "auto")
SCOPES: tuple[Scope, ...] = ("all", "across", "within")

Row = tuple[int, int, int, int]


def oracle(
    phash: Hashes,
    duration: Durations | None,
    group: NDArray[np.int64] | None,
    distance: int,
    window: int | None,
    scope: Scope,
) -> list[Row]:
    """Each with each, in plain Python."""
    found = []
    for left, right in combinations(range(len(phash)), 2):
        bits = (int(phash[left]) ^ int(phash[right])).bit_count()
        difference = UNKNOWN_DURATION
        if duration is not None and duration[left] >= 0 and duration[right] >= 0:
            difference = abs(int(duration[left]) - int(duration[right]))
        near = window is None or 0 <= difference <= window
        scoped = scope == "all" or (group is not None and (group[left] == group[right]) == (scope == "within"))
        if bits <= distance and near and scoped:
            found.append((left, right, bits, difference))
    return found


def rows(pairs: Pairs) -> list[Row]:
    return list(zip(*(column.tolist() for column in pairs), strict=True))


@st.composite
def correlated_hashes(draw: st.DrawFn) -> list[int]:
    """A few hashes, and others that differ from one of them in few bits, so that distances meet every limit."""
    made = draw(st.lists(st.integers(0, 2**64 - 1), min_size=0, max_size=4))
    for _ in range(draw(st.integers(0, 25)) if made else 0):
        value = made[draw(st.integers(0, len(made) - 1))]
        for bit in draw(st.lists(st.integers(0, 63), max_size=11)):
            value ^= 1 << bit
        made.append(value)
    return made


@settings(deadline=None, max_examples=examples(150))
@given(
    hashes=correlated_hashes(),
    # equal durations, and some exactly at the edge of a window
    seed=st.integers(0, 2**32),
    distance=st.sampled_from((8, 8, 8, 0, 1, 2, 3, 4, 5, 7, 9, 10)),
    window=st.sampled_from((None, 0, 1, 1000, 5000)),
    scope=st.sampled_from(SCOPES),
    small=st.booleans(),
)
def test_both_methods_find_exactly_the_pairs_of_brute_force(
    hashes: list[int], seed: int, distance: int, window: int | None, scope: Scope, small: bool
) -> None:
    random = np.random.default_rng(seed)
    phash = np.array(hashes, np.uint64)
    duration = random.choice([UNKNOWN_DURATION, 0, 1, 999, 1000, 1001, 5000, 6000, 6001], len(hashes)).astype(np.int64)
    group = random.integers(0, 3, len(hashes))
    expected = oracle(phash, duration, group, distance, window, scope)
    with (
        patch.object(phash_bands, "_EXPANDED", 3 if small else 1 << 18),
        patch.object(phash_bands, "_CROWDED", 4 if small else 1 << 12),
        patch.object(phash_pairs, "_BLOCK", 5 if small else 1 << 15),
    ):
        for method in METHODS:
            if method == "bands" and distance > 9:
                continue  # a hundred thousand lookups for a handful of hashes
            found = all_pairs(phash, duration, group, distance=distance, window=window, scope=scope, method=method)
            assert rows(found) == expected, method


@pytest.mark.integration
@pytest.mark.parametrize("distance", [3, 8])
@pytest.mark.parametrize(("templates", "strength", "clips"), [(0.2, 1.0, 0.03), (0.9, 2.5, 0.0), (0.0, 1.0, 0.6)])
@pytest.mark.parametrize("window", [None, 2000])
def test_bands_are_exact_for_libraries_whose_hashes_are_correlated(
    window: int | None, templates: float, strength: float, clips: float, distance: int
) -> None:
    made = library(11, 6000, templates=templates, strength=strength, clips=clips)
    by_diagonals = all_pairs(made.phash, made.duration, distance=distance, window=window, method="diagonals")
    by_bands = all_pairs(made.phash, made.duration, distance=distance, window=window, method="bands")
    assert len(by_diagonals.left) > 300
    assert rows(by_diagonals) == rows(by_bands)


def test_every_deal_of_the_bits_finds_the_same() -> None:
    made = library(12, 5000)
    unique = np.unique(made.phash)
    found = []
    for seed in range(3):
        deal = tuple(np.random.default_rng(seed).permutation(64).tolist())
        plan = phash_bands.BandPlan(deal, band_shares(8), 0.0)
        nodes = [np.stack((left, right)) for left, right, _ in phash_bands.band_pairs(unique, plan, 8)]
        pairs = np.sort(np.concatenate(nodes, axis=1), axis=0).T.tolist()
        found.append(sorted(map(tuple, pairs)))
        assert len(set(found[-1])) == len(found[-1])
    assert found[0] and found[0] == found[1] == found[2]


@pytest.mark.parametrize("distance", range(65))
def test_the_shares_of_the_bands_leave_no_pair_out(distance: int) -> None:
    shares = band_shares(distance)
    assert len(shares) == len(WIDTHS) and sum(WIDTHS) == 64
    # a pair that no band finds differs in at least its share and one more bit, in each band
    assert sum(share + 1 for share in shares) == distance + 1


def test_copies_of_one_hash_are_pairs_of_each_other_and_of_all_neighbours() -> None:
    phash = np.array([7, 7, 6, 7, 6, 2**63], np.uint64)
    for method in METHODS:
        found = rows(all_pairs(phash, distance=1, method=method))
        assert found == [(i, j, int(phash[i] != phash[j]), -1) for i, j in combinations(range(5), 2)]


def test_planted_copies_are_found() -> None:
    made = library(13, 20_000)
    found = all_pairs(made.phash, made.duration, distance=8, window=1000)
    pairs = set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert len(made.copies) > 2000
    assert {tuple(pair) for pair in made.copies.tolist()} <= pairs


def test_an_unknown_duration_is_within_no_window() -> None:
    phash = np.array([5, 5, 5], np.uint64)
    duration = np.array([UNKNOWN_DURATION, UNKNOWN_DURATION, 10], np.int64)
    assert rows(all_pairs(phash, duration, window=1 << 40)) == []
    assert [row[3] for row in rows(all_pairs(phash, duration))] == [UNKNOWN_DURATION] * 3


def test_pairs_are_handed_out_in_chunks() -> None:
    phash = np.full(3000, 12345, np.uint64)
    chunks = list(find_pairs(phash))
    assert len(chunks) > 5
    assert max(len(chunk.left) for chunk in chunks) <= phash_pairs.CHUNK + phash_bands._EXPANDED
    assert sum(len(chunk.left) for chunk in chunks) == 3000 * 2999 // 2


def test_no_hashes_have_no_pairs() -> None:
    for method in METHODS:
        for size in (0, 1):
            phash, duration = np.zeros(size, np.uint64), np.zeros(size, np.int64)
            assert rows(all_pairs(phash, duration, window=1, method=method)) == []
            assert rows(all_pairs(phash, method=method)) == []


def test_what_does_not_fit_is_refused() -> None:
    phash, two = np.array([1, 2], np.uint64), np.array([1, 2], np.int64)
    with pytest.raises(ValueError, match="uint64"):
        all_pairs(two)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs durations"):
        all_pairs(phash, window=1)
    with pytest.raises(ValueError, match="needs groups"):
        all_pairs(phash, scope="across")
    with pytest.raises(ValueError, match="as many"):
        all_pairs(phash, two[:1])
    with pytest.raises(ValueError, match="duration is"):
        all_pairs(phash, two - 5, window=1)
    with pytest.raises(ValueError, match="from 0 to 64"):
        all_pairs(phash, distance=65)


def test_ranges_are_expanded_whole_and_in_order() -> None:
    starts, counts = np.array([4, 0, 9, 2], np.int32), np.array([3, 0, 1, 2], np.int32)
    with patch.object(phash_bands, "_EXPANDED", 2):
        chunks = list(expand(starts, counts))
    assert [index.tolist() for index, _ in chunks] == [[0, 0, 0], [2], [3, 3]]
    assert [position.tolist() for _, position in chunks] == [[4, 5, 6], [9], [2, 3]]
