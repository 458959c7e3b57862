"""``stash-pipeline boxes sync``: reads stash-boxes now, and lets the layers follow."""

from collections.abc import Mapping, Sequence
from typing import Any

from stash_pipeline.commands.ahead import import_ahead
from stash_pipeline.commands.following import let_layers_follow
from stash_pipeline.commands.options import each_once
from stash_pipeline.commands.output import console, print_json, stderr, table
from stash_pipeline.commands.sync import progress_bars
from stash_pipeline.errors import UserError
from stash_pipeline.runtime.dagster_home import DEFINITIONS_MODULE
from stash_pipeline.settings import Settings, get_settings

COLUMNS = ("due", "asked", "changed", "answered_with_data")


def sync_boxes(names: Sequence[str], as_json: bool, *, everything: bool = False) -> int:
    """The command; returns the exit code.

    Args:
        names: of registered boxes; empty means all that are enabled.
        everything: ask about everything again, however recent the answers are.
    """
    settings = get_settings()
    # while Postgres starts
    import_ahead("stash_pipeline.runtime.in_process", "stash_pipeline.runtime.dagster_storage", DEFINITIONS_MODULE)
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(settings) as settings:
        outcomes = run_boxes(settings, names, everything=everything, show=not as_json)
        error = let_layers_follow(settings, "stash-pipeline boxes sync")
    if as_json:
        print_json({"boxes": outcomes, "error": error})
    else:
        for outcome in outcomes:
            print_box(outcome)
        if error:
            stderr.print(
                f"The answers are stored, and the layers do not follow them yet: {error} The next run applies them.",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
    return 0 if error is None and all(outcome["success"] for outcome in outcomes) else 1


def run_boxes(
    settings: Settings, names: Sequence[str], *, everything: bool = False, show: bool = True
) -> list[dict[str, Any]]:
    """Runs the job for boxes, one after the other: each has a limiter of its own, and most of the time is waiting.

    Raises:
        UserError: if there is none.
    """
    from stash_pipeline.assets.stashbox import OP
    from stash_pipeline.assets.stashbox_missing import OP as MISSING_OP
    from stash_pipeline.assets.tags import REASON_TAG, REQUESTED_BY_TAG
    from stash_pipeline.automation.jobs import STASH_BOXES
    from stash_pipeline.partitions import BOXES, sync_partitions
    from stash_pipeline.runtime.in_process import dagster_instance, failed_checks, materializations, run_job
    from stash_pipeline.stashbox_registry import get_endpoint, list_endpoints
    from stash_pipeline.warehouse.connect import connect

    with connect(settings.database() or "") as connection:
        registered = list_endpoints(connection)
        chosen = each_once([get_endpoint(connection, name).name for name in names]) or [
            endpoint.name for endpoint in registered if endpoint.enabled
        ]
    if not chosen:
        raise UserError("No stash-box is enabled; add one with `stash-pipeline boxes add` or `boxes import INSTANCE`.")
    ages = {"unmatched_days": 0.0, "matched_days": 0.0, "document_days": 0.0} if everything else {}
    missing = {"missing_days": 0.0} if everything else {}
    outcomes = []
    with dagster_instance(settings.home) as dagster, progress_bars(show):
        sync_partitions(dagster, [endpoint.name for endpoint in registered], BOXES)
        for name in chosen:
            tags = {REASON_TAG: f"stash-pipeline boxes sync {name}", REQUESTED_BY_TAG: "command line"}
            result = run_job(
                STASH_BOXES,
                instance=dagster,
                partition_key=name,
                run_config={"ops": {OP: {"config": ages}, MISSING_OP: {"config": missing}}},
                tags=tags,
            )
            outcomes.append(
                {
                    "box": name,
                    "success": result.success,
                    "error": result.failure,
                    "run_id": result.run_id,
                    "tables": {
                        name: {column: metadata[column] for column in COLUMNS if column in metadata}
                        for name, metadata in materializations(dagster, result.run_id).items()
                    },
                    "warnings": failed_checks(dagster, result.run_id),
                }
            )
    return outcomes


def print_box(outcome: Mapping[str, Any]) -> None:
    """Prints what was asked of a box, and what the checks say."""
    rows = [[name, *(numbers.get(column) for column in COLUMNS)] for name, numbers in outcome["tables"].items()]
    if rows:
        table(outcome["box"], ["table", "due", "asked", "changed", "with data"], rows, numbers=4)
    elif outcome["success"]:
        console.print(f"{outcome['box']}: nothing was due.", highlight=False, markup=False, soft_wrap=True)
    for warning in outcome["warnings"]:
        stderr.print(f"{outcome['box']}: {warning}", highlight=False, markup=False, soft_wrap=True)
    if not outcome["success"]:
        stderr.print(
            f"{outcome['box']}: {outcome['error']}", style="red", highlight=False, markup=False, soft_wrap=True
        )
