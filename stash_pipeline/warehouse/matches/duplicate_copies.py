"""Loads the copies in groups of duplicates: objects and their files, with what the keeper rules compare."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stash_pipeline.matching.duplicates import Copy
from stash_pipeline.matching.keeper_rules import codec_rank
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.duplicate_sql import FILES, LISTS, WANTED, objects_query
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.ops.protection import Protection, read_protection

Row = tuple[Any, ...]
Lists = Mapping[str, Mapping[str, str]]
"""By name: what identifies each item, and its name."""


def want(connection: Connection, nodes: Iterable[Node]) -> None:
    """Makes some objects those that queries read."""
    connection.execute(f"DROP TABLE IF EXISTS {WANTED}")
    connection.execute("CREATE TEMP TABLE duplicate_objects (instance_id integer, id bigint) ON COMMIT DROP")
    with connection.cursor().copy("COPY duplicate_objects FROM STDIN") as copy:
        for node in sorted(set(nodes)):
            copy.write_row(node)
    connection.execute(f"ANALYZE {WANTED}")


@dataclass(frozen=True)
class InstanceFacts:
    """What is known of instances."""

    priorities: Mapping[int, int]
    protection: Mapping[int, Protection]


def instance_facts(connection: Connection) -> InstanceFacts:
    """The priorities of all instances, and what is protected there."""
    priorities = dict(connection.execute("SELECT id, priority FROM ops.instances").fetchall())
    return InstanceFacts(priorities, read_protection(connection))


@dataclass(frozen=True)
class File:
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
    hashes: Sequence[str] | None
    phash: int | None

    @property
    def phashes(self) -> tuple[int, ...]:
        """Unsigned: one, or none."""
        return () if self.phash is None else (self.phash % (1 << 64),)


@dataclass(frozen=True)
class KnownCopy:
    """A copy, with what its row shows."""

    copy: Copy
    file: File | None = None
    markers: int = 0


_NO_PROTECTION: Final = Protection()


def load_copies(
    connection: Connection, entity: str, context: InstanceFacts
) -> tuple[dict[Node, KnownCopy], dict[Node, list[KnownCopy]]]:
    """(the wanted objects as copies, their files as copies)."""
    lists: dict[Node, dict[str, dict[str, str]]] = defaultdict(dict)
    for name, query in LISTS[entity].items():
        for instance_id, identifier, keys, names in connection.execute(query):
            # of two that are the same thing, such as tags of one cluster, always the same name
            lists[instance_id, identifier][name] = dict(sorted(zip(keys, names, strict=True), reverse=True))
    files: dict[Node, list[File]] = defaultdict(list)
    if entity == "scenes":
        for instance_id, identifier, *values in connection.execute(FILES):
            files[instance_id, identifier].append(File(*values))
    objects, copies = {}, {}
    for row in connection.execute(objects_query(entity)):
        node = row[0], row[1]
        if entity == "scenes":
            objects[node] = _scene(row, lists[node], files[node], context)
            copies[node] = [_video(node, file, context) for file in files[node]]
        else:
            objects[node] = _named(entity, row, lists[node], context)
    return objects, copies


def _scene(row: Row, lists: Lists, files: Sequence[File], context: InstanceFacts) -> KnownCopy:
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
        hashes=frozenset(value for file in files for value in file.hashes or ()),
        phashes=tuple(phash for file in files for phash in file.phashes),
        duration=best.duration if best else None,
        size=size,
        width=best.width if best else None,
        height=best.height if best else None,
        codec=best.codec if best else None,
        location="\n".join(sorted(file.path or "" for file in files)) or None,
    )
    return KnownCopy(copy, best, markers)


def _video_values(file: File | None) -> dict[str, float | None]:
    if file is None:
        return {}
    return {
        "resolution": file.width * file.height if file.width and file.height else None,
        "codec": codec_rank(file.codec),
        "bit_rate": file.bit_rate or None,
        "size": file.size,
    }


def _video(node: Node, file: File, context: InstanceFacts) -> KnownCopy:
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
        hashes=frozenset(file.hashes or ()),
        phashes=file.phashes,
        duration=file.duration,
        size=file.size,
        width=file.width,
        height=file.height,
        codec=file.codec,
        location=file.path,
    )
    return KnownCopy(copy, file)


def _named(entity: str, row: Row, lists: Lists, context: InstanceFacts) -> KnownCopy:
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
    return KnownCopy(copy)
