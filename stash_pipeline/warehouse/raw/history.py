"""What every document was before: ``raw.history``, written in the transaction that changes the document."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.tables import partition

Json = dict[str, Any]

_WIDTH = 100
"""Characters of a value that are shown."""


def keep(
    connection: Connection, instance_id: int, entity: str, ids: list[int], *, revision: int, run_id: int, removed: bool
) -> None:
    """Keeps the present documents of these objects; to be called just before they are replaced or tombstoned.

    Args:
        removed: the objects vanish; otherwise their documents change, or come back.
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
    """What differs between some documents and those that are there.

    Attributes:
        fields: in how many documents each field differs.
        silent: documents that differ, though their ``updated_at`` is the same. causes: in how many of those each
            field differs.
    """

    fields: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    silent_fields: Counter[str] = field(default_factory=Counter)

    def add(self, before: Json, names: list[str]) -> None:
        """Counts one document, of which these fields differ."""
        self.fields.update(names)
        if names and "updated_at" in before and "updated_at" not in names:
            self.silent += 1
            self.silent_fields.update(names)


def present(connection: Connection, instance_id: int, entity: str, ids: list[int]) -> dict[int, Json]:
    """The documents of some objects as they are, with or without a tombstone."""
    rows = connection.execute(
        f"SELECT id, document::text FROM {partition('raw.' + entity, instance_id)}\n"
        "WHERE instance_id = %s AND id = ANY(%s)",
        [instance_id, ids],
    )
    return {identifier: orjson.loads(text) for identifier, text in rows}


def count_fields(before: Mapping[int, Json], after: Mapping[int, Json]) -> FieldChanges:
    """What differs between documents that are there and those that replace them, by id."""
    found = FieldChanges()
    for identifier, document in before.items():
        found.add(document, [name for name, _, _ in differences(document, after[identifier])])
    return found


def differences(before: Json, after: Json) -> list[tuple[str, Any, Any]]:
    """(field, value before, value after) of what differs, by name; None is no value."""
    names = sorted(before.keys() | after.keys())
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def timeline(connection: Connection, instance_id: int, entity: str, identifier: int) -> list[Json]:
    """What happened to one object, oldest first.

    Returns:
        per event ``change`` (changed, removed, returned), ``at``, ``run_id``, ``revision`` and ``fields``, a list of
        (name, before, after); and at last the object as it is (``change`` present or absent), or nothing if it was
        never there.
    """
    row = connection.execute(
        f"SELECT document, deleted_at, fetched_at, revision, run_id FROM {partition('raw.' + entity, instance_id)}\n"
        "WHERE instance_id = %s AND id = %s",
        [instance_id, identifier],
    ).fetchone()
    if row is None:
        return []
    document, deleted_at, fetched_at, revision, run_id = row
    found = connection.execute(
        "SELECT change, recorded_at, run_id, revision, document FROM raw.history\n"
        "WHERE instance_id = %s AND entity = %s AND id = %s ORDER BY revision",
        [instance_id, entity, identifier],
    ).fetchall()
    after = [event[4] for event in found[1:]] + [document] if found else []
    events: list[Json] = []
    for (change, at, run, at_revision, before), became in zip(found, after, strict=True):
        fields = [] if change == "removed" else differences(before, became)
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
    """The changes that ``updated_at`` did not tell of, newest first; one row after another, however many there are.

    Args:
        since: those found since then. run_id: those that this run found.

    Returns:
        per change ``entity``, ``id``, ``at``, ``run_id`` and ``fields``, the names of what differs.
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
    """A value in one line, not too long."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _json(value: Any) -> str:
    # integers of any length may be in free-form values
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def described(name: str, before: Any, after: Any) -> str:
    """One field's change; of lists, what was added and what was taken away."""
    if isinstance(before or [], list) and isinstance(after or [], list) and not (before is None and after is None):
        added = [value for value in after or [] if value not in (before or [])]
        taken = [value for value in before or [] if value not in (after or [])]
        parts = [f"{sign} {_shown(values)}" for sign, values in (("added", added), ("removed", taken)) if values]
        return f"{name}: {', '.join(parts) or 'another order'}"
    return f"{name}: {_shown(before)} → {_shown(after)}"
