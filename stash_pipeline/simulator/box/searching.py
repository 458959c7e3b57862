"""Searching by text.

Contains the queries that begin with search. The rank of a real box depends on its index; here it is the number of words
that match. An id or an address as the term finds that row, in every release.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from stash_pipeline.simulator.box.context import BoxContext, Loader, Loaders, optional_id, rows_by_id
from stash_pipeline.simulator.database import Row


def _joined(*expressions: str) -> str:
    return " || ' ' || ".join(f"COALESCE({expression}, '')" for expression in expressions)


_CAST = (
    "SELECT group_concat(name || ' ' || COALESCE(\"as\", ''), ' ') FROM scene_performers JOIN performers ON"
    " performers.id = performer_id WHERE scene_id = scenes.id"
)
_OF_SCENES = _joined("title", "code", "scenes.date", "studios.name", "parents.name", f"({_CAST})")


def _with_aliases(kind: str, *others: str) -> str:
    aliases = f"SELECT group_concat(alias, ' ') FROM {kind}_aliases WHERE {kind}_id = {kind}s.id"
    return _joined(f"{kind}s.name", *others, f"({aliases})")


_TEXTS = {
    "scenes": (
        f"SELECT scenes.id, {_OF_SCENES} FROM scenes LEFT JOIN studios ON studios.id = studio_id"
        " LEFT JOIN studios parents ON parents.id = studios.parent_studio_id WHERE NOT scenes.deleted"
    ),
    "performers": f"SELECT id, {_with_aliases('performer', 'disambiguation')} FROM performers WHERE NOT deleted",
    "studios": (
        f"SELECT studios.id, {_with_aliases('studio', 'parents.name')} FROM studios"
        " LEFT JOIN studios parents ON parents.id = studios.parent_studio_id WHERE NOT studios.deleted"
    ),
    "tags": f"SELECT id, {_with_aliases('tag')} FROM tags WHERE NOT deleted",
}
_NAMES = {
    "performers": (
        "SELECT id, name FROM performers WHERE NOT deleted UNION ALL SELECT performer_id, alias FROM"
        " performer_aliases JOIN performers ON performers.id = performer_id WHERE NOT deleted"
    ),
    "studios": (
        "SELECT id, name FROM studios WHERE NOT deleted UNION ALL SELECT studio_id, alias FROM"
        " studio_aliases JOIN studios ON studios.id = studio_id WHERE NOT deleted"
    ),
}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _trigrams(text: str) -> Counter[str]:
    padded = [f"  {word} " for word in _words(text)]
    return Counter({word[start : start + 3] for word in padded for start in range(len(word) - 2)})


def similarity(left: str, right: str) -> float:
    """The share of common trigrams, as pg_trgm defines it."""
    first, second = set(_trigrams(left)), set(_trigrams(right))
    return len(first & second) / len(first | second) if first | second else 0.0


def _ranked(ctx: BoxContext, table: str, term: str) -> list[str]:
    """Rows with any of the words, those with most of them first; with all of them, in no order, before v0.8."""
    words = set(_words(term))
    scores: dict[str, int] = {}
    for row_id, text in ctx.box.tuples(_TEXTS[table]):
        matched = words.intersection(_words(text))
        if matched and (ctx.release.ranks_searches or matched == words):
            scores[row_id] = len(matched)
    return sorted(ctx.shuffled(scores), key=lambda identifier: -scores[identifier])


def _similar(ctx: BoxContext, table: str, term: str) -> list[str]:
    scores: dict[str, float] = {}
    for row_id, name in ctx.box.tuples(_NAMES[table]):
        score = similarity(name, term)
        if score > 0.5:
            scores[row_id] = max(scores.get(row_id, 0), score)
    return sorted(ctx.shuffled(scores), key=lambda identifier: -scores[identifier])


def _matches(ctx: BoxContext, table: str, term: str) -> list[str]:
    if table in _NAMES and not ctx.release.ranks_searches:
        return _similar(ctx, table, term)
    return _ranked(ctx, table, term)


def _rows_for(ctx: BoxContext, table: str, term: str) -> list[Row]:
    """All rows for a term, deleted ones only if the term is their id."""
    term = term.strip()
    row_id = optional_id(term)
    if row_id is not None:
        return list(rows_by_id(ctx, table, [row_id]).values())
    if table in ("scenes", "performers") and term.startswith(("http://", "https://")):
        kind = table.removesuffix("s")
        sql = (
            f"SELECT {kind}_id FROM {kind}_urls JOIN {table} ON id = {kind}_id"
            " WHERE upper(url) = upper(?) AND NOT deleted"
        )
        ids: Iterable[str] = dict.fromkeys(row[0] for row in ctx.box.tuples(sql, (term,)))
    else:
        ids = _matches(ctx, table, term)
    by_id = rows_by_id(ctx, table, ids)
    return [by_id[identifier] for identifier in ids]


def _plain(table: str) -> Loader:
    def search(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
        limit = arguments.get("limit")
        return [_rows_for(ctx, table, arguments["term"])[: 10 if limit is None else max(limit, 0)]]

    return search


def _paged(table: str) -> Loader:
    def search(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
        rows = _rows_for(ctx, table, arguments["term"])
        gender = (arguments.get("filter") or {}).get("gender")
        if gender:
            rows = [row for row in rows if row["gender"] == gender]
        size = next((n for n in (arguments.get("per_page"), arguments.get("limit")) if n and n > 0), 10)
        start = (max(arguments.get("page") or 1, 1) - 1) * size
        result: Row = {"count": len(rows), table: rows[start : start + size]}
        if table == "performers":
            counts = Counter(row["gender"] for row in rows if row["gender"])
            result["facets"] = {"genders": [{"gender": value, "count": count} for value, count in counts.items()]}
        return [result]

    return search


LOADERS: Loaders = {
    ("Query", "searchScene"): _plain("scenes"),
    ("Query", "searchPerformer"): _plain("performers"),
    ("Query", "searchStudio"): _plain("studios"),
    ("Query", "searchTag"): _plain("tags"),
    ("Query", "searchScenes"): _paged("scenes"),
    ("Query", "searchPerformers"): _paged("performers"),
}
