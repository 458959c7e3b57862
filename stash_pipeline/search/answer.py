"""What a search answers: hits with names, highlights, counts, and other queries that may have been meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from stash_pipeline.search.documents import Document
from stash_pipeline.search.highlights import Highlight
from stash_pipeline.search.marker_sequences import Moments
from stash_pipeline.search.query.compiled import UnknownName
from stash_pipeline.search.suggestions import Suggestion

KINDS: Final = {
    "scenes": "scene", "performers": "performer", "studios": "studio", "tags": "tag", "groups": "group",
    "galleries": "gallery", "images": "image", "scene_markers": "marker",
}  # fmt: skip
"""What a document of each entity is called, in the query language, too."""


@dataclass(frozen=True)
class AnswerHit:
    """One hit.

    Attributes:
        kind: as in the query language.
        title: also of what has none: the id.
        instances: names of the servers that have it.
        score: only comparable within one search; 0 if the order is not by relevance.
        highlights: the texts that matched.
        moments: of a search for markers, where the sequence is; one list per sequence.
    """

    id: UUID
    kind: str
    title: str
    instances: tuple[str, ...]
    score: float
    document: Document
    highlights: tuple[Highlight, ...] = ()
    moments: tuple[tuple[Moments, ...], ...] = ()


@dataclass(frozen=True)
class FacetCount:
    """A value of a facet.

    Attributes:
        value: an id, a class, or ``true`` or ``false``.
        name: for people: of the record or instance with that id.
        count: documents that match and have it.
    """

    value: str
    name: str
    count: int


@dataclass(frozen=True)
class Lag:
    """What the index does not have yet.

    Attributes:
        revisions: of the object log; 0 if the documents changed without one.
        documents: that are newer than the index.
    """

    revisions: int
    documents: int


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes:
        total: how many documents match.
        next: to be given as ``after`` for the following page; None if there is none.
        unknown_names: that no record has; where one must match, nothing is found.
        suggestions: other queries that find more, if this one finds little.
        revision: of the object log that the index holds.
        lag: None if the index has all that the database has.
        seconds: that the search took.
    """

    query: str
    hits: tuple[AnswerHit, ...]
    total: int
    next: str | None
    facets: Mapping[str, tuple[FacetCount, ...]] = field(default_factory=dict)
    unknown_names: tuple[UnknownName, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    revision: int = 0
    lag: Lag | None = None
    seconds: float = 0.0
