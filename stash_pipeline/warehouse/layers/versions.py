"""Versions of the code that makes entities and joins; rows of another version are rebuilt.

A version is a digest of everything that determines the rows of a table: its columns, the statements that fill it and
apply changes, and the SQL functions that those call. It is stored with the watermark of the layer
(``ops.layer_watermarks.version``), and is the ``code_version`` of the asset.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from stash_pipeline.warehouse.entities import sql as statements
from stash_pipeline.warehouse.entities.sql import RELATIONS, TABLES
from stash_pipeline.warehouse.tables import JOINS, STASH, type_name

_DIGITS = 16


def digest(parts: Iterable[str]) -> str:
    """A short digest of texts in order."""
    hashed = hashlib.blake2b(digest_size=_DIGITS // 2)
    for part in parts:
        hashed.update(part.encode() + b"\0")
    return hashed.hexdigest()


@cache
def _functions() -> str:
    """The migrations that define functions of schema ``stash``."""
    scripts = files("stash_pipeline.warehouse.migrations") / "sql"
    texts = [entry.read_text("utf-8") for entry in sorted(scripts.iterdir(), key=lambda entry: entry.name)]
    return digest(text for text in texts if "FUNCTION stash." in text)


def table_version(name: str) -> str:
    """The version of one table of schema ``stash``."""
    table = STASH[name] if name in STASH else JOINS[name]
    parts = [f"{column.name} {type_name(column)}" for column in table.columns]
    parts += [_functions(), statements.bulk_insert(name, 0), statements.apply_changes(name, 0, "changed")]
    for relation in RELATIONS:
        if relation.table == name:
            parts.append(statements.move_dangling(relation, 0, None))
            if relation.late:
                parts.append(statements.fill_late(relation, 0))
    return digest(parts)


@cache
def layer_version() -> str:
    """The version of entities and joins, whose tables refer to each other and are rebuilt together."""
    return digest(table_version(name) for name in TABLES)
