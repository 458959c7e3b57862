"""What is restored from a backup equals what was saved, and a restore that fails changes nothing."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from stash_pipeline.errors import UserError
from stash_pipeline.layers import schemas
from stash_pipeline.warehouse.access import READER, WRITER
from stash_pipeline.warehouse.backup import programs
from stash_pipeline.warehouse.backup.restore import restore
from stash_pipeline.warehouse.backup.write import back_up, count_rows, manifest_of
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.migrate import newest_revision
from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.conftest import address_of, as_superuser, create_database, drop_database
from stash_pipeline_tests.warehouse.test_migrate import migrate

pytestmark = pytest.mark.processes

_numbers = count()


@pytest.fixture
def target(postgres: str) -> Iterator[str]:
    """An empty database to restore to."""
    name = f"restored_{next(_numbers)}"
    yield create_database(postgres, name)
    drop_database(postgres, name)


@pytest.fixture(scope="module")
def saved(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of two servers."""
    return back_up(servers.database_url, tmp_path_factory.mktemp("backup") / "two.backup").file


def contents(url: str) -> dict[str, list[str]]:
    """All rows of all tables."""
    found = {}
    with connect(url) as connection:
        for name in count_rows(connection, schemas()):
            table = sql.Identifier(*name.split("."))
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(table)).fetchall()
            found[name] = [row[0] for row in rows]
    return found


def databases(url: str) -> set[str]:
    with psycopg.connect(address_of("postgres", url)) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()}


def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def name_of(url: str) -> str:
    return urlsplit(url).path.strip("/")


def test_every_table_is_restored(servers: Servers, saved: Path, target: str) -> None:
    done = restore(target, saved)
    before, after = contents(servers.database_url), contents(target)
    assert after == before
    assert any(rows for name, rows in after.items() if name.startswith("partitions.stash_scenes_"))
    assert done.rows == sum(map(len, before.values())) and not done.upgraded
    assert done.revision == newest_revision()


def test_a_restored_database_goes_on(servers: Servers, saved: Path, target: str) -> None:
    restore(target, saved)
    # identities and the object log continue, and triggers work
    (before,) = execute(target, "SELECT revision FROM ops.object_log_head")
    execute(target, "UPDATE ops.instances SET priority = priority + 1")
    (after,) = execute(target, "SELECT revision FROM ops.object_log_head")
    assert after > before
    execute(target, "INSERT INTO ops.instances (name, url) VALUES ('later', 'http://later.test')")


def test_only_the_owner_can_read_a_backup(saved: Path) -> None:
    for file in (saved, manifest_of(saved)):
        assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in saved.parent.iterdir()) == ["two.backup", "two.backup.json"]


def test_a_database_with_data_is_replaced_only_on_request(saved: Path, database_url: str) -> None:
    execute(database_url, "INSERT INTO ops.instances (name, url) VALUES ('mine', 'http://mine.test')")
    execute(database_url, "ALTER DATABASE " + name_of(database_url) + " SET jit = off")
    with pytest.raises(UserError, match="has data; give --replace"):
        restore(database_url, saved)
    assert execute(database_url, "SELECT name FROM ops.instances") == [("mine",)]
    others = databases(database_url)
    restore(database_url, saved, replace=True)
    assert ("mine",) not in execute(database_url, "SELECT name FROM ops.instances")
    assert execute(database_url, "SHOW jit") == [("off",)]
    assert databases(database_url) == others


def test_a_migrated_database_without_data_needs_no_permission(saved: Path, database_url: str) -> None:
    restore(database_url, saved)
    assert execute(database_url, "SELECT count(*) FROM ops.instances") == [(2,)]


@pytest.mark.parametrize("role", [WRITER, READER])
def test_a_database_in_use_is_not_replaced(saved: Path, database_url: str, role: str) -> None:
    others = databases(database_url)
    with (
        psycopg.connect(database_url.replace(f"{WRITER}@", f"{role}@"), application_name="reports") as _,
        pytest.raises(UserError, match=r"Other programs are connected to the database \(reports\); end them"),
    ):
        restore(database_url, saved, replace=True)
    assert databases(database_url) == others


