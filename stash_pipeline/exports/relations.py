"""Which tables and views can be exported, and how their names are given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from stash_pipeline.errors import UserError
from stash_pipeline.layers import schemas
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.published.views import KEYS

NEVER: Final = ("ops", "partitions")
"""Schemas that are not exported: one holds the keys of servers, the other the parts of the other tables."""

FIRST: Final = "stash"
"""The schema of names without one."""

# A view has no key; those of the published ones are known.
_RELATIONS: Final = """
SELECT n.nspname || '.' || c.relname,
    ARRAY(SELECT ARRAY[a.attname::text, format_type(a.atttypid, NULL)] FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
    ARRAY(SELECT a.attname::text FROM pg_index x CROSS JOIN unnest(x.indkey) WITH ORDINALITY k (attnum, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
        WHERE x.indrelid = c.oid AND x.indisprimary ORDER BY k.place)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname = ANY(%s)
ORDER BY 1
"""


@dataclass(frozen=True)
class Relation:
    """A table or view.

    Attributes:
        name: with its schema.
        columns: (name, type as Postgres spells it).
        key: the columns by which it is ordered; none for a view without a known key.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]

    @property
    def of_instances(self) -> bool:
        """Whether its rows are of one instance each."""
        return any(name == "instance_id" for name, _ in self.columns)


def relations(connection: Connection) -> dict[str, Relation]:
    """All that can be exported, by name."""
    exported = [schema for schema in schemas() if schema not in NEVER]
    return {
        name: Relation(name, tuple((column, kind) for column, kind in columns), tuple(key) or KEYS.get(name, ()))
        for name, columns, key in connection.execute(_RELATIONS, [exported])
    }


def chosen(names: Iterable[str], available: dict[str, Relation]) -> list[Relation]:
    """The relations that names and patterns mean, each once.

    Raises:
        UserError: if a name or pattern means nothing, or something that is not exported.
    """
    relations: dict[str, Relation] = {}
    for name in names:
        relations.update({qualified: available[qualified] for qualified in _matching(name, list(available))})
    return list(relations.values())


def _matching(name: str, available: Sequence[str]) -> list[str]:
    schema, dot, _ = name.partition(".")
    pattern = name if dot else f"{FIRST}.{name}"
    if dot and schema in NEVER:
        raise UserError(
            f"Tables of schema {schema} are not exported, because it is internal and holds keys of servers."
        )
    matches = [qualified for qualified in available if fnmatchcase(qualified, pattern)]
    if not matches and not dot:
        # a name that only one schema has
        matches = [qualified for qualified in available if qualified.partition(".")[2] == name]
    if not matches:
        near = get_close_matches(pattern, available, n=3, cutoff=0.75)
        hint = f"did you mean {' or '.join(near)}?" if near else "docs/tables.md lists them."
        raise UserError(f"There is no table or view {name!r} to export; {hint}")
    return matches
