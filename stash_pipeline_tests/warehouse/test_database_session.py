"""What is stored does not depend on how the database, its roles or the environment are set."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from stash_pipeline.errors import UserError
from stash_pipeline.runtime.dagster_schema import StorageError
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.warehouse.access import WRITER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline_tests.conftest import address_of, as_superuser, drop_database
from stash_pipeline_tests.mirror.working import Mirror, generated, new_mirror

TITLE = "漢字"

WANTED = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_numeric": "C",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
}

HOSTILE = {
    "client_encoding": "LATIN1",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "timezone": "Asia/Kathmandu",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    # another name of the same: of others, not every machine has one
    "lc_numeric": "POSIX",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "search_path": "stash, raw",
    "statement_timeout": "20s",
    "lock_timeout": "21s",
    "idle_in_transaction_session_timeout": "22s",
    "idle_session_timeout": "23s",
    "transaction_timeout": "24s",
}

_numbers = count()


class Hostile:
    """An empty database, and a role that owns it."""

    def __init__(self, server: str) -> None:
        number = next(_numbers)
        self.database, self.role = f"hostile_{number}", f"owner_{number}"
        self.server = as_superuser(server)
        self.execute("CREATE ROLE {} LOGIN", self.role)
        self.execute("CREATE DATABASE {} TEMPLATE template0 STRATEGY file_copy OWNER {}", self.database, self.role)
        address = urlsplit(address_of(self.database, server))
        self.url = address._replace(netloc=address.netloc.replace(f"{WRITER}@", f"{self.role}@")).geturl()

    def execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def set(self, whose: str, settings: dict[str, str]) -> None:
        """`ALTER ROLE` or `ALTER DATABASE`, for the connections that follow."""
        name = self.role if whose == "ROLE" else self.database
        for setting, value in settings.items():
            values = sql.SQL(", ").join(map(sql.Literal, value.split(", ") if setting == "search_path" else [value]))
            with psycopg.connect(self.server, autocommit=True) as connection:
                connection.execute(
                    sql.SQL("ALTER {} {} SET {} = {}").format(
                        sql.SQL(whose), sql.Identifier(name), sql.Identifier(setting), values
                    )
                )

    def drop(self) -> None:
        drop_database(self.server, self.database)
        self.execute("DROP ROLE {}", self.role)


@pytest.fixture
def hostile(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hostile]:
    made = Hostile(postgres)
    yield made
    monkeypatch.undo()
    made.drop()


def make_hostile(hostile: Hostile, source: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Has all settings come from one source; gives the address to use."""
    options = " ".join(f"-c {name}={value.replace(' ', '')}" for name, value in HOSTILE.items())
    if source in ("ROLE", "DATABASE"):
        hostile.set(source, HOSTILE)
    elif source == "environment":
        monkeypatch.setenv("PGCLIENTENCODING", HOSTILE["client_encoding"])
        monkeypatch.setenv("PGDATESTYLE", HOSTILE["datestyle"])
        monkeypatch.setenv("PGTZ", HOSTILE["timezone"])
        monkeypatch.setenv("PGOPTIONS", options)
    else:
        return f"{hostile.url}&client_encoding=LATIN1&options={quote(options, safe='')}"
    return hostile.url


SOURCES = ("ROLE", "DATABASE", "environment", "address")


@pytest.mark.parametrize("source", SOURCES)
def test_our_session_settings_override_all_others(
    hostile: Hostile, home: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_hostile(hostile, source, monkeypatch)
    statement = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)"
    with psycopg.connect(url) as connection:
        # they are hostile indeed: not one value is ours
        found: dict[str, str] = dict(connection.execute(statement, [[*WANTED, "search_path"]]).fetchall())
        assert not {name for name, value in WANTED.items() if found.get(name) == value}
    with connect(url) as connection:
        assert dict(connection.execute(statement, [list(WANTED)]).fetchall()) == WANTED
        assert connection.execute("SHOW search_path").fetchone() == ("pg_catalog",)
        # for transactions, which are what the defaults are for
        with connection.transaction():
            assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
            assert connection.execute("SHOW transaction_read_only").fetchone() == ("off",)
    with (
        dagster_instance(home, url) as instance,
        instance.event_log_storage.index_connection() as dagsters,  # type: ignore[attr-defined]
    ):
        assert dict(dagsters.exec_driver_sql(statement, (list(WANTED),)).all()) == WANTED
        assert dagsters.exec_driver_sql("SHOW search_path").scalar() == "dagster"
        assert dagsters.exec_driver_sql("SHOW synchronous_commit").scalar() == "off"
        assert dagsters.exec_driver_sql(f"SELECT '{TITLE}'").scalar() == TITLE
        assert dagsters.exec_driver_sql(f"SELECT char_length('{TITLE}')").scalar() == len(TITLE)


