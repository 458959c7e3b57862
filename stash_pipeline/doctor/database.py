"""The database: its server, its schema, its connections, its clock, and what is recorded in it."""

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Final

import psycopg

from stash_pipeline import layers
from stash_pipeline.doctor.finding import Finding, broken, note, ok
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.migrate import newest_revision

CLOCK_SECONDS: Final = 5.0
"""Differences of clocks beyond this are reported; mode ``changes`` reads STASH_PIPELINE_OVERLAP_HOURS more anyway."""

_HEARTBEAT_SECONDS: Final = 300
_MOST_CONNECTIONS: Final = 0.9


def of_database(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """The database itself; the connection has proven that it can be reached, is UTF-8 and no standby."""
    yield _server(connection)
    yield _collation(connection)
    yield _pooler(connection)
    yield _connections(connection)
    yield _clock(connection)
    yield _privileges(connection)
    yield _revision(connection)


def _server(connection: Connection) -> Finding:
    (version, size) = connection.execute(
        "SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))"
    ).fetchone() or ("", "")
    sentence = f"Postgres {version}, database {connection.info.dbname}, {size}, UTF-8."
    if connection.info.server_version < 150000:
        return broken("database", sentence, "Upgrade it to Postgres 15 or newer.")
    return ok("database", sentence)


def _collation(connection: Connection) -> Finding:
    (collate, provider, stored, actual) = connection.execute(
        "SELECT datcollate, datlocprovider, datcollversion, pg_database_collation_actual_version(oid)\n"
        "FROM pg_database WHERE datname = current_database()"
    ).fetchone() or ("", "", None, None)
    kind = {"b": "builtin", "i": "ICU", "c": "libc"}.get(str(provider), str(provider))
    if stored != actual and stored is not None:
        return broken(
            "collation",
            f"The system's collation {collate} changed from version {stored} to {actual}; indexes may be wrong.",
            f"REINDEX DATABASE {connection.info.dbname}; ALTER DATABASE {connection.info.dbname} REFRESH COLLATION "
            "VERSION;",
        )
    return ok("collation", f"{collate} ({kind}).")


def _pooler(connection: Connection) -> Finding:
    (backend,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    if backend == connection.info.backend_pid:
        return ok("pooler", "No connection pooler.")
    # `connect` refuses poolers that share sessions
    return ok("pooler", "A connection pooler in session mode.")


def _connections(connection: Connection) -> Finding:
    (used, most) = connection.execute(
        "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity\n"
        "WHERE backend_type = 'client backend'"
    ).fetchone() or (0, 1)
    sentence = f"{used} of {most} connections are in use."
    if used > most * _MOST_CONNECTIONS:
        return note("connections", sentence, "Raise max_connections of Postgres, or end programs that use it.")
    return ok("connections", sentence)


def _clock(connection: Connection) -> Finding:
    before = time.time()
    (moment,) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone() or (0.0,)
    return clock("clock of the database", float(moment) - (before + time.time()) / 2)


def clock(what: str, seconds: float) -> Finding:
    """The difference between another clock and ours."""
    sentence = f"It differs by {abs(seconds):.1f} s from the clock of this machine."
    if abs(seconds) > CLOCK_SECONDS:
        return note(what, sentence, "Synchronize both clocks by NTP.")
    return ok(what, sentence)


def _privileges(connection: Connection) -> Finding:
    (role, superuser, create) = connection.execute(
        "SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),\n"
        "    has_database_privilege(current_database(), 'CREATE')"
    ).fetchone() or ("", False, False)
    if not create:
        return broken(
            "role",
            f"The role {role} may not create schemas.",
            f"GRANT CREATE ON DATABASE {connection.info.dbname} TO {role};",
        )
    return ok("role", f"{role}{' (superuser)' if superuser else ''}.")


def _revision(connection: Connection) -> Finding:
    (exists,) = connection.execute("SELECT to_regclass('ops.alembic_version') IS NOT NULL").fetchone() or (False,)
    if not exists:
        return note("schema", "The database is empty.", "Any command, such as `stash-pipeline db upgrade`, creates it.")
    row = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone()
    revision, newest = row[0] if row else "none", newest_revision()
    if revision == newest:
        return ok("schema", f"Schema {revision}, the newest.")
    if revision > newest:
        return broken(
            "schema",
            f"The database has schema {revision}, this version of stash-pipeline knows {newest}.",
            "Install the version that migrated it.",
        )
    return note(
        "schema",
        f"The database has schema {revision}, the newest is {newest}.",
        "Back up, then run `stash-pipeline db upgrade`.",
    )


def has_newest_schema(connection: Connection) -> bool:
    """Whether the tables can be read."""
    return _revision(connection).state == "ok"


# -- what is recorded ----------------------------------------------------------------------------------------


def of_records(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """The daemon, the layers, the search index, the stash-boxes."""
    yield _daemon(connection)
    yield from _layers(connection, settings)
    yield _index(connection, settings)
    yield from _boxes(connection)


def _daemon(connection: Connection) -> Finding:
    what, start = "daemon", "`stash-pipeline up` starts it; without it, run `stash-pipeline sync` by cron."
    moment = None
    try:
        row = connection.execute("SELECT max(timestamp) FROM dagster.daemon_heartbeats").fetchone()
        moment = row[0] if row else None
    except psycopg.errors.UndefinedTable:
        pass
    if moment is None:
        return note(what, "Dagster's daemon never ran; sensors and schedules do nothing.", start)
    seconds = (datetime.now(timezone.utc) - moment.replace(tzinfo=timezone.utc)).total_seconds()
    if seconds > _HEARTBEAT_SECONDS:
        ago = f"{seconds / 3600:.1f} hours" if seconds > 7200 else f"{seconds / 60:.0f} minutes"
        return note(what, f"Dagster's daemon was last alive {ago} ago; sensors and schedules do nothing.", start)
    return ok(what, "Dagster's daemon is alive.")


def _layers(connection: Connection, settings: Settings) -> Iterator[Finding]:
    from stash_pipeline.warehouse.layers.shared import states

    for state in states(connection, layers.configured(layers.LAYERS, settings)):
        what = f"layer {state.name}"
        if state.error is not None:
            remedy = f"Correct that; if the tables are damaged: `stash-pipeline rebuild {state.name}`."
            yield broken(what, f"It does not follow: {state.error}", remedy)
        elif state.revision is None:
            yield note(what, "It was never built.", "The next sync builds it.")
        elif state.outdated:
            yield note(what, "Its tables were made by another version.", "The next sync rebuilds it.")
        elif state.revision != state.head:
            yield note(what, f"It is {state.head - state.revision:,} revisions behind.", "The next sync updates it.")
        else:
            yield ok(what, "It has followed all changes.")


def _index(connection: Connection, settings: Settings) -> Finding:
    from stash_pipeline.search.backends import backend_name, backend_place
    from stash_pipeline.search.index import index_status

    status = index_status(connection, backend_name(settings), backend_place(settings))
    what = f"search index ({status.backend})"
    if not settings.search_index:
        return ok(what, "STASH_PIPELINE_SEARCH_INDEX leaves it to other homes.")
    if status.error is not None:
        return broken(what, status.error, "Correct that; if the index is damaged: `stash-pipeline rebuild search`.")
    if not status.built or not status.in_step:
        state = "It is behind the documents." if status.built else "It was never built."
        return note(what, state, "The next sync updates it; `stash-pipeline search verify` compares all of it.")
    return ok(what, f"{status.documents:,} documents, in step.")


def _boxes(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        "SELECT name, last_error, CASE WHEN paused_until > now() THEN paused_until::timestamp(0)::text END,\n"
        "    requests_per_day IS NOT NULL AND requests_day = (now() AT TIME ZONE 'UTC')::date\n"
        "        AND requests_used >= requests_per_day\n"
        "FROM ops.stashbox_endpoints WHERE enabled ORDER BY 1"
    )
    for name, error, paused, spent in rows.fetchall():
        what = f"stash-box {name}"
        if error:
            yield broken(what, f"The last request failed: {error}", f"`stash-pipeline boxes test {name}` says more.")
        elif paused:
            yield note(what, f"It asked for no requests until {paused} UTC.", "Wait; requests go on by themselves.")
        elif spent:
            raise_it = f"Wait until 00:00 UTC, or `stash-pipeline boxes edit {name} --requests-per-day N`."
            yield note(what, "The requests of today are used up.", raise_it)
        else:
            yield ok(what, f"No error; `stash-pipeline boxes test {name}` asks it.")
