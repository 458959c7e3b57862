"""Which values survive, compared with a plain reading of the rules: sort objects by the criteria, take the first."""

import random
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.warehouse.catalog.choices import choosable, choose
from stash_pipeline.warehouse.catalog.shapes import ORDER, GoldenField, golden_fields
from stash_pipeline.warehouse.catalog.survivorship import BY_FIELD, CRITERIA, METHODS, rule_of
from stash_pipeline_tests.catalog.working import Object, Servers, new_servers
from stash_pipeline_tests.mirror.working import looking_at

_PRECISION = {"day": 0, "month": 1, "year": 2}
_LEAST = datetime.min.replace(tzinfo=timezone.utc)


def test_every_rule_consists_of_known_criteria_and_decides() -> None:
    for entity in ORDER:
        for field in golden_fields(entity):
            rule = rule_of(field.name, field.type)
            assert rule is field.rule and rule.method in METHODS
            assert set(rule.criteria) <= set(CRITERIA)
            assert (rule.method == "survivor") == bool(rule.criteria)
            assert not rule.criteria or (rule.criteria[0], rule.criteria[-1]) == ("choice", "lowest"), rule


def test_every_exception_is_a_field() -> None:
    assert set(BY_FIELD) <= {field.name for entity in ORDER for field in golden_fields(entity)}


@pytest.fixture(scope="module")
def servers(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> Servers:
    """Three servers with ties in everything, and choices."""
    rng = random.Random(5)
    made = new_servers(warehouse, tmp_path_factory.mktemp("home"), scenes=25, number=3)
    for entity in ("images", "galleries"):
        # the generated libraries have different ones
        firsts = made.rows(f"SELECT instance_id, min(id) FROM stash.{entity} GROUP BY 1 ORDER BY 1")
        made.decide(entity, "same", firsts[0], firsts[1])
        made.decide(entity, "same", firsts[1], firsts[2])
    made.follow()
    for server in made.servers:
        made.execute("UPDATE ops.instances SET priority = %s WHERE id = %s", [rng.randint(0, 1), server.instance.id])
    connection = looking_at(made.database_url)
    for entity in ORDER:
        for row in made.rows(f"SELECT instance_id, id FROM stash.{entity}"):
            moment = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(days=rng.randint(0, 1))
            made.execute(
                f"UPDATE stash.{entity} SET updated_at = %s WHERE instance_id = %s AND id = %s",
                [rng.choice([moment, moment, None]), *row],
            )
            if rng.random() < 0.2:
                choose(connection, entity, row[0], row[1], rng.choice([None, *choosable(entity)]))
    made.follow(rebuild=True)
    return made


def _objects(servers: Servers, entity: str) -> dict[Object, dict[str, Any]]:
    """The objects of an entity with their values; references as the records that they lead to."""
    columns = sorted({"updated_at"} | {name for field in golden_fields(entity) for name in field.columns})
    if entity == "scenes":
        columns.append("last_played_at")
    record_of = {
        row[:3]: row[3] for row in servers.rows("SELECT entity, instance_id, id, canonical_id FROM catalog.members")
    }
    objects = {}
    for row in servers.rows(f"SELECT instance_id, id, {', '.join(columns)} FROM stash.{entity}"):
        values = dict(zip(columns, row[2:], strict=True))
        for field in golden_fields(entity):
            if field.target and values[field.value] is not None:
                found = record_of[field.target, row[0], values[field.value]]
                values[field.value] = None if found == record_of[entity, row[0], row[1]] else found
        objects[row[0], row[1]] = values
    return objects


def _sort_key(
    field: GoldenField, one: Object, values: dict[str, Any], priority: dict[int, int], chosen: set[str | None]
) -> tuple[Any, ...]:
    value = values[field.value]
    by_criterion = {
        "choice": 0 if field.name in chosen else 1 if None in chosen else 2,
        "stash_box": 0,
        "own_picture": "default=true" in str(value),
        "priority": priority[one[0]],
        "played_last": -(values.get("last_played_at") or _LEAST).timestamp() if "last_played_at" in values else 0,
        "precise": _PRECISION.get(values.get(f"{field.name}_precision") or "", 3),
        "newest": -(values["updated_at"] or _LEAST).timestamp(),
        "longest": -len(value) if isinstance(value, str) else 0,
        "lowest": one,
    }
    return tuple(by_criterion[criterion] for criterion in field.rule.criteria)


@pytest.mark.parametrize("entity", ORDER)
def test_the_first_object_by_the_criteria_survives(servers: Servers, entity: str, home: Path) -> None:
    priority = dict(servers.rows("SELECT id, priority FROM ops.instances"))
    objects = _objects(servers, entity)
    members: dict[Any, list[Object]] = defaultdict(list)
    for instance, identifier, record in servers.rows(
        "SELECT instance_id, id, canonical_id FROM catalog.members WHERE entity = %s", [entity]
    ):
        members[record].append((instance, identifier))
    chosen: dict[Object, set[str | None]] = defaultdict(set)
    taken: set[tuple[Any, str | None]] = set()
    for instance, identifier, field, record in servers.rows(
        "SELECT i.id, d.left_id, d.field, m.canonical_id FROM matches.decisions AS d\n"
        "JOIN ops.instances AS i ON i.uuid = d.left_instance\n"
        "JOIN catalog.members AS m ON m.entity = d.entity AND m.instance_id = i.id AND m.id = d.left_id\n"
        "WHERE d.verdict = 'primary' AND d.withdrawn_at IS NULL AND d.entity = %s ORDER BY d.id DESC",
        [entity],
    ):
        if (record, field) not in taken:
            taken.add((record, field))
            chosen[instance, identifier].add(field)
    provenance = {
        (row[0], row[1]): (row[2], row[3])
        for row in servers.rows(
            "SELECT id, field, instance_id, object_id FROM catalog.provenance WHERE entity = %s", [entity]
        )
    }
    several = 0
    for record, own in members.items():
        several += len(own) > 1
        shown = servers.record_of(entity, own[0])
        for golden in golden_fields(entity):
            if golden.rule.method != "survivor":
                continue
            candidates = [
                one
                for one in own
                if objects[one][golden.value] not in (None, "") or (len(own) > 1 and golden.name in chosen[one])
            ]
            best = min(
                candidates,
                key=lambda one: _sort_key(golden, one, objects[one], priority, chosen[one]),
                default=None,
            )
            assert provenance.get((record, golden.name)) == best, (record, golden.name)
            for name in golden.columns:
                expected = objects[best][name] if best else None
                assert shown[name] == (None if expected == "" else expected), (record, name)
    assert several
