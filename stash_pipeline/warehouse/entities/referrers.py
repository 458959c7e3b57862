"""Finds the referrers of removed objects, which must be read again when a tag, a performer, a file … is gone.

A server that merges or deletes an object changes all of its referrers without setting a timestamp.
"""

from collections.abc import Mapping

from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.stash.fields import Entity
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.entities.initial_load import attached_partitions
from stash_pipeline.warehouse.entities.sql import RELATIONS, TABLES
from stash_pipeline.warehouse.partition_names import partition

LAYER = "stash"


def _still_refers(entity: Entity, gone: Mapping[str, set[int]]) -> list[str]:
    """Conditions over ``r.document``; parameters are named after the entity of the removed objects."""
    conditions = [
        f"(r.document->>'{field.name}')::bigint = ANY(%({reference.target})s)"
        for field, reference in entity.references
        if gone.get(reference.target)
    ]
    for field, joined in entity.joins:
        if not joined.target or not gone.get(joined.target):
            continue
        single = len(joined.columns) == 1 and joined.columns[0].key is None
        elements = f"jsonb_array_elements{'_text' if single else ''}(r.document->'{field.name}') AS e(value)"
        value = "e.value" if single else f"e.value->>'{joined.target_column}'"
        conditions.append(f"EXISTS (SELECT FROM {elements} WHERE ({value})::bigint = ANY(%({joined.target})s))")
    return conditions


def _followed(connection: Connection, instance_id: int) -> int | None:
    """The revision that entities and joins have reached; None if partitions are missing."""
    attached = attached_partitions(connection, instance_id)
    if any(name not in attached for name in TABLES):
        return None
    row = connection.execute(
        "SELECT revision FROM ops.layer_watermarks WHERE instance_id = %s AND layer = %s", [instance_id, LAYER]
    ).fetchone()
    return row[0] if row else None


def referrers(connection: Connection, instance_id: int, gone: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """The live objects whose documents refer to removed ones.

    The indexes of entities and joins find most of them; documents that are newer than those are scanned.

    Args:
        gone: ids by entity.
    """
    followed = _followed(connection, instance_id)
    parameters: dict[str, object] = {
        **{entity: list(ids) for entity, ids in gone.items()},
        "i": instance_id,
        "followed": -1 if followed is None else followed,
    }
    result: dict[str, set[int]] = {}
    for entity in ENTITIES:
        conditions = _still_refers(entity, gone)
        if not conditions:
            continue
        raw = partition("raw." + entity.name, instance_id)
        newer = f"SELECT id FROM {raw} WHERE instance_id = %(i)s AND revision > %(followed)s"
        indexed = [
            f"SELECT {relation.owner_column} FROM {partition('stash.' + relation.table, instance_id)}\n"
            f"    WHERE instance_id = %(i)s AND {relation.column} = ANY(%({relation.target})s)"
            for relation in RELATIONS
            if followed is not None and relation.owner == entity.name and gone.get(relation.target)
        ]
        indexed += [
            "SELECT owner_id FROM ops.dangling_references\n"
            f"    WHERE instance_id = %(i)s AND owner = '{entity.name}' AND target = '{target}'\n"
            f"      AND target_id = ANY(%({target})s)"
            for target, ids in gone.items()
            if followed is not None and ids and target in BY_NAME
        ]
        candidates = "\n    UNION ALL\n    ".join([newer, *indexed])
        rows = connection.execute(
            f"SELECT r.id FROM {raw} AS r\n"
            f"WHERE r.instance_id = %(i)s AND r.deleted_at IS NULL AND r.id IN (\n    {candidates}\n)\n"
            f"  AND ({' OR '.join(conditions)})",
            parameters,
        ).fetchall()
        ids = {identifier for (identifier,) in rows} - gone.get(entity.name, set())
        if ids:
            result[entity.name] = ids
    return result
