"""Answers searches from the index, always from one state of it."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import tantivy

from stash_pipeline.errors import UserError
from stash_pipeline.search.backend import IndexState, SearchIndexError, SearchIndexMissingError
from stash_pipeline.search.documents import Document
from stash_pipeline.search.request import Hit, SearchRequest, SearchResults, check_request
from stash_pipeline.search.stored import from_json
from stash_pipeline.search.tantivy import cursor
from stash_pipeline.search.tantivy.directory import IndexDirectory, Lock, are_as_long, damaged
from stash_pipeline.search.tantivy.facets import count_facets
from stash_pipeline.search.tantivy.ordering import Pages, values_of
from stash_pipeline.search.tantivy.queries import QueryMaker
from stash_pipeline.search.tantivy.schema import STATE_TERM, TEXTS, VERSION, FacetIds
from stash_pipeline.search.vocabulary import Vocabulary


class Snapshot:
    """One state of the index. It stays readable when a writer goes on."""

    def __init__(self, generation: Path) -> None:
        with damage_reported(generation):
            self._index = tantivy.Index.open(str(generation))
            self._index.config_reader("manual")
            self._index.reload()
            self.searcher = self._index.searcher()
            self.schema = self._index.schema
            self.generation = generation
            self.state = self._read_state()
        self._making_vocabulary = threading.Lock()

    def _read_state(self) -> IndexState:
        result = self.searcher.search(tantivy.Query.term_query(self.schema, *STATE_TERM, index_option="basic"), 1)
        if not result.hits:
            raise SearchIndexMissingError("The search index was never filled; run `stash-pipeline rebuild search`.")
        state = self.searcher.doc(result.hits[0][1])
        values = orjson.loads(bytes(state["stored"][0]))
        if values["version"] != VERSION:
            raise SearchIndexMissingError(
                "The search index is of another version; run `stash-pipeline rebuild search`."
            )
        self.facet_ids = FacetIds(state["facet_ids"])
        return IndexState(values["revision"], values["token"], values["version"], self.searcher.num_docs - 1)

    def _stored(self, address: tantivy.DocAddress) -> bytes:
        return bytes(self.searcher.doc(address)["stored"][0])

    def document(self, address: tantivy.DocAddress) -> Document:
        """The document that lies there."""
        return from_json(self._stored(address))

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of this state, read when they are first needed."""
        with self._making_vocabulary:
            return self._vocabulary

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        vocabulary = Vocabulary()
        for name in TEXTS:
            vocabulary.add(name, self.searcher.terms_with_prefix(name, ""))
        return vocabulary


class TantivyReader:
    """Follows the index: each search is answered from the newest state."""

    def __init__(self, directory: IndexDirectory) -> None:
        self._directory = directory
        self._refreshing = threading.Lock()
        self._in_use: Lock | None = None
        self._seen: tuple[Any, ...] | None = None
        self._sizes: dict[Path, int] = {}
        self._snapshot: Snapshot | None = None
        self._now()

    def state(self) -> IndexState:
        """What the index holds now."""
        return self._now().state

    def close(self) -> None:
        """Lets the index go."""
        with self._refreshing:
            self._snapshot = self._seen = None
            if self._in_use is not None:
                self._in_use.release()
                self._in_use = None

    def search(self, request: SearchRequest) -> SearchResults:
        """Answers a request, from one state of the index."""
        check_request(request)
        return _Search(self._now(), request).results()

    def documents(self, ids: Sequence[UUID]) -> dict[UUID, Document]:
        """The documents with these ids, as the index has them."""
        snapshot = self._now()
        if not ids:
            return {}
        query = tantivy.Query.term_set_query(snapshot.schema, "id", [id.hex for id in ids])
        with damage_reported(snapshot.generation):
            hits = snapshot.searcher.search(query, len(set(ids)), count=False).hits
            documents = [snapshot.document(address) for _, address in hits]
        return {document.id: document for document in documents}

    def vocabulary(self, prefix: str = "", limit: int | None = None) -> list[tuple[str, int]]:
        """Words of names, the most frequent first, with the number of documents that have them in one field."""
        snapshot = self._now()
        with damage_reported(snapshot.generation):
            words = snapshot.vocabulary.frequent
        return list(islice((entry for entry in words if entry[0].startswith(prefix)), limit))

    def _now(self) -> Snapshot:
        with self._refreshing:
            for _ in range(100):
                if self._snapshot is None or self._seen != self._look():
                    self._refresh()
                elif are_as_long(self._sizes):
                    return self._snapshot
                # a commit first replaces the list of files, then removes some
                elif self._seen == self._look():
                    raise damaged(self._snapshot.generation)
            raise SearchIndexError(f"The search index in {self._directory.root} changes too fast to be read.")

    def _look(self) -> tuple[Any, ...] | None:
        generation = self._directory.current()
        if generation is None:
            return None
        try:
            status = (generation / "meta.json").stat()
        except OSError:
            return None
        return generation, status.st_ino, status.st_mtime_ns, status.st_size

    def _refresh(self) -> None:
        used = self._directory.use()
        if used is None:
            raise SearchIndexMissingError(
                f"There is no search index in {self._directory.root}; run `stash-pipeline rebuild search`."
            )
        generation, in_use = used
        try:
            seen = self._look()
            sizes = self._directory.sizes(generation)
            self._snapshot = Snapshot(generation)
        except BaseException:
            in_use.release()
            raise
        self._seen, self._sizes = seen, sizes
        if self._in_use is not None:
            self._in_use.release()
        self._in_use = in_use


