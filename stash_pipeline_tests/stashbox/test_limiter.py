"""The limiter: one for all threads and processes on a database. Rates are tested on the reserved slots."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stash_pipeline.stashbox.errors import (
    BudgetExhaustedError,
    EndpointDisabledError,
    RequestCancelledError,
    StashBoxPausedError,
)
from stash_pipeline.stashbox_registry import add_endpoint, edit_endpoint, get_endpoint, remove_endpoint
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.ops.request_limiter import RequestLimiter, budget_use
from stash_pipeline_tests.examples import examples

RESERVE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from stash_pipeline.warehouse.ops.request_limiter import RequestLimiter
limiter = RequestLimiter(sys.argv[1], int(sys.argv[2]))
with ThreadPoolExecutor(8) as pool:
    slots = list(pool.map(lambda _: limiter.reserve().at.isoformat(), range(int(sys.argv[3]))))
limiter.close()
print(json.dumps(slots))
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as opened:
        yield opened


@pytest.fixture
def box(connection: Connection, home: Path) -> int:
    return add_endpoint(connection, "Testbox", "http://box.example", home=home, api_key="a-key-for-tests").id


@pytest.fixture
def limiter(database_url: str, box: int) -> Iterator[RequestLimiter]:
    opened = RequestLimiter(database_url, box)
    yield opened
    opened.close()


def change(connection: Connection, box: int, assignments: str) -> None:
    connection.execute(f"UPDATE ops.stashbox_endpoints SET {assignments} WHERE id = %s", [box])


def gaps(slots: list[datetime]) -> list[float]:
    ordered = sorted(slots)
    return [(after - before).total_seconds() for before, after in zip(ordered, ordered[1:], strict=False)]


@pytest.mark.parametrize("per_minute", [240, 120, 7, 1])
def test_slots_are_a_minute_divided_by_the_rate_apart(
    limiter: RequestLimiter, connection: Connection, box: int, per_minute: int
) -> None:
    change(connection, box, f"requests_per_minute = {per_minute}")
    slots = [limiter.reserve().at for _ in range(20)]
    assert slots == sorted(slots)
    assert min(gaps(slots)) >= 60 / per_minute - 1e-5
    # no burst after a long silence either
    change(connection, box, "next_slot = now() - interval '5 hours'")
    slots = [limiter.reserve().at for _ in range(5)]
    assert min(gaps(slots)) >= 60 / per_minute - 1e-5


def test_threads_and_processes_together_keep_the_rate_and_the_count(
    database_url: str, connection: Connection, box: int
) -> None:
    command = [sys.executable, "-c", RESERVE, database_url, str(box), "40"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    limiter = RequestLimiter(database_url, box)
    with ThreadPoolExecutor(8) as pool:
        slots = list(pool.map(lambda _: limiter.reserve().at, range(40)))
    limiter.close()
    for process in processes:
        out, _ = process.communicate(timeout=120)
        slots += [datetime.fromisoformat(text) for text in json.loads(out)]
    assert len(slots) == len(set(slots)) == 160
    assert min(gaps(slots)) >= 0.5 - 1e-5
    row = connection.execute("SELECT requests_used FROM ops.stashbox_endpoints").fetchone()
    # fewer if a UTC day has begun meanwhile
    assert row is not None and (row[0] == 160 or max(slots).date() != min(slots).date())


def test_a_day_has_no_more_requests_than_its_budget(limiter: RequestLimiter, connection: Connection, box: int) -> None:
    change(connection, box, "requests_per_day = 10, requests_per_minute = 240")

    def reserve(_: int) -> datetime | None:
        try:
            return limiter.reserve().at
        except BudgetExhaustedError:
            return None

    with ThreadPoolExecutor(8) as pool:
        slots = [slot for slot in pool.map(reserve, range(30)) if slot is not None]
    days = {slot.date() for slot in slots}
    assert len(slots) == 10 * len(days)
    use = budget_use(connection, box)
    assert (use.used, use.left) == (10, 0) or len(days) > 1


def test_an_exhausted_budget_says_when_it_renews(limiter: RequestLimiter, connection: Connection, box: int) -> None:
    change(connection, box, "requests_per_day = 1")
    slot = limiter.reserve().at
    with pytest.raises(BudgetExhaustedError, match="boxes edit Testbox --requests-per-day") as exhausted:
        limiter.reserve()
    tomorrow = slot.astimezone(timezone.utc).date() + timedelta(days=1)
    assert exhausted.value.renews_at == datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=timezone.utc)
    # on another day
    change(connection, box, "requests_day = requests_day - 1")
    limiter.reserve()
    change(connection, box, "requests_per_day = NULL")
    limiter.reserve()
    assert budget_use(connection, box).left is None


def test_a_refused_request_takes_no_slot(limiter: RequestLimiter, connection: Connection, box: int) -> None:
    change(connection, box, "requests_per_day = 1")
    limiter.reserve()
    state = "SELECT next_slot, requests_used FROM ops.stashbox_endpoints"
    before = connection.execute(state).fetchone()
    with pytest.raises(BudgetExhaustedError):
        limiter.reserve()
    assert connection.execute(state).fetchone() == before


def paused_until(connection: Connection) -> datetime:
    row = connection.execute("SELECT paused_until FROM ops.stashbox_endpoints").fetchone()
    assert row is not None and isinstance(row[0], datetime)
    return row[0]


def test_a_short_pause_delays_all_and_a_long_one_ends_the_caller(
    database_url: str, limiter: RequestLimiter, connection: Connection, box: int
) -> None:
    other = RequestLimiter(database_url, box)
    other.pause(60)
    end = paused_until(connection)
    assert limiter.reserve().at >= end
    other.pause(1)
    assert paused_until(connection) == end, "a shorter pause does not end a longer one"
    other.pause(1800)
    with pytest.raises(StashBoxPausedError, match="Testbox asked for no requests until") as paused:
        limiter.reserve()
    assert paused.value.until == paused_until(connection) > end
    patient = RequestLimiter(database_url, box, longest_wait=3600)
    assert patient.reserve().at == paused_until(connection)
    for one in (other, patient):
        one.close()


class PausedMeanwhile(RequestLimiter):
    """While it waits for its first slot, another request is told to pause; it waits for no pause."""

    def __init__(self, database_url: str, endpoint_id: int, connection: Connection) -> None:
        super().__init__(database_url, endpoint_id)
        self.connection = connection
        self.ends: list[datetime | None] = []

    def sleep(self, seconds: float) -> None:
        if not self.ends:
            self.pause(60)
            self.ends.append(paused_until(self.connection))
        else:
            self.connection.execute("UPDATE ops.stashbox_endpoints SET paused_until = NULL")
            self.ends.append(None)


def test_a_pause_that_begins_while_a_request_waits_holds_for_it(
    database_url: str, connection: Connection, box: int
) -> None:
    change(connection, box, "next_slot = now() + interval '20 s', requests_per_day = 1")
    limiter = PausedMeanwhile(database_url, box, connection)
    slot = limiter.acquire()
    first, last = limiter.ends
    assert first is not None and slot >= first and last is None
    # counted once, although it reserved a second slot
    assert budget_use(connection, box).used == 1
    limiter.close()


def test_a_clock_that_was_wrong_blocks_nothing(limiter: RequestLimiter, connection: Connection, box: int) -> None:
    change(connection, box, "next_slot = now() + interval '30 days', paused_until = now() + interval '30 days'")
    assert limiter.reserve().seconds <= 0
    first, second = limiter.reserve().at, limiter.reserve().at
    assert timedelta(seconds=0.499) < second - first < timedelta(hours=1)
    limiter.pause(10)
    assert limiter.reserve().at >= paused_until(connection) < first + timedelta(hours=1)


def test_a_disabled_or_removed_box_gets_no_request(
    database_url: str, limiter: RequestLimiter, connection: Connection, home: Path, box: int
) -> None:
    edit_endpoint(connection, "Testbox", home=home, enabled=False)
    with pytest.raises(EndpointDisabledError, match="Testbox was disabled"):
        limiter.reserve()
    test = RequestLimiter(database_url, box, even_if_disabled=True)
    test.reserve()
    remove_endpoint(connection, "Testbox")
    for one in (limiter, test):
        with pytest.raises(EndpointDisabledError, match="removed"):
            one.reserve()
    test.close()


def test_a_waiting_request_can_be_cancelled(limiter: RequestLimiter, connection: Connection, box: int) -> None:
    change(connection, box, "next_slot = now() + interval '1 hour'")
    ended: list[type] = []

    def wait() -> None:
        try:
            limiter.acquire()
        except RequestCancelledError as error:
            ended.append(type(error))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    # of whichever day the time slots are
    count = "SELECT requests_used FROM ops.stashbox_endpoints WHERE id = %s"
    end = time.monotonic() + 60
    while (used := connection.execute(count, [box]).fetchone()) != (3,):
        assert time.monotonic() < end, used
    limiter.cancel()
    for thread in threads:
        thread.join(60)
    assert ended == [RequestCancelledError] * 3
    with pytest.raises(RequestCancelledError):
        limiter.reserve()


def test_a_changed_rate_holds_from_the_next_request_on(
    limiter: RequestLimiter, connection: Connection, home: Path
) -> None:
    limiter.reserve()
    edit_endpoint(connection, "Testbox", home=home, requests_per_minute=6)
    slots = [limiter.reserve().at for _ in range(3)]
    assert min(gaps(slots)) >= 10 - 1e-5


def test_the_limiter_survives_a_lost_connection(limiter: RequestLimiter, connection: Connection) -> None:
    limiter.reserve()
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                       " AND datname = current_database()")  # fmt: skip
    assert limiter.reserve().seconds < 60


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_minute=st.integers(1, 240),
    steps=st.lists(st.one_of(st.just("reserve"), st.floats(0, 100), st.integers(1, 240)), max_size=25),
)
def test_any_sequence_of_pauses_and_rates_keeps_the_slots_apart(
    database_url: str, connection: Connection, limiter: RequestLimiter, box: int, per_minute: int, steps: list[object]
) -> None:
    change(connection, box, f"requests_per_minute = {per_minute}, next_slot = NULL, paused_until = NULL")
    last: datetime | None = None
    rate, paused_until = per_minute, None
    for step in steps:
        if isinstance(step, int):
            change(connection, box, f"requests_per_minute = {step}")
            # the slot after the last one was set by the former rate
            last, rate = None, step
        elif isinstance(step, float):
            limiter.pause(step)
            (paused_until,) = connection.execute("SELECT paused_until FROM ops.stashbox_endpoints").fetchone() or (
                None,
            )
        else:
            slot = limiter.reserve().at
            assert last is None or (slot - last).total_seconds() >= 60 / rate - 1e-5
            assert paused_until is None or slot >= paused_until
            last = slot
    assert get_endpoint(connection, "Testbox").requests_used >= steps.count("reserve")
