"""What one reading asks a server for: whole documents, or just as much of them as shows what has changed.

A *listing* holds the fields of an object that may change without a new ``updated_at``, and the timestamps. Which
fields those are, per kind, is measured on real servers; what each costs and finds is in ``docs/convergence.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stash_pipeline.stash.pages import KnownPage
from stash_pipeline.stash.planning import Plan

Purpose = Literal["documents", "listing", "hint", "objects"]
"""documents: everything, whole. listing: everything, a few fields of it. hint: what a criterion finds, the same
fields. objects: some objects by id, whole."""

STAMPS = ("created_at", "updated_at")

LISTED: dict[str, tuple[str, ...]] = {
    "studios": STAMPS,
    "performers": STAMPS,
    "groups": (*STAMPS, "sub_groups"),
    "images": (*STAMPS, "o_counter", "files", "galleries"),
    "galleries": (*STAMPS, "files", "cover", "chapters"),
    "scenes": (
        *STAMPS, "resume_time", "play_duration", "play_history", "o_history", "play_count", "o_counter",
        "last_played_at", "interactive", "interactive_speed", "files", "galleries",
        # holds the hash of the primary file, whose content may change
        "sprite_path",
    ),
    "scene_markers": STAMPS,
}  # fmt: skip
"""Per kind, what its complete listing shows. Kinds that are missing here are cheap, or have no stamp that tells: a
reconcile reads them whole."""

_TOLD_BY_HISTORIES = {"play_count", "o_counter", "last_played_at"}

HOLDERS: dict[str, tuple[str, ...]] = {"scenes": ("captions",)}
"""Fields that cost too much for a listing of everything, and few objects have: those that have them are listed."""

LISTING_OBJECTS = 1000
"""Objects per request of a listing."""


@dataclass(frozen=True)
class Wanted:
    """One kind, and how it is to be read.

    Attributes:
        criterion: of the kind's own filter; what it does not find is not read.
        ids: of the objects to read, sorted. known: pages that need not be decoded again, by hash.
        holds: the objects that have a value of this field are all read.
        page_size: objects per request; None leaves it to the reader.
    """

    plan: Plan
    purpose: Purpose = "documents"
    criterion: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[int, ...] | None = None
    known: Mapping[bytes, KnownPage] = field(default_factory=dict)
    holds: str = ""
    page_size: int | None = None

    @property
    def entity(self) -> str:
        """The kind."""
        return self.plan.entity.name

    @property
    def everything(self) -> bool:
        """Every object of the kind is found: what is not found is gone."""
        return self.purpose in ("documents", "listing")


def listing_plan(plan: Plan) -> Plan:
    """How a kind of :data:`LISTED` is listed."""
    names = set(LISTED[plan.entity.name])
    if {"play_history", "o_history"} <= {planned.field.name for planned in plan.fields}:
        names -= _TOLD_BY_HISTORIES
    for held in HOLDERS.get(plan.entity.name, ()):
        if held not in plan.filters:
            names.add(held)
    return plan.cut_to(names, carry=True)


def hint_plan(plan: Plan) -> Plan:
    """How objects are listed that may have changed."""
    return plan.cut_to(LISTED.get(plan.entity.name, STAMPS), carry=False)


def holders(plan: Plan) -> list[Wanted]:
    """The listings of those objects that have a field which the kind's own listing leaves out."""
    return [
        Wanted(
            plan.cut_to((held,), carry=False),
            "hint",
            {held: {"value": "", "modifier": "NOT_NULL"}},
            holds=held,
            page_size=LISTING_OBJECTS,
        )
        for held in HOLDERS.get(plan.entity.name, ())
        if held in plan.filters
    ]
