"""The registry of layers below ``raw``, in the order in which they follow.

A new layer is a package of its own, and one entry here. Assets, checks, jobs, ``rebuild``, ``status``, the removal of
an instance and ``docs/tables.md`` are derived from the registry; ``docs/layers.md`` says how to write one. ``raw``,
which is read from the servers and not made of other tables, is none of them.
"""

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.entities.layer import STASH_LAYER
from stash_pipeline.warehouse.layers.layer import AnyLayer
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER

Layers = tuple[AnyLayer, ...]

LAYERS: Layers = (STASH_LAYER, MATCHES_LAYER)


def layer_named(name: str, layers: Layers) -> AnyLayer:
    """The layer that a person names, by its own name or by a group of its assets.

    Raises:
        UserError: if there is none.
    """
    for layer in layers:
        if layer.answers_to(name):
            return layer
    known = ", ".join(layer.name for layer in layers)
    raise UserError(f"There is no layer {name!r} that can be rebuilt; there is {known}.")
