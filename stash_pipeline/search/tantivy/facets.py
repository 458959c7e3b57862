"""Counts the values of facets among the documents that match.

Facets of ids count numbers that stand for the ids, which costs less than the ids themselves would: all values are
counted, so the numbers are exact however many segments the index has.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import tantivy

from stash_pipeline.search.documents import FACET_FIELDS
from stash_pipeline.search.tantivy.schema import CLASSES, COUNTED, FACETS_OF_IDS, KEYWORDS, FacetIds, class_name

Counts = tuple[tuple[str, int], ...]

_TRUTH: Final = frozenset(("organized", "markers"))
_ALL: Final = 1 << 31
_DOCUMENTS: Final = "documents"
_MANY: Final = 200_000
"""Documents of an index from which two processors count: with less, a thread takes as long as it saves."""
_WEIGHTS: Final = {"tag": 12, "performer": 10, "studio": 4, "instance": 2}
"""How long a facet takes to count, relative to one with few values."""


def count_facets(
    searcher: tantivy.Searcher, query: tantivy.Query, facets: tuple[str, ...], limit: int, ids: FacetIds
) -> tuple[Mapping[str, Counts], int]:
    """The most frequent values of each facet, equal ones by their names or ids, all with their exact numbers.

    Returns:
        The counts by facet, and the number of documents.
    """
    first, second = _shares(facets) if searcher.num_docs > _MANY else (facets, ())
    if not second:
        counts, total = _count(searcher, query, first, limit, ids)
    else:
        # tantivy works outside of the interpreter's lock
        with ThreadPoolExecutor(1) as other:
            counting = other.submit(_count, searcher, query, second, limit, ids)
            counts, total = _count(searcher, query, first, limit, ids)
            counts |= counting.result()[0]
    return {name: counts[name] for name in facets}, total


def _shares(facets: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The facets, halved so that both halves take about as long."""
    halves: tuple[list[str], list[str]] = [], []
    weights = [0, 0]
    for facet in sorted(facets, key=lambda name: -_WEIGHTS.get(name, 1)):
        lighter = weights.index(min(weights))
        halves[lighter].append(facet)
        weights[lighter] += _WEIGHTS.get(facet, 1)
    return tuple(halves[0]), tuple(halves[1])


def _count(
    searcher: tantivy.Searcher, query: tantivy.Query, facets: tuple[str, ...], limit: int, ids: FacetIds
) -> tuple[dict[str, Counts], int]:
    counts: dict[str, Counts] = {}
    total = 0
    sizes = dict.fromkeys(facets, 8 * limit)
    aggregations: dict[str, Any] = {_DOCUMENTS: {"value_count": {"field": COUNTED}}}
    while sizes:
        aggregations |= {name: _terms(name, size) for name, size in sizes.items()}
        answers: dict[str, Any] = searcher.aggregate(query, aggregations)
        if _DOCUMENTS in answers:
            total = int(answers.pop(_DOCUMENTS)["value"])
        for name, answer in answers.items():
            buckets = answer["buckets"]
            # those that were cut off may have as many as the last one, and names before it
            if len(buckets) == sizes[name] and buckets[-1]["doc_count"] == buckets[limit - 1]["doc_count"]:
                sizes[name] *= 64
                continue
            del sizes[name]
            counts[name] = _first(name, buckets, limit, ids)
        aggregations = {}
    return counts, total


def _terms(facet: str, size: int) -> dict[str, Any]:
    return {"terms": {"field": _field(facet), "size": size, "segment_size": max(size, _ALL)}}


def _field(facet: str) -> str:
    if facet in CLASSES:
        return f"class_{facet}"
    field = FACET_FIELDS[facet]
    return f"number_{field}" if field in FACETS_OF_IDS else field


def _first(facet: str, buckets: list[dict[str, Any]], limit: int, ids: FacetIds) -> Counts:
    counts = [(_name(facet, bucket["key"], ids), int(bucket["doc_count"])) for bucket in buckets]
    return tuple(sorted(counts, key=lambda pair: (-pair[1], pair[0]))[:limit])


def _name(facet: str, key: Any, ids: FacetIds) -> str:
    field = FACET_FIELDS[facet]
    if field in FACETS_OF_IDS:
        return str(ids.id(field, int(key)))
    if facet in CLASSES:
        return class_name(facet, int(key))
    if field in KEYWORDS:
        return str(key)
    return ("false", "true")[int(key)] if facet in _TRUTH else str(int(key))
