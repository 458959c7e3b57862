"""The lists of golden records: what all members have, each once."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.catalog.working import Object, Servers, log

MORNING, NOON, NIGHT = (datetime(2024, 5, 1, hour, tzinfo=timezone.utc) for hour in (8, 12, 22))


@pytest.fixture
def pair(servers: Servers) -> list[Object]:
    """Two scenes that are one; the first one is of the instance that comes first."""
    one, other = servers.pairs("scenes")[0]
    servers.execute("UPDATE ops.instances SET priority = CASE WHEN id = %s THEN 0 ELSE 1 END", [one[0]])
    return [one, other]


def put(servers: Servers, table: str, owner: Object, columns: str, rows: list[tuple[Any, ...]]) -> None:
    """Gives a scene other elements of a list, as a sync would."""
    with connect(servers.database_url) as connection, connection.transaction():
        connection.execute(f"DELETE FROM stash.{table} WHERE instance_id = %s AND scene_id = %s", owner)
        for row in rows:
            connection.execute(
                f"INSERT INTO stash.{table} (instance_id, scene_id, {columns})\n"
                f"VALUES ({', '.join(['%s'] * (2 + len(row)))})",
                [*owner, *row],
            )
        log(connection, "scenes", [owner])


def listed(servers: Servers, table: str, owner: Object, columns: str) -> list[tuple[Any, ...]]:
    """The elements of a list of a record, in order."""
    record = servers.record_of("scenes", owner)
    return servers.rows(f"SELECT {columns} FROM catalog.{table} WHERE scene_id = %s ORDER BY 1", [record["id"]])


def test_tags_of_all_members_are_united(servers: Servers, pair: list[Object]) -> None:
    one, other = servers.pairs("tags")[0]
    own = servers.rows(
        "SELECT m.instance_id, m.id FROM catalog.tags AS r JOIN catalog.members AS m ON m.canonical_id = r.id\n"
        "WHERE r.objects = 1 AND m.instance_id = %s LIMIT 1",
        [other[0]],
    )[0]
    put(servers, "scene_tags", pair[0], "tag_id", [(one[1],)])
    put(servers, "scene_tags", pair[1], "tag_id", [(other[1],), (own[1],)])
    servers.follow()
    expected = {servers.record_of("tags", one)["id"], servers.record_of("tags", own)["id"]}
    assert {row[0] for row in listed(servers, "scene_tags", pair[0], "tag_id")} == expected
    # tags that a person calls the same are one element
    servers.decide("tags", "same", other, own)
    servers.follow()
    assert listed(servers, "scene_tags", pair[0], "tag_id") == [(servers.record_of("tags", one)["id"],)]


def test_urls_keep_the_order_of_the_first_instance(servers: Servers, pair: list[Object]) -> None:
    put(servers, "scene_urls", pair[0], "position, url", [(0, "https://z.test"), (1, "https://b.test")])
    put(servers, "scene_urls", pair[1], "position, url", [(0, "https://a.test"), (1, "https://z.test")])
    servers.follow()
    urls = [(0, "https://z.test"), (1, "https://b.test"), (2, "https://a.test")]
    assert listed(servers, "scene_urls", pair[0], "position, url") == urls


def test_a_moment_that_both_have_is_one_play(servers: Servers, pair: list[Object]) -> None:
    put(servers, "scene_plays", pair[0], "position, played_at", [(0, NIGHT), (1, MORNING)])
    put(servers, "scene_plays", pair[1], "position, played_at", [(0, MORNING), (1, NOON), (2, NOON)])
    servers.follow()
    plays = [(0, MORNING), (1, NOON), (2, NOON), (3, NIGHT)]
    assert listed(servers, "scene_plays", pair[0], "position, played_at") == plays


def test_a_stash_id_has_the_newest_time(servers: Servers, pair: list[Object]) -> None:
    columns = "endpoint, stash_id, updated_at"
    put(servers, "scene_stash_ids", pair[0], columns, [("https://box.test", "x", NOON)])
    put(servers, "scene_stash_ids", pair[1], columns, [("https://box.test", "x", NIGHT)])
    servers.follow()
    assert listed(servers, "scene_stash_ids", pair[0], columns) == [("https://box.test", "x", NIGHT)]


def test_the_index_in_a_group_is_that_of_the_first_instance_that_has_one(servers: Servers, pair: list[Object]) -> None:
    groups = [servers.rows("SELECT min(id) FROM stash.groups WHERE instance_id = %s", [one[0]])[0][0] for one in pair]
    servers.decide("groups", "same", (pair[0][0], groups[0]), (pair[1][0], groups[1]))
    put(servers, "scene_groups", pair[0], "group_id, scene_index", [(groups[0], 3)])
    put(servers, "scene_groups", pair[1], "group_id, scene_index", [(groups[1], 8)])
    servers.follow()
    record = servers.record_of("groups", (pair[0][0], groups[0]))["id"]
    assert listed(servers, "scene_groups", pair[0], "group_id, scene_index") == [(record, 3)]
    put(servers, "scene_groups", pair[0], "group_id, scene_index", [(groups[0], None)])
    servers.follow()
    assert listed(servers, "scene_groups", pair[0], "group_id, scene_index") == [(record, 8)]


def test_files_keep_their_instance(servers: Servers, pair: list[Object]) -> None:
    expected = servers.rows(
        "SELECT instance_id, file_id, is_primary FROM stash.scene_files\n"
        "WHERE (instance_id, scene_id) IN ((%s, %s), (%s, %s)) ORDER BY 1",
        [*pair[0], *pair[1]],
    )
    assert listed(servers, "scene_files", pair[0], "instance_id, file_id, is_primary") == expected


def test_tags_that_are_one_are_not_above_themselves(servers: Servers) -> None:
    instance = servers.servers[0].instance.id
    parent, child = servers.rows(
        "SELECT parent_id, tag_id FROM stash.tag_parents WHERE instance_id = %s LIMIT 1", [instance]
    )[0]
    servers.decide("tags", "same", (instance, parent), (instance, child))
    servers.follow()
    assert servers.record_of("tags", (instance, parent)) == servers.record_of("tags", (instance, child))
    assert servers.rows("SELECT * FROM catalog.tag_parents WHERE tag_id = parent_id") == []


def test_a_list_that_changes_marks_its_record_only(servers: Servers, pair: list[Object], home: Path) -> None:
    servers.follow()
    before = dict(servers.rows("SELECT id, revision FROM catalog.scenes"))
    put(servers, "scene_urls", pair[1], "position, url", [(0, "https://new.test")])
    servers.follow()
    after = dict(servers.rows("SELECT id, revision FROM catalog.scenes"))
    changed = {identity for identity, revision in after.items() if before[identity] != revision}
    assert changed == {servers.record_of("scenes", pair[0])["id"]}
