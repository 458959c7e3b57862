"""A minimal later layer: it has a copy of everything below ``raw``, and learns of changes from the object log only."""

import json
from collections.abc import Iterable
from typing import Any

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.entities.sql import TABLES
from stash_pipeline.warehouse.ops.object_log import CHANGED_OBJECTS, INSTANCES, collect_changes

Key = tuple[int, str, int]
"""Instance, kind, id."""

State = dict[Key, list[str]]
"""Per object its rows: its own, those of its joins, what became of it; as JSON, sorted."""


class Consumer:
    """Applies the log, commit by commit."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.revision = 0
        self.state: State = {}

    def follow(self) -> None:
        """Applies everything that was logged since the last call."""
        with connect(self.database_url) as connection, connection.transaction():
            newest = collect_changes(connection, self.revision)
            rows = connection.execute(f"SELECT entity, instance_id, id FROM {CHANGED_OBJECTS}").fetchall()
            for kind, instance_id, identifier in rows:
                self.state.pop((instance_id, kind, identifier), None)
            for kind in {row[0] for row in rows}:
                changed = (
                    f"(x.instance_id, x.id) IN (SELECT instance_id, id FROM {CHANGED_OBJECTS} WHERE entity = '{kind}')"
                )
                self.state.update(_objects(connection, kind, changed))
            instances = {key[0] for key in self.state if key[1] == INSTANCES}
            self.state = {key: value for key, value in self.state.items() if key[0] in instances}
            self.revision = newest


def everything(database_url: str) -> State:
    """What a consumer that reads everything should have."""
    with connect(database_url) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        state: State = {}
        for kind in (INSTANCES, *BY_NAME):
            state.update(_objects(connection, kind, "true"))
        return state


def _objects(connection: Connection, kind: str, condition: str) -> State:
    state: State = {}
    for query in _queries(kind):
        rows = connection.execute(
            f"SELECT x.instance_id, x.id, x.content FROM ({query}) AS x WHERE {condition}"
        ).fetchall()
        for instance_id, identifier, content in rows:
            state.setdefault((instance_id, kind, identifier), []).append(json.dumps(content, sort_keys=True))
    return {key: sorted(rows) for key, rows in state.items()}


def _queries(kind: str) -> Iterable[str]:
    if kind == INSTANCES:
        yield (
            "SELECT id AS instance_id, id, jsonb_build_array(name, priority, enabled, removed_at) AS content\n"
            "FROM ops.instances"
        )
        return
    for name, table in TABLES.items():
        if table.entity.name == kind:
            content = f"jsonb_build_array('{name}', to_jsonb(t))"
            yield f"SELECT t.instance_id, t.{table.owner_column} AS id, {content} AS content FROM stash.{name} AS t"
    yield (
        "SELECT m.instance_id, m.id, jsonb_build_array('merges', m.successor_id) AS content FROM stash.merges AS m\n"
        f"WHERE m.entity = '{kind}'"
    )


def differences(consumer: Consumer) -> dict[Key, Any]:
    """Objects that differ between the consumer and the tables: (consumer, tables)."""
    there = everything(consumer.database_url)
    return {
        key: (consumer.state.get(key), there.get(key))
        for key in consumer.state.keys() | there.keys()
        if consumer.state.get(key) != there.get(key)
    }
