"""The command line, as a new user has it: in a process of its own, in an empty home."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.robustness.hostile.server import Exchange, HostileServer

pytestmark = pytest.mark.processes

KEY = "eyJhbGciOi-not-a-real-key"


class CommandLine:
    """Runs ``stash-pipeline`` with settings of its own."""

    def __init__(self, home: Path, database_url: str | None) -> None:
        self.home = home
        self.database_url = database_url
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("STASH_PIPELINE_", "DAGSTER_"))}
        self.environment["STASH_PIPELINE_HOME"] = str(home)
        self.environment["COLUMNS"] = "160"
        if database_url:
            self.environment["STASH_PIPELINE_DATABASE_URL"] = database_url

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "stash_pipeline", *arguments],
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def run(self, *arguments: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments, stdin=subprocess.PIPE)
        out, err = process.communicate(given, timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def command_line(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Over an empty database: the first command migrates it."""
    url = create_database(postgres, "command_line")
    yield CommandLine(tmp_path_factory.mktemp("home"), url)
    drop_database(postgres, "command_line")


@pytest.fixture(scope="module")
def stash() -> Iterator[str]:
    library = Library.create()
    generate_library(library, scenes=30, seed=5, timezone="America/Denver")
    with SimulatedStash(library, timezone="America/Denver", api_key=KEY).running() as server:
        yield server.url


@pytest.fixture(scope="module")
def registered(command_line: CommandLine, stash: str) -> CommandLine:
    done = command_line.run("instances", "add", "home", stash, "--api-key-stdin", given=KEY + "\n")
    assert done.returncode == 0, done.stderr
    return command_line


def test_the_help_lists_the_commands(command_line: CommandLine) -> None:
    done = command_line.run("--help")
    assert done.returncode == 0
    for name in ("instances", "sync", "status", "up", "demo", "simulate", "query"):
        assert name in done.stdout


def test_add_and_sync_mirror_a_server(registered: CommandLine) -> None:
    first = registered.run("sync", "home")
    assert first.returncode == 0, first.stderr
    assert "scenes" in first.stdout
    again = registered.json("sync", "home")
    assert again[0]["success"] and again[0]["instance"] == "home"
    assert not any(change["inserted"] or change["updated"] for change in again[0]["entities"].values())
    assert "nothing changed" in registered.run("sync", "home", "--mode", "sweep").stdout
    status = registered.json("status")[0]
    assert status["last_status"] == "succeeded" and status["rows"]["stash.scenes"] == 30


def test_a_single_entity_can_be_synced(registered: CommandLine) -> None:
    outcome = registered.json("sync", "home", "--entity", "tags", "--entity", "studios", "--mode", "sweep")[0]
    assert set(outcome["entities"]) == {"tags", "studios"}


def test_single_objects_can_be_read_again(registered: CommandLine) -> None:
    assert registered.json("sync", "home")[0]["success"]
    outcome = registered.json("sync", "home", "--entity", "scenes", "--id", "3", "--id", "4")[0]
    assert {kind: change["fetched"] for kind, change in outcome["entities"].items()} == {"scenes": 2}
    refused = registered.run("sync", "home", "--id", "3")
    assert refused.returncode != 0 and "--entity" in refused.stderr


