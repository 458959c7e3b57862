"""Counts the values of facets among the documents that match.

Tantivy counts per segment of the index and adds up the most frequent values of each. All values of a large index would
take most of the time of a search, so there only some of each segment are added up. That tells which values can be among
the most frequent ones; these are then counted exactly.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import tantivy

from stash_pipeline.search.documents import FACET_FIELDS
from stash_pipeline.search.tantivy.schema import CLASSES, KEYWORDS, class_name

Counts = tuple[tuple[str, int], ...]

_OF_IDS: Final = frozenset(("studio", "performer", "tag"))
_TRUTH: Final = frozenset(("organized", "markers"))
_ALL: Final = 1 << 31
LARGE = 300_000
"""Documents from which two rounds are faster than one that counts everything."""
SOME = 1_000
"""Values per segment that the first of two rounds adds up."""


def count_facets(
    searcher: tantivy.Searcher, query: tantivy.Query, facets: tuple[str, ...], limit: int
) -> Mapping[str, Counts]:
    """The most frequent values of each facet, equal ones by their names or ids, all with their exact numbers."""
    found: dict[str, Counts] = {}
    exact = facets
    if searcher.num_docs >= LARGE:
        found = _in_two_rounds(searcher, query, facets, limit)
        exact = tuple(name for name in facets if name not in found)
    found.update(_exact(searcher, query, exact, limit))
    return {name: found[name] for name in facets}


def _exact(searcher: tantivy.Searcher, query: tantivy.Query, facets: tuple[str, ...], limit: int) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    sizes = dict.fromkeys(facets, 8 * limit)
    while sizes:
        asked = {name: _terms(name, size, _ALL) for name, size in sizes.items()}
        answers: dict[str, Any] = searcher.aggregate(query, asked)
        for name, answer in answers.items():
            buckets = answer["buckets"]
            # those that were cut off may have as many as the last one, and names before it
            if len(buckets) == sizes[name] and buckets[-1]["doc_count"] == buckets[limit - 1]["doc_count"]:
                sizes[name] *= 64
                continue
            del sizes[name]
            found[name] = _first(name, buckets, limit)
    return found


def _in_two_rounds(
    searcher: tantivy.Searcher, query: tantivy.Query, facets: tuple[str, ...], limit: int
) -> dict[str, Counts]:
    """Those facets of which some values of each segment tell which can be the most frequent."""
    found: dict[str, Counts] = {}
    size = 8 * limit
    again: dict[str, Any] = {}
    answers: dict[str, Any] = searcher.aggregate(query, {name: _terms(name, size, SOME) for name in facets})
    for name, answer in answers.items():
        buckets = answer["buckets"]
        missed = answer["doc_count_error_upper_bound"]
        least = buckets[limit - 1]["doc_count"] if len(buckets) >= limit else 0
        most_of_others = (buckets[-1]["doc_count"] if len(buckets) >= size else 0) + missed
        if most_of_others >= least and (missed or len(buckets) >= size):
            continue
        if not missed:
            found[name] = _first(name, buckets, limit)
        elif FACET_FIELDS[name] in KEYWORDS:
            possible = [bucket["key"] for bucket in buckets if bucket["doc_count"] + missed >= least]
            again[name] = _terms(name, len(possible), _ALL)
            again[name]["terms"]["include"] = possible
    if again:
        answers = searcher.aggregate(query, again)
        found.update({name: _first(name, answer["buckets"], limit) for name, answer in answers.items()})
    return found


def _terms(facet: str, size: int, per_segment: int) -> dict[str, Any]:
    field = f"class_{facet}" if facet in CLASSES else FACET_FIELDS[facet]
    return {"terms": {"field": field, "size": size, "segment_size": max(size, per_segment)}}


def _first(facet: str, buckets: list[dict[str, Any]], limit: int) -> Counts:
    counts = [(_name(facet, bucket["key"]), int(bucket["doc_count"])) for bucket in buckets]
    return tuple(sorted(counts, key=lambda one: (-one[1], one[0]))[:limit])


def _name(facet: str, key: Any) -> str:
    if facet in CLASSES:
        return class_name(facet, int(key))
    if FACET_FIELDS[facet] in KEYWORDS:
        return str(UUID(hex=key)) if facet in _OF_IDS else str(key)
    return ("false", "true")[int(key)] if facet in _TRUTH else str(int(key))
