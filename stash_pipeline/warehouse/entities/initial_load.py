"""Builds partitions of schema ``stash`` unattached: filled, keyed, indexed, analyzed. ``transform.py`` attaches them.

A partition is invisible until it is attached, so building can use several connections and commits. An unattached
partition left by a killed run is dropped and rebuilt. The caller holds the instance's lock, so ``raw`` does not change.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sqlalchemy import Index, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from stash_pipeline.warehouse.connect import Connection, cancel_statements
from stash_pipeline.warehouse.entities import sql as statements
from stash_pipeline.warehouse.entities.sql import RELATIONS, TABLES
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.tables import JOINS, STASH

Connect = Callable[[], Connection]

_WORTH_CONNECTIONS = 5000
"""With fewer documents another connection costs more than it saves."""

_BUILDERS = 2

WORTH_ANALYZING = 100
"""Rows inserted at once that make the planner's statistics of a table wrong."""

_REFERRED_TO = frozenset(relation.target for relation in RELATIONS)

_ANALYZE_ONLY = 180_000
"""Postgres 18 analyzes a partitioned table without analyzing all of its partitions."""

_LARGEST = ("scene_tags", "scenes", "files", "file_fingerprints")
"""Started first, so that the builders finish together."""


def sqlalchemy_table(name: str) -> Table:
    """The table ``stash.<name>``, entity or join."""
    return STASH[name] if name in STASH else JOINS[name]


def attached_partitions(connection: Connection, instance_id: int) -> set[str]:
    """The tables of schema ``stash`` that have a partition for this instance."""
    rows = connection.execute(
        "SELECT c.oid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid\n"
        "JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace\n"
        "WHERE n.nspname = 'stash' AND c.relkind = 'r'"
    ).fetchall()
    present = {row[0] for row in rows}
    return {name for name in TABLES if partition("stash." + name, instance_id) in present}


def build(connection: Connection, name: str, instance_id: int) -> tuple[int, float]:
    """Builds one partition, unattached; returns (rows, seconds)."""
    started = time.perf_counter()
    leaf = partition("stash." + name, instance_id)
    short = leaf.split(".")[1]
    table = sqlalchemy_table(name)
    with connection.transaction():
        connection.execute(f"DROP TABLE IF EXISTS {leaf}")
        # filled in the transaction that creates it, the table writes no WAL (wal_level minimal)
        connection.execute(f"CREATE TABLE {leaf} (LIKE stash.{name} INCLUDING DEFAULTS INCLUDING COMMENTS)")
        rows = connection.execute(statements.bulk_insert(name, instance_id)).rowcount
        keys = ", ".join(column.name for column in table.primary_key.columns)
        connection.execute(
            f"ALTER TABLE {leaf} ADD PRIMARY KEY ({keys}),\n"
            f"ADD CONSTRAINT {short}_check CHECK (instance_id = {instance_id})"
        )
        for index in sorted(table.indexes, key=lambda i: str(i.name)):
            connection.execute(_index_sql(index, leaf, short))
        if rows > WORTH_ANALYZING:
            # before the references are checked, whose plans depend on it
            _analyze(connection, leaf)
    return rows, time.perf_counter() - started


def build_apart(connect: Connect, names: list[str], instance_id: int) -> dict[str, tuple[int, float]]:
    """Builds partitions on several connections at once, the largest first."""
    connections: list[Connection] = []

    def work() -> dict[str, tuple[int, float]]:
        outcome = {}
        with connect() as connection:
            connections.append(connection)
            # deque.popleft is atomic: each builder takes the next
            while share:
                with suppress(IndexError):
                    name = share.popleft()
                    outcome[name] = build(connection, name, instance_id)
        return outcome

    share = deque(sorted(names, key=lambda name: name not in _LARGEST))
    with ThreadPoolExecutor(max_workers=_BUILDERS) as pool:
        futures = [pool.submit(work) for _ in range(_BUILDERS)]
        try:
            results = [future.result() for future in futures]
        except BaseException:
            share.clear()
            cancel_statements(connections)
            raise
    return {name: outcome for result in results for name, outcome in result.items()}


def worth_building_apart(connection: Connection, instance_id: int) -> bool:
    """Whether there are enough documents for more connections to pay off."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT FROM "
        + partition("raw.scenes", instance_id)
        + f" LIMIT {_WORTH_CONNECTIONS}) AS enough"
    ).fetchone()
    return bool(row and row[0] >= _WORTH_CONNECTIONS)


def attach(connection: Connection, name: str, instance_id: int, rows: int) -> None:
    """Attaches a built partition of so many rows; its foreign keys are checked in bulk."""
    leaf = partition("stash." + name, instance_id)
    connection.execute(f"ALTER TABLE stash.{name} ATTACH PARTITION {leaf} FOR VALUES IN ({instance_id})")
    connection.execute(f"ALTER TABLE {leaf} DROP CONSTRAINT {leaf.split('.')[1]}_check")
    if name in _REFERRED_TO and rows > WORTH_ANALYZING and connection.info.server_version >= _ANALYZE_ONLY:
        # The check of a key reads the partitioned table. Without statistics of its id, Postgres makes a hash table of
        # all rows that refer to it instead of one of its own rows.
        _analyze(connection, f"ONLY stash.{name} (instance_id, id)")


def _index_sql(index: Index, leaf: str, short: str) -> str:
    """The index of a partitioned table, for one partition; attaching adopts it."""
    sql = str(CreateIndex(index).compile(dialect=postgresql.dialect()))
    assert index.table is not None
    name = f"{short}_{str(index.name).removeprefix(index.table.name + '_')}"
    return sql.replace(f"CREATE INDEX {index.name} ON {index.table.fullname}", f"CREATE INDEX {name} ON {leaf}")


def analyze(connection: Connection, instance_id: int, tables: list[str]) -> None:
    """Updates the statistics of partitions into which rows were inserted, without which plans are poor."""
    with connection.transaction():
        for name in tables:
            _analyze(connection, partition("stash." + name, instance_id))


def _analyze(connection: Connection, target: str) -> None:
    # a sample of 9,000 rows instead of 30,000: sufficient to choose an index, and three times as fast
    connection.execute("SET LOCAL default_statistics_target = 30")
    connection.execute(f"ANALYZE {target}")
