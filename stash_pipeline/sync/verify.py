"""Compares the database with the server, for the asset checks. Reads only; the cost grows with the library."""

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
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.raw.sampling import random_ids
from stash_pipeline.warehouse.raw.watermarks import read_watermarks


def count_differences(
    connection: Connection,
    instance_id: int,
    entities: Iterable[str],
    before: Probe,
    client: Callable[[], StashClient],
    document: str,
) -> dict[str, tuple[int, int]]:
    """The counts of entities that differ from the server's: (stored, on the server).

    Objects that the server could not send count as stored. While a library changes, its count before or after the sync
    can be the right one; the server is asked again only if the first count differs.

    Args:
        client: creates a client for the server, if necessary. document: the query of the probe.
    """
    missing = {entity: number for entity, (_, number) in read_watermarks(connection, instance_id).items()}
    counted = documents_counted(connection, instance_id)
    stored = {entity: counted.get(entity, 0) + missing.get(entity, 0) for entity in entities}
    return probing.count_differences(stored, before, lambda: read_probe(probe(client(), document)))


@dataclass
class Sample:
    """The comparison of a sample with the server.

    Attributes:
        objects: the number of compared objects. differences: one line per object and field.
    """

    objects: int
    differences: list[str]


def compare_sample(
    connection: Connection, settings: Settings, instance: Instance, client: StashClient, entities: Iterable[str]
) -> Sample:
    """Reads a random sample again, the same number of each entity, and compares it field by field.

    Objects that were edited on the server in the meantime are not reported.

    Raises:
        StashError: for errors of the server or the network.
    """
    chosen: dict[str, set[int]] = {}
    names = list(entities)
    for entity in names:
        size = -(-settings.sample_objects // len(names))
        chosen[entity] = random_ids(connection, instance.id, entity, size, live=True)
    guard = Safeguards(connection, instance.id, instance.name, accept=True)
    sink = DryRun(connection, instance.id)
    loader = RawLoader(sink, guard)
    started = client.now()
    refresh = Refresh(loader, settings, instance, client, lambda: None)
    compared = refresh.compare(chosen)
    differences = [
        f"{entity} {line}"
        for entity, lines in sink.lines.items()
        for line in lines
        if not _edited_since(sink, entity, line, started - timedelta(minutes=1))
    ]
    differences += [
        f"{entity} {identifier}: the server no longer has it"
        for entity, ids in loader.gone.items()
        for identifier in sorted(ids)
    ]
    return Sample(compared, differences)


def _edited_since(sink: DryRun, entity: str, line: str, moment: datetime) -> bool:
    """Whether the object of a line was updated after a given time."""
    identifier = int(line.split(":", 1)[0])
    stamp = sink.stamps.get((entity, identifier))
    return stamp is not None and stamp >= moment


def changed_by(connection: Connection, instance_id: int, run_id: int, since: int, before: datetime) -> dict[str, int]:
    """The number of objects per entity that a run wrote although they have no recent timestamp.

    Args:
        since: the instance's revision before that run. before: newer timestamps explain a change.
    """
    counts = {}
    for entity in ENTITIES:
        row = connection.execute(
            f"SELECT count(*) FROM {partition('raw.' + entity.name, instance_id)}\n"
            "WHERE instance_id = %s AND revision > %s AND run_id = %s\n"
            "  AND (server_updated_at IS NULL OR server_updated_at < %s)",
            [instance_id, since, run_id, before],
        ).fetchone()
        if row and row[0]:
            counts[entity.name] = row[0]
    return counts


def stale_instances(connection: Connection, hours: float) -> list[dict[str, Any]]:
    """Enabled instances without a successful sync for this many hours."""
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
