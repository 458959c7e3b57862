"""One running interface, over two mirrored libraries, for all tests of this folder."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.instances import add_instance
from stash_pipeline.runtime.supervisor import serving
from stash_pipeline.settings import load_settings, settings_in_use
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline_tests.conftest import temporary_home
from stash_pipeline_tests.ports import free_port

AUTOMATION = """{repositoriesOrError {... on RepositoryConnection {nodes {
    sensors {id name sensorState {id status}} schedules {id name scheduleState {id status}}}}}}"""

TICKS = """{repositoriesOrError {... on RepositoryConnection {nodes {
    sensors {sensorState {name ticks(limit: 1) {status}}}
    schedules {scheduleState {name ticks(limit: 1) {status}}}}}}}"""


@dataclass
class Interface:
    """A running interface: its URL, its home, the database behind it, the simulated server of instance ``first``."""

    url: str
    home: Path
    database_url: str
    stash: SimulatedStash

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL query to Dagster's web server."""
        response = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer = response.json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


@pytest.fixture(scope="package")
def interface() -> Iterator[Interface]:
    """Two instances registered; ``first`` has been mirrored, ``second`` has not, and nothing runs by itself."""
    library = Library.create()
    generate_library(library, scenes=40, seed=3, timezone="Europe/Paris")
    stash = SimulatedStash(library, timezone="Europe/Paris")
    with temporary_home() as home:
        yield from _interface(stash, home)


def _interface(stash: SimulatedStash, home: Path) -> Iterator[Interface]:
    # the live process follows a server as soon as it is connected, whatever the state of sensors
    settings = load_settings(home=home, live=False)
    with (
        stash.running() as server,
        open_warehouse(settings) as ready,
        settings_in_use(ready),
        serving(ready, free_port()) as running,
    ):
        interface = Interface(running.url, home, running.database_url, stash)
        switch_off(interface)
        with connect(ready.database() or "") as connection:
            for name in ("first", "second"):
                add_instance(connection, name, server.url, home=home)
        outcomes = sync_instances(ready, ["first"], [], show=False)
        assert [outcome["success"] for outcome in outcomes] == [True], outcomes
        yield interface


def switch_off(interface: Interface) -> None:
    """Turns every sensor and schedule off, as a person does on the page."""
    (repository,) = interface.ask(AUTOMATION)["repositoriesOrError"]["nodes"]
    for sensor in repository["sensors"]:
        done = interface.ask("mutation($id: String!) {stopSensor(id: $id) {__typename}}", id=sensor["id"])
        assert done["stopSensor"]["__typename"] == "StopSensorMutationResult"
    for schedule in repository["schedules"]:
        done = interface.ask("mutation($id: String!) {stopRunningSchedule(id: $id) {__typename}}", id=schedule["id"])
        assert done["stopRunningSchedule"]["__typename"] == "ScheduleStateResult"
    (repository,) = interface.ask(AUTOMATION)["repositoriesOrError"]["nodes"]
    states = [sensor["sensorState"] for sensor in repository["sensors"]]
    states += [schedule["scheduleState"] for schedule in repository["schedules"]]
    assert {state["status"] for state in states} == {"STOPPED"}
    # a tick that began before would launch a run for an instance that is added now
    end = time.monotonic() + 60
    while ticks := running_ticks(interface):
        assert time.monotonic() < end, ticks
        time.sleep(0.1)


def running_ticks(interface: Interface) -> list[str]:
    """The names of the sensors and schedules whose latest tick has not ended."""
    (repository,) = interface.ask(TICKS)["repositoriesOrError"]["nodes"]
    states = [sensor["sensorState"] for sensor in repository["sensors"]]
    states += [schedule["scheduleState"] for schedule in repository["schedules"]]
    return [state["name"] for state in states if any(tick["status"] == "STARTED" for tick in state["ticks"])]
