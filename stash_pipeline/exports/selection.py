"""The query of one export, by format: which rows, in which order, with which types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import psycopg
from psycopg import sql

from stash_pipeline.errors import UserError
from stash_pipeline.exports.relations import Relation
from stash_pipeline.warehouse.connect import Connection

Format = Literal["parquet", "csv", "jsonl"]
FORMATS: Final[tuple[Format, ...]] = ("parquet", "csv", "jsonl")

_PARQUET: Final = {
    "boolean", "smallint", "integer", "bigint", "real", "double precision", "text", "character varying", "bytea",
    "date", "timestamp without time zone", "timestamp with time zone",
}  # fmt: skip
"""Types with an equivalent in Parquet, also as elements of arrays."""


PAGE_COST: Final = "1.1"
"""``random_page_cost`` of exports. With that of a spinning disk, Postgres reads a small table (of tags, say) from start
to end for each element of a list."""


@dataclass(frozen=True)
class Rows:
    """Which rows of every table are exported.

    Attributes:
        where: a condition in SQL.
        instances: ids of the instances; none for all.
    """

    where: str | None = None
    instances: tuple[int, ...] = ()


def query(relation: Relation, rows: Rows, file_format: Format) -> sql.Composed:
    """The query of the rows of a table.

    Raises:
        UserError: if only some instances are selected, and the rows of the table belong to all of them.
    """
    conditions = []
    if rows.where is not None:
        # on lines of its own: it may end with a comment
        conditions.append(sql.SQL("(\n{}\n)").format(sql.SQL(rows.where)))
    if rows.instances:
        if not relation.of_instances:
            raise UserError(
                f"{relation.name} has what all instances have, each once, so it has no rows of one instance; leave out "
                "--instance, or export the tables of stash."
            )
        conditions.append(sql.SQL("instance_id = ANY({})").format(sql.Literal(list(rows.instances))))
    statement = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(_column(name, kind, file_format) for name, kind in relation.columns),
        sql.Identifier(*relation.name.split(".")),
    )
    if conditions:
        statement += sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions)
    if relation.key:
        keys = [sql.Identifier(relation.name.split(".")[1], column) for column in relation.key]
        statement += sql.SQL(" ORDER BY ") + sql.SQL(", ").join(keys)
    if file_format == "jsonl":
        statement = sql.SQL("SELECT row_to_json(exported) FROM ({}) AS exported").format(statement)
    return statement


def _column(name: str, kind: str, file_format: Format) -> sql.Composable:
    column = sql.Identifier(name)
    as_text = sql.SQL("{0}::text AS {0}").format(column)
    if file_format == "csv":
        if kind.endswith("[]"):
            return sql.SQL("to_json({0})::text AS {0}").format(column)
        # true and false instead of t and f
        return as_text if kind == "boolean" else column
    if file_format == "parquet" and kind.removesuffix("[]") not in _PARQUET:
        if kind == "numeric":
            return sql.SQL("{0}::double precision AS {0}").format(column)
        return sql.SQL("{0}::text[] AS {0}").format(column) if kind.endswith("[]") else as_text
    return column


def require_valid(connection: Connection, relation: Relation, statement: sql.Composed, where: str | None) -> None:
    """Has Postgres parse and plan a query without running it.

    The extended protocol takes one statement only, so that a condition cannot bring another one with it.

    Raises:
        UserError: says what is wrong with the condition.
    """
    try:
        connection.execute(sql.SQL("EXPLAIN ") + statement, prepare=True)
    except psycopg.errors.QueryCanceled:
        raise
    except psycopg.Error as error:
        if where is None:
            raise
        raise UserError(
            f"The condition of --where does not fit {relation.name}: {reason(error)}. Give the condition that follows "
            "WHERE in SQL, with columns of every exported table."
        ) from None


def reason(error: psycopg.Error) -> str:
    """The first line of an error of Postgres, with its hint."""
    text = (error.diag.message_primary or str(error).strip().splitlines()[0]).rstrip(".")
    hint = (error.diag.message_hint or "").rstrip(".")
    return f"{text} ({hint[:1].lower()}{hint[1:]})" if hint else text


def columns_of(relation: Relation) -> Sequence[dict[str, str]]:
    """The columns as the manifest describes them."""
    return [{"name": name, "type": kind} for name, kind in relation.columns]
