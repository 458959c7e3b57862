"""The check of layer ``search``: it has what the catalog and the servers' markers have."""

from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import CheckOutcome, LayerCheck
from stash_pipeline.warehouse.search.document_columns import ORDER, SINGULAR

_COMPLETE: Final = frozenset({"reconcile", "sweep", "rebuild"})

_COUNTS: Final = "SELECT entity, count(*) FROM search.documents GROUP BY entity"
_RECORDS: Final = " UNION ALL ".join(
    f"SELECT '{entity}', count(*) FROM {'catalog' if entity in SINGULAR else 'stash'}.{entity}" for entity in ORDER
)


def _counts_equal_catalog(connection: Connection) -> CheckOutcome:
    documents = dict(connection.execute(_COUNTS).fetchall())
    records = dict(connection.execute(_RECORDS).fetchall())
    if "images" not in documents:
        # unless a setting includes them
        records.pop("images")
    wrong = {
        entity: f"{documents.get(entity, 0):,} documents of {records[entity]:,}"
        for entity in records
        if documents.get(entity, 0) != records[entity]
    }
    return CheckOutcome(not wrong, wrong or documents)


CHECKS: Final = (
    LayerCheck(
        "counts_equal_catalog",
        "search.documents",
        "Every record of the catalog and every scene marker has one document, and there are no others.",
        _counts_equal_catalog,
        modes=_COMPLETE,
        only_in_modes=True,
    ),
)
