"""What the web interface's own API says of the assets, and that a run can be launched from it."""

from typing import Any

import pytest

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.tables import JOINS
from stash_pipeline_tests.ui.conftest import Interface
from stash_pipeline_tests.ui.launching import launch

pytestmark = pytest.mark.processes

MATERIALIZATIONS = """
query Latest($key: AssetKeyInput!, $partitions: [String!]) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      assetMaterializations(partitions: $partitions, limit: 1) {
        runId partition
        metadataEntries { label __typename ... on IntMetadataEntry { intValue }
          ... on MarkdownMetadataEntry { mdStr } ... on TextMetadataEntry { text } }
      }
    }
  }
}
"""


def latest(interface: Interface, key: list[str], partition: str | None = None) -> dict[str, Any]:
    """The latest materialization of an asset, or of one of its partitions; its metadata by label."""
    partitions = None if partition is None else [partition]
    node = interface.ask(MATERIALIZATIONS, key={"path": key}, partitions=partitions)["assetNodeOrError"]
    found = node["assetMaterializations"]
    assert found, f"{key} was never materialized for {partition}"
    return {**found[0], "metadata": {entry["label"]: entry for entry in found[0]["metadataEntries"]}}


def test_every_table_is_an_asset_in_the_group_of_its_layer(interface: Interface) -> None:
    nodes = interface.ask(
        "{assetNodes{assetKey{path} groupName isPartitioned description owners{... on TeamAssetOwner{team}}}}"
    )
    groups: dict[str, set[str]] = {}
    for node in nodes["assetNodes"]:
        groups.setdefault(node["groupName"], set()).add("/".join(node["assetKey"]["path"]))
        assert node["description"] and node["owners"]
        shared = ("stash_servers", "stash_box_servers", "matches", "catalog", "catalog_lists", "search")
        assert node["isPartitioned"] == (node["groupName"] not in shared)
    assert groups["raw_pages"] == {f"raw/{entity.name}" for entity in ENTITIES} | {"raw/pages", "raw/history"}
    assert groups["entities"] == {f"stash/{entity.name}" for entity in ENTITIES}
    assert groups["joins"] == {f"stash/{table}" for table in JOINS} | {"stash/merges"}
    assert {"matches/links", "matches/clusters", "matches/duplicates"} <= groups["matches"]
    assert {"catalog/scenes", "catalog/performers"} <= groups["catalog"]
    assert groups["search"] == {f"search/{name}" for name in ("documents", "vanished", "marker_tags", "index")}
    assert "stashbox/lookups" in groups["stash_box"]
    assert groups["stash_servers"] == {f"stash_server/{entity.name}" for entity in ENTITIES}


def test_lineage_reaches_from_servers_to_columns(interface: Interface) -> None:
    query = """
    query Lineage($key: AssetKeyInput!) {
      assetNodeOrError(assetKey: $key) {
        ... on AssetNode {
          isExecutable
          dependencyKeys { path }
          assetObservations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue } } }
          metadataEntries { label ... on TableColumnLineageMetadataEntry {
            lineage { columnName columnDeps { assetKey { path } columnName } } } }
        }
      }
    }
    """
    server, raw, table = (
        interface.ask(query, key={"path": path})["assetNodeOrError"]
        for path in (["stash_server", "scenes"], ["raw", "scenes"], ["stash", "scenes"])
    )
    assert not server["isExecutable"]
    (observed,) = server["assetObservations"]
    assert "objects" in {entry["label"] for entry in observed["metadataEntries"]}
    assert raw["dependencyKeys"] == [{"path": ["stash_server", "scenes"]}]
    (lineage,) = [entry["lineage"] for entry in table["metadataEntries"] if entry["label"] == "dagster/column_lineage"]
    by_column = {entry["columnName"]: entry["columnDeps"] for entry in lineage}
    assert by_column["title"] == [{"assetKey": {"path": ["raw", "scenes"]}, "columnName": "document"}]


def test_partitions_are_the_registered_instances(interface: Interface) -> None:
    node = interface.ask('{assetNodeOrError(assetKey:{path:["stash","scenes"]}){... on AssetNode{partitionKeys}}}')
    assert node["assetNodeOrError"]["partitionKeys"] == ["first", "second"]


