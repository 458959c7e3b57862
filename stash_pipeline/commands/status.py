"""``stash-pipeline status``: shows per instance how fresh and how large its tables are, and what runs next."""

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from stash_pipeline.commands.database import database_sentences, database_state
from stash_pipeline.commands.output import console, print_json, print_no_instance, table
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from stash_pipeline.instances import Instance
    from stash_pipeline.sync.cadence_records import Cadence
    from stash_pipeline.sync.server_probe import Question

_STATUS = """
SELECT i.name, i.url, i.enabled, i.release,
    (SELECT max(r.finished_at) FROM ops.sync_runs r
     WHERE r.instance_id = i.id AND r.status = 'succeeded' AND r.mode <> 'objects') AS last_success,
    l.status AS last_status, l.started_at AS last_started, l.error AS last_error,
    coalesce((SELECT jsonb_object_agg(e.key, e.value->'failures') FROM jsonb_each(l.entities) AS e
        WHERE jsonb_array_length(coalesce(e.value->'failures', '[]')) > 0), '{}') AS failures,
    coalesce(l.missing_fields, '{}') AS missing_fields, coalesce(l.unmapped_fields, '{}') AS unmapped_fields,
    (SELECT jsonb_object_agg(c.table_name, c.rows) FROM ops.row_counts c
     WHERE c.instance_id = i.id AND c.table_name = ANY(%(layer_tables)s)) AS rows,
    (SELECT count(*) FROM ops.dangling_references d WHERE d.instance_id = i.id) AS dangling
FROM ops.instances i
LEFT JOIN LATERAL (
    SELECT * FROM ops.sync_runs r WHERE r.instance_id = i.id ORDER BY r.started_at DESC LIMIT 1
) l ON true
WHERE i.removed_at IS NULL
ORDER BY i.priority, i.name
"""

_REFRESHED = """
SELECT i.name, r.mode, r.finished_at, NOT EXISTS (
        SELECT FROM ops.row_counts c
        WHERE c.instance_id = i.id AND c.table_name = ANY(%(tables)s)
            AND NOT coalesce((r.entities->split_part(c.table_name, '.', 2)->>'first')::boolean, false)
    ) AND jsonb_path_exists(r.entities, '$.*.first ? (@ == true)') AS first
FROM ops.sync_runs r JOIN ops.instances i ON i.id = r.instance_id
WHERE r.status = 'succeeded' AND r.mode <> 'objects' AND r.entities ?& %(entities)s
ORDER BY r.finished_at
"""
"""The successful runs of all entities; ``first`` marks the first read, which reads every entity in full."""

_INCLUDED = {
    "changes": ("changes",),
    "reconcile": ("changes", "reconcile"),
    "sweep": ("changes", "reconcile", "sweep"),
}
"""Per mode: the modes whose work it includes."""


