"""Walking through a kind while it changes: whoever was there all the time has been read, or the walk says no."""

import time
from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import Answer
from stash_pipeline.stash.errors import IncompleteListingError, StashError, StashQueryError
from stash_pipeline.stash.pagination import Paginator, numbered, page_reader, paginator
from stash_pipeline.stash.query_plan import QueryPlan, plan_library
from stash_pipeline.stash.response_page import RawPage
from stash_pipeline.stash.retries import Retries
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema


def plan_of(release: str, kind: str) -> QueryPlan:
    stash = SimulatedStash(Library.create(), release=release)
    return plan_library(ServerSchema(stash.execute(INTROSPECTION)["data"]))[kind]


KEYSET = plan_of("v0.30.1", "scenes")
LISTED = plan_of("v0.30.1", "performers")
OFFSET = plan_of("v0.20.2", "tags")
NUMBERED = plan_of("v0.30.1", "files")
PLANS = {"keyset": KEYSET, "ids": LISTED, "numbered": NUMBERED, "offset": OFFSET}


@pytest.fixture(autouse=True, scope="module")
def _small_listings() -> Iterator[None]:
    before, sleep = (page_reader.LISTING_SIZE, numbered.PAGE), time.sleep
    page_reader.LISTING_SIZE, numbered.PAGE = 4, 1  # type: ignore[misc]
    time.sleep = lambda seconds: None  # the retries of a page wait
    yield
    (page_reader.LISTING_SIZE, numbered.PAGE), time.sleep = before, sleep  # type: ignore[misc]


@dataclass
class Fake:
    """A server that holds nothing but ids, and changes after given requests."""

    plan: QueryPlan
    ids: set[int]
    changes: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    requests: int = 0
    prefix: str = ""
    sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next = max(self.ids, default=0) + 1

    def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, name: str = "", known: Container[bytes] = ()
    ) -> Answer:
        """What the server answers at this moment; then what happens after it."""
        assert name == self.plan.query
        variables = variables or {}
        page = variables.get("filter") or {}
        found = sorted(self.ids, reverse=page.get("direction") == "DESC")
        if "ids" in variables:
            wanted = [int(one) for one in variables["ids"]]
            for one in wanted:
                if one not in self.ids:
                    self._happen()
                    raise StashQueryError(name, [{"message": f"performer with id {one} not found", "path": [name]}])
            found = [one for one in found if one in set(wanted)]
        criterion = (variables.get("entity_filter") or {}).get("id")
        if criterion:
            low, high = criterion["value"], criterion.get("value2")
            if criterion["modifier"] == "GREATER_THAN":
                found = [one for one in found if one > low]
            else:
                assert criterion["modifier"] == "BETWEEN"
                found = [one for one in found if low <= one <= high]
        count, size = len(found), page.get("per_page", 25)
        if size >= 0:
            start = (page.get("page", 1) - 1) * size
            found = found[start : start + size]
        self.sizes.append(len(found))
        entries = [{"id": str(one)} for one in found]
        self._happen()
        return Answer({name: {"count": count, self.plan.result: entries}}, 1, 0.0, b"")

    def _happen(self) -> None:
        self.requests += 1
        for what, number in self.changes.get(self.requests, []):
            if what == "create":
                self.ids.add(self.next)
                self.next += 1
            else:
                self.ids.discard(number)


def walk(fake: Fake, page_size: int = 3, shard_pages: int = 8, *, retries: bool = False) -> tuple[set[int], Paginator]:
    """Walks to the end and verifies; the ids that were read."""
    walking = paginator(Retrying(fake) if retries else fake, fake.plan, page_size, shard_pages=shard_pages)
    todo = deque(walking.tasks())
    read: set[int] = set()
    while todo:
        for found in todo.popleft()():
            if isinstance(found, RawPage):
                read.update(int(entry["id"]) for entry in found.objects)
            else:
                todo.append(found)
    walking.verify()
    return read, walking


@pytest.mark.parametrize("strategy", PLANS)
@given(
    st.sets(st.integers(1, 60), max_size=25), st.integers(1, 9), st.integers(1, 5),
)  # fmt: skip
def test_what_stands_still_is_read_completely(strategy: str, ids: set[int], page_size: int, shard_pages: int) -> None:
    fake = Fake(PLANS[strategy], set(ids))
    read, walking = walk(fake, page_size, shard_pages)
    assert read == ids
    assert walking.reader.expected == len(ids)


CHANGES = st.dictionaries(
    st.integers(1, 25),
    st.lists(st.tuples(st.sampled_from(["create", "destroy"]), st.integers(1, 30)), min_size=1, max_size=3),
    max_size=8,
)


