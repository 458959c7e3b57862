"""Compares an index with ``search.documents``: its state, counts per entity, and a sample of each side.

Nothing is changed. What differs although the states agree is damage, of which the index knows nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from stash_pipeline.search.backend import IndexState, SearchReader
from stash_pipeline.search.documents import COLUMNS, ENTITIES, Document
from stash_pipeline.search.index import document_of
from stash_pipeline.search.request import AllOf, SearchRequest, Sort
from stash_pipeline.search.samples import count_by_entity
from stash_pipeline.warehouse.connect import Connection

_AT_ONCE: Final = 500
_PAGE: Final = 1_000

_STATE: Final = "SELECT token::text, revision FROM search.states ORDER BY id DESC LIMIT 1"
_COUNTS: Final = "SELECT entity, count(*) FROM search.documents GROUP BY 1"
_FIELDS: Final = ", ".join(COLUMNS)
_SAMPLE: Final = f"""
(SELECT {_FIELDS} FROM search.documents WHERE id >= %(start)s ORDER BY id LIMIT %(limit)s)
UNION
(SELECT {_FIELDS} FROM search.documents ORDER BY id LIMIT %(limit)s)
LIMIT %(limit)s
"""
_THERE: Final = "SELECT id FROM search.documents WHERE id = ANY(%s)"


@dataclass(frozen=True)
class VerifiedIndex:
    """What a comparison found.

    Attributes:
        state: of the index. revision: of the documents. in_step: whether both are of the same state.
        counts: by entity, documents of the database and of the index.
        sampled: documents of the database that were compared field by field.
        looked_up: documents of the index that were looked up in the database.
        differences: sentences.
    """

    state: IndexState
    revision: int
    in_step: bool
    counts: Mapping[str, tuple[int, int]]
    sampled: int
    looked_up: int
    differences: tuple[str, ...]


def verify_index(connection: Connection, reader: SearchReader, sample: int, start: UUID | None = None) -> VerifiedIndex:
    """Compares an index with the documents of a database.

    Args:
        connection: not in a transaction.
        sample: documents of each side.
        start: the sample of the database begins at this id; default: a random one.
    """
    with connection.transaction():
        # the documents must not change between two queries
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        token, revision = connection.execute(_STATE).fetchone() or ("", 0)
        state = reader.state()
        differences = [] if state.token == token else [_behind(state, revision)]
        counts = _counts(connection, reader)
        differences += [
            f"{entity}: {ours:,} documents, but {its:,} in the index"
            for entity, (ours, its) in counts.items()
            if ours != its
        ]
        limits = {"start": start or uuid4(), "limit": sample}
        documents = [document_of(row) for row in connection.execute(_SAMPLE, limits)]
        differences += _compared(reader, documents)
        ids = _sample_of(reader, sample)
        stored = {row[0] for row in connection.execute(_THERE, [ids])}
        differences += [f"{id}: only the index has this document" for id in ids if id not in stored]
    return VerifiedIndex(state, revision, state.token == token, counts, len(documents), len(ids), tuple(differences))


def _behind(state: IndexState, revision: int) -> str:
    if state.revision < revision:
        return (
            f"the index holds revision {state.revision:,} and the documents are at {revision:,}: it has to follow first"
        )
    return f"the index holds revision {state.revision:,} of another state of the documents, which are at {revision:,}"


def _counts(connection: Connection, reader: SearchReader) -> dict[str, tuple[int, int]]:
    ours = dict(connection.execute(_COUNTS).fetchall())
    its = count_by_entity(reader)
    entities = [*ENTITIES, *sorted((ours.keys() | its.keys()) - set(ENTITIES))]
    return {name: (ours.get(name, 0), its.get(name, 0)) for name in entities if name in ours or name in its}


def _compared(reader: SearchReader, documents: list[Document]) -> Iterable[str]:
    for begin in range(0, len(documents), _AT_ONCE):
        batch = documents[begin : begin + _AT_ONCE]
        indexed = reader.documents([document.id for document in batch])
        for document in batch:
            named = f"{document.entity} {document.id}"
            if document.id not in indexed:
                yield f"{named}: the index does not have it"
            elif fields := _differing(document, indexed[document.id]):
                yield f"{named}: the index has other values of {', '.join(fields)}"


def _differing(ours: Document, its: Document) -> list[str]:
    return [name for name in COLUMNS if _comparable(getattr(ours, name)) != _comparable(getattr(its, name))]


def _comparable(value: Any) -> Any:
    """Empty values are equal: an index does not store them."""
    return None if value in ("", ()) else value


def _sample_of(reader: SearchReader, sample: int) -> list[UUID]:
    """Ids of the index: those that changed last."""
    ids: list[UUID] = []
    request = SearchRequest(AllOf(()), sort=(Sort("updated"),), limit=min(_PAGE, sample), count=False)
    while len(ids) < sample:
        results = reader.search(request)
        ids += [hit.id for hit in results.hits]
        if results.next is None:
            break
        request = SearchRequest(AllOf(()), request.sort, request.limit, results.next, count=False)
    return ids[:sample]
