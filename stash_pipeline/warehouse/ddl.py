"""Prints the DDL of the table registry, for a migration: ``python -m stash_pipeline.warehouse.ddl``.

Tables first, then foreign keys: they refer to each other in circles. Not used at run time.
"""

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable, SetColumnComment, SetTableComment

from stash_pipeline.warehouse.tables import METADATA


def statements() -> list[str]:
    """Every statement that makes the tables of the registry, in an order that works."""
    dialect = postgresql.dialect()
    tables = list(METADATA.tables.values())
    result = [str(CreateTable(t, include_foreign_key_constraints=[]).compile(dialect=dialect)).strip() for t in tables]
    for table in tables:
        for index in sorted(table.indexes, key=lambda i: str(i.name)):
            result.append(str(CreateIndex(index).compile(dialect=dialect)))
        for constraint in sorted(table.constraints, key=lambda c: str(c.name)):
            if isinstance(constraint, ForeignKeyConstraint):
                result.append(str(AddConstraint(constraint).compile(dialect=dialect)))
        if table.comment:
            result.append(str(SetTableComment(table).compile(dialect=dialect)))
        for column in table.columns:
            if column.comment:
                result.append(str(SetColumnComment(column).compile(dialect=dialect)))
    return [" ".join(s.split()) if not s.startswith("CREATE TABLE") else s for s in result]


if __name__ == "__main__":
    for statement in statements():
        lines = [line.rstrip() for line in statement.replace("\t", "    ").splitlines() if line.strip()]
        print("\n".join(lines) + ";\n")
