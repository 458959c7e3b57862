"""Names in the order that servers were observed to use."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.stash.natural_order import natural_key, natural_key_of_v21

ORDERED = [
    ["ab.png", "a_1.png"],
    ["xb.png", "x[1].png"],
    ["éa", "é_1"],
    ["IMGx", "IMG_1"],
    ["2.png", "02.png"],
    ["fj.png", "ﬁ.png"],
    ["part 2", "Part 10", "part 10a"],
    ["a 1", "a1", "A2", "a10", "b"],
    ["1", "01", "001", "2"],
]

ORDERED_IN_V21 = [["a1", "a 1"], ["a", "a1"], ["a1", "a-1"], ["2.png", "02.png"], ["ab.png", "a_1.png"]]


@pytest.mark.parametrize("names", ORDERED, ids=" < ".join)
def test_names_are_sorted_as_servers_do(names: list[str]) -> None:
    for mixed in permutations(names):
        assert sorted(mixed, key=natural_key) == names


@pytest.mark.parametrize("names", ORDERED_IN_V21, ids=" < ".join)
def test_names_are_sorted_as_v0_21_does(names: list[str]) -> None:
    for mixed in permutations(names):
        assert sorted(mixed, key=natural_key_of_v21) == names


@given(st.text("aAsSſkKKßẞıİéÉ_ 019", max_size=12))
def test_case_makes_no_difference(text: str) -> None:
    one_for_one = "".join(c.lower() if len(c.lower()) == 1 and c not in "İI" else c for c in text)
    assert natural_key(one_for_one) == natural_key(text)


@given(st.integers(0, 10**30), st.integers(0, 10**30), st.integers(0, 4))
def test_numbers_are_sorted_by_value(one: int, other: int, zeros: int) -> None:
    keys = natural_key(f"x{one}y"), natural_key(f"X{'0' * zeros}{other}Y")
    if one != other:
        assert (keys[0] < keys[1]) == (one < other)
    else:
        assert (keys[0] == keys[1]) == (zeros == 0)
