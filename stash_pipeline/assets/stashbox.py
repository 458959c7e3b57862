"""The step that reads one stash-box into schema ``stashbox``. Its partitions are the registered boxes.

What the answers mean for local objects is in layer ``matches``, which follows afterwards: the step logs the objects
that are concerned, and ``shared_layers_sensor`` or the command lets the layers follow.
"""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, Final

import dagster as dg
from pydantic import Field

from stash_pipeline.assets import metadata as md
from stash_pipeline.assets.failures import failures_of_boxes
from stash_pipeline.assets.metadata import OWNERS, column_schema
from stash_pipeline.assets.resources import StashBoxClients, WarehouseResource
from stash_pipeline.assets.specs import table_key
from stash_pipeline.errors import UserError
from stash_pipeline.partitions import BOXES
from stash_pipeline.stashbox.errors import StashBoxError
from stash_pipeline.stashbox_registry import StashBoxEndpoint, get_endpoint, record_state
from stash_pipeline.sync.stashbox import LOOKUPS, BoxReport, BoxSchedule, Counts, read_box
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.layer import CheckOutcome
from stash_pipeline.warehouse.ops.request_limiter import budget_use
from stash_pipeline.warehouse.stashbox import checks
from stash_pipeline.warehouse.stashbox.due import SINGULAR
from stash_pipeline.warehouse.stashbox.tables import DOCUMENTS, ENTITIES
from stash_pipeline.warehouse.stashbox.tables import LOOKUPS as LOOKUPS_TABLE

OP: Final = "read_stash_box"
GROUP: Final = "stash_box"
SERVERS_GROUP: Final = "stash_box_servers"

LOOKUPS_KEY: Final = table_key("stashbox.lookups")

IDS_ARE_LIVE: Final = dg.AssetCheckSpec(
    "ids_are_live",
    asset=table_key("stashbox.scenes"),
    description="Servers link no object to a record that the box has merged, deleted or lost. Lists those that are, "
    "with the successors.",
)
DOCUMENTS_ARE_FRESH: Final = dg.AssetCheckSpec(
    "documents_are_fresh",
    asset=table_key("stashbox.scenes"),
    description="Every record that local objects are linked to, or may be, was read within "
    "STASH_PIPELINE_STASHBOX_DOCUMENT_DAYS.",
)
ANSWERS_ARE_KEPT: Final = dg.AssetCheckSpec(
    "answers_are_kept",
    asset=LOOKUPS_KEY,
    description="Hashes that had scenes on the box before still have some.",
)
BUDGET_SUFFICES: Final = dg.AssetCheckSpec(
    "budget_suffices",
    asset=LOOKUPS_KEY,
    description="Everything that was due was asked within the requests of the day, and no answer failed.",
)
CHECKS: Final = (ANSWERS_ARE_KEPT, BUDGET_SUFFICES, IDS_ARE_LIVE, DOCUMENTS_ARE_FRESH)


def box_key(entity: str) -> dg.AssetKey:
    """The asset of an entity on the boxes."""
    return dg.AssetKey(["stash_box_server", entity])


def box_server_specs() -> list[dg.AssetSpec]:
    """One external asset per entity of the boxes."""
    return [
        dg.AssetSpec(
            box_key(entity),
            description=f"The {entity} on the stash-boxes, which their communities edit.",
            group_name=SERVERS_GROUP,
            kinds={"graphql"},
            owners=OWNERS,
        )
        for entity in ENTITIES
    ]


def _after(*names: str) -> list[dg.AssetDep]:
    # the tables are partitioned by instance, and a box concerns all of them
    return [dg.AssetDep(table_key(name), partition_mapping=dg.AllPartitionMapping()) for name in names]


def stashbox_specs() -> list[dg.AssetSpec]:
    """One asset per table."""
    lookups = dg.AssetSpec(
        LOOKUPS_KEY,
        deps=[box_key("scenes"), *_after("stash.scenes", "stash.files", "stash.file_fingerprints")],
        description="The scenes that a box returned for the hashes of local scenes; each set of hashes is asked about "
        "once. An empty answer is an answer, which becomes due again.",
        group_name=GROUP,
        kinds={"graphql", "postgres"},
        owners=OWNERS,
        partitions_def=BOXES,
        skippable=True,
        metadata={"dagster/table_name": "stashbox.lookups", "dagster/column_schema": column_schema(LOOKUPS_TABLE)},
    )
    return [lookups, *(_documents_spec(entity) for entity in ENTITIES)]


def _documents_spec(entity: str) -> dg.AssetSpec:
    deps: list[Any] = [box_key(entity), *_after(f"stash.{SINGULAR[entity]}_stash_ids")]
    if entity == "scenes":
        deps.append(LOOKUPS_KEY)
    return dg.AssetSpec(
        table_key(f"stashbox.{entity}"),
        deps=deps,
        description=f"The {entity} of the boxes that local objects are linked to, or may be: the document, and whether "
        "the box has merged or deleted it. Ids that a box no longer has stay as history.",
        group_name=GROUP,
        kinds={"graphql", "postgres"},
        owners=OWNERS,
        partitions_def=BOXES,
        skippable=True,
        metadata={
            "dagster/table_name": f"stashbox.{entity}",
            "dagster/column_schema": column_schema(DOCUMENTS[entity]),
        },
    )


def stashbox_keys() -> list[dg.AssetKey]:
    """The assets of the step."""
    return [spec.key for spec in stashbox_specs()]


