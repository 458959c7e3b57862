"""Clusters from links: strongest first, within constraints, whatever the order of the input."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stash_pipeline.matching.clustering import (
    Clustering,
    Contradiction,
    Links,
    OneEach,
    OneValue,
    Pair,
    cluster,
)
from stash_pipeline.matching.phash import resemblance
from stash_pipeline.matching.rules import LinkRule
from stash_pipeline_tests.examples import examples

RULES = (
    LinkRule("oshash", identity=True),
    LinkRule("stash_id"),
    LinkRule("phash", complete=True),
)
OSHASH, STASH_ID, PHASH = range(3)
Link = tuple[int, int, float, int]


class Case(NamedTuple):
    size: int
    links: list[Link]
    same: list[Pair]
    different: list[Pair]
    birthdate: list[int]
    instance: list[int]
    picture: list[int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size = draw(st.integers(2, 9))
    node = st.integers(0, size - 1)
    pair = st.tuples(node, node).filter(lambda pair: pair[0] != pair[1])
    link = st.tuples(pair, st.sampled_from((0.9, 0.95, 1.0)), st.sampled_from((OSHASH, STASH_ID, PHASH)))
    links = [(left, right, strength, rule) for (left, right), strength, rule in draw(st.lists(link, max_size=16))]
    several = st.lists(pair, max_size=3)
    some = st.integers(-1, 3)
    return Case(
        size, links, draw(several), draw(several),
        *(draw(st.lists(some, min_size=size, max_size=size)) for _ in range(3)),
    )  # fmt: skip


def clustered(case: Case, links: list[Link] | None = None) -> Clustering:
    columns = list(zip(*(case.links if links is None else links), strict=True)) or [(), (), (), ()]
    return cluster(
        case.size,
        Links(*(np.array(column) for column in columns)),
        RULES,
        same=case.same,
        different=case.different,
        exclusions=(
            OneValue("birthdate", np.array(case.birthdate)),
            OneEach("instance", np.array(case.instance)),
        ),
        within=near(case),
    )


def near(case: Case) -> Callable[[int, int], bool]:
    """Pictures resemble each other if they are neighbours; so that resemblance is not transitive."""
    return lambda left, right: abs(case.picture[left] - case.picture[right]) <= 1


def chains(size: int, pairs: list[Pair]) -> list[set[int]]:
    """The sets that pairs join, by walking them."""
    found: list[set[int]] = [{node} for node in range(size)]
    for left, right in pairs:
        one = next(group for group in found if left in group)
        if right not in one:
            other = next(group for group in found if right in group)
            found.remove(other)
            one |= other
    return found


def together(groups: list[set[int]], left: int, right: int) -> bool:
    return any(left in group and right in group for group in groups)


def model(case: Case) -> tuple[list[set[int]], int]:
    """The definition, set by set: every link is tried, and what it would make is looked at whole."""
    joined = list(case.same)
    identical = list(case.same)
    alike = list(case.same)
    by_people = chains(case.size, case.same)
    refused = 0
    for left, right, _, number in sorted(
        case.links, key=lambda link: (-link[2], min(link[:2]), max(link[:2]), link[3])
    ):
        rule = RULES[number]
        groups = chains(case.size, joined)
        mine = next(group for group in groups if left in group)
        theirs = next(group for group in groups if right in group)
        if mine is theirs:
            if rule.identity:
                identical.append((left, right))
                alike.append((left, right))
            continue
        whole = mine | theirs
        # what people made themselves is no reason
        apart = any({a, b} <= whole and not together(by_people, a, b) for a, b in case.different)
        first = {case.birthdate[node] for node in mine} - {-1}
        second = {case.birthdate[node] for node in theirs} - {-1}
        values = bool(first and second) and not (first <= second or second <= first)
        files = chains(case.size, [*identical, *([(left, right)] if rule.identity else [])])
        each = any(
            case.instance[a] == case.instance[b] >= 0 and not together(files, a, b) for a in mine for b in theirs
        )
        pictures = chains(case.size, alike)
        looks = rule.complete and not all(
            near(case)(a, b)
            for a in next(group for group in pictures if left in group)
            for b in next(group for group in pictures if right in group)
        )
        if apart or values or each or looks:
            refused += 1
            continue
        joined.append((left, right))
        if rule.identity:
            identical.append((left, right))
        if rule.identity or rule.complete:
            alike.append((left, right))
    return chains(case.size, joined), refused


def partition(found: Clustering) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for node, label in enumerate(found.labels.tolist()):
        groups.setdefault(label, set()).add(node)
    assert all(label == min(group) for label, group in groups.items())
    return {frozenset(group) for group in groups.values()}


@settings(deadline=None, max_examples=examples(250))
@given(case=cases())
def test_clusters_are_those_of_the_definition(case: Case) -> None:
    expected, refused = model(case)
    found = clustered(case)
    assert partition(found) == {frozenset(group) for group in expected}
    assert len(found.refusals) == refused


@settings(deadline=None, max_examples=examples(150))
@given(case=cases(), random=st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(case: Case, random: object) -> None:
    shuffled = [(right, left, strength, rule) for left, right, strength, rule in case.links]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    turned = case._replace(
        same=[(right, left) for left, right in reversed(case.same)],
        different=[(right, left) for left, right in reversed(case.different)],
    )
    one, other = clustered(case), clustered(turned, shuffled)
    assert one.labels.tolist() == other.labels.tolist()
    assert one.refusals == other.refusals
    assert one.contradictions == other.contradictions


@settings(deadline=None, max_examples=examples(150))
@given(case=cases())
def test_a_refusal_names_two_objects_that_keep_the_clusters_apart(case: Case) -> None:
    found = clustered(case)
    apart = {(min(pair), max(pair)) for pair in case.different}
    for refusal in found.refusals:
        low, high = refusal.between
        assert low < high and refusal.left < refusal.right
        reasons = {
            "decision": (low, high) in apart,
            "birthdate": -1 not in {case.birthdate[low], case.birthdate[high]}
            and case.birthdate[low] != case.birthdate[high],
            "instance": case.instance[low] == case.instance[high] >= 0,
            "linkage": not near(case)(low, high),
        }
        assert reasons[refusal.reason]


def links(*rows: Link) -> Links:
    return Links(*(np.array(column) for column in zip(*rows, strict=True)))


NOTHING = np.empty(0, np.int64)
NO_LINKS = Links(NOTHING, NOTHING, np.empty(0), NOTHING)


def test_a_stronger_link_wins_over_one_that_it_contradicts() -> None:
    found = cluster(
        3, links((0, 1, 0.9, STASH_ID), (1, 2, 0.99, STASH_ID)), RULES[:2],
        exclusions=[OneValue("birthdate", np.array([19900101, -1, 19910101]))],
    )  # fmt: skip
    assert found.labels.tolist() == [0, 1, 1]
    (refusal,) = found.refusals
    assert refusal == (0, 1, 0.9, "stash_id", "birthdate", (0, 2))


def test_what_people_call_the_same_is_above_every_constraint() -> None:
    found = cluster(
        3, links((1, 2, 1.0, STASH_ID)), RULES[:2], same=[(0, 1)],
        exclusions=[OneEach("instance", np.array([7, 7, 7])), OneValue("birthdate", np.array([1, 2, -1]))],
    )  # fmt: skip
    assert found.labels.tolist() == [0, 0, 2]
    assert [refusal.reason for refusal in found.refusals] == ["instance"]


def test_a_value_that_people_accepted_in_a_cluster_is_no_reason_against_more_of_it() -> None:
    birthdate = OneValue("birthdate", np.array([1, 2, 2, 3]))
    found = cluster(
        4, links((1, 2, 1.0, STASH_ID), (1, 3, 0.9, STASH_ID)), RULES[:2], same=[(0, 1)], exclusions=[birthdate]
    )
    assert found.labels.tolist() == [0, 0, 0, 3]


def test_values_may_be_compatible_without_being_equal() -> None:
    values = np.array([1990, 199005, 199006])
    birthdate = OneValue("birthdate", values, lambda one, other: str(one) in str(other) or str(other) in str(one))
    found = cluster(
        3, links((0, 1, 1.0, STASH_ID), (0, 2, 0.9, STASH_ID)), RULES[:2], exclusions=[birthdate]
    )  # fmt: skip
    assert found.labels.tolist() == [0, 0, 2]
    assert found.refusals[0].between == (1, 2)


def test_contradicting_decisions_are_reported_with_their_chain() -> None:
    found = cluster(5, NO_LINKS, RULES[:2], same=[(3, 1), (1, 0), (0, 4)], different=[(4, 3), (2, 3)])
    assert found.contradictions == [Contradiction(3, 4, (3, 1, 0, 4))]
    assert found.labels.tolist() == [0, 0, 2, 0, 0]


def test_people_s_different_holds_through_other_objects() -> None:
    found = cluster(4, links((0, 1, 1, STASH_ID), (2, 3, 1, STASH_ID), (1, 2, 1, STASH_ID)), RULES, different=[(3, 0)],
                    within=lambda left, right: True)  # fmt: skip
    assert partition(found) == {frozenset({0, 1, 2}), frozenset({3})}
    assert [(refusal.reason, refusal.between) for refusal in found.refusals] == [("decision", (0, 3))]


def test_two_scenes_of_one_instance_are_joined_by_a_hash_only() -> None:
    instance = [OneEach("instance", np.array([1, 1, 2]))]
    chain = ((0, 2, 0.99, STASH_ID), (1, 2, 0.98, STASH_ID))
    assert cluster(3, links(*chain), RULES[:2], exclusions=instance).labels.tolist() == [0, 1, 0]
    hashed = cluster(3, links(*chain, (0, 1, 1.0, OSHASH)), RULES[:2], exclusions=instance)
    assert hashed.labels.tolist() == [0, 0, 0]
    # the hash of a third one says nothing of these two
    other = cluster(3, links((0, 2, 1.0, OSHASH), chain[1]), RULES[:2], exclusions=instance)
    assert other.labels.tolist() == [0, 1, 0]


def test_a_hash_counts_between_objects_that_another_link_has_joined_before() -> None:
    rows = ((0, 1, 1.0, STASH_ID), (0, 1, 0.95, OSHASH), (1, 2, 0.9, OSHASH))
    instance = OneEach("instance", np.array([1, 2, 1]))
    assert cluster(3, links(*rows), RULES[:2], exclusions=[instance]).labels.tolist() == [0, 0, 0]
    assert cluster(3, links(rows[0], rows[2]), RULES[:2], exclusions=[instance]).labels.tolist() == [0, 0, 2]


def test_perceptual_hashes_do_not_chain() -> None:
    within = resemblance([[(0b0, 1000)], [(0xFF, 1000)], [(0xFFFF, 1000)]], 8, 1000)
    found = cluster(3, links((0, 1, 0.9, PHASH), (1, 2, 0.9, PHASH)), RULES, within=within)
    assert found.labels.tolist() == [0, 0, 2]
    assert found.refusals[0][4:] == ("linkage", (0, 2))


def test_perceptual_hashes_do_not_chain_through_copies_of_a_file() -> None:
    hashes = [[(0b0, 1000)], [(0xFF, 1000)], [(0xFF, 1000)], [(0xFFFF, 1000)]]
    rows = ((1, 2, 1.0, OSHASH), (0, 1, 0.9, PHASH), (2, 3, 0.9, PHASH))
    found = cluster(4, links(*rows), RULES, within=resemblance(hashes, 8, 1000))
    assert found.labels.tolist() == [0, 0, 0, 3]


def test_what_another_link_has_joined_need_not_look_alike() -> None:
    hashes = [[(0b0, 1000)], [(2**60 - 1, 1000)], [(0b11, 1000)]]
    rows = ((0, 1, 1.0, STASH_ID), (0, 2, 0.9, PHASH))
    assert cluster(3, links(*rows), RULES, within=resemblance(hashes, 8, 1000)).labels.tolist() == [0, 0, 0]


def test_resemblance_takes_any_file_of_an_object() -> None:
    within = resemblance([[(0, 1000), (0xFFFF, 5000)], [(0xFFF0, 5500)], [], [(0, -1)]], 4, 500)
    assert within(0, 1)
    assert not within(1, 3)
    assert not within(0, 3), "an unknown duration is within no window"
    assert within(0, 2) and within(2, 3), "nothing to compare"
    assert resemblance([[(0, -1)], [(1, 5)]], 4, None)(0, 1)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ((0, 3, 1.0, 0), "node is from 0 to 2"),
        ((-1, 1, 1.0, 0), "node is from 0 to 2"),
        ((0, 1, 1.0, 2), "rule is from 0 to 1"),
        ((0, 1, float("nan"), 0), "needs a strength"),
    ],
)
def test_links_of_nothing_are_refused(rows: Link, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        cluster(3, links(rows), RULES[:2])


def test_a_rule_with_complete_linkage_needs_a_comparison() -> None:
    with pytest.raises(ValueError, match="Complete linkage"):
        cluster(3, NO_LINKS, RULES)


def test_nothing_makes_no_clusters() -> None:
    assert cluster(0, NO_LINKS, RULES[:2]).labels.tolist() == []
    assert cluster(2, NO_LINKS, RULES[:2]).labels.tolist() == [0, 1]
