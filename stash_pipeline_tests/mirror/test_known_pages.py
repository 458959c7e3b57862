"""Pages of the last complete sync are not decoded again, unless something was written since."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import StashError
from stash_pipeline_tests.mirror.working import Hook, MakeMirror, Mirror, generated, new_mirror, row_versions

NEWEST = "v0.30.1"


def title(server: Mirror, identifier: int) -> Any:
    return server.scalar(
        "SELECT document->>'title' FROM raw.scenes WHERE instance_id = %s AND id = %s",
        [server.instance.id, identifier],
    )


def dying_after(requests: int, query: str) -> Hook:
    """The server answers a number of requests of a query, and then none."""
    answered = 0

    def hook(number: int, payload: dict[str, Any]) -> httpx.Response | None:
        nonlocal answered
        answered += query in payload["query"]
        return httpx.Response(503, text="down") if answered > requests else None

    return hook


@pytest.fixture
def server(mirrored: MakeMirror) -> Mirror:
    """A library with a few pages per entity, synced once."""
    return mirrored(40, NEWEST, page_size=7)


def test_an_unchanged_library_is_recognised_page_by_page(server: Mirror) -> None:
    before = row_versions(server.database_url, server.instance.id)
    read, _ = server.refresh()
    for kind, change in read.changes.items():
        if BY_NAME[kind].whole:
            continue
        # the page that ends a walk is empty, and there is nothing to know in it; nor is a page known that was
        # taken apart, because of a folder whose time the server cannot send
        full = server.scalar(
            "SELECT count(*) FROM raw.pages WHERE run_id = %s AND entity = %s AND objects > 0\n"
            "AND (entity <> 'folders' OR first_id IS NOT NULL)",
            [read.run_id, kind],
        )
        assert change.unchanged_pages == full, kind
        assert change.unchanged == change.fetched == change.rows, kind
    assert sum(change.unchanged_pages for change in read.changes.values()) > 15
    assert row_versions(server.database_url, server.instance.id) == before


def test_only_pages_with_changes_are_decoded(server: Mirror) -> None:
    server.sql("UPDATE scenes SET title = 'Another' WHERE id = 10")
    read, _ = server.refresh()
    scenes = read.changes["scenes"]
    assert (scenes.updated, scenes.inserted, scenes.removed) == (1, 0, 0)
    assert scenes.unchanged_pages == server.scalar(
        "SELECT count(*) - 1 FROM raw.pages WHERE run_id = %s AND entity = 'scenes' AND objects > 0", [read.run_id]
    )
    assert not server.differences()


def test_objects_written_by_an_unfinished_sync_are_read_again(server: Mirror) -> None:
    """The server changes and changes back; in between, an unfinished sync has loaded the change."""
    old = title(server, 10)
    server.sql("UPDATE scenes SET title = 'For a moment' WHERE id = 10")
    server.hook = dying_after(4, "findScenes")
    with pytest.raises(StashError):
        server.read(["scenes"], requests_in_flight=1)
    assert title(server, 10) == "For a moment"
    server.hook = None
    server.sql(f"UPDATE scenes SET title = '{old}' WHERE id = 10")
    server.refresh()
    assert title(server, 10) == old
    assert not server.differences()


def test_an_object_from_an_unfinished_sync_that_was_deleted_is_removed(server: Mirror) -> None:
    """Its page then equals a page of the last complete sync, which did not have the object."""
    ((created_at,),) = server.stash.library.tuples("SELECT created_at FROM scenes WHERE id = 11")
    server.sql("DELETE FROM scenes_tags WHERE scene_id = 11", "DELETE FROM scenes WHERE id = 11")
    server.stash.library.execute("PRAGMA foreign_keys = ON")
    server.refresh()
    assert 11 in server.dead_ids("scenes")
    server.sql(
        "INSERT INTO scenes (id, title, created_at, updated_at)"
        f" SELECT 11, 'Here and gone', '{created_at}', updated_at FROM scenes WHERE id = 10"
    )
    server.hook = dying_after(4, "findScenes")
    with pytest.raises(StashError):
        server.read(["scenes"], requests_in_flight=1)
    assert 11 in server.live_ids("scenes")
    server.hook = None
    server.sql("DELETE FROM scenes WHERE id = 11")
    server.refresh()
    assert 11 in server.dead_ids("scenes")
    assert not server.differences()


def test_a_row_tampered_with_under_a_new_revision_is_repaired(server: Mirror) -> None:
    """If anything wrote to raw after the sync, its pages are not trusted."""
    from stash_pipeline.warehouse.connect import connect

    with connect(server.database_url) as connection:
        connection.execute("UPDATE ops.instances SET revision = revision + 1 WHERE id = %s", [server.instance.id])
        connection.execute(
            "UPDATE raw.scenes SET document = document - 'title', hash = '', revision = (SELECT revision\n"
            "    FROM ops.instances WHERE id = instance_id) WHERE instance_id = %s AND id IN (3, 20)",
            [server.instance.id],
        )
    read, _ = server.refresh()
    assert read.changes["scenes"].updated == 2
    assert not server.differences()


def test_pages_of_another_release_are_not_reused(server: Mirror) -> None:
    upgraded = Mirror(
        server.database_url,
        server.instance,
        type(server.stash)(server.stash.library, release="v0.31"),
        server.settings,
    )
    read, _ = upgraded.refresh()
    assert not any(change.unchanged_pages for change in read.changes.values())
    assert not upgraded.differences()


def test_invalid_values_are_counted_again_although_their_page_is_cached(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(10), NEWEST)
    server.sql("UPDATE scenes SET rating = 99999999999999999999 WHERE id = 3")
    first, _ = server.refresh()
    second, _ = server.refresh()
    assert second.changes["scenes"].unchanged_pages
    assert 0 < first.changes["scenes"].unreadable == second.changes["scenes"].unreadable


@pytest.mark.parametrize(
    "release",
    [
        "v0.20.2",
        pytest.param("v0.28", marks=pytest.mark.integration),
        NEWEST,
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("v0.24", "v0.27")),
    ],
)
def test_a_second_sync_of_an_unchanged_library_of_any_release_writes_nothing(
    warehouse: str, home: Path, release: str
) -> None:
    server = new_mirror(warehouse, home, generated(20), release, page_size=9)
    server.refresh()
    before = row_versions(server.database_url, server.instance.id)
    server.refresh()
    server.refresh()
    assert row_versions(server.database_url, server.instance.id) == before
    assert not server.differences()
