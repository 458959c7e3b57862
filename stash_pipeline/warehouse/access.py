"""Who may read the tables: the role ``stash_reader``, and what is granted to it.

``migrate.upgrade`` calls ``ensure_access`` after migrations, on any Postgres. Roles belong to the cluster, grants to a
database: databases that share a cluster share the role. On Postgres servers where the pipeline may not create roles,
nothing fails; ``status`` prints the statements for an administrator, and the next command grants.

Read-only is a matter of missing privileges. The settings of the role (``default_transaction_read_only``, timeouts) only
prevent accidents, because every session may change its own settings.

The role ``stash_writer``, as which the pipeline itself uses the private Postgres, is made by ``embedded/roles.py``. It
owns the tables, because a sync creates, fills and drops partitions.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.errors import DuplicateObject, InsufficientPrivilege, InternalError_, UniqueViolation

from stash_pipeline.warehouse.connect import Connection

READER: Final = "stash_reader"
WRITER: Final = "stash_writer"

SEARCH_PATH: Final = ("stash", "catalog")
"""Where names without a schema are looked up: ``scenes`` is ``stash.scenes``, the scenes of every server."""

READER_SETTINGS: Final[Mapping[str, str]] = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5min",
    "idle_in_transaction_session_timeout": "10min",
    "search_path": ", ".join(SEARCH_PATH),
}
"""Of the role's sessions. An administrator may change them; only missing ones are set."""

PUBLISHED: Final = ("stash", "catalog", "matches", "search", "stashbox")
"""Schemas of which the reader may read everything, also tables to come."""

_VIEWS_ONLY: Final = "raw"
_CHECKED_COLUMNS: Final = "ops"
_SECRET: Final = re.compile(r"encrypted|secret|token|password|credential|_keys?$|_env$|probe_response", re.IGNORECASE)

_ATTEMPTS: Final = 10


def is_secret(column: str) -> bool:
    """Whether a column of schema ``ops`` is withheld from the reader: keys, and where they are found."""
    return _SECRET.search(column) is not None


# --- the role -------------------------------------------------------------------------------------------


def role_statements(missing: Mapping[str, str] = READER_SETTINGS, *, exists: bool = False) -> list[str]:
    """The statements that create the reader's role, for whoever may create roles."""
    create = [] if exists else [f"CREATE ROLE {READER} LOGIN"]
    return [*create, *(f"ALTER ROLE {READER} SET {name} = {_value(name, value)}" for name, value in missing.items())]


def _value(name: str, value: str) -> str:
    return value if name == "search_path" else f"'{value}'"


def ensure_reader(connection: Connection) -> bool:
    """Creates the role, and its settings that are missing, if this user may; returns whether the role exists."""

    def missing() -> dict[str, str] | None:
        row = connection.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", [READER]).fetchone()
        if row is None:
            return None
        present = {setting.partition("=")[0] for setting in row[0] or ()}
        return {name: value for name, value in READER_SETTINGS.items() if name not in present}

    try:
        if missing() is None:
            _patiently(lambda: connection.execute(f"CREATE ROLE {READER} LOGIN"))
        for statement in role_statements(missing() or {}, exists=True):
            _patiently(lambda statement=statement: connection.execute(statement))  # type: ignore[misc]
    except InsufficientPrivilege:
        pass
    return missing() is not None


def _patiently(act: Callable[[], Any]) -> None:
    """Repeats what fails because another database of the cluster does the same: roles have no lock."""
    for attempt in range(_ATTEMPTS):
        try:
            act()
            return
        except (DuplicateObject, UniqueViolation):
            return
        except InternalError_:
            # "tuple concurrently updated"
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.02 * (attempt + 1))


# --- the grants -----------------------------------------------------------------------------------------

# what this user may grant and the reader does not have yet
_RELATIONS: Final = """
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE (n.nspname = ANY(%(published)s) AND c.relkind = ANY('{r,v,m,p,f}')
        OR n.nspname = %(views_only)s AND c.relkind = 'v')
    AND pg_has_role(c.relowner, 'USAGE') AND NOT has_table_privilege(%(reader)s, c.oid, 'SELECT')
ORDER BY 1
"""

_COLUMNS: Final = """
SELECT format('%%I.%%I', n.nspname, c.relname), array_agg(a.attname::text ORDER BY a.attnum),
    bool_or(has_table_privilege(%(reader)s, c.oid, 'SELECT'))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = %(checked)s AND c.relkind = ANY('{r,v,m,p,f}') AND pg_has_role(c.relowner, 'USAGE')
GROUP BY n.nspname, c.relname
ORDER BY 1
"""