def test_a_damaged_backup_changes_nothing(saved: Path, database_url: str, tmp_path: Path) -> None:
    content = bytearray(saved.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    damaged = tmp_path / "damaged.backup"
    damaged.write_bytes(content)
    others = databases(database_url)
    with pytest.raises(UserError, match="damaged|cannot be restored"):
        restore(database_url, damaged)
    manifest_of(damaged).write_bytes(manifest_of(saved).read_bytes())
    with pytest.raises(UserError, match="is damaged: it is not the file that its manifest"):
        restore(database_url, damaged)
    assert databases(database_url) == others
    assert execute(database_url, "SELECT count(*) FROM ops.instances") == [(0,)]


def test_a_backup_that_lacks_rows_is_refused(saved: Path, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "few.backup"
    file.write_bytes(saved.read_bytes())
    manifest = json.loads(manifest_of(saved).read_text())
    manifest["rows"]["ops.instances"] += 1
    manifest_of(file).write_text(json.dumps(manifest))
    others = databases(database_url)
    with pytest.raises(UserError, match="ops.instances have other row counts"):
        restore(database_url, file)
    assert databases(database_url) == others


def test_a_backup_of_a_newer_version_is_refused(target: str, database_url: str, tmp_path: Path) -> None:
    execute(database_url, "UPDATE ops.alembic_version SET version_num = '9001'")
    with psycopg.connect(database_url):
        file = back_up(database_url, tmp_path / "newer.backup").file
    with pytest.raises(UserError, match=f"has schema 9001, and this version.* knows {newest_revision()}"):
        restore(target, file)


def test_a_backup_of_an_older_version_is_migrated(empty_database_url: str, target: str, tmp_path: Path) -> None:
    for schema in ("matches", "catalog"):
        execute(empty_database_url, f"CREATE SCHEMA {schema}")
    migrate(empty_database_url, "0008")
    execute(empty_database_url, "INSERT INTO ops.instances (name, url) VALUES ('old', 'http://old.test')")
    execute(empty_database_url, "INSERT INTO ops.sync_runs (instance_id, mode, lane, status) VALUES (1, 'changes', 'graphql', 'succeeded')")  # fmt: skip  # noqa: E501
    file = tmp_path / "old.backup"
    arguments = ["--format=custom", "--no-owner", f"--file={file}"]
    programs.run(programs.program("pg_dump", 180000), arguments, url=empty_database_url, failed="The backup failed")
    done = restore(target, file)
    assert done.upgraded and done.revision == "0008"
    assert execute(target, "SELECT version_num FROM ops.alembic_version") == [(newest_revision(),)]
    assert execute(target, "SELECT name FROM ops.instances WHERE id IN (SELECT instance_id FROM ops.sync_runs)") == [
        ("old",)
    ]
    assert execute(target, "SELECT count(*) FROM search.documents") == [(0,)]


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is not a backup"), (b"PGDMP", "is not a backup"), (b"nothing\n", "is not a backup")]
)
def test_another_file_is_refused(target: str, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        restore(target, file)


def test_a_missing_file_is_named(target: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no file .*/missing.backup; name the file"):
        restore(target, tmp_path / "missing.backup")


def test_an_existing_file_is_not_overwritten(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(UserError, match="there exists; choose another name"):
        back_up(database_url, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


def test_a_backup_that_fails_leaves_no_file(database_url: str, tmp_path: Path) -> None:
    execute(database_url, "DROP TABLE ops.alembic_version")
    with pytest.raises(psycopg.Error):
        back_up(database_url, tmp_path / "half.backup")
    assert list(tmp_path.iterdir()) == []


def test_runs_can_be_left_out(database_url: str, target: str, tmp_path: Path) -> None:
    execute(database_url, "CREATE SCHEMA IF NOT EXISTS dagster")
    execute(database_url, "CREATE TABLE dagster.anything AS SELECT 1 AS one")
    restore(target, back_up(database_url, tmp_path / "with.backup").file)
    assert execute(target, "SELECT one FROM dagster.anything") == [(1,)]
    restore(target, back_up(database_url, tmp_path / "without.backup", runs=False).file, replace=True)
    assert execute(target, "SELECT to_regclass('dagster.anything')::text") == [(None,)]


def test_a_user_who_may_not_create_databases_restores_into_an_empty_one(
    saved: Path, target: str, database_url: str
) -> None:
    role = "restorer_" + name_of(target).rpartition("_")[2]
    name = name_of(target)
    execute(as_superuser(target), f"CREATE ROLE {role} LOGIN")
    try:
        execute(as_superuser(target), f"GRANT ALL ON DATABASE {name} TO {role}")
        as_role = as_superuser(target).replace("postgres@", f"{role}@", 1)
        restore(as_role, saved)
        assert execute(as_superuser(target), "SELECT count(*) FROM ops.instances") == [(2,)]
        with pytest.raises(UserError, match="may not create databases.*grant it CREATEDB"):
            restore(as_role, saved, replace=True)
    finally:
        execute(as_superuser(target), f"DROP OWNED BY {role} CASCADE")
        execute(as_superuser(target), f"DROP ROLE {role}")


def test_privileges_of_roles_are_restored(target: str, database_url: str, tmp_path: Path) -> None:
    role = "reports_" + name_of(target).rpartition("_")[2]
    execute(as_superuser(database_url), f"CREATE ROLE {role}")
    execute(database_url, f"GRANT SELECT ON ops.instances TO {role}")
    file = back_up(database_url, tmp_path / "roles.backup").file
    granted = f"SELECT has_table_privilege('{role}', 'ops.instances', 'SELECT')"
    try:
        assert restore(target, file).missing_roles == []
        assert execute(target, granted) == [(True,)]
    finally:
        for url in (target, database_url):
            execute(as_superuser(url), f"DROP OWNED BY {role}")
        execute(as_superuser(database_url), f"DROP ROLE {role}")
    assert restore(target, file, replace=True).missing_roles == [role]
