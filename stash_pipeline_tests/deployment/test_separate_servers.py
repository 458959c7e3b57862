"""The processes of compose.yaml, each started by its command there, with addresses of this host."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg
import pytest
import yaml

from stash_pipeline.runtime.process_leases import PROCESS_TAG
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.deployment.servers import RUN, Page, command, environment_of, is_well, started, wait_for
from stash_pipeline_tests.ports import free_port

pytestmark = pytest.mark.processes

SERVICES = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())["services"]
SCENES = 12
PROGRAM = (sys.executable, "-m", "stash_pipeline")


def command_of(service: str, ports: dict[str, int]) -> list[str]:
    """The command of a service; what it listens on and reaches is on this host."""
    words = []
    program, *arguments = SERVICES[service]["command"]
    assert program == "stash-pipeline"
    for word in arguments:
        word = word.replace("0.0.0.0", "127.0.0.1").replace("code:4000", f"127.0.0.1:{ports['code']}")
        words.append({"4000": str(ports["code"]), "3000": str(ports["web"])}.get(word, word))
    return words


def check_of(service: str, ports: dict[str, int]) -> list[str]:
    """The arguments of the health check of a service."""
    test = SERVICES[service]["healthcheck"]["test"]
    assert test[:4] == ["CMD", "python", "-m", "stash_pipeline.runtime.health"]
    return [{"4000": str(ports["code"]), "3000": str(ports["web"])}.get(word, word) for word in test[4:]]


@pytest.fixture
def stash() -> Iterator[str]:
    library = Library.create()
    generate_library(library, scenes=SCENES, seed=5)
    with SimulatedStash(library).running() as running:
        yield running.url


def test_a_run_launched_in_the_ui_is_executed_by_the_code_server(
    home: Path, empty_database_url: str, stash: str, tmp_path: Path
) -> None:
    ports = {"code": free_port(), "web": free_port()}
    environment = environment_of(home, empty_database_url)
    log = tmp_path / "servers.log"
    with ExitStack() as stack:
        # all at once: the others wait for the code server, which migrates the database
        for service in ("daemon", "web", "code"):
            stack.enter_context(started(environment, log, *command_of(service, ports)))
        for service in ("code", "web", "daemon"):
            wait_for(lambda name=service: is_well(environment, *check_of(name, ports)), log.read_text)  # type: ignore[misc]
        command(environment, "instances", "add", "home", stash)
        page = Page(ports["web"])
        wait_for(page.shows_the_definitions, log.read_text)
        run_id = page.launch("refresh", "home")
        assert page.ended(run_id)["status"] == "SUCCESS", log.read_text()
        with psycopg.connect(empty_database_url) as connection:
            assert connection.execute("SELECT count(*) FROM stash.scenes").fetchone() == (SCENES,)
            tag = "SELECT value::json ->> 'port' FROM dagster.run_tags WHERE run_id = %s AND key = '.dagster/grpc_info'"
            assert connection.execute(tag, [run_id]).fetchone() == (str(ports["code"]),)

        refused = subprocess.run(
            [*PROGRAM, *command_of("daemon", ports)], env=environment, capture_output=True, text=True, timeout=60
        )
        assert refused.returncode == 1 and "Another daemon serves this database" in refused.stderr
    assert not is_well(environment, *check_of("code", ports))
    assert not is_well(environment, *check_of("web", ports))


def test_a_run_of_a_code_server_that_was_killed_is_ended_and_launched_again(
    home: Path, empty_database_url: str, tmp_path: Path
) -> None:
    ports = {"code": free_port(), "web": free_port()}
    environment = environment_of(home, empty_database_url)
    log = tmp_path / "servers.log"
    library = Library.create()
    generate_library(library, scenes=SCENES, seed=5)
    slow = SimulatedStash(library)
    with slow.running() as server, ExitStack() as stack:
        code = subprocess.Popen([*PROGRAM, *command_of("code", ports)], env=environment)
        stack.callback(code.kill)
        for service in ("web", "daemon"):
            stack.enter_context(started(environment, log, *command_of(service, ports)))
        page = Page(ports["web"])
        wait_for(page.shows_the_definitions, log.read_text)
        command(environment, "instances", "add", "home", server.url)
        blocker = stack.enter_context(psycopg.connect(empty_database_url, autocommit=True))
        # the run waits for the instance until its process is killed
        (instance,) = blocker.execute("SELECT id FROM ops.instances").fetchone() or (0,)
        blocker.execute("SELECT pg_advisory_lock(%s, %s)", [0x53545348, instance])
        run_id = page.launch("refresh", "home")
        tagged = "SELECT EXISTS (SELECT FROM dagster.run_tags WHERE run_id = %s AND key = %s)"
        wait_for(lambda: blocker.execute(tagged, [run_id, PROCESS_TAG]).fetchone() == (True,), log.read_text)
        _kill_family(code)
        stack.enter_context(started(environment, log, *command_of("code", ports)))
        assert page.ended(run_id)["status"] == "FAILURE"
        blocker.close()
        again = wait_for(lambda: tag_of(page, run_id, "dagster/auto_retry_run_id"), log.read_text)
        assert page.ended(again)["status"] == "SUCCESS"


def tag_of(page: Page, run_id: str, key: str) -> str | None:
    """The value of a tag of a run, or None."""
    tags = page.ask(RUN, id=run_id)["runOrError"]["tags"]
    return next((str(tag["value"]) for tag in tags if tag["key"] == key), None)


def _kill_family(process: "subprocess.Popen[bytes]") -> None:
    """Kills a process with its children at once, as the end of a container does."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for one in family:
        one.send_signal(signal.SIGKILL)
    psutil.wait_procs(family)
