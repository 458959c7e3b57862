"""Launching a job through the web server's API, as its launchpad does."""

import time

from stash_pipeline_tests.ui.conftest import Interface

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
RUN = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status jobName } } }"


def launch(interface: Interface, partition: str | None, *, job: str = "refresh", status: str = "SUCCESS") -> str:
    """Launches a job, waits for its end and sees that it is this one; the run's id."""
    params = {
        "selector": {
            "repositoryLocationName": "stash_pipeline",
            "repositoryName": "__repository__",
            "pipelineName": job,
        },
        "runConfigData": {},
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}] if partition else []},
    }
    started = interface.ask(LAUNCH, params=params)["launchRun"]
    assert started["__typename"] == "LaunchRunSuccess", started
    run_id = str(started["run"]["runId"])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        run = interface.ask(RUN, id=run_id)["runOrError"]
        if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
            assert run == {"status": status, "jobName": job}
            return run_id
        time.sleep(0.2)
    raise AssertionError(f"run {run_id} did not end")
