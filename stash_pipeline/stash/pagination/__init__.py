"""Pagination: reads all objects of an entity while the library may change.

* ``keyset``: ``id > last``, sorted by id; concurrent creates and deletes do not shift pages.
* ``by_ids``: a complete listing of ids, then the objects by ``ids``.
* ``numbered``: pages by number, if listing ids would cost as much as reading the objects.
* ``offset``: for releases that support neither; pages by number, repeated until a listing afterwards agrees.
* ``whole``: the query has no paging.
* ``objects``: ids that the caller gives.

Each of them accepts a criterion that restricts the objects. A page that fails is read again, then split until the
object that cannot be read is isolated and recorded. The server cannot send a time that was never set, so an object with
such a time is read without it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stash_pipeline.stash.client import QueryExecutor
from stash_pipeline.stash.pagination.by_ids import ByIds
from stash_pipeline.stash.pagination.keyset import Keyset
from stash_pipeline.stash.pagination.numbered import Numbered
from stash_pipeline.stash.pagination.objects import Objects
from stash_pipeline.stash.pagination.offset import Offset
from stash_pipeline.stash.pagination.page_reader import PageReader
from stash_pipeline.stash.pagination.paginator import Paginator
from stash_pipeline.stash.pagination.whole import Whole
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.response_page import CachedPage

__all__ = ["PageReader", "Paginator", "paginator"]


def paginator(
    client: QueryExecutor,
    plan: QueryPlan,
    page_size: int,
    *,
    cached: Mapping[bytes, CachedPage] = MappingProxyType({}),
    criterion: Mapping[str, Any] = MappingProxyType({}),
    ids: Sequence[int] | None = None,
    complete: bool = True,
    shard_pages: int = 8,
) -> Paginator:
    """The best paginator that the server supports.

    Args:
        page_size: objects per request.
        cached: pages that need not be decoded, by the hash of the response.
        criterion: of the entity's own filter. ids: of the objects to read, sorted; None reads all that match.
        complete: objects that are not read count as removed, so the result must match the server's count.
        shard_pages: about how many pages of a keyset are read sequentially.
    """
    reader = PageReader(client, plan, page_size, cached, criterion)
    if ids is not None:
        return Objects(reader, ids)
    if plan.entity.whole:
        return Whole(reader)
    if plan.id_filter:
        return Keyset(reader, complete=complete, shard_pages=shard_pages)
    if plan.ids_argument:
        by_number = plan.entity.ids_cost_objects and complete and not criterion
        return Numbered(reader) if by_number else ByIds(reader)
    return Offset(reader)
