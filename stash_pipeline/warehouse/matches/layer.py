"""Layer ``matches`` as the registry of layers has it: its tables, its checks, how it follows."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table

from stash_pipeline.garbage import rare_collections
from stash_pipeline.matching.rules import rules_digest
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import LayerTable, SharedLayer, TableChange
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.matches import (
    candidates,
    clusters,
    duplicate_sql,
    duplicates,
    features,
    proposals,
    stashbox,
)
from stash_pipeline.warehouse.matches.affected import affected_objects
from stash_pipeline.warehouse.matches.checks import CHECKS
from stash_pipeline.warehouse.matches.duplicate_table import DUPLICATES
from stash_pipeline.warehouse.matches.feature_sql import ENTITIES, features_query
from stash_pipeline.warehouse.matches.matcher import EntityMatches, Matcher
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
from stash_pipeline.warehouse.stashbox.wanted import SINGULAR

VERSION: Final = digest(
    [
        rules_digest(),
        str(features.VERSION),
        str(candidates.LARGEST_BLOCK),
        *(features_query(entity, some=False) for entity in ENTITIES),
        duplicates.VERSION,
        stashbox.VERSION,
        proposals.VERSION,
    ]
)


def follow(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Looks again at what changed, and at its neighbours."""
    roots = features.load_roots(connection)
    affected = affected_objects(connection)
    boxes, rematched = stashbox.follow(connection, roots, affected.get("scenes", ()))
    done = {
        entity: Matcher(connection, entity, revision, roots).follow(affected[entity])
        for entity in ENTITIES
        if affected.get(entity)
    }
    # the catalog reads what scenes are on boxes
    clusters.touch(connection, "scenes", revision, rematched)
    changes = _changes(connection, done) if done else {}
    return {
        STASHBOX_CANDIDATES.fullname: boxes,
        STASHBOX_PROPOSALS.fullname: proposals.follow(connection, affected),
        **changes,
        DUPLICATES.fullname: duplicates.follow(connection, revision),
    }


def rebuild(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Compares everything anew."""
    roots = features.load_roots(connection)
    with rare_collections():
        boxes = stashbox.rebuild(connection, roots)
        proposed = proposals.rebuild(connection)
        done = {entity: Matcher(connection, entity, revision, roots).rebuild() for entity in ENTITIES}
        copies = duplicates.rebuild(connection)
    return {
        STASHBOX_CANDIDATES.fullname: boxes,
        STASHBOX_PROPOSALS.fullname: proposed,
        **_changes(connection, done),
        DUPLICATES.fullname: copies,
    }


def _changes(connection: Connection, done: Mapping[str, EntityMatches]) -> dict[str, TableChange]:
    keys, links, members, clusters = TableChange(), TableChange(), TableChange(), TableChange()
    for one in done.values():
        keys.inserted += one.keys_inserted
        keys.removed += one.keys_removed
        links.inserted += one.links_inserted
        links.removed += one.links_removed
        members.updated += one.clusters.members
        clusters.inserted += one.clusters.created
        clusters.removed += one.clusters.removed
        clusters.updated += max(len(one.clusters.changed) - one.clusters.created, 0)
    redirects = TableChange(inserted=sum(one.clusters.redirects for one in done.values()))
    changes = {KEYS: keys, LINKS: links, MEMBERS: members, CLUSTERS: clusters, REDIRECTS: redirects}
    for table, change in changes.items():
        change.rows = _count(connection, table)
    return {table.fullname: change for table, change in changes.items()}


def _count(connection: Connection, table: Table) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table.fullname}").fetchone()
    assert row is not None
    return int(row[0])


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
        _table(
            DUPLICATES,
            "Groups of copies of one thing, with the one to keep, and what the others have that it does not.",
            ("matches.members", "matches.links", *duplicate_sql.UPSTREAM),
        ),
    ),
    checks=CHECKS,
    version=VERSION,
    follow=follow,
    rebuild=rebuild,
    describe=describe,
)
