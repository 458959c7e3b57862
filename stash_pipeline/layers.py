"""The registry of layers below ``raw``, in the order in which they follow.

A new layer is its own package and one entry here. Assets, checks, jobs, ``rebuild``, ``status``, the removal of an
instance and ``docs/tables.md`` are derived from the registry. ``docs/layers.md`` describes how to write one. ``raw`` is
not part of it, because it is read from servers instead of derived from tables.
"""

from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.catalog.layer import CATALOG_LAYER
from stash_pipeline.warehouse.comments import describe
from stash_pipeline.warehouse.entities.layer import STASH_LAYER
from stash_pipeline.warehouse.layers.layer import AnyLayer, SharedLayer
from stash_pipeline.warehouse.matches.duplicates_layer import DUPLICATES_LAYER
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline.warehouse.metadata import METADATA, SCHEMAS
from stash_pipeline.warehouse.search.layer import SEARCH_LAYER

Layers = tuple[AnyLayer, ...]

LAYERS: Layers = (STASH_LAYER, MATCHES_LAYER, DUPLICATES_LAYER, CATALOG_LAYER, SEARCH_LAYER)
# the modules of the layers have added their tables
describe(METADATA)


def configured(layers: Layers, settings: Settings) -> Layers:
    """The layers as the settings want them; a layer of other settings is of another version, and is rebuilt."""
    return tuple(
        layer.configured(layer, settings) if isinstance(layer, SharedLayer) and layer.configured else layer
        for layer in layers
    )


def schemas() -> tuple[str, ...]:
    """Every Postgres schema that the migrations create: the fixed ones, and those of the layers."""
    of_layers = (table.table.schema for layer in LAYERS for table in layer.tables)
    return tuple(dict.fromkeys((*SCHEMAS, *(schema for schema in of_layers if schema))))


def layer_named(name: str, layers: Layers) -> AnyLayer:
    """The layer with a name or with an asset group of that name.

    Raises:
        UserError: if there is none.
    """
    for layer in layers:
        if layer.answers_to(name):
            return layer
    names = ", ".join(layer.name for layer in layers)
    raise UserError(f"There is no layer {name!r} to rebuild; choose one of: {names}.")
