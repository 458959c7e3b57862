"""A complete listing of ids, then the objects by their ids.

One id that vanished fails a whole request, so a failing request is split down to the ids that are really gone.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from stash_pipeline.stash.errors import IncompleteListingError, StashQueryError
from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.query_errors import denied, may_be_one_object
from stash_pipeline.stash.response_page import RawPage, Task, are_of, instead_of, unset_times


class ByIds(Paginator):
    """All objects, by a listing."""

    def tasks(self) -> Sequence[Task]:
        """The listing."""
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
    """Tasks that read objects by their ids, a page each."""

    def reading(part: Sequence[int]) -> Task:
        return lambda: read_by_ids(reader, list(part))

    for start in range(0, len(ids), reader.page_size):
        yield reading(ids[start : start + reader.page_size])


def read_by_ids(
    reader: PageReader, ids: list[int], without: frozenset[str] = frozenset(), *, gaps: bool = False
) -> Iterator[RawPage | Task]:
    """Reads objects by their sorted ids; notes which are gone, and which cannot be read.

    Args:
        without: times of the server's that are not selected, because they were never set.
        gaps: there are objects between these ids that are not among them.
    """
    plan = reader.plan
    variables = {"ids": [str(i) for i in ids], "filter": {"per_page": -1, "sort": "id", "direction": "ASC"}}
    try:
        known = MappingProxyType({}) if gaps else reader.known
        page = reader.page(plan.ids_document(without=without), variables, known, holds=True)
        page.gaps, page.without = gaps, without
        if not are_of(page, ids):
            raise IncompleteListingError(
                f"{plan.query} was asked for {len(ids)} objects by id and sent {instead_of(page, ids)}; "
                "nothing was removed."
            )
        yield reader.delivered(page)
    except StashQueryError as error:
        if not may_be_one_object(error):
            raise
        unset = unset_times(plan, error)
        if unset and max(unset) < len(ids) and any(names - without for names in unset.values()):
            # in the order of ids, as they were asked for
            parts: dict[frozenset[str], list[int]] = {}
            for place, identifier in enumerate(ids):
                parts.setdefault(unset.get(place, frozenset()), []).append(identifier)
            for names, some in parts.items():
                yield from read_by_ids(reader, some, without | names, gaps=gaps or len(parts) > 1)
        elif len(ids) > 1:
            middle = len(ids) // 2
            yield from read_by_ids(reader, ids[:middle], without, gaps=gaps)
            yield from read_by_ids(reader, ids[middle:], without, gaps=gaps)
        elif denied(error):
            reader.not_found(ids)
        else:
            reader.cannot_read(ids[0], error)
