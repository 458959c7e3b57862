"""Both lanes read the same documents from the same library, in every release."""

from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from stash_pipeline.instances import LaneName
from stash_pipeline.simulator.releases import find_release
from stash_pipeline.simulator.server import known_releases
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.snapshot import values
from stash_pipeline.sync.compare_lanes import compare_lanes
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.events import EVENTS, statements
from stash_pipeline_tests.mirror.histories import furnished, what_changed
from stash_pipeline_tests.mirror.lanes import leftovers, with_backups
from stash_pipeline_tests.mirror.library_events import happen
from stash_pipeline_tests.mirror.working import URL, SimulatorTransport, row_versions

READABLE = [release for release in known_releases() if release >= "v0.20" and release < "v0.31"]


def one_per_schema(releases: list[str]) -> list[ParameterSet]:
    """The first release of each schema version with a query for files, every other one as an integration test.

    Other releases in soak.
    """
    seen: set[tuple[int, bool]] = set()
    found = []
    for name in releases:
        release = find_release(name)
        key = release.database_schema, release.since(29)
        marks = [pytest.mark.soak] if key in seen else [pytest.mark.integration] if len(seen) % 2 else []
        found.append(pytest.param(name, marks=marks))
        seen.add(key)
    return found


@pytest.mark.parametrize("release", one_per_schema(READABLE))
def test_both_lanes_give_the_same_documents(home: Path, warehouse: str, release: str) -> None:
    server, _ = furnished(warehouse, home, release, scenes=25)
    for number, event in enumerate(EVENTS):
        server.sql(*statements(event, number))
    client = StashClient(URL, transport=SimulatorTransport(server.stash, server.hook))
    found = compare_lanes(server.settings, server.instance, client)
    assert not found.lines
    assert found.documents["scenes"] and found.documents["files"] and found.documents["galleries"]
    assert not leftovers(server)


# what servers were seen to have, and generated libraries have not: it makes no difference between the lanes
SEEN = {
    "what stands by itself": (
        # times that were never set
        "UPDATE folders SET mod_time = '0001-01-01T00:00:00Z' WHERE id IN (2, 4)",
        "UPDATE scenes SET created_at = '0001-01-01T02:00:00+02:00' WHERE id = 3",
        # dates that mean none
        "UPDATE scenes SET date = '' WHERE id = 1",
        "UPDATE scenes SET date = '0001-01-01' WHERE id = 2",
        "UPDATE performers SET birthdate = '', death_date = '0001-01-01' WHERE id = 1",
        # plays of the first day that a clock may show, in several zones, and one without a date
        "DELETE FROM scenes_view_dates WHERE scene_id IN (5, 6, 7)",
        "INSERT INTO scenes_view_dates VALUES (5, '1970-01-01T00:00:00Z'),\n"
        "(6, '2023-01-02T14:02:36Z'), (6, '2023-01-02T19:46:40+05:45'),\n"
        "(7, '2023-01-02T14:02:36Z'), (7, '0001-01-01T00:00:00Z')",
        # numbers of every size
        "UPDATE saved_filters SET object_filter = "
        "'{\"a\": 2.0, \"b\": 9007199254740993, \"c\": [12345678901234567890, 1.5]}' WHERE id = 1",
        # a chapter of which nobody knows any more when it was created
        "UPDATE galleries_chapters SET created_at = '0001-01-01T00:00:00Z' WHERE id = (SELECT min(id) FROM"
        " galleries_chapters)",
    ),
    "numbers that their columns cannot hold": (
        "UPDATE groups_scenes SET scene_index = 9007199254740993 WHERE scene_id % 3 = 0",
        "UPDATE galleries_chapters SET image_index = -9223372036854775808",
        "UPDATE groups SET duration = 1099511627776 WHERE id = 1",
    ),
    "images with several files, of which the first to come is not the first by path": (
        "DELETE FROM galleries_images WHERE gallery_id = 2",
        "INSERT INTO galleries_images (gallery_id, image_id) SELECT 2, id FROM images WHERE id < 9",
        *(
            f"INSERT INTO files (id, basename, parent_folder_id, size, mod_time, created_at, updated_at)\n"
            f"SELECT {9000 + number}, '{name}', parent_folder_id, 1, mod_time, created_at, updated_at\n"
            "FROM files WHERE id = (SELECT min(file_id) FROM images_files)"
            for number, name in enumerate(("0 first.png", "cover.jpg", "a Poster.PNG", "00.png"))
        ),
        "INSERT INTO image_files (file_id, format, width, height) SELECT id, 'png', 8, 8 FROM files WHERE id >= 9000",
        "INSERT INTO images_files VALUES (4, 9000, 0), (6, 9001, 0), (7, 9002, 0), (2, 9003, 0)",
    ),
    "and none that is called a cover": (
        "DELETE FROM galleries_images WHERE gallery_id = 2 AND image_id IN (6, 7)",
    ),
    "names that are sorted in their own way": (
        "DELETE FROM galleries_images WHERE gallery_id = 2",
        "INSERT INTO galleries_images (gallery_id, image_id) VALUES (2, 1), (2, 8)",
        "UPDATE files SET basename = 'a_1.png' WHERE id IN (SELECT file_id FROM images_files WHERE image_id = 1)",
        "UPDATE files SET basename = 'ab.png' WHERE id IN (SELECT file_id FROM images_files WHERE image_id = 8)",
        "UPDATE files SET parent_folder_id = 1 WHERE basename IN ('a_1.png', 'ab.png')",
    ),
    "names with numbers": (
        "UPDATE files SET basename = 'a 1.png' WHERE basename = 'a_1.png'",
        "UPDATE files SET basename = 'a1.png' WHERE basename = 'ab.png'",
    ),
    "images without a title, or that an older release took for videos": (
        "UPDATE images SET title = NULL WHERE id IN (1, 2)",
        "UPDATE images SET title = '' WHERE id IN (6, 7)",
        "INSERT INTO image_files (file_id, format, width, height)\n"
        "SELECT file_id, 'gif', 8, 9 FROM images_files JOIN video_files USING (file_id)",
    ),
    "images without files": (
        "DELETE FROM images_files WHERE image_id IN (3, 4, 5)",
        "UPDATE images SET title = 'Part 10' WHERE id = 3",
        "UPDATE images SET title = 'part 9' WHERE id = 4",
        "UPDATE images SET title = NULL WHERE id = 5",
    ),
}  # fmt: skip


