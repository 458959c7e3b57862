"""Assembles all loaders into one table."""

from functools import cache

from stash_pipeline.simulator import duplicates, finding, system
from stash_pipeline.simulator.context import Loader
from stash_pipeline.simulator.mutations import backup as change_backup
from stash_pipeline.simulator.mutations import catalogue as change_catalogue
from stash_pipeline.simulator.mutations import files as change_files
from stash_pipeline.simulator.mutations import galleries as change_galleries
from stash_pipeline.simulator.mutations import groups as change_groups
from stash_pipeline.simulator.mutations import history as change_history
from stash_pipeline.simulator.mutations import markers as change_markers
from stash_pipeline.simulator.mutations import newest as change_newest
from stash_pipeline.simulator.mutations import scenes as change_scenes
from stash_pipeline.simulator.mutations.common import mutation
from stash_pipeline.simulator.resolvers import (
    files,
    galleries,
    groups,
    images,
    markers,
    newest,
    performers,
    scenes,
    studios,
    tags,
)


@cache
def all_loaders() -> dict[tuple[str, str], Loader]:
    """Field loaders by (type, field)."""
    loaders: dict[tuple[str, str], Loader] = {}
    for module in (
        duplicates,
        finding,
        system,
        files,
        galleries,
        groups,
        images,
        markers,
        performers,
        scenes,
        studios,
        tags,
        newest,
    ):
        loaders.update(module.LOADERS)
    for changing in (
        change_backup,
        change_catalogue,
        change_files,
        change_galleries,
        change_groups,
        change_history,
        change_markers,
        change_scenes,
        change_newest,
    ):
        loaders.update({("Mutation", name): mutation(change) for name, change in changing.MUTATIONS.items()})
    return loaders
