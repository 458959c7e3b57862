"""Writes a migration: ``make migration NAME=what_it_does``, or ``python -m stash_pipeline.warehouse.new_migration``.

It compares a temporary, migrated Postgres with the registry: tables, columns, keys, indexes, CHECK constraints and
comments of ``tables.py``, views of ``views.py`` and of the layers. It does not use any other database. Functions and
triggers are not compared. Not used at run time.
"""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from stash_pipeline import layers
from stash_pipeline.errors import UserError
from stash_pipeline.layers import schemas
from stash_pipeline.settings import sqlalchemy_url
from stash_pipeline.warehouse.embedded.server import running_server
from stash_pipeline.warehouse.migrate import newest_revision, upgrade
from stash_pipeline.warehouse.published.views import PUBLISHED
from stash_pipeline.warehouse.tables import METADATA
from stash_pipeline.warehouse.views import VIEWS as STASH_VIEWS
from stash_pipeline.warehouse.views import View

MIGRATIONS = Path(__file__).parent / "migrations"

_VERSION = '''"""{title}.

Revision ID: {revision}
"""

from importlib.resources import files

from alembic import op

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes tables and views to match the registry."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "{revision}_{name}.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Reverts the changes."""
    script = files("stash_pipeline.warehouse.migrations") / "sql" / "{revision}_downgrade.sql"
    op.get_bind().exec_driver_sql(script.read_text("utf-8").replace("%", "%%"))
'''

VIEWS = STASH_VIEWS | PUBLISHED | {view.name: view for layer in layers.LAYERS for view in layer.views}
"""All generated views. The modules of the layers add their tables to the registry, too."""

Script = list[str]
"""Statements, in order."""


def compare_with_registry(connection: Connection) -> tuple[Script, Script]:
    """The statements that make a migrated database match the registry, and those that revert them.

    Raises:
        UserError: if the database has a table that is not in the registry.
    """
    with warnings.catch_warnings():
        # files lie in folders, folders in zip files
        warnings.filterwarnings("ignore", "Cannot correctly sort tables")
        options = {
            "include_schemas": True,
            "include_name": _is_ours,
            "compare_type": True,
            "version_table_schema": "ops",
        }
        migrations = produce_migrations(MigrationContext.configure(connection, opts=options), METADATA)
        assert migrations.upgrade_ops is not None and migrations.downgrade_ops is not None
        for operation in _flat(migrations.upgrade_ops):
            if isinstance(operation, ops.DropTableOp):
                raise UserError(
                    f"The registry no longer has {operation.schema}.{operation.table_name}; write the migration that "
                    "drops it by hand, because it cannot be reverted."
                )
        forward, backward = _rendered(migrations.upgrade_ops), _rendered(migrations.downgrade_ops)
    checks, checks_before = _changed_checks(connection, forward)
    forward, backward = [*forward, *checks], [*checks_before, *backward]
    changed, before = _changed_views(connection, forward)
    if not _succeeds(connection, _with_views(forward, changed, before)):
        # a column of a view changes its type, so the view must be dropped first
        changed = list(VIEWS)
    after = {name: VIEWS[name].statements() for name in changed if name in VIEWS}
    return (
        [*_dropped(before, changed), *forward, *(s for statements in after.values() for s in statements)],
        [*(f"DROP VIEW {name}" for name in after), *backward, *(s for n in changed for s in before.get(n, []))],
    )


def _is_ours(name: str | None, kind: str, parents: Any) -> bool:
    if kind == "schema":
        return name in schemas() and name != "partitions"
    return not (kind == "table" and name == "alembic_version")


def _flat(container: ops.OpContainer) -> Iterator[ops.MigrateOperation]:
    for operation in container.ops:
        if isinstance(operation, ops.OpContainer):
            yield from _flat(operation)
        else:
            yield operation


def _rendered(container: ops.OpContainer) -> Script:
    """The SQL statements of Alembic operations."""
    buffer = StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": buffer})
    operations = Operations(context)
    for operation in _flat(container):
        operations.invoke(operation)
    lines = [line.rstrip().replace("\t", "    ") for line in buffer.getvalue().splitlines()]
    return [statement for part in "\n".join(lines).split(";\n\n") if (statement := part.strip().removesuffix(";"))]


# --- CHECK constraints ----------------------------------------------------------------------------------


def _changed_checks(connection: Connection, forward: Script) -> tuple[Script, Script]:
    """The statements that make the CHECK constraints those of the registry, after ``forward``; and the reverse."""
    registered = {
        (table.fullname, str(constraint.name)): str(constraint.sqltext)
        for table in METADATA.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint) and constraint.name
    }
    existing = _check_definitions(connection)
    with _undone(connection):
        _run(connection, [*_dropped(_definitions(connection), list(_definitions(connection))), *forward])
        before = _check_definitions(connection)
        # Postgres writes expressions in its own way, so the registered ones must be written by it too
        _run(connection, [_drop_check(*key) for key in before])
        _run(connection, [_add_check(*key, f"CHECK ({condition})") for key, condition in registered.items()])
        after = _check_definitions(connection)
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return (
        [_drop_check(*key) for key in changed if key in before]
        + [_add_check(*key, after[key]) for key in changed if key in after],
        [_drop_check(*key) for key in changed if key in after]
        + [_add_check(*key, existing[key]) for key in changed if key in existing],
    )


