"""The specs of assets and checks, derived from the registry of layers."""

from collections.abc import Iterable

import dagster as dg

from stash_pipeline.assets.metadata import OWNERS, code_reference, column_lineage, column_schema
from stash_pipeline.partitions import INSTANCES
from stash_pipeline.warehouse.layers.layer import AnyLayer, InstanceLayer, Layer, LayerCheck, LayerTable, SharedLayer

IS_CURRENT = "is_current"
"""The name of the check of every shared layer."""


def table_key(name: str) -> dg.AssetKey:
    """The asset key of a table, by its name with the schema."""
    return dg.AssetKey(name.split("."))


def keys_of(layers: Iterable[Layer]) -> list[dg.AssetKey]:
    """The asset keys of layers, in order."""
    return [table_key(table.name) for layer in layers for table in layer.tables]


def layer_specs(layer: AnyLayer) -> list[dg.AssetSpec]:
    """One asset per table. Assets of instance layers are partitioned by instance, others are not partitioned."""
    return [_table_spec(layer, table) for table in layer.tables]


def _table_spec(layer: AnyLayer, table: LayerTable) -> dg.AssetSpec:
    return dg.AssetSpec(
        table_key(table.name),
        deps=[table_key(name) for name in table.upstream],
        description=table.description,
        group_name=table.group,
        kinds=set(table.kinds),
        owners=OWNERS,
        code_version=table.version,
        partitions_def=INSTANCES if isinstance(layer, InstanceLayer) else None,
        skippable=True,
        metadata={
            "dagster/table_name": table.name,
            "dagster/column_schema": column_schema(table.table, table.origins),
            **column_lineage(table.origins),
            **(code_reference(table.entity) if table.entity else {}),
        },
    )


def check_spec(check: LayerCheck) -> dg.AssetCheckSpec:
    """The Dagster spec of a check."""
    return dg.AssetCheckSpec(
        check.name, asset=table_key(check.table), blocking=check.blocking, description=check.description
    )


def is_current_spec(layer: SharedLayer) -> dg.AssetCheckSpec:
    """The check that a shared layer has followed the object log."""
    return dg.AssetCheckSpec(
        IS_CURRENT,
        asset=table_key(layer.tables[0].name),
        description=f"Layer {layer.name} has followed the changes of all instances, and its last attempt succeeded. A "
        "failure does not fail the run: `shared_layers_sensor` retries.",
    )


def layer_check_specs(layer: AnyLayer) -> list[dg.AssetCheckSpec]:
    """The layer's own checks and, for a shared layer, ``is_current``."""
    own = [check_spec(check) for check in layer.checks]
    return [*own, is_current_spec(layer)] if isinstance(layer, SharedLayer) else own
