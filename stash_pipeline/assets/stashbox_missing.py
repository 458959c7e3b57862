"""The step that reads what one stash-box lists for favorites, after the step that reads everything else.

It is a step of its own, because it depends on the catalog, which depends on what the other one reads.
"""

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg
from pydantic import Field

from stash_pipeline.assets import metadata as md
from stash_pipeline.assets.failures import failures_of_boxes
from stash_pipeline.assets.metadata import OWNERS
from stash_pipeline.assets.resources import StashBoxClients, WarehouseResource
from stash_pipeline.assets.specs import table_key
from stash_pipeline.assets.stashbox import box_key
from stash_pipeline.partitions import BOXES
from stash_pipeline.stashbox_registry import StashBoxEndpoint, get_endpoint
from stash_pipeline.sync.missing import ListReport, list_missing
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.stashbox.missing import MISSING_COLUMNS, list_states
from stash_pipeline.warehouse.views import MISSING

OP: Final = "list_missing_scenes"
# a group of its own: what depends on the catalog would draw the groups of the lineage in a circle
GROUP: Final = "stash_box_missing"
MISSING_KEY: Final = table_key(MISSING.name)


def _spec() -> dg.AssetSpec:
    # every instance and every cluster takes part
    catalog = [dg.AssetDep(table_key(name)) for name in ("catalog.performers", "catalog.studios")]
    return dg.AssetSpec(
        MISSING_KEY,
        deps=[box_key("scenes"), *catalog],
        description="The scenes that a box lists for favorite performers and studios of the catalog, and that no "
        "instance owns. Off until `stash-pipeline boxes edit NAME --list-missing`: the box learns the ids of your "
        "favorites. A view, which changes with what the instances own.",
        group_name=GROUP,
        kinds={"graphql", "postgres"},
        owners=OWNERS,
        partitions_def=BOXES,
        skippable=True,
        metadata={
            "dagster/table_name": MISSING.name,
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(name, kind, comment or None) for name, kind, comment in MISSING_COLUMNS]
            ),
        },
    )


class MissingConfig(dg.Config):
    """The configuration of a run."""

    missing_days: float | None = Field(
        default=None, description="After how many days the list of a favorite is read again; 0 reads it now. "
        "Default: STASH_PIPELINE_STASHBOX_MISSING_DAYS."
    )  # fmt: skip


def missing_assets() -> dg.AssetsDefinition:
    """The step with its asset."""

    # what is due for hashes and records comes first; without a dependency, because those outputs may be omitted
    @dg.multi_asset(name=OP, specs=[_spec()], op_tags={"dagster/priority": "-1"})
    def list_missing_scenes(
        context: dg.AssetExecutionContext,
        config: MissingConfig,
        warehouse: dg.ResourceParam[WarehouseResource],
        boxes: dg.ResourceParam[StashBoxClients],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Asks one stash-box for the scenes of favorites, if that is switched on."""
        with failures_of_boxes(), connect(warehouse.url()) as connection:
            yield from _run(context, config, warehouse, boxes, connection)

    return list_missing_scenes


def _run(
    context: dg.AssetExecutionContext,
    config: MissingConfig,
    warehouse: WarehouseResource,
    boxes: StashBoxClients,
    connection: Connection,
) -> Iterator[dg.MaterializeResult[Any]]:
    endpoint = get_endpoint(connection, context.partition_key)
    # a box that fails has just failed in the other step, too
    if not endpoint.list_missing or not endpoint.enabled or endpoint.last_error:
        return
    settings = warehouse.settings
    days = settings.stashbox_missing_days if config.missing_days is None else config.missing_days
    with boxes.client(settings, endpoint) as client:
        report = list_missing(connection, client, endpoint.id, endpoint.name, days=days, say=context.log.info)
        requests = client.requests
    if report.stopped:
        context.log.info(report.stopped)
    if report.due:
        yield _result(connection, endpoint, report, requests)


def _result(
    connection: Connection, endpoint: StashBoxEndpoint, report: ListReport, requests: int
) -> dg.MaterializeResult[Any]:
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE waits_for_decision) FROM stashbox.missing WHERE endpoint_id = %s",
        [endpoint.id],
    ).fetchone()
    rows, waiting = row or (0, 0)
    state = list_states(connection, [endpoint.id])[endpoint.id]
    return md.materialized(
        MISSING_KEY,
        metadata={
            md.ROW_COUNT: rows,
            "wait_for_decision": waiting,
            "lists": state.lists,
            "lists_read": state.complete,
            "due": report.due,
            "complete": report.complete,
            "scenes_listed": report.scenes,
            "requests": requests,
            "failures": "\n".join(f"{key}: {value}" for key, value in sorted(report.failures.items())) or "none",
        },
    )