def test_a_dry_run_reports_what_would_change(registered: CommandLine) -> None:
    assert registered.json("sync", "home")[0]["success"]
    done = registered.run("sync", "home", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "nothing would change" in done.stdout


def test_the_lane_is_a_setting_of_the_instance_and_can_be_overridden(registered: CommandLine) -> None:
    whole = registered.json("sync", "home", "--mode", "sweep", "--lane", "snapshot")[0]
    assert whole["success"] and whole["lane"] == "snapshot"
    assert registered.run("instances", "edit", "home", "--lane", "graphql").returncode == 0
    again = registered.json("sync", "home", "--mode", "reconcile")[0]
    assert (again["lane"], again["lane_reason"]) == ("graphql", "as configured")
    assert not any(change["inserted"] or change["updated"] for change in again["entities"].values())
    assert "graphql" in registered.run("instances", "list").stdout
    assert registered.run("instances", "edit", "home", "--lane", "auto").returncode == 0
    assert registered.json("sync", "home", "--mode", "reconcile")[0]["lane"] == "snapshot"
    refused = registered.run("sync", "home", "--lane", "fast")
    assert refused.returncode != 0 and "Traceback" not in refused.stderr


def test_the_lanes_can_be_compared(registered: CommandLine) -> None:
    compared = registered.json("lanes", "compare", "home")
    assert compared["instance"] == "home" and compared["differences"] == []
    assert compared["documents"]["scenes"] == 30
    assert "no difference" in registered.run("lanes", "compare", "home").stdout
    assert registered.run("lanes", "compare", "nobody").returncode == 1


def test_a_sweep_reports_repaired_and_unreadable_objects(command_line: CommandLine) -> None:
    library = Library.create()
    generate_library(library, scenes=8, seed=6)
    hostile = HostileServer(SimulatedStash(library))

    def without_tags(exchange: Exchange) -> bool:
        body = exchange.honest()
        for scene in body["data"]["findScenes"]["scenes"] if exchange.root == "findScenes" else ():
            if scene["id"] == "7" and "tags" in scene:
                scene["tags"] = None
        return exchange.send(body)

    hostile.spoil = without_tags
    with hostile.running() as server:
        assert command_line.run("instances", "add", "odd", server.url, "--lane", "graphql").returncode == 0
        done = command_line.run("sync", "odd")
        assert done.returncode == 0, done.stderr
        assert "could not read scenes 7: tags is null" in done.stderr
        library.execute("UPDATE tags SET name = 'Another' WHERE id = 2")
        done = command_line.run("sync", "odd", "--mode", "sweep")
        # by the reconcile that a sweep begins with
        assert [line.split()[1:6] for line in done.stdout.splitlines() if " tags " in line] == [
            ["tags", "\N{BOX DRAWINGS LIGHT VERTICAL}", "6", "\N{BOX DRAWINGS LIGHT VERTICAL}", "0"]
        ]
    assert command_line.run("instances", "remove", "odd", "--yes").returncode == 0


def test_a_layer_can_be_rebuilt(registered: CommandLine) -> None:
    assert registered.json("sync", "home")[0]["success"]
    before = registered.json("status")[0]["rows"]
    (outcome,) = registered.json("rebuild", "entities", "home")
    assert outcome["success"] and outcome["rows"] == sum(before.values()) > 0
    assert registered.json("status")[0]["rows"] == before


def test_the_key_is_nowhere_in_plain_text(registered: CommandLine) -> None:
    shown = registered.run("instances", "list")
    assert "encrypted" in shown.stdout and KEY not in shown.stdout
    assert (registered.home / "instances.key").stat().st_mode & 0o777 == 0o600
    with connect(registered.database_url or "") as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables\n"
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            row = connection.execute(f"SELECT 1 FROM {table} t WHERE t::text LIKE %s LIMIT 1", [f"%{KEY}%"]).fetchone()
            assert row is None, f"the key is in {table}"
    for file in registered.home.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sync", "nowhere"), "There is no instance 'nowhere'"),
        (("sync", "home", "--entity", "films"), "There is no entity 'films'"),
        (("instances", "add", "a b", "http://localhost:9999"), "letters, digits and dashes"),
        (("instances", "add", "other", "localhost:9999"), "not the URL of a Stash server"),
        (("instances", "add", "home", "http://localhost:9999"), "An instance 'home' already exists"),
        (("query", "films"), "There is no entity 'films'"),
        (("rebuild", "films"), "There is no layer 'films'"),
        (("query", "scenes", "--release", "v9.9"), "v0.30"),
    ],
)
def test_a_user_error_prints_one_sentence_and_exits_with_1(
    registered: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    done = registered.run(*arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_server_that_is_down_fails_the_run_with_a_reason(registered: CommandLine) -> None:
    assert registered.run("instances", "add", "down", f"http://127.0.0.1:{free_port()}").returncode == 0
    done = registered.run("sync", "down")
    assert done.returncode == 1
    assert "refuses connections" in done.stderr
    assert "Traceback" not in done.stderr
    assert registered.run("instances", "remove", "down", "--yes").returncode == 0
    assert [row["name"] for row in registered.json("instances", "list")] == ["home"]


def test_a_wrong_key_is_reported(registered: CommandLine, stash: str) -> None:
    # the same address twice would be refused
    elsewhere = stash.replace("127.0.0.1", "localhost")
    registered.run("instances", "add", "locked", elsewhere, "--api-key-stdin", given="wrong\n")
    done = registered.run("sync", "locked")
    assert done.returncode == 1 and "401" in done.stderr and "API key" in done.stderr
    registered.run("instances", "remove", "locked", "--yes")


def test_a_disabled_instance_is_skipped_unless_it_is_named(registered: CommandLine) -> None:
    registered.run("instances", "disable", "home")
    nothing = registered.run("sync")
    assert nothing.returncode == 1 and "No instance is" in nothing.stderr
    registered.run("instances", "enable", "home")


def processes_of(home: Path) -> list[list[str]]:
    """The command lines of whatever runs with this home."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("STASH_PIPELINE_HOME") == str(home)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
    return found


def interrupt(process: "subprocess.Popen[str]") -> str:
    """Sends what a terminal sends on Ctrl-C: the signal reaches all processes of the group; gives standard error."""
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("names", [["slow"], ["slow", "slower"]], ids=["one", "two"])
def test_ctrl_c_ends_a_run_with_130_and_unlocks_the_instances(registered: CommandLine, names: list[str]) -> None:
    with ExitStack() as stack:
        for seed, name in enumerate(names, start=6):
            library = Library.create()
            generate_library(library, scenes=30, seed=seed, timezone="Europe/Paris")
            server = stack.enter_context(SimulatedStash(library, latency=1.0).running())
            registered.run("instances", "add", name, server.url, "--lane", "graphql")
        process = registered.start("sync", *names, start_new_session=True)
        deadline = time.monotonic() + 120
        with connect(registered.database_url or "") as connection:
            while time.monotonic() < deadline:
                row = connection.execute(
                    "SELECT count(*) FROM ops.sync_runs r JOIN ops.instances i ON i.id = r.instance_id\n"
                    "WHERE i.name = ANY(%s) AND r.status = 'running'",
                    [names],
                ).fetchone()
                if row == (len(names),):
                    break
                time.sleep(0.1)
        interrupt(process)
        assert processes_of(registered.home) == []
    for name in names:
        removed = registered.run("instances", "remove", name, "--yes")
        assert removed.returncode == 0, removed.stderr


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.5, 3.0])
def test_ctrl_c_at_any_time_ends_a_command_with_130(registered: CommandLine, seconds: float) -> None:
    library = Library.create()
    generate_library(library, scenes=30, seed=6)
    with SimulatedStash(library, latency=20.0).running() as server:
        registered.run("instances", "add", "slow", server.url, "--lane", "graphql")
        process = registered.start("sync", "slow", start_new_session=True)
        time.sleep(seconds)
        interrupt(process)
    assert processes_of(registered.home) == []
    assert registered.run("instances", "remove", "slow", "--yes").returncode == 0


def test_each_named_instance_is_synced_once(registered: CommandLine) -> None:
    assert [outcome["instance"] for outcome in registered.json("sync", "home", "HOME", "home")] == ["home"]
    assert [outcome["instance"] for outcome in registered.json("rebuild", "entities", "home", "Home")] == ["home"]
    once = registered.run("silent-changes", "home", "--json")
    assert registered.run("silent-changes", "home", "Home", "--json").stdout == once.stdout


def test_an_unknown_run_is_reported(registered: CommandLine) -> None:
    done = registered.run("silent-changes", "--run", "999999")
    assert done.returncode == 1 and "There is no run 999999 yet" in done.stderr


def test_the_demo_mirrors_two_servers_in_different_zones_and_releases(tmp_path: Path) -> None:
    done = CommandLine(tmp_path / "home", None).run("demo", "--no-ui", "--scenes", "60")
    assert done.returncode == 0, done.stderr
    assert "Europe/Paris" in done.stdout and "America/Denver" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("│ scenes ")]
    *entities, matches = rows
    assert len(entities) == 2
    for row in entities:
        _, on_server, in_mirror, _ = (cell.strip() for cell in row.strip("│").split("│"))
        assert on_server == in_mirror == "60"
    # half of each library is the same, a third of it encoded again
    _, both, objects, links, _, _ = (cell.strip() for cell in matches.strip("│").split("│"))
    assert 15 <= int(both) <= 30 <= 120 == int(objects) and int(links) >= int(both)
    assert "groups of duplicate files" in done.stdout and "Nothing was changed." in done.stdout
    known = [line for line in done.stdout.partition("Scenes on the stash-box")[2].splitlines() if " 60 │" in line]
    matched = [int(line.strip("│").split("│")[2]) for line in known]
    # a box knows six of ten scenes, some by hashes of other files only
    assert len(matched) == 2 and all(10 <= number <= 45 for number in matched)
    # typed with a typo, and found on both servers
    query, *hits = done.stdout.partition("stash-pipeline search ")[2].splitlines()
    assert "kind:scene" in query
    first = next(line for line in hits if line.startswith("│ scene "))
    assert "denver, paris" in first
