"""The partitions: one per registered instance, and one per registered stash-box, with their names."""

import dagster as dg

INSTANCES = dg.DynamicPartitionsDefinition(name="instances")
BOXES = dg.DynamicPartitionsDefinition(name="stash_boxes")


def partition_drift(
    instance: dg.DagsterInstance, names: list[str], partitions: dg.DynamicPartitionsDefinition = INSTANCES
) -> tuple[list[str], list[str]]:
    """The ``names`` without a partition, and the partitions that are not among them."""
    assert partitions.name is not None
    present = set(instance.get_dynamic_partitions(partitions.name))
    return sorted(set(names) - present), sorted(present - set(names))


def sync_partitions(
    instance: dg.DagsterInstance, names: list[str], partitions: dg.DynamicPartitionsDefinition = INSTANCES
) -> tuple[list[str], list[str]]:
    """Makes the partitions exactly ``names``; returns the added and the removed ones."""
    assert partitions.name is not None
    added, removed = partition_drift(instance, names, partitions)
    if added:
        instance.add_dynamic_partitions(partitions.name, added)
    for name in removed:
        instance.delete_dynamic_partition(partitions.name, name)
    return added, removed
