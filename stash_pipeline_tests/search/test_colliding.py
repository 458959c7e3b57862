"""Whatever collides, and whatever changes at once: following ends in the same rows as a rebuild, in all layers."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.instances import edit_instance
from stash_pipeline.stashbox_registry import add_endpoint, edit_endpoint
from stash_pipeline.warehouse.catalog.shapes import ORDER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches import blocks, bulk, candidates, decisions, following, matcher, nearness
from stash_pipeline.warehouse.matches.deciding import NewDecision, decide, withdraw
from stash_pipeline.warehouse.matches.decisions import BoxRecord
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline.warehouse.stashbox.documents import store_documents
from stash_pipeline.warehouse.stashbox.due import SINGULAR
from stash_pipeline.warehouse.stashbox.lookups import due_lookups, store_lookups
from stash_pipeline.warehouse.stashbox.touched import objects_of, publish_objects, scenes_of
from stash_pipeline_tests.catalog.boxes import any_document
from stash_pipeline_tests.matches.conftest import database
from stash_pipeline_tests.matches.documents import remove_documents, server_of, write_documents
from stash_pipeline_tests.search.colliding import BOX, ENTITIES, any_object, any_objects, numbers_of
from stash_pipeline_tests.search.documented import DocumentedServers

__all__ = ["database"]

ROUNDS = 8
KEYS = ("aa", "bb", "cc", "dd")


class World:
    """Servers, a box, and people."""

    def __init__(self, servers: DocumentedServers, rng: random.Random) -> None:
        self.servers, self.rng = servers, rng
        self.names: dict[int, str] = {}
        self.now = datetime(2026, 3, 1, tzinfo=timezone.utc)
        with connect(servers.database_url) as connection:
            self.box = add_endpoint(connection, "kitebox", BOX, home=servers.home).id
        for _ in range(2):
            self.add()

    def add(self) -> None:
        """A server comes."""
        with connect(self.servers.database_url) as connection:
            made = any_objects(self.rng, 0.7)
            instance = server_of(self.servers.database_url, self.servers.home, connection, made)
        self.names[instance.id] = instance.name

    def change(self) -> None:
        """Objects of a server change, come and go."""
        instance = self.rng.choice(list(self.names))
        with connect(self.servers.database_url) as connection:
            entity = self.rng.choice(ENTITIES)
            numbers = self.rng.sample(list(numbers_of(entity)), self.rng.choice((1, 1, len(numbers_of(entity)))))
            if entity != "configuration" and self.rng.random() < 0.2:
                remove_documents(connection, instance, entity, numbers)
            else:
                made = [any_object(self.rng, entity, number) for number in numbers]
                write_documents(connection, instance, {entity: made})

    def decide(self) -> None:
        """A person decides about two objects, or about a scene of the box; it may contradict earlier decisions."""
        entity = self.rng.choice(ORDER)
        nodes = self.servers.rows(f"SELECT instance_id, id FROM stash.{entity} ORDER BY 1, 2")
        verdict = self.rng.choice(("same", "different"))
        with connect(self.servers.database_url) as connection, suppress(UserError):
            if entity == "scenes" and nodes and self.rng.random() < 0.5:
                record = BoxRecord(BOX, self.rng.choice(KEYS))
                node = self.rng.choice(nodes)
                decide(connection, [NewDecision(entity, verdict, (node[0], node[1]), box=record)])
            elif len(nodes) > 1:
                left, right = self.rng.sample(nodes, 2)
                decide(connection, [NewDecision(entity, verdict, (left[0], left[1]), (right[0], right[1]))])

    def withdraw(self) -> None:
        """A person withdraws a decision."""
        if numbers := self.servers.rows("SELECT id FROM matches.decisions WHERE withdrawn_at IS NULL ORDER BY 1"):
            with connect(self.servers.database_url) as connection:
                withdraw(connection, self.rng.choice(numbers))

    def answer(self) -> None:
        """The box says what it knows of some ids, or of some hashes."""
        self.now += timedelta(days=self.rng.choice((1, 91)))
        entity = self.rng.choice(list(SINGULAR))
        keys = self.rng.sample(KEYS, 2)
        documents = {key: any_document(self.rng, entity, key) for key in keys}
        with connect(self.servers.database_url) as connection, connection.transaction():
            changed = store_documents(connection, self.box, entity, documents, now=self.now)
            publish_objects(connection, entity, objects_of(connection, self.box, entity, changed))
        with connect(self.servers.database_url) as connection, connection.transaction():
            due = due_lookups(connection, self.box, unmatched_before=self.now, matched_before=self.now)
            answers = dict.fromkeys(self.rng.sample(due, min(len(due), 3)), keys)
            stored = store_lookups(connection, self.box, answers, now=self.now, box_version=None)
            publish_objects(connection, "scenes", scenes_of(connection, answers, stored.changed))

    def configure(self) -> None:
        """Another priority, a server that is disabled or keeps out of boxes, a box that is disabled."""
        instance = self.rng.choice(list(self.names))
        home = self.servers.home
        with connect(self.servers.database_url) as connection:
            match self.rng.randrange(4):
                case 0:
                    connection.execute("UPDATE ops.instances SET priority = 5 - priority WHERE id = %s", [instance])
                case 1:
                    connection.execute("UPDATE ops.instances SET enabled = NOT enabled WHERE id = %s", [instance])
                case 2:
                    allowed = self.rng.random() < 0.5
                    edit_instance(connection, self.names[instance], home=home, use_stash_boxes=allowed)
                case _:
                    edit_endpoint(connection, "kitebox", home=home, enabled=self.rng.random() < 0.5)

    def come_or_go(self) -> None:
        """A server comes, or goes with all that it has."""
        if len(self.names) < 3:
            self.add()
            return
        instance = self.rng.choice(list(self.names))
        with connect(self.servers.database_url) as connection:
            remove_instance(connection, instance)
        del self.names[instance]


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three objects are many: keys and perceptual hashes become those of too many, and back."""
    for module in (blocks, candidates, bulk, matcher, decisions):
        monkeypatch.setattr(module, "LARGEST_BLOCK", 3)
    monkeypatch.setattr(nearness, "_MOST", 3)
    yield


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("seed", "rounds"),
    [
        # a beginning of the next one
        pytest.param(0, 2, marks=pytest.mark.integration),
        *(pytest.param(seed, ROUNDS, marks=pytest.mark.soak) for seed in range(20)),
    ],
)
def test_following_ends_in_the_same_rows_as_a_rebuild(
    database: str, home: Path, monkeypatch: pytest.MonkeyPatch, seed: int, rounds: int
) -> None:
    rng = random.Random(seed)
    # changes of so many objects are large ones
    large = rng.choice((1, 4, 1 << 30))
    monkeypatch.setattr(following, "is_large_share", lambda _, __, changed: changed >= large)
    servers = DocumentedServers(database, home)
    world = World(servers, rng)
    servers.follow_all()
    steps: list[Any] = [
        *[world.change] * 6, world.decide, world.decide, world.withdraw, world.answer, world.answer, world.configure,
        world.come_or_go,
    ]  # fmt: skip
    for _ in range(rounds):
        for step in rng.choices(steps, k=rng.randint(1, 6)):
            step()
        servers.follow_all()
