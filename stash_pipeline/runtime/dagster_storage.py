"""Dagster's storage (runs, events, ticks) in the warehouse's Postgres, in its own schema.

dagster.yaml selects it. The warehouse itself never uses these connections.

Differences from `DagsterPostgresStorage`:

* The address comes from the settings, so that one variable, STASH_PIPELINE_DATABASE_URL, serves both. Without it, it is
  the private Postgres, which the first process to connect starts, for example under `dagster dev`.
* It connects only when needed: loading or validating definitions takes no database. The first connection creates or
  migrates the tables (`dagster_schema`).
* Its sessions are prepared by `warehouse.database_session`, in the schema `dagster`, whichever engine opens them:
  Dagster creates engines from the address, so the address names an SQLAlchemy plugin that prepares each connection.
* The driver is explicit: with SQLAlchemy 2.1 a bare address means psycopg 3, with which Dagster's statements fail.
* Connections are pooled. Dagster opens one for every statement: 265 for a run of 30 steps, 7 ms each. The pool pings a
  connection only if it was idle for some time or has data to read, not before every statement.
* The events that a run plans, one per asset, are written at once: 70 events one by one take 200 statements.
* A run that starts is tagged with the process that executes it, so that it can be ended if that is killed.
* Its commits do not wait for the disk. If the *machine* fails, the last half second of events is lost, but no data:
  other connections write those and do wait. Dagster then assumes that a run got less far than it did; run monitoring
  ends that run, and the next sync finds nothing to change.
"""

import logging
import os
import select
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dagster import DagsterEvent, DagsterEventType, EventLogEntry, RunsFilter
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from sqlalchemy import URL, CreateEnginePlugin, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.dialects import plugins
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlalchemy.exc import InvalidatePoolError

from stash_pipeline.errors import UserError
from stash_pipeline.runtime.dagster_internals import (
    ASSET_KEY_INDEX_COLS,
    DEFS_STATE_INFO_CURSOR_KEY,
    AssetKeyTable,
    ConfigurableClassData,
    SqlEventLogStorageTable,
    UserConfigSchema,
)
from stash_pipeline.runtime.dagster_schema import SCHEMA, StorageError, ensure_tables
from stash_pipeline.runtime.process_leases import process_tags
from stash_pipeline.settings import Settings, get_settings, sqlalchemy_url
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.database_session import ENCODING, prepare_session
from stash_pipeline.warehouse.embedded.keeper import join_server
from stash_pipeline.warehouse.embedded.server import is_private

_log = logging.getLogger(__name__)


def _not_line_by_line(record: logging.LogRecord) -> bool:
    """Shortens the messages about Dagster's attempts to reach the database, a dozen lines each, to one line."""
    message = str(record.msg)
    if not message.startswith("Retrying failed database"):
        return True
    _log.info("%s.", message.partition(":")[0])
    return False


# Dagster uses the root logger
logging.getLogger().addFilter(_not_line_by_line)

_EVENTS_AT_ONCE: Final = "1000"
_PLANNED: Final = {DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}
# for this long after its last statement, an open connection is assumed to be alive
_ASSUMED_ALIVE_SECONDS: Final = 5.0

_PLUGIN: Final = "stash_pipeline"
# driver and plugin; the address of the database is determined at the first connection
_NOT_YET_KNOWN: Final = f"postgresql+psycopg2://?plugin={_PLUGIN}"


class WarehouseSession(CreateEnginePlugin):
    """Prepares every connection of an engine whose address contains `plugin=stash_pipeline`."""

    def update_url(self, url: URL) -> URL:
        """The address, without changes."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Prepares connections first, before SQLAlchemy looks up the default schema."""
        event.listen(engine, "connect", self._prepare, insert=True)

    @staticmethod
    def _prepare(connection: Any, _record: object) -> None:
        # a pooler in statement mode allows no transaction, and must be distinguished from a dead server
        connection.autocommit = True
        backend = prepare_session(
            connection, search_path=SCHEMA, synchronous_commit="off", application_name="stash_pipeline Dagster"
        )
        connection.autocommit = False
        if backend is not None:
            # a pooler: a connection of the warehouse checks once whether it is usable
            database = get_settings().database()
            assert database is not None, "there is no pooler in front of the private Postgres"
            connect(database).close()


plugins.register(_PLUGIN, __name__, WarehouseSession.__name__)


class _Database:
    """The database of the settings, started and with its tables when the first connection is made.

    Many of Dagster's processes only load definitions: they need no database, and must not start one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url: URL | None = None
        self._lock = threading.Lock()

    def connect(self, dialect: Dialect, *_default: Any) -> Any:
        """Opens a connection of the driver for SQLAlchemy's event `do_connect`."""
        arguments, options = dialect.create_connect_args(self._ready_url().difference_update_query(["plugin"]))
        return dialect.loaded_dbapi.connect(*arguments, **{"connect_timeout": 10, **options})

    def _ready_url(self) -> URL:
        with self._lock:
            if self._url is None:
                try:
                    address = self._settings.database() or join_server(self._settings.home, self._settings.private_port)
                except UserError as error:
                    raise StorageError(str(error)) from None
                url = _url(address)
                ensure_tables(url, private=is_private(address, self._settings.home))
                self._url = url
            return self._url


