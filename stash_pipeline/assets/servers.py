"""What lies before raw: the kinds of objects that the Stash servers have, as external assets.

Nothing here makes them. A run observes those of which its server says something new: how many objects there are, and
the newest timestamp.
"""

from collections.abc import Iterator

import dagster as dg

from stash_pipeline.assets.metadata import OWNERS, code_reference
from stash_pipeline.instances import Instance
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.probing import Probe

GROUP = "stash_servers"


def server_key(entity: str) -> dg.AssetKey:
    """The objects of a kind on the servers."""
    return dg.AssetKey(["stash_server", entity])


def server_specs() -> list[dg.AssetSpec]:
    """One external asset per kind."""
    return [
        dg.AssetSpec(
            server_key(entity.name),
            description=f"The {entity.name.replace('_', ' ')} that every Stash server has. Observed by the runs that "
            "see another number of them, or a newer timestamp.",
            group_name=GROUP,
            kinds={"graphql"},
            owners=OWNERS,
            # no partitions, though it is observed by instance: a run that was launched without an instance would be
            # ended by Dagster with a traceback, while it looks for the versions of what is upstream
            metadata=code_reference(entity.name),
        )
        for entity in ENTITIES
    ]


def observations(instance: Instance, before: Probe, now: Probe) -> Iterator[dg.AssetObservation]:
    """Of the kinds of which a server says something else than before.

    Args:
        before: what it said before the last good refresh.
    """
    for kind, objects in now.counts.items():
        newest = now.newest.get(kind)
        if (before.counts.get(kind), before.newest.get(kind)) != (objects, newest):
            yield dg.AssetObservation(
                server_key(kind),
                partition=instance.name,
                metadata={
                    "instance": instance.name,
                    "objects": objects,
                    "newest_timestamp": newest or "none",
                    "release": now.version,
                },
            )
