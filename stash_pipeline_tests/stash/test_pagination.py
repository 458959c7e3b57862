"""Pagination while the library changes: it reads every object that existed all the time, or raises an error."""

import time
from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

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
from stash_pipeline_tests.examples import examples


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
    """A server with nothing but ids, which changes after given requests. Subclasses override the two hooks."""

    plan: QueryPlan
    ids: set[int]
    changes: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    requests: int = 0
    prefix: str = ""
    sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next = max(self.ids, default=0) + 1

    def before_response(self, document: str, variables: dict[str, Any]) -> None:
        """Can raise an error instead of a response."""

    def after_response(self, document: str, entries: list[dict[str, Any]], result: dict[str, Any]) -> None:
        """Can modify the response, or raise an error in its place."""

    def fail(self, message: str, *path: str | int) -> NoReturn:
        """Raises a GraphQL error."""
        query = self.plan.query
        raise StashQueryError(query, [{"message": message, "path": [query, *path]}])

    def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, name: str = "", cached: Container[bytes] = ()
    ) -> Answer:
        """Responds with the current state; then applies the changes that follow this request."""
        assert name == self.plan.query
        variables = variables or {}
        self.before_response(document, variables)
        page = variables.get("filter") or {}
        ids = sorted(self.ids, reverse=page.get("direction") == "DESC")
        if "ids" in variables:
            requested = [int(text) for text in variables["ids"]]
            for identifier in requested:
                if identifier not in self.ids:
                    self._apply_changes()
                    self.fail(f"performer with id {identifier} not found")
            ids = [identifier for identifier in ids if identifier in set(requested)]
        criterion = (variables.get("entity_filter") or {}).get("id")
        if criterion:
            low, high = criterion["value"], criterion.get("value2")
            if criterion["modifier"] == "GREATER_THAN":
                ids = [identifier for identifier in ids if identifier > low]
            else:
                assert criterion["modifier"] == "BETWEEN"
                ids = [identifier for identifier in ids if low <= identifier <= high]
        count, size = len(ids), page.get("per_page", 25)
        if size >= 0:
            start = (page.get("page", 1) - 1) * size
            ids = ids[start : start + size]
        self.sizes.append(len(ids))
        entries = [{"id": str(identifier)} for identifier in ids]
        self._apply_changes()
        result = {"count": count, self.plan.result: entries}
        self.after_response(document, entries, result)
        return Answer({name: result}, 1, 0.0, b"")

    def _apply_changes(self) -> None:
        self.requests += 1
        for what, number in self.changes.get(self.requests, []):
            if what == "create":
                self.ids.add(self.next)
                self.next += 1
            else:
                self.ids.discard(number)


