"""``stash-pipeline rebuild``: rebuilds a layer from the layers above it, by the layer's job."""

from typing import TYPE_CHECKING, Any

from stash_pipeline.commands.options import each_once
from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings

if TYPE_CHECKING:
    from stash_pipeline.warehouse.connect import Connection
    from stash_pipeline.warehouse.layers.layer import AnyLayer, InstanceLayer


def rebuild(layer: str, names: list[str], as_json: bool) -> int:
    """The command; returns the exit code.

    Raises:
        UserError: if there is no such layer or instance.
    """
    from stash_pipeline import layers as registry
    from stash_pipeline.instances import list_instances
    from stash_pipeline.layers import layer_named
    from stash_pipeline.partitions import sync_partitions
    from stash_pipeline.runtime.in_process import dagster_instance
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.layers.layer import InstanceLayer
    from stash_pipeline.warehouse.session import open_warehouse

    chosen = layer_named(layer, registry.LAYERS)
    if names and not isinstance(chosen, InstanceLayer):
        raise UserError(
            f"Layer {chosen.name} covers all instances; name none of them: `stash-pipeline rebuild {layer}`."
        )
    with (
        open_warehouse(get_settings()) as settings,
        connect(settings.database() or "") as connection,
        dagster_instance(settings.home) as dagster,
    ):
        sync_partitions(dagster, [instance.name for instance in list_instances(connection)])
        if isinstance(chosen, InstanceLayer):
            outcomes = _of_instances(dagster, connection, chosen, layer, names)
        else:
            outcome = _run(dagster, chosen, f"stash-pipeline rebuild {layer}")
            outcomes = [{"layer": chosen.name, **outcome}]
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            done = f"{outcome['rows']:,} rows" if "rows" in outcome else "rebuilt"
            message = done if outcome["success"] else str(outcome["error"])
            name = outcome.get("instance", outcome.get("layer"))
            console.print(f"{name}: {message}", highlight=False, markup=False, soft_wrap=True)
    return 0 if all(outcome["success"] for outcome in outcomes) else 1


def _of_instances(
    dagster: Any, connection: "Connection", layer: "InstanceLayer", word: str, names: list[str]
) -> list[dict[str, Any]]:
    from stash_pipeline.instances import get_instance, list_instances

    registered = [instance.name for instance in list_instances(connection)]
    chosen = each_once([get_instance(connection, name).name for name in names]) or registered
    if not chosen:
        raise UserError("No instance is registered; add one with `stash-pipeline instances add home URL`.")
    outcomes = []
    for name in chosen:
        outcome = _run(dagster, layer, f"stash-pipeline rebuild {word} {name}", name)
        outcomes.append({"instance": name, **outcome, "rows": _rows(connection, layer, name)})
    return outcomes


def _run(dagster: Any, layer: "AnyLayer", command: str, instance: str | None = None) -> dict[str, Any]:
    from stash_pipeline.assets.tags import REASON_TAG, REQUESTED_BY_TAG
    from stash_pipeline.automation.jobs import rebuild_job_of, step_config
    from stash_pipeline.runtime.in_process import run_job

    tags = {REASON_TAG: command, REQUESTED_BY_TAG: "command line"}
    result = run_job(
        rebuild_job_of(layer),
        instance=dagster,
        partition_key=instance,
        run_config=step_config(rebuild=[layer.name]),
        tags=tags,
    )
    return {"success": result.success, "error": result.failure, "run_id": result.run_id}


def _rows(connection: "Connection", layer: "InstanceLayer", name: str) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(c.rows), 0)::bigint FROM ops.row_counts c JOIN ops.instances i ON i.id = c.instance_id\n"
        "WHERE i.name = %s AND c.table_name = ANY(%s)",
        [name, [table.name for table in layer.tables]],
    ).fetchone()
    assert row is not None
    return int(row[0])
