"""A database of an earlier version of this program is brought up to date, with its rows."""

from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from psycopg.types.json import Jsonb
from sqlalchemy import create_engine, text

from stash_pipeline.settings import sqlalchemy_url
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.metadata import SCHEMAS
from stash_pipeline.warehouse.migrate import _config, newest_revision, upgrade
from stash_pipeline.warehouse.ops.object_log import newest_revision as newest_revision_of_log
from stash_pipeline.warehouse.raw.partitions import ensure_partitions, has_partitions


def migrate(url: str, revision: str, *, down: bool = False) -> None:
    engine = create_engine(sqlalchemy_url(url))
    with engine.begin() as connection:
        for schema in SCHEMAS:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
        config = _config()
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)
    engine.dispose()


def test_an_upgrade_keeps_rows_and_adds_columns(empty_database_url: str) -> None:
    migrate(empty_database_url, "0001")
    with connect(empty_database_url) as connection:
        connection.execute("INSERT INTO ops.instances (name, url) VALUES ('home', 'http://127.0.0.1:9')")
        ensure_partitions(connection, 1)
        connection.execute(
            "INSERT INTO ops.sync_runs (instance_id, mode, lane, status) VALUES (1, 'sweep', 'graphql', 'succeeded')"
        )
        connection.execute(
            "INSERT INTO raw.scenes (instance_id, id, document, hash, revision, run_id) VALUES (1, 7, '{}', '', 1, 1)"
        )
        connection.execute(
            "INSERT INTO ops.readings (instance_id, entity, run_id, revision, form) VALUES (1, 'scenes', 1, 1, '')"
        )
    upgrade(empty_database_url)
    with connect(empty_database_url) as connection:
        assert connection.execute("SELECT id, document FROM raw.scenes").fetchall() == [(7, {})]
        assert connection.execute("SELECT entity, purpose FROM ops.complete_reads").fetchall() == [
            ("scenes", "documents")
        ]
        assert connection.execute("SELECT timezone, probe_query FROM ops.instances").fetchall() == [(None, None)]
        connection.execute(
            "INSERT INTO ops.complete_reads (instance_id, entity, run_id, revision, form, purpose)\n"
            "VALUES (1, 'scenes', 1, 1, '', 'listing')"
        )


def test_an_upgrade_moves_merges_out_of_raw_and_logs_existing_objects(empty_database_url: str) -> None:
    migrate(empty_database_url, "0005")
    with connect(empty_database_url) as connection:
        connection.execute("INSERT INTO ops.instances (name, url) VALUES ('home', 'http://127.0.0.1:9')")
        ensure_partitions(connection, 1)
        connection.execute(
            "INSERT INTO raw.scenes (instance_id, id, document, hash, revision, run_id, deleted_at, merged_into)\n"
            "VALUES (1, 7, '{}', '', 3, 1, now(), 8), (1, 8, '{}', '', 2, 1, NULL, NULL)"
        )
        connection.execute("INSERT INTO ops.layer_watermarks (instance_id, layer, revision) VALUES (1, 'stash', 3)")
        connection.execute("CREATE TABLE partitions.stash_scenes_1 PARTITION OF stash.scenes FOR VALUES IN (1)")
        connection.execute("INSERT INTO stash.scenes (instance_id, id) VALUES (1, 8)")
    upgrade(empty_database_url)
    with connect(empty_database_url) as connection:
        rows = connection.execute("SELECT entity, id, successor_id, revision FROM stash.merges").fetchall()
        assert rows == [("scenes", 7, 8, 3)]
        logged = connection.execute("SELECT entity, id FROM ops.object_log ORDER BY entity, id").fetchall()
        assert logged == [("instances", 1), ("scenes", 7), ("scenes", 8)]
        assert newest_revision_of_log(connection) == 1
        # rows of an unknown version are made anew; what vanished before is not looked at again
        marks = connection.execute("SELECT layer, revision, version FROM ops.layer_watermarks ORDER BY 1").fetchall()
        assert marks == [("merges", 3, None), ("stash", 3, None)]
    migrate(empty_database_url, "0005", down=True)
    with connect(empty_database_url) as connection:
        assert connection.execute("SELECT id, merged_into FROM raw.scenes ORDER BY id").fetchall() == [
            (7, 8),
            (8, None),
        ]


