"""A search as back ends get it, and what they answer.

The query language (``query/``) makes a :class:`SearchRequest` of what a person types; names are resolved to ids by
then. Every back end answers a request with the same documents. Relevance may differ in detail; the classes of the
ranking do not: exact words rank above prefixes, prefixes above words with typos, names above aliases.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from stash_pipeline.errors import UserError
from stash_pipeline.search.documents import FACETS, Document

# --- words --------------------------------------------------------------------------------------------------

Fuzziness = Literal["exact", "prefix", "typos"]


@dataclass(frozen=True)
class Word:
    """Words that a document must contain.

    Attributes:
        tokens: folded (``folding.py``); several are a phrase, in this order, next to each other.
        match: ``exact`` tokens only; ``prefix`` if the last token can be continued; ``typos`` if the token also
            matches as a prefix and with typing errors (one in words of the index of four letters and more, two of seven
            and more; tokens with digits never), ranked lower. A phrase is never matched with typos.
        field: a text field of the document; None for all of ``TEXT_WEIGHTS``.
    """

    tokens: tuple[str, ...]
    match: Fuzziness = "typos"
    field: str | None = None


# --- filters ------------------------------------------------------------------------------------------------

Value = str | int | bool | UUID


@dataclass(frozen=True)
class AnyOf:
    """The field has one of the values; without values nothing matches.

    Attributes:
        field: of :class:`Document`; a list matches if one of its values does.
    """

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Between:
    """The field has a value from ``low`` to ``high``, inclusive; None is open.

    Attributes:
        field: a numeric field of :class:`Document`, or ``date``, ``created_at`` and ``updated_at``, of which the bounds
            are milliseconds since 1970 in UTC, of a date at midnight.
    """

    field: str
    low: int | None
    high: int | None


@dataclass(frozen=True)
class Exists:
    """The field has a value: not null, not empty."""

    field: str


@dataclass(frozen=True)
class AllOf:
    """All parts match; without parts everything does."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class OneOf:
    """At least one part matches; without parts nothing does."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not:
    """The part does not match."""

    part: "Condition"


Condition = Word | AnyOf | Between | Exists | AllOf | OneOf | Not
"""Words count for the relevance wherever they stand, except below :class:`Not`."""

# --- requests -----------------------------------------------------------------------------------------------

SORT_FIELDS = {
    "date": "date",
    "duration": "duration",
    "rating": "rating",
    "plays": "plays",
    "size": "size",
    "resolution": "height",
    "created": "created_at",
    "updated": "updated_at",
}
"""By key of an order, the number or moment of a document that it compares."""

SORT_KEYS = ("relevance", "title", *SORT_FIELDS)


@dataclass(frozen=True)
class Sort:
    """One key of the order of hits. Hits without a value come last, whatever the direction.

    Attributes:
        key: one of ``SORT_KEYS``; ``title`` compares the tokens of the title, joined by blanks, by their code points.
    """

    key: str = "relevance"
    descending: bool = True


@dataclass(frozen=True)
class SearchRequest:
    """One search.

    Attributes:
        sort: first key first; equal hits are in the order of their ids. ``relevance`` stands alone.
        limit: hits on a page, 1 to 1,000.
        after: :attr:`SearchResults.next` of the page before.
        facets: names of ``FACETS`` to count.
        facet_limit: values per facet, the most frequent first, equal ones by their names or ids.
        count: whether to count all matching documents.
    """

    condition: Condition
    sort: tuple[Sort, ...] = (Sort(),)
    limit: int = 20
    after: str | None = None
    facets: tuple[str, ...] = ()
    facet_limit: int = 10
    count: bool = True


@dataclass(frozen=True)
class Hit:
    """One document that matches.

    Attributes:
        score: only comparable within one search; 0 if the order is not by relevance.
        document: as the index has it.
    """

    id: UUID
    score: float
    document: Document


@dataclass(frozen=True)
class SearchResults:
    """One page.

    Attributes:
        total: how many documents match; None if not counted.
        next: to be given as ``after`` for the following page; None if there is none. It stays valid when documents
            change: no document that does not change is skipped or repeated.
        facets: by name, the values with their counts: ids as texts, classes by their names, ``true`` or ``false``.
        terms: the tokens of the index that matched the words of the request, for highlights: by token of the request.
        revision: of the object log that the index holds.
    """

    hits: tuple[Hit, ...]
    total: int | None
    next: str | None
    facets: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revision: int = 0


LARGEST_PAGE = 1_000


def check_request(request: SearchRequest) -> None:
    """Refuses what no back end can answer.

    Raises:
        UserError: says what is wrong.
    """
    if not 1 <= request.limit <= LARGEST_PAGE:
        raise UserError(f"A page has 1 to {LARGEST_PAGE:,} hits, not {request.limit:,}.")
    if request.facet_limit < 1:
        raise UserError("A facet has at least one value.")
    keys = [sort.key for sort in request.sort]
    if unknown := [key for key in keys if key not in SORT_KEYS]:
        raise UserError(f"Hits cannot be sorted by {unknown[0]!r}; choose one of: {', '.join(SORT_KEYS)}.")
    if not keys or ("relevance" in keys and len(keys) > 1):
        raise UserError("Sort by relevance alone, or by other keys.")
    if unknown := [name for name in request.facets if name not in FACETS]:
        raise UserError(f"There is no facet {unknown[0]!r}; choose one of: {', '.join(FACETS)}.")
