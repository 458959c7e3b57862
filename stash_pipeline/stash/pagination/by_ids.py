"""A complete listing of ids, then the objects by their ids.

One removed id fails a whole request, so a failing request is split until only the removed ids are left.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from stash_pipeline.stash.errors import IncompleteListingError, StashQueryError
from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.query_errors import is_not_found, splitting_may_help
from stash_pipeline.stash.response_page import RawPage, Task, describe_difference, has_exactly, unset_times


class ByIds(Paginator):
    """All objects, by a listing of their ids."""

    def tasks(self) -> Sequence[Task]:
        """One task: the listing."""
        return [self.list_and_read]

    def verify(self) -> None:
        """See :meth:`Paginator.verify`."""
        super().verify()
        self.reader.check_vanished()

    def list_and_read(self) -> Iterator[RawPage | Task]:
        """Lists the ids, and yields a task for each request."""
        ids = sorted(self.reader.list_ids())
        self.reader.expected = len(ids)
        yield from tasks_by_ids(self.reader, ids)


def tasks_by_ids(reader: PageReader, ids: Sequence[int]) -> Iterator[Task]:
    """Tasks that read one page of objects each, by their ids."""

    def reading(part: Sequence[int]) -> Task:
        return lambda: read_by_ids(reader, list(part))

    for start in range(0, len(ids), reader.page_size):
        yield reading(ids[start : start + reader.page_size])


def read_by_ids(
    reader: PageReader, ids: list[int], without: frozenset[str] = frozenset(), *, gaps: bool = False
) -> Iterator[RawPage | Task]:
    """Reads objects by their sorted ids; records which do not exist and which cannot be read.

    Args:
        without: the server's time fields to omit, because they were never set.
        gaps: there are other objects between these ids.
    """
    plan = reader.plan
    variables = {"ids": [str(i) for i in ids], "filter": {"per_page": -1, "sort": "id", "direction": "ASC"}}
    try:
        cached = MappingProxyType({}) if gaps else reader.cached
        page = reader.page(plan.ids_document(without=without), variables, cached, holds=True)
        page.gaps, page.without = gaps, without
        if not has_exactly(page, ids):
            raise IncompleteListingError(
                f"{plan.query} was asked for {len(ids)} objects by id and returned {describe_difference(page, ids)}; "
                "nothing was removed."
            )
        yield reader.delivered(page)
    except StashQueryError as error:
        if not splitting_may_help(error):
            raise
        unset = unset_times(plan, error)
        if unset and max(unset) < len(ids) and any(names - without for names in unset.values()):
            # positions follow the order of the requested ids
            parts: dict[frozenset[str], list[int]] = {}
            for position, identifier in enumerate(ids):
                parts.setdefault(unset.get(position, frozenset()), []).append(identifier)
            for names, part_ids in parts.items():
                yield from read_by_ids(reader, part_ids, without | names, gaps=gaps or len(parts) > 1)
        elif len(ids) > 1:
            middle = len(ids) // 2
            yield from read_by_ids(reader, ids[:middle], without, gaps=gaps)
            yield from read_by_ids(reader, ids[middle:], without, gaps=gaps)
        elif is_not_found(error):
            reader.not_found(ids)
        else:
            reader.cannot_read(ids[0], error)
