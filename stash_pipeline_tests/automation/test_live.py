"""The warm process follows hints of servers by runs, and launches none for nothing."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.live import subscriptions
from stash_pipeline.live.hints import Hint
from stash_pipeline.live.service import Service
from stash_pipeline.live.state import read_state
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.in_process import run_job
from stash_pipeline.settings import get_settings
from stash_pipeline.simulator.faults import Fault
from stash_pipeline.warehouse.connect import connect, instance_lock
from stash_pipeline_tests.automation.servers import Server, registered, run_of

# each reads a server into all layers first
pytestmark = pytest.mark.processes


@contextmanager
def serving(
    dagster: dg.DagsterInstance, warehouse: str, home: Path, *, plugin: bool = True
) -> Iterator[tuple[Service, Server]]:
    """The service, connected to one server that was read."""
    with registered(warehouse, home, "home", refreshed=False) as server:
        server.stash.plugin = plugin
        sync_partitions(dagster, ["home"])
        assert run_job("refresh", instance=dagster, partition_key="home").success
        with closing(Service(get_settings(), dagster)) as service:
            until(service, lambda: "connected, with" in state(service, server)["subscriptions"])
            # the hint of the new connection
            until(service, lambda: not service.inbox._batches)
            yield service, server


def until(service: Service, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        service.step(0.05)
        assert time.monotonic() < end


def state(service: Service, server: Server) -> dict[str, Any]:
    service.step(0)
    found: dict[str, Any] = read_state(service.settings.home)["instances"][server.instance.uuid]
    return found


def mutate(server: Server, mutation: str) -> None:
    """A mutation over HTTP, which calls hooks."""
    import httpx

    answer = httpx.post(f"{server.url}/graphql", json={"query": f"mutation {{ {mutation} }}"})
    assert "errors" not in answer.json(), answer.text


def titles(warehouse: str) -> set[str]:
    with connect(warehouse) as connection:
        return {title for (title,) in connection.execute("SELECT title FROM stash.scenes")}


def test_an_edit_is_synced_at_once_by_one_run(dagster: dg.DagsterInstance, warehouse: str) -> None:
    with serving(dagster, warehouse, get_settings().home) as (service, server):
        mutate(server, 'sceneUpdate(input: {id: "1", title: "Edited"}) {id}')
        until(service, lambda: service.runs == 1)
        assert "Edited" in titles(warehouse)
        run = dagster.get_runs(limit=1)[0]
        assert run.tags["stash_pipeline/requested_by"] == "live" and run.tags["stash_pipeline/mode"] == "changes"
        assert state(service, server)["via"] == "log"
        # the same hint again, and that of an object that does not exist, cost a request and launch nothing
        for identifier in (1, 4711):
            before = server.requests
            service.receive(server.instance.uuid, Hint("webhook", "scenes", identifier, "Update"))
            until(service, lambda: not service.inbox._batches)
            assert service.runs == 1 and server.requests > before


def test_a_change_that_no_count_and_no_time_shows_is_found_by_its_id(
    dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with serving(dagster, warehouse, get_settings().home) as (service, server):
        server.stash.library.connection.execute("UPDATE scenes SET title = 'Silent' WHERE id = 2")
        service.receive(server.instance.uuid, Hint("webhook", "scenes", 2, "Update"))
        until(service, lambda: service.runs == 1)
        assert "Silent" in titles(warehouse)
        assert dagster.get_runs(limit=1)[0].tags["stash_pipeline/mode"] == "objects"


def test_a_run_of_another_process_comes_first(dagster: dg.DagsterInstance, warehouse: str) -> None:
    with serving(dagster, warehouse, get_settings().home) as (service, server):
        other = run_of(dagster, "home", dg.DagsterRunStatus.QUEUED)
        mutate(server, 'tagCreate(input: {name: "A new tag"}) {id}')
        end = time.monotonic() + 3
        while time.monotonic() < end:
            service.step(0.1)
        assert service.runs == 0
        dagster.report_run_canceled(other)
        until(service, lambda: service.runs == 1)


def test_a_new_connection_asks_the_server_and_launches_nothing_if_nothing_changed(
    dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with serving(dagster, warehouse, get_settings().home) as (service, server):
        listener = service._listeners[server.instance.uuid]
        runs = len(dagster.get_runs())

        def reconnect() -> None:
            broken = listener._connection
            assert broken is not None
            broken.socket.shutdown(socket.SHUT_RDWR)
            until(service, lambda: listener._connection is not broken and "connected, with" in listener.state)

        before = server.requests
        reconnect()
        # the plugins, and the question of the sensor
        until(service, lambda: server.requests >= before + 2 and not service.inbox._batches)
        assert service.runs == 0 and len(dagster.get_runs()) == runs
        # what changed while there was no connection is found
        server.change()
        reconnect()
        until(service, lambda: service.runs == 1)
        assert "connected" in dagster.get_runs(limit=1)[0].tags["stash_pipeline/reason"]


def test_a_plugin_that_is_installed_while_connected_is_found(
    dagster: dg.DagsterInstance, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_LOOK_SECONDS", 0.1)
    with serving(dagster, warehouse, get_settings().home, plugin=False) as (service, server):
        assert state(service, server)["subscriptions"] == "connected, without the plugin"
        server.stash.plugin = True
        # the server sends something every few seconds
        until(service, lambda: state(service, server)["subscriptions"] == "connected, with the plugin")
        mutate(server, 'sceneUpdate(input: {id: "1", title: "Edited"}) {id}')
        until(service, lambda: service.runs == 1)
        assert state(service, server)["via"] == "log"


def test_hints_are_kept_until_the_server_answers(dagster: dg.DagsterInstance, warehouse: str) -> None:
    with serving(dagster, warehouse, get_settings().home) as (service, server):
        server.stash.library.connection.execute("UPDATE scenes SET title = 'Silent' WHERE id = 3")
        server.counting.add(Fault("5xx", next=1))
        service.receive(server.instance.uuid, Hint("webhook", "scenes", 3, "Update"))
        until(service, lambda: service.runs == 1)
        assert "Silent" in titles(warehouse)


def test_a_comparison_of_the_sensor_does_not_make_a_run_fail(dagster: dg.DagsterInstance, warehouse: str) -> None:
    with serving(dagster, warehouse, get_settings().home) as (service, server):
        runs = len(dagster.get_runs())
        # a comparison holds the lock of the instance, without a run
        with instance_lock(warehouse, server.instance.id, "home"):
            mutate(server, 'tagCreate(input: {name: "A new tag"}) {id}')
            end = time.monotonic() + 3
            while time.monotonic() < end:
                service.step(0.1)
            assert len(dagster.get_runs()) == runs
        until(service, lambda: service.runs == 1)
        assert dagster.get_runs(limit=1)[0].is_success


def test_a_forged_hint_for_an_instance_that_was_never_read_does_nothing(
    dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with (
        registered(warehouse, get_settings().home, "home", refreshed=False) as server,
        closing(Service(get_settings(), dagster)) as service,
    ):
        service.step(0)
        service.receive(server.instance.uuid, Hint("webhook"))
        until(service, lambda: not service.inbox._batches)
        assert service.runs == 0
