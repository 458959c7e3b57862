"""``stash-pipeline boxes``: the registry, with a real database and servers on loopback. No command prints a key."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.commands import instances as instance_commands
from stash_pipeline.instances import add_instance
from stash_pipeline.secrets import KEY_FILE
from stash_pipeline.settings import DATABASE_URL_VARIABLE
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.stash.stored_schemas import stored_introspection, stored_releases, stored_schema
from stash_pipeline.stashbox.fingerprints import Fingerprint
from stash_pipeline.stashbox_registry import get_endpoint, list_endpoints
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.instances.servers import authority
from stash_pipeline_tests.instances.test_commands import KEY, Commands
from stash_pipeline_tests.stashbox.scripted import (
    HTML,
    Box,
    Reply,
    Request,
    data,
    find,
    identifier,
    refused,
    scripted,
    unknown_field,
)

pytestmark = pytest.mark.processes

OTHER_KEY = "eyJhbGciOiJIUzI1NiJ9.another-key-of-nobody"
URL = "http://box.example/graphql"


@pytest.fixture
def run(
    database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Commands]:
    monkeypatch.setenv(DATABASE_URL_VARIABLE, database_url)
    monkeypatch.setattr(instance_commands, "follow_registry", lambda settings: None)
    commands = Commands(home, database_url, monkeypatch, capsys, "boxes")
    yield commands
    with connect(database_url) as connection:
        rows = connection.execute("SELECT * FROM ops.stashbox_endpoints").fetchall()
    for key in (KEY, OTHER_KEY):
        assert key not in repr(rows)
        for file in home.rglob("*"):
            assert not file.is_file() or key.encode() not in file.read_bytes()


def whole_box(request: Request) -> Reply:
    """A box of v0.10.2 that has nothing."""
    if "Version" in request.document:
        return data(version={"version": "v0.10.2"})
    if "Me" in request.document.split():
        return data(me={"name": "reader", "roles": ["READ"]})
    if "Find" in request.document:
        return find(lambda _: None)(request)
    if "Lookup" in request.document:
        return data(findScenesBySceneFingerprints=[[] for _ in request.groups])
    if "queryEdits" in request.document:
        return data(i0={"edits": []})
    return data(queryScenes={"count": 0, "scenes": []})


def add(run: Commands, name: str = "Testbox", url: str | None = URL, *options: str) -> Any:
    where = [url] if url else []
    return run("add", name, *where, "--api-key-stdin", "--json", *options, given=KEY + "\n").json


# --- the registry -------------------------------------------------------------------------------------------


def test_all_output_is_available_as_json(run: Commands) -> None:
    added = add(run)
    assert added == {
        "name": "Testbox", "url": URL, "dialect": "stash-box", "api_key": "encrypted", "ca_file": None,
        "requests_per_minute": 120, "fresh_days": 90, "list_missing": False,
        "requests_per_day": 10_000, "requests_today": 0, "requests_left_today": 10_000, "paused_until": None,
        "enabled": True, "feed_catalog": True, "version": None, "last_error": None,
    }  # fmt: skip
    assert run("disable", "testbox", "--json").json["enabled"] is False
    assert run("enable", "Testbox", "--json").json["enabled"] is True
    edited = run(
        "edit", "Testbox", "--requests-per-minute", "30", "--requests-per-day", "none", "--no-feed-catalog",
        "--dialect", "theporndb", "--json",
    ).json  # fmt: skip
    assert (edited["requests_per_minute"], edited["requests_per_day"], edited["feed_catalog"]) == (30, None, False)
    assert edited["requests_left_today"] is None and edited["dialect"] == "theporndb"
    assert run("edit", "Testbox", "--requests-per-day", "7", "--json").json["requests_per_day"] == 7
    assert [row["name"] for row in run("list", "--json").json] == ["Testbox"]
    assert "Testbox" in run("list").out
    assert run("remove", "Testbox", "--yes", "--json").json == {"name": "Testbox", "url": URL}
    assert run("list", "--json").json == []
    assert "boxes import" in run("list").out


def test_days_lists_and_certificates_are_changed(run: Commands, tmp_path: Path) -> None:
    add(run)
    ca_file, _ = authority(tmp_path)
    edited = run("edit", "Testbox", "--fresh-days", "7", "--list-missing", "--ca-file", str(ca_file), "--json").json
    assert (edited["fresh_days"], edited["list_missing"], edited["ca_file"]) == (7, True, str(ca_file))
    edited = run("edit", "Testbox", "--no-list-missing", "--no-ca-file", "--json").json
    assert (edited["fresh_days"], edited["list_missing"], edited["ca_file"]) == (7, False, None)
    assert "1 to 36,500" in run.refused("edit", "Testbox", "--fresh-days", "0")
    assert "exclude each other" in run.refused("edit", "Testbox", "--ca-file", str(ca_file), "--no-ca-file")
    run.refused("edit", "Testbox", "--ca-file", str(tmp_path / "none.pem"))
    added = add(run, "Other", "http://other.example/graphql", "--list-missing", "--fresh-days", "30")
    assert (added["list_missing"], added["fresh_days"]) == (True, 30)


def test_a_box_of_a_private_authority_is_trusted_by_its_file(run: Commands, tmp_path: Path) -> None:
    ca_file, context = authority(tmp_path)
    with scripted(whole_box, tls=context) as box:
        add(run, "Testbox", box.url)
        assert "--ca-file" in run.refused("test", "Testbox")
        run("edit", "Testbox", "--ca-file", str(ca_file))
        assert run("test", "Testbox", "--json").json["ok"] is True


def test_missing_scenes_are_shown_and_written(run: Commands, tmp_path: Path, database_url: str) -> None:
    add(run)
    assert "--list-missing" in run("missing").err and run("missing", "--json").json == []
    run("edit", "Testbox", "--list-missing")
    with connect(database_url) as connection:
        connection.execute(
            "INSERT INTO stashbox.listings (endpoint_id, entity, id, completed_at)\n"
            "SELECT id, 'performers', 'ab', now() FROM ops.stashbox_endpoints"
        )
        connection.execute(
            "INSERT INTO stashbox.listed_scenes (endpoint_id, entity, owner_id, scene_id, title, date_text,\n"
            "    performers, seen_at)\n"
            "SELECT id, 'performers', 'ab', 'c' || n, 'Title ' || n, '2020', '{One,Two}', now()\n"
            "FROM ops.stashbox_endpoints, generate_series(1, 60) AS n"
        )
    rows = run("missing", "testbox", "--json").json
    assert len(rows) == 60 and rows[0]["url"].startswith("http://box.example/scenes/c")
    shown = run("missing")
    assert "10 more are not shown" in shown.out and "60 scenes are missing; 1 of 1 lists" in shown.err
    run("missing", "--csv", str(tmp_path / "missing.csv"))
    lines = (tmp_path / "missing.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == 61 and "One; Two" in lines[1]
    assert "exclude each other" in run("missing", "--csv", "-", "--json").json["error"]


def test_an_instance_stops_to_use_boxes_by_an_option(run: Commands, home: Path, database_url: str) -> None:
    commands = Commands(home, database_url, run.monkeypatch, run.capsys, "instances")
    with connect(database_url) as connection:
        add_instance(connection, "server", "http://127.0.0.1:9", home=home)
    assert commands("edit", "server", "--no-stash-boxes", "--json").json["use_stash_boxes"] is False
    with connect(database_url) as connection:
        assert connection.execute("SELECT use_stash_boxes FROM ops.instances").fetchall() == [(False,)]
    assert commands("edit", "server", "--priority", "2", "--json").json["use_stash_boxes"] is False
    assert commands("edit", "server", "--stash-boxes", "--json").json["use_stash_boxes"] is True


def test_public_boxes_need_no_url(run: Commands) -> None:
    assert add(run, "stashdb", None)["url"] == "https://stashdb.org/graphql"
    added = add(run, "theporndb", None)
    assert (added["name"], added["dialect"]) == ("ThePornDB", "theporndb")
    assert "also give its URL" in run.refused("add", "mine", "--api-key-stdin", given=KEY)
    assert "already registered as StashDB" in run.refused(
        "add", "other", "https://STASHDB.org/graphql/", "--api-key-stdin", given=KEY
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "Testbox", URL), "Give the API key with --api-key-stdin or --api-key-env"),
        (("add", "Testbox", URL, "--api-key-env", "A", "--api-key-stdin"), "exclude each other"),
        (("add", "Testbox", URL, "--api-key-env", KEY), "not the key itself"),
        (("add", "Test box", URL, "--api-key-env", "A"), "letters, digits and dashes"),
        (("add", "x" * 65, URL, "--api-key-env", "A"), "up to 64"),
        (("add", "Testbox", "box.example", "--api-key-env", "A"), "not the URL of a stash-box"),
        (("add", "Testbox", URL, "--api-key-env", "A", "--requests-per-minute", "241"), "1 to 240"),
        (("add", "Testbox", URL, "--api-key-env", "A", "--requests-per-minute", "0"), "1 to 240"),
        (("add", "Testbox", URL, "--api-key-env", "A", "--requests-per-day", "0"), "at least 1"),
        (("add", "Testbox", URL, "--api-key-env", "A", "--requests-per-day", "many"), "takes a number"),
        (("add", "stashbox-1", URL, "--api-key-env", "A"), "already registered as First"),
        (("add", "FIRST", "http://other.example", "--api-key-env", "A"), "already exists"),
        (("edit", "First"), "at least one option"),
        (("edit", "Frist", "--url", URL), "did you mean First?"),
        (("edit", "First", "--url", "ftp://box.example"), "not the URL of a stash-box"),
        (("edit", "First", "--requests-per-minute", "1000"), "1 to 240"),
        (("test", "nobody"), "There is no stash-box 'nobody' (registered: First)"),
        (("remove", "First"), "Give --yes"),
        (("import", "nowhere"), "There is no instance 'nowhere'"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    run: Commands, arguments: tuple[str, ...], sentence: str
) -> None:
    add(run, "First")
    with connect(run.database_url) as connection:
        before = list_endpoints(connection)
        assert sentence in run.refused(*arguments)
        assert list_endpoints(connection) == before


def test_an_address_can_change_but_not_to_that_of_another(run: Commands) -> None:
    add(run)
    add(run, "other", "http://other.example")
    assert "already registered as Testbox" in run.refused("edit", "other", "--url", URL + "/")
    assert run("edit", "Testbox", "--url", "HTTP://BOX.example:80/graphql", "--json").json["url"] == URL


def test_keys_are_encrypted_or_named(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    add(run)
    with connect(run.database_url) as connection:
        assert get_endpoint(connection, "Testbox").api_key(run.home) == KEY
        assert KEY not in repr(get_endpoint(connection, "Testbox"))
        edited = run("edit", "Testbox", "--api-key-env", "BOX_KEY", "--json").json
        assert edited["api_key"] == "$BOX_KEY"
        assert "The variable BOX_KEY with the API key of stash-box Testbox is not set" in run.refused("test", "Testbox")
        monkeypatch.setenv("BOX_KEY", OTHER_KEY)
        assert get_endpoint(connection, "Testbox").api_key(run.home) == OTHER_KEY
        run("edit", "Testbox", "--api-key-stdin", given=KEY)
        (run.home / KEY_FILE).unlink()
        assert "boxes edit NAME --api-key-stdin" in run.refused("test", "Testbox")


# --- the test -----------------------------------------------------------------------------------------------


def test_a_working_box_is_described(run: Commands) -> None:
    with scripted(whole_box) as box:
        add(run, "Testbox", box.url)
        done = run("test", "Testbox")
        assert done.code == 0 and done.err == ""
        assert "Testbox answers: stash-box v0.10.2, user reader with role READ." in done.out
        report = run("test", "Testbox", "--json").json
        assert report["ok"] and report["missing"] == [] and report["roles"] == ["READ"]
        assert all(request.headers["ApiKey"] == KEY for request in box.requests)
        (row,) = run("list", "--json").json
        assert row["version"] == "v0.10.2" and row["requests_today"] == len(box.requests)
        # every request is a question for nothing
        assert len(box.requests) == 18


def test_what_a_box_lacks_is_named(run: Commands) -> None:
    def old(request: Request) -> Reply:
        if "queryEdits" in request.document:
            return refused(unknown_field("Query", "queryEdits"))
        if "category" in request.document:
            return refused(unknown_field("Tag", "category"))
        reply = whole_box(request)
        return data(version={"version": "v0.8.1"}) if "Version" in request.document else reply

    with scripted(old) as box:
        add(run, "Testbox", box.url)
        done = run("test")
        assert done.code == 0
        assert "lacks Query.queryEdits, Tag.category" in done.err and "finds equal PHASHes only" in done.err


def by_me(reply: Reply) -> Any:
    return lambda request: reply if "Me" in request.document.split() else whole_box(request)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(b"", 401, {}), "the API key is missing, wrong or outdated"),
        (refused("not authorized", status=200, code=None), "lacks the role READ"),
        (data(me={"name": "reader", "roles": []}), "has no role"),
        (Reply(b"<html>{key}", 403, HTML), "a proxy in front of it denies access"),
        (Reply(b"<html>{key}", 404, HTML), "is http://127.0.0.1"),
        (data(me=None), "without a user"),
    ],
)
def test_a_failed_test_is_one_sentence_and_recorded(run: Commands, reply: Reply, sentence: str) -> None:
    with scripted(by_me(reply)) as box:
        add(run, "Testbox", box.url)
        assert sentence in run.refused("test", "Testbox")
        failed = run("test", "--json")
        assert failed.code == 1 and not failed.json[0]["ok"]
        assert sentence in run("list", "--json").json[0]["last_error"]
        assert sentence in run("list").err
        box.script = whole_box
        assert run("test").code == 0
        assert run("list", "--json").json[0]["last_error"] is None


def test_a_disabled_box_is_tested_only_by_name(run: Commands) -> None:
    with scripted(whole_box) as box:
        add(run, "Testbox", box.url)
        run("disable", "Testbox")
        assert "no enabled stash-box" in run.refused("test")
        assert run("test", "Testbox").code == 0


def test_a_used_budget_is_said(run: Commands) -> None:
    with scripted(whole_box) as box:
        add(run, "Testbox", box.url, "--requests-per-day", "3")
        assert "The 3 requests per day of Testbox are used" in run.refused("test", "Testbox")
        assert len(box.requests) == 3


def test_a_registered_box_answers_its_client(run: Commands) -> None:
    def answer(request: Request) -> Reply:
        return data(findScenesBySceneFingerprints=[[{"id": identifier(1)}] for _ in request.groups])

    with scripted(answer) as box, connect(run.database_url) as connection:
        add(run, "Testbox", box.url)
        with get_endpoint(connection, "Testbox").client(instance_commands.get_settings()) as client:
            found = client.find_scenes_by_fingerprints([[Fingerprint("PHASH", 5)]] * 50)
            assert len(found) == 50 and client.requests == len(box.requests) == 2
        assert get_endpoint(connection, "Testbox").requests_used == 2


def test_ctrl_c_ends_a_waiting_request(run: Commands) -> None:
    with scripted(whole_box) as box:
        add(run, "Testbox", box.url)
        with connect(run.database_url) as connection:
            connection.execute("UPDATE ops.stashbox_endpoints SET next_slot = now() + interval '10 hours'")
            process = subprocess.Popen(
                [sys.executable, "-m", "stash_pipeline", "boxes", "test", "Testbox"], env=dict(os.environ)
            )
            deadline = time.monotonic() + 120
            while get_endpoint(connection, "Testbox").requests_used == 0 and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        assert box.requests == []


@pytest.mark.parametrize("release", stored_releases())
def test_no_document_of_a_sync_asks_for_keys(release: str) -> None:
    plans = plan_library(stored_schema(release)).values()
    queries = " ".join(plan.page_document() for plan in plans if plan.query)
    assert "stashBoxes" in queries and "api_key" not in queries and "apiKey" not in queries


# --- import -------------------------------------------------------------------------------------------------


def configured(name: str, endpoint: str, key: str = KEY, per_minute: int | None = None) -> dict[str, Any]:
    rate = {} if per_minute is None else {"max_requests_per_minute": per_minute}
    return {"name": name, "endpoint": endpoint, "api_key": key, **rate}


@contextmanager
def stash(run: Commands, boxes: Any, release: str = "v0.30", body: bytes | None = None) -> Iterator[Box]:
    """A registered Stash server with these stash-boxes in its settings."""

    def answer(request: Request) -> Reply:
        if "__schema" in request.document:
            return Reply({"data": stored_introspection(release)})
        if body is not None:
            return Reply(body)
        return data(configuration={"general": {"stashBoxes": boxes}})

    with scripted(answer) as server:
        with connect(run.database_url) as connection:
            add_instance(connection, "home", server.url, home=run.home)
        yield server


@pytest.mark.parametrize("release", ["v0.20", "v0.28", "v0.29", "v0.31"])
def test_the_boxes_of_a_server_are_registered_once(run: Commands, release: str) -> None:
    boxes = [
        configured("stashdb.org", "https://StashDB.org/graphql", per_minute=30),
        configured("My box", "http://box.example:9998/graphql/", OTHER_KEY, per_minute=240),
        configured("My-box", "http://second.example/graphql", per_minute=0),
    ]
    with stash(run, boxes, release) as server:
        done = run("import", "home")
        assert done.code == 0 and "Registered StashDB at https://stashdb.org/graphql." in done.out
        rows = {row["name"]: row for row in run("list", "--json").json}
        assert set(rows) == {"StashDB", "My-box", "My-box-2"}
        assert rows["StashDB"]["requests_per_minute"] == 30
        assert rows["My-box"]["requests_per_minute"] == rows["My-box-2"]["requests_per_minute"] == 120
        again = run("import", "home", "--json")
        assert again.code == 0 and [one["outcome"] for one in again.json] == ["unchanged"] * 3
        assert {row["name"]: row for row in run("list", "--json").json} == rows
    asked = " ".join(request.document for request in server.requests)
    assert ("max_requests_per_minute" in asked) is (release in ("v0.29", "v0.31"))
    with connect(run.database_url) as connection:
        assert get_endpoint(connection, "My-box").api_key(run.home) == OTHER_KEY


def test_a_new_key_is_taken_and_settings_are_kept(run: Commands) -> None:
    boxes = [configured("x", URL)]
    with stash(run, boxes):
        add(run, "Mine", URL, "--requests-per-minute", "10")
        run("disable", "Mine")
        assert run("import", "home", "--json").json[0]["outcome"] == "unchanged"
        boxes[0]["api_key"] = OTHER_KEY
        done = run("import", "home", "--json").json
        assert [(one["name"], one["outcome"]) for one in done] == [("Mine", "key updated")]
        with connect(run.database_url) as connection:
            endpoint = get_endpoint(connection, "Mine")
            assert endpoint.api_key(run.home) == OTHER_KEY
            assert endpoint.requests_per_minute == 10 and not endpoint.enabled
        run("edit", "Mine", "--api-key-env", "BOX_KEY")
        boxes[0]["api_key"] = KEY
        done = run("import", "home", "--json").json
        assert done[0]["outcome"] == "unchanged" and "BOX_KEY" in done[0]["reason"]


def test_a_lost_key_file_is_repaired_by_an_import(run: Commands) -> None:
    with stash(run, [configured("x", URL)]):
        run("import", "home")
        (run.home / KEY_FILE).unlink()
        assert run("import", "home", "--json").json[0]["outcome"] == "key updated"


def test_what_cannot_be_registered_is_said_and_the_rest_is_registered(run: Commands) -> None:
    boxes = [
        configured("no address", "nowhere"),
        configured("no key", "http://nokey.example/graphql", ""),
        configured("odd key", "http://odd.example/graphql", f"{KEY} {KEY}"),
        configured("good", "http://good.example/graphql"),
    ]
    with stash(run, boxes):
        done = run("import", "home")
        assert done.code == 1 and len(done.err.strip().splitlines()) == 3
        assert "Stash has no API key for it" in done.err and "copy it again" in done.err
        assert [row["name"] for row in run("list", "--json").json] == ["good"]


def test_a_server_without_boxes_is_said(run: Commands) -> None:
    with stash(run, []):
        done = run("import", "home")
        assert done.code == 0 and "home has no stash-boxes" in done.out


@pytest.mark.parametrize("cut", [60, 100, 120, 200])
def test_a_damaged_answer_with_keys_shows_nothing_of_them(
    run: Commands, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    body = json.dumps({"data": {"configuration": {"general": {"stashBoxes": [configured("", "x", KEY)] * 3}}}})
    with stash(run, [], body=body[:cut].encode()):
        error = run.refused("import", "home")
        assert "does not send its stash-boxes" in error
        for text in (error, caplog.text):
            assert not any(KEY[start : start + 8] in text for start in range(len(KEY) - 8))


@pytest.mark.parametrize("boxes", [None, {}, [None], [{"name": 1, "endpoint": [KEY], "api_key": KEY}]])
def test_an_answer_of_another_form_shows_no_key(run: Commands, boxes: Any) -> None:
    with stash(run, boxes):
        assert "does not send its stash-boxes" in run.refused("import", "home")
