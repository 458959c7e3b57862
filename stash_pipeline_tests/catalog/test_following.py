"""Whatever happens, following ends in the same catalog as a rebuild, and its feed tells readers all of it."""

import random
from contextlib import suppress
from pathlib import Path

import pytest

from stash_pipeline.instances import edit_instance
from stash_pipeline.simulator.invented import ENDPOINTS
from stash_pipeline.stashbox_registry import add_endpoint, remove_endpoint
from stash_pipeline.warehouse.catalog.checks import CHECKS
from stash_pipeline.warehouse.catalog.choices import choosable, choose, withdraw
from stash_pipeline.warehouse.catalog.shapes import ORDER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.stashbox.due import SINGULAR
from stash_pipeline_tests.catalog.boxes import NAMES, Boxes, any_document
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


def _a_box_answers(servers: Servers, rng: random.Random) -> None:
    boxes = registered(servers)
    number, entity = rng.randrange(2), rng.choice(list(SINGULAR))
    ids = boxes.linked_ids(entity, number)
    keys = {*rng.sample(ids, min(len(ids), rng.randint(1, 8))), "ab"}
    boxes.answer(entity, {key: any_document(rng, entity, key) for key in sorted(keys)}, number)
    if rng.random() < 0.3:
        boxes.wait(entity, rng.choice([1, 91]), number)


def _a_box_merges(servers: Servers, rng: random.Random) -> None:
    boxes = registered(servers)
    entity = rng.choice(list(SINGULAR))
    ids = boxes.linked_ids(entity, 0)
    old, new, newest = rng.sample([*ids, "ab", "cd", "ef"], 3)
    boxes.answer(entity, {key: any_document(rng, entity, key) for key in (new, newest)})
    boxes.merge(entity, old, new)
    if rng.random() < 0.5:
        boxes.merge(entity, new, newest)


def _a_box_or_an_instance_is_allowed_or_not(servers: Servers, rng: random.Random) -> None:
    boxes = registered(servers)
    if rng.random() < 0.5:
        boxes.edit(rng.randrange(2), **{rng.choice(["enabled", "feed_catalog"]): rng.random() < 0.6})
    else:
        instance = rng.choice(servers.servers).instance
        with connect(servers.database_url) as connection:
            edit_instance(connection, instance.name, home=boxes.home, use_stash_boxes=rng.random() < 0.6)


def _a_box_is_removed(servers: Servers, rng: random.Random) -> None:
    with connect(servers.database_url) as connection:
        name = rng.choice(NAMES)
        remove_endpoint(connection, name)
        servers.follow()
        assert servers.contents() == servers.rebuilt()
        add_endpoint(connection, name, ENDPOINTS[NAMES.index(name)], home=servers.home)


BOX_STEPS = [_a_box_answers, _a_box_answers, _a_box_answers, _a_box_merges, _a_box_or_an_instance_is_allowed_or_not]

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


def registered(servers: Servers) -> Boxes:
    """The boxes of the servers."""
    boxes = Boxes(servers, servers.home)
    boxes.ids = [row[0] for row in servers.rows("SELECT id FROM ops.stashbox_endpoints ORDER BY name")]
    times = [servers.rows(f"SELECT max(fetched_at) FROM stashbox.{entity}")[0][0] for entity in SINGULAR]
    boxes.now = max([boxes.now, *(time for time in times if time)])
    return boxes


@pytest.mark.integration
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
def test_following_boxes_ends_in_the_same_rows_as_a_rebuild(warehouse: str, home: Path, seed: int) -> None:
    rng = random.Random(seed)
    servers = new_servers(warehouse, home, scenes=20, seed=seed + 1)
    boxes = Boxes(servers, servers.home)
    boxes.register()
    servers.follow()
    consumer = Consumer(servers)
    shown = 0
    for number in range(10):
        steps = [*rng.choices(BOX_STEPS, k=2), *rng.choices(STEPS, k=rng.randint(0, 1))]
        if number == 8:
            steps.append(_a_box_is_removed)
        for step in steps:
            step(servers, rng)
        servers.follow()
        consumer.read()
        made = servers.contents()
        assert made == servers.rebuilt(), (number, steps)
        assert consumer.copy == consumer.expected(), (number, steps)
        shown += len(servers.rows("SELECT FROM catalog.provenance WHERE box_id IS NOT NULL"))
    assert shown and not _failed_checks(servers)
    boxes.remove()
    servers.follow()
    assert not servers.rows("SELECT FROM catalog.sources WHERE endpoint_ids IS NOT NULL")
    assert servers.contents() == servers.rebuilt() and not servers.rows("SELECT FROM matches.stashbox_proposals")
    for server in list(servers.servers):
        servers.remove(server)
    servers.follow()


@pytest.mark.integration
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
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
        assert counted == {name: len(rows) for name, rows in made.items() if name.startswith("catalog.")} | {
            "catalog.vanished": counted["catalog.vanished"]
        }
    assert not _failed_checks(servers)
    for server in list(servers.servers):
        servers.remove(server)
    servers.follow()
    consumer.read()
    assert not any(servers.contents().values()) and not consumer.copy
