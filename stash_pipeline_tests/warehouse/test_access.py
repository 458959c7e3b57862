"""The reader's role can read what is published, and do nothing else, for lack of privileges."""

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from stash_pipeline.warehouse.access import READER, WRITER, ensure_access, is_secret, report, role_statements
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline.warehouse.raw.partitions import ensure_partitions
from stash_pipeline_tests.conftest import as_superuser


def as_role(url: str, role: str) -> str:
    return url.replace(f"{WRITER}@", f"{role}@")


def reading(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(as_role(url, READER), autocommit=True)


def test_names_without_a_schema_are_those_of_the_servers(database_url: str) -> None:
    with reading(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM scenes").fetchone() == (0,)
        for setting, value in (("default_transaction_read_only", "on"), ("statement_timeout", "5min")):
            assert connection.execute(f"SHOW {setting}").fetchone() == (value,)
        found = connection.execute("SELECT 'scenes'::regclass = 'stash.scenes'::regclass").fetchone()
        assert found == (True,)


def test_everything_published_can_be_read(database_url: str) -> None:
    with connect(database_url) as connection:
        relations = connection.execute(
            "SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace\n"
            "WHERE nspname IN ('stash', 'catalog', 'matches', 'search', 'stashbox') AND relkind IN ('r', 'p', 'v')\n"
            "    OR nspname = 'raw' AND relkind = 'v'"
        ).fetchall()
    assert len(relations) > 100
    with reading(database_url) as reader:
        for (name,) in relations:
            reader.execute(f"SELECT * FROM {name} LIMIT 0")


def test_rows_of_new_instances_and_tables_to_come_can_be_read(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO ops.instances (name, url) VALUES ('home', 'http://127.0.0.1:9')")
        ensure_partitions(connection, 1)
        connection.execute("CREATE TABLE partitions.stash_scenes_1 PARTITION OF stash.scenes FOR VALUES IN (1)")
        connection.execute("INSERT INTO stash.scenes (instance_id, id, title) VALUES (1, 7, 'Invented')")
        connection.execute("CREATE TABLE catalog.later AS SELECT 1 AS one")
    with reading(database_url) as reader:
        query = "SELECT i.name, s.title FROM scenes AS s JOIN ops.instances AS i ON i.id = s.instance_id"
        assert reader.execute(query).fetchall() == [("home", "Invented")]
        assert reader.execute("SELECT * FROM later").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO stash.tags (instance_id, id) VALUES (1, 1)",
        "UPDATE stash.scenes SET title = NULL",
        "DELETE FROM catalog.scenes",
        "MERGE INTO stash.tags USING stash.tags AS t ON false WHEN NOT MATCHED THEN DO NOTHING"
        " WHEN MATCHED THEN DELETE",
        "TRUNCATE stash.scenes",
        "COPY stash.scenes FROM STDIN",
        "COPY stash.scenes TO PROGRAM 'cat'",
        "COPY stash.scenes TO '/tmp/never'",
        "SELECT * FROM stash.scenes FOR UPDATE",
        "BEGIN; LOCK TABLE stash.scenes IN SHARE MODE",
        "CREATE TABLE stash.mine (id integer)",
        "CREATE TABLE public.mine (id integer)",
        "CREATE TEMP TABLE mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION stash.mine() RETURNS integer LANGUAGE sql RETURN 1",
        "CREATE ROLE mine",
        "ALTER TABLE stash.scenes ADD COLUMN mine integer",
        "CREATE INDEX ON stash.tags (id)",
        "DROP TABLE stash.scenes",
        "DROP VIEW stash.tag_counts",
        "COMMENT ON TABLE stash.scenes IS 'mine'",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "SET ROLE stash_writer",
        "SET SESSION AUTHORIZATION stash_writer",
        "SET session_replication_role = replica",
        "SELECT nextval('ops.instances_id_seq')",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT * FROM raw.scenes",
        "SELECT * FROM raw.history",
        "SELECT * FROM partitions.stash_scenes_1",
        "SELECT * FROM ops.instances",
        "SELECT api_key_encrypted FROM ops.instances",
        "SELECT headers_encrypted FROM ops.instances",
        "SELECT api_key_encrypted FROM ops.stashbox_endpoints",
        "SELECT row_to_json(i) FROM ops.instances AS i",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_everything_else_lacks_a_privilege(database_url: str, statement: str) -> None:
    """Also after a session has left read-only mode, which it may."""
    with connect(database_url) as connection:
        # privileges of a database are not copied with its template
        ensure_access(connection)
    with reading(database_url) as reader:
        reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(InsufficientPrivilege):
            reader.execute(statement)


def test_secrets_are_recognised_by_the_names_of_their_columns(database_url: str) -> None:
    with connect(database_url) as connection:
        columns = connection.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) = 'bytea' FROM pg_attribute AS a\n"
            "JOIN pg_class AS c ON c.oid = a.attrelid\n"
            "WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
        ).fetchall()
        # an encrypted value is binary; the other binary columns are digests
        assert {column for _, column, binary in columns if binary and not is_secret(column)} == {"form", "equal_form"}
        for table, column, _ in columns:
            row = connection.execute(
                "SELECT has_column_privilege(%s, %s, %s, 'SELECT')", [READER, f"ops.{table}", column]
            ).fetchone()
            assert row == (not is_secret(column),), (table, column)


def test_a_secret_that_a_migration_adds_is_withheld(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("ALTER TABLE ops.sync_runs ADD COLUMN webhook_token text")
        ensure_access(connection)
    with reading(database_url) as reader:
        reader.execute("SELECT id, mode FROM ops.sync_runs")
        with pytest.raises(InsufficientPrivilege):
            reader.execute("SELECT webhook_token FROM ops.sync_runs")


def test_the_pipeline_is_no_superuser(database_url: str) -> None:
    with connect(database_url) as connection:
        found = report(connection)
    assert (found.user, found.superuser, found.reader, found.statements) == (WRITER, False, True, ())


def test_a_database_whose_user_may_not_create_roles_is_migrated(postgres: str, empty_database_url: str) -> None:
    """The role exists in the cluster of the tests, so its absence is played with another name."""
    owner, name = "plain_owner", empty_database_url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(as_superuser(empty_database_url), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN")
        try:
            connection.execute(sql.SQL(f"ALTER DATABASE {{}} OWNER TO {owner}").format(sql.Identifier(name)))
            connection.execute(f"ALTER ROLE {READER} RENAME TO hidden_reader")
            url = as_role(empty_database_url, owner)
            upgrade(url)
            with connect(url) as own:
                found = report(own)
                assert not found.reader and found.statements == tuple(role_statements())
                # an administrator runs them; the next command grants
                for statement in found.statements:
                    connection.execute(statement)
                upgrade(url)
                assert report(own).reader
            with psycopg.connect(as_role(empty_database_url, READER)) as reader:
                assert reader.execute("SELECT count(*) FROM scenes").fetchone() == (0,)
        finally:
            if connection.execute("SELECT to_regrole('hidden_reader') IS NOT NULL").fetchone() == (True,):
                connection.execute(f"DROP OWNED BY {READER}") if report(connection).reader else None
                connection.execute(f"DROP ROLE IF EXISTS {READER}")
                connection.execute(f"ALTER ROLE hidden_reader RENAME TO {READER}")
            connection.execute(f"REASSIGN OWNED BY {owner} TO {WRITER}")
            connection.execute(f"DROP OWNED BY {owner}")
            connection.execute(f"DROP ROLE {owner}")
