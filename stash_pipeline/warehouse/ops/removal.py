"""Takes an instance out of the warehouse: with its rows, whose partitions are dropped, or without."""

from stash_pipeline.layers import LAYERS, Layers
from stash_pipeline.warehouse.connect import Connection, rearrange_partitions
from stash_pipeline.warehouse.layers.layer import of_instances
from stash_pipeline.warehouse.tables import RAW_PARTITIONED, partition


def remove_instance(connection: Connection, instance_id: int, layers: Layers = LAYERS) -> None:
    """Drops everything of one instance, and its registration. The caller holds its lock.

    Layers that are made of all instances learn of it by the object log.
    """
    for layer in reversed(of_instances(layers)):
        layer.drop(connection, instance_id)
    with connection.transaction():
        rearrange_partitions(connection)
        for name in RAW_PARTITIONED:
            connection.execute(f"DROP TABLE IF EXISTS {partition('raw.' + name, instance_id)}")
        connection.execute("DELETE FROM ops.instances WHERE id = %s", [instance_id])


def archive_instance(connection: Connection, instance_id: int) -> None:
    """Takes an instance out of the registry and keeps its rows: they refer to the registration, which stays too.

    Its API key and what its proxy was shown are forgotten. The caller holds its lock.
    """
    connection.execute(
        "UPDATE ops.instances SET enabled = false, removed_at = coalesce(removed_at, now()), updated_at = now(),\n"
        "    api_key_encrypted = NULL, api_key_env = NULL, header_names = '{}', headers_encrypted = NULL,\n"
        "    basic_auth_env = NULL, client_cert = NULL, client_key = NULL WHERE id = %s",
        [instance_id],
    )