@pytest.mark.integration
@pytest.mark.parametrize(
    "release",
    [
        "v0.20.2",
        *(pytest.param(release, marks=pytest.mark.faults) for release in ("v0.21.0", "v0.24.3", "v0.27.2")),
        "v0.30.1",
    ],
)
def test_observed_server_data_give_the_same_documents_in_both_lanes(home: Path, warehouse: str, release: str) -> None:
    server, _ = furnished(warehouse, home, release, scenes=25)
    library = server.stash.library
    clips = library.tuples(
        'SELECT image_id FROM images_files JOIN video_files USING (file_id) WHERE "primary" = 1 ORDER BY 1'
    )
    assert clips or release == "v0.20.2"
    covers = set()
    for seen, statements_of_it in SEEN.items():
        server.sql(*statements_of_it)
        if "without files" in seen:
            # and clips have previews
            library.clip_previews.update(image for (image,) in clips)
        client = StashClient(URL, transport=SimulatorTransport(server.stash, server.hook))
        found = compare_lanes(server.settings, server.instance, client)
        assert not found.lines, seen
        server.refresh(lane="snapshot")
        covers.add(
            server.scalar(
                "SELECT document->>'cover' FROM raw.galleries WHERE instance_id = %s AND id = 2", [server.instance.id]
            )
        )
        assert not what_changed(server.read(lane="graphql")), seen
    assert len(covers) > 2


@pytest.mark.parametrize("lane", ["graphql", "snapshot"])
def test_plays_are_in_chronological_order(home: Path, warehouse: str, lane: LaneName) -> None:
    server, _ = furnished(warehouse, home, "v0.26.2", scenes=10)
    server.sql(
        "DELETE FROM scenes_view_dates WHERE scene_id = 6",
        "INSERT INTO scenes_view_dates VALUES (6, '2023-01-02T14:02:36Z'), (6, '2023-01-02T19:46:40+05:45')",
    )
    server.refresh(lane=lane)
    order = (
        "SELECT array_agg(played_at ORDER BY position) = array_agg(played_at ORDER BY played_at)\n"
        "FROM stash.scene_plays WHERE instance_id = %s AND scene_id = 6 HAVING count(*) = 2"
    )
    assert server.scalar(order, [server.instance.id]) is True


