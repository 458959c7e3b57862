"""How layer ``matches`` follows changes, and how it is rebuilt."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest

from stash_pipeline.garbage import rare_collections
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.first_build import are_empty, indexes_afterwards
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.matches import box_decisions, clusters, features, proposals, stashbox
from stash_pipeline.warehouse.matches.affected import affected_objects, is_large_share
from stash_pipeline.warehouse.matches.database_thread import database_thread
from stash_pipeline.warehouse.matches.feature_sql import ENTITIES
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.matcher import EntityMatches, Matcher
from stash_pipeline.warehouse.matches.tables import (
    CLUSTERS,
    KEYS,
    LINKS,
    MEMBERS,
    PHASHES,
    REDIRECTS,
    STASHBOX_CANDIDATES,
    STASHBOX_PROPOSALS,
)
from stash_pipeline.warehouse.matches.totals import add_to_totals, set_totals


def follow(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Looks again at what changed, and at its neighbours."""
    roots = features.load_roots(connection)
    affected = affected_objects(connection)
    sides = box_decisions.current_sides(connection)
    affected["scenes"] |= box_decisions.moved(box_decisions.stored_sides(connection), sides)
    boxes, rematched = stashbox.follow(connection, roots, affected["scenes"], sides)
    done = [_follow(connection, entity, revision, roots, nodes) for entity in ENTITIES if (nodes := affected[entity])]
    again = _follow_recognised(connection, revision, roots, sides, boxes)
    # the catalog and the documents read what scenes are on boxes
    clusters.touch(connection, "scenes", revision, rematched | again.rematched)
    affected["scenes"] |= again.scenes
    done += again.done
    changes = _changes(connection, done, counted=False) if done else {}
    return {
        STASHBOX_CANDIDATES.fullname: boxes,
        STASHBOX_PROPOSALS.fullname: proposals.follow(connection, affected),
        **changes,
    }


def rebuild(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Compares everything anew."""
    roots = features.load_roots(connection)
    with rare_collections():
        _prepare_for_many(connection)
        sides = box_decisions.current_sides(connection)
        boxes = stashbox.rebuild(connection, roots, sides)
        done = _compare_everything(connection, revision, roots)
        _renew_statistics(connection)
        done += _follow_recognised(connection, revision, roots, sides, boxes).done
        proposed = proposals.rebuild(connection)
    return {
        STASHBOX_CANDIDATES.fullname: boxes,
        STASHBOX_PROPOSALS.fullname: proposed,
        **_changes(connection, done, counted=True),
    }


def _follow(
    connection: Connection, entity: str, revision: int, roots: features.Roots, nodes: set[Node]
) -> EntityMatches:
    """Looks at the objects of an entity that changed, or at all if that takes less time."""
    matcher = Matcher(connection, entity, revision, roots)
    if not is_large_share(connection, entity, len(nodes)):
        return matcher.follow(nodes)
    with rare_collections():
        _prepare_for_many(connection)
        with database_thread() as database:
            done = matcher.compare_everything(matcher.load(matcher.read(database)), database)()
    connection.execute("ANALYZE matches.keys, matches.phashes")
    _renew_statistics(connection)
    return done


def _prepare_for_many(connection: Connection) -> None:
    """A library's worth of rows is sorted and joined, by statements of many expressions."""
    connection.execute("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")
    # cursors are read to their ends
    connection.execute("SELECT set_config('cursor_tuple_fraction', '1', true)")


def _renew_statistics(connection: Connection) -> None:
    """Before their first analyze, the planner expects few rows."""
    # no query looks for evidence, whose values take long to compare
    links = "entity, left_instance_id, left_id, right_instance_id, right_id, action, confidence, rule"
    connection.execute(f"ANALYZE matches.members, matches.clusters, matches.links ({links})")


def _compare_everything(connection: Connection, revision: int, roots: features.Roots) -> list[EntityMatches]:
    """Fills tables before it creates their indexes, if they are empty; but for those that are needed meanwhile."""
    decided = connection.execute("SELECT FROM matches.decisions LIMIT 1").fetchone() is not None
    with ExitStack() as keyed, ExitStack() as filled:
        # objects are recognised by their keys
        for stack, table, indexes, keys in ((keyed, KEYS, not decided, True), (keyed, PHASHES, True, True),
                                            (filled, LINKS, True, False), (filled, CLUSTERS, True, False),
                                            (filled, MEMBERS, True, True)):  # fmt: skip
            first = are_empty(connection, [table])
            stack.enter_context(indexes_afterwards(connection, table, first=first, indexes=indexes, keys=keys))

        def complete() -> None:
            keyed.close()
            connection.execute("ANALYZE matches.keys, matches.phashes")

        # scenes last: while they are compared, Postgres creates the indexes of the keys
        matchers = [Matcher(connection, entity, revision, roots) for entity in sorted(ENTITIES, key="scenes".__eq__)]
        finish = []
        with database_thread() as database:
            reading = matchers[0].read(database)
            for matcher, following in zip_longest(matchers, matchers[1:]):
                everything = matcher.load(reading)
                if following:
                    reading = following.read(database)
                finish.append(matcher.compare_everything(everything, database, None if following else complete))
                del everything
            return [call() for call in finish]


@dataclass
class _Recognised:
    """What was done for scenes that were recognised after a re-import."""

    scenes: set[Node] = field(default_factory=set)
    rematched: set[Node] = field(default_factory=set)
    done: list[EntityMatches] = field(default_factory=list)


def _follow_recognised(
    connection: Connection, revision: int, roots: features.Roots, sides: box_decisions.Sides, boxes: TableChange
) -> _Recognised:
    """Looks again at scenes that decisions on boxes are on by the keys that were just written, and not by those before.

    That is so after a re-import. What is made here changes none of the keys by which such scenes are recognised.
    """
    now = box_decisions.stored_sides(connection)
    scenes = box_decisions.moved(sides, now)
    if not scenes:
        return _Recognised()
    change, rematched = stashbox.follow(connection, roots, scenes, now)
    boxes.add(change)
    return _Recognised(set(scenes), rematched, [Matcher(connection, "scenes", revision, roots).follow(scenes)])


def _changes(connection: Connection, done: Sequence[EntityMatches], *, counted: bool) -> dict[str, TableChange]:
    """What was done by table, with the rows that it has now.

    Args:
        counted: count them instead of adding what changed.
    """
    keys, links, members, clusters = TableChange(), TableChange(), TableChange(), TableChange()
    for matches in done:
        keys.inserted += matches.keys_inserted
        keys.removed += matches.keys_removed
        links.inserted += matches.links_inserted
        links.removed += matches.links_removed
        members.inserted += matches.clusters.joined
        members.updated += matches.clusters.moved
        members.removed += matches.clusters.left
        clusters.inserted += matches.clusters.created
        clusters.removed += matches.clusters.removed
        clusters.updated += max(matches.clusters.changed - matches.clusters.created, 0)
    redirects = TableChange(inserted=sum(matches.clusters.redirects for matches in done))
    by_table = {KEYS.fullname: keys, LINKS.fullname: links, MEMBERS.fullname: members, CLUSTERS.fullname: clusters}
    if counted:
        totals = set_totals(connection, {name: _count(connection, name) for name in by_table})
    else:
        totals = add_to_totals(
            connection, {name: change.inserted - change.removed for name, change in by_table.items()}
        )
    for name, change in by_table.items():
        change.rows = totals[name]
    # they are few, and vanish with their clusters
    redirects.rows = _count(connection, REDIRECTS.fullname)
    return {**by_table, REDIRECTS.fullname: redirects}


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])
