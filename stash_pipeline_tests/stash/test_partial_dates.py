"""Partial dates: the functions in the database agree with Python's calendar."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.examples import examples

NEAR = st.one_of(
    st.dates().map(str),
    st.dates().map(lambda day: str(day)[:7]),
    st.dates().map(lambda day: str(day)[:4]),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{2}", fullmatch=True),
    st.from_regex(r"[0-9]{3,5}(-[0-9]{1,3}){0,3}", fullmatch=True),
    st.from_regex(r"(19|20)[0-9]{2}-(0[0-9]|1[0-3])-(2[89]|3[0-2]|0[01])", fullmatch=True),
    st.from_regex(r"\A[+ -]?\d{4}-\d{2}(-\d{2})?[ T\n]?", fullmatch=False),
    st.text(alphabet="0123456789-٠١２３ \n", max_size=11),
)


def by_calendar(text: str) -> tuple[str | None, date | None]:
    match = re.fullmatch(r"([0-9]{4})(-([0-9]{2})(-([0-9]{2}))?)?", text)
    if match is None:
        return None, None
    year, month, day = match[1], match[3], match[5]
    try:
        first = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None, None
    return "day" if day else "month" if month else "year", first


@pytest.fixture(scope="module")
def connection(postgres: str, _template: str) -> Iterator[psycopg.Connection[Any]]:
    url = create_database(postgres, "partial_dates", _template)
    with connect(url) as opened:
        yield opened
    drop_database(postgres, "partial_dates")


def in_database(connection: psycopg.Connection[Any], text: str | None) -> tuple[Any, ...]:
    row = connection.execute("SELECT stash.date_precision(%(t)s), stash.partial_date(%(t)s)", {"t": text}).fetchone()
    assert row is not None
    return tuple(row)


def all_in_database(connection: psycopg.Connection[Any], texts: list[str]) -> dict[str, tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT t, stash.date_precision(t), stash.partial_date(t) FROM unnest(%s::text[]) AS t", [texts]
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


# 400 texts in few queries
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NEAR.filter(lambda text: "\x00" not in text), min_size=20, max_size=20))
def test_the_database_and_the_calendar_agree(connection: psycopg.Connection[Any], texts: list[str]) -> None:
    assert all_in_database(connection, texts) == {text: by_calendar(text) for text in texts}


def test_every_valid_and_invalid_day_of_some_years_is_parsed(connection: psycopg.Connection[Any]) -> None:
    texts = [
        f"{year:04}-{month:02}-{day:02}"
        for year in (0, 1, 4, 1582, 1900, 2000, 2023, 2024, 9999)
        for month in range(14)
        for day in range(33)
    ]
    assert all_in_database(connection, texts) == {text: by_calendar(text) for text in texts}


def test_null_has_no_date(connection: psycopg.Connection[Any]) -> None:
    assert in_database(connection, None) == (None, None)


def test_date_functions_do_not_depend_on_the_database_collation(
    connection: psycopg.Connection[Any],
) -> None:
    r"""Under ICU the class \d has the digits of all scripts, which no cast to an integer takes."""
    for name in ("date_precision", "partial_date"):
        row = connection.execute(f"SELECT pg_get_functiondef('stash.{name}(text)'::regprocedure)").fetchone()
        assert row is not None
        assert "\\d" not in row[0] and "[:digit:]" not in row[0]
