"""Collects the metrics from what the tables of ``ops`` already know; no table is counted for it.

The label of an instance is ``stash_instance``, because Prometheus uses ``instance`` for the target of a scrape. Numbers
of past runs are gauges over the last day: the maintenance removes old runs, so a counter would fall.
"""

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final

import psycopg
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stash_pipeline import layers
from stash_pipeline.errors import UserError
from stash_pipeline.search.backends import backend_name, backend_place
from stash_pipeline.search.index import index_status
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.shared import states

PREFIX: Final = "stash_pipeline_"
_INSTANCE: Final = "stash_instance"
_DAY: Final = "interval '1 day'"

_LAST_SUCCESS: Final = """
SELECT i.name, r.mode, extract(epoch FROM max(r.finished_at))::float8
FROM ops.instances AS i JOIN ops.sync_runs AS r ON r.instance_id = i.id
WHERE i.removed_at IS NULL AND r.status = 'succeeded' GROUP BY 1, 2 ORDER BY 1, 2"""

_STATE: Final = """
SELECT i.name, i.enabled::int, (
        i.enabled AND coalesce(s.finished_at, i.created_at) < now() - make_interval(secs => %(fresh)s))::int,
    (SELECT count(*) FROM ops.sync_runs AS f
     WHERE f.instance_id = i.id AND f.status = 'failed' AND f.id > coalesce(s.id, 0)),
    coalesce(l.seconds, 0), coalesce(extract(epoch FROM l.finished_at - l.started_at)::float8, 0),
    coalesce((SELECT sum((e.value->>'request_seconds')::float8) FROM jsonb_each(l.entities) AS e), 0),
    coalesce(l.requests, 0), coalesce(l.bytes, 0)
FROM ops.instances AS i
LEFT JOIN LATERAL (
    SELECT r.id, r.finished_at FROM ops.sync_runs AS r
    WHERE r.instance_id = i.id AND r.status = 'succeeded' AND r.mode <> 'objects' ORDER BY r.started_at DESC LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT r.* FROM ops.sync_runs AS r
    WHERE r.instance_id = i.id AND r.status = 'succeeded' ORDER BY r.started_at DESC LIMIT 1
) AS l ON true
WHERE i.removed_at IS NULL ORDER BY 1"""

_RUNS: Final = f"""
SELECT i.name, r.mode, r.status, count(*), coalesce(sum(r.seconds), 0)
FROM ops.instances AS i JOIN ops.sync_runs AS r ON r.instance_id = i.id
WHERE i.removed_at IS NULL AND r.started_at > now() - {_DAY} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""

_CHANGES: Final = f"""
SELECT i.name, k.kind, coalesce(sum((e.value->>k.kind)::bigint), 0)
FROM ops.instances AS i CROSS JOIN unnest(
    ARRAY['inserted', 'updated', 'removed', 'merged', 'silent_changes', 'failed']) AS k(kind)
LEFT JOIN ops.sync_runs AS r ON r.instance_id = i.id AND r.started_at > now() - {_DAY}
LEFT JOIN LATERAL jsonb_each(r.entities) AS e ON true
WHERE i.removed_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2"""

_ROWS: Final = """
SELECT i.name, c.table_name, c.rows FROM ops.row_counts AS c JOIN ops.instances AS i ON i.id = c.instance_id
WHERE i.removed_at IS NULL ORDER BY 1, 2"""

_SHARED_ROWS: Final = """
SELECT table_name, rows FROM catalog.row_counts
UNION ALL SELECT 'search.' || entity, rows FROM search.row_counts ORDER BY 1"""

_BOXES: Final = """
SELECT name, CASE WHEN requests_day = (now() AT TIME ZONE 'UTC')::date THEN requests_used ELSE 0 END,
    requests_per_day, enabled::int, (last_error IS NOT NULL)::int
FROM ops.stashbox_endpoints ORDER BY 1"""

_NOTIFICATIONS: Final = "SELECT kind, count(*) FROM ops.notifications WHERE resolved_at IS NULL GROUP BY 1 ORDER BY 1"

_DAGSTER: Final = f"""
SELECT pipeline_name, lower(status), count(*) FROM dagster.runs
WHERE create_timestamp > now() AT TIME ZONE 'UTC' - {_DAY} GROUP BY 1, 2 ORDER BY 1, 2"""


class WarehouseCollector(Collector):
    """Reads the metrics at every scrape."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """`settings` have the address of the database."""
        self._settings = settings

    def collect(self) -> Iterable[Metric]:
        """All metrics; only ``up`` is 0 if the database does not answer, so that the scrape itself succeeds."""
        settings = self._settings()
        try:
            with connect(settings.database() or "") as connection:
                metrics = [metric for metric in _metrics(connection, settings) if metric.samples]
        except (UserError, psycopg.Error):
            metrics = []
        yield _gauge("up", "whether the database answers", [], [((), 1.0 if metrics else 0.0)])
        yield from metrics


def text_of(settings: Settings) -> str:
    """The metrics in Prometheus' text format."""
    return generate_latest(registry_of(lambda: settings)).decode()


