"""Whatever happens on the server, a refresh makes the tables equal to it, and writes only changes."""

import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import drop_layer
from stash_pipeline_tests.mirror.events import EVENTS, statements
from stash_pipeline_tests.mirror.working import MakeMirror, Mirror, generated, new_mirror, row_versions

GROUPS = 10
"""Events of one group happen before one refresh; the integration tests refresh after each event."""

_numbers = count(1)


def happen(server: Mirror, *events: str) -> None:
    """Applies events to the server."""
    for event in events:
        server.sql(*statements(event, next(_numbers)))


def rebuilt(server: Mirror) -> dict[str, list[str]]:
    """The state after dropping and rebuilding everything below raw."""
    with connect(server.database_url) as connection:
        drop_layer(connection, server.instance.id)
    server.transform()
    return server.state()


@pytest.fixture(scope="module")
def long_lived(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """One mirror for a sequence of events."""
    server = new_mirror(warehouse, tmp_path_factory.mktemp("home"), generated(40, seed=3))
    server.refresh()
    assert not server.differences()
    yield server
    assert rebuilt(server) == server.state()


@pytest.mark.parametrize("number", range(GROUPS))
def test_after_a_refresh_the_tables_equal_the_server(number: int, long_lived: Mirror) -> None:
    # events that follow each other are about the same objects
    refresh_after(long_lived, *list(EVENTS)[number::GROUPS])


@pytest.mark.integration
@pytest.mark.parametrize("event", list(EVENTS))
def test_after_a_refresh_for_one_event_the_tables_equal_the_server(event: str, long_lived: Mirror) -> None:
    refresh_after(long_lived, event)


def refresh_after(server: Mirror, *events: str) -> None:
    """Applies events to the server, and refreshes the mirror."""
    happen(server, *events)
    # in a small library an event may take a fifth of all tags away
    read, _ = server.refresh(accept_removals=True)
    assert any(change.changed for change in read.changes.values()), "nothing happened at all"
    assert not server.differences()


@pytest.mark.parametrize("release", ["v0.20.2", pytest.param("v0.28", marks=pytest.mark.integration)])
def test_all_changes_at_once_are_applied_and_equal_a_rebuild(mirrored: MakeMirror, release: str) -> None:
    server = mirrored(60, release, seed=4)
    happen(server, *EVENTS)
    server.refresh(accept_removals=True)
    assert not server.differences()
    followed = server.state()
    assert rebuilt(server) == followed
    happen(server, *reversed(EVENTS))
    server.refresh(accept_removals=True)
    assert not server.differences()


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2))
def test_any_sequence_of_changes_and_partial_syncs_equals_server_and_rebuild(
    warehouse: str, home: Path, seed: int
) -> None:
    rng = random.Random(seed)
    release = rng.choice(["v0.20.2", "v0.28", "v0.30.1"])
    server = new_mirror(warehouse, home, generated(40, seed=seed + 20), release)
    for _ in range(4):
        happen(server, *rng.sample(list(EVENTS), 5))
        server.read(rng.sample(list(BY_NAME), rng.randint(1, 4)), page_size=rng.choice([1, 9, 100]))
        if rng.random() < 0.7:
            server.transform()
            with_this = server.state()
            if rng.random() < 0.4:
                assert rebuilt(server) == with_this
    server.refresh()
    assert not server.differences()
    followed = server.state()
    assert rebuilt(server) == followed


def test_deleted_objects_are_tombstoned_in_raw_and_removed_downstream(mirrored: MakeMirror) -> None:
    server = mirrored()
    assert 7 in server.live_ids("scenes") and 7 in server.ids("scenes")
    server.sql("DELETE FROM scene_markers WHERE scene_id = 7", "DELETE FROM scenes WHERE id = 7")
    read, followed = server.refresh()
    assert read.changes["scenes"].removed == 1
    assert server.dead_ids("scenes") == {7}
    assert 7 not in server.ids("scenes")
    assert followed.tables["scenes"].removed == 1
    assert not server.differences()
    # tombstones stay as they are
    before = row_versions(server.database_url, server.instance.id)
    server.refresh()
    assert row_versions(server.database_url, server.instance.id) == before


