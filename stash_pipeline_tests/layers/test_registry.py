"""Everything that is derived from the layer registry includes a newly registered layer."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import stash_pipeline
from stash_pipeline.commands import status
from stash_pipeline.definitions import build_defs
from stash_pipeline.layers import LAYERS
from stash_pipeline.settings import ENV_PREFIX, load_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.documentation import tables_page
from stash_pipeline.warehouse.entities.layer import STASH_LAYER
from stash_pipeline.warehouse.layers.layer import effective_version, shared, with_those_after
from stash_pipeline.warehouse.layers.shared import follow, record_failure
from stash_pipeline_tests.layers.sample import LETTERS_LAYER, SAMPLE, TAG_NAMES, of_version

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(load_settings(), layers=SAMPLE)


def test_definitions_with_shared_layers_are_valid(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_table_of_a_layer_is_an_asset_of_its_group(defs: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    for layer in SAMPLE:
        for table in layer.tables:
            spec = specs[table.name.replace(".", "/")]
            assert spec.group_name == table.group and spec.code_version == table.version
            assert (spec.partitions_def is None) == (layer.scope == "all")
            assert {dep.asset_key.to_user_string().replace("/", ".") for dep in spec.deps} == set(table.upstream)
    lineage = specs["tag_names/names"].metadata["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineage)
    assert {dep.column_name for dep in lineage.deps_by_column["tags"]} == {"instance_id", "id"}


def test_sync_jobs_carry_changes_to_the_last_layer(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    last = dg.AssetKey(["letters", "letters"])
    for name in ("refresh", "reconcile", "sweep", "rebuild", "follow", "rebuild_tag_names", "rebuild_letters"):
        assert last in repository.get_job(name).asset_layer.executable_asset_keys, name
    assert repository.get_job("follow").partitions_def is None
    assert dg.AssetKey(["tag_names", "names"]) not in (
        repository.get_job("rebuild_letters").asset_layer.executable_asset_keys
    )


def test_every_shared_layer_has_a_freshness_check(defs: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in defs.get_repository_def().asset_graph.asset_check_keys}
    assert {"tag_names/members:is_current", "letters/letters:is_current", "tag_names/names:names_have_tags"} <= keys


def test_jobs_and_sensors_of_shared_layers_exist_only_with_a_shared_layer() -> None:
    repository = build_defs(load_settings(), layers=(STASH_LAYER,)).get_repository_def()
    assert "follow" not in {job.name for job in repository.get_all_jobs()}
    assert "shared_layers_sensor" not in {sensor.name for sensor in repository.sensor_defs}


def test_tables_md_has_a_section_per_group() -> None:
    page = tables_page(SAMPLE)
    assert "## Tag names\n" in page and "### tag_names.members\n" in page and "## Letters\n" in page


def test_schemas_md_lists_every_group_with_its_schema() -> None:
    page = (ROOT / "docs" / "schemas.md").read_text("utf-8")
    for layer in LAYERS:
        for table in layer.tables:
            assert f"| `{table.group}` | `{table.table.schema}` |" in page


def test_the_version_of_a_layer_includes_its_sources() -> None:
    one, two = shared(SAMPLE), shared(of_version("2"))
    assert effective_version(TAG_NAMES, one) == "1" and effective_version(two[0], two) == "2"
    assert effective_version(LETTERS_LAYER, one) != effective_version(LETTERS_LAYER, two)
    assert with_those_after(one, ["tag_names"]) == {"tag_names", "letters"}
    assert with_those_after(one, ["letters"]) == {"letters"}


def test_status_shows_the_progress_of_shared_layers(warehouse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stash_pipeline.layers.LAYERS", SAMPLE)
    with connect(warehouse) as connection:
        follow(connection, TAG_NAMES, SAMPLE)
        record_failure(connection, TAG_NAMES, "It failed.")
        names, letters = status.shared_layers(connection, load_settings())
    assert (names["layer"], names["current"], names["revisions_behind"], names["error"]) == (
        "tag_names", False, 0, "It failed.",
    )  # fmt: skip
    assert (letters["layer"], letters["current"], letters["revisions_behind"]) == ("letters", False, None)


def test_importing_assets_and_automation_reads_no_setting() -> None:
    """An invalid setting would fail the import; the definitions are built from settings, and report it."""
    package = Path(stash_pipeline.__file__).parent
    modules = [
        f"stash_pipeline.{folder}.{path.stem}"
        for folder in ("assets", "automation")
        for path in sorted((package / folder).glob("*.py"))
        if path.stem != "__init__"
    ]
    environment = {**os.environ, f"{ENV_PREFIX}PAGE_SIZE": "many"}
    script = f"import {', '.join(modules)}\nprint('imported', flush=True)\nimport stash_pipeline.definitions"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert result.stdout == "imported\n", result.stderr
    assert result.returncode != 0 and f"{ENV_PREFIX}PAGE_SIZE" in result.stderr


def test_definitions_use_the_given_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(changes_seconds=11, fast_answer_milliseconds=0)
    monkeypatch.setenv(f"{ENV_PREFIX}CHANGES_SECONDS", "many")
    defs = build_defs(settings)
    assert defs.resolve_sensor_def("changes_sensor").minimum_interval_seconds == 11
    resource = defs.get_repository_def().get_top_level_resources()["warehouse"].resource_fn(None)  # type: ignore[call-arg,arg-type]
    assert resource.settings is settings
