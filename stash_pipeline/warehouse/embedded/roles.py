"""The roles of the private Postgres, and who may connect to it.

Its superuser ``postgres`` only does what is here: it creates the roles and the database, and hands over what earlier
versions, which worked as superuser, created. Everything else runs as ``stash_writer``, which owns the database.

Over the socket, which only the owner of the home can reach, nobody needs a password. Over TCP, if the server listens,
``stash_reader`` and ``stash_writer`` do, and nobody else is let in.
"""

from typing import Final

from psycopg import sql

from stash_pipeline.warehouse.access import READER, WRITER, ensure_reader
from stash_pipeline.warehouse.connect import Connection

SUPERUSER: Final = "postgres"
DATABASE: Final = "stash_pipeline"

HBA: Final = f"""# Written by stash-pipeline before every start.
local all all trust
host {DATABASE} {READER},{WRITER} 127.0.0.1/32 scram-sha-256
"""
"""The rules of ``pg_hba.conf`` for a server that listens on 127.0.0.1."""


def create_roles(connection: Connection, database: str) -> None:
    """Creates the roles and the database, as superuser. The writer may not log in before `hand_over`."""
    if _role(connection, WRITER) is None:
        connection.execute(f"CREATE ROLE {WRITER} NOLOGIN")
    # a backup is restored into a database of its own, which then takes the place of the old one
    connection.execute(f"ALTER ROLE {WRITER} CREATEDB")
    ensure_reader(connection)
    # exports work as the reader
    connection.execute(f"GRANT {READER} TO {WRITER} WITH INHERIT FALSE")
    name = sql.Identifier(database)
    row = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    if row is None:
        connection.execute(sql.SQL(f"CREATE DATABASE {{}} OWNER {WRITER}").format(name))
    elif row[0] != WRITER:
        connection.execute(sql.SQL(f"ALTER DATABASE {{}} OWNER TO {WRITER}").format(name))


# what the superuser owns besides the system; indexes and sequences of columns follow their tables
_OWNED: Final = f"""
SELECT format('ALTER SCHEMA %I OWNER TO {WRITER}', nspname)
FROM pg_namespace
WHERE nspowner = 'postgres'::regrole AND nspname !~ '^pg_' AND nspname <> 'information_schema'
UNION ALL
SELECT format('ALTER %s %I.%I OWNER TO {WRITER}',
    CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
    n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relowner = 'postgres'::regrole AND c.relkind = ANY ('{{r,p,v,m,S}}')
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = ANY ('{{a,i,e}}')
            AND (c.relkind = 'S' OR d.deptype = 'e')
    )
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO {WRITER}', p.oid::regprocedure)
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.proowner = 'postgres'::regrole AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    )
"""

# everybody may call them, and they change or block something: locks that a sync waits for, large objects
_OPEN_FUNCTIONS: Final = """
SELECT p.oid::regprocedure::text
FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
    AND p.proname ~ '^(pg_(try_)?advisory_|lo_(creat|create|from_bytea|put|truncate|truncate64|unlink)$|lowrite$)'
    AND has_function_privilege('stash_reader', p.oid, 'EXECUTE')
"""


def hand_over(connection: Connection) -> None:
    """Gives the writer what the superuser owns in a database, and closes side doors to the reader."""
    with connection.transaction():
        for (statement,) in connection.execute(_OWNED).fetchall():
            connection.execute(statement)
        functions = ", ".join(name for (name,) in connection.execute(_OPEN_FUNCTIONS).fetchall())
        if functions:
            connection.execute(f"REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC")
            connection.execute(f"GRANT EXECUTE ON FUNCTION {functions} TO {WRITER}")
        # last: from here on, other processes take the database for complete
        connection.execute(f"ALTER ROLE {WRITER} LOGIN")


def set_password(connection: Connection, role: str, password: str) -> None:
    """Sets the password of a role; the server receives its SCRAM verifier only."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _role(connection: Connection, name: str) -> object | None:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
