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
    query = sql.SQL("WITH {} SELECT DISTINCT scene_id FROM {}").format(
        sql.SQL(", ").join(tables), _name(len(sequence) - 1)
    )
    with connection.cursor(binary=True) as cursor:
        return tuple(sorted(row[0] for row in cursor.execute(query, parameters)))


_EARLIEST: Final = sql.SQL(
    "{} AS (SELECT scene_id, instance_id, min(seconds) AS seconds FROM ({}) m GROUP BY scene_id, instance_id)"
)
_ALL_TIMES: Final = sql.SQL("{} AS (SELECT DISTINCT scene_id, instance_id, seconds FROM ({}) m)")
_AFTER: Final = sql.SQL(
    "SELECT scene_id, instance_id, m.seconds FROM ({}) m JOIN {} before USING (scene_id, instance_id) "
    "WHERE m.seconds > before.seconds {}"
)
_NEAR: Final = sql.SQL("AND m.seconds <= before.seconds + %s")
_ANY_TIME: Final = sql.SQL("")


def moments_in(
    connection: Connection, sequence: Sequence, scene_ids: Several[UUID], *, most: int = 5
) -> dict[UUID, list[Moments]]:
    """Where some scenes have a sequence, from the beginning; at most so many places each.

    Every marker that can be the last one is a place; the markers before it are the nearest ones.
    """
    steps, parameters = _steps(sequence, [*scene_ids])
    query = sql.SQL(
        "{} SELECT scene_id, instance_id, path, markers FROM ("
        "SELECT *, row_number() OVER (PARTITION BY scene_id ORDER BY path, instance_id, markers) AS place FROM {}"
        ") numbered WHERE place <= %s ORDER BY scene_id, place"
    ).format(steps, _name(len(sequence) - 1))
    by_scene: dict[UUID, list[Moments]] = {}
    for scene, instance, path, markers in connection.execute(query, [*parameters, most]):
        by_scene.setdefault(scene, []).append(Moments(instance, tuple(path), tuple(markers)))
    return by_scene


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
    return sql.SQL("WITH {}").format(sql.SQL(", ").join(tables)), parameters


_FIRST: Final = sql.SQL(
    "{} AS (SELECT m.*, ARRAY[seconds] AS path, ARRAY[marker_id] AS markers "
    "FROM (SELECT DISTINCT * FROM ({}) with_tags) m)"
)
_NEXT: Final = sql.SQL(
    "{} AS (SELECT DISTINCT ON (m.marker_id) m.*, before.path || m.seconds AS path, "
    "before.markers || m.marker_id AS markers "
    "FROM ({}) m JOIN {} before USING (scene_id, instance_id) "
    "WHERE m.seconds > before.seconds {} ORDER BY m.marker_id, before.seconds DESC, before.marker_id)"
)


def _markers(slot: Slot, scenes: list[UUID] | None = None) -> tuple[sql.Composable, list[Any]]:
    """The markers that fit a slot: of one of its choices, with a tag of each set."""
    choices: list[sql.Composable] = []
    parameters: list[Any] = []
    own = sql.SQL("AND own") if slot.own else sql.SQL("")
    for first, *rest in slot.choices:
        conditions: list[sql.Composable] = [sql.SQL("tag_id = any(%s)"), own]
        parameters.append([*first])
        if scenes is not None:
            conditions.append(sql.SQL("AND scene_id = any(%s)"))
            parameters.append(scenes)
        for tags in rest:
            conditions.append(
                sql.SQL("AND marker_id IN (SELECT marker_id FROM search.marker_tags WHERE tag_id = any(%s) {})").format(
                    own
                )
            )
            parameters.append([*tags])
        choices.append(
            sql.SQL("SELECT {} FROM search.marker_tags WHERE {}").format(_COLUMNS, sql.SQL(" ").join(conditions))
        )
    return sql.SQL(" UNION ALL ").join(choices), parameters