def walk(fake: Fake, page_size: int = 3, shard_pages: int = 8, *, retries: bool = False) -> tuple[set[int], Paginator]:
    """Runs the pagination to its end and verifies it; returns the ids that were read."""
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
def test_an_unchanging_library_is_read_completely(
    strategy: str, ids: set[int], page_size: int, shard_pages: int
) -> None:
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
@settings(max_examples=examples(300), deadline=None)
@given(st.sets(st.integers(1, 30), max_size=25), CHANGES, st.integers(1, 6), st.integers(1, 3))
def test_objects_that_existed_all_the_time_are_read(
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
    # it ends, even if changes continue
    assert fake.requests < 400


@settings(max_examples=examples(200), deadline=None)
@given(st.sets(st.integers(1, 30), min_size=1, max_size=25), CHANGES, st.integers(1, 6))
def test_keyset_pagination_tolerates_all_changes(
    ids: set[int], changes: dict[int, list[tuple[str, int]]], page_size: int
) -> None:
    walk(Fake(KEYSET, set(ids), changes), page_size)


@pytest.mark.parametrize("strategy", PLANS)
def test_a_single_change_in_the_middle_is_not_an_error(strategy: str) -> None:
    for moment in range(1, 14):
        for change in ([("create", 0)], [("destroy", 2)], [("destroy", 5), ("create", 0)]):
            fake = Fake(PLANS[strategy], set(range(1, 12)), {moment: change})
            read, _ = walk(fake)
            assert {1, 3, 4, 6, 7, 8, 9, 10, 11} <= read


@pytest.mark.parametrize("strategy", PLANS)
def test_no_request_exceeds_the_page_size(strategy: str) -> None:
    fake = Fake(PLANS[strategy], set(range(1, 50)))
    walk(fake, page_size=3)
    assert max(fake.sizes) <= 4


def test_deleted_ids_cost_few_requests() -> None:
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


def test_a_listing_of_ids_that_the_server_does_not_have_is_rejected() -> None:
    class Liar(Fake):
        def before_response(self, document: str, variables: dict[str, Any]) -> None:
            if "5" in variables.get("ids", ()):
                self.fail("performer with id 5 not found")

    with pytest.raises(IncompleteListingError, match="5"):
        walk(Liar(LISTED, set(range(1, 9))))


@pytest.mark.parametrize("strategy", PLANS)
def test_truncated_pages_are_not_considered_complete(strategy: str) -> None:
    class Cut(Fake):
        def after_response(self, document: str, entries: list[dict[str, Any]], result: dict[str, Any]) -> None:
            if "created_at" in document and len(entries) > 1:
                entries.pop()

    fake = Cut(PLANS[strategy], set(range(1, 9)))
    try:
        read, _ = walk(fake)
    except StashError:
        return
    assert read == set(range(1, 9))


@pytest.mark.parametrize("strategy", PLANS)
def test_a_server_that_ignores_the_sort_order_does_not_cause_an_endless_loop(strategy: str) -> None:
    class Disordered(Fake):
        def after_response(self, document: str, entries: list[dict[str, Any]], result: dict[str, Any]) -> None:
            entries.reverse()

    fake = Disordered(PLANS[strategy], set(range(1, 9)))
    try:
        read, _ = walk(fake)
    except StashError:
        return
    assert read == set(range(1, 9))
    assert fake.requests < 200


@pytest.mark.parametrize("strategy", PLANS)
def test_other_errors_are_raised(strategy: str) -> None:
    class Broken(Fake):
        def before_response(self, document: str, variables: dict[str, Any]) -> None:
            if "created_at" in document:
                self.fail("Internal system error")

    with pytest.raises(StashQueryError, match="Internal system error"):
        walk(Broken(PLANS[strategy], set(range(1, 9))))


@pytest.mark.parametrize("strategy", PLANS)
def test_a_deleted_nested_object_makes_the_page_be_requested_again(strategy: str) -> None:
    class Flickering(Fake):
        failures = 0

        def before_response(self, document: str, variables: dict[str, Any]) -> None:
            if "created_at" in document and self.failures < 2:
                self.failures += 1
                self.fail("tag with id 3 not found", self.plan.result, 0, "tags")

    read, walking = walk(Flickering(PLANS[strategy], set(range(1, 9))), retries=True)
    assert read == set(range(1, 9))
    assert not walking.reader.vanished


@dataclass
class Retrying:
    """A server behind a client that retries."""

    server: Fake
    retries: Retries = field(default_factory=Retries)

    def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, name: str = "", cached: Container[bytes] = ()
    ) -> Answer:
        return self.retries.call(lambda: self.server.execute(document, variables, name=name, cached=cached))


class Poisoned(Fake):
    """Some objects fail every page that contains them."""

    poison: frozenset[int] = frozenset()

    def after_response(self, document: str, entries: list[dict[str, Any]], result: dict[str, Any]) -> None:
        if "created_at" in document and any(int(entry["id"]) in self.poison for entry in entries):
            self.fail("Internal system error")


