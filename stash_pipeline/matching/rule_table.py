"""The table of match rules. :mod:`stash_pipeline.matching.rules` says what its words mean, and applies it.

Measured figures are of generated libraries, see ``benchmarks/matching_quality.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Effect: TypeAlias = Literal["merge", "merge_if_uncontradicted", "merge_with_another", "propose", "corroborate"]

VERSION = 3
"""To be raised with every change of this module."""


@dataclass(frozen=True)
class MatchRule:
    """What agreements of two objects of a kind may do.

    Attributes:
        requires: these agree, all of them.
        confidence: the share of right pairs.
        source: ``measured``, ``assumed``, or ``construction`` where the method leaves nearly no room for errors.
        why: what the rule rests on.
    """

    kind: str
    requires: frozenset[str]
    effect: Effect
    confidence: float
    source: Literal["measured", "assumed", "construction"]
    why: str

    @property
    def id(self) -> str:
        """The kind and what agrees, such as ``performers:birthdate+name``."""
        return f"{self.kind}:{'+'.join(sorted(self.requires))}"


@dataclass(frozen=True)
class ContradictionRule:
    """What a contradiction does: it forbids automatic links, asks for one more agreement, or does nothing."""

    kind: str
    name: str
    effect: Literal["forbid", "warn", "ignore"]
    why: str


PARAMETERS: Mapping[str, Mapping[str, int]] = {
    "phash": {"distance": 8, "window": 5_000, "minimum_duration": 150_000, "most_neighbours": 20},
    "phash_exact": {"distance": 0, "window": 2_000},
    "phash_close": {"distance": 4, "window": 1_000},
    "duration": {"window": 5_000},
    "duration_differs": {"percent": 10},
    "duration_differs_same_hash": {"window": 2_000},
    "phash_differs": {"distance": 16},
    "rare_name": {"most": 1},
    "alias": {"most": 4},
    "url": {"most": 4},
    "path": {"folders": 1},
    "hash": {"most": 20},
}
"""Limits of the agreements: bits, milliseconds, counts. ``most``: a value that more objects of one instance have is no
agreement, but a category."""

_SCENE = {
    "oshash": "hash", "md5": "hash",
    "phash_exact": "picture", "phash_close": "picture", "phash": "picture", "phash_weak": "picture",
    "duration": "picture", "path": "path", "file_name": "path",
    "stash_id": "metadata", "url": "metadata", "title": "metadata", "date": "metadata", "code": "metadata",
    "performers": "metadata", "studio": None,
}  # fmt: skip
_PERFORMER = {
    "stash_id": "id", "url": "url", "two_names": "name", "name": "name", "rare_name": "name", "typo": "name",
    "birthdate": "birth", "birth_year": None, "disambiguation": None,
}  # fmt: skip

AGREEMENTS: Mapping[str, Mapping[str, str | None]] = {
    "scenes": _SCENE,
    "performers": _PERFORMER,
    "studios": {"stash_id": "id", "url": "url", "name": "name", "alias": "name", "parent": "parent"},
    "tags": {"stash_id": "id", "name": "name", "alias": "name", "parent": "parent"},
    "groups": {
        "url": "url", "name": "name", "alias": "name", "date": "date", "director": "director", "studio": "studio",
    },
    "galleries": {"md5": "hash", "path": "path", "title": "title", "date": "date", "url": "url"},
    "images": {"md5": "hash", "path": "path"},
}  # fmt: skip
"""Per kind what can agree, and its family: agreements of one family do not confirm each other, those of none (too much
agrees by chance) confirm nothing. A scene's title, date and performers arrive with its stash-box id, also with a wrong
one: they are one family, which hashes, durations and paths confirm. A phash is compared within a window of durations
only: a duration does not confirm it."""


def _rule(
    kind: str, requires: str, effect: Effect, confidence: float,
    source: Literal["measured", "assumed", "construction"], why: str,
) -> MatchRule:  # fmt: skip
    return MatchRule(kind, frozenset(requires.split()), effect, confidence, source, why)


RULES: tuple[MatchRule, ...] = (
    _rule("scenes", "md5", "merge", 0.9999, "construction", "the same file"),
    _rule("scenes", "oshash", "merge", 0.9999, "construction",
          "the same size and the same 64 KiB at both ends; files that differ between them are all but unknown"),
    _rule("scenes", "phash_exact", "merge_if_uncontradicted", 0.9995, "measured",
          "the same 64 bits, long enough, not crowded, and as long to two seconds"),
    _rule("scenes", "phash_close", "merge_if_uncontradicted", 0.999, "measured",
          "four bits and one second apart: a re-encode; unrelated pairs so close were clips, plain or crowded hashes"),
    _rule("scenes", "phash", "merge_with_another", 0.995, "assumed",
          "up to eight bits, the limit that Stash and stash-box name, and five seconds"),
    _rule("scenes", "phash_weak", "corroborate", 0.5, "assumed",
          "short clips, plain frames and crowded hashes resemble each other without being the same"),
    _rule("scenes", "stash_id", "merge_with_another", 0.995, "assumed",
          "ids come from people, and from Identify, which takes the first result; 99.5 % measured for performers"),
    _rule("scenes", "path", "merge_with_another", 0.98, "assumed",
          "libraries copied with their folders; a file may have been replaced by another one"),
    _rule("scenes", "url", "merge_with_another", 0.97, "assumed", "pages are of one scene, if not of a series"),
    _rule("scenes", "title date studio", "propose", 0.9, "assumed", "also true of two parts of one release"),
    _rule("scenes", "code studio", "propose", 0.9, "assumed", "a studio's own number, which re-releases keep"),
    _rule("scenes", "title performers", "propose", 0.6, "assumed", "titles of series repeat"),
    _rule("scenes", "file_name duration", "propose", 0.8, "assumed", "copied without its folders"),
    _rule("scenes", "duration", "corroborate", 0.01, "assumed", "thousands are as long"),
    _rule("scenes", "title", "corroborate", 0.2, "assumed", "titles repeat"),
    _rule("scenes", "date", "corroborate", 0.01, "assumed", "many are of one day"),
    _rule("scenes", "studio", "corroborate", 0.01, "assumed", "a studio has many scenes"),
    _rule("scenes", "performers", "corroborate", 0.05, "assumed", "so have performers"),
    _rule("scenes", "code", "corroborate", 0.3, "assumed", "two studios may have one code"),
    _rule("scenes", "file_name", "corroborate", 0.2, "assumed", "scene1.mp4"),

    _rule("performers", "stash_id", "merge_if_uncontradicted", 0.995, "measured",
          "99.5 % with 0.4 % wrong ids planted; 54 % where no name agrees, so that a name that differs warns"),
    _rule("performers", "two_names", "merge_if_uncontradicted", 0.9999, "measured",
          "two names or aliases in common; 98.6 % if an abbreviation counts as a second one"),
    _rule("performers", "name birthdate", "merge_if_uncontradicted", 0.998, "measured", "99.8 % to the day"),
    _rule("performers", "rare_name birth_year", "merge_if_uncontradicted", 0.999, "measured",
          "98.7 % for all names, 98.4 % where a library has two records of the name, 99.9 % where none has"),
    _rule("performers", "name url", "merge_if_uncontradicted", 0.999, "assumed", "a page of one's own, and the name"),
    _rule("performers", "url", "merge_with_another", 0.97, "assumed", "pages are shared by pairs, and copied"),
    _rule("performers", "name birth_year", "propose", 0.987, "measured", "98.7 %"),
    _rule("performers", "typo birthdate", "propose", 0.987, "measured", "98.7 %"),
    _rule("performers", "name disambiguation", "propose", 0.4, "assumed",
          "disambiguations are of one's own taste, and often numbers"),
    _rule("performers", "name", "propose", 0.37, "measured",
          "37 % and less: the larger the libraries, the more share a name"),
    _rule("performers", "typo", "corroborate", 0.08, "measured", "8 %"),
    _rule("performers", "birthdate", "corroborate", 0.001, "assumed", "a day has many birthdays"),
    _rule("performers", "birth_year", "corroborate", 0.0001, "assumed", "a year has more"),
    _rule("performers", "disambiguation", "corroborate", 0.001, "assumed", "it says something with a name only"),

    _rule("studios", "stash_id", "merge_if_uncontradicted", 0.995, "assumed", "99.5 % measured for performers"),
    _rule("studios", "name parent", "merge_if_uncontradicted", 0.999, "assumed", "as stash-box tells studios apart"),
    _rule("studios", "name url", "merge_if_uncontradicted", 0.999, "assumed", "the name, and its own page"),
    _rule("studios", "name", "propose", 0.95, "assumed", "networks have sites of one name"),
    _rule("studios", "url", "merge_with_another", 0.95, "assumed", "a network's page is that of its sites too"),
    _rule("studios", "alias", "propose", 0.8, "assumed", "aliases are former names, also of others"),
    _rule("studios", "parent", "corroborate", 0.01, "assumed", "a network has many sites"),

    _rule("tags", "name", "merge_if_uncontradicted", 0.999, "construction",
          "a tag is its name: Stash allows one of each"),
    _rule("tags", "stash_id", "merge_if_uncontradicted", 0.995, "assumed", "99.5 % measured for performers"),
    _rule("tags", "alias", "propose", 0.9, "assumed", "aliases widen what a tag means"),
    _rule("tags", "parent", "corroborate", 0.01, "assumed", "a parent has many children"),

    _rule("groups", "name date", "merge_if_uncontradicted", 0.995, "assumed", "a release has one date"),
    _rule("groups", "url", "merge_with_another", 0.97, "assumed", "pages may be of a series"),
    _rule("groups", "name", "merge_with_another", 0.8, "assumed", "titles repeat; with director or studio"),
    _rule("groups", "alias", "propose", 0.6, "assumed", "translated titles"),
    _rule("groups", "date", "corroborate", 0.01, "assumed", "many are of one day"),
    _rule("groups", "director", "corroborate", 0.01, "assumed", "a director has many"),
    _rule("groups", "studio", "corroborate", 0.01, "assumed", "a studio has many"),

    _rule("galleries", "md5", "merge", 0.9999, "construction", "the same archive"),
    _rule("galleries", "path", "propose", 0.9, "assumed", "a folder has no hash"),
    _rule("galleries", "url", "propose", 0.8, "assumed", "a scene's page is that of its pictures too"),
    _rule("galleries", "title date", "propose", 0.8, "assumed", "sets of one day may have one title"),
    _rule("galleries", "title", "corroborate", 0.2, "assumed", "titles repeat"),
    _rule("galleries", "date", "corroborate", 0.01, "assumed", "many are of one day"),

    _rule("images", "md5", "merge", 0.9999, "construction", "the same file"),
    _rule("images", "path", "propose", 0.8, "assumed", "a picture may have been edited"),
)  # fmt: skip


CONTRADICTIONS: tuple[ContradictionRule, ...] = (
    ContradictionRule("scenes", "duration_differs_same_hash", "forbid",
                      "one oshash and two durations: a hash was not renewed, or the server measured a broken file"),
    ContradictionRule("scenes", "duration_differs", "warn",
                      "a tenth longer or shorter: another cut, or another scene with a wrong id"),
    ContradictionRule("scenes", "phash_differs", "warn",
                      "long videos with healthy hashes far apart: another cut, or another scene with a wrong id"),
    ContradictionRule("scenes", "part_differs", "warn", "part 1 and part 2 of a title; one file may be named wrongly"),
    ContradictionRule("scenes", "performers_differ", "warn", "both name performers, and none in common"),
    ContradictionRule("scenes", "date_differs", "ignore", "dates of shooting, release and re-release are all in use"),
    ContradictionRule("scenes", "stash_id_differs", "ignore",
                      "an object may have several ids of one endpoint: merges there are pending, sites have their own"),
    ContradictionRule("performers", "birthdate_differs", "forbid",
                      "two days, neither swapped nor adjacent: two people of one name"),
    ContradictionRule("performers", "birth_year_differs", "forbid", "the same, where only years are known"),
    ContradictionRule("performers", "names_differ", "warn",
                      "no name or alias in common: an id alone is then right in 54 %"),
    ContradictionRule("performers", "disambiguation_differs", "warn",
                      "people write one to tell two performers of a name apart, though not always the same one"),
    ContradictionRule("performers", "gender_differs", "warn", "often entered by default, and it may change"),
    ContradictionRule("performers", "stash_id_differs", "ignore", "as for scenes"),
    ContradictionRule("studios", "names_differ", "warn", "an id alone, see performers"),
    ContradictionRule("studios", "parent_differs", "warn", "networks sell sites; two networks have sites of a name"),
    ContradictionRule("studios", "stash_id_differs", "ignore", "as for scenes"),
    ContradictionRule("tags", "names_differ", "warn", "an id alone, see performers"),
    ContradictionRule("tags", "stash_id_differs", "ignore", "as for scenes"),
    ContradictionRule("groups", "date_differs", "warn", "a remake, or another release"),
    ContradictionRule("groups", "part_differs", "forbid", "volumes of a series"),
    ContradictionRule("galleries", "date_differs", "ignore", "as for scenes"),
)  # fmt: skip