def test_an_object_that_reappears_under_its_id_is_restored(mirrored: MakeMirror) -> None:
    server = mirrored()
    (row,) = server.stash.library.rows("SELECT * FROM tags WHERE id = 5")
    links = server.stash.library.tuples("SELECT scene_id FROM scenes_tags WHERE tag_id = 5")
    server.sql(*statements("a tag is destroyed", 1), "UPDATE scene_markers SET primary_tag_id = 3")
    server.sql("DELETE FROM tags WHERE id = 5")
    server.refresh()
    assert 5 in server.dead_ids("tags")
    server.stash.library.insert("tags", row)
    server.stash.library.execute_many("INSERT INTO scenes_tags VALUES (?, 5)", links)
    server.refresh()
    assert 5 in server.live_ids("tags")
    assert not server.differences()


def test_a_small_change_rewrites_only_affected_rows(mirrored: MakeMirror) -> None:
    server = mirrored()
    server.sql("DELETE FROM scenes_tags WHERE scene_id = 12")
    server.sql("INSERT INTO scenes_tags VALUES (12, 1), (12, 2), (12, 3)")
    server.refresh()
    before = row_versions(server.database_url, server.instance.id)
    server.sql("UPDATE scenes SET title = 'only this' WHERE id = 12")
    server.sql("DELETE FROM scenes_tags WHERE scene_id = 12 AND tag_id = 2")
    server.refresh()
    after = row_versions(server.database_url, server.instance.id)
    written = {
        name: len(set(after[name].items()) - set(before[name].items())) for name in after if after[name] != before[name]
    }
    suffix = f"_{server.instance.id}"
    assert written == {
        f"raw_scenes{suffix}": 1,
        f"raw_history{suffix}": 1,
        f"stash_scenes{suffix}": 1,
        f"stash_scene_tags{suffix}": 0,
        "ops.row_counts": 2,
    }
    assert len(before[f"stash_scene_tags{suffix}"]) - len(after[f"stash_scene_tags{suffix}"]) == 1
    assert not server.differences()


def test_the_maintained_row_counts_are_correct(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(60, seed=8))
    rng = random.Random(1)
    for _ in range(5):
        server.refresh(rng.choice([None, ["scenes", "tags"], ["scenes"]]))
        happen(server, *rng.sample(list(EVENTS), 10))
    server.refresh()
    with connect(warehouse) as connection:
        kept = dict(
            connection.execute(
                "SELECT table_name, rows FROM ops.row_counts WHERE instance_id = %s", [server.instance.id]
            ).fetchall()
        )
    assert len(kept) == 62
    for table, rows in kept.items():
        live = " AND deleted_at IS NULL" if table.startswith("raw.") else ""
        query = f"SELECT count(*) FROM {table} WHERE instance_id = %s{live}"
        assert rows == server.scalar(query, [server.instance.id]), table


def test_a_server_upgrade_is_applied(warehouse: str, home: Path) -> None:
    from stash_pipeline.simulator.server import SimulatedStash

    library = generated(40, seed=5)
    server = new_mirror(warehouse, home, library, "v0.20.2")
    for release in ("v0.20.2", "v0.24", "v0.28", "v0.30.1", "v0.27"):
        server.stash = SimulatedStash(library, release=release)
        # from v0.30.1 back to v0.27: nobody does that but with an older database
        server.refresh(accept_removals=release == "v0.27")
        assert not server.differences(), release
        followed = server.state()
    assert rebuilt(server) == followed


# --- references without a target ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "first"),
    [
        ("v0.20.2", "files"),
        ("v0.28", "galleries"),
        ("v0.30.1", "scenes"),
    ],
)  # fmt: skip
def test_one_entity_can_be_synced_first_and_the_rest_later(
    warehouse: str, home: Path, release: str, first: str
) -> None:
    server = new_mirror(warehouse, home, generated(40, seed=6), release)
    server.refresh([first])
    # files without a query of their own bring their folders along
    assert not server.differences(["files", "folders"] if release == "v0.20.2" else [first])
    alone = server.state()
    assert rebuilt(server) == alone
    server.refresh()
    assert not server.differences()
    assert not server.state()["ops.dangling_references"]


