"""How right the automatic links are, on libraries of a known truth whose seeds no rule was tuned with."""

import pytest

from stash_pipeline.matching.rule_table import RULES
from stash_pipeline_tests.matching.evaluation import evaluate_performers, evaluate_scenes, true_pairs
from stash_pipeline_tests.matching.truth import performers, scenes

TRUTHS = [(901, 2), pytest.param(902, 3, marks=pytest.mark.integration), (903, 4)]
"""Seeds, and how many instances."""


@pytest.mark.parametrize(("seed", "instances"), TRUTHS)
def test_scenes_are_joined_rightly_where_hashes_speak(seed: int, instances: int) -> None:
    made = scenes(seed, 4000, instances)
    quality, found = evaluate_scenes(made)
    assert quality.with_evidence > 1000
    assert quality.precision >= 0.999
    assert quality.recall >= 0.98
    # the traps were there: wrong ids, and series and clips that resemble each other
    assert quality.proposed["scenes:stash_id"][0] > 5
    assert quality.proposed["scenes:phash"][0] > 0
    assert quality.refused["instance"] > 0
    twins = [pair for pair in true_pairs(found.labels.tolist()) if made.instance[pair[0]] == made.instance[pair[1]]]
    assert twins


@pytest.mark.parametrize(("seed", "instances"), TRUTHS)
def test_performers_are_joined_rightly_where_more_than_a_name_agrees(seed: int, instances: int) -> None:
    quality, _ = evaluate_performers(performers(seed, 5000, instances))
    assert quality.with_evidence > 2000
    assert quality.precision >= 0.999
    assert quality.recall >= 0.75
    wrong, right = quality.proposed["performers:name"]
    assert wrong > right > 100, "names are shared: one alone does not merge"


def test_every_rule_that_was_measured_is_as_right_as_the_table_says() -> None:
    quality, _ = evaluate_performers(performers(904, 8000))
    for rule in RULES:
        if rule.kind == "performers" and rule.effect.startswith("merge") and rule.source == "measured":
            wrong, right = quality.merged[rule.id]
            assert right / (right + wrong) >= rule.confidence - 0.002, rule.id


def test_a_truth_is_the_same_for_the_same_seed_only() -> None:
    assert performers(1, 300) == performers(1, 300) != performers(2, 300)
    assert scenes(1, 300) == scenes(1, 300) != scenes(2, 300)
