"""Whether the mirror is what it claims to be: the questions behind the asset checks.

Nothing here writes. What it costs grows with the library.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash import probing
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.probing import Probe, probe, read_probe
from stash_pipeline.sync.dry_run import DryRun
from stash_pipeline.sync.loader import RawLoader
from stash_pipeline.sync.refresh import Refresh
from stash_pipeline.sync.safeguards import Safeguards
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.row_counts import documents_counted
from stash_pipeline.warehouse.raw.sampling import random_ids
from stash_pipeline.warehouse.raw.watermarks import read_watermarks
from stash_pipeline.warehouse.tables import partition


def count_differences(
    connection: Connection,
    instance_id: int,
    kinds: Iterable[str],
    before: Probe,
    client: Callable[[], StashClient],
    document: str,
) -> dict[str, tuple[int, int]]:
    """Kinds of which the server has another number of objects than there are here: (here, there).

    Args:
        client: of the server, asked for only where there is a difference. document: the query of the probe.

    What the server was seen to have and could not send counts as here. While a library changes, its number before the
    refresh may be right, or the one after it; the server is asked for that only where the first is not.
    """
    missing = {kind: number for kind, (_, number) in read_watermarks(connection, instance_id).items()}
    counted = documents_counted(connection, instance_id)
    here = {kind: counted.get(kind, 0) + missing.get(kind, 0) for kind in kinds}
    return probing.count_differences(here, before, lambda: read_probe(probe(client(), document)))


@dataclass
class Sample:
    """Some objects, compared with the server.

    Attributes:
        objects: how many were compared. differences: a line per object and field.
    """

    objects: int
    differences: list[str]


def compare_sample(
    connection: Connection, settings: Settings, instance: Instance, client: StashClient, kinds: Iterable[str]
) -> Sample:
    """Reads a random sample again and compares it field by field; as many of each kind, as far as there are so many.

    An object that the server has edited in the meantime is no difference.

    Raises:
        StashError: what the server or the network did.
    """
    chosen: dict[str, set[int]] = {}
    listed = list(kinds)
    for kind in listed:
        size = -(-settings.sample_objects // len(listed))
        chosen[kind] = random_ids(connection, instance.id, kind, size, live=True)
    guard = Safeguards(connection, instance.id, instance.name, accept=True)
    sink = DryRun(connection, instance.id)
    loader = RawLoader(sink, guard)
    started = client.now()
    refresh = Refresh(loader, settings, instance, client, lambda: None)
    compared = refresh.compare(chosen)
    differences = [
        f"{kind} {line}"
        for kind, lines in sink.lines.items()
        for line in lines
        if not _edited_since(sink, kind, line, started - timedelta(minutes=1))
    ]
    differences += [
        f"{kind} {identifier}: the server does not have it any more"
        for kind, ids in loader.gone.items()
        for identifier in sorted(ids)
    ]
    return Sample(compared, differences)


def _edited_since(sink: DryRun, kind: str, line: str, moment: datetime) -> bool:
    """Whether what a line is about was stamped after a moment."""
    identifier = int(line.split(":", 1)[0])
    stamp = sink.stamps.get((kind, identifier))
    return stamp is not None and stamp >= moment


def changed_by(connection: Connection, instance_id: int, run_id: int, since: int, before: datetime) -> dict[str, int]:
    """What a run wrote that no stamp explains, per kind: objects that were new, other or gone.

    Args:
        since: the instance's revision before that run. before: stamps from then on explain a change.
    """
    found = {}
    for entity in ENTITIES:
        row = connection.execute(
            f"SELECT count(*) FROM {partition('raw.' + entity.name, instance_id)}\n"
            "WHERE instance_id = %s AND revision > %s AND run_id = %s\n"
            "  AND (server_updated_at IS NULL OR server_updated_at < %s)",
            [instance_id, since, run_id, before],
        ).fetchone()
        if row and row[0]:
            found[entity.name] = row[0]
    return found


def stale_instances(connection: Connection, hours: float) -> list[dict[str, Any]]:
    """Enabled instances that have had no good refresh for so long."""
    rows = connection.execute(
        "SELECT i.name, max(r.finished_at) FROM ops.instances AS i\n"
        "LEFT JOIN ops.sync_runs AS r ON r.instance_id = i.id AND r.status = 'succeeded'\n"
        "    AND r.mode <> 'objects'\n"
        "WHERE i.enabled AND i.removed_at IS NULL AND i.created_at < now() - make_interval(mins => %(minutes)s)\n"
        "GROUP BY i.name\n"
        "HAVING coalesce(max(r.finished_at), '-infinity') < now() - make_interval(mins => %(minutes)s)\n"
        "ORDER BY i.name",
        {"minutes": round(hours * 60)},
    )
    return [{"instance": name, "last": last} for name, last in rows]
