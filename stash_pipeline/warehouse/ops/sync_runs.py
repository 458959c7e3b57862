"""The journal of syncs, ``ops.sync_runs``: one row per sync of an instance."""

import json
from collections.abc import Mapping
from typing import Any

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.row_counts import documents_counted


def start_run(connection: Connection, instance_id: int, *, dagster_run_id: str | None, mode: str, lane: str) -> int:
    """Records the start of a sync; returns its id in ``ops.sync_runs``. Closes the rows of killed predecessors."""
    with connection.transaction():
        connection.execute(
            "UPDATE ops.sync_runs SET status = 'failed', finished_at = now(), error = 'terminated unexpectedly'\n"
            "WHERE instance_id = %s AND status = 'running'",
            [instance_id],
        )
        row = connection.execute(
            "INSERT INTO ops.sync_runs (instance_id, dagster_run_id, mode, lane, status)\n"
            "VALUES (%s, %s, %s, %s, 'running') RETURNING id",
            [instance_id, dagster_run_id, mode, lane],
        ).fetchone()
    assert row is not None
    return int(row[0])


def end_run(
    connection: Connection,
    run_id: int,
    *,
    error: str | None,
    release: str | None = None,
    missing_fields: list[str] | None = None,
    unmapped_fields: list[str] | None = None,
    entities: dict[str, Any] | None = None,
    requests: int = 0,
    size: int = 0,
    seconds: float = 0.0,
    lane: str = "graphql",
    lane_reason: str | None = None,
) -> None:
    """Records the end of a sync.

    Args:
        lane, lane_reason: the lane that it used, and why.
        requests: number of requests sent.
        size: bytes of the responses, decompressed.
        seconds: duration.
    """
    connection.execute(
        "UPDATE ops.sync_runs SET status = %s, finished_at = now(), error = %s, release = %s, missing_fields = %s,\n"
        "    unmapped_fields = %s, entities = %s::jsonb, requests = %s, bytes = %s, seconds = %s,\n"
        "    lane = %s, lane_reason = %s WHERE id = %s",
        [
            "failed" if error else "succeeded",
            error,
            release,
            missing_fields or [],
            unmapped_fields or [],
            json.dumps(entities or {}),
            requests,
            size,
            round(seconds, 3),
            lane,
            lane_reason,
            run_id,
        ],
    )


def record_merged(connection: Connection, run_id: int, merged: Mapping[str, int]) -> None:
    """Records how many removed objects have a successor, which is known only after the entities have followed."""
    connection.execute(
        "UPDATE ops.sync_runs AS r SET entities = r.entities || (\n"
        "    SELECT jsonb_object_agg(\n"
        "        m.key, coalesce(r.entities->m.key, '{}') || jsonb_build_object('merged', m.value))\n"
        "    FROM jsonb_each(%s::jsonb) AS m) WHERE r.id = %s",
        [json.dumps(dict(merged)), run_id],
    )


def was_read(connection: Connection, instance_id: int) -> bool:
    """Whether all entities of an instance were read completely before."""
    return documents_counted(connection, instance_id).keys() >= BY_NAME.keys()
