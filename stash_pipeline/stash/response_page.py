"""A page of objects of one entity, and how to interpret the GraphQL errors of a page that failed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from stash_pipeline.stash.answers import ids_of
from stash_pipeline.stash.client import Answer
from stash_pipeline.stash.errors import StashQueryError
from stash_pipeline.stash.query_errors import is_of_time
from stash_pipeline.stash.query_plan import QueryPlan

_GAP = 8
"""Unrequested ids that are read along with their neighbours; another request would cost as much."""


@dataclass(frozen=True)
class CachedPage:
    """A page that was read earlier, and whose objects are unchanged in ``raw``.

    Attributes:
        first, last: the range of ids; the page contained all objects of its entity in this range.
        objects: their number. unreadable: the number of objects with a value that its column cannot hold.
    """

    first: int
    last: int
    objects: int
    unreadable: int = 0


@dataclass
class RawPage:
    """The objects of one response as the server sent them; for a cached page, only its range."""

    plan: QueryPlan
    objects: list[dict[str, Any]]
    variables: dict[str, Any]
    answer: Answer
    cached: CachedPage | None = None
    gaps: bool = False
    """There may be other objects of the entity between the first and the last one of the page."""
    without: frozenset[str] = frozenset()
    """The server's fields that were not requested because these times were never set."""

    @property
    def count(self) -> int:
        """The number of objects."""
        return self.cached.objects if self.cached else len(self.objects)

    def release_objects(self) -> None:
        """Releases the objects after they were read; the paginator may keep the page until the next response."""
        self.objects = []
        self.answer = replace(self.answer, data={})

    @cached_property
    def ids(self) -> list[int]:
        """The ids of the objects, in their order.

        Raises:
            InvalidResponseError: if an object has no id. IncompleteListingError: if two objects have the same id.
        """
        if self.plan.entity.single:
            return [1] * len(self.objects)
        path = f"{self.plan.query}.{self.plan.result}" if self.plan.result else self.plan.query
        return ids_of(self.objects, path)

    @property
    def last(self) -> int:
        """The id of the last object."""
        return self.cached.last if self.cached else self.ids[-1]


Task = Callable[[], Iterator["RawPage | Task"]]
"""Yields pages, and tasks that can run concurrently."""


def neighbourhoods(ids: list[int], width: int) -> list[list[int]]:
    """Splits sorted ids into groups that span at most ``width`` ids, without wide gaps."""
    groups: list[list[int]] = []
    for identifier in ids:
        last = groups[-1] if groups else None
        if last and identifier - last[0] < width and identifier - last[-1] <= _GAP:
            last.append(identifier)
        else:
            groups.append([identifier])
    return groups


def has_exactly(page: RawPage, ids: list[int]) -> bool:
    """Whether the page contains exactly these objects; ``ids`` are sorted."""
    if page.cached:
        return (page.cached.first, page.cached.last, page.cached.objects) == (ids[0], ids[-1], len(ids))
    return set(page.ids) == set(ids)


def describe_difference(page: RawPage, ids: list[int]) -> str:
    """How the objects of a page differ from the requested ones, for an error message."""
    if page.cached:
        return f"the response for ids {page.cached.first} to {page.cached.last}"
    missing, unexpected = sorted(set(ids) - set(page.ids)), sorted(set(page.ids) - set(ids))
    differences = [f"not {_listed(missing)}"] if missing else []
    return " and ".join(differences + ([f"{_listed(unexpected)}, which were not requested"] if unexpected else []))


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:5])) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def unset_times(plan: QueryPlan, error: StashQueryError) -> dict[int, frozenset[str]]:
    """The times that were never set, by the position of their object in the page; empty for any other error.

    Each is a path inside the object, without list positions: if one chapter of a gallery has no time, the field is
    omitted for all chapters of that gallery.
    """
    unset: dict[int, frozenset[str]] = {}
    above = [plan.query, plan.result] if plan.result else [plan.query]
    for path in error.paths if error.nulls else ():
        match path[len(above) :]:
            case [int(position), *inside] if path[: len(above)] == above and is_of_time(inside):
                names = ".".join(step for step in inside if isinstance(step, str))
                unset[position] = unset.get(position, frozenset()) | {names}
            case _:
                return {}
    return unset
