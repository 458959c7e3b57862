"""From records of a known truth to clusters, and how right they are: per rule and altogether."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from stash_pipeline.matching.clustering import Clustering, Links, OneEach, OneValue, cluster
from stash_pipeline.matching.compare import Performer, Scene, compare_performers, compare_scenes
from stash_pipeline.matching.dates import PartialDate, compare_dates
from stash_pipeline.matching.phash import resemblance
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.matching.rules import Decision, evaluate, link_rules
from stash_pipeline_tests.matching.phash_arrays import all_pairs, crowded, degenerate
from stash_pipeline_tests.matching.truth import Truth

Pair = tuple[int, int]
T = TypeVar("T")
LARGEST_BLOCK = 200


@dataclass
class Quality:
    """Pairs that are right and wrong: per rule those that it decided on, and all pairs of the clusters."""

    pairs: int = 0
    """True pairs, and of them those with evidence."""
    with_evidence: int = 0
    found: int = 0
    found_with_evidence: int = 0
    wrong: int = 0
    merged: dict[str, list[int]] = field(default_factory=dict)
    proposed: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.wrong)

    @property
    def recall(self) -> float:
        """Of the pairs with evidence."""
        return self.found_with_evidence / max(1, self.with_evidence)

    def figures(self) -> dict[str, Any]:
        def per_rule(counts: dict[str, list[int]]) -> dict[str, Any]:
            return {
                rule: {"pairs": right + wrong, "precision": round(right / (right + wrong), 5)}
                for rule, (wrong, right) in sorted(counts.items())
            }

        return {
            "true pairs": self.pairs,
            "of them with evidence": self.with_evidence,
            "precision": round(self.precision, 6),
            "recall where evidence exists": round(self.recall, 4),
            "recall of all true pairs": round(self.found / max(1, self.pairs), 4),
            "merged by rule": per_rule(self.merged),
            "proposed by rule": per_rule(self.proposed),
            "refused by reason": dict(sorted(self.refused.items())),
        }


def blocks(keys: Iterable[tuple[int, Hashable]], largest: int = LARGEST_BLOCK) -> set[Pair]:
    """Pairs of records with a key in common; keys of more records than ``largest`` are none."""
    by_key: dict[Hashable, list[int]] = defaultdict(list)
    for record, key in keys:
        by_key[key].append(record)
    return {pair for records in by_key.values() if len(records) <= largest for pair in combinations(records, 2)}


def true_pairs(truth: list[int]) -> set[Pair]:
    return blocks(enumerate(truth), len(truth))


def evaluate_performers(made: Truth) -> tuple[Quality, Clustering]:
    """Evidence: an id, a page or two names in common, or one name and at least the year of birth.

    One name alone is none: most pairs that share no more than that are two people.
    """
    records = [record for record in made.records if isinstance(record, Performer)]
    keys: list[tuple[int, Hashable]] = []
    for number, record in enumerate(records):
        keys += [(number, one) for one in record.stash_ids]
        keys += [(number, ("url", url)) for url in record.urls]
        keys += [(number, name) for name in record.names if " " in name]
        if record.birthdate and record.birthdate.day:
            keys.append((number, record.birthdate))
    birth = np.array([_as_number(record.birthdate) for record in records], np.int64)

    def compatible(one: int, other: int) -> bool:
        return compare_dates(_as_date(one), _as_date(other)) != "contradicts"

    decisions = {
        pair: evaluate("performers", *compare_performers(records[pair[0]], records[pair[1]])) for pair in blocks(keys)
    }
    found = _cluster("performers", len(records), decisions, exclusions=[OneValue("birthdate", birth, compatible)])
    evidence = {
        pair
        for pair, decision in decisions.items()
        if (agrees := decision.evidence.get("agrees", {}).keys()) & {"stash_id", "url", "two_names"}
        or (agrees & {"birthdate", "birth_year"} and agrees & {"name", "typo"})
    }
    return _quality(made.truth, decisions, found, evidence), found


def _as_number(value: PartialDate | None) -> int:
    return -1 if value is None else value.year * 10_000 + (value.month or 0) * 100 + (value.day or 0)


def _as_date(number: int) -> PartialDate:
    return PartialDate(number // 10_000, number // 100 % 100 or None, number % 100 or None)


def evaluate_scenes(made: Truth) -> tuple[Quality, Clustering]:
    """Evidence: a hash in common, or phashes within 8 bits and 5 seconds that are not short, plain or crowded."""
    records = [record for record in made.records if isinstance(record, Scene)]
    files = [record.files[0] for record in records]
    phash = np.array([file.phash or 0 for file in files], np.uint64)
    duration = np.array([file.duration for file in files], np.int64)
    with_hash = np.array([file.phash is not None for file in files])
    limits = PARAMETERS["phash"]
    near = all_pairs(phash, duration, distance=limits["distance"], window=limits["window"])
    both = with_hash[near.left] & with_hash[near.right]
    weak = degenerate(phash) | (duration < limits["minimum_duration"])
    weak |= crowded(near.left[both], near.right[both], len(files), limits["most_neighbours"])
    records = [
        replace(record, files=(replace(file, weak=bool(proves_nothing)),))
        for record, file, proves_nothing in zip(records, files, weak, strict=True)
    ]
    files = [record.files[0] for record in records]
    keys: list[tuple[int, Hashable]] = []
    for number, record in enumerate(records):
        keys += [(number, one) for one in record.stash_ids]
        keys += [(number, key) for key in (record.files[0].oshash, record.files[0].path) if key]
        if record.title:
            keys.append((number, (record.title, record.studio)))
    pairs = blocks(keys) | set(zip(near.left[both].tolist(), near.right[both].tolist(), strict=True))
    decisions = {pair: evaluate("scenes", *compare_scenes(records[pair[0]], records[pair[1]])) for pair in pairs}
    hashes = [
        [] if file.phash is None or file.weak else [(file.phash, file.duration)] for file in files
    ]  # fmt: skip
    found = _cluster(
        "scenes", len(records), decisions,
        exclusions=[OneEach("instance", np.array(made.instance))],
        within=resemblance(hashes, limits["distance"], limits["window"]),
    )  # fmt: skip
    evidence = {
        pair
        for pair, decision in decisions.items()
        if {"oshash", "md5", "phash"} & decision.evidence.get("agrees", {}).keys()
    }
    return _quality(made.truth, decisions, found, evidence), found


def _cluster(kind: str, size: int, decisions: dict[Pair, Decision], **constraints: Any) -> Clustering:
    rules = link_rules(kind)
    numbers = {rule.name: number for number, rule in enumerate(rules)}
    rows = [
        (left, right, decision.confidence, numbers[decision.rule or ""])
        for (left, right), decision in decisions.items()
        if decision.action == "merge"
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return cluster(size, Links(*columns), rules, **constraints)


def _quality(truth: list[int], decisions: dict[Pair, Decision], found: Clustering, evidence: set[Pair]) -> Quality:
    right = true_pairs(truth)
    joined = true_pairs(found.labels.tolist())
    seen = right & evidence
    quality = Quality(
        len(right), len(seen), len(right & joined), len(seen & joined), len(joined - right)
    )  # fmt: skip
    for pair, decision in decisions.items():
        if decision.rule:
            counts = quality.merged if decision.action == "merge" else quality.proposed
            counts.setdefault(decision.rule, [0, 0])[truth[pair[0]] == truth[pair[1]]] += 1
    for refusal in found.refusals:
        quality.refused[refusal.reason] = quality.refused.get(refusal.reason, 0) + 1
    return quality
