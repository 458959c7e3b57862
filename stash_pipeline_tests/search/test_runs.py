"""The search index in runs of Dagster: in the same step as the layers, and caught up by itself."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.search import INDEX_KEY
from stash_pipeline.automation.shared_layers import index_state, layers_due
from stash_pipeline.commands.status import search_index
from stash_pipeline.definitions import defs
from stash_pipeline.layers import LAYERS, configured
from stash_pipeline.runtime.in_process import run_job
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.settings import Settings, get_settings, load_settings, settings_in_use
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers.shared import states
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.assets.conftest import _no_waiting, _template, dagster, graph_database, graph_home
from stash_pipeline_tests.assets.running import checks, library, materializations, refresh, registered

pytestmark = pytest.mark.integration

__all__ = ["_no_waiting", "_template", "dagster", "graph_database", "graph_home"]


@pytest.fixture
def stash(dagster: dg.DagsterInstance, graph_database: str, graph_home: Path) -> Iterator[SimulatedStash]:
    """A server that was synced."""
    made = SimulatedStash(library(12))
    with registered(dagster, graph_database, graph_home, "home", made) as instance:
        assert refresh(dagster, "home").success
        yield made
    with connect(graph_database) as connection:
        remove_instance(connection, instance.id)


def index_of(settings: Settings) -> TantivyBackend:
    return TantivyBackend(settings.home / "search")


def tick(dagster: dg.DagsterInstance, cursor: str | None = None) -> Any:
    layers = configured(LAYERS, get_settings())
    context = dg.build_sensor_context(instance=dagster, cursor=cursor)
    return layers_due(context, WarehouseResource(get_settings), layers, time.time())


def change(stash: SimulatedStash, dagster: dg.DagsterInstance, title: str) -> Any:
    stash.library.execute("UPDATE scenes SET title = ? WHERE id = 3", [title])
    return refresh(dagster, "home", mode="reconcile")


def test_a_broken_index_delays_itself_only_and_is_caught_up(
    stash: SimulatedStash, dagster: dg.DagsterInstance, graph_database: str
) -> None:
    settings = get_settings()
    root = settings.home / "search"
    shutil.rmtree(root)
    # no directory can be made there
    root.write_text("in the way")
    run = change(stash, dagster, "Not yet in the index")
    assert run.success
    found = materializations(dagster, run.run_id)
    assert "search.documents" in found and "search.index" not in found
    records = dagster.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = [record.event_log_entry.get_dagster_event().asset_check_evaluation_data for record in records]
    (current,) = [one for one in evaluations if one.asset_key == INDEX_KEY and one.check_name == "is_current"]
    assert not current.passed and current.severity == dg.AssetCheckSeverity.ERROR
    with connect(graph_database) as connection:
        status = search_index(connection, settings)
        assert not status["current"] and "could not follow" in status["error"]
        assert all(state.current for state in states(connection, LAYERS))
    # it is retried later
    skipped = tick(dagster)
    assert "index is retried" in str(skipped.skip_message if isinstance(skipped, dg.SkipReason) else skipped)
    root.unlink()
    with connect(graph_database) as connection:
        connection.execute("UPDATE search.indexes SET failed_at = now() - interval '2 hours'")
    (request,) = tick(dagster).run_requests
    assert request.asset_selection == [INDEX_KEY]
    done = run_job("follow", instance=dagster)
    assert done.success, done.failure
    assert set(materializations(dagster, done.run_id)) == {"search.index"}
    with connect(graph_database) as connection:
        assert search_index(connection, settings)["current"]
    assert not tick(dagster).run_requests


def test_an_index_that_is_gone_is_noticed(stash: SimulatedStash, dagster: dg.DagsterInstance) -> None:
    shutil.rmtree(get_settings().home / "search")
    (request,) = tick(dagster).run_requests
    assert request.asset_selection == [INDEX_KEY]
    alone = defs.get_repository_def().get_job("follow").get_subset(asset_selection=frozenset([INDEX_KEY]))
    done = alone.execute_in_process(instance=dagster)
    assert done.success and set(materializations(dagster, done.run_id)) == {"search.index"}
    assert index_of(get_settings()).state()


def test_a_setting_leaves_the_index_to_other_homes(
    stash: SimulatedStash,
    dagster: dg.DagsterInstance,
    graph_database: str,
    graph_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = get_settings().home / "search"
    shutil.rmtree(root)
    with monkeypatch.context() as environment:
        environment.setenv("STASH_PIPELINE_SEARCH_INDEX", "false")
        with settings_in_use(load_settings(home=graph_home).with_database(graph_database)):
            run = change(stash, dagster, "Only in the documents")
            assert run.success
            found = materializations(dagster, run.run_id)
            assert "search.documents" in found and "search.index" not in found
            assert not tick(dagster).run_requests
    assert not root.exists()
    (request,) = tick(dagster).run_requests
    assert request.asset_selection == [INDEX_KEY]
    assert run_job("follow", instance=dagster).success
    assert index_of(get_settings()).state()


def test_a_run_without_changes_leaves_the_index_alone(
    stash: SimulatedStash, dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(self: TantivyBackend) -> None:
        raise AssertionError("the files of the index were read")

    monkeypatch.setattr(TantivyBackend, "state", read)
    run = refresh(dagster, "home", mode="changes")
    assert run.success and "search.index" not in materializations(dagster, run.run_id)
    assert all(passed for passed, _ in checks(dagster, run.run_id).values())
    # a run that compares everything reads them
    later = refresh(dagster, "home", mode="reconcile")
    assert later.success and not all(passed for passed, _ in checks(dagster, later.run_id).values())
    monkeypatch.undo()
    assert run_job("follow", instance=dagster).success


def test_another_process_that_writes_delays_the_index(
    stash: SimulatedStash, dagster: dg.DagsterInstance, graph_database: str
) -> None:
    settings = get_settings()
    with index_of(settings).writer():
        stash.library.execute("UPDATE scenes SET title = 'Later' WHERE id = 3")
        run = refresh(dagster, "home", mode="reconcile", shared_wait_seconds=0.1)
        assert run.success and "search.index" not in materializations(dagster, run.run_id)
        with connect(graph_database) as connection:
            assert search_index(connection, settings)["error"] is None
            state = index_state(connection, settings)
            assert state.revision is not None and state.revision < state.head
    second = tick(dagster, tick(dagster).cursor)
    assert second.run_requests[0].asset_selection == [INDEX_KEY]


def test_a_rebuild_makes_documents_and_index_again(stash: SimulatedStash, dagster: dg.DagsterInstance) -> None:
    run = run_job(
        "rebuild_search",
        instance=dagster,
        run_config={"ops": {"sync_instance": {"config": {"rebuild": ["search"]}}}},
    )
    assert run.success, run.failure
    found = materializations(dagster, run.run_id)
    assert set(found) == {"search.documents", "search.vanished", "search.marker_tags", "search.index"}
    assert found["search.index"]["rebuilt_because"] == "a rebuild was requested"
    assert all(passed for passed, _ in checks(dagster, run.run_id).values())


def test_a_setting_that_includes_images_makes_the_layer_again(
    stash: SimulatedStash, dagster: dg.DagsterInstance, graph_database: str
) -> None:
    with connect(graph_database) as connection:
        assert all(state.current for state in states(connection, configured(LAYERS, get_settings())))
        with_images = configured(LAYERS, get_settings().model_copy(update={"search_images": True}))
        outdated = [state.name for state in states(connection, with_images) if state.outdated]
    assert outdated == ["search"]


def test_the_documents_of_a_removed_instance_leave_the_index(
    stash: SimulatedStash, dagster: dg.DagsterInstance, graph_database: str
) -> None:
    with connect(graph_database) as connection:
        row = connection.execute("SELECT id FROM ops.instances WHERE name = 'home'").fetchone()
        assert row
        remove_instance(connection, row[0])
    assert run_job("follow", instance=dagster).success
    state = index_of(get_settings()).state()
    assert state and state.documents == 0
