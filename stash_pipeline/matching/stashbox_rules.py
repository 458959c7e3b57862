"""The rules for scenes of a stash-box: which evidence accepts one for a local scene, as data with a version.

A stash-box returns scenes for hashes without saying which hash matched, how near, or how many people vouch for it. All
of that is compared here (:mod:`stash_pipeline.matching.stashbox`). The association of a hash with a scene is an opinion
of people: whoever submits a file to a wrong scene submits all of its hashes and its duration there. One person's hash
is therefore confirmed by what does not come from the same submission: more votes, the duration of the scene itself,
another hash close by, or metadata.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeAlias

Action: TypeAlias = Literal["automatic", "review", "reject"]
Outcome: TypeAlias = Literal["automatic", "review", "reject", "accepted", "rejected"]
"""What the rules say, or what a person decided."""

PERSON: Final = "person"
"""Instead of a rule."""

VERSION: Final = 2
"""To be raised with every change of this module."""

PARAMETERS: Final[Mapping[str, float]] = {
    "exact_window": 2_000,
    "exact_window_share": 0.005,
    "close_distance": 4,
    "near_distance": 8,
    "window": 5_000,
    "differs_share": 0.1,
    "votes": 2,
    "most_hits": 10,
}
"""Bits, milliseconds, shares of a duration, and counts. ``most_hits``: a perceptual hash for which a box returns more
scenes proves nothing."""

EVIDENCE: Final[Mapping[str, str]] = {
    "oshash": "the same oshash, which more people confirm than report",
    "oshash_doubted": "the same oshash, which as many people report as confirm",
    "phash_exact": "the same perceptual hash, and as long to two seconds or 0.5 %",
    "phash_close": "a perceptual hash up to 4 bits apart, and as long to five seconds",
    "phash_near": "a perceptual hash up to 8 bits apart, and as long to five seconds",
    "phash_weak": "a perceptual hash up to 8 bits apart that proves nothing: of a short clip, a plain frame, a hash of "
    "many scenes, an unknown or another duration, or reported",
    "votes": "two people or more submitted that hash, and none reports it",
    "another_hash": "a perceptual hash close by that is not the same, so that another file was submitted",
    "duration": "the duration of the scene itself, to five seconds",
    "metadata": "title, code, date, studio, performers or a URL",
}
"""What can agree."""


@dataclass(frozen=True)
class StashBoxRule:
    """What pieces of evidence do together.

    Attributes:
        requires: all of these.
        any_of: and one of these; empty asks for none.
        confidence: the share of right scenes, as it is assumed; it orders the queue.
    """

    requires: frozenset[str]
    any_of: frozenset[str]
    action: Action
    confidence: float
    why: str

    @property
    def id(self) -> str:
        """What it requires, such as ``oshash+votes|duration``."""
        words = "+".join(sorted(self.requires))
        return f"{words}+{'|'.join(sorted(self.any_of))}" if self.any_of else words


def _rule(requires: str, any_of: str, action: Action, confidence: float, why: str) -> StashBoxRule:
    return StashBoxRule(frozenset(requires.split()), frozenset(any_of.split()), action, confidence, why)


RULES: Final[tuple[StashBoxRule, ...]] = (
    _rule("oshash", "votes another_hash duration metadata", "automatic", 0.9995,
          "the same file, and something that its submission does not contain"),
    _rule("phash_exact votes", "", "automatic", 0.999, "the same picture, as long, and two people agree"),
    _rule("phash_exact", "another_hash metadata", "automatic", 0.999,
          "the same picture, as long, and another origin agrees"),
    _rule("phash_close metadata", "", "automatic", 0.999, "a re-encode of a scene with the same metadata"),
    _rule("oshash", "", "review", 0.97, "one person's word"),
    _rule("phash_exact", "", "review", 0.97, "one person's word"),
    _rule("phash_close", "", "review", 0.9, "a re-encode, or another part of a series"),
    _rule("phash_near", "metadata duration", "review", 0.8, "the limit that Stash and stash-box name"),
    _rule("phash_weak metadata", "", "review", 0.6, "a clip, with the same metadata"),
    _rule("oshash_doubted", "", "review", 0.3, "people disagree"),
    _rule("phash_near", "", "reject", 0.2, "series share their intros"),
    _rule("phash_weak", "", "reject", 0.05, "short clips and plain frames resemble each other"),
)  # fmt: skip
"""The first rule that applies decides."""

OBSTACLES: Final[Mapping[str, str]] = {
    "ambiguous": "other scenes of the box have evidence as good; never the first of several",
    "hashes_disagree": "the oshash is of one scene of the box, and a perceptual hash of another",
    "duration_differs": "a tenth longer or shorter than the box says; where it says nothing, than all submitted files",
    "metadata_differs": "other performers or another studio, and nothing that agrees; two people can err together",
    "part_differs": "part 1 and part 2 of a title",
    "title_extended": "the same title with more words, and no oshash: another language, another cut, or a compilation",
    "linked_elsewhere": "the server has another id of this box for the scene",
    "accepted_another": "a person accepted another scene of this box",
}
"""What turns an automatic match into one for a person."""


def rules_digest() -> str:
    """What identifies the content of the rules, in hexadecimal digits."""
    content = {
        "version": VERSION,
        "parameters": dict(PARAMETERS),
        "rules": [asdict(rule) for rule in RULES],
        "obstacles": sorted(OBSTACLES),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=sorted).encode()).hexdigest()[:16]
