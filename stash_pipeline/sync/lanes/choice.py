"""The choice of the lane for reading everything: GraphQL, or a snapshot of the database."""

from dataclasses import dataclass

from stash_pipeline.instances import Instance, LaneName
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import ServerInfo
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.stash.snapshot.database import NEWEST, OLDEST, SnapshotError
from stash_pipeline.stash.snapshot.download import MUTATION

_MB = 1_000_000


@dataclass(frozen=True)
class Choice:
    """A lane, and the reason for it.

    Attributes:
        explicit: the lane was requested or configured, so there is no fallback.
    """

    lane: LaneName
    reason: str
    explicit: bool = False


def choose(
    settings: Settings,
    instance: Instance,
    lane: LaneName,
    info: ServerInfo,
    schema: ServerSchema,
    *,
    everything: bool,
    retry: bool,
) -> Choice:
    """Chooses the lane of one run.

    Args:
        lane: of the run, or else of the instance.
        everything: the whole library is read or compared.
        retry: ignore the error of the last snapshot, whose cause may be fixed.

    Raises:
        SnapshotError: if the lane is snapshot, and the server offers none that can be read.
    """
    if not everything:
        return Choice("graphql", "the run reads only what changed")
    if lane == "graphql":
        return Choice("graphql", "as configured", explicit=True)
    obstacle = _unsupported(info, schema)
    if lane == "snapshot":
        if obstacle:
            raise SnapshotError(f"{obstacle[0].upper()}{obstacle[1:]}; read this instance by GraphQL.")
        return Choice("snapshot", "as configured", explicit=True)
    obstacle = obstacle or _exceeds_limits(settings, instance) or (None if retry else _last_failed(instance))
    if obstacle:
        return Choice("graphql", obstacle)
    return Choice("snapshot", "the server offers a snapshot of its database")


def _unsupported(info: ServerInfo, schema: ServerSchema) -> str | None:
    if MUTATION not in schema.fields(schema.mutation_type):
        return "the server does not offer snapshots of its database"
    version = info.database_schema
    if version is None:
        return "the server does not report the version of its database"
    if version > NEWEST:
        return (
            f"the server's database has schema version {version}, newer than {NEWEST}, the newest that this program "
            "can read: update this program"
        )
    if version < OLDEST:
        return f"the server's database has schema version {version}, older than {OLDEST}"
    return None


def _exceeds_limits(settings: Settings, instance: Instance) -> str | None:
    """Why the last snapshot was too expensive to request another one."""
    size, seconds = instance.snapshot_bytes, instance.snapshot_seconds
    if size is not None and size > settings.snapshot_max_mb * _MB:
        return f"the last snapshot had {size / _MB:,.0f} MB, more than STASH_PIPELINE_SNAPSHOT_MAX_MB"
    if seconds is not None and seconds > settings.snapshot_max_seconds:
        return f"the last snapshot took the server {seconds:,.0f} s, more than STASH_PIPELINE_SNAPSHOT_MAX_SECONDS"
    return None


def _last_failed(instance: Instance) -> str | None:
    if not instance.snapshot_error:
        return None
    return f"the last snapshot failed ({instance.snapshot_error.rstrip('.')}); a sweep tries again"
