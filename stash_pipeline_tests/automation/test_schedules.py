"""The schedules: each instance has its turn, once, by its own clocks."""

import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stash_pipeline.automation import requests
from stash_pipeline.automation.due import (
    TICK,
    Timetable,
    last_sweep,
    next_due,
    next_reconcile,
    next_sweep,
    reconcile_due,
    sweep_due,
    sweep_missed,
    tick_of,
)
from stash_pipeline.definitions import defs
from stash_pipeline.instances import Instance, add_instance, edit_instance
from stash_pipeline.partitions import keep_in_step
from stash_pipeline.settings import WEEKDAYS, load_settings, settings_in_use
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.runs import end_run, start_run
from stash_pipeline_tests.automation.servers import run_of
from stash_pipeline_tests.ports import free_port

WEEK = timedelta(days=7)
FIRST = str(UUID(int=0))

# half hours, changes of 30 and of 60 minutes, at midnight, on both halves of the earth, and none
ZONES = [
    "UTC", "Europe/Paris", "Europe/Lisbon", "America/New_York", "America/St_Johns", "America/Havana", "Asia/Kolkata",
    "Asia/Kathmandu", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Apia",
    "Africa/Casablanca",
]  # fmt: skip

moments = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(timezone.utc))
timetables = st.builds(
    Timetable,
    st.uuids().map(str),
    st.sampled_from(ZONES).map(ZoneInfo),
    st.integers(5, 3000),
    st.sampled_from(WEEKDAYS),
    st.integers(0, 23),
)


