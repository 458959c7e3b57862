"""What a long reading says about its rest: few sentences, with the number of requests."""

from stash_pipeline.sync.pace import Pace, duration


def test_a_reading_says_once_a_minute_how_long_the_rest_takes() -> None:
    said: list[str] = []
    now = 0.0
    pace = Pace(said.append, "Lookups", 1_250, lambda: now)
    for _ in range(1_250):
        now += 0.5
        pace.advance()
    assert len(said) == 10
    assert said[0] == "Lookups: 120 of about 1,250 requests are done; the rest takes 9 min."
    assert said[-1] == "Lookups: 1,200 of about 1,250 requests are done; the rest takes less than a minute."


def test_a_short_reading_and_the_end_of_one_say_nothing() -> None:
    said: list[str] = []
    now = 0.0
    pace = Pace(said.append, "Tags", 2, lambda: now)
    pace.advance()
    now = 100.0
    pace.advance()
    # more than expected, because ids were merged
    pace.advance()
    assert said == []


def test_durations_are_said_to_the_minute() -> None:
    assert [duration(seconds) for seconds in (0, 59.9, 60, 3_599, 3_600, 90_000)] == [
        "less than a minute", "less than a minute", "1 min", "1 h 0 min", "1 h 0 min", "25 h 0 min",
    ]  # fmt: skip
