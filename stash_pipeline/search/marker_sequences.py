"""Finds scenes by their markers, one after the other, in ``search.marker_tags``.

The markers of a sequence belong to one scene on one server: the same scene can begin differently on another one. Each
marker begins after the one before.
"""

from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from stash_pipeline.search.query.compiled import Sequence, Slot
from stash_pipeline.warehouse.connect import Connection

_COLUMNS: Final = sql.SQL("scene_id, instance_id, seconds, marker_id")


@dataclass(frozen=True)
class Moments:
    """One place in a scene where a sequence was found.

    Attributes:
        instance_id: the server that has the markers.
        seconds: milliseconds at which each marker begins.
        marker_ids: of their documents.
    """

    instance_id: int
    seconds: tuple[int, ...]
    marker_ids: tuple[UUID, ...]


def scenes_with(connection: Connection, sequence: Sequence) -> tuple[UUID, ...]:
    """The scenes that have a sequence, sorted.

    Of each scene on each server, only the earliest time is kept at which the sequence can have come so far; all times
    where the next marker must be near.
    """
    tables: list[sql.Composable] = []
    parameters: list[Any] = []
    for number, slot in enumerate(sequence):
        markers, of_slot = _markers(slot)
        parameters += of_slot
        if number:
            markers = _AFTER.format(markers, _name(number - 1), _NEAR if slot.gap is not None else _ANY_TIME)
            parameters += [slot.gap] if slot.gap is not None else []
        last = number == len(sequence) - 1
        all_times = not last and sequence[number + 1].gap is not None
        tables.append((_ALL_TIMES if all_times else _EARLIEST).format(_name(number), markers))
    query = sql.SQL("with {} select distinct scene_id from {}").format(
        sql.SQL(", ").join(tables), _name(len(sequence) - 1)
    )
    with connection.cursor(binary=True) as cursor:
        return tuple(sorted(row[0] for row in cursor.execute(query, parameters)))


_EARLIEST: Final = sql.SQL(
    "{} as (select scene_id, instance_id, min(seconds) as seconds from ({}) m group by scene_id, instance_id)"
)
_ALL_TIMES: Final = sql.SQL("{} as (select distinct scene_id, instance_id, seconds from ({}) m)")
_AFTER: Final = sql.SQL(
    "select scene_id, instance_id, m.seconds from ({}) m join {} before using (scene_id, instance_id) "
    "where m.seconds > before.seconds {}"
)
_NEAR: Final = sql.SQL("and m.seconds <= before.seconds + %s")
_ANY_TIME: Final = sql.SQL("")


def moments_in(
    connection: Connection, sequence: Sequence, scene_ids: Several[UUID], *, most: int = 5
) -> dict[UUID, list[Moments]]:
    """Where some scenes have a sequence, from the beginning; at most so many places each.

    Every marker that can be the last one is a place; the markers before it are the nearest ones.
    """
    steps, parameters = _steps(sequence, [*scene_ids])
    query = sql.SQL(
        "{} select scene_id, instance_id, path, markers from ("
        "select *, row_number() over (partition by scene_id order by path, instance_id, markers) as place from {}"
        ") numbered where place <= %s order by scene_id, place"
    ).format(steps, _name(len(sequence) - 1))
    found: dict[UUID, list[Moments]] = {}
    for scene, instance, path, markers in connection.execute(query, [*parameters, most]):
        found.setdefault(scene, []).append(Moments(instance, tuple(path), tuple(markers)))
    return found


def _name(step: int) -> sql.Identifier:
    return sql.Identifier(f"step_{step}")


def _steps(sequence: Sequence, scenes: list[UUID]) -> tuple[sql.Composable, list[Any]]:
    """Tables of the markers that can be the first, second, … of a sequence, each with one way to it."""
    tables: list[sql.Composable] = []
    parameters: list[Any] = []
    for number, slot in enumerate(sequence):
        markers, of_slot = _markers(slot, scenes)
        parameters += of_slot
        if number == 0:
            tables.append(_FIRST.format(_name(0), markers))
            continue
        parameters += [slot.gap] if slot.gap is not None else []
        near = _NEAR if slot.gap is not None else _ANY_TIME
        tables.append(_NEXT.format(_name(number), markers, _name(number - 1), near))
    return sql.SQL("with {}").format(sql.SQL(", ").join(tables)), parameters


_FIRST: Final = sql.SQL(
    "{} as (select m.*, array[seconds] as path, array[marker_id] as markers "
    "from (select distinct * from ({}) with_tags) m)"
)
_NEXT: Final = sql.SQL(
    "{} as (select distinct on (m.marker_id) m.*, before.path || m.seconds as path, "
    "before.markers || m.marker_id as markers "
    "from ({}) m join {} before using (scene_id, instance_id) "
    "where m.seconds > before.seconds {} order by m.marker_id, before.seconds desc, before.marker_id)"
)


def _markers(slot: Slot, scenes: list[UUID] | None = None) -> tuple[sql.Composable, list[Any]]:
    """The markers that fit a slot: of one of its choices, with a tag of each set."""
    choices: list[sql.Composable] = []
    parameters: list[Any] = []
    own = sql.SQL("and own") if slot.own else sql.SQL("")
    for first, *others in slot.choices:
        conditions: list[sql.Composable] = [sql.SQL("tag_id = any(%s)"), own]
        parameters.append([*first])
        if scenes is not None:
            conditions.append(sql.SQL("and scene_id = any(%s)"))
            parameters.append(scenes)
        for tags in others:
            conditions.append(
                sql.SQL("and marker_id in (select marker_id from search.marker_tags where tag_id = any(%s) {})").format(
                    own
                )
            )
            parameters.append([*tags])
        choices.append(
            sql.SQL("select {} from search.marker_tags where {}").format(_COLUMNS, sql.SQL(" ").join(conditions))
        )
    return sql.SQL(" union all ").join(choices), parameters
