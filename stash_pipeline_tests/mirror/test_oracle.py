"""The oracle detects a wrong value in any column, a missing row and an additional row."""

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.conftest import as_superuser
from stash_pipeline_tests.mirror.answers import simulated_answers
from stash_pipeline_tests.mirror.events import EVENTS, statements
from stash_pipeline_tests.mirror.oracle import (
    KEYS,
    columns_of_schema,
    count_mismatches,
    expected_tables,
    inverse_mismatches,
    mismatches,
    moment,
    partial_date,
    relative,
    signed,
)
from stash_pipeline_tests.mirror.working import URL, Mirror, generated, new_mirror

OTHER = {
    "text": "coalesce({c}, '') || 'x'",
    "bigint": "coalesce({c}, 0) + 1000",
    "integer": "coalesce({c}, 0) + 1000",
    "boolean": "{c} IS NOT TRUE",
    "double precision": "coalesce({c}, 0) + 0.5",
    "date": "coalesce({c}, '2001-01-01') + 1",
    "timestamp with time zone": "coalesce({c}, '2001-01-01Z') + interval '2 microseconds'",
    "jsonb": "'{{\"other\": 1}}'::jsonb",
}


@pytest.fixture(scope="module")
def full(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror with rows in (nearly) every table."""
    server = new_mirror(warehouse, tmp_path_factory.mktemp("home"), generated(60, seed=5))
    for event in ("chapters come and go", "captions appear", "groups contain others in another order"):
        server.sql(*statements(event, 1))
    server.sql("INSERT INTO studio_aliases VALUES (1, 'alias')")
    server.refresh()
    return server


def test_the_oracle_detects_a_wrong_value_in_every_column(full: Mirror) -> None:
    expected = expected_tables(simulated_answers(full.stash, URL))
    empty = {"configuration_stashes", "configuration_stash_boxes"}
    assert {name for name, rows in expected.tables.items() if not rows} <= empty
    instance = full.instance.id
    with connect(as_superuser(full.database_url)) as connection:
        assert mismatches(connection, instance, expected) == []
        types = {
            (row[0], row[1]): row[2]
            for row in connection.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'stash'"
            ).fetchall()
        }
        connection.execute("SET session_replication_role = replica")  # no foreign keys meanwhile
        for table, columns in columns_of_schema(connection).items():
            if not expected.tables[table]:
                continue
            others = [name for name in columns if name != "instance_id" and name not in KEYS[table]]
            for changed in [others, *[[key] for key in KEYS[table]]]:
                if not changed:
                    continue
                values = ", ".join(f"{name} = {OTHER[types[table, name]].format(c=name)}" for name in changed)
                with connection.transaction(force_rollback=True):
                    done = connection.execute(
                        f"UPDATE stash.{table} SET {values} WHERE instance_id = %(i)s\n"
                        f"AND ctid = (SELECT max(ctid) FROM stash.{table} WHERE instance_id = %(i)s)",
                        {"i": instance},
                    )
                    assert done.rowcount == 1
                    found = mismatches(connection, instance, expected, only=table, most=1000)
                    assert {one.column for one in found} == (set(others) if changed is others else {""}), table
            with connection.transaction(force_rollback=True):
                connection.execute(
                    f"DELETE FROM stash.{table} WHERE ctid = (SELECT max(ctid) FROM stash.{table}\n"
                    "    WHERE instance_id = %(i)s) AND instance_id = %(i)s",
                    {"i": instance},
                )
                assert bool(mismatches(connection, instance, expected, only=table)) == bool(expected.tables[table])


def test_the_oracle_detects_a_wrong_relation_from_both_sides_and_in_counts(full: Mirror) -> None:
    answers = simulated_answers(full.stash, URL)
    instance = full.instance.id
    with connect(full.database_url) as connection:
        assert inverse_mismatches(connection, instance, answers) == []
        assert count_mismatches(connection, instance, answers) == []
        for table in ("tag_parents", "scene_performers", "scene_groups", "group_containing"):
            with connection.transaction(force_rollback=True):
                connection.execute(f"DELETE FROM stash.{table} WHERE instance_id = %s", [instance])
                assert inverse_mismatches(connection, instance, answers), table
        for table in ("scene_tags", "image_tags", "image_galleries", "scene_performers", "group_containing"):
            with connection.transaction(force_rollback=True):
                connection.execute(f"DELETE FROM stash.{table} WHERE instance_id = %s", [instance])
                assert count_mismatches(connection, instance, answers), table


def test_the_oracle_detects_an_unknown_table_or_column(full: Mirror) -> None:
    expected = expected_tables(simulated_answers(full.stash, URL))
    with connect(full.database_url) as connection:
        for change in ("CREATE TABLE stash.more (id int)", "ALTER TABLE stash.scenes ADD COLUMN more int"):
            with connection.transaction(force_rollback=True):
                connection.execute(change)
                assert mismatches(connection, full.instance.id, expected), change


def test_the_oracle_computes_known_values() -> None:
    assert moment("2025-10-26T02:30:00+02:00") == moment("2025-10-26T00:30:00Z") != moment("2025-10-26T02:30:00Z")
    assert moment("2025-01-01T00:00:00.1234567Z") == moment("2025-01-01T00:00:00.123457Z")
    assert moment("2025-01-01T00:00:00.123Z") != moment("2025-01-01T00:00:00.124Z")
    assert partial_date("2024-02-30") == (None, None) == partial_date("") == partial_date("0000")
    assert str(partial_date("2024-02")[0]) == "2024-02-01"
    assert relative("http://h/a?1?default=true") == "/a?default=true"
    assert (signed("ffffffffffffffff"), signed("7fffffffffffffff"), signed("8" + "0" * 15)) == (-1, 2**63 - 1, -(2**63))
    assert len(KEYS) == 50


def test_every_event_changes_the_library() -> None:
    """Each event changes something in a fresh library of the size that the tests use."""
    for event in EVENTS:
        library = generated(40, seed=3)
        before = library.connection.total_changes
        for statement in statements(event, 1):
            library.execute(statement)
        assert library.connection.total_changes > before, event
        library.close()
