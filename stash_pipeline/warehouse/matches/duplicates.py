"""``matches.duplicates``: groups of copies, and which of each to keep.

A group is a cluster of several objects, the files of the scenes of one cluster, or (kind ``possible``) two objects of
one server whose link a person has to decide. Following makes those groups again whose copies, or whose clusters,
changed; it writes only the rows that differ. The suggestions are made in :mod:`stash_pipeline.matching.duplicates`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

import orjson

from stash_pipeline.matching.duplicates import Suggestion, suggest
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.first_build import are_empty, indexes_afterwards
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.matches.database_thread import database_thread
from stash_pipeline.warehouse.matches.duplicate_copies import (
    Copies,
    KnownCopy,
    Loaded,
    Reader,
    Row,
    instance_facts,
    select_groups,
    select_objects,
)
from stash_pipeline.warehouse.matches.duplicate_sql import (
    DECIDED_DIFFERENT,
    ENTITIES,
    POSSIBLE,
    SELECTED,
    touched_query,
)
from stash_pipeline.warehouse.matches.duplicate_table import DUPLICATES
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.totals import add_to_totals, set_totals

_AT_ONCE: Final = 10_000
"""Objects whose details are in memory at the same time."""

_COLUMNS: Final = tuple(column.name for column in DUPLICATES.columns)
_KEY: Final = tuple(column.name for column in DUPLICATES.primary_key.columns)
_ENTITY, _KIND = _COLUMNS.index("entity"), _COLUMNS.index("kind")
_SELECTED: Final = ", ".join(f"{name}::text" if name == "group_id" else name for name in _COLUMNS)


@dataclass
class _Group:
    """The objects of a group; of kind ``same`` the members of a cluster."""

    kind: str
    id: str
    nodes: list[Node] = field(default_factory=list)


def follow(connection: Connection, since: int) -> TableChange:
    """Makes groups again of which something is in ``pg_temp.changed_objects``, or whose clusters changed.

    Args:
        since: the revision of the object log that the groups have reached; clusters that changed have a newer one.
    """
    change = TableChange(details=dict.fromkeys(_SUMS, 0))
    possible = _possible(connection)
    known = _known_possible(connection)
    for entity in ENTITIES:
        touched = set(connection.execute(touched_query(entity), {"since": since}).fetchall())
        now = {group.id for group in possible[entity]}
        if not touched and now == known[entity]:
            continue
        select_objects(connection, touched)
        stored = _stored_groups(connection, entity) | (known[entity] - now)
        groups = _clusters(connection, entity, selected=True) if touched else []
        groups += [
            group for group in possible[entity] if group.id not in known[entity] or not touched.isdisjoint(group.nodes)
        ]
        _update(connection, entity, groups, stored - {group.id for group in groups}, change)
    return _added_up(connection, change)


def rebuild(connection: Connection) -> TableChange:
    """Makes all groups."""
    change = TableChange(details=dict.fromkeys(_SUMS, 0))
    possible = _possible(connection)
    first = are_empty(connection, [DUPLICATES])
    with indexes_afterwards(connection, DUPLICATES, first=first, keys=True):
        for entity in ENTITIES:
            groups = _clusters(connection, entity) + possible[entity]
            stored = {
                row[0]
                for row in connection.execute(
                    "SELECT DISTINCT group_id::text FROM matches.duplicates WHERE entity = ANY(%s)", [_entities(entity)]
                )
            }
            gone = stored - {group.id for group in groups}
            _update(connection, entity, groups, gone, change, everything=True, first=first)
    return _counted(connection, change)


_SUMS: Final = {"bytes_to_gain": "bytes", "bytes_on_several_servers": "bytes_across"}
"""Columns whose sums over the copies of files are metadata."""


def _counted(connection: Connection, change: TableChange) -> TableChange:
    """Counts the rows, and sums up."""
    sums = (f"coalesce(sum({name}) FILTER (WHERE entity = 'files' AND kind = 'same'), 0)" for name in _SUMS.values())
    row = connection.execute(f"SELECT count(*), {', '.join(sums)} FROM matches.duplicates").fetchone()
    assert row is not None
    totals = set_totals(connection, dict(zip((DUPLICATES.fullname, *_SUMS), map(int, row), strict=True)))
    return _with_totals(change, totals)


def _added_up(connection: Connection, change: TableChange) -> TableChange:
    """Adds what changed to the rows and sums."""
    more = {DUPLICATES.fullname: change.inserted - change.removed, **{name: change.details[name] for name in _SUMS}}
    return _with_totals(change, add_to_totals(connection, more))


def _with_totals(change: TableChange, totals: Mapping[str, int]) -> TableChange:
    change.rows = totals[DUPLICATES.fullname]
    change.details = {name: totals[name] for name in _SUMS}
    return change


def _sum_up(change: TableChange, rows: Iterable[Row], sign: int) -> None:
    """Adds the sums over rows to what changed.

    Args:
        rows: with all columns.
    """
    for row in rows:
        if row[_ENTITY] == "files" and row[_KIND] == "same":
            for name, column in _SUMS.items():
                change.details[name] += sign * row[_COLUMNS.index(column)]


def _entities(entity: str) -> list[str]:
    """Of the rows that are made of an entity."""
    return ["scenes", "files"] if entity == "scenes" else [entity]


# --- groups -------------------------------------------------------------------------------------------------


def _possible(connection: Connection) -> dict[str, list[_Group]]:
    """Pairs of objects of one server, by entity, that a person has to look at, and has not called different."""
    rows = connection.execute(POSSIBLE, {"entities": list(ENTITIES)}).fetchall()
    different = set(connection.execute(DECIDED_DIFFERENT).fetchall()) if rows else set()
    groups: dict[str, list[_Group]] = defaultdict(list)
    for entity, group, instance_id, left, right in rows:
        if (instance_id, entity, left, right) not in different:
            groups[entity].append(_Group("possible", group, [(instance_id, left), (instance_id, right)]))
    return groups


def _clusters(connection: Connection, entity: str, *, selected: bool = False) -> list[_Group]:
    """Clusters that may be groups: of several objects, or of a scene with several files.

    Args:
        selected: only those of the objects in :data:`SELECTED`.
    """
    some = ""
    if selected:
        some = (
            f"AND c.id IN (SELECT m.cluster_id FROM {SELECTED} AS w JOIN matches.members AS m\n"
            "    ON m.entity = c.entity AND m.instance_id = w.instance_id AND m.id = w.id)\n"
        )
    several = "c.size > 1"
    if entity == "scenes":
        several += (
            " OR EXISTS (SELECT FROM stash.scene_files AS x WHERE x.instance_id = m.instance_id\n"
            "    AND x.scene_id = m.id OFFSET 1)"
        )
    rows = connection.execute(
        "SELECT c.id::text, m.instance_id, m.id\n"
        "FROM matches.clusters AS c JOIN matches.members AS m ON m.cluster_id = c.id\n"
        # what a removed server once had is no reason to give up a copy
        "JOIN ops.instances AS i ON i.id = m.instance_id AND i.removed_at IS NULL\n"
        f"WHERE c.entity = %s {some}AND ({several}) ORDER BY c.id, m.instance_id, m.id",
        [entity],
    )
    groups: dict[str, _Group] = {}
    for cluster, instance_id, identifier in rows:
        groups.setdefault(cluster, _Group("same", cluster)).nodes.append((instance_id, identifier))
    return list(groups.values())


def _stored_groups(connection: Connection, entity: str) -> set[str]:
    """The stored groups that the objects in :data:`SELECTED` are in."""
    rows = connection.execute(
        f"SELECT DISTINCT d.group_id::text FROM {SELECTED} AS w JOIN matches.duplicates AS d USING (instance_id, id)\n"
        "WHERE d.entity = ANY(%s)",
        [_entities(entity)],
    )
    return {row[0] for row in rows}


def _known_possible(connection: Connection) -> dict[str, set[str]]:
    """The stored groups of kind ``possible``, by entity."""
    groups: dict[str, set[str]] = defaultdict(set)
    for entity, group in connection.execute(
        "SELECT DISTINCT entity, group_id::text FROM matches.duplicates\nWHERE entity = ANY(%s) AND kind = 'possible'",
        [list(ENTITIES)],
    ):
        groups[entity].add(group)
    return groups


# --- rows ---------------------------------------------------------------------------------------------------


def _update(
    connection: Connection,
    entity: str,
    groups: Sequence[_Group],
    gone: Iterable[str],
    change: TableChange,
    *,
    everything: bool = False,
    first: bool = False,
) -> None:
    """Brings the rows of some groups to what they are now, and removes those of groups that are no more.

    Args:
        everything: they are all groups. first: no rows are stored.
    """
    removed = connection.execute(
        f"DELETE FROM matches.duplicates WHERE entity = ANY(%s) AND group_id = ANY(%s::uuid[]) RETURNING {_SELECTED}",
        [_entities(entity), list(gone)],
    ).fetchall()
    change.removed += len(removed)
    _sum_up(change, removed, -1)
    if not groups:
        return
    context = instance_facts(connection)
    select_groups(connection, [group.nodes for group in groups])
    parts = list(_parts(groups))
    # only the thread uses the connection: it reads the next part and writes the last one while rows are made
    with database_thread() as database:
        reader = database.submit(Reader, connection, entity, database, some=not everything).result()
        coming = [database.submit(reader.read, parts[0].stop)]
        written: list[Future[None]] = []
        for part, following in zip_longest(parts, parts[1:]):
            loaded: Loaded = coming.pop().result()
            if following:
                coming.append(database.submit(reader.read, following.stop))
            copies = Copies(entity, loaded, context)
            made = [row for number in part for row in _rows(entity, number, groups[number], copies)]
            if written:
                written.pop().result()
            some = groups[part.start : part.stop]
            written.append(database.submit(_replace, connection, entity, some, made, change, first))
        for last in written:
            last.result()


def _parts(groups: Sequence[_Group]) -> Iterator[range]:
    """The numbers of the groups of each part."""
    start, objects = 0, 0
    for number, group in enumerate(groups):
        objects += len(group.nodes)
        if objects >= _AT_ONCE:
            yield range(start, number + 1)
            start, objects = number + 1, 0
    if start < len(groups):
        yield range(start, len(groups))


def _rows(entity: str, number: int, group: _Group, copies: Copies) -> Iterator[Row]:
    nodes = sorted(group.nodes)
    known = copies.objects(number, nodes) if len(nodes) > 1 else []
    if len(known) > 1:
        yield from _group_rows(entity, group, known)
    if entity == "scenes" and group.kind == "same":
        known = copies.files(nodes)
        if len(known) > 1:
            yield from _group_rows("files", group, known)


def _group_rows(entity: str, group: _Group, copies: Sequence[KnownCopy]) -> Iterator[Row]:
    by_key = {known.copy.key: known for known in copies}
    for known, suggestion in zip(copies, suggest(entity, [known.copy for known in copies]), strict=True):
        compared = by_key[suggestion.compared.key] if suggestion.compared else None
        yield _row(entity, group, known, suggestion, compared)


def _row(entity: str, group: _Group, known: KnownCopy, suggestion: Suggestion, compared: KnownCopy | None) -> Row:
    copy, file = known.copy, known.file
    return (
        entity,
        group.kind,
        group.id,
        *copy.key[:2],
        file.id if file else 0,
        suggestion.keeper,
        suggestion.best_here,
        copy.protected is not None,
        *(compared.copy.key[:2] if compared else (None, None)),
        compared.file.id if compared and compared.file else None,
        suggestion.reasons,
        suggestion.loses,
        suggestion.bytes,
        suggestion.bytes_across,
        suggestion.identical,
        suggestion.phash_distance,
        suggestion.duration_difference,
        copy.duration,
        copy.width,
        copy.height,
        copy.codec,
        file.bit_rate if file else None,
        file.frame_rate if file else None,
        copy.size,
        known.markers,
    )


def _replace(
    connection: Connection, entity: str, part: Sequence[_Group], made: Sequence[Row], change: TableChange, first: bool
) -> None:
    """Writes the rows of some groups that differ from the stored ones."""
    stored: dict[Row, Row] = {}
    if not first:
        rows = connection.execute(
            f"SELECT {_SELECTED} FROM matches.duplicates WHERE entity = ANY(%s) AND group_id = ANY(%s::uuid[])",
            [_entities(entity), [group.id for group in part]],
        )
        stored = {row[: len(_KEY)]: row for row in rows}
    new = [row for row in made if stored.get(row[: len(_KEY)]) != row]
    gone = stored.keys() - {row[: len(_KEY)] for row in made}
    old = sorted({*gone, *(row[: len(_KEY)] for row in new)} & stored.keys()) if stored else []
    change.removed += len(gone)
    change.updated += len(old) - len(gone)
    change.inserted += len(new) - (len(old) - len(gone))
    _sum_up(change, (stored[key] for key in old), -1)
    _sum_up(change, new, 1)
    if old:
        connection.execute(
            "DELETE FROM matches.duplicates AS d USING unnest(\n"
            "    %s::text[], %s::text[], %s::uuid[], %s::integer[], %s::bigint[], %s::bigint[]\n"
            f") AS w({', '.join(_KEY)})\n"
            f"WHERE {' AND '.join(f'd.{name} = w.{name}' for name in _KEY)}",
            [[key[position] for key in old] for position in range(len(_KEY))],
        )
    if new:
        reasons, loses = _COLUMNS.index("reasons"), _COLUMNS.index("loses")
        with connection.cursor().copy(f"COPY matches.duplicates ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
            for made_row in new:
                row = list(made_row)
                row[reasons] = _array(row[reasons])
                row[loses] = orjson.dumps(row[loses]).decode()
                copy.write_row(row)


def _array(texts: Iterable[str]) -> str:
    """Texts as Postgres reads an array, in a third of psycopg's time."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"
