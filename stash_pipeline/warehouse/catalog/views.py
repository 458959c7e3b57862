"""The views of schema ``catalog``."""

from typing import Final

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.catalog.shapes import ORDER, GoldenField, golden_fields
from stash_pipeline.warehouse.catalog.survivorship import CRITERIA
from stash_pipeline.warehouse.stashbox.fields import BOX_FIELDS
from stash_pipeline.warehouse.views import View, undescribed

_UNION: Final = "\nUNION ALL\n"


def _numbered(entity: str) -> str:
    """The fields of an entity with their positions in ``catalog.sources``."""
    names = enumerate((field.name for field in golden_fields(entity)), start=1)
    return ", ".join(f"({number}, '{name}')" for number, name in names)


_RULE: Final = (
    "CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END"
)
"""What a box alone has is of the box, by whichever criterion."""


def _provenance(entity: str) -> str:
    present = ", ".join(f"('{field.name}', c.{field.value} IS NOT NULL)" for field in golden_fields(entity))
    return (
        f"SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,\n"
        f"    {_RULE} AS rule,\n"
        "    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id\n"
        f"FROM catalog.sources s\nCROSS JOIN (VALUES {_numbered(entity)}) AS f (n, field)\n"
        f"WHERE s.entity = '{entity}' AND s.rules[f.n] IS NOT NULL"
        f"{_UNION}"
        f"SELECT '{entity}', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL\n"
        f"FROM catalog.{entity} c\nJOIN catalog.members m ON m.canonical_id = c.id\n"
        f"CROSS JOIN LATERAL (VALUES {present}) AS f (field, present)\n"
        "WHERE c.objects = 1 AND f.present"
        # those that a stash-box has too have sources
        f"{' AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id)' if entity in BOX_FIELDS else ''}"
    )


def _value(field: GoldenField, alias: str) -> str:
    if field.target:
        return (
            f"(SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = '{field.target}'"
            f" AND t.instance_id = {alias}.instance_id AND t.id = {alias}.{field.value})"
        )
    return f"to_jsonb({alias}.{field.value})"


def _conflicts(entity: str) -> str:
    compared = [
        (number, field)
        for number, field in enumerate(golden_fields(entity), start=1)
        if field.rule.method == "survivor" and field.rule.compared
    ]
    fields = ", ".join(f"({number}, '{field.name}')" for number, field in compared)
    cases = "\n        ".join(f"WHEN {number} THEN {_value(field, 'o')}" for number, field in compared)
    criteria = ", ".join(f"'{criterion}'" for criterion in CRITERIA)
    of_boxes = "" if entity not in BOX_FIELDS else f"{_UNION}{_conflicts_of_boxes(entity, compared, criteria)}"
    return (
        "SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n\n"
        f"        {cases}\n    END AS value,\n"
        "    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,\n"
        f"    {_RULE} AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id\n"
        f"FROM catalog.sources s\nCROSS JOIN (VALUES {fields}) AS f (n, field)\n"
        "JOIN catalog.members m ON m.canonical_id = s.id\n"
        f"JOIN stash.{entity} o ON o.instance_id = m.instance_id AND o.id = m.id\n"
        f"WHERE s.entity = '{entity}' AND s.rules[f.n] IN ({criteria}){of_boxes}"
    )


def _conflicts_of_boxes(entity: str, compared: list[tuple[int, GoldenField]], criteria: str) -> str:
    common = [(number, field) for number, field in compared if field.on_boxes]
    fields = ", ".join(f"({number}, '{field.name}')" for number, field in common)
    cases = "\n        ".join(f"WHEN {number} THEN to_jsonb({_box_value(entity, field)})" for number, field in common)
    return (
        f"SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n\n        {cases}\n    END,\n"
        f"    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], {_RULE}, b.endpoint_id, b.box_id\n"
        f"FROM catalog.sources s\nCROSS JOIN (VALUES {fields}) AS f (n, field)\n"
        "CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)\n"
        f"JOIN stashbox.{entity} d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id\n"
        f"WHERE s.entity = '{entity}' AND s.rules[f.n] IN ({criteria})"
    )


def _box_value(entity: str, field: GoldenField) -> str:
    value = BOX_FIELDS[entity][field.name]
    # what is compared of a date is its text
    return f"{value}::text" if field.type == "partial_date" else value


def _by_instance(entity: str) -> str:
    own = {field.value for field in golden_fields(entity) if field.rule.per_instance}
    columns = [
        f"o.{name}" if name in own else f"NULL::{kind} AS {name}" for name, kind in _per_instance_columns().items()
    ]
    return (
        f"SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,\n    {', '.join(columns)}\n"
        f"FROM catalog.members m\nJOIN stash.{entity} o ON o.instance_id = m.instance_id AND o.id = m.id\n"
        f"WHERE m.entity = '{entity}'"
    )


def _per_instance_columns() -> dict[str, str]:
    """What each server has of its own, with the types of the servers' tables."""
    columns: dict[str, str] = {}
    for entity in reversed(ORDER):
        for field, scalar in BY_NAME[entity].scalars:
            golden = next(each for each in golden_fields(entity) if each.name == field.name)
            if golden.rule.per_instance:
                columns.setdefault(golden.value, scalar.type)
    return columns


def _changes() -> str:
    records = [f"SELECT '{entity}' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id\n"
               f"FROM catalog.{entity}" for entity in ORDER]  # fmt: skip
    return _UNION.join(
        [
            *records,
            "SELECT v.entity, v.id, v.revision, true, r.cluster_id\n"
            "FROM catalog.vanished v\nLEFT JOIN matches.redirects r ON r.id = v.id",
        ]
    )


VIEWS: Final = (
    View(
        "catalog.provenance",
        _UNION.join(_provenance(entity) for entity in ORDER),
        "Of which object or stash-box each field of a record is, and the rule that decided; only: no other member has "
        "a value, agreed: all values are equal.",
        undescribed("entity", "id", "field", "instance_id", "object_id", "rule", "endpoint_id", "box_id"),
    ),
    View(
        "catalog.conflicts",
        _UNION.join(_conflicts(entity) for entity in ORDER),
        "The fields on which the members of a record and its stash-boxes disagree: one row per member or box, with its "
        "value.",
        undescribed(
            "entity", "id", "field", "instance_id", "object_id", "value", "survives", "rule", "endpoint_id", "box_id"
        ),
    ),
    View(
        "catalog.by_instance",
        _UNION.join(_by_instance(entity) for entity in ORDER),
        "What each server has of its own of a record: ratings, plays, flags.",
        undescribed("entity", "id", "instance_id", "object_id", *_per_instance_columns()),
    ),
    View(
        "catalog.changes",
        _changes(),
        "Records with the revision of the object log when they last changed or vanished; successor_id is the record "
        "into which a vanished one was merged.",
        undescribed("entity", "id", "revision", "vanished", "successor_id"),
    ),
)
