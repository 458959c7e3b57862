"""``stash-pipeline maintain``: runs the job ``maintain`` in this process, through the UI's Dagster instance."""

from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings


def maintain(as_json: bool) -> None:
    """The command.

    Raises:
        UserError: if the job fails.
    """
    from stash_pipeline.automation.jobs import REMOVED_TAG
    from stash_pipeline.runtime.in_process import dagster_instance, run_job
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings, dagster_instance(settings.home) as dagster:
        result = run_job("maintain", instance=dagster)
        run = dagster.get_run_by_id(result.run_id)
    if not result.success or run is None:
        raise UserError(f"The maintenance failed: {result.failure}")
    tags = {name: value for name, value in run.tags.items() if name.startswith(REMOVED_TAG)}
    removed = {name.removeprefix(REMOVED_TAG): int(value) for name, value in tags.items()}
    if as_json:
        print_json(removed)
        return
    counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in removed.items())
    console.print(
        f"Removed what is older than {settings.keep_runs_days} days ({settings.keep_history_days} for history): "
        f"{counts}.",
        highlight=False,
        soft_wrap=True,
    )
