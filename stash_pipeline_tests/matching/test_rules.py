"""What agreements and contradictions of two objects lead to, row by row of the table."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.matching.rule_table import AGREEMENTS, CONTRADICTIONS, RULES, VERSION, MatchRule
from stash_pipeline.matching.rules import evaluate, rules_digest

MERGING = [rule for rule in RULES if rule.effect.startswith("merge")]
ids = [rule.id for rule in RULES]


def confirming(rule: MatchRule) -> str | None:
    """An agreement of another family that merges nothing itself."""
    families = AGREEMENTS[rule.kind]
    used = {families[name] for name in rule.requires}
    alone = {name for one in RULES if one.kind == rule.kind and one.effect.startswith("merge") for name in one.requires}
    return next((name for name, family in families.items() if family not in {None, *used} and name not in alone), None)


def contradictions(kind: str, effect: str) -> list[str]:
    return [one.name for one in CONTRADICTIONS if one.kind == kind and one.effect == effect]


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_what_a_rule_does_alone(rule: MatchRule) -> None:
    found = evaluate(rule.kind, rule.requires)
    if rule.effect in ("merge", "merge_if_uncontradicted"):
        assert (found.action, found.rule, found.confidence) == ("merge", rule.id, rule.confidence)
    elif rule.effect in ("merge_with_another", "propose"):
        assert (found.action, found.rule, found.confidence) == ("propose", rule.id, rule.confidence)
    else:
        assert found.action == "nothing"


@pytest.mark.parametrize("rule", MERGING, ids=[rule.id for rule in MERGING])
def test_a_contradiction_that_forbids_leaves_a_candidate(rule: MatchRule) -> None:
    for name in contradictions(rule.kind, "forbid"):
        found = evaluate(rule.kind, {*rule.requires, *filter(None, [confirming(rule)])}, [name])
        assert found.action == "propose"
        assert name in found.evidence["not_merged"]


@pytest.mark.parametrize("rule", MERGING, ids=[rule.id for rule in MERGING])
def test_a_contradiction_that_warns_asks_for_one_more_agreement(rule: MatchRule) -> None:
    another = confirming(rule)
    for name in contradictions(rule.kind, "warn"):
        alone = evaluate(rule.kind, rule.requires, [name])
        assert alone.action == ("merge" if rule.effect == "merge" else "propose")
        if another:
            confirmed = evaluate(rule.kind, {*rule.requires, another}, [name])
            assert confirmed.action == ("propose" if rule.effect == "merge_with_another" else "merge")


@pytest.mark.parametrize("rule", MERGING, ids=[rule.id for rule in MERGING])
def test_a_contradiction_that_is_ignored_changes_nothing(rule: MatchRule) -> None:
    for name in contradictions(rule.kind, "ignore"):
        with_it, without = evaluate(rule.kind, rule.requires, [name]), evaluate(rule.kind, rule.requires)
        assert (with_it.action, with_it.rule) == (without.action, without.rule)


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.effect == "merge_with_another"], ids=lambda rule: rule.id
)
def test_another_agreement_confirms(rule: MatchRule) -> None:
    another = confirming(rule)
    assert another
    found = evaluate(rule.kind, {*rule.requires, another})
    assert (found.action, found.rule) == ("merge", rule.id)
    assert found.evidence["confirmed_by"] == [another]


def test_agreements_of_one_family_do_not_confirm_each_other() -> None:
    assert evaluate("scenes", ["stash_id", "title", "date", "performers", "url"]).action == "propose"
    assert evaluate("scenes", ["stash_id", "duration"]).action == "merge"
    assert evaluate("scenes", ["phash", "duration"]).action == "propose"
    assert evaluate("scenes", ["phash", "title"]).action == "merge"
    assert evaluate("scenes", ["phash", "studio"]).action == "propose"


@pytest.mark.parametrize(
    ("agreements", "against", "action"),
    [
        (["stash_id"], [], "merge"),
        (["stash_id"], ["names_differ"], "propose"),
        (["stash_id", "birth_year"], ["names_differ"], "propose"),
        (["stash_id", "birthdate"], ["names_differ"], "merge"),
        (["stash_id", "name"], ["birthdate_differs"], "propose"),
        (["stash_id", "name"], ["stash_id_differs"], "merge"),
        (["name"], [], "propose"),
        (["name", "birth_year"], [], "propose"),
        (["name", "rare_name", "birth_year"], [], "merge"),
        (["typo"], [], "nothing"),
        (["typo", "birthdate"], [], "propose"),
        ([], ["birthdate_differs"], "nothing"),
    ],
)
def test_performers(agreements: list[str], against: list[str], action: str) -> None:
    assert evaluate("performers", agreements, against).action == action


def test_the_evidence_has_the_details_and_the_most_confident_rule_decides() -> None:
    found = evaluate("scenes", {"phash": {"distance": 6}, "oshash": "00ff", "title": "A"}, {"date_differs": ["1", "2"]})
    assert found.rule == "scenes:oshash"
    assert found.evidence["agrees"] == {"oshash": "00ff", "phash": {"distance": 6}, "title": "A"}
    assert found.evidence["contradicts"] == {"date_differs": ["1", "2"]}
    assert found.evidence["confirmed_by"] == ["phash", "title"]


def test_names_that_the_table_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="no match rules"):
        evaluate("markers", ["name"])
    with pytest.raises(ValueError, match="know no 'oshash'"):
        evaluate("performers", ["oshash"])
    with pytest.raises(ValueError, match="know no 'age_differs'"):
        evaluate("performers", ["name"], ["age_differs"])


@given(st.data())
def test_more_contradictions_never_merge_more(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(AGREEMENTS)))
    agreements = data.draw(st.sets(st.sampled_from(sorted(AGREEMENTS[kind]))))
    known = [one.name for one in CONTRADICTIONS if one.kind == kind]
    some = data.draw(st.sets(st.sampled_from(known))) if known else set()
    if evaluate(kind, agreements, some).action == "merge":
        assert evaluate(kind, agreements).action == "merge"


@given(st.data())
def test_more_agreements_never_merge_less(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(AGREEMENTS)))
    names = st.sampled_from(sorted(AGREEMENTS[kind]))
    agreements, more = data.draw(st.sets(names)), data.draw(st.sets(names))
    known = [one.name for one in CONTRADICTIONS if one.kind == kind]
    some = data.draw(st.sets(st.sampled_from(known))) if known else set()
    order = ["nothing", "propose", "merge"]
    fewer, all_of_them = evaluate(kind, agreements, some), evaluate(kind, agreements | more, some)
    assert order.index(all_of_them.action) >= order.index(fewer.action)
    assert all_of_them.action != fewer.action or all_of_them.confidence >= fewer.confidence


def test_the_table_is_whole() -> None:
    assert len(set(ids)) == len(ids)
    for rule in RULES:
        assert rule.requires <= AGREEMENTS[rule.kind].keys()
        assert 0 < rule.confidence <= 1
    for kind, families in AGREEMENTS.items():
        used = {name for rule in RULES if rule.kind == kind for name in rule.requires}
        assert used == families.keys(), "what can agree is of some use"
    names = [(one.kind, one.name) for one in CONTRADICTIONS]
    assert len(set(names)) == len(names) and {kind for kind, _ in names} <= AGREEMENTS.keys()
    # no rule is made useless by one that asks for less and does the same
    for one, other in combinations(MERGING, 2):
        assert one.kind != other.kind or one.requires != other.requires


def test_a_change_of_the_table_raises_its_version() -> None:
    assert (VERSION, rules_digest()) == (3, "31df48ca5d13cd02")
