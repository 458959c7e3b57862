"""Searches by which an index shows that it works: queries of its content, and documents that must find themselves."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from stash_pipeline.search.backend import SearchReader
from stash_pipeline.search.documents import ENTITIES
from stash_pipeline.search.folding import fold, query_tokens
from stash_pipeline.search.request import AllOf, AnyOf, Condition, SearchRequest, Word
from stash_pipeline.warehouse.connect import Connection

_SHOWN: Final = 60
_NEAR: Final = 50
"""A document counts as found among so many hits; another one of the same title stands for it."""

_SHORTEST_WITH_TYPO: Final = 5

_TITLE: Final = """
SELECT title FROM search.documents
WHERE entity = %(entity)s AND title ~ '[[:alpha:]]{5}' ORDER BY id LIMIT 1 OFFSET %(skipped)s
"""
_POPULAR_TAG: Final = """
SELECT d.id, d.title FROM search.documents AS d
JOIN (SELECT tag_id, count(*) AS times FROM catalog.scene_tags GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1) AS t
    ON t.tag_id = d.id
"""
_SAMPLE: Final = """
SELECT DISTINCT d.id, d.entity, d.title
FROM unnest(%(starts)s::uuid[]) AS s (start)
CROSS JOIN LATERAL (
    SELECT id, entity, title FROM search.documents
    WHERE id >= s.start AND title ~ '[[:alnum:]]' ORDER BY id LIMIT 1
) AS d ORDER BY d.id
"""


@dataclass(frozen=True)
class SampleQuery:
    """One search, and what it took."""

    query: str
    hits: int
    milliseconds: float


@dataclass(frozen=True)
class SampleSearches:
    """How many documents found themselves.

    Attributes:
        documents: that were looked for by their titles.
        with_typo: of those, how many were also looked for with one typo.
        lost: what was not found, with the words that were looked for.
    """

    documents: int
    with_typo: int
    lost: tuple[str, ...]


def sample_queries(connection: Connection, reader: SearchReader) -> list[SampleQuery]:
    """Five searches: words of a title, a name, half a word, a typo, a filter; fewer if the library is small."""
    samples = []
    scene, performer = _title(connection, "scenes"), _title(connection, "performers")
    tag, other = _title(connection, "tags"), _title(connection, "performers", skipped=1)
    if words := query_tokens(scene)[:3]:
        samples.append(_measured(reader, " ".join(words), _words(words)))
    if words := query_tokens(performer):
        samples.append(_measured(reader, " ".join(words), AllOf((_kind("performers"), _words(words)))))
    if words := query_tokens(tag):
        half = words[0][: max(len(words[0]) // 2, 3)]
        samples.append(_measured(reader, half, Word((half,), "prefix")))
    if typed := _with_typo(query_tokens(other), random.Random(0)):
        samples.append(_measured(reader, " ".join(typed), _words(typed)))
    popular = connection.execute(_POPULAR_TAG).fetchone()
    if popular:
        condition = AllOf((_kind("scenes"), AnyOf("all_tag_ids", (popular[0],))))
        samples.append(_measured(reader, f'kind:scene tag:"{popular[1]}"', condition))
    return samples


def find_themselves(
    connection: Connection, reader: SearchReader, number: int, seed: int | None = None
) -> SampleSearches:
    """Looks for random documents by their titles, and by their titles with one typo."""
    rng = random.Random(seed)
    # from the first document on as well, so that a small library has a sample, too
    starts = [UUID(int=0), *(UUID(int=rng.getrandbits(128)) for _ in range(number - 1))]
    lost, documents, with_typo = [], 0, 0
    for identity, entity, title in connection.execute(_SAMPLE, {"starts": starts}).fetchall():
        words = query_tokens(title)
        if not words:
            continue
        documents += 1
        typed = _with_typo(words, rng)
        with_typo += typed is not None
        for tokens in filter(None, (words, typed)):
            request = SearchRequest(AllOf((_kind(entity), _words(tokens))), limit=_NEAR, count=False)
            hits = reader.search(request).hits
            if not any(hit.id == identity or fold(hit.document.title) == fold(title) for hit in hits):
                lost.append(f"{entity} {title[:_SHOWN]!r} by {' '.join(tokens)[:_SHOWN]!r}")
    return SampleSearches(documents, with_typo, tuple(lost))


def count_by_entity(reader: SearchReader) -> dict[str, int]:
    """The documents of an index by entity."""
    request = SearchRequest(AllOf(()), limit=1, facets=("entity",), facet_limit=len(ENTITIES), count=False)
    return dict(reader.search(request).facets.get("entity", ()))


def _title(connection: Connection, entity: str, skipped: int = 0) -> str:
    row = connection.execute(_TITLE, {"entity": entity, "skipped": skipped}).fetchone()
    return str(row[0]) if row else ""


def _kind(entity: str) -> Condition:
    return AnyOf("entity", (entity,))


def _words(words: Sequence[str]) -> Condition:
    return AllOf(tuple(Word((word,)) for word in words))


def _with_typo(words: Sequence[str], rng: random.Random) -> list[str] | None:
    """The words with one letter of one word left out; None if none is long enough."""
    long = [n for n, word in enumerate(words) if len(word) >= _SHORTEST_WITH_TYPO and word.isascii() and word.isalpha()]
    if not long:
        return None
    number = rng.choice(long)
    # not the last letter: what remains would be the beginning of the word, which is no typo
    place = rng.randrange(1, len(words[number]) - 1)
    changed = list(words)
    changed[number] = words[number][:place] + words[number][place + 1 :]
    return changed


def _measured(reader: SearchReader, query: str, condition: Condition) -> SampleQuery:
    started = time.perf_counter()
    results = reader.search(SearchRequest(condition))
    milliseconds = (time.perf_counter() - started) * 1000
    return SampleQuery(query[:_SHOWN], results.total or 0, round(milliseconds, 1))
