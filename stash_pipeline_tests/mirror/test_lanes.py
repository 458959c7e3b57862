"""Both lanes read the same library the same way in every release, and each is used where it should be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from stash_pipeline.instances import Instance, LaneName, edit_instance, get_instance
from stash_pipeline.simulator.copies import Backups
from stash_pipeline.simulator.releases import find_release
from stash_pipeline.simulator.server import SimulatedStash, known_releases
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.fields import Stored
from stash_pipeline.stash.snapshot import values
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.sync.compare_lanes import compare_lanes
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.events import EVENTS, statements
from stash_pipeline_tests.mirror.histories import furnished, what_changed
from stash_pipeline_tests.mirror.library_events import happen
from stash_pipeline_tests.mirror.working import URL, Mirror, SimulatorTransport, generated, new_mirror, row_versions

READABLE = [release for release in known_releases() if release >= "v0.20" and release < "v0.31"]


def one_per_schema(releases: list[str]) -> list[ParameterSet]:
    """The first release of each schema version with a query for files; other releases in soak."""
    seen: set[tuple[int, bool]] = set()
    found = []
    for name in releases:
        release = find_release(name)
        key = release.database_schema, release.since(29)
        found.append(pytest.param(name, marks=[pytest.mark.soak] if key in seen else []))
        seen.add(key)
    return found


def with_backups(warehouse: str, home: Path, backups: Backups, lane: str = "auto", **settings: Any) -> Mirror:
    """A mirror of a server with these backups."""
    server = new_mirror(warehouse, home, generated(20, seed=4), **settings)
    server.stash = SimulatedStash(server.stash.library, backups=backups)
    return in_lane(server, lane)


def in_lane(server: Mirror, lane: Any) -> Mirror:
    with connect(server.database_url) as connection:
        server.instance = edit_instance(connection, server.instance.name, home=server.settings.home, lane=lane)
    return server


def again(server: Mirror) -> Instance:
    """The instance as it is registered now."""
    with connect(server.database_url) as connection:
        server.instance = get_instance(connection, server.instance.name)
    return server.instance


def lane_and_reason(server: Mirror, read: SyncResult) -> tuple[str, str]:
    with connect(server.database_url) as connection:
        row = connection.execute("SELECT lane, lane_reason FROM ops.sync_runs WHERE id = %s", [read.run_id]).fetchone()
    assert row is not None
    assert row == (read.lane, read.lane_reason)
    return row[0], row[1]


def leftovers(server: Mirror) -> list[Path]:
    folder = server.settings.home / "snapshots"
    return list(folder.iterdir()) if folder.exists() else []


# --- the same ---------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("release", ["v0.20.2", "v0.28.1", "v0.30.1"])
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
    assert not what_changed(again), "it was compared though the copy is known"
    fetched = {kind: change.fetched for kind, change in first.changes.items()}
    assert {kind: change.fetched for kind, change in again.changes.items()} == fetched
    with connect(warehouse) as connection:
        connection.execute("UPDATE ops.instances SET revision = revision + 1 WHERE id = %s", [server.instance.id])
        connection.execute(spoil, [1, server.instance.id])
    again, _ = server.refresh(mode="sweep")
    assert what_changed(again) == {"tags": (0, 1, 0)}
    assert not server.differences()


# --- which lane -------------------------------------------------------------------------------------------


def test_auto_uses_the_copy_for_full_syncs(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups())
    first, _ = server.refresh(mode="changes")
    assert lane_and_reason(server, first)[0] == "snapshot"
    assert lane_and_reason(server, server.refresh(mode="changes")[0])[0] == "graphql"
    assert lane_and_reason(server, server.refresh(mode="reconcile")[0])[0] == "snapshot"
    assert lane_and_reason(server, server.refresh(["tags"], mode="sweep")[0])[0] == "graphql"
    rows = server.scalar(
        "SELECT array_agg(bytes ORDER BY id) FROM raw.pages WHERE instance_id = %s AND lane = 'snapshot'",
        [server.instance.id],
    )
    assert len(rows) == 2 and first.copy is not None and rows[0] == first.copy.size
    known = again(server)
    assert known.snapshot_bytes and known.snapshot_seconds is not None and known.snapshot_error is None
    assert lane_and_reason(in_lane(server, "graphql"), server.refresh(mode="sweep")[0]) == ("graphql", "as configured")
    assert not server.differences() and not leftovers(server)


@pytest.mark.parametrize(
    ("backups", "reason"),
    [
        (Backups(offered=False), "does not offer copies"),
        (Backups(forbidden=True), "cannot create a copy of its database"),
        (Backups(dirty=True), "is incomplete"),
        (Backups(version=80), "schema version 80"),
    ],
)
def test_auto_falls_back_to_graphql_with_a_reason(home: Path, warehouse: str, backups: Backups, reason: str) -> None:
    server = with_backups(warehouse, home, backups)
    read, _ = server.refresh(mode="sweep")
    lane, why = lane_and_reason(server, read)
    assert lane == "graphql" and reason in why
    assert not server.differences() and not leftovers(server)
    # once is enough, until the sweep of the week
    again(server)
    read, _ = server.refresh(mode="reconcile")
    lane, why = lane_and_reason(server, read)
    assert lane == "graphql" and reason in why
    with pytest.raises(SnapshotError, match=reason):
        server.refresh(mode="sweep", lane="snapshot")
    server.stash = SimulatedStash(server.stash.library)
    again(server)
    assert server.refresh(mode="sweep")[0].lane == "snapshot"
    assert again(server).snapshot_error is None


def test_an_unknown_schema_version_is_read_by_graphql(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.31.0")
    read, _ = server.refresh(mode="sweep", lane="auto")
    assert read.lane == "graphql" and "schema version 76" in read.lane_reason
    assert not server.differences()


def test_a_copy_that_is_too_large_or_too_slow_is_not_requested_again(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups(blobs=100), snapshot_max_mb=1)
    read, _ = server.refresh(mode="sweep")
    assert read.lane == "graphql" and "more than the limit" in read.lane_reason
    assert (again(server).snapshot_bytes or 0) > 1_000_000
    read, _ = server.refresh(mode="sweep")
    assert read.lane == "graphql" and "SNAPSHOT_MAX_MB" in read.lane_reason
    # who asks for it gets it
    assert server.refresh(mode="sweep", lane="snapshot")[0].lane == "snapshot"
    server = with_backups(warehouse, home, Backups(seconds=0.3), snapshot_max_seconds=0.2)
    assert server.refresh(mode="sweep")[0].lane == "snapshot"
    again(server)
    read, _ = server.refresh(mode="sweep")
    assert read.lane == "graphql" and "SNAPSHOT_MAX_SECONDS" in read.lane_reason


# --- what is not trusted ----------------------------------------------------------------------------------


def test_safeguards_stop_the_snapshot_lane_too(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups(), "snapshot")
    server.refresh(mode="sweep")
    before = row_versions(warehouse, server.instance.id)
    server.stash.library = generated(20, seed=9)
    with pytest.raises(Exception, match="--accept-removals"):
        server.refresh(mode="sweep")
    assert row_versions(warehouse, server.instance.id) == before
    assert not leftovers(server)
    server.refresh(mode="sweep", accept_removals=True)
    assert not server.differences()


def test_a_copy_damaged_in_the_middle_is_not_written(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = with_backups(warehouse, home, Backups(), "snapshot")
    server.refresh(mode="sweep")
    server.sql("UPDATE tags SET name = name || ' changed'", "DELETE FROM scene_markers WHERE id = 1")
    before = row_versions(warehouse, server.instance.id)
    # the tags come long before
    server.sql("ALTER TABLE groups_relations RENAME COLUMN order_index TO place")
    with pytest.raises(StashError, match="does not match its version"):
        server.refresh(mode="sweep")
    assert row_versions(warehouse, server.instance.id) == before
    server.sql("ALTER TABLE groups_relations RENAME COLUMN place TO order_index")
    server.refresh(mode="sweep")
    assert not server.differences()


def test_the_copy_is_private_and_leftovers_of_killed_runs_are_removed(
    home: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stash_pipeline.sync.snapshot_reading import SnapshotReading

    server = with_backups(warehouse, home, Backups(), "snapshot")
    folder = server.settings.home / "snapshots"
    folder.mkdir(parents=True)
    (folder / f"{server.instance.uuid}.sqlite").write_text("half of a copy")
    seen: list[tuple[int, int]] = []
    load = SnapshotReading._load

    def look(*arguments: Any) -> None:
        seen.extend((path.stat().st_mode & 0o777, path.stat().st_size) for path in leftovers(server))
        load(*arguments)

    monkeypatch.setattr(SnapshotReading, "_load", look)
    server.refresh(mode="sweep")
    assert [mode for mode, _ in seen] == [0o600] and seen[0][1] > 100_000
    assert not leftovers(server)


def test_any_run_removes_leftover_copies_of_killed_runs(home: Path, warehouse: str) -> None:
    server = with_backups(warehouse, home, Backups(), "graphql")
    folder = server.settings.home / "snapshots"
    folder.mkdir(parents=True)
    for name in (server.instance.uuid, "00000000-0000-0000-0000-000000000000"):
        (folder / f"{name}.sqlite").write_text("half of a copy")
    server.read(mode="changes")
    assert not leftovers(server)


# --- what updated_at would have missed --------------------------------------------------------------------


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


# --- fields that a copy lacks -----------------------------------------------------------------------------


def without_place(monkeypatch: pytest.MonkeyPatch, kind: str, name: str) -> None:
    """As if the specification had a new field, mapped to a column that no copy has."""
    entity = BY_NAME[kind]
    fields = tuple(replace(f, stored=Stored("t.nowhere")) if f.name == name else f for f in entity.fields)
    monkeypatch.setitem(BY_NAME, kind, replace(entity, fields=fields))


@pytest.mark.parametrize(
    ("release", "by_graphql"),
    [
        # files come with scenes, images and galleries, or by a query of their own
        ("v0.20.2", {"scenes", "images", "galleries", "folders", "configuration"}),
        ("v0.30.1", {"scenes", "configuration"}),
    ],
)
@pytest.mark.parametrize("lane", ["auto", "snapshot"])
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
    assert first.lane == "snapshot" and first.not_in_copy == ["scenes.director"]
    assert "scenes.director" in lane_and_reason(server, first)[1]
    assert "the copy of the database lacks scenes.director" in caplog.text
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
    assert "scenes.custom_fields" in found.not_in_copy and "performers.custom_fields" not in found.not_in_copy
    assert not found.lines and found.documents["scenes"]
