"""Layers entities and joins: typed tables, and the tables between them, made from the documents."""

import dagster as dg

from stash_pipeline.assets.metadata import OWNERS, code_reference, column_schema, entity_origins, join_origins
from stash_pipeline.assets.raw import raw_key
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.layer_versions import table_version
from stash_pipeline.warehouse.merges import EVIDENCE_TABLES, MERGED_KINDS, merges_version
from stash_pipeline.warehouse.tables import JOINS, MERGES, STASH

ENTITIES_GROUP = "entities"
JOINS_GROUP = "joins"


def stash_key(table: str) -> dg.AssetKey:
    """The asset of ``stash.<table>``."""
    return dg.AssetKey(["stash", table])


MERGES_KEY = stash_key(MERGES.name)


def merges_spec() -> dg.AssetSpec:
    """What became of objects that are gone."""
    return dg.AssetSpec(
        MERGES_KEY,
        deps=sorted({raw_key("files"), *(raw_key(kind) for kind in MERGED_KINDS), *map(stash_key, EVIDENCE_TABLES)}),
        description=f"{MERGES.comment} Stash itself does not say what it merged.",
        group_name=JOINS_GROUP,
        kinds={"sql", "postgres"},
        owners=OWNERS,
        code_version=merges_version(),
        skippable=True,
        metadata={"dagster/table_name": f"stash.{MERGES.name}", "dagster/column_schema": column_schema(MERGES)},
    )


def entity_specs() -> list[dg.AssetSpec]:
    """One asset per kind; it depends on its documents, and on the kinds that its foreign keys refer to."""
    return [
        dg.AssetSpec(
            stash_key(entity.name),
            deps=[
                raw_key(entity.name),
                # a foreign key that closes a circle (folders in zip files, files in folders) is no lineage
                *sorted({stash_key(r.target) for _, r in entity.references if r.target != entity.name and not r.late}),
            ],
            description=entity.description,
            group_name=ENTITIES_GROUP,
            kinds={"sql", "postgres"},
            owners=OWNERS,
            code_version=table_version(entity.name),
            skippable=True,
            metadata={
                "dagster/table_name": f"stash.{entity.name}",
                "dagster/column_schema": column_schema(STASH[entity.name], entity_origins(entity)),
                **code_reference(entity.name),
            },
        )
        for entity in ENTITIES
    ]


def _join_description(comment: str, note: str) -> str:
    return f"{comment} {note[0].upper()}{note[1:]}." if note else comment


def join_specs() -> list[dg.AssetSpec]:
    """One asset per join table; it depends on its owner's documents and on the entities at both ends."""
    return [
        dg.AssetSpec(
            stash_key(joined.table),
            deps=[
                raw_key(entity.name),
                stash_key(entity.name),
                *([stash_key(joined.target)] if joined.target and joined.target != entity.name else []),
            ],
            description=_join_description(JOINS[joined.table].comment or "", field.description),
            group_name=JOINS_GROUP,
            kinds={"sql", "postgres"},
            owners=OWNERS,
            code_version=table_version(joined.table),
            skippable=True,
            metadata={
                "dagster/table_name": f"stash.{joined.table}",
                "dagster/column_schema": column_schema(
                    JOINS[joined.table], join_origins(entity, joined, JOINS[joined.table])
                ),
                **code_reference(entity.name),
            },
        )
        for entity in ENTITIES
        for field, joined in entity.joins
    ]
