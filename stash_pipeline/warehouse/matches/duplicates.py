"""``matches.duplicates``: groups of copies, and which of each to keep.

A group is a cluster of several objects, the files of the scenes of one cluster, or (kind ``possible``) two objects of
one server whose link a person has to decide. Following makes those groups again whose copies, or whose clusters,
changed; it writes only the rows that differ. The suggestions are made in :mod:`stash_pipeline.matching.duplicates`.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from stash_pipeline.matching.duplicates import Copy, Suggestion, suggest
from stash_pipeline.matching.keeper_rules import codec_rank
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.matches.duplicate_sql import (
    DECIDED_DIFFERENT,
    ENTITIES,
    FILES,
    LISTS,
    POSSIBLE,
    WANTED,
    objects_query,
    touched_query,
)
from stash_pipeline.warehouse.matches.duplicate_table import DUPLICATES
from stash_pipeline.warehouse.ops.protection import Protection, read_protection

VERSION: Final = 1
"""To be raised when this module, or the queries, make other rows."""

Node = tuple[int, int]
_AT_ONCE: Final = 5_000
"""Objects whose details are in memory at the same time."""

_COLUMNS: Final = tuple(column.name for column in DUPLICATES.columns)
_KEY: Final = tuple(column.name for column in DUPLICATES.primary_key.columns)

Row = tuple[Any, ...]


@dataclass
class _Group:
    """The objects of a group; of kind ``same`` the members of a cluster."""

    kind: str
    id: uuid.UUID
    nodes: list[Node] = field(default_factory=list)


def follow(connection: Connection, revision: int) -> TableChange:
    """Makes groups again of which something is in ``pg_temp.changed_objects``, or whose clusters changed.

    Args:
        revision: of the object log that the layer reaches: that of changed clusters.
    """
    change = TableChange()
    possible = _possible(connection)
    for entity in ENTITIES:
        touched = set(connection.execute(touched_query(entity), {"revision": revision}).fetchall())
        stored = _stored_groups(connection, entity, touched, [one.id for one in possible[entity]])
        groups = _clusters(connection, entity, touched)
        known = _groups_of_kind(connection, entity, "possible")
        groups += [one for one in possible[entity] if one.id not in known or not touched.isdisjoint(one.nodes)]
        _update(connection, entity, groups, stored - {one.id for one in groups}, change)
    return _counted(connection, change)


def rebuild(connection: Connection) -> TableChange:
    """Makes all groups."""
    change = TableChange()
    possible = _possible(connection)
    for entity in ENTITIES:
        groups = _clusters(connection, entity) + possible[entity]
        stored = {
            row[0]
            for row in connection.execute(
                "SELECT DISTINCT group_id FROM matches.duplicates WHERE entity = ANY(%s)", [_entities(entity)]
            )
        }
        _update(connection, entity, groups, stored - {one.id for one in groups}, change)
    return _counted(connection, change)


def _counted(connection: Connection, change: TableChange) -> TableChange:
    row = connection.execute(
        "SELECT count(*), coalesce(sum(bytes) FILTER (WHERE entity = 'files' AND kind = 'same'), 0)::bigint,\n"
        "    coalesce(sum(bytes_across) FILTER (WHERE entity = 'files' AND kind = 'same'), 0)::bigint\n"
        "FROM matches.duplicates"
    ).fetchone()
    assert row is not None
    change.rows, here, across = row
    change.details = {"bytes_to_gain": here, "bytes_on_several_servers": across}
    return change


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


def _clusters(connection: Connection, entity: str, touched: Iterable[Node] | None = None) -> list[_Group]:
    """Clusters that may be groups: of several objects, or of a scene with several files.

    Args:
        touched: only those of these objects.
    """
    some = ""
    if touched is not None:
        _want(connection, touched)
        some = (
            f"AND c.id IN (SELECT m.cluster_id FROM {WANTED} AS w JOIN matches.members AS m\n"
            "    ON m.entity = c.entity AND m.instance_id = w.instance_id AND m.id = w.id)\n"
        )
    several = "c.size > 1"
    if entity == "scenes":
        several += (
            " OR EXISTS (SELECT FROM stash.scene_files AS x WHERE x.instance_id = m.instance_id\n"
            "    AND x.scene_id = m.id OFFSET 1)"
        )
    rows = connection.execute(
        "SELECT c.id, m.instance_id, m.id FROM matches.clusters AS c JOIN matches.members AS m ON m.cluster_id = c.id\n"
        f"WHERE c.entity = %s {some}AND ({several}) ORDER BY c.id",
        [entity],
    )
    groups: dict[uuid.UUID, _Group] = {}
    for cluster, instance_id, identifier in rows:
        groups.setdefault(cluster, _Group("same", cluster)).nodes.append((instance_id, identifier))
    return list(groups.values())


def _stored_groups(
    connection: Connection, entity: str, touched: Iterable[Node], possible: Sequence[uuid.UUID]
) -> set[uuid.UUID]:
    """The stored groups that some objects are in, and those that are no longer possible."""
    _want(connection, touched)
    rows = connection.execute(
        f"SELECT d.group_id FROM {WANTED} AS w JOIN matches.duplicates AS d USING (instance_id, id)\n"
        "WHERE d.entity = ANY(%(e)s)\n"
        "UNION\n"
        "SELECT d.group_id FROM matches.duplicates AS d\n"
        "WHERE d.entity = ANY(%(e)s) AND d.kind = 'possible' AND d.group_id <> ALL(%(p)s)",
        {"e": _entities(entity), "p": list(possible)},
    )
    return {row[0] for row in rows}


def _groups_of_kind(connection: Connection, entity: str, kind: str) -> set[uuid.UUID]:
    rows = connection.execute(
        "SELECT DISTINCT group_id FROM matches.duplicates WHERE entity = %s AND kind = %s", [entity, kind]
    )
    return {row[0] for row in rows}


def _want(connection: Connection, nodes: Iterable[Node]) -> None:
    """Makes some objects those that queries read."""
    connection.execute(f"DROP TABLE IF EXISTS {WANTED}")
    connection.execute("CREATE TEMP TABLE duplicate_objects (instance_id integer, id bigint) ON COMMIT DROP")
    with connection.cursor().copy("COPY duplicate_objects FROM STDIN") as copy:
        for node in sorted(set(nodes)):
            copy.write_row(node)
    connection.execute(f"ANALYZE {WANTED}")


# --- copies -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Context:
    """What is known of instances."""

    priorities: Mapping[int, int]
    protection: Mapping[int, Protection]


def _context(connection: Connection) -> _Context:
    priorities = dict(connection.execute("SELECT id, priority FROM ops.instances").fetchall())
    return _Context(priorities, read_protection(connection))


@dataclass(frozen=True)
class _File:
    """A file of a scene, as the table has it."""

    id: int
    primary: bool
    path: str | None
    size: int | None
    width: int | None
    height: int | None
    duration: int | None
    codec: str | None
    bit_rate: int | None
    frame_rate: float | None
    created: float | None
    hashes: frozenset[str]
    phash: int | None


@dataclass(frozen=True)
class _Known:
    """A copy, with what its row shows."""

    copy: Copy
    file: _File | None = None
    markers: int = 0


_NO_PROTECTION: Final = Protection()


def _load(
    connection: Connection, entity: str, context: _Context
) -> tuple[dict[Node, _Known], dict[Node, list[_Known]]]:
    """(the wanted objects as copies, their files as copies)."""
    lists: dict[Node, dict[str, dict[str, str]]] = defaultdict(dict)
    for name, query in LISTS[entity].items():
        for instance_id, identifier, keys, names in connection.execute(query):
            # of two that are the same thing, such as tags of one cluster, always the same name
            lists[instance_id, identifier][name] = dict(sorted(zip(keys, names, strict=True), reverse=True))
    files: dict[Node, list[_File]] = defaultdict(list)
    if entity == "scenes":
        for instance_id, identifier, *values, hashes, phash in connection.execute(FILES):
            files[instance_id, identifier].append(
                _File(*values, hashes=frozenset(hashes or ()), phash=None if phash is None else phash % (1 << 64))
            )
    objects, copies = {}, {}
    for row in connection.execute(objects_query(entity)):
        node = row[0], row[1]
        if entity == "scenes":
            objects[node] = _scene(row, lists[node], files[node], context)
            copies[node] = [_video(node, file, context) for file in files[node]]
        else:
            objects[node] = _named(entity, row, lists[node], context)
    return objects, copies


def _scene(row: Row, lists: Mapping[str, Mapping[str, str]], files: Sequence[_File], context: _Context) -> _Known:
    instance_id, identifier, created, rating, filled, organized, plays, o_counter, markers = row
    best = files[0] if files else None
    size = sum(file.size or 0 for file in files) if files else None
    protection = context.protection.get(instance_id, _NO_PROTECTION)
    protected = protection.reason([file.path or "" for file in files], lists.get("tags", {}).values())
    values = {
        **_video_values(best),
        "protected": float(protected is not None),
        "markers": markers,
        "plays": plays,
        "organized": float(organized),
        "stash_ids": len(lists.get("stash_ids", ())),
        "priority": context.priorities.get(instance_id),
        "created": created,
    }
    copy = Copy(
        (instance_id, identifier),
        values,
        protected,
        lists=lists,
        counts={"markers": markers, "plays": plays, "o": o_counter},
        fields=filled,
        rating=rating,
        organized=organized,
        hashes=frozenset(value for file in files for value in file.hashes),
        phashes=tuple(file.phash for file in files if file.phash is not None),
        duration=best.duration if best else None,
        size=size,
        width=best.width if best else None,
        height=best.height if best else None,
        codec=best.codec if best else None,
        location="\n".join(sorted(file.path or "" for file in files)) or None,
    )
    return _Known(copy, best, markers)


def _video_values(file: _File | None) -> dict[str, float | None]:
    if file is None:
        return {}
    return {
        "resolution": file.width * file.height if file.width and file.height else None,
        "codec": codec_rank(file.codec),
        "bit_rate": file.bit_rate or None,
        "size": file.size,
    }


def _video(node: Node, file: _File, context: _Context) -> _Known:
    protected = context.protection.get(node[0], _NO_PROTECTION).reason([file.path or ""], ())
    values = {
        **_video_values(file),
        "protected": float(protected is not None),
        "primary": float(file.primary),
        "priority": context.priorities.get(node[0]),
        "created": file.created,
    }
    copy = Copy(
        (*node, file.id),
        values,
        protected,
        hashes=file.hashes,
        phashes=() if file.phash is None else (file.phash,),
        duration=file.duration,
        size=file.size,
        width=file.width,
        height=file.height,
        codec=file.codec,
        location=file.path,
    )
    return _Known(copy, file)


def _named(entity: str, row: Row, lists: Mapping[str, Mapping[str, str]], context: _Context) -> _Known:
    instance_id, identifier, created, rating, filled, favorite, name = row
    tags = [name or ""] if entity == "tags" else list(lists.get("tags", {}).values())
    protected = context.protection.get(instance_id, _NO_PROTECTION).reason((), tags)
    values = {
        "protected": float(protected is not None),
        "stash_ids": len(lists.get("stash_ids", ())),
        "favorite": float(favorite),
        "fields": len(filled),
        "aliases": len(lists.get("aliases", ())),
        "priority": context.priorities.get(instance_id),
        "created": created,
    }
    copy = Copy((instance_id, identifier), values, protected, lists=lists, fields=filled, rating=rating)
    return _Known(copy)


# --- rows ---------------------------------------------------------------------------------------------------


def _update(
    connection: Connection, entity: str, groups: Sequence[_Group], gone: Iterable[uuid.UUID], change: TableChange
) -> None:
    """Brings the rows of some groups to what they are now, and removes those of groups that are no more."""
    change.removed += connection.execute(
        "DELETE FROM matches.duplicates WHERE entity = ANY(%s) AND group_id = ANY(%s)", [_entities(entity), list(gone)]
    ).rowcount
    if not groups:
        return
    context = _context(connection)
    for some in _parts(groups):
        _want(connection, (node for group in some for node in group.nodes))
        objects, files = _load(connection, entity, context)
        made = {row[: len(_KEY)]: row for group in some for row in _rows(entity, group, objects, files)}
        stored = {
            row[: len(_KEY)]: row
            for row in connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM matches.duplicates WHERE entity = ANY(%s) AND group_id = ANY(%s)",
                [_entities(entity), [group.id for group in some]],
            )
        }
        _write(connection, stored, made, change)


def _parts(groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    part: list[_Group] = []
    objects = 0
    for group in groups:
        part.append(group)
        objects += len(group.nodes)
        if objects >= _AT_ONCE:
            yield part
            part, objects = [], 0
    if part:
        yield part


def _rows(
    entity: str, group: _Group, objects: Mapping[Node, _Known], files: Mapping[Node, Sequence[_Known]]
) -> Iterator[Row]:
    known = [objects[node] for node in sorted(group.nodes) if node in objects]
    if len(known) > 1:
        yield from _group_rows(entity, group, known)
    if entity == "scenes" and group.kind == "same":
        # a file of two scenes is one copy
        copies = {
            (each.copy.key[0], each.copy.key[2]): each
            for node in sorted(group.nodes, reverse=True)
            for each in files.get(node, ())
        }
        if len(copies) > 1:
            yield from _group_rows("files", group, list(copies.values()))


def _group_rows(entity: str, group: _Group, known: Sequence[_Known]) -> Iterator[Row]:
    by_key = {one.copy.key: one for one in known}
    for one, suggestion in zip(known, suggest(entity, [one.copy for one in known]), strict=True):
        compared = by_key[suggestion.compared.key] if suggestion.compared else None
        yield _row(entity, group, one, suggestion, compared)


def _row(entity: str, group: _Group, one: _Known, suggestion: Suggestion, compared: _Known | None) -> Row:
    copy, file = one.copy, one.file
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
        one.markers,
    )


def _write(connection: Connection, stored: Mapping[Row, Row], made: Mapping[Row, Row], change: TableChange) -> None:
    gone = [key for key in stored if key not in made]
    differing = [key for key, row in made.items() if key in stored and stored[key] != row]
    new = [key for key in made if key not in stored]
    change.removed += len(gone)
    change.updated += len(differing)
    change.inserted += len(new)
    old = sorted((*gone, *differing))
    connection.execute(
        "DELETE FROM matches.duplicates AS d USING unnest(\n"
        "    %s::text[], %s::text[], %s::uuid[], %s::integer[], %s::bigint[], %s::bigint[]\n"
        f") AS w({', '.join(_KEY)})\n"
        f"WHERE {' AND '.join(f'd.{name} = w.{name}' for name in _KEY)}",
        [[key[position] for key in old] for position in range(len(_KEY))],
    )
    loses = _COLUMNS.index("loses")
    with connection.cursor().copy(f"COPY matches.duplicates ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        for key in sorted((*differing, *new)):
            row = list(made[key])
            row[loses] = orjson.dumps(row[loses]).decode()
            copy.write_row(row)