def test_a_generated_preview_is_detected_although_the_copy_is_unchanged(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.30.1", scenes=25)
    server.refresh(lane="snapshot")
    library = server.stash.library
    ((clip,),) = library.tuples(
        'SELECT min(image_id) FROM images_files JOIN video_files USING (file_id) WHERE "primary" = 1'
    )
    library.clip_previews.add(clip)
    read, _ = server.refresh(mode="reconcile", lane="snapshot")
    assert what_changed(read) == {"images": (0, 1, 0)}
    assert not server.differences()
    assert not what_changed(server.read(lane="snapshot"))


def test_lane_comparison_reports_a_difference_of_spelling(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = furnished(warehouse, home, "v0.30.1", scenes=5)
    server.sql("INSERT INTO performer_custom_fields VALUES (1, 'height', 2.0)")
    # as it would be without the rules of the server's JSON
    monkeypatch.setattr(values, "json_value", lambda stored: stored)
    client = StashClient(URL, transport=SimulatorTransport(server.stash, server.hook))
    (line,) = compare_lanes(server.settings, server.instance, client).lines
    assert line.startswith("performers 1: the same values, spelled differently: ") and "2.0" in line


@pytest.mark.parametrize("release", ["v0.20.2", pytest.param("v0.28.1", marks=pytest.mark.soak), "v0.30.1"])
def test_changing_the_lane_writes_nothing(home: Path, warehouse: str, release: str) -> None:
    server, _ = furnished(warehouse, home, release, scenes=15)
    first, _ = server.refresh(lane="graphql")
    usual, _ = server.refresh(mode="sweep", lane="graphql")
    before = row_versions(warehouse, server.instance.id)
    read, _ = server.refresh(mode="reconcile", lane="snapshot")
    assert read.lane == "snapshot"
    assert not what_changed(read)
    assert row_versions(warehouse, server.instance.id) == before
    fetched = {kind: change.fetched for kind, change in first.changes.items()}
    assert {kind: change.fetched for kind, change in read.changes.items()} == fetched
    read, _ = server.refresh(mode="sweep", lane="graphql")
    assert not what_changed(read)
    # what the answers were is still known
    known = {kind: change.unchanged_pages for kind, change in usual.changes.items()}
    assert {kind: change.unchanged_pages for kind, change in read.changes.items()} == known


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_the_snapshot_lane_follows_every_event(home: Path, warehouse: str, release: str) -> None:
    server, clock = furnished(warehouse, home, release, scenes=15)
    server.refresh(mode="changes", lane="auto")
    assert not server.differences()
    for number, event in enumerate(EVENTS):
        server.sql(*statements(event, number))
        clock.forward(minutes=1)
    for mode in ("reconcile", "sweep"):
        happen(server.stash, "a tag is created", 1)
        read, _ = server.refresh(mode=mode, lane="auto", accept_removals=True)
        assert read.lane == "snapshot"
        assert not server.differences()
    clock.forward(hours=1)
    happen(server.stash, "a scene is edited", 1)
    read, _ = server.refresh(mode="changes")
    assert read.lane == "graphql" and read.changes["scenes"].fetched <= 2
    assert not server.differences()


def test_an_identical_copy_is_not_read_again_unless_something_was_written(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups(), "snapshot")
    first, _ = server.refresh(mode="sweep")
    spoil = (
        "UPDATE raw.tags SET document = document || '{\"name\": \"wrong\"}', hash = 'wrong', revision = revision + %s\n"
        "WHERE instance_id = %s AND id = 1"
    )
    with connect(warehouse) as connection:
        connection.execute(spoil, [0, server.instance.id])
    again, _ = server.refresh(mode="sweep")
    assert not what_changed(again), "it was compared though the snapshot is known"
    fetched = {kind: change.fetched for kind, change in first.changes.items()}
    assert {kind: change.fetched for kind, change in again.changes.items()} == fetched
    with connect(warehouse) as connection:
        connection.execute("UPDATE ops.instances SET revision = revision + 1 WHERE id = %s", [server.instance.id])
        connection.execute(spoil, [1, server.instance.id])
    again, _ = server.refresh(mode="sweep")
    assert what_changed(again) == {"tags": (0, 1, 0)}
    assert not server.differences()


def test_silent_changes_are_counted_by_cause(home: Path, warehouse: str) -> None:
    server, clock = furnished(warehouse, home, "v0.30.1", scenes=15)
    server.refresh(mode="sweep", lane="auto")
    clock.forward(hours=1)
    happen(server.stash, "a scene is played", 1)
    happen(server.stash, "a scene is edited", 2)
    read, _ = server.refresh(mode="reconcile", lane="auto")
    change = read.changes["scenes"]
    assert change.updated == 2 and change.silent_changes == 1
    assert set(change.silent_fields) == {"last_played_at", "play_count", "play_history"}
