"""Filter criteria as SQL conditions.

Contains single criteria (a number, text, time, set of ids) on a column or relation. The filter fields of each entity
are in ``filters``.
"""

from collections.abc import Callable
from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.resolvers.rows import id_list

Condition = tuple[str, list[Any]]
Criterion = Callable[[RequestContext, Any], Condition]


def _unsupported(what: str, modifier: str) -> AnswerError:
    return AnswerError(f"Internal system error. Error <unsupported {what} modifier type{modifier}>")


def _compared(column: str, value: dict[str, Any], default_upper: Any, what: str, name: bool) -> Condition:
    modifier = value["modifier"]
    upper = value.get("value2")
    single, pair = [value["value"]], [value["value"], default_upper if upper is None else upper]
    conditions: dict[str, Condition] = {
        "EQUALS": (f"{column} = ?", single),
        "NOT_EQUALS": (f"{column} <> ?", single),
        "LESS_THAN": (f"{column} < ?", single),
        "GREATER_THAN": (f"{column} > ?", single),
        "BETWEEN": (f"{column} BETWEEN ? AND ?", pair),
        "NOT_BETWEEN": (f"{column} NOT BETWEEN ? AND ?", pair),
        "IS_NULL": (f"{column} IS NULL", []),
        "NOT_NULL": (f"{column} IS NOT NULL", []),
    }
    if modifier not in conditions:
        raise _unsupported(what, f" {modifier}" if name else "")
    return conditions[modifier]


def number(column: str) -> Criterion:
    """IntCriterionInput or FloatCriterionInput on a column or expression."""
    return lambda ctx, value: _compared(column, value, 0, "numeric", True)


def timestamp(column: str) -> Criterion:
    """TimestampCriterionInput. The client's text is bound unchanged and compared as text, as on the server.

    Time zones are not interpreted. Because of the column's affinity, a purely numeric text counts as a number, which is
    less than any text.
    """

    def build(ctx: RequestContext, value: dict[str, Any]) -> Condition:
        # The server's default upper bound is this time tomorrow.
        tomorrow = ctx.tomorrow()
        return _compared(column, value, tomorrow, "date", False)

    return build


def date(column: str) -> Criterion:
    """DateCriterionInput: like a timestamp, but an empty text counts as null."""

    def build(ctx: RequestContext, value: dict[str, Any]) -> Condition:
        if value["modifier"] == "IS_NULL":
            return f"({column} IS NULL OR {column} = '')", []
        if value["modifier"] == "NOT_NULL":
            return f"({column} IS NOT NULL AND {column} <> '')", []
        return _compared(column, value, ctx.tomorrow(), "date", False)

    return build


def boolean(column: str) -> Criterion:
    """A plain Boolean on a column."""
    return lambda ctx, value: (f"{column} = ?", [int(value)])


def _words(column: str, text: str, negated: bool) -> Condition:
    words = [text.strip('"')] if text.startswith('"') and text.endswith('"') else text.split() or [""]
    parts = [f"COALESCE({column}, '') {'NOT ' if negated else ''}LIKE ?" for _ in words]
    joiner = " AND " if negated else " OR "
    return "(" + joiner.join(parts) + ")", [f"%{word}%" for word in words]


def text(column: str) -> Criterion:
    """StringCriterionInput on a column or expression."""

    def build(ctx: RequestContext, value: dict[str, Any]) -> Condition:
        modifier, operand = value["modifier"], value["value"]
        if modifier in ("INCLUDES", "EXCLUDES"):
            return _words(column, operand.strip(), modifier == "EXCLUDES")
        conditions: dict[str, Condition] = {
            "EQUALS": (f"{column} LIKE ?", [operand]),
            "NOT_EQUALS": (f"{column} NOT LIKE ?", [operand]),
            "IS_NULL": (f"({column} IS NULL OR TRIM({column}) = '')", []),
            "NOT_NULL": (f"({column} IS NOT NULL AND TRIM({column}) <> '')", []),
            "MATCHES_REGEX": (f"({column} IS NOT NULL AND {column} REGEXP ?)", [operand]),
            "NOT_MATCHES_REGEX": (f"({column} IS NULL OR NOT {column} REGEXP ?)", [operand]),
        }
        if modifier not in conditions:
            raise _unsupported("string", f" {modifier}")
        return conditions[modifier]

    return build


