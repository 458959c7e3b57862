"""Rows of another version of this program are rebuilt automatically."""

from dataclasses import replace

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.integrity import compare_with_rebuild
from stash_pipeline.warehouse.entities.sql import TABLES
from stash_pipeline.warehouse.layers import versions as layer_versions
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline_tests.mirror.consumer import Consumer, differences
from stash_pipeline_tests.mirror.working import MakeMirror, Mirror


@pytest.fixture
def server(mirrored: MakeMirror) -> Mirror:
    made = mirrored()
    return made


def other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a new release changed the form of tag names."""
    tags = TABLES["tags"]
    monkeypatch.setitem(TABLES, "tags", replace(tags, select=tags.select.replace("d.name", "upper(d.name)", 1)))
    layer_versions.layer_version.cache_clear()


@pytest.mark.parametrize("mode", ["changes", "reconcile", "sweep"])
def test_a_refresh_after_an_upgrade_replaces_all_old_rows(
    server: Mirror, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    consumer = Consumer(server.database_url)
    consumer.follow()
    with monkeypatch.context() as patch:
        other_code(patch)
        _, transformed = server.refresh(mode=mode)
        assert transformed.outdated and transformed.tables["tags"].first and transformed.tables["scene_tags"].first
        names = f"SELECT bool_and(name = upper(name)) FROM {partition('stash.tags', server.instance.id)}"
        assert server.scalar(names)
        with connect(server.database_url) as connection:
            assert compare_with_rebuild(connection, server.instance.id) == []
        consumer.follow()
        assert not differences(consumer)
        _, again = server.refresh(mode=mode)
        assert not again.outdated and again.logged is None
    layer_versions.layer_version.cache_clear()


def test_rows_of_the_same_version_are_kept(server: Mirror) -> None:
    _, transformed = server.refresh(mode="sweep")
    assert not transformed.outdated and not any(change.changed for change in transformed.tables.values())


def test_rows_without_a_version_are_rebuilt(server: Mirror) -> None:
    with connect(server.database_url) as connection:
        connection.execute(
            "UPDATE ops.layer_watermarks SET version = NULL WHERE instance_id = %s", [server.instance.id]
        )
    assert server.transform().outdated
    assert not server.transform().outdated


def test_a_table_version_covers_everything_that_determines_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: layer_versions.table_version(name) for name in TABLES}
    assert len(set(before.values())) == len(before)
    other_code(monkeypatch)
    after = {name: layer_versions.table_version(name) for name in TABLES}
    assert {name for name in TABLES if before[name] != after[name]} == {"tags"}
    monkeypatch.undo()
    layer_versions.layer_version.cache_clear()
