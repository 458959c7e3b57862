"""The search for programs: opens an index, and answers queries of the query language.

Use it as ``stash_pipeline.search.search`` and ``stash_pipeline.search.open_search``.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from typing import Final
from uuid import UUID

from stash_pipeline.errors import UserError
from stash_pipeline.search.answer import KINDS, Answer, AnswerHit, FacetCount, Lag
from stash_pipeline.search.backend import SearchIndexMissingError, SearchReader
from stash_pipeline.search.backends import open_backend
from stash_pipeline.search.documents import FACETS
from stash_pipeline.search.highlights import highlights, matched_tokens
from stash_pipeline.search.marker_sequences import Moments, moments_in, scenes_with
from stash_pipeline.search.query.build import compile_query
from stash_pipeline.search.query.compiled import Compiled, Context
from stash_pipeline.search.query.errors import did_you_mean
from stash_pipeline.search.query.names import Names
from stash_pipeline.search.request import Hit, SearchRequest, SearchResults
from stash_pipeline.search.suggestions import Speller, Suggestion, corrected
from stash_pipeline.settings import Settings, get_settings
from stash_pipeline.warehouse.connect import Connection

MOST_HITS: Final = 1_000
"""On one page."""
FEW_HITS: Final = 3
"""Up to so many, other queries are suggested."""
_FACET_NAMES: Final = {"kind": "entity"}
"""Facets with another name in the query language."""
KNOWN_FACETS: Final = ("kind", *(facet for facet in FACETS if facet not in _FACET_NAMES.values()))
"""The facets that can be counted."""
_RECORD_FACETS: Final = ("studio", "performer", "tag")


class Search:
    """An open index. It follows changes: every query is answered from the newest state.

    It can be used until it is closed, by one thread at a time.
    """

    def __init__(self, reader: SearchReader, connection: Connection | None = None) -> None:
        """Args:
        reader: of the index.
        connection: to the database, which has the names of instances and the markers. Without one, ``instance:`` and
            ``marker:`` are not understood.
        """
        self._reader = reader
        self._connection = connection
        self._names = Names(reader)
        self._speller = Speller(reader)

    def search(
        self,
        query: str,
        *,
        limit: int = 20,
        after: str | None = None,
        facets: Sequence[str] = (),
        facet_limit: int = 10,
        suggest: bool = True,
        now: datetime | None = None,
    ) -> Answer:
        """Answers a query.

        Args:
            query: in the query language, see ``docs/search.md``. An empty one finds everything.
            limit: hits on a page, 1 to 1,000.
            after: ``Answer.next`` of the page before.
            facets: names of facets to count, see ``KNOWN_FACETS``.
            facet_limit: values per facet, the most frequent first.
            suggest: whether to look for other queries if this one finds little.
            now: for dates such as ``7d``; default: now.

        Raises:
            QueryError: if the query is not understood; it points at the place.
            UserError: if another argument is invalid, or the index cannot be used.
        """
        began = time.perf_counter()
        _check(limit, facet_limit, facets)
        instances = self._instances()
        moment = now or datetime.now(timezone.utc)
        compiled = self._compiled(query, instances, moment)
        counted = tuple(dict.fromkeys(_FACET_NAMES.get(facet, facet) for facet in facets))
        request = SearchRequest(compiled.condition, compiled.sort, limit, after, counted, facet_limit)
        results = self._reader.search(request)
        total = results.total or 0
        suggestions: tuple[Suggestion, ...] = ()
        if suggest and after is None and total <= FEW_HITS:
            suggestions = self._suggestions(query, compiled, instances, moment, total)
        names = {identifier: name for name, identifier in instances.items()}
        return Answer(
            query=query,
            hits=self._hits(compiled, results, names),
            total=total,
            next=results.next,
            facets=self._named(results, names),
            unknown_names=compiled.unknown,
            suggestions=suggestions,
            revision=results.revision,
            lag=self.lag(),
            seconds=time.perf_counter() - began,
        )

    def lag(self) -> Lag | None:
        """What the index does not have yet; None if nothing, or without a database."""
        if self._connection is None:
            return None
        state = self._reader.state()
        row = self._connection.execute("SELECT token, revision FROM search.states ORDER BY id DESC LIMIT 1").fetchone()
        if row is None or str(row[0]) == state.token:
            return None
        count = "SELECT count(*) FROM search.documents WHERE revision > %s"
        newer = self._connection.execute(count, [state.revision]).fetchone()
        return Lag(max(0, row[1] - state.revision), newer[0] if newer else 0)

    def close(self) -> None:
        """Closes the index. The connection is left to whoever opened it."""
        self._reader.close()

    # --- parts of an answer ---------------------------------------------------------------------------------

    def _compiled(self, query: str, instances: dict[str, int], now: datetime) -> Compiled:
        connection = self._connection
        scenes = None if connection is None else lambda sequence: scenes_with(connection, sequence)
        return compile_query(Context(query, self._names, instances, now, scenes))

    def _instances(self) -> dict[str, int]:
        if self._connection is None:
            return {}
        rows = self._connection.execute("SELECT name, id FROM ops.instances").fetchall()
        return dict(rows)

    def _hits(self, compiled: Compiled, results: SearchResults, names: dict[int, str]) -> tuple[AnswerHit, ...]:
        matched = matched_tokens(compiled.condition, results.terms)
        places = [self._moments(compiled, number, results.hits) for number in range(len(compiled.sequences))]
        hits = []
        for hit in results.hits:
            document = hit.document
            hits.append(
                AnswerHit(
                    id=hit.id,
                    kind=KINDS[document.entity],
                    title=document.title or str(hit.id),
                    instances=tuple(
                        sorted(names.get(instance, f"instance {instance}") for instance in document.instance_ids)
                    ),
                    score=hit.score,
                    document=document,
                    highlights=highlights(document, matched) if matched else (),
                    moments=tuple(tuple(of_scene[hit.id]) for of_scene in places if hit.id in of_scene),
                )
            )
        return tuple(hits)

    def _moments(self, compiled: Compiled, number: int, hits: Sequence[Hit]) -> dict[UUID, list[Moments]]:
        scenes = [hit.id for hit in hits if hit.document.entity == "scenes"]
        if self._connection is None or not scenes:
            return {}
        return moments_in(self._connection, compiled.sequences[number], scenes)

    def _named(self, results: SearchResults, names: dict[int, str]) -> dict[str, tuple[FacetCount, ...]]:
        ids = [UUID(value) for facet in _RECORD_FACETS for value, _ in results.facets.get(facet, ())]
        titles = {str(document.id): document.title for document in self._reader.documents(ids).values()} if ids else {}
        of_instances = {str(identifier): name for identifier, name in names.items()}
        of_facets = {"instance": of_instances, "entity": KINDS, **dict.fromkeys(_RECORD_FACETS, titles)}
        shown = {counted: facet for facet, counted in _FACET_NAMES.items()}
        return {
            shown.get(facet, facet): tuple(
                FacetCount(value, of_facets.get(facet, {}).get(value) or value, count) for value, count in counts
            )
            for facet, counts in results.facets.items()
        }

    def _suggestions(
        self, query: str, compiled: Compiled, instances: dict[str, int], now: datetime, total: int
    ) -> tuple[Suggestion, ...]:
        """Other queries that find more, the largest first."""
        candidates = []
        if spelled := corrected(query, compiled.typed, self._speller):
            candidates.append(spelled)
        for unknown in compiled.unknown:
            place = unknown.place
            for name in unknown.similar:
                shown = '"{}"'.format(name.replace('"', " "))
                candidates.append(f"{query[: place.start]}{shown}{query[place.end :]}")
        better = []
        for candidate in dict.fromkeys(candidates):
            try:
                other = self._compiled(candidate, instances, now)
            except UserError:
                continue
            hits = self._reader.search(SearchRequest(other.condition, limit=1)).total or 0
            if hits > total:
                better.append(Suggestion(candidate, hits))
        return tuple(sorted(better, key=lambda suggestion: -suggestion.total))


def _check(limit: int, facet_limit: int, facets: Sequence[str]) -> None:
    if not 1 <= limit <= MOST_HITS:
        raise UserError(f"A page has 1 to {MOST_HITS:,} hits, not {limit:,}.")
    if not 1 <= facet_limit <= MOST_HITS:
        raise UserError(f"A facet shows 1 to {MOST_HITS:,} values, not {facet_limit:,}.")
    for facet in facets:
        if facet not in (*KNOWN_FACETS, *FACETS):
            hint = did_you_mean(facet, KNOWN_FACETS) or f"; choose some of {', '.join(KNOWN_FACETS)}."
            raise UserError(f"There is no facet {facet!r}{hint}")


@contextmanager
def open_search(settings: Settings | None = None) -> Iterator[Search]:
    """Opens the index of the settings, and the database.

    Args:
        settings: default: those of the environment.

    Raises:
        SearchIndexMissingError: if there is no index yet; the sentence says what to do.
        UserError: if the database or the index cannot be used.
    """
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with ExitStack() as stack:
        settings = stack.enter_context(open_warehouse(settings or get_settings()))
        connection = stack.enter_context(connect(settings.database() or ""))
        try:
            reader = open_backend(settings).reader()
        except SearchIndexMissingError as error:
            raise SearchIndexMissingError(
                f"{str(error).partition(';')[0].rstrip('.')}; sync an instance, or run `stash-pipeline rebuild search`."
            ) from None
        stack.callback(reader.close)
        yield Search(reader, connection)


def search(
    query: str,
    *,
    limit: int = 20,
    after: str | None = None,
    facets: Sequence[str] = (),
    settings: Settings | None = None,
) -> Answer:
    """Answers one query. Programs that ask several keep :func:`open_search` open instead.

    Args:
        query: in the query language, see ``docs/search.md``.
        limit: hits on a page, 1 to 1,000.
        after: ``Answer.next`` of the page before.
        facets: names of facets to count.
        settings: default: those of the environment.

    Raises:
        QueryError: if the query is not understood.
        UserError: if another argument is invalid, or the index or the database cannot be used.
    """
    _check(limit, 10, facets)
    with open_search(settings) as opened:
        return opened.search(query, limit=limit, after=after, facets=facets)
