"""People are told of every cause once, where they want it and when."""

import logging
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.notifications.causes import KINDS
from stash_pipeline.notifications.notify import Round, notify, send_test
from stash_pipeline.notifications.quiet_hours import quiet_hours
from stash_pipeline.notifications.sending import addresses
from stash_pipeline.notifications.templates import DEFAULTS
from stash_pipeline.settings import load_settings
from stash_pipeline.sync.safeguards import ASK
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.ops.notification_table import NOTIFICATIONS
from stash_pipeline_tests.notifications.receiver import Receiver, receiving

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


class World:
    """A database with an instance, and rounds of notifications."""

    def __init__(self, connection: Connection, receiver: Receiver) -> None:
        self.connection = connection
        self.receiver = receiver
        self.options: dict[str, Any] = {"notify_urls": receiver.url}
        connection.execute("INSERT INTO ops.instances (name, url) VALUES ('home', 'http://home.test')")

    def sync(self, status: str = "succeeded", *, error: str | None = None, imported: int = 0, ago: str = "0") -> None:
        self.connection.execute(
            "INSERT INTO ops.sync_runs (instance_id, mode, lane, status, error, entities, started_at, finished_at)\n"
            "SELECT id, 'changes', 'graphql', %s, %s, jsonb_build_object('scenes', jsonb_build_object('inserted', "
            "%s::int)),\n    clock_timestamp() - %s::interval, clock_timestamp() - %s::interval FROM ops.instances",
            [status, error, imported, ago, ago],
        )

    def round(self, unreachable: dict[str, str] | None = None, now: datetime = NOON, **options: Any) -> Round:
        settings = load_settings(**{**self.options, **options})
        return notify(self.connection, settings, {} if unreachable is None else unreachable, now=lambda: now)

    def hurry(self) -> None:
        """Makes everything due that waits for another attempt."""
        self.connection.execute("UPDATE ops.notifications SET next_attempt_at = now()")

    def pending(self, column: str) -> list[Any]:
        rows = self.connection.execute(f"SELECT {column} FROM ops.notifications ORDER BY cause").fetchall()
        return [row[0] for row in rows]


@pytest.fixture
def world(database_url: str, receiver: Receiver) -> Iterator[World]:
    with connect(database_url) as connection:
        yield World(connection, receiver)


def test_imported_scenes_are_notified_of_once_above_the_threshold(world: World) -> None:
    world.sync(imported=9)
    world.sync(imported=1250)
    world.round()
    world.round()
    assert world.receiver.titles() == ["home: imported 1,250 scenes"]
    world.sync(imported=10)
    world.round()
    assert world.receiver.titles()[1:] == ["home: imported 10 scenes"]


def test_imports_before_an_address_is_configured_are_no_news(world: World) -> None:
    world.sync(imported=50)
    world.round(notify_urls=None)
    assert world.pending("cause") == []
    world.sync(imported=60, ago="2 hours")
    world.round()
    assert world.receiver.titles() == ["home: imported 50 scenes"]


def test_a_failure_is_notified_of_once_until_it_is_resolved(world: World) -> None:
    world.sync("failed", error="The server says no.")
    world.round()
    world.sync("failed", error="The server says no again.")
    world.round()
    assert world.receiver.titles() == ["home: sync failed"]
    assert "The server says no." in world.receiver.messages[0]["message"]
    world.sync()
    assert world.round().resolved == ["failure:home"]
    assert len(world.receiver.messages) == 1
    world.sync("failed", error="Another time.")
    world.round()
    assert world.receiver.titles() == ["home: sync failed"] * 2


def test_the_end_of_a_cause_is_told_on_request(world: World) -> None:
    world.sync("failed", error="no")
    world.round(notify_resolved=True)
    world.sync()
    world.round(notify_resolved=True)
    world.round(notify_resolved=True)
    assert world.receiver.titles() == ["home: sync failed", "Resolved: home: sync failed"]


