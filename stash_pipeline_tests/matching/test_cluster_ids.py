"""Ids of clusters stay while their members come, go and move."""

from collections.abc import Callable
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.matching.cluster_ids import Assignment, assign_ids

NODES = st.integers(0, 7)


def numbered(first: int = 100) -> Callable[[], int]:
    numbers = count(first)
    return lambda: next(numbers)


@st.composite
def partitions(draw: st.DrawFn) -> list[set[int]]:
    groups: dict[int, set[int]] = {}
    for node in draw(st.sets(NODES)):
        groups.setdefault(draw(st.integers(0, 3)), set()).add(node)
    return list(groups.values())


def assigned(old: dict[int, int], clusters: list[set[int]]) -> Assignment[int, int]:
    return assign_ids(old, {identity: identity for identity in old.values()}, clusters, numbered())


@given(before=partitions(), after=partitions())
def test_ids_after_any_change(before: list[set[int]], after: list[set[int]]) -> None:
    old = {node: number for number, group in enumerate(before) for node in group}
    found = assigned(old, after)
    # each cluster has one id, no two have the same
    assert set(found.ids) == {node for group in after for node in group}
    used = [{found.ids[node] for node in group} for group in after]
    assert all(len(ids) == 1 for ids in used)
    assert len(set().union(*used)) == len(after)
    # every former id is in use, redirected to one in use, or has no object left
    for identity, group in enumerate(before):
        places = [identity in found.ids.values(), identity in found.redirects, identity in found.retired]
        assert sum(places) == 1
        assert (identity in found.retired) == (not any(group & new for new in after))
    for source, target in found.redirects.items():
        assert target in found.ids.values() and target not in found.redirects
        assert target < source, "the older one stays"
        # to where the largest part of it is
        parts = {found.ids[min(new)]: len(before[source] & new) for new in after}
        assert parts[target] == max(parts.values())
    # an unchanged cluster keeps its id
    for identity, group in enumerate(before):
        if group in after:
            assert {found.ids[node] for node in group} == {identity}
    # what is new is not older than anything
    assert found.created == sorted(set(found.ids.values()) - set(old.values()))


@given(before=partitions(), after=partitions(), random=st.randoms(use_true_random=False))
def test_the_order_of_clusters_does_not_matter(before: list[set[int]], after: list[set[int]], random: object) -> None:
    old = {node: number for number, group in enumerate(before) for node in group}
    shuffled = list(after)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert assigned(old, after) == assigned(dict(reversed(old.items())), shuffled)


@given(partition=partitions())
def test_the_same_partition_keeps_all_ids(partition: list[set[int]]) -> None:
    first = assigned({}, partition)
    again = assigned(first.ids, partition)
    assert again == Assignment(ids=first.ids)


def test_a_merge_keeps_the_older_id_and_redirects_the_other() -> None:
    found = assign_ids({1: "b", 2: "a"}, {"a": 2, "b": 1}, [{1, 2, 3}], str)
    assert found == Assignment(ids={1: "b", 2: "b", 3: "b"}, redirects={"a": "b"})


def test_a_split_keeps_the_id_with_the_larger_part() -> None:
    found = assign_ids({1: 5, 2: 5, 3: 5}, {5: 1}, [{1}, {2, 3}], numbered())
    assert found == Assignment(ids={1: 100, 2: 5, 3: 5}, created=[100])


def test_of_equal_parts_that_with_the_smallest_object_keeps_the_id() -> None:
    assert assign_ids({1: 5, 2: 5}, {5: 1}, [{2}, {1}], numbered()).ids == {1: 5, 2: 100}
