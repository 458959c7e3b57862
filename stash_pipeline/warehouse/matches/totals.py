"""``matches.totals``: rows of tables, and sums of columns, kept because counting would grow with the library."""

from collections.abc import Mapping
from typing import Final

from stash_pipeline.warehouse.connect import Connection

_KEEP: Final = """
INSERT INTO matches.totals (name, value) SELECT * FROM unnest(%s::text[], %s::bigint[])
ON CONFLICT (name) DO UPDATE SET value = {value}
RETURNING name, value"""


def set_totals(connection: Connection, totals: Mapping[str, int]) -> dict[str, int]:
    """Stores totals that were counted; returns them."""
    return _keep(connection, totals, "excluded.value")


def add_to_totals(connection: Connection, differences: Mapping[str, int]) -> dict[str, int]:
    """Adds to totals; returns what they are now."""
    return _keep(connection, differences, "totals.value + excluded.value")


def _keep(connection: Connection, values: Mapping[str, int], kept: str) -> dict[str, int]:
    rows = connection.execute(_KEEP.format(value=kept), [list(values), list(values.values())]).fetchall()
    return {row[0]: row[1] for row in rows}
