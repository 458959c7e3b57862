"""Removes an instance from the warehouse, with its rows (by dropping its partitions) or without."""

from stash_pipeline.layers import LAYERS, Layers
from stash_pipeline.warehouse.connect import Connection, rearrange_partitions
from stash_pipeline.warehouse.layers.layer import of_instances
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.tables import RAW_PARTITIONED


def remove_instance(connection: Connection, instance_id: int, layers: Layers = LAYERS) -> None:
    """Drops everything of one instance, and its registration. The caller holds its lock.

    Shared layers follow the removal by the object log.
    """
    for layer in reversed(of_instances(layers)):
        layer.drop(connection, instance_id)
    with connection.transaction():
        rearrange_partitions(connection)
        for name in RAW_PARTITIONED:
            connection.execute(f"DROP TABLE IF EXISTS {partition('raw.' + name, instance_id)}")
        connection.execute("DELETE FROM ops.instances WHERE id = %s", [instance_id])


def archive_instance(connection: Connection, instance_id: int) -> None:
    """Marks an instance as removed and keeps its rows. They refer to its registration, which therefore stays too.

    Its API key and the access data of its proxy are deleted. The caller holds its lock.
    """
    connection.execute(
        "UPDATE ops.instances SET enabled = false, removed_at = coalesce(removed_at, now()), updated_at = now(),\n"
        "    api_key_encrypted = NULL, api_key_env = NULL, header_names = '{}', headers_encrypted = NULL,\n"
        "    basic_auth_env = NULL, client_cert = NULL, client_key = NULL WHERE id = %s",
        [instance_id],
    )
