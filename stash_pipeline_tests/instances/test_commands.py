"""``stash-pipeline instances``: the registry, with a real database and servers on loopback."""

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline import __main__ as program
from stash_pipeline.commands import instances as commands
from stash_pipeline.instances import get_instance, list_instances
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.secrets import KEY_FILE
from stash_pipeline.settings import DATABASE_URL_VARIABLE, use_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.instances.servers import Canned, answering, authority, stash_of
from stash_pipeline_tests.mirror.working import generated, new_mirror, partitions
from stash_pipeline_tests.ports import free_port

pytestmark = pytest.mark.processes

KEY = "eyJhbGciOiJIUzI1NiJ9.not-a-real-key"
OTHER = "http://stash.example:9999"


@dataclass
class Done:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Commands:
    """Runs commands in this process; none may print the key or a traceback."""

    home: Path
    database_url: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    group: str = "instances"

    def __call__(self, *arguments: str, given: str = "") -> Done:
        use_settings(None)
        self.monkeypatch.setattr(sys, "argv", ["stash-pipeline", self.group, *arguments])
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        with pytest.raises(SystemExit) as end:
            program.main()
        out, err = self.capsys.readouterr()
        assert KEY not in out + err and "Traceback" not in out + err
        code = end.value.code
        return Done(code if isinstance(code, int) else 0, out, err)

    def refused(self, *arguments: str, given: str = "") -> str:
        """The single error sentence of a failing command."""
        done = self(*arguments, given=given)
        assert done.code == 1 and len(done.err.strip().splitlines()) == 1, done
        return done.err

    def rows(self) -> list[tuple[Any, ...]]:
        """The registry in the database, with system columns."""
        with connect(self.database_url) as connection:
            return connection.execute("SELECT xmin::text, i.* FROM ops.instances i ORDER BY id").fetchall()