@pytest.mark.parametrize("strategy", PLANS)
@settings(max_examples=300, deadline=None)
@given(st.sets(st.integers(1, 30), max_size=25), CHANGES, st.integers(1, 6), st.integers(1, 3))
def test_what_was_there_all_the_time_has_been_read_when_the_walk_says_so(
    strategy: str, ids: set[int], changes: dict[int, list[tuple[str, int]]], page_size: int, shard_pages: int
) -> None:
    fake = Fake(PLANS[strategy], set(ids), changes)
    gone = {number for one in changes.values() for what, number in one if what == "destroy"}
    try:
        read, _ = walk(fake, page_size, shard_pages)
    except IncompleteListingError as error:
        assert "nothing was removed" in str(error)
        return
    assert ids - gone <= read
    # it ends: what goes on changing is not followed for ever
    assert fake.requests < 400


@settings(max_examples=200, deadline=None)
@given(st.sets(st.integers(1, 30), min_size=1, max_size=25), CHANGES, st.integers(1, 6))
def test_a_keyset_never_minds_what_changes(
    ids: set[int], changes: dict[int, list[tuple[str, int]]], page_size: int
) -> None:
    walk(Fake(KEYSET, set(ids), changes), page_size)


@pytest.mark.parametrize("strategy", PLANS)
def test_one_lasting_change_in_the_middle_is_no_failure(strategy: str) -> None:
    for moment in range(1, 14):
        for change in ([("create", 0)], [("destroy", 2)], [("destroy", 5), ("create", 0)]):
            fake = Fake(PLANS[strategy], set(range(1, 12)), {moment: change})
            read, _ = walk(fake)
            assert {1, 3, 4, 6, 7, 8, 9, 10, 11} <= read


@pytest.mark.parametrize("strategy", PLANS)
def test_no_request_asks_for_more_than_a_page(strategy: str) -> None:
    fake = Fake(PLANS[strategy], set(range(1, 50)))
    walk(fake, page_size=3)
    assert max(fake.sizes) <= 4


def test_vanished_ids_cost_few_requests() -> None:
    fake = Fake(LISTED, set(range(1, 101)))
    page_reader.LISTING_SIZE = 1000
    try:
        before: dict[int, list[tuple[str, int]]] = {1: [("destroy", 37)]}
        fake.changes = before
        read, walking = walk(fake, page_size=50)
    finally:
        page_reader.LISTING_SIZE = 4
    assert read == set(range(1, 101)) - {37}
    assert walking.reader.vanished == {37}
    assert fake.requests < 20


def test_a_listing_that_names_what_the_server_then_denies_is_not_believed() -> None:
    class Liar(Fake):
        def execute(
            self,
            document: str,
            variables: dict[str, Any] | None = None,
            *,
            name: str = "",
            known: Container[bytes] = (),
        ) -> Answer:
            if variables and "ids" in variables and "5" in variables["ids"]:
                raise StashQueryError(name, [{"message": "performer with id 5 not found", "path": [name]}])
            return super().execute(document, variables, name=name, known=known)

    with pytest.raises(IncompleteListingError, match="5"):
        walk(Liar(LISTED, set(range(1, 9))))


@pytest.mark.parametrize("strategy", PLANS)
def test_pages_that_are_cut_short_on_their_way_do_not_pass_for_the_whole(strategy: str) -> None:
    class Cut(Fake):
        def execute(
            self,
            document: str,
            variables: dict[str, Any] | None = None,
            *,
            name: str = "",
            known: Container[bytes] = (),
        ) -> Answer:
            answer = super().execute(document, variables, name=name)
            if "created_at" in document:
                entries = answer.data[name][self.plan.result]
                if len(entries) > 1:
                    entries.pop()
            return answer

    fake = Cut(PLANS[strategy], set(range(1, 9)))
    try:
        read, _ = walk(fake)
    except StashError:
        return
    assert read == set(range(1, 9))


@pytest.mark.parametrize("strategy", PLANS)
def test_a_server_that_ignores_the_order_does_not_trap_the_walk(strategy: str) -> None:
    class Disordered(Fake):
        def execute(
            self,
            document: str,
            variables: dict[str, Any] | None = None,
            *,
            name: str = "",
            known: Container[bytes] = (),
        ) -> Answer:
            answer = super().execute(document, variables, name=name)
            answer.data[name][self.plan.result].reverse()
            return answer

    fake = Disordered(PLANS[strategy], set(range(1, 9)))
    try:
        read, _ = walk(fake)
    except StashError:
        return
    assert read == set(range(1, 9))
    assert fake.requests < 200


