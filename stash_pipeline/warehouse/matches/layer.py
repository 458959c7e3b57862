"""Layer ``matches`` as the registry of layers has it: its tables, its checks, its version.

``following.py`` fills the tables. Only processes that do so import it, and with it numpy.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table

from stash_pipeline.matching.rules import rules_digest
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import LayerTable, SharedLayer, TableChange
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.matches import features, proposals, stashbox
from stash_pipeline.warehouse.matches.blocks import LARGEST_BLOCK
from stash_pipeline.warehouse.matches.checks import CHECKS
from stash_pipeline.warehouse.matches.feature_sql import ENTITIES, features_query
from stash_pipeline.warehouse.matches.statistics import describe
from stash_pipeline.warehouse.matches.tables import (
    CLUSTERS,
    KEYS,
    LINKS,
    MEMBERS,
    REDIRECTS,
    STASHBOX_CANDIDATES,
    STASHBOX_PROPOSALS,
)
from stash_pipeline.warehouse.stashbox.due import SINGULAR

VERSION: Final = digest(
    [
        rules_digest(),
        str(features.VERSION),
        str(LARGEST_BLOCK),
        # to be raised when other files count as near or as crowded (nearness.py)
        "1",
        *(features_query(entity, some=False) for entity in ENTITIES),
        stashbox.VERSION,
        proposals.VERSION,
    ]
)


def follow(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Looks again at what changed, and at its neighbours."""
    # see the docstring of the module
    from stash_pipeline.warehouse.matches import following

    return following.follow(connection, revision)


def rebuild(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Compares everything anew."""
    # see the docstring of the module
    from stash_pipeline.warehouse.matches import following

    return following.rebuild(connection, revision)


_UPSTREAM = tuple(f"stash.{entity}" for entity in ENTITIES)


def _table(table: Table, description: str, upstream: tuple[str, ...]) -> LayerTable:
    return LayerTable(table, group="matches", description=description, upstream=upstream, version=VERSION)


MATCHES_LAYER: Final = SharedLayer(
    name="matches",
    description="Which objects of all instances are the same thing.",
    tables=(
        _table(
            STASHBOX_CANDIDATES,
            "Scenes of stash-boxes that are, or may be, local scenes, with the evidence.",
            (
                "stashbox.lookups",
                "stashbox.scenes",
                "stash.scenes",
                "stash.files",
                "stash.file_fingerprints",
                "stash.scene_stash_ids",
            ),
        ),
        _table(
            STASHBOX_PROPOSALS,
            "What servers lack and stash-boxes have: stash ids, and values of empty fields.",
            (
                STASHBOX_CANDIDATES.fullname,
                *(f"{schema}.{entity}" for schema in ("stash", "stashbox") for entity in SINGULAR),
                *(f"stash.{singular}_stash_ids" for singular in SINGULAR.values()),
            ),
        ),
        _table(
            KEYS,
            "Blocking keys: only objects with a key in common, or near perceptual hashes, are compared.",
            (*_UPSTREAM, "stash.file_fingerprints", "stash.files", "matches.stashbox_candidates"),
        ),
        _table(LINKS, "Pairs of objects that are, or may be, the same thing, with the evidence.", ("matches.keys",)),
        _table(CLUSTERS, "Sets of objects that are the same thing.", ("matches.links",)),
        _table(MEMBERS, "The cluster of every object.", ("matches.clusters",)),
        _table(REDIRECTS, "Ids of clusters that were merged into older ones.", ("matches.clusters",)),
    ),
    checks=CHECKS,
    version=VERSION,
    follow=follow,
    rebuild=rebuild,
    describe=describe,
)
