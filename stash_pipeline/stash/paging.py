"""How one kind is walked through, from the first object to the last, while the library may change.

* keyset: ``id > last``, sorted by id; nothing that is created or destroyed meanwhile shifts the pages.
* ids: a complete listing of ids, then the objects by ``ids``; one vanished id fails a whole request, so that a
  failing batch is split down to the ids that are really gone.
* numbered: the same, where a listing of ids would cost as much as the objects, see ``numbered.py``.
* offset: releases that can do neither; pages by number, repeated until a listing afterwards agrees.
* whole: the query has no paging.
* objects: ids that the caller names, by ``ids`` or, where the server lacks that, by ranges of a keyset.

A criterion narrows any of them to what it finds.

A page that fails is read again, then cut down to the object that cannot be read, which is kept in ``unreadable``.
An object with a time that was never set is read without it: the server refuses to say that there is none.

Every walk is a tree of tasks: a task may yield pages and return further tasks. No threads in here.
"""

import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import stamina

from stash_pipeline.stash.answers import count_of, objects_of
from stash_pipeline.stash.circuit import Asks
from stash_pipeline.stash.client import Answer
from stash_pipeline.stash.errors import IncompleteListing, StashQueryError
from stash_pipeline.stash.limits import check_listed, check_page
from stash_pipeline.stash.numbered import NumberedPages
from stash_pipeline.stash.pages import (
    KnownPage,
    RawPage,
    Task,
    are_of,
    denied,
    instead_of,
    may_be_one_object,
    neighbourhoods,
    unset_times,
    worth_another_reading,
)
from stash_pipeline.stash.planning import Plan

LISTING_SIZE = 5000
"""Ids per listing request: FindMany in the server grows with the square of the page."""

_PASSES = 5
_RETRIES = 3

_MOST_UNREADABLE = 50
_MOST_AT_FIRST = 10
"""Objects of one kind, and before any of them was read; where more fail it is not the objects that are broken."""


