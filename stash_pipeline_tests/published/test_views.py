"""Each published view equals the same computed in Python from the tables."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.published.views import KEYS, PUBLISHED
from stash_pipeline.warehouse.raw.history import timeline
from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.mirror.working import generated, looking_at, new_mirror

Row = dict[str, Any]
Key = tuple[int, int]


def table(servers: Servers, name: str) -> list[Row]:
    """The rows of a table or view."""
    cursor = looking_at(servers.database_url).execute(f"SELECT * FROM {name}")
    columns = [column.name for column in cursor.description or []]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


def by_id(servers: Servers, name: str) -> dict[Key, Row]:
    """The rows of an entity by instance and id."""
    return {(row["instance_id"], row["id"]): row for row in table(servers, name)}


def by_scene(servers: Servers, name: str) -> dict[Key, list[Row]]:
    """The rows of a list by scene."""
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in table(servers, name):
        found[row["instance_id"], row["scene_id"]].append(row)
    return found


def test_each_view_and_each_of_its_columns_has_a_comment(servers: Servers) -> None:
    rows = servers.rows(
        "SELECT 'stash.' || c.relname, a.attname, col_description(c.oid, a.attnum),\n"
        "    obj_description(c.oid, 'pg_class')\n"
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0\n"
        "WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind = 'v'"
    )
    ours = [row for row in rows if row[0] in PUBLISHED]
    assert {row[0] for row in ours} == set(PUBLISHED)
    assert not [row for row in ours if not row[2] or not row[3]]


def test_the_keys_tell_the_rows_of_a_view_apart(servers: Servers) -> None:
    assert list(KEYS) == list(PUBLISHED)
    for name, columns in KEYS.items():
        (counts,) = servers.rows(f"SELECT count(*), count(DISTINCT ({', '.join(columns)})) FROM {name}")
        assert counts[0] == counts[1], name


def test_scenes_full_has_what_the_tables_have(servers: Servers) -> None:
    instances = {row["id"]: row["name"] for row in table(servers, "ops.instances")}
    files, studios = by_id(servers, "stash.files"), by_id(servers, "stash.studios")
    entities = {name: by_id(servers, f"stash.{name}") for name in ("performers", "tags", "groups")}
    lists = {
        name: by_scene(servers, f"stash.{name}")
        for name in (
            "scene_files", "scene_performers", "scene_tags", "scene_groups", "scene_galleries", "scene_urls",
            "scene_stash_ids", "scene_markers",
        )
    }  # fmt: skip
    prints: dict[Key, dict[str, str]] = defaultdict(dict)
    for one in table(servers, "stash.file_fingerprints"):
        prints[one["instance_id"], one["file_id"]][one["type"]] = one["value"]
    found = by_id(servers, "stash.scenes_full")
    scenes = by_id(servers, "stash.scenes")
    assert set(found) == set(scenes)
    shapes: dict[str | None, set[tuple[int, int]]] = defaultdict(set)
    for key, row in found.items():
        scene, instance = scenes[key], key[0]
        own = {name: value for name, value in row.items() if name in scene and name != "studio_id"}
        assert own == {name: scene[name] for name in own}
        primary = [one["file_id"] for one in lists["scene_files"][key] if one["is_primary"]]
        file = files[instance, primary[0]] if primary else defaultdict(lambda: None)
        for name in ("path", "size", "duration", "width", "height", "video_codec", "frame_rate", "bit_rate"):
            assert row[name] == file[name]
        hashes = prints[instance, primary[0]] if primary else {}
        assert (row["oshash"], row["phash"]) == (hashes.get("oshash"), hashes.get("phash"))
        shapes[row["resolution"]].add((row["width"], row["height"]))
        assert row["instance"] == instances[instance]
        assert row["studio"] == (studios[instance, scene["studio_id"]]["name"] if scene["studio_id"] else None)
        for entity, column in (("performers", "performer"), ("tags", "tag"), ("groups", "group")):
            elements = sorted(
                (entities[entity][instance, one[f"{column}_id"]]["name"], one[f"{column}_id"])
                for one in lists[f"scene_{entity}"][key]
            )
            assert list(zip(sorted(row[entity]), sorted(row[f"{column}_ids"]), strict=True)) == list(
                zip(sorted(name for name, _ in elements), sorted(number for _, number in elements), strict=True)
            )
            # the names stand in the order of the database's collation, the ids in that of their names
            names = {number: name for name, number in elements}
            assert [names[number] for number in row[f"{column}_ids"]] == row[entity]
        assert row["urls"] == [one["url"] for one in sorted(lists["scene_urls"][key], key=lambda o: o["position"])]
        assert sorted(row["stash_ids"]) == sorted(one["stash_id"] for one in lists["scene_stash_ids"][key])
        assert row["gallery_ids"] == sorted(one["gallery_id"] for one in lists["scene_galleries"][key])
        for column, name in (("performer", "performers"), ("tag", "tags"), ("file", "files"), ("marker", "markers")):
            assert row[f"{column}_count"] == len(lists[f"scene_{name}"][key])
    assert all(found[key]["tags"] for key in found if lists["scene_tags"][key])
    for resolution, low, high in (("1080p", 1080, 1440), ("720p", 720, 1080)):
        assert all(low <= min(size) < high for size in shapes[resolution])
    assert any(shapes[resolution] for resolution in ("1080p", "720p"))


def test_duplicate_files_are_those_with_equal_checksums(servers: Servers) -> None:
    copied = servers.rows(
        "SELECT instance_id, file_id, value FROM stash.file_fingerprints WHERE type = 'oshash'\n"
        "ORDER BY instance_id, file_id LIMIT 3"
    )
    connection = looking_at(servers.database_url)
    with connection.transaction(force_rollback=True):
        for instance, file, _ in copied[1:]:
            # three files with one checksum on one server
            connection.execute(
                "UPDATE stash.file_fingerprints SET value = %s WHERE instance_id = %s AND file_id = %s\n"
                "AND type = 'oshash'",
                [copied[0][2], instance, file],
            )
        prints: dict[Key, dict[str, str]] = defaultdict(dict)
        for row in table(servers, "stash.file_fingerprints"):
            prints[row["instance_id"], row["file_id"]][row["type"]] = row["value"]
        groups: dict[tuple[str, str], list[Key]] = defaultdict(list)
        for key, values in prints.items():
            for kind in ("oshash", "md5"):
                if kind in values:
                    groups[kind, values[kind]].append(key)
                    break
        expected = {
            (*key, len(keys), sum(one[0] == key[0] for one in keys), len({one[0] for one in keys}))
            for keys in groups.values()
            if len(keys) > 1
            for key in keys
        }
        rows = servers.rows("SELECT instance_id, file_id, copies, copies_here, instances FROM stash.duplicate_files")
    assert len(rows) == len(expected)
    assert set(rows) == expected
    assert {row[3] for row in rows} >= {1, 3} and {row[4] for row in rows} >= {2}


def test_watch_statistics_sum_up_the_scenes(servers: Servers) -> None:
    scenes = by_id(servers, "stash.scenes")
    owners: dict[tuple[str, int, int], list[Row]] = defaultdict(list)
    for key, scene in scenes.items():
        owners["scenes", key[0], key[1]].append(scene)
        if scene["studio_id"]:
            owners["studios", key[0], scene["studio_id"]].append(scene)
    for entity, column in (("performers", "performer_id"), ("tags", "tag_id"), ("groups", "group_id")):
        for row in table(servers, f"stash.scene_{entity}"):
            owners[entity, row["instance_id"], row[column]].append(scenes[row["instance_id"], row["scene_id"]])
    expected = {
        key: (
            len(ones),
            sum((one["play_count"] or 0) > 0 for one in ones),
            sum(one["play_count"] or 0 for one in ones),
            round(sum(one["play_duration"] or 0 for one in ones), 6),
            sum(one["o_counter"] or 0 for one in ones),
            max((one["last_played_at"] for one in ones if one["last_played_at"]), default=None),
        )
        for key, ones in owners.items()
    }
    found = {
        (row["entity"], row["instance_id"], row["id"]): (
            row["scenes"], row["scenes_played"], row["play_count"], round(row["play_duration"], 6), row["o_counter"],
            row["last_played_at"],
        )
        for row in table(servers, "stash.watch_statistics")
    }  # fmt: skip
    assert found == expected
    assert any(row[2] for row in found.values())


def test_recent_changes_are_those_of_the_history_field_by_field(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(6, seed=3))
    server.refresh()
    for _ in range(2):
        server.sql(
            "UPDATE scenes SET title = coalesce(title, '') || '!', updated_at = '2030-01-01T00:00:00Z' WHERE id < 4",
            "UPDATE scenes SET details = coalesce(details || '?', 'new') WHERE id = 2",
            "UPDATE performers SET name = name || ' the Second' WHERE id = 1",
        )
        server.refresh(mode="reconcile")
    server.sql("DELETE FROM scenes_tags WHERE scene_id = 3", "DELETE FROM scenes WHERE id = 5")
    server.refresh(mode="sweep", accept_removals=True)
    with connect(server.database_url) as connection:
        changed = connection.execute("SELECT DISTINCT entity, id FROM raw.history").fetchall()
        expected = []
        for entity, identifier in changed:
            for event in timeline(connection, server.instance.id, entity, identifier)[:-1]:
                fields = [(None, None, None)] if event["change"] == "removed" else event["fields"]
                expected += [
                    (entity, identifier, event["revision"], event["change"], event["at"], event["run_id"], *field)
                    for field in fields
                ]
        rows = connection.execute(
            "SELECT c.entity, c.id, c.revision, c.change, c.recorded_at, c.run_id, c.field, c.old, c.new, c.name,\n"
            "    h.document -> c.field, h.document FROM stash.recent_changes c JOIN raw.history h\n"
            "    USING (instance_id, entity, id, revision)"
        ).fetchall()
    assert sorted(map(repr, (row[:7] for row in rows))) == sorted(repr(one[:7]) for one in expected)
    values = {(*one[:3], one[6]): one[7:] for one in expected}
    for row in rows:
        before, after = values[row[0], row[1], row[2], row[6]]
        if isinstance(before, str) or isinstance(after, str):
            assert (row[7], row[8]) == (before, after)
        # a list or a number is the JSON of the document
        assert row[10] == before
        assert row[9] in (row[11].get("title"), row[11].get("name"), row[11].get("path"))
    assert {"changed", "removed"} <= {row[3] for row in rows}
    assert {"title", "details", "name", "tags"} <= {row[6] for row in rows}
