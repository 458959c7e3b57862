"""Earlier versions of documents: ``raw.history``, written in the transaction that changes the document."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.partition_names import partition

Json = dict[str, Any]

_WIDTH = 100
"""The most characters of a value that are shown."""


def archive(
    connection: Connection, instance_id: int, entity: str, ids: list[int], *, revision: int, run_id: int, removed: bool
) -> None:
    """Archives the current documents of objects; call it just before they are replaced or tombstoned.

    Args:
        removed: the objects are removed; otherwise their documents change or come back.
    """
    change = "'removed'" if removed else "CASE WHEN deleted_at IS NULL THEN 'changed' ELSE 'returned' END"
    connection.execute(
        f"INSERT INTO {partition('raw.history', instance_id)}\n"
        "    (instance_id, entity, id, revision, change, document, run_id)\n"
        f"SELECT instance_id, %(entity)s, id, %(revision)s, {change}, document, %(run)s\n"
        f"FROM {partition('raw.' + entity, instance_id)} WHERE instance_id = %(instance)s AND id = ANY(%(ids)s)",
        {"entity": entity, "revision": revision, "run": run_id, "instance": instance_id, "ids": ids},
    )


@dataclass
class FieldChanges:
    """The differences between new and stored documents.

    Attributes:
        fields: in how many documents each field differs.
        silent: documents that differ although their ``updated_at`` is the same.
        silent_fields: in how many of those each field differs.
    """

    fields: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    silent_fields: Counter[str] = field(default_factory=Counter)

    def add(self, before: Json, names: list[str]) -> None:
        """Counts one document with the fields that differ."""
        self.fields.update(names)
        if names and "updated_at" in before and "updated_at" not in names:
            self.silent += 1
            self.silent_fields.update(names)


def present(connection: Connection, instance_id: int, entity: str, ids: list[int]) -> dict[int, Json]:
    """The stored documents of objects, with or without a tombstone."""
    rows = connection.execute(
        f"SELECT id, document::text FROM {partition('raw.' + entity, instance_id)}\n"
        "WHERE instance_id = %s AND id = ANY(%s)",
        [instance_id, ids],
    )
    return {identifier: orjson.loads(text) for identifier, text in rows}


def count_fields(before: Mapping[int, Json], after: Mapping[int, Json]) -> FieldChanges:
    """Counts the differences between stored documents and those that replace them, by id."""
    changes = FieldChanges()
    for identifier, document in before.items():
        changes.add(document, [name for name, _, _ in differences(document, after[identifier])])
    return changes


def differences(before: Json, after: Json) -> list[tuple[str, Any, Any]]:
    """(field, value before, value after) of the fields that differ, by name; None is no value."""
    names = sorted(before.keys() | after.keys())
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def timeline(connection: Connection, instance_id: int, entity: str, identifier: int) -> list[Json]:
    """The changes of one object, oldest first.

    Returns:
        per event ``change`` (changed, removed, returned), ``at``, ``run_id``, ``revision`` and ``fields``, a list of
        (name, before, after); the last event is the current object (``change`` present or absent). Empty if the object
        was never stored.
    """
    row = connection.execute(
        f"SELECT document, deleted_at, fetched_at, revision, run_id FROM {partition('raw.' + entity, instance_id)}\n"
        "WHERE instance_id = %s AND id = %s",
        [instance_id, identifier],
    ).fetchone()
    if row is None:
        return []
    document, deleted_at, fetched_at, revision, run_id = row
    versions = connection.execute(
        "SELECT change, recorded_at, run_id, revision, document FROM raw.history\n"
        "WHERE instance_id = %s AND entity = %s AND id = %s ORDER BY revision",
        [instance_id, entity, identifier],
    ).fetchall()
    following = [version[4] for version in versions[1:]] + [document] if versions else []
    events: list[Json] = []
    for (change, at, run, at_revision, before), after in zip(versions, following, strict=True):
        fields = [] if change == "removed" else differences(before, after)
        events.append({"change": change, "at": at, "run_id": run, "revision": at_revision, "fields": fields})
    events.append(
        {
            "change": "absent" if deleted_at else "present",
            "at": deleted_at or fetched_at,
            "run_id": run_id,
            "revision": revision,
            "fields": [(name, None, value) for name, value in sorted(document.items())],
        }
    )
    return events


def silent_changes(
    connection: Connection, instance_id: int, *, since: datetime | None = None, run_id: int | None = None
) -> Iterator[Json]:
    """The changes without a new ``updated_at``, newest first, streamed from the server.

    Args:
        since: only changes recorded since then.
        run_id: only changes that this run found.

    Returns:
        per change ``entity``, ``id``, ``at``, ``run_id`` and ``fields``, the names of the fields that differ.
    """
    with connection.transaction(), connection.cursor("silent_changes") as cursor:
        cursor.execute(
            "SELECT entity, id, recorded_at, run_id, fields FROM raw.silent_changes\n"
            "WHERE instance_id = %(instance)s\n"
            "    AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)\n"
            "    AND (%(run)s::bigint IS NULL OR run_id = %(run)s)\n"
            "ORDER BY recorded_at DESC, entity, id, revision DESC",
            {"instance": instance_id, "since": since, "run": run_id},
        )
        for entity, identifier, at, run, fields in cursor:
            yield {"entity": entity, "id": identifier, "at": at, "run_id": run, "fields": fields}


def _shown(value: Any) -> str:
    """A value in one line, truncated."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _json(value: Any) -> str:
    # free-form values can contain integers of any length
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def described(name: str, before: Any, after: Any) -> str:
    """The change of one field as text; for lists, the added and removed elements."""
    if isinstance(before or [], list) and isinstance(after or [], list) and not (before is None and after is None):
        added = [value for value in after or [] if value not in (before or [])]
        removed = [value for value in before or [] if value not in (after or [])]
        parts = [f"{verb} {_shown(values)}" for verb, values in (("added", added), ("removed", removed)) if values]
        return f"{name}: {', '.join(parts) or 'reordered'}"
    return f"{name}: {_shown(before)} → {_shown(after)}"