def _check_definitions(connection: Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        text(
            "SELECT n.nspname || '.' || t.relname, c.conname, pg_get_constraintdef(c.oid)\n"
            "FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid\n"
            "JOIN pg_namespace AS n ON n.oid = t.relnamespace\n"
            "WHERE c.contype = 'c' AND c.conislocal AND n.nspname = ANY(:schemas) AND n.nspname <> 'partitions'"
        ),
        {"schemas": list(schemas())},
    )
    return {(table, name): definition for table, name, definition in rows}


def _drop_check(table: str, name: str) -> str:
    return f"ALTER TABLE {table} DROP CONSTRAINT {name}"


def _add_check(table: str, name: str, definition: str) -> str:
    return f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"


# --- views ----------------------------------------------------------------------------------------------


@contextmanager
def _undone(connection: Connection) -> Iterator[None]:
    """Rolls back everything inside the block."""
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def _run(connection: Connection, statements: Script) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def _succeeds(connection: Connection, statements: Script) -> bool:
    try:
        with _undone(connection):
            _run(connection, statements)
    except DBAPIError:
        return False
    return True


def _definitions(connection: Connection) -> dict[str, Script]:
    """The generated views in the database, with the statements that create them."""
    rows = connection.execute(
        text(
            "SELECT n.nspname || '.' || c.relname, pg_get_viewdef(c.oid), obj_description(c.oid),\n"
            "    ARRAY(SELECT ARRAY[a.attname::text, col_description(c.oid, a.attnum)] FROM pg_attribute a\n"
            "        WHERE a.attrelid = c.oid AND col_description(c.oid, a.attnum) IS NOT NULL ORDER BY a.attnum)\n"
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace\n"
            "WHERE c.relkind = 'v'\n"
            # the views stash_* are in the first migration only
            "AND (n.nspname = 'stash' AND c.relname NOT LIKE 'stash\\_%' OR n.nspname = ANY(:schemas))\n"
            "ORDER BY 1"
        ),
        {"schemas": [schema for schema in schemas() if schema != "stash"]},
    )
    views = {}
    for name, query, comment, columns in rows:
        # with the comments of the database
        view = View(name, query.strip().removesuffix(";"), comment or "", dict(columns))
        views[name] = view.statements()
    return views


def _changed_views(connection: Connection, forward: Script) -> tuple[list[str], dict[str, Script]]:
    """The views that differ from the registry, and the statements that create the existing ones."""
    before = _definitions(connection)
    with _undone(connection):
        _run(connection, [*_dropped(before, list(before)), *forward])
        _run(connection, [statement for view in VIEWS.values() for statement in view.statements()])
        after = _definitions(connection)
    names = [*VIEWS, *(name for name in before if name not in VIEWS)]
    return [name for name in names if before.get(name) != after.get(name)], before


def _dropped(before: dict[str, Script], names: list[str]) -> Script:
    return [f"DROP VIEW {name}" for name in names if name in before]


def _with_views(forward: Script, changed: list[str], before: dict[str, Script]) -> Script:
    created = [statement for name in changed if name in VIEWS for statement in VIEWS[name].statements()]
    return [*_dropped(before, changed), *forward, *created]


# --- files ----------------------------------------------------------------------------------------------


def write_migration(name: str, forward: Script, backward: Script, folder: Path = MIGRATIONS) -> list[Path]:
    """Writes the next migration; returns its files."""
    previous = newest_revision()
    revision = f"{int(previous) + 1:04}"
    title = name.replace("_", " ").capitalize()
    contents = {
        folder / "versions" / f"{revision}_{name}.py": _VERSION.format(
            title=title, revision=revision, previous=previous, name=name
        ),
        folder / "sql" / f"{revision}_{name}.sql": _text(forward),
        folder / "sql" / f"{revision}_downgrade.sql": _text(backward),
    }
    for path, content in contents.items():
        path.write_text(content, "utf-8")
    return list(contents)


def _text(statements: Script) -> str:
    return "\n\n".join(f"{statement};" for statement in statements) + "\n"


def new_migration(name: str) -> list[Path]:
    """Compares the migrations with the registry and writes a migration for the differences; returns its files.

    Raises:
        UserError: if the name is invalid, or the migrations create a table that is not in the registry.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{2,59}", name) or name == "downgrade":
        raise UserError(
            "Name the migration after its purpose, in lower case with underscores: make migration NAME=scene_weather."
        )
    with TemporaryDirectory(prefix="stash-pipeline-") as home, running_server(Path(home)) as url:
        upgrade(url)
        engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
        with engine.connect() as connection:
            forward, backward = compare_with_registry(connection)
        engine.dispose()
    return write_migration(name, forward, backward) if forward else []


def main() -> int:
    """The program."""
    try:
        paths = new_migration(" ".join(sys.argv[1:]))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    if not paths:
        print("The migrations already match the registry.")
    for path in paths:
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
