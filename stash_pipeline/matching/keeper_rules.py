"""The rules that suggest which of several copies to keep, as data with a version, and their application.

Rules apply in order. Each compares the copies that are left, and drops those that are worse than the best of them by
more than its tolerance; what one rule leaves open, the next decides. A suggestion is only that: nothing is deleted.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import inf
from typing import Final, Literal

VERSION: Final = 1
"""To be raised with every change of the rules."""

CODECS: Final = (("av1",), ("hevc", "h265"), ("h264", "avc1", "avc"))
"""Video codecs, the best first; those of one place are equal. All others share the last place."""


@dataclass(frozen=True, slots=True)
class KeeperRule:
    """One rule.

    Attributes:
        name: of the value that it compares.
        wins: the greater or the smaller value; in each case an unknown one loses.
        entities: that it applies to.
        tolerance: share of the best value by which another may be worse and count as equal.
        alike: compared only between copies with the same value of another rule.
        quality: says something about the video itself: what no merge can carry over.
    """

    name: str
    wins: Literal["greater", "smaller"]
    entities: tuple[str, ...]
    why: str
    tolerance: float = 0.0
    alike: str | None = None
    quality: bool = False


_VIDEOS: Final = ("scenes", "files")
_NAMED: Final = ("performers", "studios", "tags")
_WITH_IDS: Final = ("scenes", *_NAMED)

RULES: Final = (
    KeeperRule("protected", "greater", ("scenes", "files", *_NAMED), "you protected its path or its tag"),
    KeeperRule("resolution", "greater", _VIDEOS, "pixels; cropped borders do not count", 0.02, quality=True),
    KeeperRule("codec", "greater", _VIDEOS, "av1 before hevc before h264 before all others", quality=True),
    KeeperRule("bit_rate", "greater", _VIDEOS, "of one codec, more bits show more", 0.1, "codec", quality=True),
    KeeperRule("size", "greater", _VIDEOS, "sound and subtitles that the bit rate of the video omits", 0.02, "codec"),
    KeeperRule("markers", "greater", ("scenes",), "somebody's work, which a merge has to carry over"),
    KeeperRule("plays", "greater", ("scenes",), "the history is there"),
    KeeperRule("organized", "greater", ("scenes",), "somebody has looked after it"),
    KeeperRule("stash_ids", "greater", _WITH_IDS, "it can be updated from its stash-boxes"),
    KeeperRule("favorite", "greater", _NAMED, "you chose it"),
    KeeperRule("fields", "greater", _NAMED, "more is filled in"),
    KeeperRule("aliases", "greater", _NAMED, "more names find it"),
    KeeperRule("primary", "greater", ("files",), "Stash plays it"),
    KeeperRule("priority", "smaller", ("scenes", "files", *_NAMED), "the priority of its instance"),
    KeeperRule("created", "smaller", ("scenes", "files", *_NAMED), "it was there first"),
)
"""In the order in which they apply. The last resort is the smaller id."""


def keeper_digest() -> str:
    """What identifies the content of the rules, in hexadecimal digits."""
    content = [VERSION, CODECS, [asdict(rule) for rule in RULES]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@cache
def rules_for(entity: str) -> tuple[KeeperRule, ...]:
    """The rules of an entity, in order."""
    return tuple(rule for rule in RULES if entity in rule.entities)


@cache
def quality_rules(entity: str) -> tuple[KeeperRule, ...]:
    """Those of the rules that say something about the video itself."""
    return tuple(rule for rule in rules_for(entity) if rule.quality)


@cache
def codec_rank(codec: str | None) -> int:
    """The place of a codec: the greater the better."""
    name = (codec or "").lower()
    for place, names in enumerate(CODECS):
        if name in names:
            return len(CODECS) - place
    return 0


Values = Mapping[str, float | None]
"""What the rules compare, by the names of the rules."""


def choose(entity: str, copies: Sequence[Values]) -> int:
    """The position of the copy to keep.

    Args:
        copies: in the order that is the last resort.
    """
    if len(copies) == 2:
        return _choose_of_two(entity, *copies)
    left = list(range(len(copies)))
    for rule in rules_for(entity):
        if len(left) == 1:
            break
        first = copies[left[0]].get(rule.name)
        if all(copies[position].get(rule.name) == first for position in left):
            continue
        best = left[0]
        for position in left[1:]:
            if _order(rule, copies[position]) > _order(rule, copies[best]):
                best = position
        left = [position for position in left if not better(rule, copies[best], copies[position])]
    return left[0]


def _choose_of_two(entity: str, first: Values, second: Values) -> int:
    """The same of two copies, which most groups have."""
    for rule in rules_for(entity):
        if first.get(rule.name) != second.get(rule.name):
            if better(rule, first, second):
                return 0
            if better(rule, second, first):
                return 1
    return 0


def better(rule: KeeperRule, values: Values, other: Values) -> bool:
    """Whether a copy is better than another by a rule, and by more than its tolerance."""
    value, against = values.get(rule.name), other.get(rule.name)
    if value is None or value == against:
        return False
    if rule.alike and values.get(rule.alike) != other.get(rule.alike):
        return False
    if against is None:
        return True
    difference = value - against if rule.wins == "greater" else against - value
    return difference > abs(value) * rule.tolerance


def _order(rule: KeeperRule, values: Values) -> float:
    """Sorts copies by a rule, the best last."""
    value = values.get(rule.name)
    if value is None:
        return -inf
    return value if rule.wins == "greater" else -value


def better_by(entity: str, values: Values, other: Values) -> list[KeeperRule]:
    """The rules by which a copy is better than another, in order."""
    return [
        rule
        for rule in rules_for(entity)
        if values.get(rule.name) != other.get(rule.name) and better(rule, values, other)
    ]
