"""Runs of the graph: what they materialize, observe, and say of themselves and of what went wrong."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.assets.stashbox import stashbox_keys
from stash_pipeline.definitions import defs
from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.runtime.in_process import run_job
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.assets.running import Assets, fill, library, materializations, refresh, registered
from stash_pipeline_tests.mirror.answers import simulated_answers
from stash_pipeline_tests.mirror.oracle import describe, expected_tables, mismatches

pytestmark = pytest.mark.integration


def check_equal(database: str, instance: Instance, stash: SimulatedStash) -> None:
    expected = expected_tables(simulated_answers(stash))
    with connect(database) as connection:
        found = mismatches(connection, instance.id, expected)
    assert not found, describe(found)


EMPTY_AT_FIRST = (
    "matches.links",
    "matches.redirects",
    "matches.stashbox_candidates",
    "matches.stashbox_proposals",
    "search.vanished",
)
"""Tables without a row as long as there is one server, and no stash-box."""


def test_the_first_run_materializes_every_table_and_the_second_only_the_ledger(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, specs: Assets
) -> None:
    stash = SimulatedStash(library())
    with registered(dagster, graph_database, graph_home, "first", stash) as instance:
        run = refresh(dagster, "first")
        assert run.success, run.failure
        found = materializations(dagster, run.run_id)
        assert set(found) == {".".join(key.path) for key in specs if key.path[0] != "stashbox"}
        with connect(graph_database) as connection:
            for table, metadata in found.items():
                if table == "raw.history":
                    assert metadata["documents_archived"] == 0 and metadata["changed_fields"] == "none"
                    continue
                if table == "raw.pages":
                    assert metadata["pages"] > 0 and metadata["bytes"] > 0 and metadata["release"] == "v0.30.1"
                    continue
                if table == "search.index":
                    assert metadata["documents"] == found["search.documents"]["dagster/row_count"] > 0
                    assert metadata["sample_queries"].count("\n") == 6 and metadata["size_in_bytes"] > 0
                    continue
                if table.startswith(("matches.", "search.")):
                    assert metadata["dagster/row_count"] > 0 or table in EMPTY_AT_FIRST
                    continue
                if table.startswith("catalog."):
                    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                    assert row is not None and metadata["dagster/row_count"] == row[0], table
                    continue
                query = f"SELECT count(*) FROM {table} WHERE instance_id = %s"
                row = connection.execute(query, [instance.id]).fetchone()
                assert row is not None
                assert metadata["dagster/partition_row_count"] == row[0], table
                assert metadata["inserted"] == row[0], table
                assert metadata["updated"] == metadata["removed"] == 0, table
                assert metadata["preview"] == "*no rows*" or metadata["preview"].startswith("|"), table
                assert (metadata["preview"] == "*no rows*") == (row[0] == 0), table
        check_equal(graph_database, instance, stash)

        again = refresh(dagster, "first", mode="reconcile")
        assert again.success, again.failure
        assert set(materializations(dagster, again.run_id)) == {"raw.pages"}
        # the UI looks for one event of each, and no stash-box is registered
        for key in stashbox_keys():
            events = [record.asset_materialization for record in dagster.fetch_materializations(key, limit=10).records]
            assert [event and event.metadata["dagster/row_count"].value for event in events] == [0], key

        stash.library.execute("UPDATE scenes SET title = 'changed' WHERE id = 3")
        stash.library.execute("DELETE FROM scenes_tags WHERE scene_id = 3")
        third = refresh(dagster, "first", mode="reconcile")
        found = materializations(dagster, third.run_id)
        assert set(found) == {
            *("raw.pages", "raw.history", "raw.scenes", "stash.scenes", "stash.scene_tags"),
            # the title is a key by which scenes are matched
            "matches.keys",
            *("catalog.scenes", "catalog.scene_tags", "search.documents", "search.index"),
        }
        assert found["catalog.scenes"]["updated"] == 1
        assert found["search.index"]["documents_written"] == found["search.documents"]["updated"] >= 1
        assert "rebuilt_because" not in found["search.index"]
        assert found["raw.history"]["documents_archived"] == 1 and found["raw.history"]["by_entity"] == "scenes 1"
        assert found["raw.history"]["changed_fields"] == "scenes.tags 1, scenes.title 1"
        assert found["raw.scenes"]["updated"] == 1
        assert found["raw.scenes"]["changed_fields"] == "tags 1, title 1"
        assert found["raw.scenes"]["unchanged"] == found["raw.scenes"]["fetched"] - 1
        assert (found["stash.scenes"]["inserted"], found["stash.scenes"]["updated"]) == (0, 1)
        assert found["stash.scene_tags"]["removed"] >= 0
        check_equal(graph_database, instance, stash)

        reported = refresh(dagster, "first", mode="reconcile", report_unchanged=True)
        assert len(materializations(dagster, reported.run_id)) >= len(ENTITIES) + 1


def test_a_run_observes_the_server_when_its_state_is_new(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(10))

    def observed(**config: Any) -> dict[str, dict[str, Any]]:
        run = refresh(dagster, "seen", **config)
        assert run.success, run.failure
        records = dagster.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION).records
        events = [record.event_log_entry.get_dagster_event().asset_observation_data for record in records]
        assert all(event.asset_observation.partition == "seen" for event in events)
        return {
            event.asset_observation.asset_key.to_user_string(): {
                name: value.value for name, value in event.asset_observation.metadata.items()
            }
            for event in events
        }

    with registered(dagster, graph_database, graph_home, "seen", stash):
        first = observed(mode="changes")
        assert first["stash_server/scenes"]["objects"] == 10 and "stash_server/tags" in first
        assert observed(mode="reconcile") == {}
        stash.library.execute("UPDATE scenes SET updated_at = '2031-01-01T00:00:00Z' WHERE id = 3")
        seen = observed(mode="changes")
        assert set(seen) == {"stash_server/scenes"}
        assert seen["stash_server/scenes"]["newest_timestamp"].startswith("2031-01-01")


def test_a_run_without_an_instance_asks_to_choose_one(dagster: dg.DagsterInstance) -> None:
    run = run_job("refresh", instance=dagster)
    assert not run.success and run.failure is not None
    assert "No instance was selected." in run.failure and "partition" in run.failure


def test_a_run_without_a_stash_box_asks_to_choose_one(dagster: dg.DagsterInstance) -> None:
    run = run_job("stash_boxes", instance=dagster)
    assert not run.success and run.failure is not None
    assert "No stash-box was selected." in run.failure and "partition" in run.failure


@pytest.mark.parametrize(("job", "mode"), [("refresh", "changes"), ("reconcile", "reconcile"), ("sweep", "sweep")])
def test_each_job_runs_its_mode_and_the_run_is_tagged_with_it(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, job: str, mode: str
) -> None:
    name = f"named-{job}"
    with registered(dagster, graph_database, graph_home, name, SimulatedStash(library(6))) as instance:
        fill(instance)
        # without configuration, as a program launches it, and with the job's own, as the page does
        configs: tuple[dict[str, Any] | None, ...] = ({"ops": {}}, None)
        for config in configs:
            run = run_job(job, instance=dagster, partition_key=name, run_config=config)
            assert run.success, run.failure
            found = dagster.get_run_by_id(run.run_id)
            assert found is not None
            assert found.tags["stash_pipeline/mode"] == mode
            assert found.tags["stash_pipeline/lane"] in ("graphql", "snapshot")
            with connect(graph_database) as connection:
                rows = connection.execute(
                    "SELECT mode FROM ops.sync_runs WHERE dagster_run_id = %s ORDER BY id", [run.run_id]
                ).fetchall()
            assert rows[-1] == (mode,)


def test_an_unreachable_server_fails_the_run_with_one_sentence(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    with connect(graph_database) as connection:
        add_instance(connection, "gone", "http://127.0.0.1:9", home=graph_home)
        names = [row[0] for row in connection.execute("SELECT name FROM ops.instances").fetchall()]
    sync_partitions(dagster, names)
    run = refresh(dagster, "gone")
    assert not run.success
    assert run.failure is not None
    assert "127.0.0.1:9" in run.failure
    assert "`stash-pipeline instances edit gone --url URL`" in run.failure
    assert "`stash-pipeline instances disable gone`" in run.failure
    assert "\n" not in run.failure and "Traceback" not in run.failure
    found = dagster.get_run_by_id(run.run_id)
    assert found is not None and found.status is dg.DagsterRunStatus.FAILURE
    assert materializations(dagster, run.run_id) == {}
    with connect(graph_database) as connection:
        row = connection.execute(
            "SELECT status, error FROM ops.sync_runs WHERE dagster_run_id = %s", [run.run_id]
        ).fetchone()
    assert row is not None and row[0] == "failed" and row[1] in run.failure


def test_an_unknown_entity_fails_the_run_with_one_sentence(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    with registered(dagster, graph_database, graph_home, "unknown", SimulatedStash(library(6))):
        run = refresh(dagster, "unknown", entities=["scenes", "senes"])
    assert not run.success
    assert run.failure is not None and "senes" in run.failure and "scenes" in run.failure


def test_a_mass_removal_is_applied_when_the_run_accepts_it(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(60))
    with registered(dagster, graph_database, graph_home, "lost", stash) as instance:
        fill(instance)
        stash.library = Library.create()
        run = refresh(dagster, "lost", mode="reconcile")
        assert not run.success
        assert run.failure is not None and "accept_removals" in run.failure and "\n" not in run.failure.strip()
        assert refresh(dagster, "lost", mode="reconcile", accept_removals=True).success
        check_equal(graph_database, instance, stash)


def test_a_rebuild_recreates_entities_and_joins_without_contacting_the_server(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(20))
    with registered(dagster, graph_database, graph_home, "doubtful", stash) as instance:
        fill(instance)
    with connect(graph_database) as connection:
        connection.execute("UPDATE stash.scenes SET title = 'wrong' WHERE instance_id = %s", [instance.id])
        connection.execute("DELETE FROM stash.scene_tags WHERE instance_id = %s", [instance.id])
    run = run_job("rebuild", instance=dagster, partition_key="doubtful")
    assert run.success, run.failure
    found = materializations(dagster, run.run_id)
    assert found and all(table.startswith(("stash.", "matches.", "catalog.", "search.")) for table in found)
    assert found["stash.scenes"]["inserted"] == 20
    check_equal(graph_database, instance, stash)


def test_a_dry_run_only_observes_and_materializes_nothing(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(12))
    with registered(dagster, graph_database, graph_home, "tried", stash) as instance:
        fill(instance)
        stash.library.execute("UPDATE scenes SET title = 'changed' WHERE id = 3")
        run = refresh(dagster, "tried", dry_run=True)
    assert run.success, run.failure
    assert materializations(dagster, run.run_id) == {}
    records = dagster.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION).records
    (observed,) = [
        record.event_log_entry.get_dagster_event().asset_observation_data.asset_observation for record in records
    ]
    assert observed.asset_key == dg.AssetKey(["raw", "scenes"]) and observed.partition == "tried"
    assert "→ changed" in str(observed.metadata["would_change"].value)


def test_a_run_can_be_limited_to_some_entities(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    with registered(dagster, graph_database, graph_home, "some", SimulatedStash(library(12))):
        run = refresh(dagster, "some", entities=["tags", "studios"])
        assert run.success, run.failure
        found = {name for name in materializations(dagster, run.run_id) if name.startswith("raw.")}
        assert found == {"raw.tags", "raw.studios", "raw.history", "raw.pages"}


def materialize(dagster: dg.DagsterInstance, partition: str, *tables: str) -> dg.ExecuteInProcessResult:
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        asset_selection=[dg.AssetKey(table.split(".")) for table in tables],
        partition_key=partition,
        instance=dagster,
        raise_on_error=False,
    )


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {".".join(event.asset_key.path) for event in result.get_asset_materialization_events() if event.asset_key}


def test_any_subset_of_the_graph_can_be_materialized(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(20))
    with registered(dagster, graph_database, graph_home, "parts", stash) as instance:
        # nothing was read yet: an empty table is no failure
        result = materialize(dagster, "parts", "stash.scenes")
        assert result.success
        result = materialize(dagster, "parts", "raw.scenes")
        assert result.success
        assert materialized(result) == {"raw.scenes"}
        result = materialize(dagster, "parts", "raw.tags", "stash.tags", "stash.scene_tags")
        assert result.success
        assert {"raw.tags", "stash.tags"} <= materialized(result) <= {"raw.tags", "stash.tags", "stash.scene_tags"}
        result = materialize(dagster, "parts", "stash.scenes")
        assert result.success and materialized(result) <= {"stash.scenes"}
        run = refresh(dagster, "parts", mode="changes")
        assert run.success, run.failure
        check_equal(graph_database, instance, stash)


def test_a_removed_instance_fails_the_run_with_one_sentence(dagster: dg.DagsterInstance, graph_database: str) -> None:
    dagster.add_dynamic_partitions("instances", ["never-registered"])
    run = refresh(dagster, "never-registered")
    assert not run.success
    assert run.failure is not None and "There is no instance 'never-registered'" in run.failure
    assert "\n" not in run.failure


def test_partitions_match_the_registered_instances(dagster: dg.DagsterInstance) -> None:
    before = dagster.get_dynamic_partitions("instances")
    added, removed = sync_partitions(dagster, [*before, "a-new-one"])
    assert (added, removed) == (["a-new-one"], [])
    assert sync_partitions(dagster, [*before, "a-new-one"]) == ([], [])
    assert sync_partitions(dagster, list(before)) == ([], ["a-new-one"])


def test_no_run_event_contains_the_api_key(dagster: dg.DagsterInstance, graph_database: str, graph_home: Path) -> None:
    key = "key-that-nobody-may-see"
    stash = SimulatedStash(library(12), api_key=key)
    with stash.running() as server, connect(graph_database) as connection:
        add_instance(connection, "locked", server.url, home=graph_home, api_key=key)
        add_instance(connection, "wrong", server.url, home=graph_home, api_key=key + "-wrong")
        names = [row[0] for row in connection.execute("SELECT name FROM ops.instances").fetchall()]
        sync_partitions(dagster, names)
        good, bad = refresh(dagster, "locked"), refresh(dagster, "wrong")
    assert good.success and not bad.success
    assert bad.failure is not None and "API key" in bad.failure
    for run in (good, bad):
        for record in dagster.all_logs(run.run_id):
            assert key not in str(record)
    with connect(graph_database) as connection:
        for table in ("event_logs", "runs", "asset_keys"):
            exists = connection.execute("SELECT to_regclass(%s)", [f"dagster.{table}"]).fetchone()
            schema = "dagster" if exists and exists[0] else "public"
            row = connection.execute(
                f"SELECT count(*) FROM {schema}.{table} t WHERE to_jsonb(t)::text LIKE '%%{key}%%'"
            ).fetchone()
            assert row == (0,), table