def test_a_run_that_is_retried_has_not_failed_yet(world: World) -> None:
    world.connection.execute("CREATE SCHEMA IF NOT EXISTS dagster")
    world.connection.execute("CREATE TABLE dagster.runs (run_id text, status text)")
    world.connection.execute("INSERT INTO dagster.runs VALUES ('one', 'STARTED')")
    world.sync("failed", error="The network is gone.")
    world.connection.execute("UPDATE ops.sync_runs SET dagster_run_id = 'one'")
    assert world.round().raised == []
    world.connection.execute("UPDATE dagster.runs SET status = 'FAILURE'")
    assert world.round().raised == ["failure:home"]


def test_a_stop_of_the_guard_is_told_as_such(world: World) -> None:
    world.sync("failed", error="300 of 400 scenes are gone. " + ASK.format(name="home"))
    world.round()
    assert world.receiver.titles() == ["home: a sync was stopped, nothing was removed"]
    assert "--accept-removals" in world.receiver.messages[0]["message"]


def test_a_stale_instance_is_told_and_a_disabled_one_is_not(world: World) -> None:
    world.sync(ago="7 hours")
    world.round()
    world.round()
    assert world.receiver.titles() == ["home: not synced for 6 hours"]
    world.connection.execute("UPDATE ops.instances SET enabled = false")
    assert world.round().resolved == ["stale:home"]


def test_a_server_that_comes_back_soon_is_not_told(world: World) -> None:
    world.round({"home": "No connection."})
    assert world.receiver.titles() == []
    world.round({})
    world.hurry()
    world.round({})
    assert world.receiver.titles() == []
    world.round({"home": "No connection."})
    world.hurry()
    world.round({"home": "No connection."})
    world.round({"home": "No connection, still."})
    assert world.receiver.titles() == ["home: the server does not respond"]


def test_a_sync_that_fails_because_of_its_server_is_one_cause(world: World) -> None:
    world.sync("failed", error="No connection.")
    assert world.round({"home": "No connection."}).raised == ["unreachable:home"]


def test_a_round_that_does_not_know_of_the_servers_resolves_nothing(world: World) -> None:
    world.round({"home": "No connection."})
    done = notify(world.connection, load_settings(**world.options), None)
    assert done.resolved == [] and world.pending("resolved_at") == [None]


def test_a_layer_that_fails_is_told(world: World) -> None:
    world.connection.execute(
        "INSERT INTO ops.shared_layers (layer, revision, version, error) VALUES ('matches', 1, 'v', 'It is broken.')"
    )
    world.round()
    assert world.receiver.titles() == ["matches: does not follow the changes"]


def test_an_address_that_does_not_accept_is_tried_again_and_given_up(world: World) -> None:
    world.receiver.status = 500
    world.sync("failed", error="no")
    for _ in range(10):
        done = world.round()
        assert all("very-secret-token" not in problem for problem in done.problems)
        world.hurry()
    assert world.pending("attempts") == [6]
    assert world.pending("error") == ["address 1 (JSON) did not accept it"]
    world.receiver.status = 200
    world.round()
    assert world.receiver.titles() == []


def test_an_attempt_waits_for_its_time(world: World) -> None:
    world.receiver.status = 500
    world.sync("failed", error="no")
    world.round()
    world.receiver.status = 200
    world.round()
    assert world.receiver.titles() == []
    world.hurry()
    world.round()
    assert world.receiver.titles() == ["home: sync failed"]


def test_one_address_that_fails_does_not_repeat_the_others(world: World) -> None:
    world.sync("failed", error="no")
    world.options["notify_urls"] = f"json://127.0.0.1:1/gone, {world.receiver.url}"
    done = world.round()
    world.hurry()
    world.round()
    assert world.receiver.titles() == ["home: sync failed"]
    assert done.problems == ["address 1 (JSON) did not accept it"]


def test_quiet_hours_postpone(world: World) -> None:
    world.sync("failed", error="no")
    hours = "22:00-07:00 Europe/Berlin"
    night = datetime(2026, 1, 15, 21, 30, tzinfo=timezone.utc)
    assert world.round(now=night, notify_quiet_hours=hours).quiet
    assert world.receiver.titles() == []
    world.round(now=NOON, notify_quiet_hours=hours)
    assert world.receiver.titles() == ["home: sync failed"]


