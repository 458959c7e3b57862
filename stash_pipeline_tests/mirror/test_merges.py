"""Merges of deleted objects, as far as the server's state shows them."""

from typing import Any

import psycopg
import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import rebuild_layer
from stash_pipeline_tests.mirror.working import MakeMirror, Mirror


def successor(server: Mirror, kind: str, identifier: int) -> Any:
    return server.scalar(
        "SELECT successor_id FROM stash.merges WHERE instance_id = %s AND entity = %s AND id = %s",
        [server.instance.id, kind, identifier],
    )


def done(server: Mirror, mutation: str) -> None:
    answer = server.stash.execute("mutation{" + mutation + "}")
    assert "errors" not in answer, answer


@pytest.fixture(params=["v0.20.2", "v0.31.0"])
def server(request: pytest.FixtureRequest, mirrored: MakeMirror) -> Mirror:
    return mirrored(30, request.param, seed=3)


@pytest.mark.parametrize("mode", ["changes", "reconcile", "sweep"])
def test_merged_scenes_are_recognised_by_their_files(server: Mirror, mode: Any) -> None:
    done(server, 'sceneMerge(input:{source:["2","3"],destination:"1"}){id}')
    _, followed = server.refresh(mode=mode)
    assert (successor(server, "scenes", 2), successor(server, "scenes", 3)) == (1, 1)
    assert followed.merged["scenes"] == 2
    assert not server.differences(relations=False)


def test_merged_tags_are_recognised_by_their_names(server: Mirror) -> None:
    done(server, 'tagsMerge(input:{source:["4","5"],destination:"6"}){id}')
    server.refresh(mode="changes")
    assert (successor(server, "tags", 4), successor(server, "tags", 5)) == (6, 6)
    assert not server.differences()


def test_a_rebuild_keeps_merges_and_adds_none(server: Mirror) -> None:
    lone = int(server.stash.execute('mutation{tagCreate(input:{name:"Lone lantern"}){id}}')["data"]["tagCreate"]["id"])
    server.refresh(mode="changes")
    done(server, 'tagsMerge(input:{source:["4"],destination:"6"}){id}')
    done(server, f'tagDestroy(input:{{id:"{lone}"}})')
    server.refresh(mode="changes")
    # evidence that comes later tells nothing of what was gone before
    server.sql("INSERT INTO tag_aliases (tag_id, alias) VALUES (6, 'Lone lantern')")
    server.refresh(mode="sweep")
    with connect(server.database_url) as connection:
        rebuild_layer(connection, server.instance.id)
    assert (successor(server, "tags", 4), successor(server, "tags", lone)) == (6, None)


def test_merged_performers_are_recognised_by_their_stash_ids(server: Mirror) -> None:
    server.sql(
        "DELETE FROM performer_stash_ids WHERE performer_id IN (1, 2)",
        "INSERT INTO performer_stash_ids VALUES (2, 'https://a.example', 'x', '2025-01-02T03:04:05Z')",
    )
    server.refresh()
    server.sql(
        "UPDATE performer_stash_ids SET performer_id = 1 WHERE performer_id = 2",
        "UPDATE OR IGNORE performers_scenes SET performer_id = 1 WHERE performer_id = 2",
        "DELETE FROM performers WHERE id = 2",
        "UPDATE performers SET updated_at = '2026-11-21T10:00:00+01:00' WHERE id = 1",
    )
    server.refresh(mode="reconcile")
    assert successor(server, "performers", 2) == 1
    assert not server.differences()


def test_a_deleted_object_has_no_successor(server: Mirror) -> None:
    done(server, 'sceneDestroy(input:{id:"5"})')
    done(server, 'performerDestroy(input:{id:"2"})')
    _, followed = server.refresh(mode="changes")
    assert followed.merged == {}
    assert server.dead_ids("scenes") == {5}
    assert successor(server, "scenes", 5) is None


def test_an_object_that_reappears_was_not_merged(server: Mirror) -> None:
    row = server.stash.library.rows("SELECT * FROM scenes WHERE id = 2")[0]
    done(server, 'sceneMerge(input:{source:["2"],destination:"1"}){id}')
    server.refresh(mode="changes")
    assert successor(server, "scenes", 2) == 1
    server.stash.library.insert("scenes", row)
    server.refresh(mode="reconcile")
    assert successor(server, "scenes", 2) is None
    assert (
        server.scalar("SELECT deleted_at FROM raw.scenes WHERE instance_id = %s AND id = 2", [server.instance.id])
        is None
    )
    assert not server.differences()


def test_a_reader_sees_no_gap_while_a_layer_is_rebuilt(server: Mirror) -> None:
    before = server.state()
    with connect(server.database_url) as reader, connect(server.database_url) as writer:
        reader.execute("SET lock_timeout = '300ms'")
        count = "SELECT count(*) FROM stash.scenes WHERE instance_id = %s"
        there = reader.execute(count, [server.instance.id]).fetchone()
        with writer.transaction():
            rebuild_layer(writer, server.instance.id)
            # made to wait, not shown an empty table
            with pytest.raises(psycopg.errors.LockNotAvailable):
                reader.execute(count, [server.instance.id])
        assert reader.execute(count, [server.instance.id]).fetchone() == there
    assert server.state() == before
