"""The partitions: one per registered instance, named like it."""

import dagster as dg

INSTANCES = dg.DynamicPartitionsDefinition(name="instances")


def out_of_step(instance: dg.DagsterInstance, names: list[str]) -> tuple[list[str], list[str]]:
    """Which of ``names`` have no partition yet, and which partitions are not among them."""
    assert INSTANCES.name is not None
    present = set(instance.get_dynamic_partitions(INSTANCES.name))
    return sorted(set(names) - present), sorted(present - set(names))


def keep_in_step(instance: dg.DagsterInstance, names: list[str]) -> tuple[list[str], list[str]]:
    """Makes the partitions exactly those of ``names``; returns what was added and what was removed."""
    assert INSTANCES.name is not None
    added, removed = out_of_step(instance, names)
    if added:
        instance.add_dynamic_partitions(INSTANCES.name, added)
    for name in removed:
        instance.delete_dynamic_partition(INSTANCES.name, name)
    return added, removed
