"""Brings the matches of one entity to the state of ``stash``: those of a few changed objects, or all.

Both ways end in the same links and clusters. What an object is to another depends on both, and on how many objects
share a key or a perceptual hash with them. So the objects that are looked at again are those that changed, and all that
have a key, or a near hash, that one of those had before or has now; and clusters are made anew wherever a link changed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches import blocks, candidates, clusters, linking
from stash_pipeline.warehouse.matches.blocks import LARGEST_BLOCK, Pair, ordered
from stash_pipeline.warehouse.matches.bulk import AllKeys, NearScenes, all_phashes, store_phashes
from stash_pipeline.warehouse.matches.clusters import ClusterChanges, ClusterId, Component, NewClusters, cluster_id
from stash_pipeline.warehouse.matches.database_thread import DatabaseThread
from stash_pipeline.warehouse.matches.decisions import Resolved, partners, update_resolved
from stash_pipeline.warehouse.matches.differences import Rows
from stash_pipeline.warehouse.matches.features import (
    Node,
    Object,
    ObjectReader,
    Roots,
    all_objects,
    load_objects,
    smallest_limit,
)
from stash_pipeline.warehouse.matches.nearness import (
    FileNode,
    Near,
    NearFiles,
    near_files,
    scenes_near_to,
    stored_phashes,
)

_MANY_SCENES: Final = 500
"""Scenes from which on comparing all perceptual hashes with each other is faster than to look up those near to each."""


@dataclass
class EntityMatches:
    """What was done for one entity.

    Attributes:
        objects: that were looked at.
    """

    objects: int = 0
    keys_inserted: int = 0
    keys_removed: int = 0
    links_inserted: int = 0
    links_removed: int = 0
    clusters: ClusterChanges = field(default_factory=ClusterChanges)


class Matcher:
    """The matches of one entity.

    Args:
        revision: of the object log that they reach.
    """

    def __init__(self, connection: Connection, entity: str, revision: int, roots: Roots) -> None:
        self._connection = connection
        self._entity = entity
        self._revision = revision
        self._roots = roots
        self._loaded: dict[Node, Object | None] = {}
        self._near_pairs: NearFiles | None = None

    # --- a few objects --------------------------------------------------------------------------------------

    def follow(self, changed: Iterable[Node]) -> EntityMatches:
        """Looks again at objects that changed, came or went, and at their neighbours."""
        nodes = sorted(set(changed))
        result = EntityMatches()
        if not nodes:
            return result
        live = self._objects(nodes)
        affected = set(nodes) | self._update(nodes, live, result)
        links = self._links_of(affected)
        stored = linking.stored_links(self._connection, self._entity, affected)
        outdated, new = linking.differing(stored, links)
        linking.remove_links(self._connection, self._entity, outdated)
        linking.write_links(self._connection, self._entity, new)
        result.objects = len(affected)
        result.links_inserted, result.links_removed = len(new), len(outdated)
        seeds = {*nodes, *(node for pair in (*outdated, *new) for node in pair)}
        result.clusters = self._recluster(seeds)
        return result

    def _update(self, nodes: list[Node], live: dict[Node, Object], result: EntityMatches) -> set[Node]:
        """Stores what candidates are found by; returns the objects of which that says more now, or less."""
        connection = self._connection
        affected = self._update_phashes(nodes, live) if self._entity == "scenes" else set()
        keys = candidates.update_keys(connection, self._entity, nodes, live)
        result.keys_inserted, result.keys_removed = keys.inserted, keys.removed
        return affected | candidates.of_changed_keys(connection, self._entity, keys)

    def _update_phashes(self, nodes: list[Node], live: dict[Node, Object]) -> set[Node]:
        """Stores perceptual hashes; returns the scenes of files that became crowded, or no longer are."""
        connection = self._connection
        changes = candidates.phash_changes(connection, nodes, live)
        scenes = changes.scenes
        if len(scenes) > _MANY_SCENES:
            before = NearFiles(stored_phashes(connection)).crowded
            candidates.update_phashes(connection, changes)
            self._near_pairs = NearFiles(stored_phashes(connection))
            crowded = self._near_pairs.crowded
        elif scenes:
            around = scenes_near_to(connection, [*changes.removed, *changes.added])
            before = self._near(around).crowded
            candidates.update_phashes(connection, changes)
            self._near_pairs = None
            crowded = self._near(around).crowded
        else:
            return set()
        return {file[:2] for file in before ^ crowded}

    def _objects(self, nodes: Iterable[Node]) -> dict[Node, Object]:
        """Those of some objects that are not gone; each is read once."""
        requested = set(nodes)
        if missing := sorted(requested - self._loaded.keys()):
            self._loaded.update(dict.fromkeys(missing))
            loaded = load_objects(self._connection, self._entity, self._roots, missing)
            self._loaded.update({obj.node: obj for obj in loaded})
        return {node: obj for node in requested if (obj := self._loaded[node]) is not None}

    def _near(self, scenes: set[Node]) -> Near:
        """What is near to the files of some scenes."""
        if len(scenes) > _MANY_SCENES:
            if self._near_pairs is None:
                self._near_pairs = NearFiles(stored_phashes(self._connection))
            return self._near_pairs.of(scenes)
        return near_files(self._connection, scenes)

    def _links_of(self, affected: set[Node]) -> linking.Links:
        """All links that some objects have."""
        connection, entity = self._connection, self._entity
        pairs: set[Pair] = set()
        for holders in blocks.keys_in_common(connection, entity, affected).values():
            if len(holders) <= LARGEST_BLOCK:
                pairs.update(
                    pair for pair in combinations(sorted(holders), 2) if pair[0] in affected or pair[1] in affected
                )
        nodes = {node for pair in pairs for node in pair}
        crowded: set[FileNode] = set()
        if entity == "scenes":
            near = self._near(affected)
            nodes.update(other[:2] for others in near.others.values() for other in others)
            crowded = near.crowded | self._near(nodes - affected).crowded
            for file, others in near.others.items():
                pairs.update(
                    ordered(file[:2], other[:2]) for other in others if other not in crowded and other[:2] != file[:2]
                )
            nodes = {node for pair in pairs for node in pair}
        counts = blocks.largest_counts(blocks.keys_in_common(connection, entity, nodes))
        objects = self._objects(nodes)
        features = {node: linking.prepared(objects[node], counts, crowded) for node in nodes if node in objects}
        compared = ((pair, features.get(pair[0]), features.get(pair[1])) for pair in sorted(pairs))
        return linking.link(entity, ((pair, left, right) for pair, left, right in compared if left and right))

    def _recluster(self, seeds: set[Node]) -> ClusterChanges:
        decisions = update_resolved(self._connection, self._entity)
        before, links, nodes = self._closure(seeds | decisions.changed, decisions)
        objects = self._objects(nodes)
        traits = {node: obj.traits for node, obj in objects.items()}
        component = Component(sorted(objects), traits, links, decisions.same, decisions.different)
        made, refused = clusters.make_clusters(self._entity, component)
        age = clusters.ages(self._connection, self._entity, set(before.values()))
        new = clusters.identify(before, age, made)
        clusters.write_clusters(self._connection, self._entity, self._revision, new)
        clusters.touch(self._connection, self._entity, self._revision, decisions.changed)
        clusters.write_refusals(self._connection, self._entity, component.nodes, refused)
        return new.changes

    def _closure(
        self, seeds: set[Node], decisions: Resolved
    ) -> tuple[dict[Node, ClusterId], list[tuple[Pair, float, str]], set[Node]]:
        """(clusters so far, merging links, objects) of all that is joined with some objects, or was."""
        nodes: set[Node] = set()
        before: dict[Node, ClusterId] = {}
        links: dict[Pair, tuple[float, str]] = {}
        new = set(seeds)
        while new:
            nodes |= new
            fellows = self._fellows(new)
            before |= fellows
            around = set(fellows) | partners(decisions, new)
            for pair, link in linking.stored_links(self._connection, self._entity, new).items():
                if link.action == "merge":
                    links[pair] = link.confidence, link.rule
                    around.update(pair)
            new = around - nodes
        return before, [(pair, *values) for pair, values in sorted(links.items())], nodes

    def _fellows(self, nodes: Iterable[Node]) -> dict[Node, ClusterId]:
        """The members of the clusters of some objects."""
        selected = sorted(nodes)
        rows = self._connection.execute(
            "SELECT m.instance_id, m.id, m.cluster_id FROM matches.members AS m WHERE m.cluster_id IN (\n"
            "    SELECT o.cluster_id FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, id)\n"
            "    JOIN matches.members AS o\n"
            "        ON o.entity = %s AND o.instance_id = w.instance_id AND o.id = w.id)",
            [[node[0] for node in selected], [node[1] for node in selected], self._entity],
        )
        return {(row[0], row[1]): cluster_id(row[2]) for row in rows}

    # --- everything -----------------------------------------------------------------------------------------

    def read(self, database: DatabaseThread) -> ObjectReader:
        """Begins to read all objects in the thread of the database."""
        return all_objects(self._connection, self._entity, self._roots, database)

    def load(self, reading: ObjectReader) -> AllKeys:
        """All objects with their keys."""
        return AllKeys(self._entity, reading)

    def compare_everything(
        self, everything: AllKeys, database: DatabaseThread, after_keys: Callable[[], None] | None = None
    ) -> Callable[[], EntityMatches]:
        """Compares all objects, and writes what differs from what is stored; clusters keep their ids.

        Postgres reads and writes in the thread of the database while this one computes.

        Args:
            everything: see :meth:`load`. Whoever calls this keeps none of it, so that its memory can be used again.
            after_keys: called in that thread when the keys and perceptual hashes are stored.

        Returns:
            What waits until all is written.
        """
        entity, result = self._entity, EntityMatches()
        phashes = all_phashes(everything.objects)
        reading = database.submit(self._stored)
        storing = database.submit(self._store_candidates, everything, phashes[0])
        after = database.submit(after_keys) if after_keys is not None else None
        links = self._all_links(everything, phashes)
        stored = reading.result()
        outdated, new = linking.differing(stored.links, links)
        decisions, result.keys_inserted, result.keys_removed = storing.result()
        nodes = [obj.node for obj in everything.objects]
        merging = [(pair, link.confidence, link.rule) for pair, link in links.items() if link.action == "merge"]
        joined = {node for pair in (*(pair for pair, _, _ in merging), *decisions.same) for node in pair}
        traits = {obj.node: obj.traits for obj in everything.objects if obj.node in joined}
        result.objects, result.links_inserted, result.links_removed = len(nodes), len(new), len(outdated)
        # what is compared of the objects is most of the memory
        everything.forget()
        writing = database.submit(self._store_links, outdated, new)
        made, refused = clusters.make_clusters(
            entity, Component(nodes, traits, merging, decisions.same, decisions.different)
        )
        identified = clusters.identify(stored.clusters, stored.ages, made)
        result.clusters = identified.changes
        clustering = database.submit(self._store_clusters, identified, decisions, refused)

        def finish() -> EntityMatches:
            for task in (after, writing, clustering):
                if task is not None:
                    task.result()
            return result

        return finish

    def _all_links(self, keys: AllKeys, phashes: tuple[Rows, NDArray[np.int64]]) -> linking.Links:
        """The links of all objects."""
        entity, everything = self._entity, keys.objects
        near = NearScenes(phashes, len(everything))
        pairs = np.unique(np.concatenate([keys.pairs(), near.pairs()]))
        counts, differ = keys.frequent(smallest_limit(entity))
        differ |= near.with_crowded()
        if entity == "performers":
            # which of their names are rare
            differ[:] = True
        left, right = np.divmod(pairs, max(len(everything), 1))
        features = [obj.features for obj in everything]
        compared = np.zeros(len(everything), np.bool_)
        compared[left] = compared[right] = True
        for number in np.flatnonzero(differ & compared).tolist():
            features[number] = linking.prepared(everything[number], counts, near.crowded)
        return linking.link(
            entity,
            (
                ((everything[a].node, everything[b].node), features[a], features[b])
                for a, b in zip(left.tolist(), right.tolist(), strict=True)
            ),
        )

    # --- in the thread of the database ----------------------------------------------------------------------

    def _stored(self) -> "_Stored":
        """What is stored of everything that is compared with it."""
        rows = self._connection.execute(
            "SELECT instance_id, id, cluster_id FROM matches.members WHERE entity = %s", [self._entity]
        )
        before = {(row[0], row[1]): cluster_id(row[2]) for row in rows}
        age = clusters.ages(self._connection, self._entity) if before else {}
        return _Stored(linking.all_links(self._connection, self._entity), before, age)

    def _store_candidates(self, keys: AllKeys, phashes: Rows) -> tuple[Resolved, int, int]:
        """Stores what candidates are found by, by which the objects of decisions are recognised."""
        inserted, removed = keys.store(self._connection)
        if self._entity == "scenes":
            store_phashes(self._connection, phashes)
        return update_resolved(self._connection, self._entity), inserted, removed

    def _store_links(self, outdated: Iterable[Pair], new: linking.Links) -> None:
        linking.remove_links(self._connection, self._entity, outdated)
        linking.write_links(self._connection, self._entity, new)

    def _store_clusters(self, new: NewClusters, decisions: Resolved, refused: Mapping[Pair, Any]) -> None:
        connection, entity = self._connection, self._entity
        clusters.write_clusters(connection, entity, self._revision, new)
        clusters.touch(connection, entity, self._revision, decisions.changed)
        clusters.write_refusals(connection, entity, None, refused)


@dataclass(frozen=True)
class _Stored:
    links: linking.Links
    clusters: Mapping[Node, ClusterId]
    ages: Mapping[ClusterId, int]
