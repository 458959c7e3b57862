"""What one reading asks a server for: whole documents, or just as much of them as shows what has changed.

A *listing* holds the fields of an object that may change without a new ``updated_at``, and the timestamps. Which
fields those are, per kind, is measured on real servers; what each costs and finds is in ``docs/convergence.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.fields import Entity, Rare
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.response_page import CachedPage

Purpose = Literal["documents", "listing", "hint", "objects", "snapshot"]
"""documents: everything, whole. listing: everything, a few fields of it. hint: what a criterion finds, the same
fields. objects: some objects by id, whole. snapshot: everything, of a copy of the database."""

STAMPS = ("created_at", "updated_at")

LISTED: dict[str, tuple[str, ...]] = {
    entity.name: (*STAMPS, *(field.name for field in entity.fields if field.unstamped))
    for entity in ENTITIES
    if entity.listed
}
"""Per kind, what its complete listing shows. Kinds that are missing here are cheap, or have no stamp that tells: a
reconcile reads them whole."""

_TOLD_BY_HISTORIES = {"play_count", "o_counter", "last_played_at"}


@dataclass(frozen=True)
class Holder:
    """The fields of a kind that one filter of the server finds, and that are listed of what it finds only."""

    rare: Rare
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the filter."""
        return self.rare.filter

    def serves(self, plan: QueryPlan) -> bool:
        """Whether the server can be asked in this way, and it is worth it."""
        # where files have no query of their own they are read with their owners, all of them
        carried = "files" in self.fields and plan.carries_files
        has = any(planned.field.name in self.fields for planned in plan.fields)
        return self.name in plan.filters and has and not carried


def _holders(entity: Entity) -> tuple[Holder, ...]:
    rare: list[Rare] = []
    for field_ in entity.fields:
        if field_.rare and field_.rare not in rare:
            rare.append(field_.rare)
    return tuple(Holder(one, tuple(f.name for f in entity.fields if f.rare == one)) for one in rare)


HOLDERS: dict[str, tuple[Holder, ...]] = {entity.name: found for entity in ENTITIES if (found := _holders(entity))}

LISTING_OBJECTS = 1000
"""Objects per request of a listing."""


@dataclass(frozen=True)
class ReadRequest:
    """One kind, and how it is to be read.

    Attributes:
        criterion: of the kind's own filter; what it does not find is not read.
        ids: of the objects to read, sorted. known: pages that need not be decoded again, by hash.
        holds: the objects that the criterion finds are all that are like that.
        page_size: objects per request; None leaves it to the reader.
    """

    plan: QueryPlan
    purpose: Purpose = "documents"
    criterion: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[int, ...] | None = None
    known: Mapping[bytes, CachedPage] = field(default_factory=dict)
    holds: Holder | None = None
    page_size: int | None = None

    @property
    def entity(self) -> str:
        """The kind."""
        return self.plan.entity.name

    @property
    def everything(self) -> bool:
        """Every object of the kind is found: what is not found is gone."""
        return self.purpose in ("documents", "listing")


def listing_plan(plan: QueryPlan) -> QueryPlan:
    """How a kind of :data:`LISTED` is listed."""
    names = {*LISTED[plan.entity.name], *plan.unstamped}
    if {"play_history", "o_history"} <= {planned.field.name for planned in plan.fields}:
        names -= _TOLD_BY_HISTORIES
    for holder in HOLDERS.get(plan.entity.name, ()):
        # captions are nowhere else
        names = names - {*holder.fields} if holder.serves(plan) else names | {*holder.fields}
    return plan.cut_to(names, carry=True)


def incremental_plan(plan: QueryPlan) -> QueryPlan:
    """How objects are listed that may have changed."""
    return plan.cut_to({*LISTED.get(plan.entity.name, STAMPS), *plan.unstamped}, carry=False)


def holders(plan: QueryPlan) -> list[ReadRequest]:
    """The listings of those objects that differ from most in what the kind's own listing leaves out."""
    return [
        ReadRequest(
            plan.cut_to(holder.fields, carry=False),
            "hint",
            {holder.name: holder.rare.criterion},
            holds=holder,
            page_size=LISTING_OBJECTS,
        )
        for holder in HOLDERS.get(plan.entity.name, ())
        if holder.serves(plan)
    ]
