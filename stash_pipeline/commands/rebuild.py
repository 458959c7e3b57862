"""``stash-pipeline rebuild``: a layer made anew from the one above it, by the job ``rebuild``."""

from typing import Any

from stash_pipeline.commands.options import each_once
from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings

LAYERS = ("entities",)
"""What can be made anew: entities are made with their joins, from raw."""


def rebuild(layer: str, names: list[str], as_json: bool) -> int:
    """The command; returns the exit code.

    Raises:
        UserError: if there is no such layer or instance.
    """
    from stash_pipeline.assets.tags import ASKED_BY_TAG, WHY_TAG
    from stash_pipeline.automation.launch import dagster_instance, run_job
    from stash_pipeline.instances import get_instance, list_instances
    from stash_pipeline.partitions import keep_in_step
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    if layer not in LAYERS:
        raise UserError(f"There is no layer {layer!r} that can be rebuilt; there is {', '.join(LAYERS)}.")
    outcomes: list[dict[str, Any]] = []
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        registered = [instance.name for instance in list_instances(connection)]
        wanted = each_once([get_instance(connection, name).name for name in names]) or registered
        if not wanted:
            raise UserError("No instance is registered; add one with `stash-pipeline instances add home URL`.")
        with dagster_instance(settings.home) as dagster:
            keep_in_step(dagster, registered)
            for name in wanted:
                tags = {WHY_TAG: f"stash-pipeline rebuild {layer} {name}", ASKED_BY_TAG: "command line"}
                result = run_job("rebuild", instance=dagster, partition_key=name, tags=tags)
                outcomes.append(
                    {
                        "instance": name,
                        "success": result.success,
                        "error": result.failure,
                        "run_id": result.run_id,
                        "rows": _rows(connection, name),
                    }
                )
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            said = f"{outcome['rows']:,} rows" if outcome["success"] else str(outcome["error"])
            console.print(f"{outcome['instance']}: {said}", highlight=False, markup=False, soft_wrap=True)
    return 0 if all(outcome["success"] for outcome in outcomes) else 1


def _rows(connection: Any, name: str) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(c.rows), 0)::bigint FROM ops.row_counts c JOIN ops.instances i ON i.id = c.instance_id\n"
        "WHERE i.name = %s AND c.table_name LIKE 'stash.%%'",
        [name],
    ).fetchone()
    return int(row[0])