def ticks(since: datetime, length: timedelta) -> list[datetime]:
    return [tick_of(since) + number * TICK for number in range(length // TICK)]


# -- when something is due -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(timetables, moments)
def test_a_reconcile_is_due_exactly_so_often(timetable: Timetable, since: datetime) -> None:
    due = [tick for tick in ticks(since, WEEK) if reconcile_due(timetable, tick)]
    period = timetable.period
    assert timedelta(0) <= period - timedelta(minutes=timetable.reconcile_minutes) < TICK
    assert WEEK // period <= len(due) <= WEEK // period + 1
    assert {later - earlier for earlier, later in zip(due, due[1:], strict=False)} <= {period}
    # the seconds that a tick is late make no difference
    assert all(reconcile_due(timetable, tick + timedelta(seconds=299)) for tick in due)


@settings(deadline=None, max_examples=40)
@given(timetables, moments)
@example(Timetable(FIRST, ZoneInfo("Europe/Paris"), sweep_hour=2), datetime(2026, 3, 26, tzinfo=timezone.utc))
@example(Timetable(FIRST, ZoneInfo("Europe/Paris"), sweep_hour=2), datetime(2026, 10, 22, tzinfo=timezone.utc))
# a Friday that the zone left out
@example(Timetable(FIRST, ZoneInfo("Pacific/Apia"), 60, "friday"), datetime(2011, 12, 28, tzinfo=timezone.utc))
def test_a_sweep_is_due_exactly_once_in_a_week_of_its_zone(timetable: Timetable, moment: datetime) -> None:
    zone = timetable.zone
    assert zone is not None
    here = moment.astimezone(zone).date()
    monday = here - timedelta(days=here.weekday())
    begins, ends = (midnight(day, zone) for day in (monday, monday + WEEK))
    due = [tick for tick in ticks(begins, ends - begins) if sweep_due(timetable, tick)]
    assert len(due) == 1
    local = due[0].astimezone(zone)
    wanted = datetime.combine(local.date(), datetime.min.time()) + timedelta(hours=timetable.sweep_hour)
    late = local.replace(tzinfo=None) - wanted - timetable.offset
    if (timetable.sweep_weekday, f"{due[0]:%F}") == ("friday", "2011-12-30") and zone == ZoneInfo("Pacific/Apia"):
        return
    assert WEEKDAYS[local.weekday()] == timetable.sweep_weekday
    # of an hour that is left out comes the next one
    assert timedelta(0) <= late <= timedelta(hours=1)


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(timezone.utc)


@pytest.mark.parametrize(
    ("week", "hour", "utc"),
    [
        # 02:00 is left out: 03:00 summer time
        ("2026-03-23", 2, "2026-03-29 01:00"),
        ("2026-03-23", 4, "2026-03-29 02:00"),
        # 02:00 comes twice: the first
        ("2026-10-19", 2, "2026-10-25 00:00"),
        ("2026-10-19", 4, "2026-10-25 03:00"),
    ],
)
def test_the_sweep_when_the_clocks_are_changed(week: str, hour: int, utc: str) -> None:
    timetable = Timetable(FIRST, ZoneInfo("Europe/Paris"), sweep_hour=hour)
    since = datetime.fromisoformat(week).replace(tzinfo=timezone.utc)
    due = [tick for tick in ticks(since, WEEK) if sweep_due(timetable, tick)]
    assert [f"{tick:%Y-%m-%d %H:%M}" for tick in due] == [utc]


@settings(deadline=None, max_examples=40)
@given(timetables, moments)
def test_what_is_said_to_be_next_is_next(timetable: Timetable, moment: datetime) -> None:
    reconcile, sweep = next_due(timetable, moment)
    assert reconcile_due(timetable, reconcile) and sweep_due(timetable, sweep)
    assert tick_of(moment) < reconcile <= tick_of(moment) + timetable.period
    assert not any(reconcile_due(timetable, tick) for tick in ticks(moment + TICK, reconcile - tick_of(moment) - TICK))
    assert last_sweep(timetable, moment) <= moment < sweep
    assert next_sweep(timetable, last_sweep(timetable, moment)) == sweep
    assert next_reconcile(timetable, reconcile - TICK) == reconcile


@given(st.uuids().map(str))
def test_the_offset_is_fixed_and_a_multiple_of_the_tick_below_an_hour(uuid: str) -> None:
    offset = Timetable(uuid).offset
    assert offset == Timetable(uuid).offset and not offset % TICK and timedelta(0) <= offset < timedelta(hours=1)


def test_instances_are_spread_over_the_hour() -> None:
    some = [Timetable(str(uuid4())) for _ in range(400)]
    assert len({timetable.offset for timetable in some}) == 12
    one, other = (Timetable(str(UUID(int=number))) for number in (1, 2))
    day = ticks(datetime(2026, 5, 4, tzinfo=timezone.utc), timedelta(days=1))
    due = [{tick for tick in day if reconcile_due(timetable, tick)} for timetable in (one, other)]
    assert [len(found) for found in due] == [24, 24] and not due[0] & due[1]


def test_without_a_zone_it_is_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    after = datetime(2026, 7, 1, tzinfo=timezone.utc)
    try:
        for zone in ("America/Denver", "Asia/Tokyo"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            uuid = str(uuid4())
            assert next_sweep(Timetable(uuid), after) == next_sweep(Timetable(uuid, ZoneInfo(zone)), after)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_missed_sweep_is_made_good_within_the_day_and_not_again_and_again() -> None:
    timetable = Timetable(FIRST, ZoneInfo("UTC"))
    sweep = datetime(2026, 5, 10, 4, tzinfo=timezone.utc)
    long_ago, hour = sweep - 3 * WEEK, timedelta(hours=1)
    assert not sweep_missed(timetable, sweep, long_ago, None, None), "it is due"
    assert sweep_missed(timetable, sweep + TICK, long_ago, None, None)
    assert sweep_missed(timetable, sweep + 20 * hour, long_ago, sweep - WEEK, sweep - WEEK)
    assert not sweep_missed(timetable, sweep + 21 * hour, long_ago, sweep - WEEK, sweep - WEEK)
    assert not sweep_missed(timetable, sweep + 2 * hour, long_ago, sweep + TICK, sweep + TICK), "it was made"
    assert not sweep_missed(timetable, sweep + hour, long_ago, None, sweep + TICK), "it failed a moment ago"
    assert sweep_missed(timetable, sweep + 2 * hour, long_ago, None, sweep + TICK)
    assert not sweep_missed(timetable, sweep + hour, sweep + TICK, None, None), "it was registered later"


# -- what the schedules ask for ------------------------------------------------------------------------------


class Instances:
    """Registered instances that nobody asks, and ticks of the schedules."""

    def __init__(self, dagster: dg.DagsterInstance, warehouse: str, home: Path) -> None:
        self.dagster = dagster
        self.warehouse = warehouse
        self.home = home

    def add(self, name: str, offset: int = 0, zone: str | None = "UTC") -> Instance:
        """With a uuid of this offset in ticks, registered long ago."""
        with connect(self.warehouse) as connection:
            added = add_instance(connection, name, f"http://127.0.0.1:{free_port()}", home=self.home, timezone=zone)
            connection.execute(
                "UPDATE ops.instances SET uuid = %s, created_at = '2020-01-01Z' WHERE id = %s",
                [UUID(int=12 * added.id + offset), added.id],
            )
        return added

    def tick(self, schedule: str, at: str) -> ScheduleExecutionData:
        moment = datetime.fromisoformat(at).replace(tzinfo=timezone.utc)
        with dg.build_schedule_context(
            instance=self.dagster, scheduled_execution_time=moment, repository_def=defs.get_repository_def()
        ) as context:
            return defs.resolve_schedule_def(schedule).evaluate_tick(context)

    def asked(self, schedule: str, at: str) -> list[str]:
        return sorted(request.partition_key or "" for request in self.tick(schedule, at).run_requests or [])

    def swept(self, instance: Instance, at: str, error: str | None = None, kinds: Iterable[str] = BY_NAME) -> None:
        """A sweep that began then."""
        with connect(self.warehouse) as connection:
            run_id = start_run(connection, instance.id, dagster_run_id=None, mode="sweep", lane="graphql")
            end_run(connection, run_id, error=error, entities={kind: {} for kind in kinds})
            connection.execute("UPDATE ops.sync_runs SET started_at = %s WHERE id = %s", [at + "Z", run_id])


@pytest.fixture
def instances(dagster: dg.DagsterInstance, warehouse: str, home: Path) -> Iterator[Instances]:
    """Two, whose turns differ by ten minutes."""
    made = Instances(dagster, warehouse, home)
    made.add("home", 1)
    made.add("attic", 3)
    keep_in_step(dagster, ["home", "attic"])
    yield made


def test_an_instance_is_reconciled_at_its_turn(instances: Instances) -> None:
    # a Monday
    assert instances.asked("reconcile_schedule", "2026-05-04 10:00") == []
    (request,) = instances.tick("reconcile_schedule", "2026-05-04 10:05").run_requests or []
    assert request.partition_key == "home" and request.tags["dagster/partition"] == "home"
    assert request.run_config == {"ops": {"mirror": {"config": {"mode": "reconcile"}}}}
    assert request.tags["stash_pipeline/mode"] == "reconcile"
    assert request.tags["stash_pipeline/asked_by"] == "reconcile_schedule"
    assert request.tags["stash_pipeline/why"] == "its turn"
    assert instances.asked("reconcile_schedule", "2026-05-04 10:10") == []
    assert instances.asked("reconcile_schedule", "2026-05-04 10:15") == ["attic"]
    assert instances.asked("reconcile_schedule", "2026-05-04 11:05") == ["home"]


def test_two_in_one_tick_are_two_requests_with_keys_of_their_own(instances: Instances) -> None:
    instances.add("third", 1)
    keep_in_step(instances.dagster, ["home", "attic", "third"])
    found = instances.tick("reconcile_schedule", "2026-05-04 10:05").run_requests or []
    assert {(request.partition_key, request.run_key) for request in found} == {("home", "home"), ("third", "third")}


def test_a_tick_with_nothing_due_says_when_there_is(instances: Instances) -> None:
    said = instances.tick("reconcile_schedule", "2026-05-04 10:00").skip_message or ""
    moment = datetime(2026, 5, 4, 10, 5, tzinfo=timezone.utc).astimezone()
    assert said == f"the next one is due on home at {moment:%Y-%m-%d %H:%M %Z}"
    assert "the next one is due on home at 2026-05-10" in (
        instances.tick("sweep_schedule", "2026-05-04 10:00").skip_message or ""
    )


def test_the_settings_say_how_often(instances: Instances) -> None:
    with settings_in_use(
        load_settings(database_url=instances.warehouse, reconcile_minutes=120, sweep_weekday="Wednesday", sweep_hour=22)
    ):
        hours = [f"2026-05-04 {hour:02}:05" for hour in range(10, 16)]
        assert sum(instances.asked("reconcile_schedule", hour) == ["home"] for hour in hours) == 3
        assert instances.asked("sweep_schedule", "2026-05-06 22:05") == ["home"]


def test_the_sweep_is_weekly_by_the_clocks_of_the_instance(instances: Instances) -> None:
    with connect(instances.warehouse) as connection:
        edit_instance(connection, "attic", home=instances.home, timezone="America/Denver")
    # a Sunday
    (request,) = instances.tick("sweep_schedule", "2026-05-10 04:05").run_requests or []
    assert request.partition_key == "home" and request.tags["stash_pipeline/asked_by"] == "sweep_schedule"
    assert request.run_config == {"ops": {"mirror": {"config": {"mode": "sweep"}}}}
    (request,) = [
        found
        for found in instances.tick("sweep_schedule", "2026-05-10 10:15").run_requests or []
        if found.tags["stash_pipeline/why"] == "its turn"
    ]
    assert request.partition_key == "attic"


def test_where_a_sweep_is_due_no_reconcile_is(instances: Instances) -> None:
    assert instances.asked("sweep_schedule", "2026-05-10 04:05") == ["home"]
    assert instances.asked("reconcile_schedule", "2026-05-10 04:05") == []
    assert instances.asked("reconcile_schedule", "2026-05-10 05:05") == ["home"]


def test_a_missed_sweep_is_asked_for_until_there_was_one(instances: Instances, warehouse: str) -> None:
    home, attic = instances.add("cabin", 1), instances.add("cellar", 1)
    keep_in_step(instances.dagster, ["cabin", "cellar"])
    with connect(warehouse) as connection:
        connection.execute("DELETE FROM ops.instances WHERE name IN ('home', 'attic')")
    data = instances.tick("sweep_schedule", "2026-05-10 09:00")
    assert [request.tags["stash_pipeline/why"] for request in data.run_requests or []] == ["missed at its turn"] * 2
    instances.swept(home, "2026-05-10 07:00", kinds=["tags"])
    data = instances.tick("sweep_schedule", "2026-05-10 09:00")
    assert len(data.run_requests or []) == 2, "a sweep of some kinds is none"
    instances.swept(home, "2026-05-10 09:00")
    instances.swept(attic, "2026-05-10 09:00", error="it was off")
    assert instances.asked("sweep_schedule", "2026-05-10 09:05") == []
    assert instances.asked("sweep_schedule", "2026-05-10 10:05") == ["cellar"]
    assert instances.asked("sweep_schedule", "2026-05-11 04:05") == []


@pytest.mark.parametrize("schedule", ["reconcile_schedule", "sweep_schedule"])
def test_nothing_is_asked_for_where_a_run_is_unfinished(instances: Instances, schedule: str) -> None:
    run = run_of(instances.dagster, "home", dg.DagsterRunStatus.QUEUED)
    hour = "2026-05-10 04:05" if schedule == "sweep_schedule" else "2026-05-10 10:05"
    data = instances.tick(schedule, hour)
    assert not data.run_requests and "home is being refreshed" in (data.skip_message or "")
    instances.dagster.report_run_canceled(run)
    assert instances.asked(schedule, hour) == ["home"]


def test_disabled_instances_and_those_without_partition_have_no_turn(instances: Instances, warehouse: str) -> None:
    keep_in_step(instances.dagster, ["attic"])
    said = instances.tick("reconcile_schedule", "2026-05-04 10:05").skip_message or ""
    assert "home has no partition yet" in said
    with connect(warehouse) as connection:
        edit_instance(connection, "attic", home=instances.home, enabled=False)
        edit_instance(connection, "home", home=instances.home, enabled=False)
    assert instances.tick("reconcile_schedule", "2026-05-04 10:15").skip_message == "There is no enabled instance."


def test_a_zone_that_is_not_known_any_more_hides_no_other_instance(instances: Instances, warehouse: str) -> None:
    with connect(warehouse) as connection:
        connection.execute("UPDATE ops.instances SET timezone = 'Mars/Olympus' WHERE name = 'home'")
    assert instances.asked("reconcile_schedule", "2026-05-04 10:15") == ["attic"]
    said = instances.tick("reconcile_schedule", "2026-05-04 10:05").skip_message or ""
    assert "home has no turn: There is no time zone 'Mars/Olympus'" in said


@pytest.mark.parametrize("schedule", ["reconcile_schedule", "sweep_schedule"])
def test_without_the_database_a_tick_is_skipped_with_a_sentence(
    instances: Instances, schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = load_settings(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    # for us only: Dagster's own storage is in the same database
    monkeypatch.setattr(requests, "get_settings", lambda: gone)
    said = instances.tick(schedule, "2026-05-10 04:05").skip_message or ""
    assert said.startswith("The database cannot be reached")


@pytest.mark.parametrize("schedule", ["reconcile_schedule", "sweep_schedule"])
def test_the_schedules_are_on_from_the_start(schedule: str) -> None:
    found = defs.resolve_schedule_def(schedule)
    assert found.default_status is dg.DefaultScheduleStatus.RUNNING
    assert found.job_name == "refresh" and found.description and found.cron_schedule == "*/5 * * * *"
