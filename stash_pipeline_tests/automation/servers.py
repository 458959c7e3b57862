"""Registered instances with simulated servers on loopback, and Dagster runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.utils import make_new_run_id

from stash_pipeline.instances import Instance, add_instance, record_probe
from stash_pipeline.runtime.dagster_home import DEFINITIONS_MODULE
from stash_pipeline.runtime.dagster_internals import RemoteJobOrigin
from stash_pipeline.runtime.in_process import _remote_repository
from stash_pipeline.simulator.faults import Fault, Faults
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.probing import probe, probe_document
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.working import SimulatorTransport


class Server:
    """A simulated server and its registered instance."""

    def __init__(
        self, stash: SimulatedStash, counting: "Counting", url: str, instance: Instance, database_url: str
    ) -> None:
        self.stash = stash
        self.counting = counting
        self.url = url
        self.instance = instance
        self.database_url = database_url
        self.made = 0

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return self.counting.seen

    def refreshed(self) -> None:
        """Records what a successful refresh would: the probe and its current response."""
        with StashClient(self.url, self.stash.api_key) as client, connect(self.database_url) as connection:
            document = _document()
            record_probe(connection, self.instance.id, document, probe(client, document))

    def change(self) -> None:
        """Adds a tag."""
        self.made += 1
        self._do(f'tagCreate(input: {{name: "tag {self.made} of the test"}})')

    def edit(self) -> None:
        """Changes the title of a scene."""
        self._do('sceneUpdate(input: {id: "1", title: "Edited"})')

    def _do(self, mutation: str) -> None:
        answer = self.stash.execute(f"mutation {{{mutation} {{id}}}}")
        assert "errors" not in answer, answer


@cache
def _document() -> str:
    """The probe of the newest release; introspecting a server takes a while."""
    with StashClient("http://stash.test", transport=SimulatorTransport(SimulatedStash(Library.create()))) as client:
        return probe_document(plan_library(client.introspect()))


class Counting(Faults):
    """Counts requests, and injects faults that a test adds."""

    seen = 0

    def next(self) -> list[Fault]:
        """The faults of the next request."""
        self.seen += 1
        return super().next()

    def add(self, fault: Fault) -> None:
        """Injects a fault from the next request on."""
        with self._lock:
            self.faults.append(fault)
            self._left.append(fault.next or 0)


@contextmanager
def registered(
    database_url: str, home: Path, name: str, *, refreshed: bool = True, api_key: str | None = None, **more: Any
) -> Iterator[Server]:
    """A running, registered server; by default as if it had been refreshed."""
    library = Library.create()
    generate_library(library, scenes=8, seed=len(name))
    counting = Counting([])
    stash = SimulatedStash(library, api_key=api_key, faults=counting)
    with stash.running() as running:
        with connect(database_url) as connection:
            instance = add_instance(connection, name, running.url, home=home, api_key=api_key, **more)
        server = Server(stash, counting, running.url, instance, database_url)
        if refreshed:
            server.refreshed()
        counting.seen = 0
        yield server


def run_of(dagster: dg.DagsterInstance, name: str, status: dg.DagsterRunStatus, job: str = "refresh") -> dg.DagsterRun:
    """A run in Dagster's storage that is never executed."""
    run = dg.DagsterRun(
        job_name=job,
        run_id=make_new_run_id(),
        status=status,
        tags={"dagster/partition": name, "test": "yes"},
        remote_job_origin=RemoteJobOrigin(_remote_repository(DEFINITIONS_MODULE), job),
    )
    return dagster.add_run(run)
