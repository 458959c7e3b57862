"""Whatever happens on the servers, following the log of changed objects ends in the same matches as a rebuild."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.matches import affected, following, matcher
from stash_pipeline.warehouse.matches.deciding import NewDecision
from stash_pipeline.warehouse.matches.duplicates_layer import DUPLICATES_LAYER
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline.warehouse.ops.object_log import collect_changes
from stash_pipeline.warehouse.ops.protection import protect, unprotect
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.matches.working import Servers, new_servers
from stash_pipeline_tests.mirror.library_events import EVENTS, NothingToDoError, happen
from stash_pipeline_tests.mirror.working import generated, new_mirror

ROUNDS = 6
"""Of changes, in a whole history."""


def test_objects_that_both_servers_have_are_in_one_cluster(servers: Servers) -> None:
    with connect(servers.database_url) as connection:
        rows = connection.execute(
            "SELECT entity, count(*) FILTER (WHERE instances = 2), count(*) FROM matches.clusters GROUP BY 1"
        ).fetchall()
    shared = {entity: (both, every) for entity, both, every in rows}
    assert shared["scenes"][0] >= 10
    assert shared["performers"][0] and shared["tags"][0] and shared["studios"][0]


def test_the_first_build_leaves_the_indexes_and_constraints_of_the_tables(warehouse: str, home: Path) -> None:
    query = (
        "SELECT 'index', indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'matches'\n"
        "UNION ALL\n"
        "SELECT 'constraint', c.conname::text, pg_get_constraintdef(c.oid) FROM pg_constraint AS c\n"
        "WHERE c.connamespace = 'matches'::regnamespace ORDER BY 1, 2"
    )
    with connect(warehouse) as connection:
        before = connection.execute(query).fetchall()
        new_servers(warehouse, home, scenes=5).follow()
        assert connection.execute(query).fetchall() == before
        assert connection.execute("SELECT FROM matches.members").fetchall()


@pytest.mark.parametrize("table", ["keys", "links", "clusters"])
def test_a_first_build_that_fails_says_why_and_leaves_nothing(database: str, home: Path, table: str) -> None:
    servers = new_servers(database, home, scenes=5)
    with connect(database) as connection:
        connection.execute(
            "CREATE FUNCTION matches.refuse() RETURNS trigger LANGUAGE plpgsql AS\n"
            "$$BEGIN RAISE 'no performers today'; END$$"
        )
        connection.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON matches.{table} FOR EACH ROW\n"
            "WHEN (new.entity = 'performers') EXECUTE FUNCTION matches.refuse()"
        )
        with pytest.raises(psycopg.errors.RaiseException, match="no performers today"):
            servers.follow()
        assert not connection.execute("SELECT FROM matches.keys").fetchall()
        connection.execute("DROP FUNCTION matches.refuse() CASCADE")
        servers.follow()
        assert connection.execute("SELECT FROM matches.members WHERE entity = 'performers'").fetchall()


def test_nothing_is_written_where_nothing_changed(servers: Servers) -> None:
    before = servers.contents()
    assert not servers.follow().tables
    assert servers.contents() == before


@pytest.mark.parametrize(
    ("seed", "rounds"),
    [
        # a beginning of the next one
        (1, 2),
        pytest.param(1, ROUNDS, marks=pytest.mark.integration),
        *(pytest.param(seed, ROUNDS, marks=pytest.mark.soak) for seed in (0, 2)),
    ],
)
def test_following_ends_in_the_same_rows_as_a_rebuild(warehouse: str, home: Path, seed: int, rounds: int) -> None:
    random_histories(warehouse, home, seed, rounds)


@pytest.mark.integration
@pytest.mark.parametrize("seed", [3, pytest.param(4, marks=pytest.mark.soak)])
def test_comparing_everything_after_a_large_change_ends_in_the_same_rows(
    warehouse: str, home: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = large_from(monkeypatch, 3)
    monkeypatch.setattr(matcher, "_MANY_SCENES", 1)
    random_histories(warehouse, home, seed)
    assert large


def test_a_large_change_is_reported_as_by_following_each_object(
    warehouse: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = (generated(25, seed=seed, overlap_seed=7) for seed in (10, 11))
    servers = Servers(*(new_mirror(warehouse, home, library) for library in libraries))
    servers.home.refresh()
    servers.follow()
    servers.away.refresh()
    each = followed(servers)
    large = large_from(monkeypatch, 2)
    assert followed(servers) == each
    assert {"scenes", "performers", "tags"} <= set(large)
    assert each["matches.keys"][1] and each["matches.links"][1] and each["matches.clusters"][2]


def test_a_large_change_is_hundreds_of_objects_and_a_share_of_all(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(servers.database_url) as connection:
        (scenes,) = connection.execute("SELECT count(*) FROM stash.scenes").fetchone() or (0,)
        assert not affected.is_large_share(connection, "scenes", scenes)
        monkeypatch.setattr(affected, "_FEWEST", 1)
        assert affected.is_large_share(connection, "scenes", scenes)
        assert not affected.is_large_share(connection, "scenes", scenes // 5)


def large_from(monkeypatch: pytest.MonkeyPatch, objects: int) -> list[str]:
    """Makes a change of so many objects a large one; gets the entity of each large change from now on."""
    entities: list[str] = []

    def is_large(_: Connection, entity: str, changed: int) -> bool:
        if changed >= objects:
            entities.append(entity)
        return changed >= objects

    monkeypatch.setattr(following, "is_large_share", is_large)
    return entities


def followed(servers: Servers) -> dict[str, tuple[int, ...]]:
    """What following reports by table, which is rolled back: rows, inserted, updated, removed."""
    with connect(servers.database_url) as connection, connection.transaction(force_rollback=True):
        row = connection.execute("SELECT revision FROM ops.shared_layers WHERE layer = 'matches'").fetchone()
        assert row is not None
        newest = collect_changes(connection, row[0])
        changes = {**MATCHES_LAYER.follow(connection, newest), **DUPLICATES_LAYER.follow(connection, newest)}
        return {name: (one.rows, one.inserted, one.updated, one.removed) for name, one in changes.items()}


def random_histories(warehouse: str, home: Path, seed: int, rounds: int = ROUNDS) -> None:
    """Compares what following makes with what a rebuild makes, while servers, decisions and instances change."""
    rng = random.Random(seed)
    servers = new_servers(warehouse, home, scenes=25, seed=seed + 1, variants=seed == 1)
    servers.follow()
    assert servers.contents() == servers.rebuilt()
    for step in range(rounds):
        server = rng.choice((servers.home, servers.away))
        events = [rng.choice(sorted(EVENTS)) for _ in range(rng.randint(1, 6))]
        for event in events:
            with suppress(NothingToDoError):
                happen(server.stash, event, rng.randrange(1000))
        server.refresh(mode="sweep")
        with suppress(UserError):
            servers.decide(*decided(servers, rng))
        change_instances(servers, rng)
        servers.follow()
        assert differences(servers.contents(), servers.rebuilt()) == {}, (step, events)


def differences(followed: dict[str, list[Any]], rebuilt: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The rows that only one of them has."""
    return {
        name: sorted(map(str, set(map(str, followed[name])) ^ set(map(str, rebuilt[name]))))
        for name in followed
        if followed[name] != rebuilt[name]
    }