def registry_of(settings: Callable[[], Settings]) -> CollectorRegistry:
    """A registry with the metrics of a warehouse only, without those of this process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WarehouseCollector(settings))
    return registry


def _gauge(name: str, meaning: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[Any], float]]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=labels)
    for values, value in rows:
        family.add_metric([str(label) for label in values], float(value))
    return family


def _metrics(connection: Connection, settings: Settings) -> Iterable[Metric]:
    yield _gauge("info", "the version of the program", ["version"], [((version("stash-pipeline"),), 1)])
    yield from _instances(connection, settings)
    yield from _layers(connection, settings)
    boxes = connection.execute(_BOXES).fetchall()
    day = "requests sent to a stash-box today, in UTC"
    yield _gauge("stash_box_requests_today", day, ["box"], [((name,), used) for name, used, *_ in boxes])
    yield _gauge(
        "stash_box_requests_limit",
        "requests that a stash-box may get per day; missing if it is not limited",
        ["box"],
        [((name,), limit) for name, _, limit, *_ in boxes if limit is not None],
    )
    yield _gauge(
        "stash_box_failing", "whether its last request failed", ["box"], [((name,), bad) for name, *_, bad in boxes]
    )
    open_causes = connection.execute(_NOTIFICATIONS).fetchall()
    yield _gauge("open_causes", "causes of notifications that last", ["kind"], [((k,), n) for k, n in open_causes])
    exists = connection.execute("SELECT to_regclass('dagster.runs') IS NOT NULL").fetchone()
    if exists and exists[0]:
        yield _gauge(
            "runs_last_day",
            "Dagster's runs of the last day",
            ["job", "status"],
            [((job, status), n) for job, status, n in connection.execute(_DAGSTER).fetchall()],
        )


def _instances(connection: Connection, settings: Settings) -> Iterable[Metric]:
    by_mode = [_INSTANCE, "mode"]
    succeeded = connection.execute(_LAST_SUCCESS).fetchall()
    yield _gauge(
        "last_success_timestamp_seconds",
        "when the last successful sync ended",
        by_mode,
        [((name, mode), moment) for name, mode, moment in succeeded],
    )
    rows = connection.execute(_STATE, {"fresh": settings.fresh_hours * 3600}).fetchall()
    for position, (name, meaning) in enumerate(
        (
            ("instance_enabled", "whether an instance is synced"),
            ("instance_stale", "whether it had no successful sync within STASH_PIPELINE_FRESH_HOURS"),
            ("consecutive_failures", "failed syncs since the last successful one"),
        ),
        start=1,
    ):
        yield _gauge(name, meaning, [_INSTANCE], [((row[0],), row[position]) for row in rows])
    phases = ("read", "all", "requests")
    yield _gauge(
        "last_sync_seconds",
        "duration of the last successful sync by phase: waiting for responses (requests), until the last commit in raw "
        "(read), until its end (all)",
        [_INSTANCE, "phase"],
        [((row[0], phase), row[4 + position]) for row in rows for position, phase in enumerate(phases)],
    )
    yield _gauge("last_sync_requests", "requests of the last sync", [_INSTANCE], [((row[0],), row[7]) for row in rows])
    yield _gauge("last_sync_bytes", "bytes of its responses", [_INSTANCE], [((row[0],), row[8]) for row in rows])
    runs = connection.execute(_RUNS).fetchall()
    yield _gauge(
        "syncs_last_day",
        "syncs that began in the last day",
        [*by_mode, "status"],
        [((name, mode, status), count) for name, mode, status, count, _ in runs],
    )
    yield _gauge(
        "sync_seconds_last_day",
        "their duration",
        [*by_mode, "status"],
        [((name, mode, status), seconds) for name, mode, status, _, seconds in runs],
    )
    yield _gauge(
        "objects_last_day",
        "objects that syncs of the last day inserted, updated, removed, merged, found changed without a new updated_at "
        "(silent_changes), or could not read (failed)",
        [_INSTANCE, "change"],
        [((name, kind), count) for name, kind, count in connection.execute(_CHANGES).fetchall()],
    )
    yield _gauge(
        "rows",
        "live rows per table of an instance",
        [_INSTANCE, "table"],
        [((name, table), count) for name, table, count in connection.execute(_ROWS).fetchall()],
    )
    yield _gauge(
        "shared_rows",
        "rows per table made of all instances",
        ["table"],
        [((table,), count) for table, count in connection.execute(_SHARED_ROWS).fetchall()],
    )


def _layers(connection: Connection, settings: Settings) -> Iterable[Metric]:
    layer_states = states(connection, layers.configured(layers.LAYERS, settings))
    yield _gauge(
        "layer_revisions_behind",
        "entries of the object log that a layer has not followed",
        ["layer"],
        [((state.name,), state.head - (state.revision or 0)) for state in layer_states],
    )
    yield _gauge(
        "layer_failing",
        "whether the last attempt of a layer failed",
        ["layer"],
        [((state.name,), state.error is not None) for state in layer_states],
    )
    status = index_status(connection, backend_name(settings), backend_place(settings))
    labels = ["backend"]
    values = {
        "search_index_revisions_behind": ("revisions that the search index has not followed", status.revisions_behind),
        "search_index_documents": ("documents of the search index", status.documents),
        "search_index_bytes": ("its size on disk", status.size or 0),
        "search_index_failing": ("whether its last attempt failed", status.error is not None),
    }
    for name, (meaning, value) in values.items():
        yield _gauge(name, meaning, labels, [((status.backend,), value)])
