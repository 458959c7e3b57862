"""Wall clocks: how stamps are read, and what they are compared with."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.warehouse.raw.watermarks import moment_of, wall_clock

PARIS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-20T19:04:48+01:00", datetime(2026, 11, 20, 18, 4, 48, tzinfo=timezone.utc)),
        ("2026-11-20T19:04:48Z", datetime(2026, 11, 20, 19, 4, 48, tzinfo=timezone.utc)),
        ("2026-11-20T19:04:48.123456789Z", datetime(2026, 11, 20, 19, 4, 48, tzinfo=timezone.utc)),
        ("2026-11-20T19:04:48.5-07:00", datetime(2026, 11, 21, 2, 4, 48, tzinfo=timezone.utc)),
        ("2026-11-20T19:04:48", None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_timestamp_is_parsed_to_its_instant(stamp: str | None, expected: datetime | None) -> None:
    assert moment_of(stamp) == expected


def test_the_offset_of_a_timestamp_is_kept() -> None:
    moment = moment_of("2026-11-20T19:04:48.1-07:00")
    assert moment is not None and moment.utcoffset() == timedelta(hours=-7)


def test_changes_are_requested_from_the_server_s_wall_clock_minus_the_overlap() -> None:
    moment = datetime(2026, 11, 20, 18, 4, 48, tzinfo=timezone.utc)
    assert wall_clock(moment, PARIS, timedelta(hours=2)) == "2026-11-20T17:04:48"
    assert wall_clock(moment.astimezone(timezone(timedelta(hours=9))), PARIS, timedelta(0)) == "2026-11-20T19:04:48"


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(timezone.utc)),
    st.integers(0, 7200),
    st.sampled_from([-12, -7, 0, 1, 2, 14]),
)
def test_no_timestamp_within_the_overlap_sorts_before_it_as_text(moment: datetime, late: int, hours: int) -> None:
    """The server compares texts: one with an offset is greater than the same second without."""
    zone = timezone(timedelta(hours=hours))
    stamped = (moment - timedelta(seconds=late)).astimezone(zone).replace(microsecond=0).isoformat()
    assert stamped > wall_clock(moment, timedelta(hours=hours), timedelta(hours=2, seconds=1))
