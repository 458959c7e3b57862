"""A sample is of objects that are there, and as large as it can be."""

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from stash_pipeline.instances import add_instance
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.raw.partitions import ensure_partitions
from stash_pipeline.warehouse.raw.sampling import random_ids
from stash_pipeline_tests.examples import examples


@pytest.fixture
def instance_id(database_url: str, home: Path) -> int:
    with connect(database_url) as connection:
        instance = add_instance(connection, "home", "http://127.0.0.1:9", home=home)
        ensure_partitions(connection, instance.id)
        return instance.id


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.sets(st.integers(1, 2**40) | st.integers(1, 40), max_size=30), size=st.integers(1, 40), data=st.data())
def test_a_sample_has_the_requested_size_or_all_objects(
    database_url: str, instance_id: int, ids: set[int], size: int, data: st.DataObject
) -> None:
    deleted = data.draw(st.sets(st.sampled_from(sorted(ids)))) if ids else set()
    leaf = partition("raw.groups", instance_id)
    with connect(database_url) as connection, connection.transaction(force_rollback=True):
        connection.execute(
            f"INSERT INTO {leaf} (instance_id, id, document, hash, revision, run_id, deleted_at)\n"
            "SELECT %s, id, '{}', '', 1, 1, CASE WHEN id = ANY(%s) THEN now() END FROM unnest(%s::bigint[]) AS id",
            [instance_id, list(deleted), list(ids)],
        )
        for live, there in ((True, ids - deleted), (False, ids)):
            sample = random_ids(connection, instance_id, "groups", size, live=live)
            assert sample <= there and len(sample) == min(size, len(there))


def test_every_object_is_eventually_sampled(database_url: str, instance_id: int) -> None:
    ids = {1, 2, 3, 50, 51, 60}
    with connect(database_url) as connection, connection.transaction(force_rollback=True):
        connection.execute(
            f"INSERT INTO {partition('raw.groups', instance_id)} (instance_id, id, document, hash, revision, run_id)\n"
            "SELECT %s, id, '{}', '', 1, 1 FROM unnest(%s::bigint[]) AS id",
            [instance_id, list(ids)],
        )
        chosen: set[int] = set()
        for _ in range(20_000):
            chosen |= random_ids(connection, instance_id, "groups", 1, live=True)
            if chosen == ids:
                return
        assert chosen == ids
