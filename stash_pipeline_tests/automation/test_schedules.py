"""Sweeps are due exactly once a week, in the time zone of their instance; schedules tick at their interval."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import islice
from pathlib import Path
from time import tzset
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation import run_requests as requests
from stash_pipeline.automation.sweeps import sweeps_due
from stash_pipeline.definitions import build_defs, defs
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, add_instance, edit_instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.settings import SCHEDULED_MINUTES, WEEKDAYS, get_settings, load_settings, settings_in_use
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.timetable import (
    Timetable,
    cron_of,
    last_sweep,
    next_sweep,
    sweep_due,
)
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.sync_runs import end_run, start_run
from stash_pipeline_tests.automation.servers import run_of
from stash_pipeline_tests.examples import examples
from stash_pipeline_tests.ports import free_port

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)

# half hours, changes of 30 and of 60 minutes, at midnight, on both halves of the earth, and none
ZONES = [
    "UTC", "Europe/Paris", "Europe/Lisbon", "America/New_York", "America/St_Johns", "America/Havana", "Asia/Kolkata",
    "Asia/Kathmandu", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Apia",
    "Africa/Casablanca",
]  # fmt: skip

moments = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(timezone.utc))
timetables = st.builds(
    Timetable,
    st.sampled_from(ZONES).map(ZoneInfo),
    st.sampled_from(WEEKDAYS),
    st.integers(0, 23),
)


def sweeps_between(timetable: Timetable, since: datetime, until: datetime) -> list[datetime]:
    """Sweeps at `since` or later, and before `until`."""
    found = []
    moment = since - timedelta(microseconds=1)
    while (moment := next_sweep(timetable, moment)) < until:
        found.append(moment)
    return found


# -- when something is due -----------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", SCHEDULED_MINUTES)
def test_the_cron_schedule_ticks_at_the_interval(minutes: int) -> None:
    since = datetime(2026, 5, 4, 0, 0, tzinfo=timezone.utc)
    ticks = cron_string_iterator(since.timestamp(), cron_of(minutes), "UTC")
    assert list(islice(ticks, 300)) == [since + timedelta(minutes=minutes) * number for number in range(300)]


@settings(deadline=None, max_examples=examples(40))
@given(timetables, moments)
@example(Timetable(ZoneInfo("Europe/Paris"), sweep_hour=2), datetime(2026, 3, 26, tzinfo=timezone.utc))
@example(Timetable(ZoneInfo("Europe/Paris"), sweep_hour=2), datetime(2026, 10, 22, tzinfo=timezone.utc))
# a Friday that the zone left out
@example(Timetable(ZoneInfo("Pacific/Apia"), "friday"), datetime(2011, 12, 28, tzinfo=timezone.utc))
def test_a_sweep_is_due_exactly_once_a_week_in_its_time_zone(timetable: Timetable, moment: datetime) -> None:
    zone = timetable.zone
    assert zone is not None
    here = moment.astimezone(zone).date()
    monday = here - timedelta(days=here.weekday())
    begins, ends = (midnight(day, zone) for day in (monday, monday + WEEK))
    (due,) = sweeps_between(timetable, begins, ends)
    local = due.astimezone(zone)
    late = local.replace(tzinfo=None) - datetime.combine(local.date(), time(timetable.sweep_hour))
    if (timetable.sweep_weekday, f"{due:%F}") == ("friday", "2011-12-30") and zone == ZoneInfo("Pacific/Apia"):
        return
    assert WEEKDAYS[local.weekday()] == timetable.sweep_weekday
    # of an hour that is left out comes the next one
    assert timedelta(0) <= late <= HOUR


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
def test_a_sweep_is_due_once_across_dst_changes(week: str, hour: int, utc: str) -> None:
    timetable = Timetable(ZoneInfo("Europe/Paris"), sweep_hour=hour)
    since = datetime.fromisoformat(week).replace(tzinfo=timezone.utc)
    due = sweeps_between(timetable, since, since + WEEK)
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in due] == [utc]


@settings(deadline=None, max_examples=examples(40))
@given(timetables, moments)
def test_the_announced_next_sweep_is_the_next_sweep(timetable: Timetable, moment: datetime) -> None:
    sweep = next_sweep(timetable, moment)
    assert last_sweep(timetable, moment) <= moment < sweep
    assert next_sweep(timetable, last_sweep(timetable, moment)) == sweep
    assert last_sweep(timetable, sweep) == sweep


def test_the_default_time_zone_is_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    after = datetime(2026, 7, 1, tzinfo=timezone.utc)
    try:
        for zone in ("America/Denver", "Asia/Tokyo"):
            monkeypatch.setenv("TZ", zone)
            tzset()
            assert next_sweep(Timetable(), after) == next_sweep(Timetable(ZoneInfo(zone)), after)
    finally:
        monkeypatch.undo()
        tzset()


def test_a_missed_sweep_is_retried_within_a_day_but_not_endlessly() -> None:
    timetable = Timetable(ZoneInfo("UTC"))
    sweep = datetime(2026, 5, 10, 4, tzinfo=timezone.utc)
    long_ago, minute = sweep - 3 * WEEK, timedelta(minutes=1)
    assert not sweep_due(timetable, sweep - minute, long_ago, None, None), "that of the week before is forgotten"
    assert sweep_due(timetable, sweep, long_ago, None, None)
    assert sweep_due(timetable, sweep, long_ago, sweep - WEEK, sweep - minute), "what failed before it is no try"
    assert sweep_due(timetable, sweep + 20 * HOUR, long_ago, sweep - WEEK, sweep - WEEK)
    assert not sweep_due(timetable, sweep + 21 * HOUR, long_ago, sweep - WEEK, sweep - WEEK)
    assert not sweep_due(timetable, sweep + 2 * HOUR, long_ago, sweep + minute, sweep + minute), "it was made"
    assert not sweep_due(timetable, sweep + HOUR, long_ago, None, sweep + minute), "it failed a moment ago"
    assert sweep_due(timetable, sweep + 2 * HOUR, long_ago, None, sweep + minute)
    assert not sweep_due(timetable, sweep + HOUR, sweep + minute, None, None), "it was registered later"


def test_an_impossible_interval_is_rejected_with_the_possible_ones() -> None:
    for minutes in (1, 7, 45, 90, 2880):
        with pytest.raises(UserError, match="STASH_PIPELINE_STASHBOX_MINUTES: must be 5, 6, .* 720 or 1440"):
            load_settings(stashbox_minutes=minutes)


# -- what the schedules ask for ------------------------------------------------------------------------------


class Instances:
    """Registered instances without servers, and ticks of the sweep sensor."""

    def __init__(self, dagster: dg.DagsterInstance, warehouse: str, home: Path) -> None:
        self.dagster = dagster
        self.warehouse = warehouse
        self.home = home
        self.cursor: str | None = None
        self.resource = WarehouseResource(get_settings)

    def add(self, name: str, zone: str | None = "UTC") -> Instance:
        """Registers an instance, dated long ago."""
        with connect(self.warehouse) as connection:
            added = add_instance(connection, name, f"http://127.0.0.1:{free_port()}", home=self.home, timezone=zone)
            connection.execute("UPDATE ops.instances SET created_at = '2020-01-01Z' WHERE id = %s", [added.id])
        return added

    def sweep(self, at: str) -> dg.SensorResult | dg.SkipReason:
        """A tick of the sensor."""
        context = dg.build_sensor_context(instance=self.dagster, cursor=self.cursor)
        result = sweeps_due(context, self.resource, LAYERS, moment(at))
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
        return result

    def swept(self, at: str) -> dict[str, str]:
        """The requested sweeps, with their reasons."""
        result = self.sweep(at)
        requests = (result.run_requests or []) if isinstance(result, dg.SensorResult) else []
        return {request.partition_key or "": request.tags["stash_pipeline/reason"] for request in requests}

    def skipped(self, at: str) -> str:
        """The reason why a tick of the sensor requests nothing."""
        result = self.sweep(at)
        assert not (isinstance(result, dg.SensorResult) and result.run_requests)
        reason = result.skip_message if isinstance(result, dg.SkipReason) else result.skip_reason
        assert reason
        return reason if isinstance(reason, str) else reason.skip_message or ""

    def made(self, instance: Instance, at: str, error: str | None = None, kinds: Iterable[str] = BY_NAME) -> None:
        """A sweep that started at this time."""
        with connect(self.warehouse) as connection:
            run_id = start_run(connection, instance.id, dagster_run_id=None, mode="sweep", lane="graphql")
            end_run(connection, run_id, error=error, entities={kind: {} for kind in kinds})
            connection.execute("UPDATE ops.sync_runs SET started_at = %s WHERE id = %s", [at + "Z", run_id])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@pytest.fixture
def instances(dagster: dg.DagsterInstance, warehouse: str, home: Path) -> Iterator[Instances]:
    """Two instances in different time zones."""
    made = Instances(dagster, warehouse, home)
    made.add("home")
    made.add("attic", "America/Denver")
    sync_partitions(dagster, ["home", "attic"])
    yield made


def test_changes_run_first_and_sweeps_last(instances: Instances) -> None:
    reconcile = requests.request(LAYERS, "home", "reconcile", ["scenes differ"], "reconcile_sensor")
    sweep = instances.sweep("2026-05-10 04:01")
    assert isinstance(sweep, dg.SensorResult) and sweep.run_requests
    change = requests.request(LAYERS, "home", "changes", ["+1 tags"], "changes_sensor")
    priorities = [int(request.tags["dagster/priority"]) for request in (change, reconcile, sweep.run_requests[0])]
    assert priorities == sorted(priorities, reverse=True) and len(set(priorities)) == 3


def test_the_schedule_describes_its_interval(instances: Instances) -> None:
    crons = {minutes: build_cron(minutes) for minutes in (15, 60, 120, 1440)}
    assert crons == {15: "*/15 * * * *", 60: "0 * * * *", 120: "0 */2 * * *", 1440: "0 0 * * *"}


def build_cron(minutes: int) -> object:
    """The cron schedule of the definitions in a process with this setting."""
    return (
        build_defs(load_settings(stashbox_minutes=minutes)).resolve_schedule_def("stash_boxes_schedule").cron_schedule
    )


def test_sweeps_are_weekly_in_the_instance_s_time_zone(instances: Instances) -> None:
    # a Sunday
    result = instances.sweep("2026-05-10 04:03")
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert request.partition_key == "home" and request.tags["stash_pipeline/requested_by"] == "sweep_sensor"
    assert request.run_config == {"ops": {"sync_instance": {"config": {"mode": "sweep"}}}}
    assert request.tags["stash_pipeline/reason"] == "scheduled"
    instances.made(instances.add("unused"), "2026-05-10 04:03")
    assert instances.swept("2026-05-10 10:02")["attic"] == "scheduled"


def test_settings_define_the_time_of_the_sweep(instances: Instances) -> None:
    settings = load_settings(database_url=instances.warehouse, sweep_weekday="Wednesday", sweep_hour=22)
    with settings_in_use(settings):
        assert instances.swept("2026-05-06 22:04") == {"home": "scheduled"}


def test_a_tick_without_a_sweep_reports_the_next_one(instances: Instances) -> None:
    due = moment("2026-05-10 04:00").astimezone()
    assert instances.skipped("2026-05-04 10:00") == f"the next sweep is due on home at {due:%Y-%m-%d %H:%M %Z}"


def test_a_missed_sweep_is_requested_until_it_ran(instances: Instances, warehouse: str) -> None:
    cabin, cellar = instances.add("cabin"), instances.add("cellar")
    sync_partitions(instances.dagster, ["cabin", "cellar"])
    with connect(warehouse) as connection:
        connection.execute("DELETE FROM ops.instances WHERE name IN ('home', 'attic')")
    instances.made(cabin, "2026-05-10 07:00", kinds=["tags"])
    missed = "missed sweep"
    assert instances.swept("2026-05-10 09:00") == {"cabin": missed, "cellar": missed}, "a sweep of some kinds is none"
    assert instances.swept("2026-05-10 09:05") == {}, "they were asked for a moment ago"
    instances.made(cabin, "2026-05-10 09:00")
    instances.made(cellar, "2026-05-10 09:00", error="it was off")
    assert instances.swept("2026-05-10 09:10") == {}
    assert instances.swept("2026-05-10 10:05") == {"cellar": missed}
    assert instances.swept("2026-05-11 04:05") == {}


def test_a_sweep_whose_run_left_no_record_is_requested_again_later(instances: Instances) -> None:
    assert instances.swept("2026-05-10 04:00") == {"home": "scheduled"}
    assert instances.swept("2026-05-10 04:05") == {}
    assert instances.swept("2026-05-10 05:05") == {"home": "missed sweep"}
    # a cursor of another version is no hindrance
    instances.cursor = '{"x": 7}'
    assert instances.swept("2026-05-10 05:10") == {"home": "missed sweep"}


@pytest.mark.parametrize("job", ["refresh", "reconcile", "sweep", "rebuild", "__ASSET_JOB"])
def test_an_instance_with_an_unfinished_run_gets_no_request(instances: Instances, job: str) -> None:
    run = run_of(instances.dagster, "home", dg.DagsterRunStatus.QUEUED, job)
    assert "home is being synced" in instances.skipped("2026-05-10 04:00")
    instances.dagster.report_run_canceled(run)
    assert instances.swept("2026-05-10 04:00") == {"home": "scheduled"}


def test_disabled_instances_and_instances_without_partition_are_skipped(instances: Instances, warehouse: str) -> None:
    sync_partitions(instances.dagster, ["attic"])
    assert "home has no partition yet" in instances.skipped("2026-05-10 04:00")
    with connect(warehouse) as connection:
        edit_instance(connection, "attic", home=instances.home, enabled=False)
        edit_instance(connection, "home", home=instances.home, enabled=False)
    assert instances.skipped("2026-05-10 04:00") == "There is no enabled instance."


def test_an_unknown_time_zone_does_not_block_other_instances(instances: Instances, warehouse: str) -> None:
    with connect(warehouse) as connection:
        connection.execute("UPDATE ops.instances SET timezone = 'Mars/Olympus' WHERE name = 'home'")
    assert instances.swept("2026-05-10 10:02") == {"attic": "scheduled"}
    assert "home is not scheduled: There is no time zone 'Mars/Olympus'" in instances.skipped("2026-05-04 10:00")


def test_a_tick_without_the_database_is_skipped_with_a_reason(
    instances: Instances,
) -> None:
    gone = load_settings(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    # for us only: Dagster's own storage is in the same database
    instances.resource = WarehouseResource(lambda: gone)
    assert instances.skipped("2026-05-10 04:00").startswith("The database cannot be reached")


def test_schedules_and_sensors_are_on_by_default_and_launch_their_jobs() -> None:
    schedule, sensor = defs.resolve_schedule_def("stash_boxes_schedule"), defs.resolve_sensor_def("sweep_sensor")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert (schedule.job_name, sensor.job_name) == ("stash_boxes", "sweep")
    assert schedule.description and sensor.description