@pytest.mark.faults
def test_entities_synced_one_by_one_in_any_order_give_the_same_tables(warehouse: str, home: Path) -> None:
    order = list(BY_NAME)
    random.Random(1).shuffle(order)
    server = new_mirror(warehouse, home, generated(20, seed=6))
    for number, kind in enumerate(order, 1):
        server.refresh([kind])
        assert not server.differences(order[:number]), order[:number]
    assert not server.differences()


def test_referrers_of_deleted_objects_are_read_with_them(mirrored: MakeMirror) -> None:
    server = mirrored()
    server.sql(
        "DELETE FROM studios WHERE id <= 2",
        "DELETE FROM performers WHERE id <= 2",
        "UPDATE scene_markers SET primary_tag_id = 1 WHERE primary_tag_id IN (2, 3)",
        "DELETE FROM tags WHERE id IN (2, 3)",
    )
    read, followed = server.refresh(["studios", "performers", "tags"])
    assert read.changes["scenes"].updated > 0
    assert read.changes["scenes"].fetched == read.changes["scenes"].updated
    assert followed.dangling == 0
    assert not server.differences()


def test_a_dangling_reference_is_kept_while_its_owner_changes(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(40, seed=6))
    server.refresh(["scenes"])
    server.sql("UPDATE scenes SET title = 'changed' WHERE id < 10", "DELETE FROM scenes_tags WHERE scene_id = 1")
    server.refresh(["scenes"])
    assert not server.differences(["scenes"])
    server.sql("DELETE FROM scene_markers WHERE scene_id = 2", "DELETE FROM scenes WHERE id = 2")
    server.refresh(["scenes"])
    assert not server.differences(["scenes"])
    server.refresh()
    assert not server.differences()


@pytest.mark.parametrize("pending", [False, True])
def test_a_new_table_is_filled_along_with_changes_to_others(mirrored: MakeMirror, pending: bool) -> None:
    """As after an upgrade of this program that adds tables."""
    server = mirrored()
    before = server.state()
    with connect(server.database_url) as connection:
        for table in ("scene_os", "scene_tags", "file_fingerprints", "group_containing", "tag_parents"):
            leaf = f"partitions.stash_{table}_{server.instance.id}"
            connection.execute(f"ALTER TABLE stash.{table} DETACH PARTITION {leaf}")
            connection.execute(f"DROP TABLE {leaf}")
    if pending:
        happen(server, "a tag is destroyed", "objects are created", "phashes are made", "o's happen")
        server.read()
    server.transform()
    assert not server.differences()
    assert pending or server.state() == before
    assert rebuilt(server) == server.state()


@pytest.mark.faults
def test_new_tables_are_filled_while_another_instance_refreshes(warehouse: str, home: Path) -> None:
    import threading

    servers = [new_mirror(warehouse, home, generated(30, seed=n)) for n in (6, 7)]
    for server in servers:
        server.refresh()
    for round_ in range(2):
        with connect(warehouse) as connection:
            for table in ("marker_tags", "scene_tags", "scene_performers"):
                leaf = f"partitions.stash_{table}_{servers[0].instance.id}"
                connection.execute(f"ALTER TABLE stash.{table} DETACH PARTITION {leaf}")
                connection.execute(f"DROP TABLE {leaf}")
        for server in servers:
            server.sql(f"UPDATE scenes SET title = 'r{round_}'", f"UPDATE tags SET name = name || '{round_}'")
            server.read()
        errors: list[BaseException] = []

        def work(server: Mirror, errors: list[BaseException] = errors) -> None:
            try:
                server.transform()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(server,)) for server in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not errors
    for server in servers:
        assert not server.differences()
