"""Copies of one thing: which to keep, why, what the others have that it does not, and how many bytes they hold.

Copies on one server are compared with the best copy *there*: Stash can merge them, and removing one frees space.
The best copy of each server is compared with the keeper, the best of all. To remove it would free space on its server
too, but the copy there would be gone: these bytes are counted apart. Pure functions, fed by
``warehouse/matches/duplicates.py``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from stash_pipeline.matching.keeper_rules import KeeperRule, Values, better, better_by, choose, quality_rules, rules_for

LONGER: Final = 2_000
"""Milliseconds by which a copy may be longer than the one that is kept, without a note: rounding, and black frames."""


_NO_DIFFERENCE: Final = "nothing tells them apart"
_LABELS: Final = {
    "bit_rate": ("bit rate", "bit rate"),
    "stash_ids": ("stash ids", "stash ids"),
    "organized": ("organized", "not organized"),
    "favorite": ("favorite", "no favorite"),
    "primary": ("primary file", "not the primary file"),
    "created": ("created first", "created later"),
}
"""What is said of the better copy, and of the other one."""


@dataclass(slots=True, eq=False)
class Copy:
    """One copy: a scene, a file, a performer, a studio or a tag.

    Attributes:
        key: sorts the copies of a group: the id of the instance first.
        values: what the keeper rules compare.
        protected: why it is to be kept; None if it is not protected.
        lists: by name, its items: what identifies each across instances, and its name; those that all copies of a
            group have may be left out.
        counts: of what belongs to it, such as markers and plays.
        fields: the fields that are filled.
        hashes: checksums of its files.
        phashes: unsigned.
        duration: in milliseconds.
        size: in bytes.
        location: of its file; the same location and size on two servers may be one file that both read.
    """

    key: tuple[int, ...]
    values: Values
    protected: str | None = None
    lists: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    fields: Collection[str] = ()
    rating: int | None = None
    organized: bool = False
    hashes: frozenset[str] = frozenset()
    phashes: tuple[int, ...] = ()
    duration: int | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    location: str | None = None

    @property
    def instance_id(self) -> int:
        """Of the instance."""
        return self.key[0]


@dataclass(slots=True)
class Suggestion:
    """What is suggested for a copy.

    Attributes:
        keeper: it is the best of all. best_here: the best of its server.
        compared: the copy that it is compared with; None for the keeper.
        reasons: why the keeper is kept, or why the other one is, in the order of the rules.
        loses: what it has and the other one has not.
        bytes: that removing it would free while its server keeps a copy.
        bytes_across: that removing it would free if the copy on another server sufficed.
        identical: byte for byte the same as the copy that it is compared with.
        phash_distance: bits. duration_difference: milliseconds; positive if it is longer.
    """

    keeper: bool
    best_here: bool
    compared: Copy | None
    reasons: list[str]
    loses: dict[str, Any]
    bytes: int = 0
    bytes_across: int = 0
    identical: bool | None = None
    phash_distance: int | None = None
    duration_difference: int | None = None


def suggest(entity: str, copies: Sequence[Copy]) -> list[Suggestion]:
    """What is suggested for each copy of a group, in the given order."""
    ordered = sorted(copies, key=attrgetter("key"))
    keeper = ordered[choose(entity, [copy.values for copy in ordered])]
    best = {keeper.instance_id: keeper}
    for instance_id in {copy.instance_id for copy in ordered} - {keeper.instance_id}:
        there = [copy for copy in ordered if copy.instance_id == instance_id]
        best[instance_id] = there[choose(entity, [copy.values for copy in there])]
    ahead = {copy.key: better_by(entity, keeper.values, copy.values) for copy in ordered if copy is not keeper}
    return [
        _kept(entity, copy, ahead.values())
        if copy is keeper
        else _suggestion(entity, copy, keeper, best[copy.instance_id], ahead[copy.key])
        for copy in copies
    ]


def _kept(entity: str, keeper: Copy, ahead: Iterable[Collection[KeeperRule]]) -> Suggestion:
    """What is said of the keeper.

    Args:
        ahead: the rules by which it is better than each other copy.
    """
    rules = {rule.name for by in ahead for rule in by}
    decided = [_words(rule, keeper) for rule in rules_for(entity) if rule.name in rules]
    return Suggestion(True, True, None, decided or [_NO_DIFFERENCE], {})


def _suggestion(entity: str, copy: Copy, keeper: Copy, best: Copy, ahead: Sequence[KeeperRule]) -> Suggestion:
    compared = keeper if copy is best else best
    better_there = ahead if compared is keeper else better_by(entity, compared.values, copy.values)
    reasons = [_words(rule, copy, compared) for rule in better_there]
    freed = copy.size or 0
    if copy.protected:
        reasons, freed = [copy.protected, *reasons], 0
    elif copy is best and _maybe_one_file(copy, compared):
        reasons, freed = ["the same path and size on both servers: it may be one file that both read", *reasons], 0
    shared = copy.hashes & compared.hashes
    return Suggestion(
        False,
        copy is best,
        compared,
        reasons or [_NO_DIFFERENCE],
        _loses(entity, copy, compared),
        bytes=0 if copy is best else freed,
        bytes_across=freed if copy is best else 0,
        identical=bool(shared) if copy.hashes and compared.hashes else None,
        phash_distance=min(
            ((phash ^ other).bit_count() for phash in copy.phashes for other in compared.phashes), default=None
        ),
        duration_difference=None
        if copy.duration is None or compared.duration is None
        else copy.duration - compared.duration,
    )


def _maybe_one_file(copy: Copy, compared: Copy) -> bool:
    """Whether two servers may read one file: removing it would leave no copy at all."""
    here, there = (copy.location, copy.size), (compared.location, compared.size)
    return None not in here and here == there


def _loses(entity: str, copy: Copy, compared: Copy) -> dict[str, Any]:
    """What a copy has and the other has not; only what there is."""
    loses: dict[str, Any] = {}
    for name, items in copy.lists.items():
        other = compared.lists.get(name, {})
        if missing := sorted(shown for identity, shown in items.items() if identity not in other):
            loses[name] = missing
    for name, count in copy.counts.items():
        if count:
            loses[name] = count
    if copy.rating is not None and copy.rating != compared.rating:
        loses["rating"] = copy.rating
    if copy.organized and not compared.organized:
        loses["organized"] = True
    if copy.fields != compared.fields and (filled := sorted(set(copy.fields) - set(compared.fields))):
        loses["fields"] = filled
    if copy.duration is not None and compared.duration is not None and copy.duration - compared.duration > LONGER:
        loses["seconds"] = round((copy.duration - compared.duration) / 1000, 1)
    quality = [rule for rule in quality_rules(entity) if better(rule, copy.values, compared.values)]
    if quality:
        loses["quality"] = [_words(rule, copy, compared) for rule in quality]
    return loses


def _words(rule: KeeperRule, copy: Copy, other: Copy | None = None) -> str:
    """A rule as a reason: what a copy has, and what the other one has instead."""
    if rule.name == "protected":
        return copy.protected or "not protected"
    better_label, worse_label = _LABELS.get(rule.name, (rule.name, rule.name))
    shown, instead = _shown(rule.name, copy), None if other is None else _shown(rule.name, other)
    label = better_label if other is None or better(rule, copy.values, other.values) else worse_label
    if shown is None and instead is None:
        return label
    return f"{label} {shown or 'unknown'}" + ("" if other is None else f", not {instead or 'unknown'}")


def _shown(name: str, copy: Copy) -> str | None:
    """A value in words; None for those that are true or not, and for times."""
    value = copy.values.get(name)
    if name == "resolution":
        return f"{copy.width}×{copy.height}" if copy.width and copy.height else None
    if name == "codec":
        return copy.codec or None
    if value is None or name in ("organized", "favorite", "primary", "created"):
        return None
    if name == "bit_rate":
        return f"{value / 1e6:.1f} Mb/s"
    if name == "size":
        return shown_bytes(int(value))
    return f"{value:,.0f}"


def shown_bytes(size: int) -> str:
    """A number of bytes for people, such as ``1.4 GB``."""
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
