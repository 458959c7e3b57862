"""``stash-pipeline status``: freshness of the mirror, pending changes, next runs."""

import json
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline import __main__ as program
from stash_pipeline.commands.output import console
from stash_pipeline.commands.status import age
from stash_pipeline.instances import add_instance, edit_instance
from stash_pipeline.settings import DATABASE_URL_VARIABLE, use_settings
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync import server_probe as asking
from stash_pipeline.sync.cadence_records import Outcome, record_asking, record_comparison
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.sync_runs import end_run, start_run
from stash_pipeline_tests.automation.servers import registered
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.stash.hostile import hostile

Status = Callable[..., str]


@pytest.fixture
def status(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Status:
    """Runs the command and returns its output."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, database_url)
    # as wide as a page may be
    monkeypatch.setattr(console, "width", 100)

    def run(*arguments: str) -> str:
        use_settings(None)
        monkeypatch.setattr(sys, "argv", ["stash-pipeline", "status", *arguments])
        with pytest.raises(SystemExit) as end:
            program.main()
        assert not end.value.code
        return capsys.readouterr().out

    return run


def by_name(printed: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(printed)}


def test_status_asks_all_servers_for_pending_changes(status: Status, database_url: str, home: Path) -> None:
    with (
        registered(database_url, home, "home") as one,
        registered(database_url, home, "attic") as other,
        registered(database_url, home, "new", refreshed=False),
    ):
        with connect(database_url) as connection:
            add_instance(connection, "cabin", f"http://127.0.0.1:{free_port()}", home=home)
            add_instance(connection, "off", f"http://127.0.0.1:{free_port()}", home=home)
            edit_instance(connection, "off", home=home, enabled=False)
        one.change()
        one.edit()
        found = by_name(status("--json"))
        assert found["home"]["pending"] == {"reasons": ["+1 tags", "scenes edited"], "error": None}
        assert found["attic"]["pending"] == {"reasons": [], "error": None}
        assert found["new"]["pending"] == {"reasons": ["never read"], "error": None}
        assert "refuses connections" in found["cabin"]["pending"]["error"]
        assert found["off"]["pending"] is None
        assert (one.requests, other.requests) == (1, 1)
        printed = status()
        assert "home has pending changes: +1 tags, scenes edited" in printed
        assert "attic has pending changes: none" in printed
        assert "cabin cannot be checked for changes: http://127.0.0.1" in printed
        assert {row["pending"] for row in by_name(status("--offline", "--json")).values()} == {None}
        assert "pending" not in status("--offline")
        assert (one.requests, other.requests) == (2, 2)


def test_status_waits_for_hanging_servers_concurrently(
    status: Status, database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TOTAL_SECONDS", 2.0)
    received = threading.Semaphore(0)
    answered = threading.Event()

    def hold() -> list[bytes]:
        received.release()
        answered.wait(60)
        return []

    with hostile(hold) as url:
        with connect(database_url) as connection:
            for name in ("home", "attic"):
                add_instance(connection, name, url, home=home)
        try:
            found = by_name(status("--json"))
        finally:
            answered.set()
        assert received.acquire(timeout=0) and received.acquire(timeout=0)
    assert {row["pending"]["error"] for row in found.values()} == {"It did not respond within 2 s."}


def test_status_shows_the_last_refresh_of_each_mode_and_the_next_ones(
    status: Status, database_url: str, home: Path
) -> None:
    with connect(database_url) as connection:
        instance = add_instance(connection, "home", "http://stash.test:9999", home=home, timezone="Asia/Tokyo")
        for mode, minutes, error in (
            ("sweep", 5000, None),
            ("reconcile", 125, None),
            ("reconcile", 55, "it was off"),
            ("changes", 3, None),
        ):
            run_id = start_run(connection, instance.id, dagster_run_id=None, mode=mode, lane="graphql")
            end_run(connection, run_id, error=error, entities={kind: {"first": False} for kind in BY_NAME})
            connection.execute(
                "UPDATE ops.sync_runs SET finished_at = now() - make_interval(mins => %s) WHERE id = %s",
                [minutes, run_id],
            )
        for kind in BY_NAME:
            connection.execute(
                "INSERT INTO ops.row_counts (instance_id, table_name, rows) VALUES (%s, %s, 0)",
                [instance.id, f"raw.{kind}"],
            )
    found = by_name(status("--offline", "--json"))["home"]
    assert list(found["refreshed"]) and set(found["refreshed"]) == {"sweep", "reconcile", "changes"}
    now = datetime.now(timezone.utc)
    next_reconcile, next_sweep = (datetime.fromisoformat(found[what]) for what in ("next_reconcile", "next_sweep"))
    assert next_reconcile - now <= timedelta(hours=1)
    assert next_sweep.astimezone(timezone(timedelta(hours=9))).strftime("%a %H") == "Sun 04"
    printed = status("--offline")
    for words in ("3 min ago", "2 h ago", "3 days ago", f"{next_sweep.astimezone():%a %H:%M}"):
        assert words in printed, printed
    # an address is not broken
    assert max(len(line) for line in printed.splitlines() if not line.startswith("Database:")) <= 100


def test_status_says_how_often_servers_are_asked_and_compared_and_why(
    status: Status, database_url: str, home: Path
) -> None:
    with connect(database_url) as connection:
        instance = add_instance(connection, "home", "http://stash.test:9999", home=home)
        for kind in BY_NAME:
            connection.execute(
                "INSERT INTO ops.row_counts (instance_id, table_name, rows) VALUES (%s, %s, 0)",
                [instance.id, f"raw.{kind}"],
            )
        record_asking(connection, instance.id, 5, "its answers take 8 ms, less than 20 ms")
        outcomes: list[tuple[Outcome, str | None]] = [("equal", None), ("stopped", "an older database was restored")]
        for outcome, detail in outcomes:
            record_comparison(
                connection, instance.id, outcome=outcome, detail=detail, lane="snapshot", seconds=0.74, typical=0.74,
                blocked=0.5, balance=30.0, revision=1, form=b"x",
            )  # fmt: skip
            found = by_name(status("--offline", "--json"))["home"]
            assert found["asked"] == {"every_seconds": 5.0, "reason": "its answers take 8 ms, less than 20 ms"}
            expected = {"by": "comparison", "lane": "snapshot", "seconds": 0.74, "blocked_seconds": 0.5}
            expected |= {"outcome": outcome, "detail": detail}
            assert {name: found["compared"][name] for name in expected} == expected
            if outcome == "equal":
                assert found["compared"]["every_seconds"] == 74 and "1 % of the time" in found["compared"]["reason"]
                assert "reconcile" in found["refreshed"]
                printed = " ".join(status("--offline").split())
                assert "asked for changes" in printed and "74 s" in printed and "just now" in printed
    assert "home could not be compared: an older database was restored" in status("--offline")


def test_a_first_full_sync_counts_as_reconcile_and_sweep(status: Status, database_url: str, home: Path) -> None:
    def run(mode: str, entities: dict[str, Any]) -> None:
        with connect(database_url) as connection:
            run_id = start_run(connection, instance.id, dagster_run_id=None, mode=mode, lane="graphql")
            end_run(connection, run_id, error=None, entities=entities)

    def refreshed() -> set[str]:
        return set(by_name(status("--offline", "--json"))["home"]["refreshed"])

    with connect(database_url) as connection:
        instance = add_instance(connection, "home", "http://stash.test:9999", home=home)
        for kind in BY_NAME:
            connection.execute(
                "INSERT INTO ops.row_counts (instance_id, table_name, rows) VALUES (%s, %s, 0)",
                [instance.id, f"raw.{kind}"],
            )
    run("sweep", {"tags": {"first": False}})
    assert refreshed() == set(), "some kinds are not all"
    run("changes", {kind: {"first": kind == "tags"} for kind in BY_NAME})
    assert refreshed() == {"changes"}, "a kind that is new here"
    run("changes", {kind: {"first": True} for kind in BY_NAME})
    assert refreshed() == {"changes", "reconcile", "sweep"}


def test_a_more_thorough_mode_counts_for_the_others(status: Status, database_url: str, home: Path) -> None:
    with connect(database_url) as connection:
        instance = add_instance(connection, "home", "http://stash.test:9999", home=home)
        run_id = start_run(connection, instance.id, dagster_run_id=None, mode="reconcile", lane="graphql")
        end_run(connection, run_id, error=None, entities={kind: {"first": False} for kind in BY_NAME})
    assert set(by_name(status("--offline", "--json"))["home"]["refreshed"]) == {"changes", "reconcile"}


def test_instances_that_are_disabled_or_have_an_unknown_zone_are_not_scheduled(
    status: Status, database_url: str, home: Path
) -> None:
    with connect(database_url) as connection:
        for name in ("home", "attic"):
            add_instance(connection, name, f"http://{name}.test:9999", home=home)
        edit_instance(connection, "attic", home=home, enabled=False)
        connection.execute("UPDATE ops.instances SET timezone = 'Mars/Olympus' WHERE name = 'home'")
    found = by_name(status("--offline", "--json"))
    assert found["attic"]["next_sweep"] is None and found["home"]["next_sweep"] is None
    printed = status("--offline")
    assert "disabled" in printed and "home is not scheduled: There is no time zone 'Mars/Olympus'" in printed


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-1, "just now"), (0, "just now"), (1, "1 min ago"), (119, "119 min ago"), (120, "2 h ago"),
        (47 * 60 + 59, "47 h ago"), (48 * 60, "2 days ago"), (None, "never"),
    ],
)  # fmt: skip
def test_ages_are_formatted_in_words(minutes: int | None, words: str) -> None:
    now = datetime.now(timezone.utc)
    assert age(None if minutes is None else now - timedelta(minutes=minutes), now) == words