def test_rows_of_renamed_tables_and_columns_are_kept(empty_database_url: str) -> None:
    stats = {"scenes": {"rows": 2, "unstamped": 1, "causes": {"title": 1}, "known": 3}, "tags": {"merged": 1}}
    renamed = {"rows": 2, "silent_changes": 1, "silent_fields": {"title": 1}, "unchanged_pages": 3}
    migrate(empty_database_url, "0006")
    with connect(empty_database_url) as connection:
        connection.execute(
            "INSERT INTO ops.instances (name, url, probe, probed, snapshot_trouble)\n"
            "VALUES ('home', 'http://127.0.0.1:9', '{version}', '{\"version\": 1}', 'too large')"
        )
        ensure_partitions(connection, 1)
        connection.execute(
            "INSERT INTO ops.sync_runs (instance_id, mode, lane, status, lacking, unknown, entities)\n"
            "VALUES (1, 'sweep', 'graphql', 'succeeded', '{tags.favorite}', '{scenes.mood}', %s),\n"
            "    (1, 'changes', 'graphql', 'running', NULL, NULL, NULL)",
            [Jsonb(stats)],
        )
        connection.execute(
            "INSERT INTO ops.readings (instance_id, entity, run_id, revision, form) VALUES (1, 'scenes', 1, 5, '\\x07')"
        )
        connection.execute("INSERT INTO ops.clocks VALUES (1, 'scenes', '2030-01-01T00:00:00Z', 2)")
        connection.execute(
            "INSERT INTO raw.pages\n"
            "    (instance_id, entity, run_id, lane, request, objects, bytes, milliseconds, hash, known)\n"
            "VALUES (1, 'scenes', 1, 'graphql', '{}', 1, 1, 1, '', true)"
        )
        connection.execute(
            "INSERT INTO raw.scenes (instance_id, id, document, hash, revision, run_id)\n"
            'VALUES (1, 7, \'{"title": "New", "updated_at": "2030"}\', \'\', 2, 1)'
        )
        connection.execute(
            "INSERT INTO raw.history (instance_id, entity, id, revision, change, document, run_id, noted_at)\n"
            "VALUES (1, 'scenes', 7, 2, 'changed', '{\"title\": \"Old\", \"updated_at\": \"2030\"}', 1, '2030-01-02')"
        )
        connection.execute("INSERT INTO stash.merges VALUES (1, 'scenes', 8, 7, 3)")
        connection.execute("INSERT INTO ops.object_log VALUES (1, 'scenes', 7, 4)")
    upgrade(empty_database_url)
    with connect(empty_database_url) as connection:

        def rows(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        assert rows("SELECT probe_query, probe_response, snapshot_error FROM ops.instances") == [
            ("{version}", {"version": 1}, "too large")
        ]
        assert rows("SELECT missing_fields, unmapped_fields, entities FROM ops.sync_runs ORDER BY id") == [
            (["tags.favorite"], ["scenes.mood"], {"scenes": renamed, "tags": {"merged": 1}}),
            (None, None, None),
        ]
        assert rows("SELECT entity, run_id, revision, form, purpose FROM ops.complete_reads") == [
            ("scenes", 1, 5, b"\x07", "documents")
        ]
        assert rows("SELECT entity, read_at = '2030-01-01T00:00:00Z', missing FROM ops.read_watermarks") == [
            ("scenes", True, 2)
        ]
        assert rows("SELECT entity, unchanged FROM raw.pages") == [("scenes", True)]
        assert rows("SELECT id, recorded_at = '2030-01-02' FROM raw.history") == [(7, True)]
        assert rows("SELECT entity, id, recorded_at = '2030-01-02', fields FROM raw.silent_changes") == [
            ("scenes", 7, True, ["title"])
        ]
        assert rows("SELECT entity, id, successor_id, revision FROM stash.merges") == [("scenes", 8, 7, 3)]
        assert rows("SELECT entity, id, revision FROM ops.object_log ORDER BY id") == [
            ("instances", 1, 1),
            ("scenes", 7, 4),
        ]
        # the trigger logs under the new name of the column
        connection.execute("UPDATE ops.instances SET priority = 5")
        assert rows("SELECT revision FROM ops.object_log WHERE entity = 'instances'") == [(2,)]
    migrate(empty_database_url, "0006", down=True)
    with connect(empty_database_url) as connection:
        assert connection.execute("SELECT entities FROM ops.sync_runs ORDER BY id").fetchone() == (stats,)
        assert connection.execute("SELECT count(*) FROM ops.clocks").fetchone() == (1,)
        assert connection.execute("SELECT kind, id FROM stash.merges").fetchall() == [("scenes", 8)]
        assert connection.execute("SELECT id, fields FROM raw.unstamped_changes").fetchall() == [(7, ["title"])]
        connection.execute("UPDATE ops.instances SET priority = 6")


def test_migrations_can_be_downgraded(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    migrate(empty_database_url, "0001", down=True)
    with connect(empty_database_url) as connection:
        tables = connection.execute("SELECT to_regclass('ops.clocks'), to_regclass('ops.read_watermarks')").fetchone()
        assert tables == (None, None)
    upgrade(empty_database_url)
    migrate(empty_database_url, "base", down=True)
    upgrade(empty_database_url)


def test_the_newest_revision_is_the_head() -> None:
    assert newest_revision() == ScriptDirectory.from_config(_config()).get_current_head()


def test_a_migration_creates_partitions_of_new_entities_for_existing_instances(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute(
            "INSERT INTO ops.instances (name, url)\n"
            "VALUES ('home', 'http://127.0.0.1:9'), ('unread', 'http://127.0.0.1:8')"
        )
        ensure_partitions(connection, 1)
    migrate(database_url, "0005", down=True)
    with connect(database_url) as connection:
        # as if this program had known no markers then
        connection.execute("DROP TABLE partitions.raw_scene_markers_1")
    upgrade(database_url)
    with connect(database_url) as connection:
        assert has_partitions(connection, 1)
        assert not has_partitions(connection, 2)
        connection.execute(
            "INSERT INTO raw.scene_markers (instance_id, id, document, hash, revision, run_id) "
            "VALUES (1, 7, '{}', '', 1, 1)"
        )
