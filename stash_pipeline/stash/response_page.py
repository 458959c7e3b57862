"""A page of one kind, and what may be wrong with it, as far as GraphQL's errors tell."""

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
"""Ids that were not asked for and are read with their neighbours all the same; a request more would cost as much."""


@dataclass(frozen=True)
class CachedPage:
    """A page of an earlier reading, whose objects still stand in ``raw`` as it brought them.

    Attributes:
        first, last: ids; of its kind it held all objects in this range.
        objects: how many. unreadable: how many of them had a value that its column cannot hold.
    """

    first: int
    last: int
    objects: int
    unreadable: int = 0


@dataclass
class RawPage:
    """The objects of one answer, as the server sent them; of a page that is known, nothing but its range."""

    plan: QueryPlan
    objects: list[dict[str, Any]]
    variables: dict[str, Any]
    answer: Answer
    known: CachedPage | None = None
    gaps: bool = False
    """There may be other objects of its kind between its first and its last."""
    without: frozenset[str] = frozenset()
    """Fields of the server's that were not asked for: times among them were never set."""

    @property
    def count(self) -> int:
        """How many objects it holds."""
        return self.known.objects if self.known else len(self.objects)

    def forget(self) -> None:
        """Drops the objects: they were read, and whoever walks may hold the page until the next answer comes."""
        self.objects = []
        self.answer = replace(self.answer, data={})

    @cached_property
    def ids(self) -> list[int]:
        """The ids of the objects, in their order.

        Raises:
            InvalidResponseError: if an object has none. IncompleteListingError: if one is of two objects.
        """
        if self.plan.entity.single:
            return [1] * len(self.objects)
        path = f"{self.plan.query}.{self.plan.result}" if self.plan.result else self.plan.query
        return ids_of(self.objects, path)

    @property
    def last(self) -> int:
        """The id of the last one."""
        return self.known.last if self.known else self.ids[-1]


Task = Callable[[], Iterator["RawPage | Task"]]
"""Yields pages, and tasks that may run beside it."""


def neighbourhoods(ids: list[int], width: int) -> list[list[int]]:
    """Sorted ids in groups that span no more than ``width`` ids, without wide gaps."""
    groups: list[list[int]] = []
    for identifier in ids:
        last = groups[-1] if groups else None
        if last and identifier - last[0] < width and identifier - last[-1] <= _GAP:
            last.append(identifier)
        else:
            groups.append([identifier])
    return groups


def are_of(page: RawPage, ids: list[int]) -> bool:
    """Whether the page holds just these objects; ``ids`` are sorted."""
    if page.known:
        return (page.known.first, page.known.last, page.known.objects) == (ids[0], ids[-1], len(ids))
    return set(page.ids) == set(ids)


def instead_of(page: RawPage, ids: list[int]) -> str:
    """What a page holds that does not hold just the objects that it was asked for."""
    if page.known:
        return f"an answer that was given for the ids {page.known.first} to {page.known.last}"
    missing, others = sorted(set(ids) - set(page.ids)), sorted(set(page.ids) - set(ids))
    told = [f"not {_listed(missing)}"] if missing else []
    return " and ".join(told + ([f"{_listed(others)}, which nobody asked for"] if others else []))


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:5])) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def unset_times(plan: QueryPlan, error: StashQueryError) -> dict[int, frozenset[str]]:
    """The times that were never set, by the places of their objects in the page; empty if it is about others.

    Each is a path from the object on, without places in lists: what the server cannot send of one chapter of a gallery
    is left out of all of that gallery's.
    """
    found: dict[int, frozenset[str]] = {}
    above = [plan.query, plan.result] if plan.result else [plan.query]
    for path in error.paths if error.nulls else ():
        match path[len(above) :]:
            case [int(place), *inside] if path[: len(above)] == above and is_of_time(inside):
                names = ".".join(step for step in inside if isinstance(step, str))
                found[place] = found.get(place, frozenset()) | {names}
            case _:
                return {}
    return found
