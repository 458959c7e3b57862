"""What Dagster is given: the graph as it is known, and the tables behind it.

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

from stash_pipeline.assets.search import INDEX_KEY
from stash_pipeline.definitions import build_defs, defs
from stash_pipeline.partitions import INSTANCES
from stash_pipeline.settings import get_settings, sqlalchemy_url
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.tables import METADATA
from stash_pipeline_tests.assets.running import Assets

WITHOUT_ORIGIN = ("stash.merges", "catalog.sources", "catalog.vanished")
"""Tables whose columns come from no one column."""

GOLDEN = Path(__file__).with_name("definitions.json")


def _check_specs() -> list[dg.AssetCheckSpec]:
    graph = defs.get_repository_def().asset_graph
    return [graph.get_check_spec(key) for key in graph.asset_check_keys]


def described(specs: Assets) -> dict[str, Any]:
    """A compact description of the graph."""
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
    tables = sorted(name for name in assets if not name.startswith(("stash_server/", "stash_box_server/", "stashbox/")))
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
        "jobs": {
            name: "all assets of instances and layers" if job["assets"] == tables else job["assets"]
            for name, job in jobs.items()
        },
        "checks": {
            f"{spec.asset_key.to_user_string()} {spec.name}": "blocking" if spec.blocking else "tells"
            for spec in sorted(_check_specs(), key=lambda spec: (spec.name, spec.asset_key))
        },
        "schedules": sorted(schedule.name for schedule in repository.schedule_defs),
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def lines(graph: dict[str, Any]) -> str:
    """One line per asset, for readable differences."""
    assets = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in graph["assets"].items())
    rest = json.dumps({name: one for name, one in graph.items() if name != "assets"}, indent=1)
    return '{\n "assets": {\n' + assets + "\n },\n" + rest[2:] + "\n"


def test_the_asset_graph_equals_the_golden_file(graph: Assets) -> None:
    text = lines(described(graph))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, "utf-8")
    assert text.splitlines() == GOLDEN.read_text("utf-8").splitlines(), "see the first lines of this module"


def test_definitions_can_be_built_twice_and_are_valid() -> None:
    dg.Definitions.validate_loadable(build_defs(get_settings()))
    dg.Definitions.validate_loadable(build_defs(get_settings()))


def test_every_asset_has_description_owner_and_table(specs: Assets) -> None:
    for key, spec in specs.items():
        name = key.to_user_string()
        assert spec.description and spec.description.strip().endswith("."), name
        assert list(spec.owners), name
        assert spec.kinds, name
        assert spec.group_name, name
        assert len(key.path) == 2, name
        if key == INDEX_KEY:
            # no table of Postgres
            continue
        assert spec.metadata["dagster/table_name"] == ".".join(key.path), name
        columns = spec.metadata["dagster/column_schema"]
        assert isinstance(columns, dg.TableSchema) and columns.columns, name


NOT_DERIVED = {
    ("matches", name) for name in ("decisions", "resolved_decisions", "phashes", "link_counts", "totals")
} | {
    ("catalog", "row_counts"),
    *(("stashbox", name) for name in ("scene_fingerprints", "listings", "listed_scenes")),
    *(("search", name) for name in ("states", "row_counts", "indexes")),
}
"""Tables that are no assets: what people decided, and what a layer keeps for itself."""

VIEWS = {("stashbox", "missing")}
"""Assets that are views."""


def test_assets_match_the_tables_and_columns_of_the_database(specs: Assets, graph_database: str) -> None:
    engine = create_engine(sqlalchemy_url(graph_database))
    inspector = inspect(engine)
    there = {
        (schema, table)
        for schema in ("raw", "stash", "stashbox", "matches", "catalog", "search")
        for table in inspector.get_table_names(schema=schema)
    }
    tables = {key: spec for key, spec in specs.items() if key != INDEX_KEY}
    assert {tuple(key.path) for key in tables} == (there - NOT_DERIVED) | VIEWS
    for key, spec in tables.items():
        schema, table = key.path
        shown = [column.name for column in spec.metadata["dagster/column_schema"].columns]
        # in another order where a column was added later
        assert sorted(shown) == sorted(column["name"] for column in inspector.get_columns(table, schema=schema)), key
    engine.dispose()


def test_the_migrated_schema_equals_the_table_registry(graph_database: str) -> None:
    def include(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name in ("ops", "raw", "stash", "stashbox", "matches", "catalog", "search")
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


def test_every_table_and_column_has_a_comment_unless_exempt(graph_database: str) -> None:
    with connect(graph_database) as connection:
        rows = connection.execute(
            "SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace\n"
            "WHERE nspname IN ('ops', 'raw', 'stash', 'stashbox', 'matches', 'catalog', 'search')\n"
            "AND relkind IN ('r', 'p') AND relname <> 'alembic_version'\n"
            "AND obj_description(c.oid, 'pg_class') IS NULL"
        ).fetchall()
    assert rows == []


@pytest.mark.parametrize("name", ["refresh", "reconcile", "sweep"])
def test_sync_jobs_select_all_assets(name: str, specs: Assets) -> None:
    job = defs.get_repository_def().get_job(name)
    assert [node.name for node in job.nodes] == ["sync_instance"], "the check of all servers is none of one run"
    assert job.asset_layer.executable_asset_keys == {key for key in specs if key.path[0] != "stashbox"}
    assert job.partitions_def == INSTANCES


def test_assets_depend_only_on_existing_assets(graph: Assets) -> None:
    for key, spec in graph.items():
        for dep in spec.deps:
            assert dep.asset_key in graph, (key, dep)
        if key.path[0] == "stash":
            assert any(dep.asset_key.path[0] == "raw" for dep in spec.deps), key


def test_every_column_names_its_source_and_its_foreign_key(specs: Assets) -> None:
    columns = {
        ".".join(key.path): {column.name: column.tags for column in spec.metadata["dagster/column_schema"].columns}
        for key, spec in specs.items()
        if key != INDEX_KEY
    }
    for table, found in columns.items():
        for column, tags in found.items():
            # a merge comes from no one table, and a revision from the log
            has_origin = table not in WITHOUT_ORIGIN and not table.startswith(("raw.", "matches.", "stashbox."))
            if table.startswith("search.") and table not in WITHOUT_ORIGIN:
                # most are of many columns, which the lineage has
                has_origin = "from" in tags
            has_origin = has_origin and not (table.startswith("catalog.") and column == "revision")
            assert set(tags) <= {"from", "refers_to"} and ("from" in tags) == has_origin, (table, column)
            for origin in tags.values():
                source, _, name = origin.rpartition(".")
                assert name in columns[source], (table, column, origin)
    assert columns["catalog.scenes"]["studio_id"] == {
        "from": "stash.scenes.studio_id",
        "refers_to": "catalog.studios.id",
    }
    assert columns["catalog.scene_tags"]["tag_id"] == {
        "from": "stash.scene_tags.tag_id",
        "refers_to": "catalog.tags.id",
    }
    assert columns["stash.scenes"]["studio_id"] == {"from": "raw.scenes.document", "refers_to": "stash.studios.id"}
    assert columns["stash.scene_tags"]["tag_id"] == {"from": "raw.scenes.document", "refers_to": "stash.tags.id"}
    assert columns["stash.scene_tags"]["scene_id"] == {"from": "raw.scenes.id", "refers_to": "stash.scenes.id"}


def test_every_column_of_a_layer_has_its_lineage(specs: Assets) -> None:
    for key, spec in specs.items():
        if (
            key == INDEX_KEY
            or key.path[0] not in ("stash", "catalog", "search")
            or ".".join(key.path) in WITHOUT_ORIGIN[1:]
        ):
            continue
        lineage = spec.metadata["dagster/column_lineage"]
        assert isinstance(lineage, dg.TableColumnLineage)
        columns = [column.name for column in spec.metadata["dagster/column_schema"].columns]
        for column, deps in lineage.deps_by_column.items():
            assert column in columns and deps, (key, column)
            for dep in deps:
                there = specs[dep.asset_key].metadata["dagster/column_schema"].columns
                assert dep.column_name in [one.name for one in there], (key, column, dep)
        if key != dg.AssetKey(["stash", "merges"]):
            assert {*lineage.deps_by_column, "revision"} == {*columns, "revision"}, key


def test_documents_and_tables_have_different_descriptions(specs: Assets) -> None:
    for entity in ENTITIES:
        raw, table = specs[dg.AssetKey(["raw", entity.name])], specs[dg.AssetKey(["stash", entity.name])]
        assert raw.description and table.description and table.description not in raw.description
        assert "JSON" in raw.description and f"stash/{entity.name}" in raw.description
