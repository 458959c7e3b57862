"""Column order does not matter: a column that a migration adds comes last, wherever the registry has it."""

from pathlib import Path

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.integrity import compare_with_rebuild
from stash_pipeline_tests.mirror.working import generated, new_mirror

MOVED = [
    # views show columns
    "DROP VIEW catalog.conflicts, catalog.by_instance, stash.scenes_full",
    # as a migration would add them: to the table and to the partitions that there are
    "ALTER TABLE stash.scenes DROP COLUMN code",
    "ALTER TABLE stash.scenes ADD COLUMN code text",
    "ALTER TABLE stash.scene_groups DROP COLUMN scene_index",
    "ALTER TABLE stash.scene_groups ADD COLUMN scene_index integer",
    "ALTER TABLE stash.file_fingerprints DROP COLUMN phash",
    "ALTER TABLE stash.file_fingerprints ADD COLUMN phash bigint",
    "ALTER TABLE raw.scenes DROP COLUMN server_created_at",
    "ALTER TABLE raw.scenes ADD COLUMN server_created_at timestamptz",
]


def test_partitions_from_before_and_after_a_migration_behave_alike(warehouse: str, home: Path) -> None:
    before = new_mirror(warehouse, home, generated(6, seed=3))
    before.refresh()
    with connect(warehouse) as connection:
        for statement in MOVED:
            connection.execute(statement)
        # the partition keeps the place of the column that it lost, a new one is made without it
        connection.execute("UPDATE ops.layer_watermarks SET version = NULL")
    after = new_mirror(warehouse, home, generated(6, seed=4))
    changed = "SELECT count(*) FROM stash.scenes WHERE instance_id = %s AND code = 'changed'"
    for server in (after, before):
        server.refresh(lane="snapshot", mode="sweep")
        server.sql("UPDATE scenes SET code = 'changed', updated_at = '2030-01-01T00:00:00Z' WHERE id IN (3, 4)")
        server.refresh(lane="graphql", mode="reconcile")
        assert server.scalar(changed, [server.instance.id]) == 2
        assert not server.differences()
        with connect(warehouse) as connection:
            assert compare_with_rebuild(connection, server.instance.id) == []
