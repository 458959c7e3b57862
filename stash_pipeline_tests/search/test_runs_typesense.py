"""Runs of Dagster that keep their search index on a Typesense server: from a change on a Stash server to its hit."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.automation.shared_layers import index_state
from stash_pipeline.commands.status import search_index
from stash_pipeline.layers import LAYERS
from stash_pipeline.runtime.in_process import run_job
from stash_pipeline.search import open_search
from stash_pipeline.settings import Settings, get_settings, settings_in_use
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers.shared import states
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.assets.conftest import _no_waiting, _template, dagster, graph_database, graph_home
from stash_pipeline_tests.assets.running import checks, library, materializations, refresh, registered
from stash_pipeline_tests.search.typesense_server import KEY, StandIn, running

pytestmark = pytest.mark.integration

__all__ = ["_no_waiting", "_template", "dagster", "graph_database", "graph_home"]


@pytest.fixture
def typesense() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture
def settings(dagster: dg.DagsterInstance, typesense: StandIn) -> Iterator[Settings]:
    changed = Settings.model_validate(
        {
            **get_settings().model_dump(),
            "typesense_url": typesense.url,
            "typesense_key": KEY,
            "typesense_timeout_seconds": 5,
        }
    )
    with settings_in_use(changed):
        yield changed


@pytest.fixture
def stash(
    settings: Settings, dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> Iterator[SimulatedStash]:
    """A server that was synced, and whose documents the Typesense server has."""
    made = SimulatedStash(library(12))
    with registered(dagster, graph_database, graph_home, "home", made) as instance:
        run = refresh(dagster, "home")
        assert run.success, run.failure
        assert "search.index" in materializations(dagster, run.run_id)
        assert all(passed for passed, _ in checks(dagster, run.run_id).values())
        yield made
    with connect(graph_database) as connection:
        remove_instance(connection, instance.id)


def titles(settings: Settings, query: str) -> list[str]:
    """Those that a search of the user gives."""
    with open_search(settings) as opened:
        return [hit.title for hit in opened.search(query).hits]


def test_a_change_on_the_server_is_found_after_the_same_run(
    stash: SimulatedStash, settings: Settings, dagster: dg.DagsterInstance
) -> None:
    assert not titles(settings, '"painted lighthouse"')
    stash.library.execute("UPDATE scenes SET title = 'The Painted Lighthouse' WHERE id = 3")
    run = refresh(dagster, "home", mode="reconcile")
    assert run.success and "search.index" in materializations(dagster, run.run_id)
    assert titles(settings, "paintd lighthose") == ["The Painted Lighthouse"]


def test_a_server_that_refuses_delays_the_index_alone_and_it_is_caught_up(
    stash: SimulatedStash,
    settings: Settings,
    typesense: StandIn,
    dagster: dg.DagsterInstance,
    graph_database: str,
) -> None:
    right, typesense.key = typesense.key, "another-key-9876543210"
    stash.library.execute("UPDATE scenes SET title = 'The Painted Lighthouse' WHERE id = 3")
    run = refresh(dagster, "home", mode="reconcile")
    found = materializations(dagster, run.run_id)
    assert run.success and "search.documents" in found and "search.index" not in found
    with connect(graph_database) as connection:
        assert all(state.current for state in states(connection, LAYERS))
        status = search_index(connection, settings)
        assert not status["current"] and "key" in status["error"] and KEY not in status["error"]
    typesense.key = right
    done = run_job("follow", instance=dagster)
    assert done.success and set(materializations(dagster, done.run_id)) == {"search.index"}
    with connect(graph_database) as connection:
        state = index_state(connection, settings)
    assert state.revision == state.head
    assert titles(settings, '"painted lighthouse"') == ["The Painted Lighthouse"]
