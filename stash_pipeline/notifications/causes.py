"""What there is to notify of now, read from the database.

Whoever ran a sync (the daemon, a command, a process that was killed), its end is in ``ops.sync_runs``. So nothing is
missed that happened while no daemon ran, and no run has to send anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from stash_pipeline.error_report import without_secrets
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection

IMPORTED: Final = "imported"
FAILURE: Final = "failure"
GUARD: Final = "guard"
STALE: Final = "stale"
UNREACHABLE: Final = "unreachable"
LAYER: Final = "layer"
KINDS: Final = (IMPORTED, FAILURE, GUARD, STALE, UNREACHABLE, LAYER)

_ASKS_FOR_PERMISSION: Final = "--accept-removals"
"""Part of every message of a guard, see ``sync/safeguards.py``."""
_LONGEST: Final = 1000

# A retried run has a row per attempt. It failed once Dagster no longer has it in progress.
_FAILED: Final = """
SELECT i.name, l.mode, l.error, l.finished_at::text
FROM ops.instances AS i CROSS JOIN LATERAL (
    SELECT r.* FROM ops.sync_runs AS r WHERE r.instance_id = i.id AND r.status <> 'running'
    ORDER BY r.started_at DESC LIMIT 1
) AS l
WHERE i.enabled AND i.removed_at IS NULL AND l.status = 'failed' {ended}
ORDER BY i.name"""
_ENDED: Final = """AND NOT EXISTS (
    SELECT FROM dagster.runs AS d WHERE d.run_id = l.dagster_run_id
        AND d.status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING'))"""

_IMPORTED: Final = """
SELECT r.id, i.name, (r.entities->'scenes'->>'inserted')::bigint
FROM ops.sync_runs AS r JOIN ops.instances AS i ON i.id = r.instance_id
WHERE r.status = 'succeeded' AND r.finished_at > now() - interval '1 hour'
    AND (r.entities->'scenes'->>'inserted')::bigint >= %s ORDER BY r.id"""

_STALE: Final = """
SELECT i.name, max(r.finished_at)::timestamp(0)::text FROM ops.instances AS i
LEFT JOIN ops.sync_runs AS r ON r.instance_id = i.id AND r.status = 'succeeded' AND r.mode <> 'objects'
WHERE i.enabled AND i.removed_at IS NULL
GROUP BY i.id HAVING coalesce(max(r.finished_at), i.created_at) < now() - make_interval(secs => %s) ORDER BY 1"""

_LAYERS: Final = """
SELECT layer, error FROM ops.shared_layers WHERE error IS NOT NULL
UNION ALL SELECT 'search index (' || backend || ')', error FROM search.indexes WHERE error IS NOT NULL ORDER BY 1"""


@dataclass(frozen=True)
class Cause:
    """A reason for one notification.

    Attributes:
        key: unique; the same as long as the cause lasts.
        subject: the instance or layer.
        values: for the template.
        event: it happened and does not last, so it needs no resolution.
    """

    key: str
    kind: str
    subject: str
    values: Mapping[str, str] = field(default_factory=dict)
    event: bool = False


def causes(connection: Connection, settings: Settings, unreachable: Mapping[str, str]) -> list[Cause]:
    """All present causes.

    Args:
        unreachable: the error of each server that does not respond, by its instance.
    """
    # a server that does not respond makes syncs fail: one cause
    present = [
        cause
        for cause in (*_of_syncs(connection, settings), *_of_layers(connection))
        if cause.kind != FAILURE or cause.subject not in unreachable
    ]
    present += [_lasting(UNREACHABLE, name, error=error) for name, error in sorted(unreachable.items())]
    return present


def _of_syncs(connection: Connection, settings: Settings) -> Iterator[Cause]:
    for run, name, count in connection.execute(_IMPORTED, [settings.notify_imported_scenes]).fetchall():
        yield Cause(f"{IMPORTED}:{run}", IMPORTED, name, {"count": f"{count:,}"}, event=True)
    exists = connection.execute("SELECT to_regclass('dagster.runs') IS NOT NULL").fetchone()
    query = _FAILED.format(ended=_ENDED if exists and exists[0] else "")
    for name, mode, error, _ in connection.execute(query).fetchall():
        kind = GUARD if _ASKS_FOR_PERMISSION in (error or "") else FAILURE
        yield _lasting(kind, name, mode=mode, error=error or "unknown")
    for name, last in connection.execute(_STALE, [settings.fresh_hours * 3600]).fetchall():
        hours = f"{settings.fresh_hours:g}"
        yield _lasting(STALE, name, last=f"{last} UTC" if last else "never", hours=hours)


def _of_layers(connection: Connection) -> Iterable[Cause]:
    return [_lasting(LAYER, name, error=error) for name, error in connection.execute(_LAYERS).fetchall()]


def _lasting(kind: str, subject: str, **values: str) -> Cause:
    safe = {name: without_secrets(value)[:_LONGEST] for name, value in values.items()}
    return Cause(f"{kind}:{subject}", kind, subject, safe)
