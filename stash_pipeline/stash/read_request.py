"""What to read from a server: whole documents, or only the fields that show what has changed.

A *listing* contains the timestamps of an object and the fields that can change without a new ``updated_at``. The fields
per entity were measured on real servers; ``docs/convergence.md`` describes what each listing costs and finds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.fields import Entity, Rare
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.response_page import CachedPage

Purpose = Literal["documents", "listing", "incremental", "objects", "snapshot"]
"""documents: all objects, whole. listing: all objects, a few fields. incremental: the same few fields, of objects that
match a criterion. objects: some objects by id, whole. snapshot: all objects, from a snapshot of the database."""

STAMPS = ("created_at", "updated_at")

LISTED: dict[str, tuple[str, ...]] = {
    entity.name: (*STAMPS, *(field.name for field in entity.fields if field.silent))
    for entity in ENTITIES
    if entity.listed
}
"""The fields in the complete listing of each entity. A reconcile reads other entities whole: they are cheap, or have no
reliable timestamp."""

_TOLD_BY_HISTORIES = {"play_count", "o_counter", "last_played_at"}


@dataclass(frozen=True)
class SparseFields:
    """Sparse fields: a filter of the server finds the few objects that have them, and only these are listed."""

    rare: Rare
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the filter."""
        return self.rare.filter

    def serves(self, plan: QueryPlan) -> bool:
        """Whether the server supports this filter, and using it pays off."""
        # if files have no query of their own, all of them are read with their owners
        carried = "files" in self.fields and plan.carries_files
        has_field = any(planned.field.name in self.fields for planned in plan.fields)
        return self.name in plan.filters and has_field and not carried


def _sparse_fields(entity: Entity) -> tuple[SparseFields, ...]:
    rare: list[Rare] = []
    for field_ in entity.fields:
        if field_.rare and field_.rare not in rare:
            rare.append(field_.rare)
    return tuple(SparseFields(filter_, tuple(f.name for f in entity.fields if f.rare == filter_)) for filter_ in rare)


SPARSE_FIELDS: dict[str, tuple[SparseFields, ...]] = {
    entity.name: entity_fields for entity in ENTITIES if (entity_fields := _sparse_fields(entity))
}

LISTING_OBJECTS = 1000
"""Objects per request of a listing."""


@dataclass(frozen=True)
class ReadRequest:
    """One entity, and how to read it.

    Attributes:
        criterion: of the entity's own filter; objects that do not match are not read.
        ids: of the objects to read, sorted.
        cached: pages that need not be decoded again, by hash.
        sparse: set if the criterion finds all objects with these sparse fields.
        page_size: objects per request; None uses the reader's default.
    """

    plan: QueryPlan
    purpose: Purpose = "documents"
    criterion: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[int, ...] | None = None
    cached: Mapping[bytes, CachedPage] = field(default_factory=dict)
    sparse: SparseFields | None = None
    page_size: int | None = None

    @property
    def entity(self) -> str:
        """The entity's name."""
        return self.plan.entity.name

    @property
    def everything(self) -> bool:
        """The request finds every object of the entity, so an object that is not found was removed."""
        return self.purpose in ("documents", "listing")


def listing_plan(plan: QueryPlan) -> QueryPlan:
    """The plan for a complete listing of an entity in :data:`LISTED`."""
    names = {*LISTED[plan.entity.name], *plan.silent_fields}
    if {"play_history", "o_history"} <= {planned.field.name for planned in plan.fields}:
        names -= _TOLD_BY_HISTORIES
    for sparse in SPARSE_FIELDS.get(plan.entity.name, ()):
        # without the filter, only the listing shows captions
        names = names - {*sparse.fields} if sparse.serves(plan) else names | {*sparse.fields}
    return plan.cut_to(names, carry=True)


def incremental_plan(plan: QueryPlan) -> QueryPlan:
    """The plan for a listing of objects that may have changed."""
    return plan.cut_to({*LISTED.get(plan.entity.name, STAMPS), *plan.silent_fields}, carry=False)


def sparse_requests(plan: QueryPlan) -> list[ReadRequest]:
    """The requests for sparse fields, which the entity's own listing omits."""
    return [
        ReadRequest(
            plan.cut_to(sparse.fields, carry=False),
            "incremental",
            {sparse.name: sparse.rare.criterion},
            sparse=sparse,
            page_size=LISTING_OBJECTS,
        )
        for sparse in SPARSE_FIELDS.get(plan.entity.name, ())
        if sparse.serves(plan)
    ]
