"""Whatever happens, following ends in the same catalog as a rebuild, and its feed tells readers all of it."""

import random
from contextlib import suppress
from pathlib import Path

import pytest

from stash_pipeline.warehouse.catalog.checks import CHECKS
from stash_pipeline.warehouse.catalog.choices import choosable, choose, withdraw
from stash_pipeline.warehouse.catalog.shapes import ORDER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.catalog.working import Consumer, Object, Servers, new_servers
from stash_pipeline_tests.mirror.library_events import EVENTS, NothingToDoError, happen


def _any_object(servers: Servers, entity: str, rng: random.Random) -> Object:
    rows = servers.rows(f"SELECT instance_id, id FROM stash.{entity} ORDER BY 1, 2")
    return rng.choice([(row[0], row[1]) for row in rows])


def _library_changes(servers: Servers, rng: random.Random) -> None:
    server = rng.choice(servers.servers)
    for _ in range(rng.randint(1, 6)):
        with suppress(NothingToDoError):
            happen(server.stash, rng.choice(sorted(EVENTS)), rng.randrange(1000))
    server.refresh(mode="sweep")


def _a_person_decides(servers: Servers, rng: random.Random) -> None:
    entity = rng.choice(ORDER)
    left, right = _any_object(servers, entity, rng), _any_object(servers, entity, rng)
    if rng.random() < 0.5 and (pairs := servers.pairs(entity)):
        left, right = rng.choice(pairs)
    if left != right:
        servers.decide(entity, rng.choice(["same", "different"]), left, right)


def _a_person_chooses(servers: Servers, rng: random.Random) -> None:
    entity = rng.choice(ORDER)
    pairs = servers.pairs(entity)
    one = rng.choice(rng.choice(pairs)) if pairs else _any_object(servers, entity, rng)
    field = rng.choice([None, *choosable(entity)])
    with connect(servers.database_url) as connection:
        if rng.random() < 0.7:
            choose(connection, entity, *one, field)
        elif chosen := servers.rows(
            "SELECT d.entity, i.id, d.left_id, d.field FROM matches.decisions AS d\n"
            "JOIN ops.instances AS i ON i.uuid = d.left_instance\n"
            "WHERE d.verdict = 'primary' AND d.withdrawn_at IS NULL"
        ):
            assert withdraw(connection, *rng.choice(chosen))


def _an_instance_changes(servers: Servers, rng: random.Random) -> None:
    instance = rng.choice(servers.servers).instance.id
    change = rng.choice([f"priority = {rng.randint(0, 3)}", "enabled = NOT enabled"])
    servers.execute(f"UPDATE ops.instances SET {change} WHERE id = %s", [instance])


def _an_instance_comes_or_goes(servers: Servers, rng: random.Random) -> None:
    if len(servers.servers) > 2:
        servers.remove(rng.choice(servers.servers))
    else:
        servers.add(12, rng.randrange(100, 200))


STEPS = [
    _library_changes,
    _library_changes,
    _library_changes,
    _a_person_decides,
    _a_person_chooses,
    _an_instance_changes,
    _an_instance_comes_or_goes,
]


def _failed_checks(servers: Servers) -> dict[str, object]:
    with connect(servers.database_url) as connection:
        outcomes = {check.name: check.evaluate(connection) for check in CHECKS}
    return {name: outcome for name, outcome in outcomes.items() if not outcome or not outcome.passed}


@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.soak)])
def test_following_ends_in_the_same_rows_as_a_rebuild(warehouse: str, home: Path, seed: int) -> None:
    rng = random.Random(seed)
    servers = new_servers(warehouse, home, scenes=20, seed=seed + 1)
    servers.follow()
    consumer = Consumer(servers)
    for number in range(8):
        steps = rng.choices(STEPS, k=rng.randint(1, 2))
        for step in steps:
            step(servers, rng)
        servers.follow()
        consumer.read()
        made = servers.contents()
        assert made == servers.rebuilt(), (number, steps)
        assert consumer.copy == consumer.expected(), (number, steps)
        counted = dict(servers.rows("SELECT table_name, rows FROM catalog.row_counts"))
        assert {name: counted[name] for name in made} == {name: len(rows) for name, rows in made.items()}
    assert not _failed_checks(servers)
    for server in list(servers.servers):
        servers.remove(server)
    servers.follow()
    consumer.read()
    assert not any(servers.contents().values()) and not consumer.copy