class _Search:
    def __init__(self, snapshot: Snapshot, request: SearchRequest) -> None:
        self._snapshot = snapshot
        self._request = request
        with damage_reported(snapshot.generation):
            vocabulary = snapshot.vocabulary
        self._pages = Pages(snapshot.schema, snapshot.searcher, snapshot.document)
        self._maker = QueryMaker(snapshot.schema, vocabulary)
        self._by_relevance = request.sort[0].key == "relevance"
        try:
            self._matching = self._maker.matching(request.condition)
        except ValueError as error:
            raise UserError(str(error)) from None

    def results(self) -> SearchResults:
        request, snapshot = self._request, self._snapshot
        with damage_reported(snapshot.generation):
            hits, following = self._hits()
            total = self._pages.total
            facets: Mapping[str, tuple[tuple[str, int], ...]] = {}
            if request.facets:
                facets, total = count_facets(
                    snapshot.searcher, self._matching, request.facets, request.facet_limit, snapshot.facet_ids
                )
            elif request.count and total is None:
                total = self._pages.count(self._matching)
        return SearchResults(
            hits=tuple(hits),
            total=total if request.count else None,
            next=following,
            facets=facets,
            terms=self._maker.terms,
            revision=snapshot.state.revision,
        )

    def _hits(self) -> tuple[list[Hit], str | None]:
        """A page, and where it ends."""
        request, snapshot = self._request, self._snapshot
        # one hit more shows whether there is another page
        size = request.limit + 1
        seen = 0
        if self._by_relevance:
            after = None
            if request.after is not None:
                score, id, seen = cursor.read_relevance(request.after)
                after = score, id
            tiers = self._maker.tiers(request.condition)
            ranked = self._pages.by_relevance(tiers, lambda: self._maker.scored(request.condition), size, after, seen)
        else:
            place = None if request.after is None else cursor.read_fields(request.after, request.sort)
            ranked = [(0.0, address) for address in self._pages.by_fields(self._matching, request.sort, size, place)]
        loaded = [(score, snapshot.document(address)) for score, address in ranked[: request.limit]]
        hits = [Hit(document.id, score, document) for score, document in loaded]
        if len(ranked) < size:
            return hits, None
        last = hits[-1]
        if self._by_relevance:
            return hits, cursor.write_relevance(last.score, last.id, seen + len(hits))
        return hits, cursor.write_fields(request.sort, values_of(last.document, request.sort), last.id)


@contextmanager
def damage_reported(generation: Path) -> Iterator[None]:
    """What tantivy raises on damaged files, also a panic of its own, becomes an error that says so."""
    try:
        yield
    except (SearchIndexError, UserError):
        raise
    except BaseException as error:
        # an abort within tantivy is no Exception
        if isinstance(error, (ValueError, OSError, KeyError, RuntimeError)) or type(error).__name__ == "PanicException":
            raise SearchIndexError(
                f"The search index in {generation} cannot be read ({error}); run `stash-pipeline rebuild search`."
            ) from error
        raise
