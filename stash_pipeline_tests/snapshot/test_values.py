"""Conversion of stored values, as the server does it."""

import json
from datetime import datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.stash.snapshot import catalogue, values


def spelled(moment: datetime, ahead: int, years: int) -> str:
    """A local time, shifted to years that Python does not support, and its offset in minutes."""
    sign, minutes = "-" if ahead < 0 else "+", abs(ahead)
    offset = f"{sign}{minutes // 60:02}:{minutes % 60:02}" if ahead else "Z"
    return f"{moment.year - years:04}{moment:-%m-%dT%H:%M:%S}{offset}"


@given(st.integers(-14 * 60, 14 * 60), st.integers(-(10**6), 10**6))
def test_only_the_first_second_of_year_1_is_an_unset_time(ahead: int, seconds: int) -> None:
    # 2000 years later the calendar is the same
    local = datetime(2001, 1, 1) + timedelta(minutes=ahead, seconds=seconds)
    text = spelled(local, ahead, 2000)
    assert (values.set_time(text) is None) == (seconds == 0)
    if seconds == 0:
        assert values.set_time(text.replace("Z", ".5Z")) is not None or not text.endswith("Z")


@pytest.mark.parametrize("stored", ["", "yesterday", "0001-01-01 00:00:00", "2024-02-30T10:00:00Z"])
def test_an_unset_time_is_none(stored: str) -> None:
    assert values.set_time(stored) is None


NUMBERS = {
    # what JSON has of it, as the server spells it
    1.0: b"1",
    -3.0: b"-3",
    1.5: b"1.5",
    1e-07: b"1e-07",
    9007199254740993.0: b"9007199254740992",
    12345678901234567890.0: b"12345678901234567000",
    -9.223372036854776e18: b"-9223372036854776000",
    1.5e20: b"150000000000000000000",
    1e21: b"1e+21",
    -0.0: b"-0",
}


@pytest.mark.parametrize("stored", NUMBERS)
def test_numbers_equal_those_in_the_server_s_json(stored: float) -> None:
    told = orjson.loads(NUMBERS[stored])
    assert orjson.dumps(values.json_value(stored)) == orjson.dumps(told)


def test_a_saved_filter_has_the_server_s_numbers() -> None:
    stored = '{"big": 9007199254740993, "whole": 2.0, "part": 1.5, "far": 1e400, "deep": [{"n": 12345678901234567890}]}'
    found = catalogue._read_json(stored)
    assert json.loads(orjson.dumps(found)) == {
        "big": 9007199254740992, "whole": 2, "part": 1.5, "far": None, "deep": [{"n": 12345678901234567000}],
    }  # fmt: skip
    assert orjson.dumps(found["whole"]) == b"2"
    for stored in ("", "null", "[1]", "NaN", '{"a": NaN}', "{"):
        assert catalogue._read_json(stored) is None