@pytest.mark.parametrize(
    ("text", "hour", "quiet"),
    [
        ("22:00-07:00 UTC", 23, True),
        ("22:00-07:00 UTC", 6, True),
        ("22:00-07:00 UTC", 7, False),
        ("22:00-07:00 UTC", 12, False),
        ("09:00 - 17:30 UTC", 17, True),
        ("09:00 - 17:30 UTC", 18, False),
        ("22:00-07:00 Asia/Tokyo", 13, True),
        ("22:00-07:00 Asia/Tokyo", 23, False),
    ],
)
def test_quiet_hours_are_of_their_zone(text: str, hour: int, quiet: bool) -> None:
    assert quiet_hours(text).contain(datetime(2026, 1, 15, hour, 15, tzinfo=timezone.utc)) is quiet


@pytest.mark.parametrize("text", ["22-7", "25:00-07:00", "22:00-22:00", "22:00-07:00 Nowhere/Land", "always"])
def test_invalid_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="STASH_PIPELINE_NOTIFY_QUIET_HOURS: "):
        load_settings(notify_quiet_hours=text)


def test_texts_of_your_own_replace_ours(world: World, tmp_path: Path) -> None:
    (tmp_path / "failure.txt").write_text("Oh no, $subject\n$error costs $5 and $unknown\n")
    (tmp_path / "stale.txt").write_text("")
    world.connection.execute("UPDATE ops.instances SET created_at = now() - interval '9 hours'")
    world.sync("failed", error="It", ago="9 hours")
    world.round(notify_templates=tmp_path)
    assert world.receiver.titles() == ["Oh no, home", "home: not synced for 6 hours"]
    assert world.receiver.messages[0]["message"] == "It costs $5 and $unknown"


def test_a_template_that_is_no_text_is_named(world: World, tmp_path: Path) -> None:
    (tmp_path / "failure.txt").write_bytes(b"\xff\xfe\x00")
    world.sync("failed", error="no")
    with pytest.raises(UserError, match=r"The template .*failure\.txt cannot be read as UTF-8"):
        world.round(notify_templates=tmp_path)


def test_every_kind_has_a_text_and_is_allowed() -> None:
    assert set(DEFAULTS) == {*KINDS, "resolved", "test"}
    (check,) = [c for c in NOTIFICATIONS.constraints if c.name == "notifications_kind_check"]
    assert all(f"'{kind}'" in str(check.sqltext) for kind in KINDS)  # type: ignore[attr-defined]


def test_addresses_come_from_the_setting_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text("# mine\nntfy://topic\nmailto://user:pw@example.com?to=a@example.com,b@example.com\n")
    settings = load_settings(notify_urls="json://one, json://two", notify_urls_file=file)
    assert addresses(settings) == [
        "json://one",
        "json://two",
        "ntfy://topic",
        "mailto://user:pw@example.com?to=a@example.com,b@example.com",
    ]
    assert addresses(load_settings()) == []
    with pytest.raises(UserError, match="cannot be read; correct STASH_PIPELINE_NOTIFY_URLS_FILE"):
        addresses(load_settings(notify_urls_file=tmp_path / "missing"))


def test_a_test_is_sent_or_says_why_not(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    send_test(load_settings(notify_urls=receiver.url))
    assert receiver.titles() == ["stash-pipeline: test"]
    receiver.status = 403
    with pytest.raises(UserError, match=r"not delivered: address 1 \(JSON\) did not accept it") as refused:
        send_test(load_settings(notify_urls=receiver.url))
    with pytest.raises(UserError, match="No address is configured; set STASH_PIPELINE_NOTIFY_URLS"):
        send_test(load_settings())
    with pytest.raises(UserError, match="Address 2 of STASH_PIPELINE_NOTIFY_URLS is not one that Apprise knows") as odd:
        send_test(load_settings(notify_urls=f"{receiver.url} nonsense://very-secret-token"))
    assert "very-secret-token" not in caplog.text + str(refused.value) + str(odd.value)
