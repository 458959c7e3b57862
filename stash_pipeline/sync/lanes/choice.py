"""Which way a library is read where all of it is: by its answers, or by a copy of its database."""

from dataclasses import dataclass

from stash_pipeline.instances import Instance, LaneName
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import ServerInfo
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.stash.snapshot.copy import MUTATION
from stash_pipeline.stash.snapshot.database import NEWEST, OLDEST, SnapshotError

_MB = 1_000_000


@dataclass(frozen=True)
class Choice:
    """A lane, and why.

    Attributes:
        asked: somebody asked for just this one; where it fails, there is no other.
    """

    lane: LaneName
    reason: str
    asked: bool = False


def choose(
    settings: Settings,
    instance: Instance,
    wanted: LaneName,
    info: ServerInfo,
    schema: ServerSchema,
    *,
    everything: bool,
    again: bool,
) -> Choice:
    """The lane of one reading.

    Args:
        wanted: by the run, or else by the instance.
        everything: all of the library is read, or compared.
        again: what went wrong with the last copy does not count: it may have been mended.

    Raises:
        SnapshotError: if a snapshot is wanted, and cannot be had or read.
    """
    if not everything:
        return Choice("graphql", "it reads no more than what has changed")
    if wanted == "graphql":
        return Choice("graphql", "as configured", asked=True)
    trouble = _impossible(info, schema)
    if wanted == "snapshot":
        if trouble:
            raise SnapshotError(f"{trouble[0].upper()}{trouble[1:]}; read this instance by GraphQL.")
        return Choice("snapshot", "as configured", asked=True)
    trouble = trouble or _too_dear(settings, instance) or (None if again else _spoilt(instance))
    if trouble:
        return Choice("graphql", trouble)
    return Choice("snapshot", "a copy of the database can be had")


def _impossible(info: ServerInfo, schema: ServerSchema) -> str | None:
    if MUTATION not in schema.fields(schema.mutation_type):
        return "the server does not offer copies of its database"
    version = info.database_schema
    if version is None:
        return "the server does not say the version of its database"
    if version > NEWEST:
        return (
            f"the server's database has schema version {version}, newer than {NEWEST}, the newest that this program "
            "can read: look for a newer version of it"
        )
    if version < OLDEST:
        return f"the server's database has schema version {version}, older than {OLDEST}"
    return None


def _too_dear(settings: Settings, instance: Instance) -> str | None:
    """What speaks against another copy, by the last one."""
    size, seconds = instance.snapshot_bytes, instance.snapshot_seconds
    if size is not None and size > settings.snapshot_max_mb * _MB:
        return f"the last copy had {size / _MB:,.0f} MB, more than STASH_PIPELINE_SNAPSHOT_MAX_MB"
    if seconds is not None and seconds > settings.snapshot_max_seconds:
        return f"the last copy took the server {seconds:,.0f} s, more than STASH_PIPELINE_SNAPSHOT_MAX_SECONDS"
    return None


def _spoilt(instance: Instance) -> str | None:
    if not instance.snapshot_error:
        return None
    return f"the last copy could not be used ({instance.snapshot_error.rstrip('.')}); a sweep tries again"