@pytest.mark.parametrize("strategy", PLANS)
@given(st.sets(st.integers(1, 40), min_size=6, max_size=25), st.integers(1, 9), st.integers(1, 4), st.data())
@settings(max_examples=examples(30), deadline=None)
def test_unreadable_objects_are_named_and_all_others_are_read(
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
def test_a_transient_error_costs_one_more_request(strategy: str) -> None:
    class Once(Fake):
        failed = False

        def before_response(self, document: str, variables: dict[str, Any]) -> None:
            if "created_at" in document and not self.failed:
                self.failed = True
                self.fail("Internal system error")

    usual = Fake(PLANS[strategy], set(range(1, 9)))
    walk(usual)
    fake = Once(PLANS[strategy], set(range(1, 9)))
    read, walking = walk(fake, retries=True)
    assert read == set(range(1, 9)) and not walking.reader.unreadable
    assert fake.requests == usual.requests


class Timeless(Fake):
    """Some objects have no creation time, although the schema does not allow null."""

    timeless: frozenset[int] = frozenset()
    failed: int = 0
    field: str = "created_at"

    def after_response(self, document: str, entries: list[dict[str, Any]], result: dict[str, Any]) -> None:
        nulls = [position for position, entry in enumerate(entries) if int(entry["id"]) in self.timeless]
        if nulls and "created_at" in document:
            self.failed += 1
            query, result_field = self.plan.query, self.plan.result
            # in any order, like a server that resolves fields concurrently
            paths = [[query, result_field, position, self.field] for position in nulls[::-1]]
            raise StashQueryError(query, [{"message": "must not be null", "path": path} for path in paths])
        for entry in entries:
            entry["asked"] = "created_at" in document


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


# releases that support only ranges of ids
RANGES = replace(KEYSET, ids_argument=False)


@pytest.mark.parametrize("strategy", [*PLANS, "ranges"])
@given(st.sets(st.integers(1, 40), min_size=1, max_size=25), st.integers(1, 9), st.data())
@settings(max_examples=examples(40), deadline=None)
def test_objects_with_unset_times_are_read_without_those_fields(
    strategy: str, ids: set[int], page_size: int, data: st.DataObject
) -> None:
    fake = Timeless(PLANS.get(strategy, RANGES), set(ids))
    fake.timeless = frozenset(data.draw(st.sets(st.sampled_from(sorted(ids)))))
    read, walking = timed(fake, page_size)
    assert read == {one: one not in fake.timeless for one in ids}
    assert not walking.reader.unreadable and not walking.reader.vanished


@pytest.mark.parametrize(("strategy", "failures"), [("keyset", 2), ("ids", 1)])
def test_unset_times_cost_few_requests_and_no_delay(strategy: str, failures: int) -> None:
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
def test_a_single_requested_object_is_read_without_its_unset_time(plan: QueryPlan) -> None:
    fake = Timeless(plan, set(range(1, 10)))
    fake.timeless = frozenset((4, 5))
    walking = paginator(fake, plan, 3, ids=(3, 4), complete=False)
    found = [page for task in walking.tasks() for page in task() if isinstance(page, RawPage)]
    assert {int(one["id"]): one["asked"] for page in found for one in page.objects} == {3: True, 4: False}


def test_a_null_in_another_field_affects_only_its_object() -> None:
    fake = Timeless(LISTED, set(range(1, 10)))
    fake.timeless, fake.field = frozenset((4,)), "name"
    read, walking = timed(fake)
    assert read.keys() == fake.ids - {4}
    assert walking.reader.unreadable.keys() == {4} and "must not be null" in walking.reader.unreadable[4]


def test_numbered_pages_skip_nothing_when_objects_are_deleted() -> None:
    # a deletion on the first page moves the rest up: one object is skipped at the end of a page, and the count matches
    for requests in range(1, 9):
        fake = Fake(NUMBERED, set(range(1, 13)), {requests: [("destroy", 1), ("create", 0)]})
        read, walking = walk(fake, page_size=4)
        assert read >= set(range(2, 13)), requests
        assert not walking.reader.unreadable


def test_numbered_pages_read_nothing_twice_without_deletions() -> None:
    fake = Fake(NUMBERED, set(range(1, 101)))
    read, _ = walk(fake, page_size=10)
    assert read == fake.ids
    # the objects, the end of each page, and whether there is more
    assert sum(fake.sizes) == 100 + 10
    assert fake.requests == 1 + 10 + 10 + 1


@pytest.mark.parametrize("count", [0, 3, 10**9])
def test_numbered_pages_do_not_rely_on_the_count(count: int) -> None:
    class Liar(Fake):
        def after_response(self, document: str, entries: list[dict[str, Any]], result: dict[str, Any]) -> None:
            if not entries:
                result["count"] = count

    fake = Liar(NUMBERED, set(range(1, 30)))
    read, _ = walk(fake, page_size=4)
    assert read == fake.ids
    assert fake.requests < 100