def test_web_server_engines_use_the_same_session_settings(
    hostile: Hostile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes engines of its own, from the address, with a limit on the time of a statement."""
    url = make_hostile(hostile, "ROLE", monkeypatch)
    with dagster_instance(home, url) as instance:
        instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=60, max_overflow=2)
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            assert connection.exec_driver_sql("SHOW datestyle").scalar() == WANTED["DateStyle"]
            assert connection.exec_driver_sql("SHOW client_encoding").scalar() == "UTF8"
            assert connection.exec_driver_sql("SHOW search_path").scalar() == "dagster"
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "5s"


def stored_bytes(server: Mirror) -> dict[str, tuple[str, int]]:
    """The title of scene 1 as the database holds it, by layer: bytes and characters."""
    found: dict[str, tuple[str, int]] = {}
    for layer, value in (("raw", "document ->> 'title'"), ("stash", "title")):
        found[layer] = (
            server.scalar(f"SELECT encode(convert_to({value}, 'UTF8'), 'hex') FROM {layer}.scenes WHERE id = 1"),
            server.scalar(f"SELECT char_length({value}) FROM {layer}.scenes WHERE id = 1"),
        )
    return found


@pytest.mark.integration
@pytest.mark.parametrize(
    ("source", "lane"),
    [
        *(("DATABASE", "graphql"), ("address", "graphql"), ("ROLE", "snapshot"), ("environment", "snapshot")),
        *(pytest.param(source, "graphql", marks=pytest.mark.soak) for source in ("ROLE", "environment")),
    ],
)
def test_a_mirror_is_exact_with_any_database_settings(
    hostile: Hostile, home: Path, source: str, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, migrations included: first reading, a change, nothing changed."""
    url = make_hostile(hostile, source, monkeypatch)
    upgrade(url)
    library = generated(30, seed=3, timezone="Europe/Paris")
    library.execute(f"UPDATE scenes SET title = '{TITLE}' WHERE id = 1")
    server = new_mirror(url, home, library)
    server.read(lane=lane)  # type: ignore[arg-type]
    server.transform()
    assert server.differences() == ""
    assert stored_bytes(server) == {layer: (TITLE.encode().hex(), 2) for layer in ("raw", "stash")}
    server.sql("UPDATE scenes SET title = 'Ünïcode ' || title WHERE id < 9", "DELETE FROM scenes WHERE id = 20")
    server.read(lane=lane)  # type: ignore[arg-type]
    server.transform()
    assert server.differences() == ""
    assert server.scalar("SELECT title FROM stash.scenes WHERE id = 1") == f"Ünïcode {TITLE}"
    again = server.read(lane=lane)  # type: ignore[arg-type]
    assert {name: change.changed for name, change in again.changes.items() if change.changed} == {}


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "LATIN9", "WIN1252", "EUC_JP"])
def test_a_database_with_another_encoding_is_rejected_before_any_change(
    hostile: Hostile, home: Path, encoding: str
) -> None:
    drop_database(hostile.server, hostile.database)
    statement = "CREATE DATABASE {} ENCODING '%s' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C' OWNER {}"
    hostile.execute(statement % encoding, hostile.database, hostile.role)
    sentence = f"The encoding of the database is {encoding}, .* ENCODING 'UTF8' TEMPLATE template0"
    with pytest.raises(UserError, match=sentence):
        upgrade(hostile.url)
    with pytest.raises(UserError, match=sentence):
        connect(hostile.url)
    with pytest.raises(StorageError, match=sentence), dagster_instance(home, hostile.url) as instance:
        instance.get_runs_count()
    with psycopg.connect(hostile.url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname IN ('ops', 'raw', 'dagster')")
        assert found.fetchone() == (0,)


def test_dagster_partition_names_are_stored_unchanged(
    hostile: Hostile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_hostile(hostile, "environment", monkeypatch)
    with dagster_instance(home, url) as instance:
        instance.add_dynamic_partitions("instance", [TITLE])
    monkeypatch.undo()
    with psycopg.connect(url, client_encoding="UTF8") as connection:
        found = connection.execute("SELECT partition, char_length(partition) FROM dagster.dynamic_partitions")
        assert found.fetchall() == [(TITLE, 2)]


def test_an_invalid_environment_value_is_reported(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("PGTZ", "Nowhere/Atall")
        with pytest.raises(UserError, match="The database cannot be reached: .*TimeZone"):
            connect(database_url)
