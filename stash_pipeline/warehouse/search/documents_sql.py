"""Search documents, as SQL per entity.

The documents of an entity are made by one statement, of all its records or of those in
:data:`~stash_pipeline.warehouse.search.document_columns.STALE`. Tags, studios, performers and groups come first: the
documents that refer to them take names, aliases and ancestors from theirs.
"""

from stash_pipeline.warehouse.search.document_columns import STALE, columns, empty, moment
from stash_pipeline.warehouse.search.document_parts import members
from stash_pipeline.warehouse.search.marker_documents import made_markers
from stash_pipeline.warehouse.search.record_documents import PARTS


def made_statement(entity: str, *, everything: bool) -> str:
    """Makes ``MADE`` of all records of an entity, or of the stale ones; needs ``TAGGED``."""
    if entity == "scene_markers":
        return made_markers(everything)
    values, joins = PARTS[entity](everything)
    values = {
        "instance_ids": empty("m.instance_ids", "integer"),
        "created_at": moment("r.created_at"),
        "updated_at": moment("r.updated_at"),
        **values,
    }
    restriction = "" if everything else f"\nJOIN {STALE} AS stale ON stale.id = r.id"
    return (
        f"CREATE TEMP TABLE search_made ON COMMIT DROP AS\nSELECT {columns(values)}\n"
        f"FROM catalog.{entity} AS r{restriction}{members(entity, everything)}{joins}"
    )
