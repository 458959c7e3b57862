"""Lets the shared layers follow at the end of a command, as a run that the UI shows."""

from stash_pipeline.settings import Settings


def let_layers_follow(settings: Settings, reason: str) -> str | None:
    """Runs the job that lets the shared layers follow; returns why one does not."""
    from stash_pipeline.assets.tags import REASON_TAG, REQUESTED_BY_TAG
    from stash_pipeline.automation.jobs import FOLLOW
    from stash_pipeline.layers import LAYERS
    from stash_pipeline.runtime.in_process import dagster_instance, run_job
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.layers.shared import states

    with dagster_instance(settings.home) as dagster:
        tags = {REASON_TAG: reason, REQUESTED_BY_TAG: "command line"}
        result = run_job(FOLLOW, instance=dagster, tags=tags)
    with connect(settings.database() or "") as connection:
        # a layer that fails does not fail the run
        behind = [state.error for state in states(connection, LAYERS) if state.error]
    return result.failure or (behind[0] if behind else None)
