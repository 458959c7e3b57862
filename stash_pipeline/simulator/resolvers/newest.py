"""Custom fields, which the newest release adds to many entities (see simulator/newest.py)."""

from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.go_numbers import free_form
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.newest import CUSTOM_FIELDS
from stash_pipeline.simulator.resolvers.rows import grouped


def _custom_fields(table: str, parent: str) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        by_owner = grouped(
            ctx,
            rows,
            f"SELECT {parent}, field, value FROM {table}"
            f" WHERE {parent} IN (SELECT value FROM json_each(?)) ORDER BY {parent}, field",
        )
        return [{field: free_form(value) for _, field, value in by_owner.get(row["id"], ())} for row in rows]

    return load


LOADERS: dict[tuple[str, str], Loader] = {
    (kind, "custom_fields"): _custom_fields(table, parent) for kind, (table, parent, _) in CUSTOM_FIELDS.items()
}
