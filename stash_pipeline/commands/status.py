"""``stash-pipeline status``: per instance, how fresh and how large the mirror is."""

from typing import Any

from stash_pipeline.commands.output import console, print_json, table
from stash_pipeline.settings import get_settings

_STATUS = """
SELECT i.name, i.url, i.enabled, i.release,
    (SELECT max(r.finished_at) FROM ops.sync_runs r WHERE r.instance_id = i.id AND r.status = 'succeeded')
        AS last_success,
    l.status AS last_status, l.started_at AS last_started, l.error AS last_error,
    coalesce((SELECT jsonb_object_agg(e.key, e.value->'failures') FROM jsonb_each(l.entities) AS e
        WHERE jsonb_array_length(coalesce(e.value->'failures', '[]')) > 0), '{}') AS failures,
    coalesce(l.lacking, '{}') AS lacking, coalesce(l.unknown, '{}') AS unknown,
    (SELECT jsonb_object_agg(c.table_name, c.rows) FROM ops.row_counts c
     WHERE c.instance_id = i.id AND c.table_name LIKE 'stash.%') AS rows,
    (SELECT count(*) FROM ops.dangling_references d WHERE d.instance_id = i.id) AS dangling
FROM ops.instances i
LEFT JOIN LATERAL (
    SELECT * FROM ops.sync_runs r WHERE r.instance_id = i.id ORDER BY r.started_at DESC LIMIT 1
) l ON true
WHERE i.removed_at IS NULL
ORDER BY i.priority, i.name
"""


def collect(connection: Any) -> list[dict[str, Any]]:
    """The state of every instance."""
    cursor = connection.execute(_STATUS)
    names = [column.name for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def status(as_json: bool) -> None:
    """The command."""
    from stash_pipeline.stash.entities import ENTITIES
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        found = collect(connection)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("No instance yet. Add one with: stash-pipeline instances add home http://localhost:9999")
        return
    table(
        None,
        ["instance", "release", "last good sync", "last run", "references without target"],
        [
            [
                row["name"],
                row["release"],
                row["last_success"].astimezone().strftime("%Y-%m-%d %H:%M:%S") if row["last_success"] else "never",
                row["last_status"],
                row["dangling"],
            ]
            for row in found
        ],
        numbers=1,
    )
    table(
        "Rows",
        ["entity", *[row["name"] for row in found]],
        [[entity.name, *[(row["rows"] or {}).get(f"stash.{entity.name}", 0) for row in found]] for entity in ENTITIES],
        numbers=len(found),
    )
    for row in found:
        if row["last_error"]:
            console.print(f"{row['name']}: the last run failed: {row['last_error']}", highlight=False)
        for entity, failures in row["failures"].items():
            console.print(f"{row['name']} could not send some {entity}: {'; '.join(failures)}", highlight=False)
        if row["unknown"]:
            console.print(f"{row['name']} has fields that are not mirrored yet: {', '.join(row['unknown'])}")
