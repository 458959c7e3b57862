"""The match rules: which agreements of two objects make them the same thing, as data with a version.

A comparison names what agrees (``oshash``, ``name``) and what contradicts (``birthdate_differs``). A rule says of one
or more agreements together what they may do:

=========================  ============================================================================================
``merge``                  joins, unless a contradiction forbids it
``merge_if_uncontradicted``  joins, if also nothing speaks against it, or something else agrees as well
``merge_with_another``     joins, if something else agrees as well
``propose``                a candidate for a person
``corroborate``            nothing alone; it is the other agreement of another rule
=========================  ============================================================================================

A contradiction *forbids* every automatic link, or it *warns*: then one more agreement is needed. Agreements of one
family do not confirm each other: two fields may have one origin.

Confidence is the share of right pairs, where it was measured, or an assumption; the rule says which. Change a rule, and
raise ``VERSION``: links remember by which version they were decided.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from stash_pipeline.matching.rule_table import (
    AGREEMENTS,
    CONTRADICTIONS,
    PARAMETERS,
    RULES,
    VERSION,
    ContradictionRule,
    MatchRule,
)

Action: TypeAlias = Literal["merge", "propose", "nothing"]
_HASHES = {"oshash", "md5", "phash_exact", "phash_close", "phash"}
_NO_DETAILS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Decision:
    """What two objects are to each other.

    Attributes:
        rule: the id of the rule that decided; of several the most confident.
        evidence: what agrees and contradicts with details, what confirmed the rule, and why it did not merge.
    """

    action: Action
    confidence: float = 0.0
    rule: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LinkRule:
    """What a link may do in :mod:`stash_pipeline.matching.clustering`.

    Attributes:
        complete: joins only where all pairs of both sides are within the limits.
        identity: a hash says so; objects that are joined so may be of one instance, see ``OneEach``.
    """

    name: str
    complete: bool = False
    identity: bool = False


_NOTHING = Decision("nothing")


def rules_digest() -> str:
    """What identifies the content of the rules, in hexadecimal digits."""
    content = {
        "version": VERSION,
        "rules": [asdict(rule) for rule in RULES],
        "contradictions": [asdict(rule) for rule in CONTRADICTIONS],
        "agreements": {kind: dict(families) for kind, families in AGREEMENTS.items()},
        "parameters": {name: dict(values) for name, values in PARAMETERS.items()},
    }
    text = json.dumps(content, sort_keys=True, default=sorted)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def evaluate(
    kind: str,
    agreements: Mapping[str, Any] | Collection[str],
    contradictions: Mapping[str, Any] | Collection[str] = (),
) -> Decision:
    """What follows for two objects from all that agrees and contradicts.

    Args:
        kind: ``scenes``, ``performers`` and so on.
        agreements, contradictions: names of the table, as keys with details for the evidence, or alone.

    Raises:
        ValueError: for a name that the table does not have for this kind.
    """
    agreed, contradicted = _details(agreements), _details(contradictions)
    decision = _by_names(kind, tuple(agreed), tuple(contradicted))
    if decision.rule is None:
        return decision
    evidence = {"agrees": agreed, "contradicts": contradicted, **decision.evidence}
    return Decision(decision.action, decision.confidence, decision.rule, evidence)


@lru_cache(maxsize=4096)
def _by_names(kind: str, agreed: tuple[str, ...], contradicted: tuple[str, ...]) -> Decision:
    """The decision without the details: many pairs agree and contradict in the same names."""
    families = AGREEMENTS.get(kind)
    if families is None:
        raise ValueError(f"There are no match rules for {kind!r}.")
    effects = _effects(kind)
    unknown = [name for name in agreed if name not in families] + [name for name in contradicted if name not in effects]
    if unknown:
        raise ValueError(f"The match rules for {kind} know no {unknown[0]!r}.")
    forbids = sorted(name for name in contradicted if effects[name].effect == "forbid")
    warns = sorted(name for name in contradicted if effects[name].effect == "warn")
    proposed = _NOTHING
    for rule in _rules_by_confidence(kind):
        if not rule.requires.issubset(agreed):
            continue
        used = {families[name] for name in rule.requires}
        others = sorted(name for name in agreed if families[name] not in {None, *used})
        reason = _obstacle(rule, forbids, warns, others)
        if reason is None:
            return Decision("merge", rule.confidence, rule.id, {"confirmed_by": others})
        if rule.effect != "corroborate" and proposed is _NOTHING:
            proposed = Decision("propose", rule.confidence, rule.id, {"not_merged": reason})
    return proposed


def _obstacle(rule: MatchRule, forbids: list[str], warns: list[str], others: list[str]) -> str | None:
    """Why a rule does not merge."""
    if rule.effect in ("propose", "corroborate"):
        return "a person decides"
    if forbids:
        return f"{forbids[0]} forbids it"
    if rule.effect == "merge_with_another" and not others:
        return "nothing else agrees"
    if rule.effect != "merge" and warns and not others:
        return f"{warns[0]}, and nothing else agrees"
    if rule.effect == "merge_with_another" and warns and len(others) < 2:
        return f"{warns[0]}, and only {others[0]} agrees"
    return None


@cache
def _rules(kind: str) -> list[MatchRule]:
    return [rule for rule in RULES if rule.kind == kind]


@cache
def _rules_by_confidence(kind: str) -> list[MatchRule]:
    return sorted(_rules(kind), key=lambda rule: -rule.confidence)


@cache
def _effects(kind: str) -> dict[str, ContradictionRule]:
    return {rule.name: rule for rule in CONTRADICTIONS if rule.kind == kind}


def _details(given: Mapping[str, Any] | Collection[str]) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(sorted(given.items()))
    return dict.fromkeys(sorted(given), _NO_DETAILS)


def link_rules(kind: str) -> list[LinkRule]:
    """The rules of a kind as those of links in clusters: what rests on a picture must not chain."""
    families = AGREEMENTS[kind]
    return [
        LinkRule(
            rule.id,
            complete="picture" in {families[name] for name in rule.requires},
            identity=bool(rule.requires & _HASHES),
        )
        for rule in _rules(kind)
    ]
