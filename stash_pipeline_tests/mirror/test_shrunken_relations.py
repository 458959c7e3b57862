"""A server that has lost the elements of its relations removes nothing, in either lane."""

from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.sync.safeguards import SuspiciousServerError
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.working import (
    generated,
    last_run,
    new_mirror,
    row_versions,
)

pytestmark = pytest.mark.faults


SHRINKING = [
    ("DELETE FROM scenes_tags", r"\d+ of \d+ tags of scenes would be removed"),
    ("DELETE FROM performers_scenes", r"of \d+ performers of scenes would be removed"),
    ("UPDATE scenes SET studio_id = NULL", r"of \d+ studio of scenes would be removed"),
]


@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
@pytest.mark.parametrize(("statement", "sentence"), SHRINKING)
def test_an_emptied_relation_stops_the_run_before_it_writes(
    warehouse: str, home: Path, lane: Any, statement: str, sentence: str
) -> None:
    server = new_mirror(warehouse, home, generated(150, seed=3))
    server.refresh(lane=lane)
    server.sql(statement)
    state, before = server.state(), row_versions(warehouse, server.instance.id)
    with pytest.raises(SuspiciousServerError, match=sentence):
        server.read(lane=lane)
    server.transform()
    assert server.state() == state and row_versions(warehouse, server.instance.id) == before
    run = last_run(server)
    assert run["status"] == "failed" and "--accept-removals" in run["error"]
    assert not any(change["updated"] or change["removed"] for change in run["entities"].values())
    server.refresh(lane=lane, accept_removals=True)
    assert not server.differences()
    server.refresh(lane=lane)
    assert not server.differences()


@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
def test_emptied_relations_are_applied_if_edits_explain_them(warehouse: str, home: Path, lane: Any) -> None:
    server = new_mirror(warehouse, home, generated(150, seed=3))
    server.refresh(lane=lane)
    # a tag that most scenes have is destroyed: that is one object, and explains what referred to it
    server.sql("INSERT OR IGNORE INTO scenes_tags (scene_id, tag_id) SELECT id, 2 FROM scenes")
    server.refresh(lane=lane)
    assert not server.differences()
    server.sql(
        "DELETE FROM scenes_tags WHERE tag_id = 2",
        "UPDATE scene_markers SET primary_tag_id = 1 WHERE primary_tag_id = 2",
        "DELETE FROM tags WHERE id = 2",
        # and a few elements here and there
        "DELETE FROM scene_urls WHERE scene_id < 20",
    )
    read, _ = server.refresh(lane=lane)
    assert read.changes["scenes"].updated >= 100 and read.changes["tags"].removed == 1
    assert not server.differences()


def test_documents_that_are_held_back_and_read_again_count_once(warehouse: str, home: Path) -> None:
    from stash_pipeline.stash.documents import finish
    from stash_pipeline.sync.deferred import DeferredDocuments
    from stash_pipeline.sync.safeguards import Safeguards

    with connect(warehouse) as connection:
        held = DeferredDocuments(Safeguards(connection, 0, "none"))
        before = {1: {"id": 1, "tags": list(range(40))}}
        for _ in range(5):
            after = {"id": 1, "tags": [1]}
            held.discard("scenes", [1])
            assert held.defer("scenes", [finish(after, 1)], before, {1: after}) == []
        assert [one.id for one in held.release({})["scenes"]] == [1]
        assert not held.has("scenes") and held.release({}) == {}
