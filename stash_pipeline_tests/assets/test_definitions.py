"""What Dagster is given: the graph as it is known, the tables behind it, and runs of it.

``definitions.json`` beside this file is the graph as it was last agreed on. After a change on purpose:
``UPDATE_GOLDEN=1 pytest stash_pipeline_tests/assets``; the difference is then read in the commit.
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from stash_pipeline.definitions import build_defs, defs
from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.partitions import INSTANCES, keep_in_step
from stash_pipeline.runtime.in_process import run_job
from stash_pipeline.settings import get_settings, sqlalchemy_url
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.tables import METADATA
from stash_pipeline_tests.assets.running import fill, library, materializations, refresh, registered
from stash_pipeline_tests.mirror.answers import simulated_answers
from stash_pipeline_tests.mirror.oracle import describe, expected_tables, mismatches

GOLDEN = Path(__file__).with_name("definitions.json")

Assets = dict[dg.AssetKey, dg.AssetSpec]


@pytest.fixture(scope="module")
def graph() -> Assets:
    return {spec.key: spec for spec in defs.resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def specs(graph: Assets) -> Assets:
    """Without what lies on the servers."""
    return {key: spec for key, spec in graph.items() if key.path[0] != "stash_server"}


# --- the graph ------------------------------------------------------------------------------------------


def _check_specs() -> list[dg.AssetCheckSpec]:
    graph = defs.get_repository_def().asset_graph
    return [graph.get_check_spec(key) for key in graph.asset_check_keys]


def described(specs: Assets) -> dict[str, Any]:
    """The graph in as few words as possible."""
    repository = defs.get_repository_def()
    assets = {
        spec.key.to_user_string(): {
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "partitions": spec.partitions_def.name
            if isinstance(spec.partitions_def, dg.DynamicPartitionsDefinition)
            else None,
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        }
        for spec in sorted(specs.values(), key=lambda spec: spec.key)
    }
    tables = sorted(name for name in assets if not name.startswith("stash_server/"))
    names = [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")]
    jobs = {
        name: {
            "assets": sorted(
                key.to_user_string() for key in repository.get_job(name).asset_layer.executable_asset_keys
            ),
        }
        for name in sorted(names)
    }
    return {
        "assets": assets,
        "jobs": {name: "all assets" if job["assets"] == tables else job["assets"] for name, job in jobs.items()},
        "checks": {
            f"{spec.asset_key.to_user_string()} {spec.name}": "blocking" if spec.blocking else "tells"
            for spec in sorted(_check_specs(), key=lambda spec: spec.name)
        },
        "schedules": sorted(schedule.name for schedule in repository.schedule_defs),
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def lines(graph: dict[str, Any]) -> str:
    """One asset a line, so that a difference is read at a glance."""
    assets = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in graph["assets"].items())
    rest = json.dumps({name: one for name, one in graph.items() if name != "assets"}, indent=1)
    return '{\n "assets": {\n' + assets + "\n },\n" + rest[2:] + "\n"


def test_the_graph_is_the_one_that_was_agreed_on(graph: Assets) -> None:
    text = lines(described(graph))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, "utf-8")
    assert text.splitlines() == GOLDEN.read_text("utf-8").splitlines(), "see the first lines of this module"


def test_definitions_can_be_built_twice_and_are_valid() -> None:
    dg.Definitions.validate_loadable(build_defs(get_settings()))
    dg.Definitions.validate_loadable(build_defs(get_settings()))


def test_every_asset_says_what_it_is_who_owns_it_and_which_table_it_makes(specs: Assets) -> None:
    for key, spec in specs.items():
        name = key.to_user_string()
        assert spec.description and spec.description.strip().endswith("."), name
        assert list(spec.owners), name
        assert spec.kinds, name
        assert spec.group_name, name
        assert spec.metadata["dagster/table_name"] == ".".join(key.path), name
        columns = spec.metadata["dagster/column_schema"]
        assert isinstance(columns, dg.TableSchema) and columns.columns, name
        assert len(key.path) == 2, name


def test_assets_are_the_tables_of_the_database_and_their_columns(specs: Assets, graph_database: str) -> None:
    engine = create_engine(sqlalchemy_url(graph_database))
    inspector = inspect(engine)
    there = {(schema, table) for schema in ("raw", "stash") for table in inspector.get_table_names(schema=schema)}
    assert {tuple(key.path) for key in specs} == there
    for key, spec in specs.items():
        schema, table = key.path
        shown = [column.name for column in spec.metadata["dagster/column_schema"].columns]
        # in another order where a column was added later
        assert sorted(shown) == sorted(column["name"] for column in inspector.get_columns(table, schema=schema)), key
    engine.dispose()


def test_the_migrated_schema_is_the_registry_of_tables(graph_database: str) -> None:
    def include(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name in ("ops", "raw", "stash")
        return not (kind == "table" and name == "alembic_version")

    engine = create_engine(sqlalchemy_url(graph_database))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": include,
                "compare_type": True,
                "version_table_schema": "ops",
            },
        )
        with warnings.catch_warnings():
            # files lie in folders, folders in zip files
            warnings.filterwarnings("ignore", "Cannot correctly sort tables")
            differences = compare_metadata(context, METADATA)
    engine.dispose()
    assert differences == []


def test_everything_in_the_database_has_a_comment_or_needs_none(graph_database: str) -> None:
    with connect(graph_database) as connection:
        rows = connection.execute(
            "SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace\n"
            "WHERE nspname IN ('ops', 'raw', 'stash') AND relkind IN ('r', 'p') AND relname <> 'alembic_version'\n"
            "AND obj_description(c.oid, 'pg_class') IS NULL"
        ).fetchall()
    assert rows == []


@pytest.mark.parametrize("name", ["refresh", "reconcile", "sweep"])
def test_all_assets_are_in_the_jobs_that_read(name: str, specs: Assets) -> None:
    job = defs.get_repository_def().get_job(name)
    assert [node.name for node in job.nodes] == ["mirror"], "the check of all servers is none of one run"
    assert job.asset_layer.executable_asset_keys == specs.keys()
    assert job.partitions_def == INSTANCES


def test_an_asset_depends_on_nothing_that_is_not_there(graph: Assets) -> None:
    for key, spec in graph.items():
        for dep in spec.deps:
            assert dep.asset_key in graph, (key, dep)
        if key.path[0] == "stash":
            assert any(dep.asset_key.path[0] == "raw" for dep in spec.deps), key


# --- runs -----------------------------------------------------------------------------------------------


def check_equal(database: str, instance: Instance, stash: SimulatedStash) -> None:
    expected = expected_tables(simulated_answers(stash))
    with connect(database) as connection:
        found = mismatches(connection, instance.id, expected)
    assert not found, describe(found)


def test_a_run_materializes_every_table_and_a_second_one_only_the_ledger(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, specs: Assets
) -> None:
    stash = SimulatedStash(library())
    with registered(dagster, graph_database, graph_home, "first", stash) as instance:
        run = refresh(dagster, "first")
        assert run.success, run.failure
        found = materializations(dagster, run.run_id)
        assert set(found) == {".".join(key.path) for key in specs}
        with connect(graph_database) as connection:
            for table, metadata in found.items():
                if table == "raw.history":
                    assert metadata["documents_kept"] == 0 and metadata["changed_fields"] == "none"
                    continue
                if table == "raw.pages":
                    assert metadata["pages"] > 0 and metadata["bytes"] > 0 and metadata["release"] == "v0.30.1"
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

        again = refresh(dagster, "first")
        assert again.success, again.failure
        assert set(materializations(dagster, again.run_id)) == {"raw.pages"}

        stash.library.execute("UPDATE scenes SET title = 'changed' WHERE id = 3")
        stash.library.execute("DELETE FROM scenes_tags WHERE scene_id = 3")
        third = refresh(dagster, "first")
        found = materializations(dagster, third.run_id)
        assert set(found) == {"raw.pages", "raw.history", "raw.scenes", "stash.scenes", "stash.scene_tags"}
        assert found["raw.history"]["documents_kept"] == 1 and found["raw.history"]["by_kind"] == "scenes 1"
        assert found["raw.history"]["changed_fields"] == "scenes.tags 1, scenes.title 1"
        assert found["raw.scenes"]["updated"] == 1
        assert found["raw.scenes"]["changed_fields"] == "tags 1, title 1"
        assert found["raw.scenes"]["unchanged"] == found["raw.scenes"]["fetched"] - 1
        assert (found["stash.scenes"]["inserted"], found["stash.scenes"]["updated"]) == (0, 1)
        assert found["stash.scene_tags"]["removed"] >= 0
        check_equal(graph_database, instance, stash)

        reported = refresh(dagster, "first", report_unchanged=True)
        assert len(materializations(dagster, reported.run_id)) >= len(ENTITIES) + 1


def test_every_column_says_where_it_comes_from_and_whose_id_it_is(specs: Assets) -> None:
    columns = {
        ".".join(key.path): {column.name: column.tags for column in spec.metadata["dagster/column_schema"].columns}
        for key, spec in specs.items()
    }
    for table, found in columns.items():
        for column, tags in found.items():
            # a merge comes from no one table
            has_origin = table.startswith("stash.") and table != "stash.merges"
            assert set(tags) <= {"from", "refers_to"} and ("from" in tags) == has_origin, (table, column)
            for origin in tags.values():
                source, _, name = origin.rpartition(".")
                assert name in columns[source], (table, column, origin)
    assert columns["stash.scenes"]["studio_id"] == {"from": "raw.scenes.document", "refers_to": "stash.studios.id"}
    assert columns["stash.scene_tags"]["tag_id"] == {"from": "raw.scenes.document", "refers_to": "stash.tags.id"}
    assert columns["stash.scene_tags"]["scene_id"] == {"from": "raw.scenes.id", "refers_to": "stash.scenes.id"}


def test_every_column_of_a_layer_has_its_lineage(specs: Assets) -> None:
    for key, spec in specs.items():
        if key.path[0] != "stash":
            continue
        lineage = spec.metadata["dagster/column_lineage"]
        assert isinstance(lineage, dg.TableColumnLineage)
        columns = [column.name for column in spec.metadata["dagster/column_schema"].columns]
        for column, deps in lineage.deps_by_column.items():
            assert column in columns and deps, (key, column)
            for dep in deps:
                there = specs[dep.asset_key].metadata["dagster/column_schema"].columns
                assert dep.column_name in [one.name for one in there], (key, column, dep)
        assert len(lineage.deps_by_column) == len(columns) or key == dg.AssetKey(["stash", "merges"]), key


def test_a_run_observes_what_the_server_says_where_that_is_new(
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
        first = observed()
        assert first["stash_server/scenes"]["objects"] == 10 and "stash_server/tags" in first
        assert observed() == {}
        stash.library.execute("UPDATE scenes SET updated_at = '2031-01-01T00:00:00Z' WHERE id = 3")
        seen = observed(mode="changes")
        assert set(seen) == {"stash_server/scenes"}
        assert seen["stash_server/scenes"]["newest_timestamp"].startswith("2031-01-01")


def test_documents_and_tables_are_not_described_alike(specs: Assets) -> None:
    for entity in ENTITIES:
        raw, table = specs[dg.AssetKey(["raw", entity.name])], specs[dg.AssetKey(["stash", entity.name])]
        assert raw.description and table.description and table.description not in raw.description
        assert "JSON" in raw.description and f"stash/{entity.name}" in raw.description


def test_a_run_without_an_instance_says_that_one_is_to_be_chosen(dagster: dg.DagsterInstance) -> None:
    run = run_job("refresh", instance=dagster)
    assert not run.success and run.failure is not None
    assert run.failure.startswith("No instance was chosen.") and "partition" in run.failure


@pytest.mark.parametrize(("job", "mode"), [("refresh", "changes"), ("reconcile", "reconcile"), ("sweep", "sweep")])
def test_a_job_does_what_it_is_named_for_and_its_run_says_so(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, job: str, mode: str
) -> None:
    name = f"named-{job}"
    with registered(dagster, graph_database, graph_home, name, SimulatedStash(library(6))):
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


def test_a_server_that_does_not_answer_is_a_failed_run_with_one_sentence(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    with connect(graph_database) as connection:
        add_instance(connection, "gone", "http://127.0.0.1:9", home=graph_home)
        names = [row[0] for row in connection.execute("SELECT name FROM ops.instances").fetchall()]
    keep_in_step(dagster, names)
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


def test_an_unknown_kind_is_a_failed_run_with_one_sentence(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    with registered(dagster, graph_database, graph_home, "unknown", SimulatedStash(library(6))):
        run = refresh(dagster, "unknown", entities=["scenes", "senes"])
    assert not run.success
    assert run.failure is not None and "senes" in run.failure and "scenes" in run.failure


def test_a_server_that_lost_its_library_is_followed_when_the_run_is_told_so(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(60))
    with registered(dagster, graph_database, graph_home, "lost", stash) as instance:
        fill(instance)
        stash.library = Library.create()
        run = refresh(dagster, "lost")
        assert not run.success
        assert run.failure is not None and "accept_removals" in run.failure and "\n" not in run.failure.strip()
        assert refresh(dagster, "lost", accept_removals=True).success
        check_equal(graph_database, instance, stash)


def test_a_rebuild_makes_entities_and_joins_anew_without_asking_the_server(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(20))
    with registered(dagster, graph_database, graph_home, "doubtful", stash) as instance:
        assert refresh(dagster, "doubtful").success
    with connect(graph_database) as connection:
        connection.execute("UPDATE stash.scenes SET title = 'wrong' WHERE instance_id = %s", [instance.id])
        connection.execute("DELETE FROM stash.scene_tags WHERE instance_id = %s", [instance.id])
    run = run_job("rebuild", instance=dagster, partition_key="doubtful")
    assert run.success, run.failure
    found = materializations(dagster, run.run_id)
    assert found and all(table.startswith("stash.") for table in found)
    assert found["stash.scenes"]["inserted"] == 20
    check_equal(graph_database, instance, stash)


def test_a_dry_run_observes_and_materializes_nothing(
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


def test_some_kinds_only_can_be_read(dagster: dg.DagsterInstance, graph_database: str, graph_home: Path) -> None:
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


def test_any_part_of_the_graph_can_be_materialized_alone(
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
        run = refresh(dagster, "parts")
        assert run.success, run.failure
        check_equal(graph_database, instance, stash)


def test_an_instance_that_was_removed_is_a_sentence_too(dagster: dg.DagsterInstance, graph_database: str) -> None:
    dagster.add_dynamic_partitions("instances", ["never-registered"])
    run = refresh(dagster, "never-registered")
    assert not run.success
    assert run.failure is not None and "There is no instance 'never-registered'" in run.failure
    assert "\n" not in run.failure


def test_partitions_follow_the_registry(dagster: dg.DagsterInstance) -> None:
    before = dagster.get_dynamic_partitions("instances")
    added, removed = keep_in_step(dagster, [*before, "a-new-one"])
    assert (added, removed) == (["a-new-one"], [])
    assert keep_in_step(dagster, [*before, "a-new-one"]) == ([], [])
    assert keep_in_step(dagster, list(before)) == ([], ["a-new-one"])


def test_no_event_of_a_run_holds_the_key(dagster: dg.DagsterInstance, graph_database: str, graph_home: Path) -> None:
    key = "key-that-nobody-may-see"
    stash = SimulatedStash(library(12), api_key=key)
    with stash.running() as server, connect(graph_database) as connection:
        add_instance(connection, "locked", server.url, home=graph_home, api_key=key)
        add_instance(connection, "wrong", server.url, home=graph_home, api_key=key + "-wrong")
        names = [row[0] for row in connection.execute("SELECT name FROM ops.instances").fetchall()]
        keep_in_step(dagster, names)
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
