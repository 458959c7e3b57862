"""An entity with a field that is not in the snapshot is read by GraphQL."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.instances import LaneName
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.fields import Stored
from stash_pipeline.sync.compare_lanes import compare_lanes
from stash_pipeline_tests.mirror.histories import furnished, what_changed
from stash_pipeline_tests.mirror.lanes import lane_and_reason
from stash_pipeline_tests.mirror.library_events import happen
from stash_pipeline_tests.mirror.working import URL, SimulatorTransport


def without_place(monkeypatch: pytest.MonkeyPatch, kind: str, name: str) -> None:
    """As if the specification had a new field, mapped to a column that no snapshot has."""
    entity = BY_NAME[kind]
    fields = tuple(replace(f, stored=Stored("t.nowhere")) if f.name == name else f for f in entity.fields)
    monkeypatch.setitem(BY_NAME, kind, replace(entity, fields=fields))


WITH_EMBEDDED_FILES = {"scenes", "images", "galleries", "folders", "configuration"}
WITH_FILES = {"scenes", "configuration"}
"""What GraphQL reads: files come with scenes, images and galleries, or by a query of their own."""


@pytest.mark.parametrize(
    ("lane", "release", "by_graphql"),
    [
        ("auto", "v0.20.2", WITH_EMBEDDED_FILES),
        pytest.param("auto", "v0.30.1", WITH_FILES, marks=pytest.mark.soak),
        pytest.param("snapshot", "v0.20.2", WITH_EMBEDDED_FILES, marks=pytest.mark.soak),
        ("snapshot", "v0.30.1", WITH_FILES),
    ],
)
def test_an_entity_with_an_unmapped_field_is_read_by_graphql(
    home: Path,
    warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    release: str,
    by_graphql: set[str],
    lane: LaneName,
) -> None:
    without_place(monkeypatch, "scenes", "director")
    server, clock = furnished(warehouse, home, release, scenes=15)
    server.sql("UPDATE scenes SET director = 'Somebody' WHERE id = 3")
    first, _ = server.refresh(mode="sweep", lane=lane)
    assert not server.differences()
    assert first.lane == "snapshot" and first.not_in_snapshot == ["scenes.director"]
    assert "scenes.director" in lane_and_reason(server, first)[1]
    assert "the snapshot lacks scenes.director" in caplog.text
    asked = server.scalar(
        "SELECT array_agg(DISTINCT entity) FROM raw.pages WHERE run_id = %s AND lane = 'graphql'", [first.run_id]
    )
    assert set(asked) == by_graphql
    # an object of either source changes, is added, is removed
    clock.forward(minutes=5)
    for event in ("a scene is edited", "a tag is created", "a scene is destroyed", "a tag is destroyed"):
        happen(server.stash, event, 1)
    read, _ = server.refresh(mode="reconcile", lane=lane)
    assert read.changes["scenes"].removed == read.changes["tags"].removed == read.changes["tags"].inserted == 1
    assert not server.differences()
    again, _ = server.refresh(mode="sweep", lane=lane)
    assert not what_changed(again)
    assert not what_changed(server.read(lane="graphql")), "the lanes differ"


def test_a_deleted_scene_is_removed_although_the_copy_is_unchanged(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_place(monkeypatch, "scenes", "director")
    server, _ = furnished(warehouse, home, "v0.30.1", scenes=5)
    server.refresh(mode="sweep", lane="snapshot")
    copied = server.stash.library.copy_into

    def delayed(*arguments: Any) -> None:
        copied(*arguments)
        happen(server.stash, "a scene is destroyed", 1)

    monkeypatch.setattr(server.stash.library, "copy_into", delayed)
    read, _ = server.refresh(mode="reconcile", lane="snapshot")
    assert read.changes["scenes"].removed == 1
    monkeypatch.undo()
    assert not server.differences()


def test_lane_comparison_skips_and_names_unmapped_fields(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.31.0", scenes=10)
    server.stash.backups = Backups(version=75)
    client = StashClient(URL, transport=SimulatorTransport(server.stash, server.hook))
    found = compare_lanes(server.settings, server.instance, client)
    assert "scenes.custom_fields" in found.not_in_snapshot and "performers.custom_fields" not in found.not_in_snapshot
    assert not found.lines and found.documents["scenes"]
