"""Dagster's own commands in the root of a clone: `dagster dev`, `dagster definitions validate`, `dg`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import stash_pipeline
from stash_pipeline.settings import ENV_PREFIX, load_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline_tests.ports import free_port

pytestmark = pytest.mark.processes

ROOT = Path(stash_pipeline.__file__).parents[1]
SECONDS = 240
SCENES = 12

DEFINITIONS = """{repositoriesOrError {... on RepositoryConnection {nodes {name location {name}
    sensors {name sensorState {status}} schedules {name scheduleState {status}}}}}}"""
LAUNCH = """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
RUNS = "{runsOrError {... on Runs {results {runId jobName status tags {key value}}}}}"

SENSORS = {
    "changes_sensor", "instances_sensor", "notifications_sensor", "reconcile_sensor", "shared_layers_sensor",
    "sweep_sensor",
}  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what Dagster's commands look at."""
    root = tmp_path / "clone"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "stash_pipeline", root / "stash_pipeline", ignore=ignore)
    for name in ("dagster.yaml", "workspace.yaml", "pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    """Of somebody who has set nothing, but whose home is the test's."""
    ours = {f"{ENV_PREFIX}HOME": str(home), "HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"}
    return {**os.environ, **ours, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture
def server(clone: Path, environment: dict[str, str]) -> Iterator[SimulatedStash]:
    """A server that is registered as `home` and was never read."""
    library = Library.create()
    generate_library(library, scenes=SCENES, seed=5)
    stash = SimulatedStash(library)
    with stash.running() as running:
        done = run(clone, environment, "stash-pipeline", "instances", "add", "home", running.url)
        assert done.returncode == 0, done.stderr
        yield stash


def run(clone: Path, environment: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=clone, env=environment, text=True, capture_output=True, timeout=SECONDS)


def left_behind(home: Path) -> list[str]:
    """The processes that were started with this home, or work in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(f"{ENV_PREFIX}HOME") == str(home) or process.cwd().startswith(str(home)):
                found.append(" ".join(process.cmdline())[:150])
    return found


def wait_for(condition: Callable[[], Any], what: object = "") -> Any:
    """What the condition gives once it is true."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"waited too long: {what}"
        time.sleep(0.2)
    return found


def scenes_of(home: Path) -> int:
    with open_warehouse(load_settings(home=home)) as ready, connect(ready.database() or "") as connection:
        row = connection.execute("SELECT count(*) FROM stash.scenes").fetchone()
    assert row is not None
    return int(row[0])


def test_dagster_dev_starts_and_stops_its_postgres(
    clone: Path, environment: dict[str, str], home: Path, server: SimulatedStash, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "dev.log"
    with log.open("w") as output:
        dev = subprocess.Popen(
            ["dagster", "dev", "-p", str(port)],
            cwd=clone,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # whoever runs the tests in the background has them ignore it
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
        )

    def ask(query: str, **variables: Any) -> Any:
        assert dev.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            body = {"query": query, "variables": variables}
            return httpx.post(f"http://127.0.0.1:{port}/graphql", json=body, timeout=60).json().get("data")

    def definitions() -> Any:
        answer = ask(DEFINITIONS)
        return answer and answer["repositoriesOrError"].get("nodes")

    def ended(job: str) -> Any:
        found = [one for one in ask(RUNS)["runsOrError"]["results"] if one["jobName"] == job]
        return found and found[-1]["status"] in ("SUCCESS", "FAILURE", "CANCELED") and found[-1]

    try:
        (repository,) = wait_for(definitions, "the page")
        assert repository["location"]["name"] == "stash_pipeline"
        sensors = {one["name"]: one["sensorState"]["status"] for one in repository["sensors"]}
        assert sensors == dict.fromkeys(SENSORS, "RUNNING")
        # the daemon's sensor sees that the server was never read
        by_sensor = wait_for(lambda: ended("refresh"), "the run of the sensor")
        assert by_sensor["status"] == "SUCCESS", log.read_text()
        assert {"key": "stash_pipeline/requested_by", "value": "changes_sensor"} in by_sensor["tags"]
        selector = {"repositoryLocationName": "stash_pipeline", "repositoryName": "__repository__"}
        params = {
            "selector": {**selector, "pipelineName": "reconcile"},
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "home"}]},
        }
        launched = ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        by_hand = wait_for(lambda: ended("reconcile"), "the run that was launched")
        assert by_hand["status"] == "SUCCESS", log.read_text()
        assert {"key": "stash_pipeline/mode", "value": "reconcile"} in by_hand["tags"]
        assert scenes_of(home) == SCENES
        # as a terminal does it
        os.killpg(dev.pid, signal.SIGINT)
        assert dev.wait(SECONDS) == 0, log.read_text()
        wait_for(lambda: not left_behind(home), left_behind)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(dev.pid, signal.SIGKILL)
        dev.wait()
    assert "Traceback" not in log.read_text()
    assert scenes_of(home) == SCENES


@pytest.mark.parametrize("address", [None, "postgresql://nobody@127.0.0.1:1/nothing"])
@pytest.mark.parametrize("command", ["dagster definitions validate", "dg check defs"])
def test_definitions_are_validated_without_a_database(
    clone: Path, environment: dict[str, str], home: Path, command: str, address: str | None
) -> None:
    more = {f"{ENV_PREFIX}DATABASE_URL": address} if address else {}
    done = run(clone, {**environment, **more}, *command.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (home / "postgres").exists()
    assert left_behind(home) == []


def test_dg_lists_all_definitions(clone: Path, environment: dict[str, str], home: Path) -> None:
    done = run(clone, environment, "dg", "list", "defs", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"raw/scenes", "stash/scenes", "stash/scene_tags"} <= {one["asset_key"] for one in found["assets"]}
    names = {kind: {one["name"] for one in found[kind]} for kind in ("jobs", "schedules", "sensors")}
    assert {"refresh", "reconcile", "sweep", "rebuild", "maintain"} <= names["jobs"]
    assert names["schedules"] == {"stash_boxes_schedule", "maintenance_schedule", "export_schedule"}
    assert names["sensors"] == SENSORS
    assert not (home / "postgres").exists()


@pytest.mark.parametrize(
    "selection", [("--assets", "key:raw/* or key:stash/*"), ("--job", "sweep")], ids=["assets", "job"]
)
def test_dg_launch_syncs_an_instance(
    clone: Path, environment: dict[str, str], home: Path, server: SimulatedStash, selection: tuple[str, str]
) -> None:
    done = run(clone, environment, "dg", "launch", *selection, "--partition", "home")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: not left_behind(home), left_behind)
    assert scenes_of(home) == SCENES
