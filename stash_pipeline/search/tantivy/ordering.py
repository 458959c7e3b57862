"""Finds a page of hits in a total order, which tantivy alone does not have.

Tantivy orders by one field or by the score, and equal hits by where they happen to lie. So the hits that agree with the
last one of a page are looked for again, ordered by the next key, until the id decides. A page that follows another one
begins after its last hit, not at a number: documents that were added or removed meanwhile move nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import tantivy
from tantivy import FieldType, Occur, Order, Query

from stash_pipeline.search.documents import Document
from stash_pipeline.search.request import SORT_FIELDS, Sort
from stash_pipeline.search.tantivy.queries import Tiers
from stash_pipeline.search.tantivy.schema import (
    COUNTED,
    ID_PARTS,
    TITLE_PARTS,
    id_parts,
    number,
    sort_title,
    title_parts,
)

_FIRST_LOOK: Final = 1_000
"""So many hits cost hardly more than one."""
_SLICE: Final = 4_000
"""Hits that a part of the ids should have."""
_ALL_IDS: Final = 1 << 64

ScoredHit = tuple[float, tantivy.DocAddress]
Load = Callable[[tantivy.DocAddress], Document]


@dataclass(frozen=True)
class _Key:
    """One column that hits are ordered by; ``title`` is the whole title, of which only the documents know."""

    field: str
    descending: bool = False
    type: Literal["signed", "unsigned", "title"] = "signed"
    always: bool = False


def keys_of(sorts: tuple[Sort, ...]) -> list[_Key]:
    """The columns of an order that is not by relevance."""
    keys: list[_Key] = []
    for sort in sorts:
        if sort.key == "title":
            keys += [_Key(f"title_{part}", sort.descending, "unsigned") for part in range(TITLE_PARTS)]
            keys.append(_Key("title", sort.descending, "title"))
        else:
            keys.append(_Key(SORT_FIELDS[sort.key], sort.descending))
    return [*keys, *(_Key(part, type="unsigned", always=True) for part in ID_PARTS)]


def values_of(document: Document, sorts: tuple[Sort, ...]) -> list[Any]:
    """What the next page has to begin after, for the keys of the sorts."""
    values: list[Any] = []
    for sort in sorts:
        if sort.key == "title":
            values.append(document.title)
        else:
            value = getattr(document, SORT_FIELDS[sort.key])
            values.append(None if value is None else number(value))
    return values


def _after_keys(values: list[Any], sorts: tuple[Sort, ...], id: UUID) -> list[Any]:
    """The values of the columns of :func:`keys_of`."""
    columns: list[Any] = []
    no_title: list[Any] = [None] * TITLE_PARTS
    for value, sort in zip(values, sorts, strict=True):
        if sort.key == "title":
            columns += [*(title_parts(value) or no_title), sort_title(value)]
        else:
            columns.append(value)
    return [*columns, *id_parts(id)]


def matched(result: tantivy.SearchResult) -> int:
    """How many documents match."""
    return int(result.count)  # type: ignore[attr-defined]  # tantivy's stub forgets it


class Pages:
    """Finds pages in one state of an index.

    Attributes:
        total: how many documents match, if that was counted on the way.
    """

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher, load: Load) -> None:
        self._schema = schema
        self._searcher = searcher
        self._load = load
        self.total: int | None = None

    # --- by fields --------------------------------------------------------------------------------------------

    def by_fields(
        self, query: Query, sorts: tuple[Sort, ...], limit: int, after: tuple[list[Any], UUID] | None
    ) -> list[tantivy.DocAddress]:
        """The first hits in the order of the sorts and then of the ids, or those after a hit with these values."""
        return self._first(query, keys_of(sorts), limit, after and _after_keys(after[0], sorts, after[1]), whole=True)

    def _first(
        self, query: Query, keys: list[_Key], limit: int, after: list[Any] | None = None, *, whole: bool = False
    ) -> list[tantivy.DocAddress]:
        """The first hits of a query, which is the whole one or a part of it."""
        if limit <= 0:
            return []
        if not keys:
            return [address for _, address in self._searcher.search(query, limit, count=False).hits]
        key, *others = keys
        if key.type == "title":
            return self._by_whole_title(query, keys, limit, after)
        if after is not None:
            return self._following(query, keys, limit, after)
        order = Order.Desc if key.descending else Order.Asc
        # one hit more shows whether the last value of the page continues after it
        result = self._searcher.search(query, limit + 1, count=whole, order_by_field=key.field, order=order)
        if whole:
            self.total = matched(result)
        hits = result.hits
        goes_on = len(hits) > limit and hits[limit][0] == hits[limit - 1][0]
        groups = _runs(hits[:limit])
        if goes_on:
            groups.pop()
        addresses = [address for _, group in groups for address in self._sorted(group, others)]
        if goes_on:
            last = hits[limit - 1][0]
            addresses += self._first(self._with(query, key, last), others, limit - len(addresses))
        return addresses

    def _sorted(self, addresses: list[tantivy.DocAddress], keys: list[_Key]) -> list[tantivy.DocAddress]:
        """Orders a few hits by keys."""
        if len(addresses) < 2:
            return addresses
        places = list(range(len(addresses)))
        for key in reversed(keys):
            values = self._values(addresses, key)
            valued = [place for place in places if values[place] is not None]
            valued.sort(key=values.__getitem__, reverse=key.descending)
            places = [*valued, *(place for place in places if values[place] is None)]
        return [addresses[place] for place in places]

    def _values(self, addresses: list[tantivy.DocAddress], key: _Key) -> list[Any]:
        if key.type == "title":
            return [sort_title(self._load(address).title) for address in addresses]
        return self._searcher.fast_field_values(key.field, addresses)

    def _following(self, query: Query, keys: list[_Key], limit: int, after: list[Any]) -> list[tantivy.DocAddress]:
        key, *others = keys
        value, *rest = after
        addresses: list[tantivy.DocAddress] = []
        if others:
            addresses = self._first(self._with(query, key, value), others, limit, rest)
        if value is not None and len(addresses) < limit:
            beyond = [self._beyond(key, value)]
            if not key.always:
                beyond.append(self._without(key))
            query = _restricted(query, Query.boolean_query([(Occur.Should, part) for part in beyond]))
            addresses += self._first(query, keys, limit - len(addresses))
        return addresses

    def _by_whole_title(
        self, query: Query, keys: list[_Key], limit: int, after: list[Any] | None
    ) -> list[tantivy.DocAddress]:
        """Orders titles that agree in all their parts, by the documents. Short ones are equal."""
        key, *others = keys
        total = self._searcher.search(query, 1, count=True)
        if not total.hits:
            return []
        first_title = sort_title(self._load(total.hits[0][1]).title)
        if len(first_title.encode("utf-8", "replace")) < 8 * TITLE_PARTS:
            return self._first(query, others, limit, after and after[1:])
        by_title: dict[str, list[Document]] = {}
        for _, address in self._searcher.search(query, matched(total), count=False).hits:
            document = self._load(address)
            by_title.setdefault(sort_title(document.title), []).append(document)
        addresses: list[tantivy.DocAddress] = []
        for title in sorted(by_title, reverse=key.descending):
            rest = None
            if after is not None and title != after[0]:
                if (title > after[0]) == key.descending:
                    continue
            elif after is not None:
                rest = after[1:]
            ids = [document.id for document in by_title[title]]
            query_of_title = _restricted(query, Query.term_set_query(self._schema, "id", [id.hex for id in ids]))
            addresses += self._first(query_of_title, others, limit - len(addresses), rest)
            if len(addresses) >= limit:
                break
        return addresses

    def _with(self, query: Query, key: _Key, value: Any) -> Query:
        if value is None:
            return _restricted(query, self._without(key))
        return _restricted(query, self._range(key.field, key.type, value, value))

    def _without(self, key: _Key) -> Query:
        return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, Query.exists_query(key.field))])

    def _beyond(self, key: _Key, value: int) -> Query:
        low, high = (None, value - 1) if key.descending else (value + 1, None)
        least, most = (0, _ALL_IDS - 1) if key.type == "unsigned" else (-(1 << 63), (1 << 63) - 1)
        if (high is not None and high < least) or (low is not None and low > most):
            return Query.empty_query()
        return self._range(key.field, key.type, low, high)

    def _range(self, field: str, type: str, low: int | None, high: int | None) -> Query:
        kind = FieldType.Unsigned if type == "unsigned" else FieldType.Integer
        return Query.range_query(self._schema, field, kind, low, high)

    # --- by relevance -----------------------------------------------------------------------------------------

    def by_relevance(
        self, tiers: Tiers | None, query: Callable[[], Query], limit: int, after: tuple[float, UUID] | None, seen: int
    ) -> list[ScoredHit]:
        """The best hits, equal ones by their ids, or those after a hit with this score and id.

        Args:
            tiers: the best documents, if they are known.
            query: that ranks all.
            seen: about how many hits come before.
        """
        if tiers is not None and (tiers.is_whole or self._fill_a_page(tiers, limit, after)):
            hits = self._of_tiers(tiers, limit, after)
            if tiers.is_whole or len(hits) >= limit:
                return hits
        return self._ranked(query(), limit, after, seen)

    def _fill_a_page(self, tiers: Tiers, limit: int, after: tuple[float, UUID] | None) -> bool:
        """Whether it is worth while to look at tiers: a page that begins behind them has to be ranked anyway."""
        if not tiers.tiers or (after is not None and after[0] < tiers.tiers[-1].score):
            return False
        return self.count(tiers.all_of_them) >= limit

    def _of_tiers(self, tiers: Tiers, limit: int, after: tuple[float, UUID] | None) -> list[ScoredHit]:
        hits: list[ScoredHit] = []
        for tier in tiers.tiers:
            if after is not None and tier.score > after[0]:
                continue
            start = id_parts(after[1]) if after is not None and tier.score == after[0] else None
            whole = tiers.is_whole and len(tiers.tiers) == 1
            addresses = self._first(tier.query, keys_of(()), limit - len(hits), start and [*start], whole=whole)
            hits += [(tier.score, address) for address in addresses]
            if len(hits) >= limit:
                break
        return hits

    def count(self, query: Query) -> int:
        """How many documents match."""
        # to order by a field that is the same everywhere costs less than scores
        return matched(self._searcher.search(query, 1, count=True, order_by_field=COUNTED))

    def _ranked(self, query: Query, limit: int, after: tuple[float, UUID] | None, seen: int) -> list[ScoredHit]:
        look = max(_FIRST_LOOK, seen + 2 * limit)
        while True:
            result = self._searcher.search(query, look, count=True)
            hits, total = result.hits, matched(result)
            self.total = total
            lowest = hits[-1][0] if len(hits) < total else None
            page = self._ordered([hit for hit in hits if lowest is None or hit[0] > lowest], after)
            if len(page) < limit and lowest is not None and (after is None or after[0] >= lowest):
                start = after[1] if after is not None and after[0] == lowest else None
                page += self._ties(query, lowest, start, limit - len(page), total)
            if len(page) >= limit or lowest is None:
                return page[:limit]
            look *= 8

    def _ties(self, query: Query, score: float, after: UUID | None, limit: int, total: int) -> list[ScoredHit]:
        """The first hits with one score by their ids. Looks at one part of the ids after the other."""
        start = after.int >> 64 if after is not None else 0
        width = max(1, _ALL_IDS * _SLICE // total)
        page: list[ScoredHit] = []
        while start < _ALL_IDS and len(page) < limit:
            end = min(start + width, _ALL_IDS) - 1
            part = _restricted(query, self._range(ID_PARTS[0], "unsigned", start, end))
            result = self._searcher.search(part, 4 * _SLICE, count=True)
            hits = result.hits
            if matched(result) > len(hits):
                if width > 1:
                    width = max(1, width // 8)
                    continue
                hits = self._searcher.search(part, matched(result), count=False).hits
            ties = [hit for hit in hits if hit[0] == score]
            page += self._ordered(ties, None if after is None else (score, after))
            start, width = end + 1, width * 2
        return page[:limit]

    def _ordered(self, hits: list[ScoredHit], after: tuple[float, UUID] | None) -> list[ScoredHit]:
        addresses = [address for _, address in hits]
        high = self._searcher.fast_field_values(ID_PARTS[0], addresses) if addresses else []
        low = self._searcher.fast_field_values(ID_PARTS[1], addresses) if addresses else []
        keyed = sorted(zip((-score for score, _ in hits), high, low, range(len(hits)), strict=True))
        if after is not None:
            first = (-after[0], *id_parts(after[1]))
            keyed = [key for key in keyed if key[:3] > first]
        return [hits[key[3]] for key in keyed]


def _runs(hits: list[tuple[Any, tantivy.DocAddress]]) -> list[tuple[Any, list[tantivy.DocAddress]]]:
    """Groups of neighbours with equal values."""
    groups: list[tuple[Any, list[tantivy.DocAddress]]] = []
    for value, address in hits:
        if groups and groups[-1][0] == value:
            groups[-1][1].append(address)
        else:
            groups.append((value, [address]))
    return groups


def _restricted(query: Query, filter: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(filter, 0.0))])
