"""What a golden record consists of: fields and lists, derived from the entity specification and the rules.

References to entities that are not matched (the folder of a gallery) are left out: they are of one server. Lists of
such references (files) keep the instance.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.fields import Entity, JoinTable
from stash_pipeline.warehouse.catalog.survivorship import Rule, rule_of
from stash_pipeline.warehouse.matches.feature_sql import ENTITIES
from stash_pipeline.warehouse.stashbox.fields import BOX_FIELDS
from stash_pipeline.warehouse.tables import partial_date_columns

ORDER: Final = ("tags", "studios", "performers", "groups", "images", "galleries", "scenes")
"""The entities of the catalog: those that are matched, what is referred to first."""
assert set(ORDER) == set(ENTITIES)


@dataclass(frozen=True)
class GoldenField:
    """A field of a golden record.

    Attributes:
        name: in the specification.
        type: in the specification, or ``reference``.
        columns: the columns in ``catalog``, which for scalars are named as in ``stash``.
        value: the one of them that is null if the field is empty, and that is compared.
        target: the entity that a reference refers to.
        on_boxes: whether the values of stash-boxes take part.
    """

    name: str
    type: str
    columns: tuple[str, ...]
    value: str
    rule: Rule
    target: str | None = None
    on_boxes: bool = False


ListKind = Literal["references", "of_instances", "times", "ordered", "values"]


@dataclass(frozen=True)
class GoldenList:
    """A list of a golden record, with its own table.

    Attributes:
        kind: ``references`` to other golden records; rows ``of_instances``, which keep their instance, because their
            ids are those of a server; ``times``, in order; ``ordered`` values; other ``values``.
        owner: the column of the golden record.
        key: the columns that, with the owner, identify a row; without ``instance_id``.
        attributes: the other columns from the specification.
        ordinal: the column of the position, if the order has a meaning.
    """

    table: str
    entity: str
    kind: ListKind
    owner: str
    key: tuple[str, ...]
    attributes: tuple[str, ...]
    joined: JoinTable
    ordinal: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in order."""
        instance = ("instance_id",) if self.kind == "of_instances" else ()
        ordinal = (self.ordinal,) if self.ordinal and self.ordinal not in self.key else ()
        return (self.owner, *instance, *self.key, *self.attributes, *ordinal)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the key."""
        return (self.owner, *(("instance_id",) if self.kind == "of_instances" else ()), *self.key)


@cache
def golden_fields(entity: str) -> tuple[GoldenField, ...]:
    """The fields of an entity's golden records, in order."""
    result = []
    spec = BY_NAME[entity]
    for field, scalar in spec.scalars:
        rule = rule_of(field.name, scalar.type)
        on_boxes = "stash_box" in rule.criteria and field.name in BOX_FIELDS.get(entity, {})
        if scalar.type == "partial_date":
            columns = partial_date_columns(field.name)
            result.append(GoldenField(field.name, scalar.type, columns, columns[1], rule, on_boxes=on_boxes))
        else:
            result.append(GoldenField(field.name, scalar.type, (field.name,), field.name, rule, on_boxes=on_boxes))
    for field, reference in spec.references:
        if reference.target in ORDER:
            column = f"{field.name}_id"
            rule = rule_of(field.name, "reference")
            result.append(GoldenField(field.name, "reference", (column,), column, rule, reference.target))
    return tuple(result)


@cache
def golden_lists(entity: str) -> tuple[GoldenList, ...]:
    """The lists of an entity's golden records."""
    spec = BY_NAME[entity]
    return tuple(_golden_list(spec, joined) for _, joined in spec.joins)


def _golden_list(spec: Entity, joined: JoinTable) -> GoldenList:
    names = tuple(column.name for column in joined.columns)
    if joined.target in ORDER:
        kind: ListKind = "references"
    elif joined.target or any(column.key == "id" for column in joined.columns):
        kind = "of_instances"
    elif joined.ordinal in joined.primary_key:
        kind = "times" if [column.type for column in joined.columns] == ["timestamptz"] else "ordered"
    else:
        kind = "values"
    attributes = tuple(name for name in names if name not in joined.primary_key)
    if joined.primary_flag:
        attributes = (*attributes, joined.primary_flag)
    owner = spec.owner_column(joined)
    return GoldenList(joined.table, spec.name, kind, owner, joined.primary_key, attributes, joined, joined.ordinal)


def all_lists() -> tuple[GoldenList, ...]:
    """The lists of all entities."""
    return tuple(golden_list for entity in ORDER for golden_list in golden_lists(entity))