def change_instances(servers: Servers, rng: random.Random) -> None:
    """Sometimes another priority, or another protection."""
    with connect(servers.database_url) as connection:
        instance = rng.choice((servers.home, servers.away)).instance.id
        tags = connection.execute("SELECT name FROM stash.tags WHERE instance_id = %s ORDER BY id", [instance])
        names = [row[0] for row in tags]
        kind = rng.randrange(4)
        if kind == 0:
            connection.execute("UPDATE ops.instances SET priority = %s WHERE id = %s", [rng.randrange(5), instance])
        elif kind == 1:
            protect(connection, instance, [rng.choice(("/media/shelf", "/media/Архив/"))], rng.sample(names, 1))
        elif kind == 2:
            unprotect(connection, instance)


def test_an_instance_that_is_removed_leaves_no_match(servers: Servers) -> None:
    with connect(servers.database_url) as connection:
        remove_instance(connection, servers.away.instance.id)
    servers.follow()
    assert servers.contents() == servers.rebuilt()
    assert servers.away.instance.id not in _instances(servers) and servers.home.instance.id in _instances(servers)


def decided(servers: Servers, rng: random.Random) -> list[NewDecision]:
    """A few decisions on any objects; they may contradict earlier ones."""
    decisions = []
    with connect(servers.database_url) as connection:
        for entity in ("scenes", "performers", "tags"):
            nodes = connection.execute(f"SELECT instance_id, id FROM stash.{entity} ORDER BY 1, 2").fetchall()
            left, right = rng.sample(nodes, 2)
            decisions.append(NewDecision(entity, rng.choice(("same", "different")), left, right))
    return decisions


def _instances(servers: Servers) -> set[int]:
    with connect(servers.database_url) as connection:
        return {row[0] for row in connection.execute("SELECT DISTINCT instance_id FROM matches.members")}
