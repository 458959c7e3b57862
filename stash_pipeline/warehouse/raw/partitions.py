"""The partitions of ``raw`` of one instance."""

from stash_pipeline.warehouse.connect import Connection, rearrange_partitions
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.tables import RAW_PARTITIONED


def has_partitions(connection: Connection, instance_id: int) -> bool:
    """Whether an instance has all of its partitions, including those of new entities."""
    leaves = [partition("raw." + name, instance_id) for name in RAW_PARTITIONED]
    row = connection.execute("SELECT bool_and(to_regclass(l) IS NOT NULL) FROM unnest(%s::text[]) AS l", [leaves])
    return bool((row.fetchone() or (False,))[0])


def ensure_partitions(connection: Connection, instance_id: int) -> None:
    """Creates one instance's missing partitions of ``raw``."""
    if has_partitions(connection, instance_id):
        return
    with connection.transaction():
        rearrange_partitions(connection)
        for name in RAW_PARTITIONED:
            leaf = partition("raw." + name, instance_id)
            (exists,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [leaf]).fetchone() or (False,)
            if exists:
                continue
            # documents stay uncompressed in the row if they fit, so that reading them needs no detoasting
            connection.execute(f"CREATE TABLE {leaf} (LIKE raw.{name} INCLUDING ALL) WITH (toast_tuple_target = 8160)")
            # attaching locks less than creating a partition in place, so readers of other instances continue
            connection.execute(f"ALTER TABLE raw.{name} ATTACH PARTITION {leaf} FOR VALUES IN ({instance_id})")
