"""Layer raw: the documents as the servers returned them, their history, and the ledger of pages."""

from datetime import timedelta

import dagster as dg

from stash_pipeline.assets.metadata import OWNERS, code_reference, column_schema
from stash_pipeline.assets.servers import server_key
from stash_pipeline.partitions import INSTANCES
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.warehouse.tables import HISTORY, PAGES, RAW

GROUP = "raw_pages"

PAGES_KEY = dg.AssetKey(["raw", "pages"])
HISTORY_KEY = dg.AssetKey(["raw", "history"])


def raw_key(entity: str) -> dg.AssetKey:
    """The asset of ``raw.<entity>``."""
    return dg.AssetKey(["raw", entity])


def raw_keys() -> list[dg.AssetKey]:
    """All asset keys of the layer."""
    return [*(raw_key(entity.name) for entity in ENTITIES), PAGES_KEY, HISTORY_KEY]


def raw_specs(fresh_hours: float) -> list[dg.AssetSpec]:
    """One asset per entity, the ledger, and the history of documents.

    Args:
        fresh_hours: hours without a new row after which the ledger is stale.
    """
    specs = [
        dg.AssetSpec(
            raw_key(entity.name),
            deps=[server_key(entity.name)],
            description=f"The {entity.name.replace('_', ' ')} of every server as documents: one row per object with "
            "the complete JSON of the server and its hash. Removed objects keep their rows, with the time of removal. "
            f"The typed columns are in stash/{entity.name}.",
            group_name=GROUP,
            kinds={"graphql", "postgres"},
            owners=OWNERS,
            partitions_def=INSTANCES,
            skippable=True,
            metadata={
                "dagster/table_name": f"raw.{entity.name}",
                "dagster/column_schema": column_schema(RAW[entity.name]),
                **code_reference(entity.name),
            },
        )
        for entity in ENTITIES
    ]
    specs.append(
        dg.AssetSpec(
            PAGES_KEY,
            deps=[server_key(entity.name) for entity in ENTITIES],
            # every sync of any instance writes to it; an asset check covers the freshness of each instance
            freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=fresh_hours)),
            description="The ledger of the servers' responses: the request, the number of objects and bytes in the "
            "response, and its duration.",
            group_name=GROUP,
            kinds={"graphql", "postgres"},
            owners=OWNERS,
            partitions_def=INSTANCES,
            skippable=True,
            metadata={"dagster/table_name": "raw.pages", "dagster/column_schema": column_schema(PAGES)},
        )
    )
    specs.append(
        dg.AssetSpec(
            HISTORY_KEY,
            deps=[raw_key(entity.name) for entity in ENTITIES],
            description="Every document as it was before it changed or vanished; `stash-pipeline history` shows it.",
            group_name=GROUP,
            kinds={"postgres"},
            owners=OWNERS,
            partitions_def=INSTANCES,
            skippable=True,
            metadata={"dagster/table_name": "raw.history", "dagster/column_schema": column_schema(HISTORY)},
        )
    )
    return specs