def collect(connection: Any, settings: Settings) -> list[dict[str, Any]]:
    """The state of every instance according to the database."""
    from stash_pipeline import layers
    from stash_pipeline.stash.entities import BY_NAME
    from stash_pipeline.warehouse.layers.layer import of_instances

    tables = [table.name for layer in of_instances(layers.LAYERS) for table in layer.tables]
    cursor = connection.execute(_STATUS, {"layer_tables": tables})
    names = [column.name for column in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    refreshed: dict[str, dict[str, datetime]] = {row["name"]: {} for row in rows}
    parameters = {"entities": list(BY_NAME), "tables": [f"raw.{entity}" for entity in BY_NAME]}
    for name, mode, moment, first in connection.execute(_REFRESHED, parameters).fetchall():
        for included in _INCLUDED["sweep" if first else mode]:
            refreshed.setdefault(name, {})[included] = moment
    common = {
        "shared_layers": shared_layers(connection, settings),
        "search_index": search_index(connection, settings),
        "database": database_state(connection, settings),
    }
    return [{**row, "refreshed": refreshed[row["name"]], **common} for row in rows]


def shared_layers(connection: Any, settings: Settings) -> list[dict[str, Any]]:
    """How far each shared layer has followed the object log."""
    from stash_pipeline import layers
    from stash_pipeline.warehouse.layers.shared import states

    return [
        {
            "layer": state.name,
            "current": state.current,
            "revisions_behind": None if state.revision is None else state.head - state.revision,
            "outdated": state.outdated,
            "updated_at": state.updated_at,
            "error": state.error,
        }
        for state in states(connection, layers.configured(layers.LAYERS, settings))
    ]


def search_index(connection: Any, settings: Settings) -> dict[str, Any]:
    """How far the search index has followed the documents."""
    from stash_pipeline.search.backends import backend_name, backend_place
    from stash_pipeline.search.index import index_status

    status = index_status(connection, backend_name(settings), backend_place(settings))
    return {
        "backend": status.backend,
        "enabled": settings.search_index,
        "current": status.built and status.in_step and status.error is None,
        "documents": status.documents,
        "revisions_behind": status.revisions_behind if status.built else None,
        "size_in_bytes": status.size,
        "updated_at": status.followed_at,
        "error": status.error,
    }


def _upcoming(instance: "Instance", cadence: "Cadence", settings: Settings, now: datetime) -> dict[str, Any]:
    """What runs next for an instance while the daemon runs, and how often its server is asked and compared, and why."""
    from stash_pipeline.sync.cadence import due
    from stash_pipeline.sync.timetable import next_sweep, timetable_of

    if not instance.enabled:
        return {"next_reconcile": None, "next_sweep": None, "asked": None, "compared": None}
    plan = due(cadence.compared, settings, now)
    known = cadence.compared
    result: dict[str, Any] = {
        "next_reconcile": max(plan.at, now).astimezone() if cadence.was_read else None,
        "next_sweep": None,
        "asked": {
            "every_seconds": cadence.asked_every or settings.changes_seconds,
            "reason": cadence.asked_reason or "the daemon has not asked yet",
        },
        "compared": {
            "every_seconds": round(plan.every),
            "reason": plan.reason,
            "by": plan.by,
            "lane": known.lane,
            "seconds": known.seconds,
            "blocked_seconds": known.blocked,
            "last": cadence.compared_at,
            "outcome": cadence.outcome,
            "detail": cadence.detail,
        },
    }
    try:
        result["next_sweep"] = next_sweep(timetable_of(instance, settings), now).astimezone()
    except UserError as error:
        result["schedule_error"] = str(error)
    return result


def live_hints(settings: Settings, uuid: str) -> dict[str, Any] | None:
    """What the warm process says about an instance; None if none runs on this machine."""
    from stash_pipeline.live.state import read_state

    state = read_state(settings.home)
    return (state.get("instances") or {}).get(uuid) if state.get("running") else None


def _pending(settings: Settings, probes: "list[Question]") -> dict[str, dict[str, Any]]:
    """The pending changes on the servers, by the name of the instance."""
    from stash_pipeline.sync.server_probe import ask

    results = ask(settings, probes)
    names = {probe.instance.uuid: probe.instance.name for probe in probes}
    return {names[uuid]: {"reasons": list(result.reasons), "error": result.error} for uuid, result in results.items()}


def status(as_json: bool, *, offline: bool = False) -> None:
    """The command."""
    from stash_pipeline.instances import list_instances
    from stash_pipeline.sync.cadence_records import cadences
    from stash_pipeline.sync.server_probe import questions
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings:
        with connect(settings.database() or "") as connection:
            rows = collect(connection, settings)
            database = database_state(connection, settings)
            instances = list_instances(connection)
            probes = [] if offline else questions(connection)
            known = cadences(connection, settings.reconcile_minutes)
        pending = _pending(settings, probes)
    now = datetime.now(timezone.utc)
    for row, instance in zip(rows, instances, strict=True):
        row["pending"] = pending.get(instance.name)
        cadence = known[instance.id]
        row |= _upcoming(instance, cadence, settings, now)
        if cadence.equal_at:
            # it found what a reconcile would have found: nothing
            row["refreshed"]["reconcile"] = max(cadence.equal_at, row["refreshed"].get("reconcile", cadence.equal_at))
        row["live"] = live_hints(settings, instance.uuid)
    if as_json:
        print_json(rows)
        return
    for line in database_sentences(database):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not rows:
        print_no_instance()
    else:
        _print(rows, now)


def _print(rows: list[dict[str, Any]], now: datetime) -> None:
    from stash_pipeline.stash.entities import ENTITIES

    table(
        None,
        ["instance", "release", "last successful sync", "last run", "dangling references"],
        [
            [
                row["name"],
                row["release"],
                row["last_success"].astimezone().strftime("%Y-%m-%d %H:%M:%S") if row["last_success"] else "never",
                row["last_status"],
                row["dangling"],
            ]
            for row in rows
        ],
        numbers=1,
    )
    table(
        "Last successful sync per mode, and the next scheduled",
        ["instance", "changes", "reconcile", "sweep", "next reconcile", "next sweep"],
        [
            [
                row["name"],
                *[age(row["refreshed"].get(mode), now) for mode in ("changes", "reconcile", "sweep")],
                *[_at(row[key]) if row["enabled"] else "disabled" for key in ("next_reconcile", "next_sweep")],
            ]
            for row in rows
        ],
    )
    _print_cadence(rows)
    table(
        "Rows",
        ["entity", *[row["name"] for row in rows]],
        [[entity.name, *[(row["rows"] or {}).get(f"stash.{entity.name}", 0) for row in rows]] for entity in ENTITIES],
        numbers=len(rows),
    )
    shared = rows[0]["shared_layers"]
    if shared:
        table(
            "Layers of all instances",
            ["layer", "last followed", "revisions behind", "error"],
            [
                [layer["layer"], age(layer["updated_at"], now), _lag(layer), layer["error"] or "none"]
                for layer in shared
            ],
        )
    index = rows[0]["search_index"]
    table(
        "Search index",
        ["back end", "last followed", "revisions behind", "error", "documents", "MB"],
        [
            [
                index["backend"],
                age(index["updated_at"], now),
                _index_lag(index),
                index["error"] or "none",
                index["documents"],
                "–" if index["size_in_bytes"] is None else round(index["size_in_bytes"] / 1e6, 1),
            ]
        ],
        numbers=2,
    )
    for row in rows:
        for line in _sentences(row):
            console.print(f"{row['name']} {line}", highlight=False, markup=False, soft_wrap=True)


def _index_lag(index: dict[str, Any]) -> str:
    if not index["enabled"]:
        return "off in this home"
    return "never built" if index["revisions_behind"] is None else str(index["revisions_behind"])


def _print_cadence(rows: list[dict[str, Any]]) -> None:
    lines = []
    for row in rows:
        if row["asked"]:
            asked, compared = row["asked"], row["compared"]
            lines.append([row["name"], "asked for changes", _every(asked["every_seconds"]), asked["reason"]])
            lines.append(["", _compared_how(compared["by"]), _every(compared["every_seconds"]), compared["reason"]])
    if lines:
        table("How often, and why, while the daemon runs", ["instance", "", "every", "because"], lines)


def _compared_how(by: str) -> str:
    """What finds silent changes, in words."""
    return "compared" if by == "comparison" else "reconciled"


def _every(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _sentences(row: dict[str, Any]) -> list[str]:
    lines = []
    pending = row["pending"]
    if pending is not None:
        if pending["error"]:
            lines.append(f"cannot be checked for changes: {pending['error']}")
        else:
            lines.append(f"has pending changes: {', '.join(pending['reasons']) or 'none'}")
    if live := row.get("live"):
        moment = datetime.fromisoformat(live["last_hint"]) if live["last_hint"] else None
        last = f"{age(moment, datetime.now(timezone.utc))} by {live['via']}" if moment else "none yet"
        lines.append(f"is followed live ({live['subscriptions']}); last hint: {last}")
    if row.get("schedule_error"):
        lines.append(f"is not scheduled: {row['schedule_error']}")
    if row["compared"] and row["compared"]["outcome"] in ("failed", "stopped"):
        lines.append(f"could not be compared: {row['compared']['detail']}")
    if row["last_error"]:
        lines.append(f"failed in its last run: {row['last_error']}")
    for entity, failures in row["failures"].items():
        lines.append(f"could not send some {entity}: {'; '.join(failures)}")
    if row["unmapped_fields"]:
        lines.append(f"has unmapped fields: {', '.join(row['unmapped_fields'])}")
    return lines


def _lag(layer: dict[str, Any]) -> str:
    if layer["revisions_behind"] is None:
        return "never built"
    return "of another version" if layer["outdated"] else str(layer["revisions_behind"])


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in words."""
    if moment is None:
        return "never"
    minutes = (now - moment) // timedelta(minutes=1)
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"


def _at(moment: datetime | None) -> str:
    """A moment within the next days, in local time."""
    return "–" if moment is None else f"{moment:%a} {moment:%H:%M}"
