"""The entities on the Stash servers, upstream of raw, as external assets.

The pipeline does not materialize them. A run observes an entity when its server reports another number of objects or a
newer timestamp.
"""

from collections.abc import Iterator

import dagster as dg

from stash_pipeline.assets.metadata import OWNERS, code_reference
from stash_pipeline.instances import Instance
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.probing import Probe

GROUP = "stash_servers"


def server_key(entity: str) -> dg.AssetKey:
    """The asset of an entity on the servers."""
    return dg.AssetKey(["stash_server", entity])


def server_specs() -> list[dg.AssetSpec]:
    """One external asset per entity."""
    return [
        dg.AssetSpec(
            server_key(entity.name),
            description=f"The {entity.name.replace('_', ' ')} on the Stash servers. A run observes this asset when its "
            "server reports another number of objects or a newer timestamp.",
            group_name=GROUP,
            kinds={"graphql"},
            owners=OWNERS,
            # no partitions, although observations are per instance: Dagster would fail a run launched without an
            # instance with a traceback while it looks up the versions of upstream assets
            metadata=code_reference(entity.name),
        )
        for entity in ENTITIES
    ]


def observations(instance: Instance, before: Probe, now: Probe) -> Iterator[dg.AssetObservation]:
    """Observations of the entities whose count or newest timestamp changed.

    Args:
        before: the response before the last successful sync.
    """
    for entity, objects in now.counts.items():
        newest = now.newest.get(entity)
        if (before.counts.get(entity), before.newest.get(entity)) != (objects, newest):
            yield dg.AssetObservation(
                server_key(entity),
                partition=instance.name,
                metadata={
                    "instance": instance.name,
                    "objects": objects,
                    "newest_timestamp": newest or "none",
                    "release": now.version,
                },
            )