@pytest.mark.parametrize("strategy", PLANS)
def test_an_error_that_is_no_vanishing_is_raised(strategy: str) -> None:
    class Broken(Fake):
        def execute(
            self,
            document: str,
            variables: dict[str, Any] | None = None,
            *,
            name: str = "",
            known: Container[bytes] = (),
        ) -> Answer:
            if "created_at" in document:
                raise StashQueryError(name, [{"message": "Internal system error", "path": [name]}])
            return super().execute(document, variables, name=name, known=known)

    with pytest.raises(StashQueryError, match="Internal system error"):
        walk(Broken(PLANS[strategy], set(range(1, 9))))


@pytest.mark.parametrize("strategy", PLANS)
def test_a_nested_object_that_vanished_makes_the_page_be_asked_again(strategy: str) -> None:
    class Flickering(Fake):
        spoiled = 0

        def execute(
            self,
            document: str,
            variables: dict[str, Any] | None = None,
            *,
            name: str = "",
            known: Container[bytes] = (),
        ) -> Answer:
            if "created_at" in document and self.spoiled < 2:
                self.spoiled += 1
                path = [name, self.plan.result, 0, "tags"]
                raise StashQueryError(name, [{"message": "tag with id 3 not found", "path": path}])
            return super().execute(document, variables, name=name, known=known)

    read, walking = walk(Flickering(PLANS[strategy], set(range(1, 9))), retries=True)
    assert read == set(range(1, 9))
    assert not walking.reader.vanished


@dataclass
class Retrying:
    """A server behind a client that retries."""

    server: Fake
    retries: Retries = field(default_factory=Retries)

    def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, name: str = "", known: Container[bytes] = ()
    ) -> Answer:
        return self.retries.call(lambda: self.server.execute(document, variables, name=name, known=known))


class Poisoned(Fake):
    """Some objects spoil every page that holds them, with a fault that comes from the objects."""

    poison: frozenset[int] = frozenset()

    def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, name: str = "", known: Container[bytes] = ()
    ) -> Answer:
        answer = super().execute(document, variables, name=name)
        entries = answer.data[name][self.plan.result]
        if "created_at" in document and any(int(entry["id"]) in self.poison for entry in entries):
            raise StashQueryError(name, [{"message": "Internal system error", "path": [name]}])
        return answer


@pytest.mark.parametrize("strategy", PLANS)
@given(st.sets(st.integers(1, 40), min_size=6, max_size=25), st.integers(1, 9), st.integers(1, 4), st.data())
@settings(max_examples=30, deadline=None)
def test_what_cannot_be_read_is_named_and_everything_else_arrives(
    strategy: str, ids: set[int], page_size: int, shard_pages: int, data: st.DataObject
) -> None:
    poison = data.draw(st.sets(st.sampled_from(sorted(ids)), max_size=4))
    fake = Poisoned(PLANS[strategy], set(ids))
    fake.poison = frozenset(poison)
    read, walking = walk(fake, page_size, shard_pages)
    assert read == ids - poison
    assert walking.reader.unreadable.keys() == poison
    assert all("Internal system error" in message for message in walking.reader.unreadable.values())


@pytest.mark.parametrize("strategy", PLANS)
def test_an_error_that_passes_costs_one_more_reading(strategy: str) -> None:
    class Once(Fake):
        spoiled = False

        def execute(
            self,
            document: str,
            variables: dict[str, Any] | None = None,
            *,
            name: str = "",
            known: Container[bytes] = (),
        ) -> Answer:
            if "created_at" in document and not self.spoiled:
                self.spoiled = True
                raise StashQueryError(name, [{"message": "Internal system error", "path": [name]}])
            return super().execute(document, variables, name=name, known=known)

    usual = Fake(PLANS[strategy], set(range(1, 9)))
    walk(usual)
    fake = Once(PLANS[strategy], set(range(1, 9)))
    read, walking = walk(fake, retries=True)
    assert read == set(range(1, 9)) and not walking.reader.unreadable
    assert fake.requests == usual.requests


class Timeless(Fake):
    """Of some objects there is no time of creation, which the schema does not allow to be said."""

    timeless: frozenset[int] = frozenset()
    failed: int = 0
    field: str = "created_at"

    def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, name: str = "", known: Container[bytes] = ()
    ) -> Answer:
        answer = super().execute(document, variables, name=name)
        entries = answer.data[name][self.plan.result]
        refused = [place for place, entry in enumerate(entries) if int(entry["id"]) in self.timeless]
        if refused and "created_at" in document:
            self.failed += 1
            above = [name, self.plan.result]
            # in any order, as a server that works on many at once
            raise StashQueryError(
                name, [{"message": "must not be null", "path": [*above, place, self.field]} for place in refused[::-1]]
            )
        for entry in entries:
            entry["asked"] = "created_at" in document
        return answer


