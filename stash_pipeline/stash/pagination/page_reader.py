"""Single requests of a pagination: pages, counts, listings of ids; and what could not be read.

No threads in here; several may use one reader.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from stash_pipeline.stash.answers import count_of, objects_of
from stash_pipeline.stash.client import QueryExecutor
from stash_pipeline.stash.errors import IncompleteListingError, StashQueryError
from stash_pipeline.stash.limits import check_listed, check_page
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.response_page import CachedPage, RawPage

LISTING_SIZE = 5000
"""Ids per listing request: FindMany in the server grows with the square of the page."""

PASSES = 5
"""How often a listing that changes meanwhile is repeated before the read fails."""

_MOST_UNREADABLE = 50
_MOST_AT_FIRST = 10
"""The most unreadable objects of an entity, and before any was read; if more fail, the objects are not the cause."""


@dataclass
class PageReader:
    """The requests for one entity, and their results so far.

    Attributes:
        page_size: objects per request.
        cached: pages that need not be decoded, by the hash of the answer.
        criterion: of the entity's own filter; objects that do not match are not read.
        expected: the server's own count at the start, for progress.
        vanished: ids that a listing had and the server then denied.
        unreadable: ids of objects that exist and that the server cannot send, each with the server's message.
    """

    client: QueryExecutor
    plan: QueryPlan
    page_size: int
    cached: Mapping[bytes, CachedPage] = field(default_factory=dict)
    criterion: Mapping[str, Any] = field(default_factory=dict)
    expected: int | None = None
    vanished: set[int] = field(default_factory=set)
    unreadable: dict[int, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _any_read: bool = False
    _last_error: StashQueryError | None = None

    # --- one request ------------------------------------------------------------------------------------

    def page(
        self,
        document: str,
        variables: dict[str, Any],
        cached: Mapping[bytes, CachedPage] = MappingProxyType({}),
        *,
        holds: bool = False,
    ) -> RawPage:
        """The page of one response; with ``holds``, its memory stays reserved until the page was consumed.

        Raises:
            StashError: if the request fails; the client has retried transient errors.
        """
        answer = self.client.execute(document, variables, name=self.plan.query, cached=cached)
        if answer.cached:
            return RawPage(self.plan, [], variables, answer, cached[answer.hash])
        try:
            objects = objects_of(answer.data, self.plan.query, self.plan.result, single=self.plan.entity.single)
            check_page(len(objects), variables.get("filter", {}).get("per_page"), self.plan.query)
        except BaseException:
            answer.release()
            raise
        if not (holds and objects):
            answer.release()
        return RawPage(self.plan, objects, variables, answer)

    def narrowed(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The variables with the criterion."""
        return {**variables, "entity_filter": dict(self.criterion)} if self.criterion else variables

    def numbered(self, number: int, size: int) -> dict[str, Any]:
        """The variables of a page by its number, in the order of ids."""
        return self.narrowed({"filter": {"per_page": size, "page": number, "sort": "id", "direction": "ASC"}})

    def listing(self, variables: dict[str, Any], *, filtered: bool | None = None, count: bool = True) -> RawPage:
        """Ids, and the server's count of all of them."""
        filtered = bool(self.criterion) if filtered is None else filtered
        return self.page(self.plan.listing_document(filtered=filtered, count=count), variables)

    def count(self, criterion: Mapping[str, Any] = MappingProxyType({})) -> int:
        """The server's count of what matches the criterion of the reader and this one."""
        variables = {"filter": {"per_page": 0}, "entity_filter": {**self.criterion, **criterion}}
        return count_of(self.listing(variables, filtered=True).answer.data, self.plan.query)

    # --- all ids ----------------------------------------------------------------------------------------

    def list_ids(self) -> set[int]:
        """All ids, checked against the server's count; listed again if something changed meanwhile.

        A listing in parts must have the same ids twice: an object that is deleted and one that is created between two
        parts can hide a third, although the count is right.

        Raises:
            IncompleteListingError: if the listing disagrees with the count every time.
        """
        count = listed = 0
        before: set[int] | None = None
        for _ in range(PASSES):
            ids, count, parts = self._list_once()
            listed = len(ids)
            if listed == count and (parts == 1 or ids == before):
                return ids
            before = ids
        raise IncompleteListingError(
            f"{self.plan.query} says there are {count} objects and lists {listed}, and changes every time it is asked; "
            "nothing was removed. Is something writing to Stash all the time?"
        )

    def _list_once(self) -> tuple[set[int], int, int]:
        """(ids, the server's count at the end, number of parts)."""
        ids: set[int] = set()
        number = 1
        while True:
            page = self.listing(self.numbered(number, LISTING_SIZE))
            ids.update(page.ids)
            count = count_of(page.answer.data, self.plan.query)
            if len(page.objects) < LISTING_SIZE:
                return ids, count, number
            check_listed(len(ids), count, self.plan.query)
            number += 1

    # --- what was read, and what was not ----------------------------------------------------------------

    def delivered(self, page: RawPage) -> RawPage:
        """Records that objects can be read at all; returns the page."""
        self._any_read = self._any_read or page.count > 0
        return page

    def cannot_read(self, identifier: int, error: StashQueryError) -> None:
        """Records an unreadable object; raises ``error`` if so many fail that the objects are not the cause."""
        with self.lock:
            self.unreadable[identifier] = str(error)
            self._last_error = error
            too_many = len(self.unreadable) > (_MOST_UNREADABLE if self._any_read else _MOST_AT_FIRST)
        if too_many:
            raise error

    def not_found(self, ids: Iterable[int]) -> None:
        """Records ids of objects that the server does not have."""
        with self.lock:
            self.vanished.update(ids)

    def check_readable(self) -> None:
        """Raises the last StashQueryError if there are several objects and none of them could be read."""
        if len(self.unreadable) > 1 and not self._any_read and self._last_error:
            raise self._last_error

    def check_vanished(self) -> None:
        """Raises IncompleteListingError if what the server denied is still listed."""
        if not self.vanished:
            return
        still_listed = self.vanished & self.list_ids()
        if still_listed:
            raise IncompleteListingError(
                f"{self.plan.query} lists {len(still_listed)} ids that it then does not know, for instance "
                f"{min(still_listed)}; nothing was removed."
            )
