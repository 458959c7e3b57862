"""raw → entities and joins: one transaction per instance, at a cost that depends on what changed.

The same transaction stores the revision of ``raw`` that the layer has reached (``ops.layer_watermarks``). A missing
partition is filled without indexes from all live documents, then keyed, indexed and attached: foreign keys are checked
in bulk, which is several times cheaper than row by row. After that, only changed documents are processed. Both ways
produce the same rows.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.warehouse.connect import Connection, rearrange_partitions, share_partitions
from stash_pipeline.warehouse.entities import sql as statements
from stash_pipeline.warehouse.entities.initial_load import (
    WORTH_ANALYZING,
    Connect,
    analyze,
    attach,
    attached_partitions,
    build,
    build_apart,
    worth_building_apart,
)
from stash_pipeline.warehouse.entities.merges import LAYER as MERGES_LAYER
from stash_pipeline.warehouse.entities.merges import follow_merges
from stash_pipeline.warehouse.entities.sql import RELATIONS, TABLES, Relation
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.layers.versions import layer_version
from stash_pipeline.warehouse.ops.object_log import Touched, publish
from stash_pipeline.warehouse.ops.row_counts import counted
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.raw.partitions import ensure_partitions

LAYER = "stash"


@dataclass
class Transformation:
    """The result of a transformation.

    Attributes:
        revision: of ``raw`` that the layer has reached.
        tables: changes per table, only of those that were examined.
        dangling: references without a target.
        merged: per entity, how many removed objects got a successor.
        returned: how many objects returned and lost their successor.
        logged: revision of the object log with the changes; None if nothing changed.
        outdated: the rows were of another version of this program and were rebuilt.
    """

    revision: int
    tables: dict[str, TableChange] = field(default_factory=dict)
    dangling: int = 0
    merged: dict[str, int] = field(default_factory=dict)
    returned: int = 0
    logged: int | None = None
    outdated: bool = False

    def worth_analyzing(self) -> list[str]:
        """Tables whose statistics are wrong now; those of a new partition were made when it was built."""
        late = {relation.table for relation in RELATIONS if relation.late}
        return [
            name
            for name, change in self.tables.items()
            if (change.dangling if change.first and name not in late else change.inserted) > WORTH_ANALYZING
        ]


def transform(connection: Connection, instance_id: int, connect: Connect | None = None) -> Transformation:
    """Updates one instance's entities and joins from its documents, in one transaction.

    Rows of another version of this program are dropped and rebuilt from ``raw``, as by :func:`rebuild_layer`.

    Args:
        connection: not in a transaction. The caller holds the instance's lock.
        connect: opens more connections; with it, a large initial load is built on two at once.
    """
    ensure_partitions(connection, instance_id)
    built: dict[str, tuple[int, float]] = {}
    if connect is not None and worth_building_apart(connection, instance_id):
        missing = [name for name in TABLES if name not in attached_partitions(connection, instance_id)]
        if missing:
            built = build_apart(connect, missing, instance_id)
    with connection.transaction():
        outdated = _is_outdated(connection, instance_id)
        if outdated:
            _drop(connection, instance_id)
            connection.execute("SET CONSTRAINTS ALL DEFERRED")
        result = _Run(connection, instance_id, built).run()
        result.outdated = outdated
    analyze(connection, instance_id, result.worth_analyzing())
    return result


def _is_outdated(connection: Connection, instance_id: int) -> bool:
    """Whether there are rows of another version of this program."""
    row = connection.execute(
        "SELECT version IS DISTINCT FROM %s FROM ops.layer_watermarks WHERE instance_id = %s AND layer = %s",
        [layer_version(), instance_id, LAYER],
    ).fetchone()
    return bool(row and row[0])


class _Run:
    def __init__(self, connection: Connection, instance_id: int, built: dict[str, tuple[int, float]]) -> None:
        self.connection = connection
        self.instance_id = instance_id
        self.built = built
        self.changed: dict[str, str] = {}
        self.gone: set[str] = set()
        self.fresh: set[str] = set()
        self.touched = Touched()
        self.result = Transformation(0)

    def _row(self, sql: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
        row = self.connection.execute(sql, parameters).fetchone()
        assert row is not None
        return tuple(row)

    def run(self) -> Transformation:
        (head,) = self._row("SELECT revision FROM ops.instances WHERE id = %(i)s", {"i": self.instance_id})
        row = self.connection.execute(
            "SELECT revision FROM ops.layer_watermarks WHERE instance_id = %(i)s AND layer = %(l)s",
            {"i": self.instance_id, "l": LAYER},
        ).fetchone()
        since = row[0] if row else -1
        self.result.revision = head
        missing = self._missing_partitions()
        if since == head and not missing:
            return self.result
        for table in missing:
            self.result.tables[table] = TableChange(first=True)
        self.fresh = set(missing)
        if not missing:
            share_partitions(self.connection)
        elif len(missing) < len(TABLES):
            # some partitions are written to and some attached; a shared lock could not be upgraded later
            rearrange_partitions(self.connection)
        self._collect_changes(since)
        self._follow_changes()
        self._fill_missing(missing)
        self._move_dangling()
        self._attach(missing)
        self.result.merged, self.result.returned = follow_merges(
            self.connection,
            self.instance_id,
            self.touched,
            gone=self.gone.union(self._filled_entities()),
            present=self.changed.keys() | self._filled_entities(),
        )
        self._count_rows()
        self.connection.execute(
            "INSERT INTO ops.layer_watermarks (instance_id, layer, revision, version)\n"
            "VALUES (%(i)s, %(l)s, %(r)s, %(v)s), (%(i)s, %(m)s, %(r)s, NULL) ON CONFLICT (instance_id, layer)\n"
            "DO UPDATE SET revision = excluded.revision, version = excluded.version, updated_at = now()",
            {"i": self.instance_id, "l": LAYER, "m": MERGES_LAYER, "r": head, "v": layer_version()},
        )
        self.touched.add_all(self._filled_entities())
        self.result.logged = publish(self.connection, self.instance_id, self.touched)
        return self.result

    def _filled_entities(self) -> list[str]:
        """Entities with a table that was filled."""
        return sorted({TABLES[name].entity.name for name in self.fresh})

    # --- changes ----------------------------------------------------------------------------------------

    def _missing_partitions(self) -> list[str]:
        present = attached_partitions(self.connection, self.instance_id)
        return [name for name in TABLES if name not in present]

    def _collect_changes(self, since: int) -> None:
        """Creates temporary tables of (id, document, gone) for entities with changes that are not filled."""
        for entity in ENTITIES:
            if entity.name in self.fresh:
                continue
            raw = partition("raw." + entity.name, self.instance_id)
            (count, gone) = self._row(
                f"SELECT count(*), count(*) FILTER (WHERE deleted_at IS NOT NULL) FROM {raw}\n"
                "WHERE instance_id = %(i)s AND revision > %(s)s",
                {"i": self.instance_id, "s": since},
            )
            if count:
                self._changed_table(entity.name)
                self.connection.execute(
                    f"INSERT INTO {self.changed[entity.name]}\n"
                    f"SELECT id, document, deleted_at IS NOT NULL FROM {raw}\n"
                    "WHERE instance_id = %(i)s AND revision > %(s)s",
                    {"i": self.instance_id, "s": since},
                )
            if gone:
                self.gone.add(entity.name)
        self._collect_waiting()

    def _changed_table(self, entity: str) -> None:
        if entity not in self.changed:
            name = f"changed_{entity}"
            self.connection.execute(
                f"CREATE TEMP TABLE {name} (id bigint PRIMARY KEY, document jsonb, gone boolean) ON COMMIT DROP"
            )
            self.changed[entity] = name

    def _collect_waiting(self) -> None:
        """Adds the owners of dangling references whose target arrived."""
        arrived = list(self.changed) + [e.name for e in ENTITIES if e.name in self.fresh]
        pairs = {(r.owner, r.target) for r in RELATIONS if r.target in arrived and r.owner not in self.fresh}
        for owner, target in sorted(pairs):
            if target in self.fresh:
                targets = f"{partition('raw.' + target, self.instance_id)} t WHERE t.deleted_at IS NULL AND"
            else:
                targets = f"{self.changed[target]} t WHERE NOT t.gone AND"
            waiting = self.connection.execute(
                "SELECT DISTINCT d.owner_id FROM ops.dangling_references d\n"
                "WHERE d.instance_id = %(i)s AND d.owner = %(o)s AND d.target = %(t)s\n"
                f"  AND EXISTS (SELECT FROM {targets} t.id = d.target_id)",
                {"i": self.instance_id, "o": owner, "t": target},
            ).fetchall()
            if not waiting:
                continue
            self._changed_table(owner)
            self.connection.execute(
                f"INSERT INTO {self.changed[owner]}\n"
                f"SELECT id, document, deleted_at IS NOT NULL FROM {partition('raw.' + owner, self.instance_id)}\n"
                "WHERE instance_id = %(i)s AND id = ANY(%(ids)s) ON CONFLICT DO NOTHING",
                {"i": self.instance_id, "ids": [row[0] for row in waiting]},
            )

    # --- writing ----------------------------------------------------------------------------------------

    def _follow_changes(self) -> None:
        for entity, changed in self.changed.items():
            self.connection.execute(f"ANALYZE {changed}")
            self.connection.execute(
                f"DELETE FROM ops.dangling_references WHERE instance_id = %(i)s AND owner = %(o)s\n"
                f"AND owner_id IN (SELECT id FROM {changed})",
                {"i": self.instance_id, "o": entity},
            )
        for name, table in TABLES.items():
            if table.entity.name not in self.changed or name in self.fresh:
                continue
            started = time.perf_counter()
            inserted, updated, removed, ids = self._row(
                statements.apply_changes(name, self.instance_id, self.changed[table.entity.name])
            )
            self.touched.add(table.entity.name, ids)
            self.result.tables[name] = TableChange(
                inserted=inserted, updated=updated, removed=removed, seconds=time.perf_counter() - started
            )

    def _fill_missing(self, missing: list[str]) -> None:
        for entity in {TABLES[name].entity.name for name in missing if name == TABLES[name].entity.name}:
            self.connection.execute(
                "DELETE FROM ops.dangling_references WHERE instance_id = %(i)s AND owner = %(o)s",
                {"i": self.instance_id, "o": entity},
            )
        for name in missing:
            change = self.result.tables[name]
            rows, seconds = self.built.get(name) or build(self.connection, name, self.instance_id)
            change.inserted, change.seconds = rows, seconds

    def _move_dangling(self) -> None:
        """Moves references without a target, if the referring or the referred entity changed."""
        for relation in RELATIONS:
            if relation.late and relation.table in self.fresh:
                continue  # not filled in yet
            conditions: list[str | None] = []
            if relation.table in self.fresh:
                conditions = [None]
            else:
                if relation.owner in self.changed:
                    conditions.append(f"t.{relation.owner_column} IN (SELECT id FROM {self.changed[relation.owner]})")
                if relation.target in self.gone:
                    conditions.append(
                        f"t.{relation.column} IN (SELECT id FROM {self.changed[relation.target]} WHERE gone)"
                    )
            for condition in conditions:
                self._move_dangling_of(relation, condition)

    def _move_dangling_of(self, relation: Relation, condition: str | None) -> None:
        lost, owners = self._row(statements.move_dangling(relation, self.instance_id, condition))
        if lost:
            self.touched.add(relation.owner, owners)
            self.result.dangling += lost
            change = self.result.tables.setdefault(relation.table, TableChange())
            change.dangling += lost
            if relation.is_join:
                self._uncount(change, lost, relation.table in self.fresh)
            elif relation.owner not in self.changed and relation.table not in self.fresh:
                change.updated += lost

    def _uncount(self, change: TableChange, lost: int, fresh: bool) -> None:
        """Rows inserted and moved in one run do not count as inserted; others count as removed."""
        undone = lost if fresh else min(lost, change.inserted)
        change.inserted -= undone
        change.removed += lost - undone

    # --- partitions -------------------------------------------------------------------------------------

    def _attach(self, missing: list[str]) -> None:
        """Attaches the partitions that were built."""
        if not missing:
            return
        rearrange_partitions(self.connection)
        for name in missing:
            started = time.perf_counter()
            attach(self.connection, name, self.instance_id, self.result.tables[name].inserted)
            self.result.tables[name].seconds += time.perf_counter() - started
        for relation in RELATIONS:
            if relation.late and relation.table in self.fresh:
                self.connection.execute(statements.fill_late(relation, self.instance_id))
                self._move_dangling_of(relation, None)

    def _count_rows(self) -> None:
        """Updates ``ops.row_counts`` without counting."""
        for name, change in self.result.tables.items():
            if not change.changed and name not in self.fresh:
                change.rows = counted(self.connection, self.instance_id, f"stash.{name}") or 0
                continue
            (change.rows,) = self._row(
                "INSERT INTO ops.row_counts AS c (instance_id, table_name, rows) VALUES (%(i)s, %(t)s, %(n)s)\n"
                "ON CONFLICT (instance_id, table_name)\n"
                "DO UPDATE SET rows = CASE WHEN %(fresh)s THEN 0 ELSE c.rows END + excluded.rows\n"
                "RETURNING rows",
                {
                    "i": self.instance_id,
                    "t": f"stash.{name}",
                    "n": change.inserted - change.removed,
                    "fresh": name in self.fresh,
                },
            )


def rebuild_layer(connection: Connection, instance_id: int) -> Transformation:
    """Rebuilds one instance's entities and joins from ``raw``, in one transaction.

    Concurrent readers wait for its end, and see either the old rows or the new ones.
    """
    ensure_partitions(connection, instance_id)
    with connection.transaction():
        _drop(connection, instance_id)
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
        result = _Run(connection, instance_id, {}).run()
    analyze(connection, instance_id, result.worth_analyzing())
    return result


def drop_layer(connection: Connection, instance_id: int, *, logged: bool = True) -> None:
    """Drops one instance's entities and joins; the next :func:`transform` rebuilds them from ``raw``.

    Args:
        logged: whether the objects are logged; not if the instance is removed, which is logged itself.
    """
    with connection.transaction():
        _drop(connection, instance_id)
        if logged:
            touched = Touched()
            touched.add_all(BY_NAME)
            publish(connection, instance_id, touched)


def _drop(connection: Connection, instance_id: int) -> None:
    """Drops the partitions; the caller logs the objects."""
    with connection.transaction():
        rearrange_partitions(connection)
        leaves = {name: partition("stash." + name, instance_id) for name in TABLES}
        present = {leaves[name] for name in attached_partitions(connection, instance_id)}
        for relation in RELATIONS:
            # a partition cannot be detached while rows of its own table, or of one detached later, refer to it
            if (relation.late or relation.table == relation.target) and leaves[relation.table] in present:
                connection.execute(
                    f"UPDATE {leaves[relation.table]} SET {relation.column} = NULL\nWHERE {relation.column} IS NOT NULL"
                )
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in reversed(list(TABLES)):
            leaf = leaves[name]
            if leaf in present:
                connection.execute(f"ALTER TABLE stash.{name} DETACH PARTITION {leaf}")
            connection.execute(f"DROP TABLE IF EXISTS {leaf} CASCADE")
        connection.execute("DELETE FROM ops.dangling_references WHERE instance_id = %s", [instance_id])
        connection.execute(
            "DELETE FROM ops.layer_watermarks WHERE instance_id = %s AND layer = %s", [instance_id, LAYER]
        )
        connection.execute(
            "DELETE FROM ops.row_counts WHERE instance_id = %s AND table_name LIKE 'stash.%%'", [instance_id]
        )
