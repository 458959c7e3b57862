"""Scenes are found by their markers, one after the other."""

import random
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple
from uuid import UUID

import pytest

from stash_pipeline.search.marker_sequences import moments_in, scenes_with
from stash_pipeline.search.query.compiled import Sequence, Slot
from stash_pipeline.warehouse.connect import Connection, connect


class Row(NamedTuple):
    """A row of ``search.marker_tags``."""

    tag: UUID
    scene: UUID
    seconds: int
    marker: UUID
    instance: int
    own: bool


def _id(number: int) -> UUID:
    return UUID(int=number)


A, B, C, PARENT = (_id(number) for number in range(1, 5))


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as opened:
        yield opened


def _store(connection: Connection, rows: list[Row]) -> None:
    with connection.cursor().copy(
        "copy search.marker_tags (tag_id, scene_id, seconds, marker_id, instance_id, own) from stdin"
    ) as copy:
        for row in rows:
            copy.write_row(row)


def _slot(*tags: UUID, own: bool = False, gap: int | None = None) -> Slot:
    return Slot(((tags,),), own, gap)


SCENE, OTHER = _id(100), _id(101)


def test_a_sequence_holds_in_its_order_only(connection: Connection) -> None:
    _store(connection, [Row(A, SCENE, 1000, _id(1), 1, True), Row(B, SCENE, 5000, _id(2), 1, True)])
    assert scenes_with(connection, (_slot(A), _slot(B))) == (SCENE,)
    assert scenes_with(connection, (_slot(B), _slot(A))) == ()
    assert scenes_with(connection, (_slot(A),)) == (SCENE,)


def test_markers_of_two_servers_are_no_sequence(connection: Connection) -> None:
    _store(connection, [Row(A, SCENE, 1000, _id(1), 1, True), Row(B, SCENE, 5000, _id(2), 2, True)])
    assert scenes_with(connection, (_slot(A), _slot(B))) == ()


def test_markers_that_begin_together_are_no_sequence(connection: Connection) -> None:
    _store(connection, [Row(A, SCENE, 1000, _id(1), 1, True), Row(B, SCENE, 1000, _id(2), 1, True)])
    assert scenes_with(connection, (_slot(A), _slot(B))) == ()


def test_a_gap_is_between_the_beginnings_and_inclusive(connection: Connection) -> None:
    _store(connection, [Row(A, SCENE, 1000, _id(1), 1, True), Row(B, SCENE, 5000, _id(2), 1, True)])
    assert scenes_with(connection, (_slot(A), _slot(B, gap=4000))) == (SCENE,)
    assert scenes_with(connection, (_slot(A), _slot(B, gap=3999))) == ()


def test_ancestors_count_unless_only_own_tags_do(connection: Connection) -> None:
    _store(connection, [Row(A, SCENE, 1000, _id(1), 1, True), Row(PARENT, SCENE, 1000, _id(1), 1, False)])
    assert scenes_with(connection, (_slot(PARENT),)) == (SCENE,)
    assert scenes_with(connection, (_slot(PARENT, own=True),)) == ()


def test_a_slot_can_want_several_tags_of_one_marker(connection: Connection) -> None:
    _store(connection, [Row(A, SCENE, 1000, _id(1), 1, True), Row(B, SCENE, 1000, _id(1), 1, True)])
    _store(connection, [Row(A, OTHER, 1000, _id(2), 1, True), Row(B, OTHER, 2000, _id(3), 1, True)])
    both = Slot((((A,), (B,)),))
    assert scenes_with(connection, (both,)) == (SCENE,)
    assert scenes_with(connection, (Slot((((C,),), ((A,), (B,)))),)) == (SCENE,)


def test_the_moments_of_a_scene_are_listed_from_the_beginning(connection: Connection) -> None:
    rows = [Row(A, SCENE, 1000 * at, _id(at), 1, True) for at in (1, 2, 9)]
    rows += [Row(B, SCENE, 1000 * at, _id(at), 1, True) for at in (3, 7)]
    _store(connection, [*rows, Row(A, OTHER, 0, _id(50), 1, True)])
    sequence = (_slot(A), _slot(B))
    found = moments_in(connection, sequence, [SCENE, OTHER])
    assert [(one.seconds, one.marker_ids) for one in found[SCENE]] == [
        ((2000, 3000), (_id(2), _id(3))),
        ((2000, 7000), (_id(2), _id(7))),
    ]
    assert OTHER not in found
    assert [one.seconds for one in moments_in(connection, sequence, [SCENE], most=1)[SCENE]] == [(2000, 3000)]
    assert moments_in(connection, sequence, []) == {}


def _expected(rows: list[Row], sequence: Sequence) -> set[UUID]:
    """By trying all combinations of markers."""
    tags: dict[tuple[UUID, int, UUID, int], set[tuple[UUID, bool]]] = {}
    for row in rows:
        tags.setdefault((row.scene, row.instance, row.marker, row.seconds), set()).add((row.tag, row.own))
    found = set()
    for place in {(row.scene, row.instance) for row in rows}:
        markers = [(key[3], has) for key, has in tags.items() if key[:2] == place]
        for chain in product(markers, repeat=len(sequence)):
            fits = all(
                any(
                    all(any(tag in wanted and (own or not slot.own) for tag, own in has) for wanted in choice)
                    for choice in slot.choices
                )
                for slot, (_, has) in zip(sequence, chain, strict=True)
            )
            ordered = all(
                before < after and (slot.gap is None or after <= before + slot.gap)
                for (before, _), (after, _), slot in zip(chain, chain[1:], sequence[1:], strict=False)
            )
            if fits and ordered:
                found.add(place[0])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_sequences_are_those_that_trying_all_combinations_finds(connection: Connection, seed: int) -> None:
    chance = random.Random(seed)
    tags = [_id(number) for number in range(1, 7)]
    rows = [
        Row(tag, _id(1000 + scene), 1000 * chance.randrange(8) * 1, _id(scene * 100 + number), scene % 2, own)
        for scene in range(60)
        for number in range(chance.randrange(6))
        for tag, own in [(tag, chance.random() < 0.6) for tag in chance.sample(tags, chance.randrange(1, 4))]
    ]
    seconds: dict[UUID, int] = {}
    rows = [row._replace(seconds=seconds.setdefault(row.marker, row.seconds)) for row in rows]
    _store(connection, rows)
    different = set()
    for _ in range(60):
        sequence = tuple(
            Slot(
                tuple(
                    tuple(tuple(chance.sample(tags, chance.randrange(1, 3))) for _ in range(chance.randrange(1, 3)))
                    for _ in range(chance.randrange(1, 3))
                ),
                own=chance.random() < 0.3,
                gap=chance.choice([None, 1000, 3000]) if number else None,
            )
            for number in range(chance.randrange(1, 4))
        )
        found = scenes_with(connection, sequence)
        assert set(found) == _expected(rows, sequence)
        moments = moments_in(connection, sequence, found)
        assert set(moments) == set(found)
        different.add(found)
    assert len(different) > 10
