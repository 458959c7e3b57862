"""Groups of copies: who is in them, which one is to be kept, and what follows from a change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches import duplicate_copies, duplicates
from stash_pipeline.warehouse.matches.deciding import NewDecision
from stash_pipeline.warehouse.matches.duplicate_report import read_duplicates
from stash_pipeline.warehouse.ops.protection import protect, unprotect
from stash_pipeline_tests.matches.conftest import Matched
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import Mirror


@pytest.fixture
def servers(matched: Matched, home: Path) -> Iterator[Servers]:
    """Two servers that were matched, with copies, in a database of their own."""
    with matched(home, seed=4, variants=True) as made:
        yield made


def rows(servers: Servers, condition: str = "true", *parameters: Any) -> list[dict[str, Any]]:
    with connect(servers.database_url) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"SELECT * FROM matches.duplicates WHERE {condition} ORDER BY entity, kind, group_id, instance_id, id",
            list(parameters),
        )
        return cursor.fetchall()


def versions(servers: Servers) -> dict[str, str]:
    """The transaction that wrote each row."""
    with connect(servers.database_url) as connection:
        return dict(connection.execute("SELECT d::text, d.xmin::text FROM matches.duplicates AS d").fetchall())


def sweep(servers: Servers, *changed: Mirror) -> None:
    for server in changed:
        server.refresh(mode="sweep")
    servers.follow()
    assert servers.contents() == servers.rebuilt()


def tag_a_scene(server: Mirror, number: int, name: str, scene: int) -> None:
    """Gives a scene a new tag."""
    server.sql(
        "INSERT INTO tags (id, name, created_at, updated_at) "
        f"VALUES ({number}, '{name}', '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z')",
        f"INSERT INTO scenes_tags (scene_id, tag_id) VALUES ({scene}, {number})",
    )


def a_scene_on_both(servers: Servers) -> tuple[int, int]:
    """(the id at home, the id away) of a scene with the same single file on each server."""
    with connect(servers.database_url) as connection:
        row = connection.execute(
            "SELECT h.id, a.id FROM matches.duplicates AS h\n"
            "JOIN matches.duplicates AS a USING (entity, kind, group_id)\n"
            "WHERE h.entity = 'files' AND (h.identical OR a.identical)\n"
            "  AND h.instance_id = %s AND a.instance_id = %s AND 2 = (\n"
            "    SELECT count(*) FROM matches.duplicates AS d WHERE d.entity = 'files' AND d.group_id = h.group_id)\n"
            "ORDER BY 1, 2",
            [servers.home.instance.id, servers.away.instance.id],
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_groups_are_the_clusters_of_several_and_the_scenes_with_several_files(servers: Servers) -> None:
    with connect(servers.database_url) as connection:
        several = connection.execute(
            "SELECT c.entity, m.cluster_id, m.instance_id, m.id FROM matches.clusters AS c\n"
            "JOIN matches.members AS m ON m.cluster_id = c.id\n"
            "WHERE c.size > 1 AND c.entity IN ('scenes', 'performers', 'studios', 'tags')"
        ).fetchall()
        files = connection.execute(
            "SELECT m.cluster_id, x.instance_id, x.file_id FROM matches.members AS m\n"
            "JOIN stash.scene_files AS x ON x.instance_id = m.instance_id AND x.scene_id = m.id\n"
            "WHERE m.entity = 'scenes' AND m.cluster_id IN (\n"
            "    SELECT n.cluster_id FROM matches.members AS n\n"
            "    JOIN stash.scene_files AS y ON y.instance_id = n.instance_id AND y.scene_id = n.id\n"
            "    WHERE n.entity = 'scenes' GROUP BY 1 HAVING count(*) > 1)"
        ).fetchall()
    same = rows(servers, "kind = 'same'")
    found = {
        (row["entity"], row["group_id"], row["instance_id"], row["id"]) for row in same if row["entity"] != "files"
    }
    assert found == set(several) and {row[0] for row in several} == {"scenes", "performers", "studios", "tags"}
    assert {(row["group_id"], row["instance_id"], row["file_id"]) for row in same if row["entity"] == "files"} == set(
        files
    )
    assert any(len({row[1] for row in files if row[0] == group}) == 1 for group, *_ in files), "some of one server"


def test_every_group_has_one_keeper_and_every_server_one_best_copy(servers: Servers) -> None:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in rows(servers):
        groups.setdefault((row["entity"], row["kind"], row["group_id"]), []).append(row)
    assert groups
    for group in groups.values():
        assert len(group) > 1
        (keeper,) = [row for row in group if row["is_keeper"]]
        assert keeper["is_best_here"] and keeper["compared_id"] is None and not keeper["loses"] and keeper["reasons"]
        for server in {row["instance_id"] for row in group}:
            (best,) = [row for row in group if row["instance_id"] == server and row["is_best_here"]]
            for row in group:
                if row["instance_id"] == server and row is not best:
                    assert (row["compared_instance_id"], row["compared_id"]) == (server, best["id"])
                    assert row["bytes_across"] == 0
            assert best["bytes"] == 0


def test_a_better_file_becomes_the_keeper_and_the_other_one_is_counted_as_a_backup(servers: Servers) -> None:
    here, there = a_scene_on_both(servers)
    for server, scene, height in ((servers.home, here, 480), (servers.away, there, 2160)):
        server.sql(
            f"UPDATE video_files SET width = {height}, height = {height} WHERE file_id IN "
            f"(SELECT file_id FROM scenes_files WHERE scene_id = {scene})"
        )
    sweep(servers, servers.home, servers.away)
    (low,) = rows(servers, "entity = 'files' AND instance_id = %s AND id = %s", servers.home.instance.id, here)
    (high,) = rows(servers, "entity = 'files' AND instance_id = %s AND id = %s", servers.away.instance.id, there)
    assert high["is_keeper"] and high["reasons"][0] == "resolution 2160×2160"
    assert not low["is_keeper"] and low["is_best_here"] and low["reasons"][0] == "resolution 480×480, not 2160×2160"
    assert (low["bytes"], low["bytes_across"]) == (0, low["size"])
    assert low["identical"] is True and low["duration_difference"] == 0


def test_protected_folders_and_tags_are_kept_and_followed(servers: Servers) -> None:
    (spare, *_) = [row for row in rows(servers, "entity = 'scenes' AND kind = 'same'") if not row["is_keeper"]]
    name = f"Keep {spare['id']}"
    server = servers.home if spare["instance_id"] == servers.home.instance.id else servers.away
    tag_a_scene(server, 9000, name, spare["id"])
    sweep(servers, server)
    same_row = "entity = 'scenes' AND kind = 'same' AND instance_id = %s AND id = %s"
    with connect(servers.database_url) as connection:
        assert protect(connection, server.instance.id, [], [name.upper()])
        assert not protect(connection, server.instance.id, [], [name.upper()])
    sweep(servers)
    (now,) = rows(servers, same_row, server.instance.id, spare["id"])
    assert now["is_keeper"] and now["protected"] and now["reasons"][0] == f"protected: tag {name}"
    with connect(servers.database_url) as connection:
        assert unprotect(connection, server.instance.id)
        assert protect(connection, server.instance.id, ["/media/"], [])
    sweep(servers)
    with connect(servers.database_url) as connection:
        counts = connection.execute(
            "SELECT count(*) FILTER (WHERE protected), count(*) FILTER (WHERE bytes + bytes_across > 0 AND protected)\n"
            "FROM matches.duplicates WHERE entity = 'files' AND instance_id = %s",
            [server.instance.id],
        ).fetchone()
        every = connection.execute(
            "SELECT count(*) FROM matches.duplicates WHERE entity = 'files' AND instance_id = %s", [server.instance.id]
        ).fetchone()
    assert counts is not None and every is not None and counts == (every[0], 0) and every[0] > 0


def test_a_marker_that_is_removed_no_longer_counts(servers: Servers) -> None:
    here, _ = a_scene_on_both(servers)
    servers.home.sql(
        "INSERT INTO scene_markers (id, title, seconds, primary_tag_id, scene_id, created_at, updated_at) "
        f"VALUES (9001, 'm', 1, 1, {here}, '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z')"
    )
    sweep(servers, servers.home)
    scene = "entity = 'scenes' AND kind = 'same' AND instance_id = %s AND id = %s"
    before = rows(servers, scene, servers.home.instance.id, here)[0]["markers"]
    servers.home.sql("DELETE FROM scene_markers WHERE id = 9001")
    sweep(servers, servers.home)
    assert before >= 1 and rows(servers, scene, servers.home.instance.id, here)[0]["markers"] == before - 1


def test_a_marker_that_moves_counts_for_the_other_scene_only(servers: Servers) -> None:
    here, _ = a_scene_on_both(servers)
    other = next(
        row["id"]
        for row in rows(servers, "entity = 'scenes' AND kind = 'same' AND instance_id = %s", servers.home.instance.id)
        if row["id"] != here
    )
    servers.home.sql(
        "INSERT INTO scene_markers (id, title, seconds, primary_tag_id, scene_id, created_at, updated_at) "
        f"VALUES (9001, 'm', 1, 1, {here}, '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z')"
    )
    sweep(servers, servers.home)
    servers.home.sql(f"UPDATE scene_markers SET scene_id = {other} WHERE id = 9001")
    sweep(servers, servers.home)


def test_rows_do_not_depend_on_how_many_groups_are_made_at_once_nor_on_their_size(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = servers.contents()
    monkeypatch.setattr(duplicates, "_AT_ONCE", 3)
    # every group has more members than fit
    monkeypatch.setattr(duplicate_copies, "_BITS", 1)
    assert servers.rebuilt() == expected


def test_a_copy_that_leaves_a_group_of_three_leaves_a_group_of_two(servers: Servers) -> None:
    here, there = a_scene_on_both(servers)
    of_scene = f"(SELECT file_id FROM scenes_files WHERE scene_id = {here})"
    servers.home.sql(
        "INSERT INTO scenes (id, created_at, updated_at) VALUES (9500, '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z')",
        "INSERT INTO files (id, basename, parent_folder_id, size, mod_time, created_at, updated_at) "
        f"SELECT 9500, 'copy.mp4', parent_folder_id, size, mod_time, created_at, updated_at FROM files "
        f"WHERE id = {of_scene}",
        "INSERT INTO video_files (file_id, duration, video_codec, format, audio_codec, width, height, frame_rate, "
        "bit_rate) SELECT 9500, duration, video_codec, format, audio_codec, width, height, frame_rate, bit_rate "
        f"FROM video_files WHERE file_id = {of_scene}",
        "INSERT INTO files_fingerprints (file_id, type, fingerprint) "
        f"SELECT 9500, type, fingerprint FROM files_fingerprints WHERE file_id = {of_scene} AND type = 'oshash'",
        'INSERT INTO scenes_files (scene_id, file_id, "primary") VALUES (9500, 9500, 1)',
    )
    sweep(servers, servers.home)
    key = "entity = 'files' AND kind = 'same' AND group_id = %s"
    (third,) = rows(servers, "entity = 'files' AND id = 9500 AND kind = 'same'")
    assert len(rows(servers, key, third["group_id"])) == 3
    servers.home.sql(
        "UPDATE files_fingerprints SET fingerprint = 'f00dfeedf00dfeed' WHERE file_id = 9500",
        "UPDATE video_files SET duration = 17 WHERE file_id = 9500",
        "UPDATE files SET updated_at = '2026-01-01T00:00:00Z' WHERE id = 9500",
    )
    sweep(servers, servers.home)
    assert not rows(servers, "entity IN ('scenes', 'files') AND id = 9500 AND kind = 'same'")
    assert [row["id"] for row in rows(servers, key, third["group_id"])] == [here, there]


def test_only_the_rows_of_a_changed_scene_are_written_again(servers: Servers) -> None:
    here, _ = a_scene_on_both(servers)
    before = versions(servers)
    servers.home.sql(f"UPDATE scenes SET rating = 17, updated_at = '2026-01-01T00:00:00Z' WHERE id = {here}")
    sweep(servers, servers.home)
    after = versions(servers)
    written = {row for row in after if before.get(row) != after[row]}
    assert len(written) <= 2 and all(f",{servers.home.instance.id},{here}," in row for row in written)
    servers.home.sql(f"UPDATE scenes SET details = 'x' || {here} WHERE id = {here}")
    sweep(servers, servers.home)
    assert len(set(versions(servers).items()) - set(after.items())) <= 2


def test_a_tag_that_both_servers_have_is_not_lost_and_a_renamed_one_is_named_anew(servers: Servers) -> None:
    spare = next(
        row for row in rows(servers, "entity = 'scenes' AND kind = 'same'")
        if not row["is_keeper"] and not row["loses"].get("tags")
    )  # fmt: skip
    server = servers.home if spare["instance_id"] == servers.home.instance.id else servers.away
    tag_a_scene(server, 9100, "Alpha", spare["id"])
    sweep(servers, server)
    key = "entity = 'scenes' AND kind = 'same' AND instance_id = %s AND id = %s"
    assert rows(servers, key, server.instance.id, spare["id"])[0]["loses"]["tags"] == ["Alpha"]
    server.sql("UPDATE tags SET name = 'Omega', updated_at = '2026-01-01T00:00:00Z' WHERE id = 9100")
    sweep(servers, server)
    assert rows(servers, key, server.instance.id, spare["id"])[0]["loses"]["tags"] == ["Omega"]
    other = servers.away if server is servers.home else servers.home
    tag_a_scene(other, 9200, "omega", spare["compared_id"])
    sweep(servers, other)
    assert "tags" not in rows(servers, key, server.instance.id, spare["id"])[0]["loses"]


def _name_twice(server: Mirror) -> None:
    server.sql(
        *(
            "INSERT INTO performers (id, name, disambiguation, created_at, updated_at, favorite, ignore_auto_tag) "
            f"VALUES ({number}, 'Twice Listed', '{number}', '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z', 0, 0)"
            for number in (9300, 9301)
        )
    )


def test_two_of_a_name_on_one_server_are_possible_until_a_person_calls_them_different(servers: Servers) -> None:
    _name_twice(servers.home)
    sweep(servers, servers.home)
    pair = rows(servers, "entity = 'performers' AND id >= 9300")
    assert [row["id"] for row in pair] == [9300, 9301] and {row["kind"] for row in pair} == {"possible"}
    with connect(servers.database_url) as connection:
        report = read_duplicates(connection, "performers")
        (group,) = [one for one in report.possible if any(copy["id"] == 9300 for copy in one.copies)]
        assert group.rule == "performers:name" and group.confidence and group.reason
    home = servers.home.instance.id
    servers.decide(NewDecision("performers", "different", (home, 9300), (home, 9301)))
    servers.follow()
    assert not rows(servers, "entity = 'performers' AND id >= 9300")


def test_a_report_restricts_groups_to_one_server_or_to_several(servers: Servers) -> None:
    with connect(servers.database_url) as connection:
        everything = read_duplicates(connection, "files")
        within = read_duplicates(connection, "files", where="within")
        across = read_duplicates(connection, "files", where="across")
        home = read_duplicates(connection, "files", instances=[servers.home.instance.id])
        few = read_duplicates(connection, "files", limit=2)
    assert all(len({copy["instance"] for copy in group.copies}) == 1 for group in within.groups)
    assert all(len({copy["instance"] for copy in group.copies}) > 1 for group in across.groups)
    assert within.totals.bytes == everything.totals.bytes > 0 and within.totals.bytes_across == 0
    assert {group.id for group in within.groups} | {group.id for group in across.groups} == {
        group.id for group in everything.groups
    }
    sizes = [group.bytes for group in everything.groups]
    assert sizes == sorted(sizes, reverse=True)
    backups = [group.bytes_across for group in across.groups]
    assert backups == sorted(backups, reverse=True)
    name = servers.home.instance.name
    assert home.totals.bytes == everything.totals.by_instance.get(name, 0)
    assert all(any(copy["instance"] == name for copy in group.copies) for group in home.groups)
    assert len(few.groups) == 2 and few.totals == everything.totals
    listed = sum(copy["bytes"] for group in everything.groups for copy in group.copies)
    assert listed == everything.totals.bytes == sum(everything.totals.by_instance.values())


def test_a_removed_server_has_no_copies_until_it_is_restored(servers: Servers) -> None:
    before = servers.contents()
    set_removed = "UPDATE ops.instances SET removed_at = %s WHERE id = %s"
    with connect(servers.database_url) as connection:
        connection.execute(set_removed, ["2026-01-01", servers.away.instance.id])
    servers.follow()
    assert servers.contents()["duplicates"] == servers.rebuilt()["duplicates"]
    left = rows(servers)
    assert left and {row["instance_id"] for row in left} == {servers.home.instance.id}
    with connect(servers.database_url) as connection:
        connection.execute(set_removed, [None, servers.away.instance.id])
    servers.follow()
    assert servers.contents() == before
