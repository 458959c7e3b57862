"""The partitions: one per registered instance, with its name."""

import dagster as dg

INSTANCES = dg.DynamicPartitionsDefinition(name="instances")


def partition_drift(instance: dg.DagsterInstance, names: list[str]) -> tuple[list[str], list[str]]:
    """The ``names`` without a partition, and the partitions that are not among them."""
    assert INSTANCES.name is not None
    present = set(instance.get_dynamic_partitions(INSTANCES.name))
    return sorted(set(names) - present), sorted(present - set(names))


def sync_partitions(instance: dg.DagsterInstance, names: list[str]) -> tuple[list[str], list[str]]:
    """Makes the partitions exactly ``names``; returns the added and the removed ones."""
    assert INSTANCES.name is not None
    added, removed = partition_drift(instance, names)
    if added:
        instance.add_dynamic_partitions(INSTANCES.name, added)
    for name in removed:
        instance.delete_dynamic_partition(INSTANCES.name, name)
    return added, removed