def test_runs_of_commands_are_listed_under_their_job(interface: Interface) -> None:
    runs = interface.ask(
        "{runsOrError{... on Runs{results{jobName status repositoryOrigin{repositoryLocationName} tags{key value}}}}}"
    )
    mine = [
        run for run in runs["runsOrError"]["results"] if {"key": "dagster/partition", "value": "first"} in run["tags"]
    ]
    assert mine and mine[-1]["jobName"] == "refresh" and mine[-1]["status"] == "SUCCESS"
    assert mine[-1]["repositoryOrigin"]["repositoryLocationName"] == "stash_pipeline"
    tags = {tag["key"]: tag["value"] for tag in mine[-1]["tags"]}
    assert tags["stash_pipeline/mode"] == "changes" and tags["stash_pipeline/lane"] in ("graphql", "snapshot")
    assert tags["stash_pipeline/reason"] == "stash-pipeline sync first"
    assert tags["stash_pipeline/requested_by"] == "command line"


def test_a_run_launched_by_graphql_syncs_the_instance(interface: Interface) -> None:
    run_id = launch(interface, "second")
    scenes = latest(interface, ["stash", "scenes"], "second")
    assert scenes["runId"] == run_id
    on_server = interface.stash.execute("{findScenes(filter:{per_page:0}){count}}", None)["data"]["findScenes"]["count"]
    assert scenes["metadata"]["dagster/partition_row_count"]["intValue"] == on_server
    assert scenes["metadata"]["inserted"]["intValue"] == on_server
    assert "| " in scenes["metadata"]["preview"]["mdStr"]
    with connect(interface.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM stash.scenes t JOIN ops.instances i ON i.id = t.instance_id WHERE i.name = 'second'"
        ).fetchone()
    assert row == (on_server,)


def test_a_run_without_changes_materializes_only_the_ledger(interface: Interface) -> None:
    before = latest(interface, ["stash", "scenes"], "first")["runId"]
    run_id = launch(interface, "first")
    assert latest(interface, ["raw", "pages"], "first")["runId"] == run_id
    assert latest(interface, ["stash", "scenes"], "first")["runId"] == before
    assert latest(interface, ["raw", "scenes"], "first")["runId"] == before


def test_an_edit_on_the_server_materializes_only_affected_tables(interface: Interface) -> None:
    before = latest(interface, ["stash", "performers"], "first")["runId"]
    answer = interface.stash.execute(
        'mutation{sceneUpdate(input:{id:"1", title:"Edited from outside", tag_ids:["1"]}){id}}', None
    )
    assert answer["data"]["sceneUpdate"]["id"] == "1", answer
    run_id = launch(interface, "first")
    assert latest(interface, ["raw", "scenes"], "first")["runId"] == run_id
    scenes = latest(interface, ["stash", "scenes"], "first")
    assert scenes["runId"] == run_id
    assert scenes["metadata"]["updated"]["intValue"] == 1
    assert latest(interface, ["stash", "performers"], "first")["runId"] == before
    with connect(interface.database_url) as connection:
        rows = connection.execute(
            "SELECT s.title, array_agg(t.tag_id) FROM stash.scenes s\n"
            "JOIN ops.instances i ON i.id = s.instance_id AND i.name = 'first'\n"
            "JOIN stash.scene_tags t ON t.instance_id = s.instance_id AND t.scene_id = s.id\n"
            "WHERE s.id = 1 GROUP BY 1"
        ).fetchall()
    assert rows == [("Edited from outside", [1])]


def test_tables_that_an_edit_did_not_change_are_not_shown_as_outdated(interface: Interface) -> None:
    before = latest(interface, ["catalog", "scene_files"])["runId"]
    interface.stash.execute('mutation{sceneUpdate(input:{id:"2", title:"Edited once more"}){id}}', None)
    run_id = launch(interface, "first")
    assert latest(interface, ["catalog", "scenes"])["runId"] == run_id
    assert latest(interface, ["catalog", "scene_files"])["runId"] == before
    nodes = interface.ask("{assetNodes{assetKey{path} staleStatus staleCauses{partitionKey key{path}}}}")["assetNodes"]
    (files,) = [node for node in nodes if node["assetKey"]["path"] == ["catalog", "scene_files"]]
    assert files["staleStatus"] == "FRESH", files["staleCauses"]
    # a partition that is new may leave tables of all instances as they were
    assert not [cause for node in nodes for cause in node["staleCauses"] if cause["partitionKey"] is None]
