"""Counts the values of facets among the documents that match."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import tantivy

from stash_pipeline.search.documents import FACET_FIELDS
from stash_pipeline.search.tantivy.schema import CLASSES, KEYWORDS, class_name

Counts = tuple[tuple[str, int], ...]

_OF_IDS: Final = frozenset(("studio", "performer", "tag"))
_TRUTH: Final = frozenset(("organized", "markers"))
_PER_SEGMENT: Final = 1 << 31
"""Tantivy counts the commonest values of each segment of the index only, unless it is told to count all."""


def count_facets(
    searcher: tantivy.Searcher, query: tantivy.Query, facets: tuple[str, ...], limit: int
) -> Mapping[str, Counts]:
    """The most frequent values of each facet, equal ones by their names or ids, all with their exact numbers."""
    found: dict[str, Counts] = {}
    sizes = dict.fromkeys(facets, 8 * limit)
    while sizes:
        asked = {
            name: {"terms": {"field": _field(name), "size": size, "segment_size": _PER_SEGMENT}}
            for name, size in sizes.items()
        }
        answers: dict[str, Any] = searcher.aggregate(query, asked)
        for name, answer in answers.items():
            buckets = answer["buckets"]
            # those that were cut off may have as many as the last one, and names before it
            if len(buckets) == sizes[name] and buckets[-1]["doc_count"] == buckets[limit - 1]["doc_count"]:
                sizes[name] *= 64
                continue
            del sizes[name]
            counts = [(_name(name, bucket["key"]), int(bucket["doc_count"])) for bucket in buckets]
            found[name] = tuple(sorted(counts, key=lambda one: (-one[1], one[0]))[:limit])
    return {name: found[name] for name in facets}


def _field(facet: str) -> str:
    if facet in CLASSES:
        return f"class_{facet}"
    return FACET_FIELDS[facet]


def _name(facet: str, key: Any) -> str:
    if facet in CLASSES:
        return class_name(facet, int(key))
    if FACET_FIELDS[facet] in KEYWORDS:
        return str(UUID(hex=key)) if facet in _OF_IDS else str(key)
    return ("false", "true")[int(key)] if facet in _TRUTH else str(int(key))
