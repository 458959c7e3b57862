"""How often a server is asked and compared follows from what was measured."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.sync.cadence import Compared, allowance, asking, balance, due, typical_seconds
from stash_pipeline_tests.examples import examples

NOW = datetime(2026, 5, 4, 10, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def compared(seconds: float, **more: Any) -> Compared:
    """An instance that was compared just now, with the whole allowance left."""
    return Compared(NOW, seconds, lane="snapshot", **more)


def after(known: Compared, settings: Settings | None = None) -> float:
    """Seconds until it is compared again."""
    return (due(known, settings or load_settings(), NOW).at - NOW).total_seconds()


@pytest.mark.parametrize(("seconds", "expected"), [(0.1, 60), (0.6, 60), (0.74, 74), (5, 500), (36, 3600), (500, 3600)])
def test_the_interval_keeps_the_share_between_the_shortest_and_the_longest(seconds: float, expected: float) -> None:
    assert after(compared(seconds)) == pytest.approx(expected)


def test_the_share_and_the_limits_are_settings() -> None:
    assert after(compared(1), load_settings(reconcile_share_percent=10)) == 60
    assert after(compared(1), load_settings(reconcile_share_percent=10, reconcile_seconds=10)) == 10
    assert after(compared(100), load_settings(reconcile_minutes=15)) == 900
    assert after(compared(0.1), load_settings(reconcile_minutes=15, reconcile_share_percent=0)) == 900
    assert after(compared(0.1), load_settings(reconcile_minutes=1, reconcile_seconds=300)) == 60
    for wrong in ({"reconcile_minutes": 0}, {"reconcile_minutes": 1441}, {"reconcile_share_percent": -1}):
        with pytest.raises(UserError, match="STASH_PIPELINE_RECONCILE"):
            load_settings(**wrong)


def test_what_takes_long_is_a_run() -> None:
    assert due(compared(19), load_settings(), NOW).by == "comparison"
    assert due(compared(21), load_settings(), NOW).by == "run"


def test_the_reason_has_the_figures() -> None:
    plan = due(compared(0.74, blocked=0.5), load_settings(), NOW)
    assert plan.reason == (
        "a comparison by snapshot takes 0.74 s (0.50 s of them the server cannot write), 1 % of the time"
    )
    assert "less than 1 % of the shortest interval" in due(compared(0.1), load_settings(), NOW).reason
    assert "or more of the longest interval" in due(compared(90), load_settings(), NOW).reason


def test_a_spent_allowance_delays_the_next_comparison_but_not_beyond_the_longest_interval() -> None:
    left = compared(0.5, balance=10.0, balance_at=NOW)
    assert after(left) == 60
    # 20 s of reconciles: -9.4 s after a minute, so 9.9 s are missing
    spent = compared(0.5, balance=10.0, balance_at=NOW, spent=20.0)
    assert after(spent) == pytest.approx(60 + 990)
    assert "more than 1 % of the time" in due(spent, load_settings(), NOW).reason
    assert after(compared(0.5, balance=-500.0, balance_at=NOW)) == 3600


def test_a_failed_comparison_is_repeated_later_and_later() -> None:
    assert [after(compared(0.5, failures=n)) for n in (1, 2, 3, 20)] == [60, 120, 240, 3600]


def test_an_instance_that_was_never_compared_is_due() -> None:
    assert due(Compared(), load_settings(), NOW).at == NOW


@property_settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.tuples(st.floats(0.01, 60), st.booleans()), min_size=1, max_size=30))
def test_comparisons_and_reconciles_never_take_more_than_the_share(costs: list[tuple[float, bool]]) -> None:
    """Whatever a comparison takes, and whether it leads to a reconcile: over any time, the share and one allowance."""
    settings = load_settings()
    now, used = NOW, 0.0
    known = Compared(NOW, None, balance=allowance(settings), balance_at=NOW)
    for cost, found in costs:
        plan = due(known, settings, now)
        forced = (plan.at - known.at).total_seconds() >= 3600 if known.at else False
        now = max(plan.at, now)
        left = balance(known, settings, now) - cost
        used += cost + (cost if found else 0)
        known = Compared(
            now, known.seconds if found else typical_seconds(known.seconds, cost),
            balance=left, balance_at=now, spent=cost if found else 0.0,
        )  # fmt: skip
        if forced:
            # at the longest interval it is compared whatever it costs
            return
        # it started with the balance of a typical one, so no more than this one exceeds it
        assert used <= allowance(settings) + 0.01 * (now - NOW).total_seconds() + 2 * cost


def test_a_shorter_comparison_counts_at_once_and_a_longer_one_gradually() -> None:
    assert typical_seconds(None, 3.0) == 3.0
    assert typical_seconds(3.0, 0.5) == 0.5
    assert typical_seconds(0.5, 3.0) == pytest.approx(1.0)


def test_fast_servers_are_asked_every_five_seconds() -> None:
    settings = load_settings()
    assert asking([], settings).seconds == 30
    assert asking([12, 500, 9, 11, 10], settings).seconds == 5, "one slow answer changes nothing"
    assert asking([30] * 5, settings).seconds == 30
    assert asking([30] * 5, settings, before=5).seconds == 5, "not to and fro"
    assert asking([45] * 5, settings, before=5).seconds == 30
    assert asking([1] * 5, load_settings(fast_answer_milliseconds=0)).seconds == 30
    assert asking([900] * 5, load_settings(changes_seconds=5)).seconds == 5
