"""What people choose: the object whose values a record shows, for one field or for all."""

from typing import Final

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.catalog.shapes import ORDER, golden_fields
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.object_log import Touched, publish

_CHOOSE: Final = """
INSERT INTO catalog.choices (entity, instance, object_id, object_created_at, field)
SELECT %(entity)s, i.uuid, o.id, o.created_at, %(field)s
FROM ops.instances AS i JOIN stash.{entity} AS o ON o.instance_id = i.id
WHERE i.id = %(instance_id)s AND o.id = %(id)s
ON CONFLICT (entity, instance, object_id, field) DO UPDATE
SET chosen_at = clock_timestamp(), object_created_at = excluded.object_created_at
"""

_WITHDRAW: Final = """
DELETE FROM catalog.choices AS c USING ops.instances AS i
WHERE i.id = %(instance_id)s AND c.instance = i.uuid AND c.entity = %(entity)s AND c.object_id = %(id)s
  AND c.field IS NOT DISTINCT FROM %(field)s
"""


def choose(connection: Connection, entity: str, instance_id: int, object_id: int, field: str | None = None) -> None:
    """Chooses an object for its record: its value of a field, or all that it has; the catalog follows.

    A choice for a field holds even if the object has no value. It is above one for all fields.

    Raises:
        UserError: if there is no such object, or the field is not one that can be chosen.
    """
    parameters = _parameters(entity, instance_id, object_id, field)
    with connection.transaction():
        if not connection.execute(_CHOOSE.format(entity=entity), parameters).rowcount:
            raise UserError(f"Instance {instance_id} has no object {object_id} in {entity}.")
        _log(connection, entity, instance_id, object_id)


def withdraw(connection: Connection, entity: str, instance_id: int, object_id: int, field: str | None = None) -> bool:
    """Withdraws a choice, also one of an object that is gone; returns whether there was one.

    Raises:
        UserError: if the field is not one that can be chosen.
    """
    parameters = _parameters(entity, instance_id, object_id, field)
    with connection.transaction():
        found = connection.execute(_WITHDRAW, parameters).rowcount > 0
        if found:
            _log(connection, entity, instance_id, object_id)
    return found


def choosable(entity: str) -> tuple[str, ...]:
    """The fields of an entity for which an object can be chosen.

    Raises:
        UserError: if the catalog has no such entity.
    """
    if entity not in ORDER:
        raise UserError(f"The catalog has no {entity}; it has {', '.join(ORDER)}.")
    return tuple(field.name for field in golden_fields(entity) if "choice" in field.rule.criteria)


def _parameters(entity: str, instance_id: int, object_id: int, field: str | None) -> dict[str, object]:
    fields = choosable(entity)
    if field is not None and field not in fields:
        raise UserError(f"No object can be chosen for {field} of {entity}, only for {', '.join(fields)}.")
    return {"entity": entity, "instance_id": instance_id, "id": object_id, "field": field}


def _log(connection: Connection, entity: str, instance_id: int, object_id: int) -> None:
    """Logs the object as changed: its record must be made again."""
    touched = Touched()
    touched.add(entity, [object_id])
    publish(connection, instance_id, touched)