def timed(fake: Fake, page_size: int = 3) -> tuple[dict[int, bool], Paginator]:
    """Whether each object was read with its time."""
    walking = paginator(fake, fake.plan, page_size)
    todo = deque(walking.tasks())
    read: dict[int, bool] = {}
    while todo:
        for found in todo.popleft()():
            if isinstance(found, RawPage):
                ids = [int(entry["id"]) for entry in found.objects]
                assert found.gaps or not ids or ids == [one for one in sorted(fake.ids) if ids[0] <= one <= ids[-1]]
                read.update({int(entry["id"]): entry["asked"] for entry in found.objects})
            else:
                todo.append(found)
    walking.verify()
    return read, walking


# releases that can be asked for ranges of ids only
RANGES = replace(KEYSET, ids_argument=False)


@pytest.mark.parametrize("strategy", [*PLANS, "ranges"])
@given(st.sets(st.integers(1, 40), min_size=1, max_size=25), st.integers(1, 9), st.data())
@settings(max_examples=40, deadline=None)
def test_objects_without_a_time_are_read_without_it_and_all_others_with_theirs(
    strategy: str, ids: set[int], page_size: int, data: st.DataObject
) -> None:
    fake = Timeless(PLANS.get(strategy, RANGES), set(ids))
    fake.timeless = frozenset(data.draw(st.sets(st.sampled_from(sorted(ids)))))
    read, walking = timed(fake, page_size)
    assert read == {one: one not in fake.timeless for one in ids}
    assert not walking.reader.unreadable and not walking.reader.vanished


@pytest.mark.parametrize(("strategy", "failures"), [("keyset", 2), ("ids", 1)])
def test_objects_without_a_time_cost_few_requests_and_no_waiting(strategy: str, failures: int) -> None:
    page_reader.LISTING_SIZE = 1000
    try:
        usual = Fake(PLANS[strategy], set(range(1, 101)))
        walk(usual, page_size=100)
        fake = Timeless(PLANS[strategy], set(range(1, 101)))
        fake.timeless = frozenset(range(1, 101, 2))
        timed(fake, page_size=100)
    finally:
        page_reader.LISTING_SIZE = 4
    assert fake.failed == failures
    assert fake.requests <= usual.requests + 4


@pytest.mark.parametrize("plan", [KEYSET, RANGES])
def test_what_is_asked_for_alone_is_read_without_its_time(plan: QueryPlan) -> None:
    fake = Timeless(plan, set(range(1, 10)))
    fake.timeless = frozenset((4, 5))
    walking = paginator(fake, plan, 3, ids=(3, 4), complete=False)
    found = [page for task in walking.tasks() for page in task() if isinstance(page, RawPage)]
    assert {int(one["id"]): one["asked"] for page in found for one in page.objects} == {3: True, 4: False}


def test_a_null_that_is_no_time_spoils_its_object_only() -> None:
    fake = Timeless(LISTED, set(range(1, 10)))
    fake.timeless, fake.field = frozenset((4,)), "name"
    read, walking = timed(fake)
    assert read.keys() == fake.ids - {4}
    assert walking.reader.unreadable.keys() == {4} and "must not be null" in walking.reader.unreadable[4]


def test_pages_by_number_miss_nothing_when_something_before_them_vanishes() -> None:
    # what vanishes on the first page moves the rest up: one is missed where the page ended, and the count is right
    for requests in range(1, 9):
        fake = Fake(NUMBERED, set(range(1, 13)), {requests: [("destroy", 1), ("create", 0)]})
        read, walking = walk(fake, page_size=4)
        assert read >= set(range(2, 13)), requests
        assert not walking.reader.unreadable


def test_pages_by_number_read_nothing_twice_as_long_as_nothing_vanishes() -> None:
    fake = Fake(NUMBERED, set(range(1, 101)))
    read, _ = walk(fake, page_size=10)
    assert read == fake.ids
    # the objects, the end of each page, and whether there is more
    assert sum(fake.sizes) == 100 + 10
    assert fake.requests == 1 + 10 + 10 + 1


@pytest.mark.parametrize("count", [0, 3, 10**9])
def test_pages_by_number_do_not_believe_a_count(count: int) -> None:
    class Liar(Fake):
        def execute(self, *arguments: Any, **more: Any) -> Answer:
            answer = super().execute(*arguments, **more)
            if not answer.data[self.plan.query][self.plan.result]:
                answer.data[self.plan.query]["count"] = count
            return answer

    fake = Liar(NUMBERED, set(range(1, 30)))
    read, _ = walk(fake, page_size=4)
    assert read == fake.ids
    assert fake.requests < 100