def grant_access(connection: Connection) -> None:
    """Grants the reader what is published, as the owner of the tables. Does nothing that is done already."""
    parameters = {
        "reader": READER,
        "published": list(PUBLISHED),
        "views_only": _VIEWS_ONLY,
        "checked": _CHECKED_COLUMNS,
    }
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline migrations'))")
        schemas = ", ".join((*PUBLISHED, _VIEWS_ONLY, _CHECKED_COLUMNS))
        connection.execute(f"GRANT USAGE ON SCHEMA {schemas} TO {READER}")
        relations = [name for (name,) in connection.execute(_RELATIONS, parameters).fetchall()]
        if relations:
            connection.execute(f"GRANT SELECT ON {', '.join(relations)} TO {READER}")
        for name, columns, all_of_it in connection.execute(_COLUMNS, parameters).fetchall():
            secret = [column for column in columns if is_secret(column)]
            if secret and all_of_it:
                # a migration added the secret
                connection.execute(f"REVOKE SELECT ON {name} FROM {READER}")
            if secret:
                readable = sql.SQL(", ").join(sql.Identifier(column) for column in columns if column not in secret)
                connection.execute(sql.SQL(f"GRANT SELECT ({{}}) ON {name} TO {READER}").format(readable))
            elif not all_of_it:
                connection.execute(f"GRANT SELECT ON {name} TO {READER}")
        connection.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {', '.join(PUBLISHED)} GRANT SELECT ON TABLES TO {READER}"
        )
        _close_database(connection)


def _close_database(connection: Connection) -> None:
    """Lets the reader connect, but create no temporary tables: they fill the disk."""
    row = connection.execute(
        "SELECT current_database(), has_database_privilege(%s, oid, 'TEMPORARY'),\n"
        "    has_database_privilege(%s, oid, 'CONNECT')\n"
        "FROM pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')",
        [READER, READER],
    ).fetchone()
    if row is None:
        return
    database, temporary, connects = row
    if temporary:
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    if not connects:
        connection.execute(sql.SQL(f"GRANT CONNECT ON DATABASE {{}} TO {READER}").format(sql.Identifier(database)))


# with the first statement of `migrate.upgrade`: whether anything is left to do that this user can do
WANTS_ACCESS: Final = f"""CASE WHEN to_regrole('{READER}') IS NULL
    THEN (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
    ELSE NOT has_schema_privilege(to_regrole('{READER}')::oid, '{_CHECKED_COLUMNS}', 'USAGE') END"""


def ensure_access(connection: Connection) -> None:
    """Creates the reader's role and grants it what is published, as far as this user may."""
    if ensure_reader(connection):
        # not the owner of the schemas: `report` says so
        with suppress(InsufficientPrivilege):
            _patiently(lambda: grant_access(connection))


# --- working as the reader ------------------------------------------------------------------------------

_LENT: Final = """
SELECT pg_has_role(reader, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END),
    (SELECT bool_and(has_table_privilege(reader, name, 'SELECT')) FROM unnest(%s::text[]) AS name)
FROM (SELECT to_regrole(%s)::oid AS reader) AS found WHERE reader IS NOT NULL
"""


def may_read_as_reader(connection: Connection, relations: Sequence[str]) -> bool:
    """Whether this session may work as the reader, and the reader may read all of these tables and views.

    On another Postgres, the role that created the reader may have to become a member of it first.
    """

    def lent() -> tuple[bool, bool]:
        return connection.execute(_LENT, [list(relations), READER]).fetchone() or (False, False)

    member, readable = lent()
    if readable and not member:
        with suppress(InsufficientPrivilege):
            _patiently(lambda: connection.execute(f"GRANT {READER} TO CURRENT_USER"))
        member, _ = lent()
    return member and readable


# --- what `status` says ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class AccessReport:
    """What is missing for safe access to a database.

    Attributes:
        user: the pipeline's. superuser: whether it is one. reader: whether the reader's role can read.
        statements: what an administrator should run; empty if nothing is missing.
    """

    user: str
    superuser: bool
    reader: bool
    statements: tuple[str, ...]


def report(connection: Connection) -> AccessReport:
    """What is missing for safe access to the database of a connection."""
    row = connection.execute(
        "SELECT current_user, rolsuper, to_regrole(%s)::oid FROM pg_roles WHERE rolname = current_user", [READER]
    ).fetchone()
    assert row is not None
    user, superuser, role = row
    if role is None:
        return AccessReport(user, superuser, False, tuple(role_statements()))
    (reads,) = connection.execute(
        "SELECT has_schema_privilege(%s, %s, 'USAGE')", [role, _CHECKED_COLUMNS]
    ).fetchone() or (False,)
    return AccessReport(user, superuser, bool(reads), ())
