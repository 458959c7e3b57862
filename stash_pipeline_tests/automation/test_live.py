"""The warm process follows hints of servers by runs, and launches none for nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.live.hints import Hint
from stash_pipeline.live.service import Service
from stash_pipeline.live.state import read_state
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.in_process import run_job
from stash_pipeline.settings import get_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.automation.servers import Server, registered, run_of

# each reads a server into all layers first
pytestmark = pytest.mark.processes


@contextmanager
def serving(dagster: dg.DagsterInstance, warehouse: str, home: Path) -> Iterator[tuple[Service, Server]]:
    """The service, connected to one server that was read."""
    with registered(warehouse, home, "home", refreshed=False) as server:
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
