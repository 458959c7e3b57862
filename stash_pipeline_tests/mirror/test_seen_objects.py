"""The objects that a run has seen decide which stored objects are gone."""

from contextlib import suppress

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.raw.seen import SeenObjects
from stash_pipeline.warehouse.raw.writer import RawWriter
from stash_pipeline_tests.mirror.working import MakeMirror


def test_objects_seen_in_a_transaction_that_is_rolled_back_do_not_count(mirrored: MakeMirror) -> None:
    server = mirrored(10)
    with connect(server.database_url) as connection:
        seen = SeenObjects(RawWriter(connection, server.instance.id, 0))
        seen.reset()
        with suppress(ZeroDivisionError), seen.transaction():
            seen.add("tags", [1, 2])
            raise ZeroDivisionError
        seen.add("tags", [1])
        assert set(seen.unseen("tags")) == server.live_ids("tags") - {1}
        seen.reset()
        assert set(seen.unseen("tags")) == server.live_ids("tags")
        assert not seen.all_new("tags")


def test_nothing_is_gone_if_nothing_was_stored(mirrored: MakeMirror) -> None:
    server = mirrored(10)
    with connect(server.database_url) as connection:
        connection.execute("DELETE FROM raw.tags WHERE instance_id = %s", [server.instance.id])
        seen = SeenObjects(RawWriter(connection, server.instance.id, 0))
        seen.reset()
        assert seen.all_new("tags") and seen.unseen("tags") == []