@dataclass
class Walk:
    """One complete reading of one kind.

    Attributes:
        shard_pages: about how many pages are read one after the other; such shards are read side by side.
        known: pages that need not be decoded, by the hash of the answer.
        complete: what is not found is taken to be gone, so that the reading has to agree with the server's count.
        criterion: of the kind's own filter. ids: the objects to read, sorted; without it all that there are.
        expected: the server's own count at the start, for progress.
        vanished: ids that a listing had and the server then denied.
        unreadable: ids of objects that are there and that the server cannot send, each with the server's message.
    """

    client: Asks
    plan: Plan
    page_size: int
    shard_pages: int = 8
    known: Mapping[bytes, KnownPage] = field(default_factory=dict)
    criterion: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[int, ...] | None = None
    complete: bool = True
    expected: int | None = None
    vanished: set[int] = field(default_factory=set)
    unreadable: dict[int, str] = field(default_factory=dict)
    _count: int = 0
    _newest: int = 0
    _any_read: bool = False
    _last_error: StashQueryError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tasks(self) -> list[Task]:
        """Where the walk begins."""
        if self.ids is not None:
            return self._objects_tasks(list(self.ids))
        if self.plan.entity.whole:
            return [self._whole]
        if self.plan.id_filter:
            return [self._keyset_start]
        if self.plan.ids_argument:
            by_number = self.plan.entity.ids_cost_objects and self.complete and not self.criterion
            return [NumberedPages(self).start if by_number else self._listed]
        return [self._offset_pass]

    def verify(self) -> None:
        """Called when all tasks are done.

        Raises:
            IncompleteListing: if the reading cannot be trusted to be complete.
            StashQueryError: if there are objects and none of them could be read.
        """
        if len(self.unreadable) > 1 and not self._any_read and self._last_error:
            raise self._last_error
        if self.ids is not None:
            # each of them was asked for by itself, and denied
            return
        if self.vanished:
            still_there = self.vanished & self._list_ids()
            if still_there:
                raise IncompleteListing(
                    f"{self.plan.query} lists {len(still_there)} ids that it then does not know, for instance "
                    f"{min(still_there)}; nothing was removed."
                )
        if self.plan.id_filter and self.complete:
            self._verify_count()

    def _verify_count(self) -> None:
        """A keyset has read as many objects as there are, but for those that came behind its back, at the end."""
        there = 0
        for _ in range(_PASSES):
            there = self._count_objects({})
            if self._count >= there:
                return
            # the two counts are of two moments: what is destroyed between them is counted once
            newer = self._count_objects({"id": {"value": self._newest, "modifier": "GREATER_THAN"}})
            if self._count + newer >= there:
                return
        raise IncompleteListing(
            f"{self.plan.query} says there are {there} objects and sent {self._count}; nothing was removed."
        )

    def _count_objects(self, criterion: dict[str, Any]) -> int:
        variables = {"filter": {"per_page": 0}, "entity_filter": {**self.criterion, **criterion}}
        page = self._page(self.plan.listing_document(filtered=True), variables)
        return count_of(page.answer.data, self.plan.query)

    # --- requests ---------------------------------------------------------------------------------------

    def _page(
        self,
        document: str,
        variables: dict[str, Any],
        known: Mapping[bytes, KnownPage] = MappingProxyType({}),
        *,
        holds: bool = False,
    ) -> RawPage:
        """One answer; it ``holds`` the memory reserved for it where it is to be yielded."""
        # an answer is not one snapshot: what vanished while it was made takes the whole page with it
        for attempt in stamina.retry_context(
            on=worth_another_reading, attempts=_RETRIES, timeout=None, wait_initial=0.2, wait_max=2.0
        ):
            with attempt:
                answer = self.client.execute(document, variables, name=self.plan.query, known=known)
                if answer.known:
                    return RawPage(self.plan, [], variables, answer, known[answer.hash])
                try:
                    objects = self._objects(answer)
                    check_page(len(objects), variables.get("filter", {}).get("per_page"), self.plan.query)
                except BaseException:
                    answer.release()
                    raise
                if not (holds and objects):
                    answer.release()
                return RawPage(self.plan, objects, variables, answer)
        raise AssertionError("unreachable")

    def _read(self, page: RawPage) -> RawPage:
        self._any_read = self._any_read or page.count > 0
        return page

    def _cannot_read(self, identifier: int, error: StashQueryError) -> None:
        """Notes an object; where many fail, or all, it is no matter of the objects, and ``error`` is raised."""
        with self._lock:
            self.unreadable[identifier] = str(error)
            self._last_error = error
            too_many = len(self.unreadable) > (_MOST_UNREADABLE if self._any_read else _MOST_AT_FIRST)
        if too_many:
            raise error

    def _objects(self, answer: Answer) -> list[dict[str, Any]]:
        return objects_of(answer.data, self.plan.query, self.plan.result, single=self.plan.entity.single)

    def _whole(self) -> Iterator[RawPage | Task]:
        page = self._page(self.plan.page_document(), {}, holds=True)
        self.expected = len(set(page.ids))
        yield page

    # --- keyset -----------------------------------------------------------------------------------------

    def _keyset_start(self) -> Iterator[RawPage | Task]:
        listing = self._page(
            self.plan.listing_document(filtered=bool(self.criterion)),
            self._found({"filter": {"per_page": 1, "sort": "id", "direction": "DESC"}}),
        )
        self.expected = count_of(listing.answer.data, self.plan.query)
        newest = listing.last if listing.objects else 0
        width = self._shard_width(newest)
        for start in range(0, max(newest, 1), width):
            yield self._keyset(start, start + width if start + width < newest else None)

    def _shard_width(self, newest: int) -> int:
        """Ids per shard: a power of two, so that shards and pages begin where they began the last time."""
        if not self.expected or self.expected <= 2 * self.page_size:
            return max(newest, 1)
        ids_per_object = newest / self.expected
        return 1 << math.ceil(math.log2(max(ids_per_object * self.page_size * self.shard_pages, 1)))

    def _keyset(self, start: int, end: int | None) -> Task:
        """Reads ids in (start, end]; without an end, to the newest object of the moment."""

        def run() -> Iterator[RawPage | Task]:
            last = start
            document = self.plan.page_document()
            while True:
                criterion: dict[str, Any] = {"value": last, "modifier": "GREATER_THAN"}
                if end is not None:
                    if last >= end:
                        return
                    criterion = {"value": last + 1, "value2": end, "modifier": "BETWEEN"}
                variables = self._by_id(criterion)
                unset = False
                try:
                    page = self._page(document, variables, self.known, holds=True)
                    whole = True
                except StashQueryError as error:
                    if not may_be_one_object(error):
                        raise
                    whole, unset = False, bool(unset_times(self.plan, error))
                    page = self._page(self.plan.listing_document(filtered=True), variables)
                if page.count:
                    if not page.known and page.ids != sorted(set(page.ids)):
                        raise IncompleteListing(f"{self.plan.query} does not sort by id; nothing was removed.")
                    first = page.known.first if page.known else page.ids[0]
                    if first <= last or (end is not None and page.last > end):
                        raise IncompleteListing(
                            f"{self.plan.query} was asked for ids from {last + 1} on and sent {first} to {page.last}; "
                            "nothing was removed."
                        )
                    newest = last = page.last
                    if whole:
                        self._note(page.count, newest)
                        yield self._read(page)
                    elif unset and self.plan.ids_argument:
                        yield from self._read_listed(page.ids)
                    else:
                        yield from self._read_range(page.ids)
                else:
                    # only an empty page is the end: a short one may have been cut on its way
                    return

        return run

    def _by_id(self, criterion: dict[str, Any]) -> dict[str, Any]:
        return {
            "filter": {"per_page": self.page_size, "sort": "id", "direction": "ASC"},
            "entity_filter": {**self.criterion, "id": criterion},
        }

    def _found(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The variables, narrowed by the criterion."""
        return {**variables, "entity_filter": dict(self.criterion)} if self.criterion else variables

    def _note(self, objects: int, newest: int) -> None:
        with self._lock:
            self._count += objects
            self._newest = max(self._newest, newest)
        check_listed(self._count, self.expected, self.plan.query)

    def _read_range(self, ids: list[int], without: frozenset[str] = frozenset()) -> Iterator[RawPage | Task]:
        """Reads neighbours in the order of ids, a part of a page that failed, without those that cannot be read."""
        criterion = {"value": ids[0], "value2": ids[-1], "modifier": "BETWEEN"}
        try:
            page = self._page(self.plan.page_document(without=without), self._by_id(criterion), holds=True)
            page.without = without
        except StashQueryError as error:
            if not may_be_one_object(error):
                raise
            if len(ids) > 1:
                middle = len(ids) // 2
                yield from self._read_range(ids[:middle])
                yield from self._read_range(ids[middle:])
                return
            unset = unset_times(self.plan, error).get(0, frozenset()) - without
            if unset:
                yield from self._read_range(ids, without | unset)
                return
            self._cannot_read(ids[0], error)
            self._note(1, ids[0])
            return
        self._note(len(page.objects), ids[-1])
        yield self._read(page)

    def _read_listed(self, ids: list[int]) -> Iterator[RawPage | Task]:
        """Reads a part of a keyset by its ids."""
        for page in self._read_ids(ids):
            assert isinstance(page, RawPage)
            self._note(page.count, page.last)
            yield page
        self._note(len(self.unreadable.keys() & set(ids)), ids[-1])

    # --- listing, then by ids ---------------------------------------------------------------------------

    def _list_ids(self) -> set[int]:
        """All ids, checked against the server's count; read again when something moved meanwhile.

        A listing in parts must come out twice the same: one object destroyed and one created between two
        parts hide a third, and leave the count right.
        """
        count = found = 0
        before: set[int] | None = None
        for _ in range(_PASSES):
            ids, count, parts = self._list_once()
            found = len(ids)
            if found == count and (parts == 1 or ids == before):
                return ids
            before = ids
        raise IncompleteListing(
            f"{self.plan.query} says there are {count} objects and lists {found}, and changes every time it is asked; "
            "nothing was removed. Is something writing to Stash all the time?"
        )

    def _list_once(self) -> tuple[set[int], int, int]:
        """(ids, the server's count at the end, number of parts)."""
        ids: set[int] = set()
        number = 1
        while True:
            page = self._page(
                self.plan.listing_document(filtered=bool(self.criterion)),
                self._found({"filter": {"per_page": LISTING_SIZE, "page": number, "sort": "id", "direction": "ASC"}}),
            )
            ids.update(page.ids)
            count = count_of(page.answer.data, self.plan.query)
            if len(page.objects) < LISTING_SIZE:
                return ids, count, number
            check_listed(len(ids), count, self.plan.query)
            number += 1

    def _listed(self) -> Iterator[RawPage | Task]:
        ids = sorted(self._list_ids())
        self.expected = len(ids)
        for start in range(0, len(ids), self.page_size):
            yield self._by_ids(ids[start : start + self.page_size])

    def _by_ids(self, ids: list[int]) -> Task:
        def run() -> Iterator[RawPage | Task]:
            yield from self._read_ids(ids)

        return run

    def _read_ids(
        self, ids: list[int], without: frozenset[str] = frozenset(), *, gaps: bool = False
    ) -> Iterator[RawPage | Task]:
        variables = {
            "ids": [str(i) for i in ids],
            "filter": {"per_page": -1, "sort": "id", "direction": "ASC"},
        }
        try:
            known = MappingProxyType({}) if gaps else self.known
            page = self._page(self.plan.ids_document(without=without), variables, known, holds=True)
            page.gaps, page.without = gaps, without
            if not are_of(page, ids):
                raise IncompleteListing(
                    f"{self.plan.query} was asked for {len(ids)} objects by id and sent {instead_of(page, ids)}; "
                    "nothing was removed."
                )
            yield self._read(page)
        except StashQueryError as error:
            if not may_be_one_object(error):
                raise
            unset = unset_times(self.plan, error)
            if unset and max(unset) < len(ids) and any(names - without for names in unset.values()):
                # in the order of ids, as they were asked for
                parts: dict[frozenset[str], list[int]] = {}
                for place, identifier in enumerate(ids):
                    parts.setdefault(unset.get(place, frozenset()), []).append(identifier)
                for names, some in parts.items():
                    yield from self._read_ids(some, without | names, gaps=gaps or len(parts) > 1)
                return
            if len(ids) == 1:
                if denied(error):
                    self.vanished.add(ids[0])
                else:
                    self._cannot_read(ids[0], error)
                return
            middle = len(ids) // 2
            yield from self._read_ids(ids[:middle], without, gaps=gaps)
            yield from self._read_ids(ids[middle:], without, gaps=gaps)

    # --- objects ----------------------------------------------------------------------------------------

    def _objects_tasks(self, ids: list[int]) -> list[Task]:
        if self.plan.ids_argument:
            return [self._by_ids(ids[start : start + self.page_size]) for start in range(0, len(ids), self.page_size)]
        return [self._neighbours(group) for group in neighbourhoods(ids, self.page_size)]

    def _neighbours(self, ids: list[int]) -> Task:
        """Reads what lies between the first and the last of some ids that are close to each other."""

        def run() -> Iterator[RawPage | Task]:
            there: set[int] = set()
            for page in self._read_range(ids):
                assert isinstance(page, RawPage)
                there.update(page.ids)
                yield page
            with self._lock:
                self.vanished.update(set(ids) - there - self.unreadable.keys())

        return run

    # --- offset -----------------------------------------------------------------------------------------

    def _offset_pass(self) -> Iterator[RawPage | Task]:
        for _ in range(_PASSES):
            before = self._list_ids()
            self.expected = len(before)
            self.unreadable.clear()
            read: set[int] = set()
            number = 1
            while True:
                there = 0
                for page in self._offset_page(self.page_size, number):
                    if isinstance(page, RawPage):
                        ids = set(page.ids)
                        yield self._read(page)
                    else:
                        ids = {page}
                    there += len(ids)
                    read |= ids
                check_listed(len(read), self.expected, self.plan.query)
                if there < self.page_size:
                    break
                number += 1
            if before == read and self._list_ids() == read:
                return
        raise IncompleteListing(
            f"{self.plan.query} changed while it was read, {_PASSES} times in a row; nothing was removed."
        )

    def _offset_page(self, size: int, number: int, without: frozenset[str] = frozenset()) -> Iterator[RawPage | int]:
        """A page, or the parts of it that can be read, and the ids of what cannot."""
        variables = self._found({"filter": {"per_page": size, "page": number, "sort": "id", "direction": "ASC"}})
        try:
            page = self._page(self.plan.page_document(without=without), variables, holds=True)
            page.without = without
            yield page
            return
        except StashQueryError as error:
            if not may_be_one_object(error):
                raise
            if size == 1 and (unset := unset_times(self.plan, error).get(0, frozenset()) - without):
                yield from self._offset_page(1, number, without | unset)
                return
            if size == 1:
                listing = self.plan.listing_document(filtered=bool(self.criterion))
                for identifier in self._page(listing, variables).ids:
                    self._cannot_read(identifier, error)
                    yield identifier
                return
        # pages can only be cut into equal parts
        parts = next(n for n in range(2, size + 1) if size % n == 0)
        for part in range(parts):
            yield from self._offset_page(size // parts, (number - 1) * parts + part + 1)
