"""Rows of integers that are compared as arrays."""

import random

import numpy as np
import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches.differences import differing, read_rows


@pytest.mark.parametrize(("stored", "made"), [(0, 0), (0, 5), (5, 0), (40, 40), (3, 60)])
def test_differing_rows_are_those_that_only_one_side_has(stored: int, made: int) -> None:
    rng = random.Random(stored + made)
    sides = [
        sorted({(rng.randrange(4), rng.choice((-(2**63), 2**63 - 1, 0, 1)), rng.randrange(6)) for _ in range(size)})
        for size in (stored, made)
    ]
    before, after = (np.array(rows, np.int64).reshape(-1, 3) for rows in sides)
    gone, new = differing(before, after)
    assert {tuple(row) for row in gone.tolist()} == set(sides[0]) - set(sides[1])
    assert {tuple(row) for row in new.tolist()} == set(sides[1]) - set(sides[0])


def test_rows_are_read_as_they_are_stored(database_url: str) -> None:
    with connect(database_url) as connection:
        query = "SELECT * FROM (VALUES (1, -9223372036854775808), (-2147483648, 7::bigint)) AS v(one, other)"
        assert read_rows(connection, query, (4, 8)).tolist() == [[1, -(2**63)], [-(2**31), 7]]
        assert read_rows(connection, f"{query} WHERE false", (4, 8)).shape == (0, 2)
