"""How all objects of a kind are read, from the first to the last, while the library may change.

* ``keyset``: ``id > last``, sorted by id; what is created or destroyed meanwhile shifts no page.
* ``by_ids``: a complete listing of ids, then the objects by ``ids``.
* ``numbered``: pages by number, where a listing of ids would cost as much as the objects.
* ``offset``: releases that can do neither; pages by number, repeated until a listing afterwards agrees.
* ``whole``: the query has no paging.
* ``objects``: ids that the caller names.

A criterion narrows any of them to what it matches. A page that fails is read again, then split down to the object that
cannot be read, which is noted. An object with a time that was never set is read without it: the server refuses to say
that there is none.
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
    known: Mapping[bytes, CachedPage] = MappingProxyType({}),
    criterion: Mapping[str, Any] = MappingProxyType({}),
    ids: Sequence[int] | None = None,
    complete: bool = True,
    shard_pages: int = 8,
) -> Paginator:
    """The way of pagination that suits the server best.

    Args:
        page_size: objects per request.
        known: pages that need not be decoded, by the hash of the answer.
        criterion: of the kind's own filter. ids: sorted, of the objects to read; None reads all that match.
        complete: objects that are not read are taken to be gone, so the reading must agree with the server's count.
        shard_pages: about how many pages of a keyset are read one after the other.
    """
    reader = PageReader(client, plan, page_size, known, criterion)
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
