"""What people choose: the object whose values a record shows, for one field or for all.

A choice is a decision of verdict primary in ``matches.decisions``.
"""

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.catalog.shapes import ORDER, golden_fields
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.deciding import NewDecision, decide
from stash_pipeline.warehouse.matches.deciding import withdraw as withdraw_decisions
from stash_pipeline.warehouse.matches.decisions import PRIMARY, list_decisions


def choose(connection: Connection, entity: str, instance_id: int, object_id: int, field: str | None = None) -> None:
    """Chooses an object for its record: its value of a field, or all that it has; the catalog follows.

    A choice for a field holds even if the object has no value. It is above one for all fields.

    Raises:
        UserError: if there is no such object, or the field is not one that can be chosen.
    """
    check_field(entity, field)
    decide(connection, [NewDecision(entity, PRIMARY, (instance_id, object_id), field=field)])


def withdraw(connection: Connection, entity: str, instance_id: int, object_id: int, field: str | None = None) -> bool:
    """Withdraws a choice, also one of an object that is gone; returns whether there was one.

    Raises:
        UserError: if the field is not one that can be chosen.
    """
    check_field(entity, field)
    row = connection.execute("SELECT uuid FROM ops.instances WHERE id = %s", [instance_id]).fetchone()
    numbers = [
        decision.number
        for decision in list_decisions(connection, entity)
        if decision.verdict == PRIMARY and row and decision.left.instance == row[0]
        if decision.left.id == object_id and decision.field == field
    ]
    return bool(withdraw_decisions(connection, numbers))


def choosable(entity: str) -> tuple[str, ...]:
    """The fields of an entity for which an object can be chosen.

    Raises:
        UserError: if the catalog has no such entity.
    """
    if entity not in ORDER:
        raise UserError(f"The catalog has no {entity}; it has {', '.join(ORDER)}.")
    return tuple(field.name for field in golden_fields(entity) if "choice" in field.rule.criteria)


def check_field(entity: str, field: str | None) -> None:
    """Refuses a field for which no object can be chosen.

    Raises:
        UserError: if it is one.
    """
    fields = choosable(entity)
    if field is not None and field not in fields:
        raise UserError(f"No object can be chosen for {field} of {entity}, only for {', '.join(fields)}.")