class _OnDemand:
    """Base of the three storages, whose connections are those of a `_Database`."""

    _engine: Engine

    def __init__(self, database: _Database, engine: Engine) -> None:
        super().__init__(_NOT_YET_KNOWN, should_autocreate_tables=False)  # type: ignore[call-arg]
        self._database = database
        # replaces Dagster's engine, which has no pool
        self._engine = engine

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Dagster creates a pool for each storage here."""
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)  # type: ignore[misc]
        event.listen(self._engine, "do_connect", self._database.connect)


class _Runs(_OnDemand, PostgresRunStorage):
    """The runs."""

    def handle_run_event(self, run_id: str, event: DagsterEvent, *arguments: Any, **options: Any) -> None:
        """Before a run starts, tags it with the process that executes it, by whichever launcher it came here."""
        if event.event_type == DagsterEventType.RUN_START:
            tags = process_tags(get_settings().home)
            for run in self.get_runs(RunsFilter(run_ids=[run_id])):
                if not tags.items() <= run.tags.items():
                    self.add_run_tags(run_id, tags)
        super().handle_run_event(run_id, event, *arguments, **options)

    def get_cursor_values(self, keys: set[str]) -> Mapping[str, str]:
        """Skips the state of components, which loading definitions queries, so that it needs no database."""
        stored = keys - {DEFS_STATE_INFO_CURSOR_KEY}
        return super().get_cursor_values(stored) if stored else {}


class _Schedules(_OnDemand, PostgresScheduleStorage):
    """The state of sensors and schedules, and their ticks."""


class _EventLog(_OnDemand, PostgresEventLogStorage):
    """The event log. An instance disposes of this storage last, so it closes the pool."""

    def __init__(self, database: _Database, engine: Engine) -> None:
        self._existing_tables: set[str] = set()
        self._existing_columns: set[str] = set()
        super().__init__(database, engine)

    def has_table(self, table_name: str) -> bool:
        """Whether a table exists. Cached, because a run asks hundreds of times and tables are never dropped."""
        if table_name not in self._existing_tables and super().has_table(table_name):
            self._existing_tables.add(table_name)
        return table_name in self._existing_tables

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether the table of assets has a column. Cached as well: each materialization asks three times."""
        if column_name not in self._existing_columns and super().has_asset_key_col(column_name):
            self._existing_columns.add(column_name)
        return column_name in self._existing_columns

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores events; planned events by one statement per table."""
        if not {event.dagster_event_type for event in events} <= _PLANNED:
            super().store_event_batch(events)
            return
        with self._connect() as connection:
            insert = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
            ids = [int(row[0]) for row in connection.execute(insert)]
            assets: dict[str, dict[str, Any]] = {}
            newest_form = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
            for event, event_id in zip(events, ids, strict=True):
                if event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                    key = event.get_dagster_event().asset_key
                    assert key is not None
                    values = self._get_asset_entry_values(event, event_id, newest_form)
                    assets[key.to_string()] = {"asset_key": key.to_string(), **values}
            if assets:
                upsert = insert_into(AssetKeyTable).values(list(assets.values()))
                changed = next(iter(assets.values())).keys() - {"asset_key"}
                connection.execute(
                    upsert.on_conflict_do_update(
                        index_elements=[AssetKeyTable.c.asset_key],
                        set_={name: upsert.excluded[name] for name in changed},
                    )
                )
        for event, event_id in zip(events, ids, strict=True):
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                self.store_asset_check_event(event, event_id)

    def dispose(self) -> None:
        super().dispose()
        self._engine.dispose()


class WarehouseDagsterStorage(DagsterPostgresStorage):
    """Dagster's Postgres storage, at the address of the settings."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        # makes Dagster pass a run's planned events together
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _EVENTS_AT_ONCE)
        super().__init__(_NOT_YET_KNOWN, should_autocreate_tables=False, inst_data=inst_data)
        database = _Database(get_settings())
        engine = _pooled_engine(database)
        self._run_storage: _Runs = _Runs(database, engine)
        self._event_log_storage: _EventLog = _EventLog(database, engine)
        self._schedule_storage: _Schedules = _Schedules(database, engine)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration; see the settings."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "WarehouseDagsterStorage":
        """Called by Dagster with the configuration in dagster.yaml."""
        return cls(inst_data)


def _url(address: str) -> URL:
    """The address for Dagster's connections, with the driver and the plugin that prepares them."""
    url = make_url(sqlalchemy_url(address, "psycopg2"))
    # overrides PGCLIENTENCODING; psycopg2 ignores a later change
    return url.update_query_dict({"plugin": _PLUGIN, "client_encoding": ENCODING})


def _pooled_engine(database: _Database) -> Engine:
    """One engine for all three storages and all threads of a process."""
    engine = create_engine(
        _NOT_YET_KNOWN,
        isolation_level="AUTOCOMMIT",
        pool_size=2,
        max_overflow=-1,
        pool_recycle=600,
    )
    event.listen(engine, "do_connect", database.connect)
    _replace_dead_connections(engine)
    # a forked child must neither use nor close its parent's connections
    reference = weakref.ref(engine)

    def forget_in_child() -> None:
        if (inherited := reference()) is not None:
            inherited.dispose(close=False)

    os.register_at_fork(after_in_child=forget_in_child)
    return engine


def _replace_dead_connections(engine: Engine) -> None:
    """Replaces dead connections before use, so that a restart of the server goes unnoticed.

    Unlike `pool_pre_ping`, it does not ping before every statement, of which a run has hundreds within seconds.
    """
    dialect = engine.dialect

    def returned(_connection: object, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def taken(connection: Any, record: Any, _proxy: object) -> None:
        idle_since = record.info.pop("idle_since", None)
        if idle_since is None:
            return
        try:
            if time.monotonic() - idle_since >= _ASSUMED_ALIVE_SECONDS or _has_input(connection):
                dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", returned)
    event.listen(engine, "checkout", taken)


def _has_input(connection: Any) -> bool:
    """Whether an idle connection has something to read, usually its end."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