def text_among(owner: str, select: str) -> Criterion:
    """StringCriterionInput on a table of texts; `select` gives the columns owner and value."""

    def build(ctx: RequestContext, value: dict[str, Any]) -> Condition:
        negative = {
            "EXCLUDES": "INCLUDES",
            "NOT_EQUALS": "EQUALS",
            "NOT_MATCHES_REGEX": "MATCHES_REGEX",
            "IS_NULL": "NOT_NULL",
        }
        modifier = value["modifier"]
        condition, parameters = text("value")(ctx, {**value, "modifier": negative.get(modifier, modifier)})
        within = "NOT IN" if modifier in negative else "IN"
        return f"{owner} {within} (SELECT owner FROM ({select}) WHERE {condition})", parameters

    return build


def _ids(values: list[Any] | None) -> list[int]:
    try:
        return [int(value) for value in values or []]
    except ValueError as error:
        raise AnswerError(f"converting ids: {error}") from None


def related(owner: str, select: str, tree: str | None = None) -> Criterion:
    """MultiCriterionInput or HierarchicalMultiCriterionInput on a relation.

    `select` gives pairs (owner, other), `tree` pairs (parent, child) of the related entity.
    """

    def family(ids: list[int], depth: int) -> Condition:
        if not tree or not depth:
            return "SELECT value FROM json_each(?)", [id_list(ids)]
        limit = "" if depth < 0 else f" WHERE family.level < {depth}"
        return (
            "WITH RECURSIVE family(id, level) AS (SELECT value, 0 FROM json_each(?) UNION"
            f" SELECT tree.child, family.level + 1 FROM family JOIN ({tree}) AS tree"
            f" ON tree.parent = family.id{limit}) SELECT id FROM family",
            [id_list(ids)],
        )

    def build(ctx: RequestContext, value: dict[str, Any]) -> Condition:
        modifier, depth = value["modifier"], value.get("depth") or 0
        ids = _ids(value.get("value"))
        has = f"{owner} IN (SELECT owner FROM ({select}))"
        if modifier == "IS_NULL":
            return f"NOT {has}", []
        if modifier == "NOT_NULL":
            return has, []
        parts: list[str] = []
        parameters: list[Any] = []
        if modifier in ("INCLUDES_ALL", "EQUALS"):
            chosen = [[identifier] for identifier in ids]
        elif modifier in ("INCLUDES", "EXCLUDES", "NOT_EQUALS"):
            chosen = [ids] if ids else []
        else:
            raise _unsupported("multi", f" {modifier}")
        negated = "NOT " if modifier in ("EXCLUDES", "NOT_EQUALS") else ""
        for group in chosen:
            inner, inner_parameters = family(group, depth)
            parts.append(f"{owner} {negated}IN (SELECT owner FROM ({select}) WHERE other IN ({inner}))")
            parameters += inner_parameters
        if modifier == "EQUALS":
            parts.append(f"(SELECT COUNT(*) FROM ({select}) WHERE owner = {owner}) = {len(ids)}")
        if value.get("excludes"):
            inner, inner_parameters = family(_ids(value["excludes"]), depth)
            parts.append(f"{owner} NOT IN (SELECT owner FROM ({select}) WHERE other IN ({inner}))")
            parameters += inner_parameters
        return " AND ".join(parts) or "1", parameters

    return build


def stash_id(owner: str, table: str, parent: str) -> Criterion:
    """StashIDCriterionInput: ids of one endpoint, or of any endpoint."""

    def build(ctx: RequestContext, value: dict[str, Any]) -> Condition:
        endpoint, operand, modifier = value.get("endpoint"), value.get("stash_id"), value["modifier"]
        conditions, parameters = ["1"], []
        if endpoint:
            conditions.append("endpoint = ?")
            parameters.append(endpoint)
        if modifier in ("EQUALS", "NOT_EQUALS"):
            conditions.append("stash_id = ?")
            parameters.append(operand)
        elif modifier not in ("IS_NULL", "NOT_NULL"):
            raise _unsupported("stash id", f" {modifier}")
        within = "NOT IN" if modifier in ("IS_NULL", "NOT_EQUALS") else "IN"
        return (
            f'{owner} {within} (SELECT "{parent}" FROM "{table}" WHERE {" AND ".join(conditions)})',
            parameters,
        )

    return build


def missing(conditions: dict[str, str]) -> Criterion:
    """is_missing: one condition per name."""

    def build(ctx: RequestContext, value: str) -> Condition:
        if value not in conditions:
            raise AnswerError(f"is_missing {value!r} is not simulated")
        return conditions[value], []

    return build


def has_any(condition: str) -> Criterion:
    """A text "true" or "false", as in has_markers."""
    return lambda ctx, value: (condition if value == "true" else f"NOT {condition}", [])
