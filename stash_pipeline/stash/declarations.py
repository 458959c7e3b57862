"""Shorthands for the entity specification: one function for each common form of a field.

The specification is in ``entities``, its vocabulary in ``fields.py``.
"""

from collections.abc import Iterable
from typing import Any

from stash_pipeline.stash.fields import (
    Column,
    Field,
    Index,
    JoinTable,
    Rare,
    Reference,
    Scalar,
    ScalarType,
    Spelling,
    Stored,
    StoredList,
)


def scalar(
    kind: ScalarType,
    name: str,
    *spellings: str,
    description: str = "",
    index: Index = "",
    silent: bool = False,
    rare: Rare | None = None,
    stored: str = "",
    empty_since: int | None = None,
) -> Field:
    """A typed column.

    Args:
        spellings: selections of the server's field, newest first; default is the name itself.
        stored, empty_since: where a snapshot of the server's database has it, see :class:`Stored`.
    """
    all_spellings = _spellings(spellings or (name,))
    place = Stored(stored, empty_since) if stored or empty_since is not None else None
    return Field(name, Scalar(kind, index), all_spellings, description, silent, rare, place)


def _spellings(spellings: Iterable[str]) -> tuple[Spelling, ...]:
    return tuple(Spelling((spelling,)) for spelling in spellings)


def text(name: str, *spellings: str, **options: Any) -> Field:
    """A text."""
    return scalar("text", name, *spellings, **options)


def integer(name: str, *spellings: str, **options: Any) -> Field:
    """A 32-bit integer."""
    return scalar("integer", name, *spellings, **options)


def bigint(name: str, *spellings: str, **options: Any) -> Field:
    """A 64-bit integer."""
    return scalar("bigint", name, *spellings, **options)


def number(name: str, *spellings: str, **options: Any) -> Field:
    """A floating-point number."""
    return scalar("double precision", name, *spellings, **options)


def boolean(name: str, *spellings: str, **options: Any) -> Field:
    """A boolean."""
    return scalar("boolean", name, *spellings, **options)


def time(name: str, *spellings: str, **options: Any) -> Field:
    """A timestamp."""
    return scalar("timestamptz", name, *spellings, **options)


def date(name: str, *spellings: str, **options: Any) -> Field:
    """A date that may be partial."""
    description = 'may be partial ("2024", "2024-05") from v0.30 on'
    return scalar("partial_date", name, *spellings, description=description, **options)


def path(name: str, selection: str, **options: Any) -> Field:
    """A URL of the server."""
    return scalar("path", name, selection, description="URL without host, key and cache buster", **options)


def json(name: str, *spellings: str, **options: Any) -> Field:
    """A JSON value of any form."""
    return scalar("jsonb", name, *spellings, **options)


def one(name: str, target: str, *spellings: str, stored: str = "", silent: bool = False) -> Field:
    """A reference to one other object."""
    place = Stored(stored) if stored else None
    return Field(name, Reference(target), _spellings(spellings or (f"{name}{{id}}",)), silent=silent, stored=place)


def many(
    name: str, table: str, target: str, column: str, stored: tuple[str, str, str] | None, *, silent: bool = False
) -> Field:
    """References to other objects, in a join table.

    Args:
        stored: the server's join table, its owner column and its column for the other object.
    """
    joined = JoinTable(table, (Column(column, "bigint"),), (column,), target, column)
    place = StoredList(*stored) if stored else None
    return Field(name, joined, _spellings((f"{name}{{id}}",)), silent=silent, stored=place)


def files(owner: str, stored: str, *spellings: str, rare: Rare | None = None) -> Field:
    """Files of an object, the primary one first."""
    joined = JoinTable(
        f"{owner}_files", (Column("file_id", "bigint"),), ("file_id",), "files", "file_id", primary_flag="is_primary"
    )
    place = StoredList(stored, f"{owner}_id", "file_id", first='"primary"')
    return Field("files", joined, _spellings(spellings or ("files{id}",)), silent=True, rare=rare, stored=place)


def urls(owner: str, *legacy: str) -> Field:
    """URLs; ``legacy``: single fields of releases that have no list."""
    joined = JoinTable(f"{owner}_urls", (Column("url", "text"),), ("position",), ordinal="position", sort=False)
    spellings = [Spelling(("urls",))]
    if legacy:
        spellings.append(Spelling(legacy, legacy_urls, optional_parts=True))
    return Field("urls", joined, tuple(spellings))


def legacy_urls(url: Any, twitter: Any = None, instagram: Any = None) -> list[str]:
    """``urls`` of releases that have single columns, built as Stash's own migration 62 (v0.27) does."""
    result = [url] if url else []
    for prefix, value in (("https://www.twitter.com/", twitter), ("https://www.instagram.com/", instagram)):
        if value:
            result.append(value if value.lower().startswith("http") and "://" in value else prefix + value)
    return result


def aliases(owner: str, *spellings: str) -> Field:
    """Alternative names."""
    table = f"{owner}_aliases"
    joined = JoinTable(table, (Column("alias", "text", index="hash of lower"),), ("alias",))
    return Field(
        "aliases", joined, _spellings(spellings or ("aliases",)), stored=StoredList(table, f"{owner}_id", "alias")
    )


def stash_ids(owner: str) -> Field:
    """Ids in stash-boxes."""
    columns = (
        Column("endpoint", "text"),
        Column("stash_id", "text", index="hash of lower"),
        Column("updated_at", "timestamptz"),
    )
    joined = JoinTable(f"{owner}_stash_ids", columns, ("endpoint", "stash_id"))
    return Field("stash_ids", joined, _spellings(("stash_ids{endpoint stash_id updated_at}",)))


def times(name: str, table: str, column: str, *, index: Index = "", rare: Rare | None = None) -> Field:
    """Timestamps, in order."""
    joined = JoinTable(table, (Column(column, "timestamptz", index=index),), ("position",), ordinal="position")
    return Field(name, joined, _spellings((name,)), "the same moment may occur twice", True, rare)
