"""The entity specification: what a Stash server has, and where each field is stored.

``catalogue``, ``media``, ``files`` and ``system`` declare the entities. Selection sets, raw and typed tables, join
tables, their SQL, count views, Dagster assets, the mapping of a snapshot and the documentation are derived from
them. **To add a field, add one line here** and generate a migration with ``make migration``; ``docs/extending.md``
shows how. ``stash/fields.py`` and ``stash/declarations.py`` explain the notation. Facts about releases come from
Stash's GraphQL schema, v0.20 to v0.31.
"""

from stash_pipeline.stash.entities import catalogue, files, media, system
from stash_pipeline.stash.entities.files import EMBEDDED_FILE_TYPES, EMBEDDED_SELECTIONS
from stash_pipeline.stash.entities.media import SILENT_BEFORE
from stash_pipeline.stash.fields import Entity

__all__ = ["BY_NAME", "EMBEDDED_FILE_TYPES", "EMBEDDED_SELECTIONS", "ENTITIES", "SILENT_BEFORE", "entity"]

ENTITIES: tuple[Entity, ...] = (
    catalogue.TAGS, files.FOLDERS, files.FILES, catalogue.STUDIOS, catalogue.PERFORMERS, catalogue.GROUPS,
    media.IMAGES, media.GALLERIES, media.SCENES, media.SCENE_MARKERS, system.SAVED_FILTERS, system.CONFIGURATION,
)  # fmt: skip
"""Every entity, in an order in which targets of references come first (except for ``late`` references)."""

BY_NAME: dict[str, Entity] = {entity.name: entity for entity in ENTITIES}


def entity(name: str) -> Entity:
    """The specification of one entity.

    Raises:
        KeyError: if there is no such entity; the message lists the entities.
    """
    if name not in BY_NAME:
        raise KeyError(f"There is no entity {name!r}; there are {', '.join(BY_NAME)}.")
    return BY_NAME[name]