def first_materializations(instance: dg.DagsterInstance, connection: Connection) -> list[dg.AssetMaterialization]:
    """The tables that were never materialized, with the rows that they have, for the layer that is built of them.

    Nothing is asked before a box is registered, and of each box some tables stay as they are. What is built of them is
    built of what they hold, and without an event the UI warns that it may fail.
    """
    keys = stashbox_keys()
    materialized = {
        record.asset_entry.asset_key
        for record in instance.get_asset_records(keys)
        if record.asset_entry.last_materialization_record is not None
    }
    events = []
    for key in keys:
        if key not in materialized:
            name = ".".join(key.path)
            row = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
            events.append(
                dg.AssetMaterialization(
                    key,
                    description="What the layer matches was first built of. Stash-boxes are asked once they are "
                    "registered, see `stash-pipeline boxes --help`.",
                    metadata={md.ALL_ROWS_COUNT: row[0] if row else 0},
                    tags={md.DATA_VERSION_TAG: md.DATA_VERSION.value},
                )
            )
    return events


class BoxConfig(dg.Config):
    """The configuration of a run."""

    unmatched_days: float | None = Field(
        default=None, description="After how many days hashes without a scene are asked about again; 0 asks now. "
        "Default: STASH_PIPELINE_STASHBOX_UNMATCHED_DAYS."
    )  # fmt: skip
    matched_days: float | None = Field(
        default=None, description="The same for hashes with scenes. Default: STASH_PIPELINE_STASHBOX_MATCHED_DAYS."
    )
    document_days: float | None = Field(
        default=None, description="After how many days records are read again. Default: "
        "STASH_PIPELINE_STASHBOX_DOCUMENT_DAYS."
    )  # fmt: skip


def stashbox_assets() -> dg.AssetsDefinition:
    """The step with its assets and checks."""

    @dg.multi_asset(name=OP, specs=stashbox_specs(), check_specs=list(CHECKS))
    def read_stash_box(
        context: dg.AssetExecutionContext,
        config: BoxConfig,
        warehouse: dg.ResourceParam[WarehouseResource],
        boxes: dg.ResourceParam[StashBoxClients],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Asks one stash-box about what is due, and stores its answers."""
        with failures_of_boxes(), connect(warehouse.url()) as connection:
            yield from _run(context, config, warehouse, boxes, connection)

    return read_stash_box


def _run(
    context: dg.AssetExecutionContext,
    config: BoxConfig,
    warehouse: WarehouseResource,
    boxes: StashBoxClients,
    connection: Connection,
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    endpoint = get_endpoint(connection, context.partition_key)
    if not endpoint.enabled:
        raise UserError(f"{endpoint.name} is disabled; enable it with `stash-pipeline boxes enable {endpoint.name}`.")
    settings = warehouse.settings
    schedule = BoxSchedule(
        _first(config.unmatched_days, settings.stashbox_unmatched_days),
        _first(config.matched_days, settings.stashbox_matched_days),
        _first(config.document_days, settings.stashbox_document_days),
    )
    with boxes.client(settings, endpoint) as client:
        try:
            report = read_box(
                connection,
                client,
                endpoint.id,
                endpoint.name,
                requests_per_minute=endpoint.requests_per_minute,
                schedule=schedule,
                say=context.log.info,
            )
        except StashBoxError as error:
            record_state(connection, endpoint.id, error=str(error))
            raise
        requests = client.requests
    record_state(connection, endpoint.id, version=report.version, error=None)
    yield from _results(connection, endpoint, report, requests)
    yield from _check_results(connection, endpoint, report, settings.stashbox_document_days)


def _first(value: float | None, default: float) -> float:
    return default if value is None else value


def _results(
    connection: Connection, endpoint: StashBoxEndpoint, report: BoxReport, requests: int
) -> Iterator[dg.MaterializeResult[Any]]:
    """The tables that changed or were asked about."""
    use = budget_use(connection, endpoint.id)
    for name in (LOOKUPS, *ENTITIES):
        counts = report.tables.get(name, Counts())
        if not counts.asked and not counts.changed:
            continue
        row = connection.execute(
            f"SELECT count(*) FROM stashbox.{name} WHERE endpoint_id = %s", [endpoint.id]
        ).fetchone()
        metadata: dict[str, Any] = {
            md.ROW_COUNT: row[0] if row else 0,
            "due": counts.due,
            "asked": counts.asked,
            "changed": counts.changed,
            "answered_with_data": counts.matched,
        }
        if name == LOOKUPS:
            metadata |= {
                "requests": requests,
                "requests_used_today": use.used,
                "requests_left_today": use.left if use.left is not None else "not limited",
                "box_version": report.version or "unknown",
                "fields_the_box_lacks": ", ".join(report.missing) or "none",
                "failures": "\n".join(f"{key}: {value}" for key, value in sorted(report.failures.items())) or "none",
            }
        yield md.materialized(table_key(f"stashbox.{name}"), metadata=metadata)


def _check_results(
    connection: Connection, endpoint: StashBoxEndpoint, report: BoxReport, days: float
) -> Iterator[dg.AssetCheckResult]:
    now = datetime.now(timezone.utc)
    outcomes = [
        (ANSWERS_ARE_KEPT, checks.answers_are_kept(report.asked_again, report.lost)),
        (
            BUDGET_SUFFICES,
            CheckOutcome(
                report.stopped is None and not report.failures,
                {"left": report.left, "failures": len(report.failures)},
                report.stopped or next(iter(report.failures.values()), None),
            ),
        ),
        (IDS_ARE_LIVE, checks.ids_are_live(connection, endpoint.id)),
        (DOCUMENTS_ARE_FRESH, checks.documents_are_fresh(connection, endpoint.id, days, now)),
    ]
    for spec, outcome in outcomes:
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=outcome.passed,
            severity=dg.AssetCheckSeverity.WARN,
            metadata=dict(outcome.metadata),
            description=outcome.description,
        )
