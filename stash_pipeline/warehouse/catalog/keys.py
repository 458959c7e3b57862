"""Sort keys: the criteria of a rule as bits of one number, the first criterion highest. The smallest key survives.

The criterion that decided is the first in which the smallest key differs from the smallest one of another value.
"""

from typing import Final

from stash_pipeline.warehouse.catalog.shapes import GoldenField
from stash_pipeline.warehouse.catalog.survivorship import Criterion

PLACE_BITS: Final = 16
"""The lowest bits of every key: the place of the object in its record."""

_BITS: Final[dict[Criterion, int]] = {
    "choice": 2, "stash_box": 1, "own_picture": 1, "priority": 11, "played_last": 11, "precise": 2, "newest": 11,
    "longest": 20, "lowest": PLACE_BITS,
}  # fmt: skip
"""Bits per criterion; those of one rule fit into 63."""

_LONGEST: Final = 2 ** _BITS["longest"] - 1


def _rank(column: str) -> str:
    return f"least(o.{column}, {2 ** _BITS['priority'] - 1})"


def _criterion(criterion: Criterion, field: GoldenField) -> str:
    """The number of an object by a criterion; the smallest is best."""
    value = f"o.{field.value}"
    return {
        "stash_box": "CASE WHEN o.of_endpoint IS NULL THEN 1 ELSE 0 END",
        "choice": f"CASE WHEN '{field.name}' = ANY (o.chosen_fields) THEN 0 WHEN o.chosen THEN 1 ELSE 2 END",
        "own_picture": f"CASE WHEN {value} LIKE '%default=true%' THEN 1 ELSE 0 END",
        "priority": _rank("by_priority"),
        "played_last": _rank("by_played_last"),
        "precise": f"CASE o.{field.name}_precision WHEN 'day' THEN 0 WHEN 'month' THEN 1 WHEN 'year' THEN 2 ELSE 3 END",
        "newest": _rank("by_newest"),
        "longest": f"{_LONGEST} - least(length({value}), {_LONGEST})",
        "lowest": "o.place",
    }[criterion]


def _applies(criterion: Criterion, field: GoldenField, boxes: bool) -> bool:
    match criterion:
        case "longest":
            return field.type == "text"
        case "precise":
            return field.type == "partial_date"
        case "stash_box":
            return boxes and field.on_boxes
    return True


def _criteria(field: GoldenField, boxes: bool) -> tuple[Criterion, ...]:
    return tuple(criterion for criterion in field.rule.criteria if _applies(criterion, field, boxes))


def sort_key(field: GoldenField, *, boxes: bool) -> str:
    """The sort key of an object ``o`` for a field; null if it has no value that can survive.

    Args:
        boxes: whether values of stash-boxes take part.
    """
    key = "0::bigint"
    for criterion in _criteria(field, boxes):
        key = f"(({key}) << {_BITS[criterion]}) + {_criterion(criterion, field)}"
    return (
        f"CASE WHEN o.{field.value} IS NOT NULL OR '{field.name}' = ANY (o.chosen_fields) THEN {key} END"
        f" AS key_{field.name}"
    )


def decided(field: GoldenField, *, boxes: bool) -> str:
    """The criterion that decided, by the best key and the best one of another value."""
    best = f"min(v.key_{field.name})"
    other = f"{best} FILTER (WHERE v.{field.value} IS DISTINCT FROM g.{field.value})"
    shift = sum(_BITS[criterion] for criterion in _criteria(field, boxes))
    cases = [
        f"WHEN {best} IS NULL THEN NULL",
        f"WHEN count(v.key_{field.name}) = 1 THEN 'only'",
        f"WHEN {other} IS NULL THEN 'agreed'",
    ]
    for criterion in _criteria(field, boxes)[:-1]:
        shift -= _BITS[criterion]
        cases.append(f"WHEN {best} >> {shift} <> {other} >> {shift} THEN '{criterion}'")
    return f"CASE {' '.join(cases)} ELSE 'lowest' END"
