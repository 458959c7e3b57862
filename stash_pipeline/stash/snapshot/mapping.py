"""Maps the fields of an entity to a snapshot of the database, by the entity specification.

``catalogue.py`` and ``media.py`` define the joins of an entity's query, and the fields that are not a single expression
or list. Everything else follows from ``stash/entities``. A field that has neither is *unmapped*, and its entity cannot
be read from the snapshot.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from stash_pipeline.stash.fields import Entity, Field, JoinTable, Reference, Scalar, Stored, StoredList
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.spec import (
    EntityMapping,
    ListMapping,
    Value,
    big,
    boolean,
    date,
    ids,
    integer,
    moment,
    real,
    text,
    texts,
)

_OWN_COLUMN: Final = re.compile(r'\bt\."?(\w+)"?')

_READERS: Final[dict[str, Callable[[str], Value]]] = {
    "path": text,
    "integer": integer,
    "bigint": big,
    "double precision": real,
    "boolean": boolean,
    "timestamptz": moment,
}


def table_of(mapping: EntityMapping) -> str:
    """The server's own table of an entity."""
    return mapping.source.split()[0].strip('"')


def completed(snapshot: Snapshot, entity: Entity, mapping: EntityMapping) -> EntityMapping:
    """Adds the fields of the specification to a mapping, as far as this snapshot has them."""
    columns, lists = dict(mapping.columns), dict(mapping.lists)
    special = {*columns, *lists, *(name for list_mapping in lists.values() for name in list_mapping.also)}
    for field in entity.fields:
        if field.name in special:
            continue
        if isinstance(field.form, JoinTable):
            if list_mapping := _list(snapshot, field, field.form):
                lists[field.name] = list_mapping
        elif value := _value(snapshot, table_of(mapping), field):
            columns[field.name] = value
    return EntityMapping(mapping.source, mapping.id, columns, lists, mapping.where)


def unmapped(plan: QueryPlan, mapping: EntityMapping) -> list[str]:
    """The fields that the server has and the snapshot does not have."""
    mapped = {
        *mapping.columns,
        *mapping.lists,
        *(name for list_mapping in mapping.lists.values() for name in list_mapping.also),
    }
    return [planned.field.name for planned in plan.fields if planned.field.name not in mapped]


def _value(snapshot: Snapshot, table: str, field: Field) -> Value | None:
    form, stored = field.form, field.stored
    sql = stored.sql if isinstance(stored, Stored) else ""
    if any(not snapshot.has(table, column) for column in _OWN_COLUMN.findall(sql)):
        return None
    if not sql:
        column = f"{field.name}_id" if isinstance(form, Reference) else field.name
        if not snapshot.has(table, column):
            return None
        sql = f't."{column}"'
        if isinstance(form, Scalar) and form.type == "partial_date":
            return date(snapshot, table, column, "t")
    if isinstance(form, Reference):
        return big(sql)
    assert isinstance(form, Scalar)
    if form.type == "text":
        empty_since = stored.empty_since if isinstance(stored, Stored) else None
        return text(sql, empty=empty_since is not None and snapshot.since(empty_since))
    reader: Any = _READERS.get(form.type)
    # no column has the URL or the JSON value that the server sends
    declared = isinstance(stored, Stored) and bool(stored.sql)
    return reader(sql) if reader and (declared or form.type != "path") else None


def _list(snapshot: Snapshot, field: Field, form: JoinTable) -> ListMapping | None:
    stored = field.stored
    if not isinstance(stored, StoredList):
        return None
    if not all(snapshot.has(stored.table, column) for column in (stored.owner, stored.column)):
        return None
    if form.target:
        return ids(stored.table, stored.owner, stored.column, first=stored.first)
    return texts(stored.table, stored.owner, stored.column)