@pytest.fixture
def run(
    database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Commands]:
    """Commands with the test's own database and home, without Dagster's partitions."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, database_url)
    monkeypatch.setattr(commands, "follow_registry", lambda settings: None)
    yield Commands(home, database_url, monkeypatch, capsys)


def test_all_output_is_available_as_json(run: Commands) -> None:
    added = run("add", "home", OTHER, "--priority", "3", "--api-key-env", "STASH_KEY", "--json").json
    assert (added["name"], added["priority"], added["api_key"]) == ("home", 3, "$STASH_KEY")
    assert run("disable", "home", "--json").json["enabled"] is False
    assert run("enable", "home", "--json").json["enabled"] is True
    assert run("edit", "home", "--priority", "1", "--json").json["priority"] == 1
    assert [row["name"] for row in run("list", "--json").json] == ["home"]
    assert run("remove", "home", "--yes", "--json").json["rows"] == "removed"
    assert run("list", "--json").json == []


def test_the_schedule_time_zone_can_be_set_shown_and_reset(run: Commands) -> None:
    assert run("add", "home", OTHER, "--timezone", "Europe/Paris", "--json").json["timezone"] == "Europe/Paris"
    assert "Europe/Paris" in run("list").out
    assert run("edit", "home", "--priority", "2", "--json").json["timezone"] == "Europe/Paris"
    assert run("edit", "home", "--timezone", "America/Denver", "--json").json["timezone"] == "America/Denver"
    for wrong in ("Europe/Pariss", "../etc/passwd", "", "CEST+"):
        assert "There is no time zone" in run.refused("edit", "home", "--timezone", wrong)
        assert "There is no time zone" in run.refused("add", "other", "http://b.example", "--timezone", wrong)
    assert "exclude each other" in run.refused("edit", "home", "--timezone", "UTC", "--no-timezone")
    assert run("list", "--json").json[0]["timezone"] == "America/Denver"
    assert run("edit", "home", "--no-timezone", "--json").json["timezone"] is None
    run("remove", "home", "--keep-rows")
    assert run("add", "home", OTHER, "--timezone", "UTC", "--json").json["timezone"] == "UTC"


def test_add_uses_the_network_only_on_request(run: Commands) -> None:
    with answering(stash_of()) as server:
        assert run("add", "home", server.url).code == 0
        assert server.requests == []
        run("remove", "home", "--yes")
        done = run("add", "home", server.url, "--test")
        assert done.code == 0 and "3 tags" in done.out and server.requests
    closed = f"http://127.0.0.1:{free_port()}"
    assert "is not registered" in run.refused("add", "away", closed, "--test")
    failed = run("add", "away", closed, "--test", "--json")
    assert failed.code == 1 and failed.json["outcome"] == "refused"
    assert [row["name"] for row in run("list", "--json").json] == ["home"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--api-key-env", "A", "--api-key-stdin"), "exclude each other"),
        (("--api-key-env", KEY), "not the key itself"),
        (("--api-key-stdin",), "standard input is empty"),
        (("--ca-file", "nowhere.pem"), "does not exist"),
    ],
)
def test_contradictory_options_are_rejected(run: Commands, options: tuple[str, ...], sentence: str) -> None:
    assert sentence in run.refused("add", "home", OTHER, *options)
    assert run.rows() == []


def test_an_invalid_key_is_rejected_and_not_printed(run: Commands) -> None:
    assert "copy it" in run.refused("add", "home", OTHER, "--api-key-stdin", given=f"{KEY}\x01x\n")


@pytest.mark.parametrize("again", ["http://stash.example:9999/", "HTTP://STASH.example:9999/graphql"])
def test_a_registered_address_is_rejected(run: Commands, again: str) -> None:
    run("add", "home", OTHER)
    run("add", "third", "http://third.example")
    assert "as instance home" in run.refused("add", "other", again)
    assert "as instance home" in run.refused("edit", "third", "--url", again)
    assert run("edit", "home", "--url", again).code == 0


def test_the_connection_test_writes_nothing(run: Commands) -> None:
    with answering(stash_of()) as server:
        run("add", "home", server.url)
        before = run.rows()
        done = run("test", "home")
        assert done.code == 0 and "Stash v0.30.1" in done.out
        found = run("test", "home", "--json")
        assert found.code == 0 and found.json["ok"] and found.json["counts"]["tags"] == 3
        assert found.json["instance"] == "home" and found.json["same_as"] == []
        by_url = run("test", server.url + "/", "--json").json
        assert by_url["instance"] is None and by_url["same_as"] == ["home"]
        assert run.rows() == before


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Canned(200, "<html>{key}"), "not_stash"),
        (Canned(401, "{key}"), "wrong_key"),
        (Canned(302, "", {"Location": "/login?k={key}"}), "login_page"),
        (Canned(500, "{key}"), "server_error"),
        (stash_of("NEEDS_MIGRATION"), "migration_pending"),
        (stash_of(seconds=1.0), "timed_out"),
    ],
)
def test_a_failed_connection_test_prints_one_sentence_and_exits_with_1(
    run: Commands, answer: Canned, outcome: str
) -> None:
    with answering(answer) as server:
        run("add", "home", server.url, "--api-key-stdin", given=KEY + "\n")
        before = run.rows()
        found = run("test", "home", "--timeout", "0.4", "--json")
        assert found.code == 1 and found.json["outcome"] == outcome and not found.json["ok"]
        assert run.refused("test", "home", "--timeout", "0.4")
        assert run.rows() == before
    assert KEY not in str(before)
    for file in run.home.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


def test_the_key_is_read_from_its_variable_and_a_missing_one_is_reported(
    run: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(stash_of(), Canned(401)) as server:
        run("add", "home", server.url, "--api-key-env", "STASH_KEY")
        assert "The variable STASH_KEY with the API key of instance home is not set" in run.refused("test", "home")
        assert run("test", "home", "--json").json["outcome"] == "key_unreadable"
        monkeypatch.setenv("STASH_KEY", KEY)
        assert run("test", "home", "--json").json["key_used"]
        assert run("test", server.url, "--api-key-env", "STASH_KEY").code == 0
        assert run("test", server.url, "--api-key-stdin", given=KEY).code == 0
        assert run("test", server.url, "--json").json["outcome"] == "key_needed"


def test_a_public_address_gets_a_warning_and_no_request(run: Commands) -> None:
    # an address of the documentation's: nobody has it
    run("add", "cloud", "http://203.0.113.9:9999")
    assert "was not contacted" in run.refused("test", "cloud")
    assert run("test", "cloud", "--json").json["outcome"] == "public_address"


def test_the_ca_file_of_an_instance_is_used(run: Commands, tmp_path: Path) -> None:
    ca_file, tls = authority(tmp_path)
    with answering(stash_of(), tls=tls) as server:
        run("add", "home", server.url)
        assert "--ca-file" in run.refused("test", "home")
        assert run("edit", "home", "--ca-file", str(ca_file), "--json").json["ca_file"] == str(ca_file)
        assert run("test", "home").code == 0
        with connect(run.database_url) as connection:
            instance = get_instance(connection, "home")
        with instance.client(commands.get_settings()) as client:
            assert client.server_info().version == "v0.30.1"
        assert run("edit", "home", "--no-ca-file", "--json").json["ca_file"] is None
    assert "does not exist" in run.refused("edit", "home", "--ca-file", str(tmp_path / "gone.pem"))


@pytest.mark.parametrize("content", [None, b"", b"not a key", b"A" * 43 + b"="], ids=["lost", "empty", "none", "other"])
def test_a_lost_or_foreign_key_file_is_reported_and_edit_repairs_it(run: Commands, content: bytes | None) -> None:
    with answering(stash_of(), Canned(401)) as server:
        run("add", "home", server.url, "--api-key-stdin", given=KEY + "\n")
        path = run.home / KEY_FILE
        assert path.stat().st_mode & 0o777 == 0o600
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        said = run.refused("test", "home")
        assert "instances edit NAME --api-key-stdin" in said and str(path) in said
        assert run("edit", "home", "--api-key-stdin", given=KEY + "\n").code == 0
        assert path.stat().st_mode & 0o777 == 0o600
        assert run("test", "home").code == 0
        assert server.requests[-1][1] == KEY


def test_a_readable_key_file_is_made_private(run: Commands) -> None:
    run("add", "home", OTHER, "--api-key-stdin", given=KEY + "\n")
    (run.home / KEY_FILE).chmod(0o644)
    run("add", "other", "http://b.example", "--api-key-stdin", given=KEY + "\n")
    assert (run.home / KEY_FILE).stat().st_mode & 0o777 == 0o600


# --- names -----------------------------------------------------------------------------------------------


def test_names_are_case_insensitive(run: Commands) -> None:
    assert run("add", "Home", OTHER).code == 0
    assert "An instance 'Home' already exists" in run.refused("add", "hOME", "http://b.example")
    assert run("edit", "home", "--priority", "2").out == "Changed Home.\n"
    assert run("disable", "HOME", "--json").json["name"] == "Home"
    # its own address is no other instance's
    assert run("edit", "home", "--url", OTHER + "/").code == 0
    run("remove", "home", "--keep-rows")
    back = run("add", "home", OTHER, "--json").json
    assert (back["name"], back["restored"]) == ("Home", True)
    assert run("remove", "home", "--yes", "--json").json["name"] == "Home"
    assert run.rows() == []


def test_older_names_that_differ_in_case_stay_distinct(run: Commands) -> None:
    run("add", "home", OTHER)
    run("add", "other", "http://b.example")
    with connect(run.database_url) as connection:
        connection.execute("UPDATE ops.instances SET name = 'HOME' WHERE name = 'other'")
    assert run("edit", "home", "--priority", "1", "--json").json["url"].startswith(OTHER)
    assert run("edit", "HOME", "--priority", "1", "--json").json["url"].startswith("http://b.example")
    assert "matches HOME and home" in run.refused("edit", "Home", "--priority", "1")


def test_concurrent_registrations_of_a_name_register_it_once(run: Commands) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from stash_pipeline.errors import UserError
    from stash_pipeline.instances import add_instance

    def add(name: str) -> bool:
        try:
            with connect(run.database_url) as connection:
                add_instance(connection, name, f"http://{name}.example", home=run.home)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(add, ["home", "Home", "hOme", "hoMe", "homE", "HOme", "hOMe", "HOME"]))
    assert added.count(True) == 1 and len(run.rows()) == 1


@pytest.mark.parametrize(("length", "accepted"), [(64, True), (65, False), (300, False)])
def test_a_long_instance_name_is_rejected(run: Commands, length: int, accepted: bool) -> None:
    name = "a" * length
    if accepted:
        assert run("add", name, OTHER).code == 0
    else:
        assert "use at most 64" in run.refused("add", name, OTHER)


def test_an_unknown_name_suggests_the_nearest_one(run: Commands) -> None:
    run("add", "cellar", OTHER)
    assert "did you mean cellar?" in run.refused("edit", "celar", "--priority", "1")
    assert "did you mean" not in run.refused("edit", "roof", "--priority", "1")


def test_an_empty_ca_file_is_rejected(run: Commands) -> None:
    assert "names no file" in run.refused("add", "home", OTHER, "--ca-file", "")
    run("add", "home", OTHER)
    assert "names no file" in run.refused("edit", "home", "--ca-file", "")


# --- rows ------------------------------------------------------------------------------------------------


def test_an_instance_removed_with_its_rows_kept_can_be_restored(run: Commands) -> None:
    mirror = new_mirror(run.database_url, run.home, generated(15))
    mirror.refresh()
    name, state = mirror.instance.name, mirror.state()
    assert run("remove", name, "--keep-rows", "--json").json["rows"] == "kept"
    assert run("list", "--json").json == []
    kept = run("list", "--all", "--json").json
    assert [(row["name"], row["enabled"], row["api_key"]) for row in kept] == [(name, False, None)]
    assert kept[0]["removed_at"] and mirror.state() == state
    for command in (("test", name), ("edit", name, "--priority", "1"), ("remove", name, "--keep-rows")):
        assert "rows were kept" in run.refused(*command)
    back = run("add", name, mirror.instance.url, "--json").json
    assert back["restored"] and back["enabled"] and back["uuid"] == mirror.instance.uuid
    assert mirror.state() == state
    run("remove", name, "--keep-rows")
    # its rows can still be removed
    assert run("remove", name, "--yes", "--json").json["rows"] == "removed"
    with connect(run.database_url) as connection:
        assert list_instances(connection, with_removed=True) == []
        assert partitions(connection, mirror.instance.id) == []


def test_the_same_server_at_another_address_is_detected(run: Commands) -> None:
    mirror = new_mirror(run.database_url, run.home, generated(15))
    with mirror.stash.running() as server:
        assert run("test", server.url, "--json").json["same_as"] == []
        mirror.refresh()
        found = run("test", server.url)
        assert found.code == 0 and f"of instance {mirror.instance.name}: the same server" in found.err
        mirror.sql("UPDATE tags SET created_at = '2001-01-01T00:00:00Z' WHERE id = (SELECT min(id) FROM tags)")
        assert run("test", server.url, "--json").json["same_as"] == []


def test_removal_requires_a_terminal_or_an_option(run: Commands) -> None:
    run("add", "home", OTHER)
    assert "--keep-rows" in run.refused("remove", "home")
    assert len(run.rows()) == 1


@pytest.mark.parametrize(("answer", "left"), [("keep", 1), ("remove", 0), ("", 1)])
def test_removal_asks_what_to_do_with_the_rows(run: Commands, answer: str, left: int) -> None:
    """With Dagster's partitions, in a separate process."""
    run("add", "home", OTHER)
    with dagster_instance(run.home, run.database_url) as dagster:
        sync_partitions(dagster, ["home"])
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "stash_pipeline", "instances", "remove", "home"],
        stdin=theirs, stdout=theirs, stderr=theirs,
        close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    said, deadline = b"", time.monotonic() + 120
    try:
        while b"CANCEL" not in said and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.2)[0]:
                said += os.read(ours, 4096)
        os.write(ours, answer.encode() + b"\n")
        assert process.wait(120) == (0 if answer else 1)
    finally:
        process.kill()
        os.close(ours)
    assert b"remove them permanently, or cancel" in said
    assert len(run.rows()) == left
    with connect(run.database_url) as connection:
        assert len(list_instances(connection)) == (0 if answer else 1)
    with dagster_instance(run.home, run.database_url) as dagster:
        assert dagster.get_dynamic_partitions("instances") == ([] if answer else ["home"])
